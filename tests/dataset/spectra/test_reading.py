"""From each catalogue's own flags, numbers and units to one scale; what is left out is counted."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from transferz.dataset.spectra.catalogues import Catalogue, load_catalogues
from transferz.dataset.spectra.reading import NO_POSITION, NO_REDSHIFT, SENTINEL, read_catalogue
from transferz.schemas import InputError

CATALOGUES = load_catalogues()

ROWS = {
    "vvds": {"NUM": 100375769, "ALPHA": 36.5, "DELTA": -4.5, "Z": 0.7, "ZFLAGS": 4},
    "vuds": {"vuds_ident": 5101239530, "alpha": 150.1, "delta": 2.3, "z_spec": 2.5, "zflags": 3},
    "vandels": {"id": "UDS500008   ", "alpha": 34.3, "delta": -5.1, "zspec": 3.1, "zflg": 4.0},
    "primus": {
        **{"OBJNAME": "0083-00461", "RA": 53.6, "DEC": -28.9, "Z": np.float32(0.75)},
        **{"ZQUALITY": 4, "CLASS": "GALAXY"},
    },
    "ozdes": {
        **{"OzDES_ID": "DES13C2acz", "Alpha_J2000": 40.7, "Delta_J2000": -1.8},
        **{"z": 0.58, "qop": 4, "Comment": None},
    },
    "desi_dr1": {
        **{"TARGETID": 39627966220603924, "TARGET_RA": 40.2, "TARGET_DEC": 7.5},
        **{"Z": 0.71, "ZERR": 1e-4, "ZWARN": 0, "DELTACHI2": 97.0},
        **{"SPECTYPE": "GALAXY", "OBJTYPE": "TGT", "ZCAT_PRIMARY": True},
    },
    "jades": {
        **{"unique_id": "10000861_goods-s", "RA_TARG": 53.1, "Dec_TARG": -27.8},
        **{"z_Spec": 4.887, "z_Spec_flag": "A"},
    },
    "3dhst": {
        **{"field": "goodss", "phot_id": 16579, "ra": 53.2, "dec": -27.8, "z_best": 0.9},
        **{"z_best_l68": 0.89, "z_best_u68": 0.93, "z_best_s": 2, "use_zgrism": 1},
        **{"flag1": 0, "flag2": 0},
    },
    "astrodeep_gs43": {
        **{"ID": 18977, "RA": 53.2, "DEC": -27.7, "z_best": 0.94, "zspec_survey": "K20"}
    },
}
"""A row of each catalogue whose redshift counts as secure, in the layout of its real table."""


@pytest.fixture
def read(tmp_path):
    """Read rows of a catalogue from parquet: its secure row with changes, one row for each."""

    def write_and_read(name, *changes, catalogues=CATALOGUES):
        path = tmp_path / f"{name}.parquet"
        rows = [ROWS[name] | change for change in changes or [{}]]
        pd.DataFrame(rows).to_parquet(path, index=False)
        return read_catalogue(path, catalogues)

    return write_and_read


def changed(name, **changes):
    """The catalogues, one of them changed."""
    whole = CATALOGUES[name].model_dump(by_alias=True)
    return CATALOGUES | {name: Catalogue.model_validate(whole | changes)}


@pytest.mark.parametrize("name", ROWS)
def test_a_secure_row_of_each_catalogue(name, read):
    frame, counts = read(name)
    assert counts.rows == counts.kept == counts.secure == 1
    assert not any(counts.left_out.values())
    row = frame.iloc[0]
    assert row["source"] == name and row["quality"] >= 3 and row["secure"]
    assert row["specz_name"] == f"{name}-{row['source_id']}"
    assert 0.5 < row["redshift"] < 5.0


def test_ids_are_exact_text(read):
    assert read("desi_dr1")[0]["source_id"][0] == "39627966220603924"
    assert read("vandels")[0]["source_id"][0] == "UDS500008"
    assert read("3dhst")[0]["source_id"][0] == "goodss-16579"


VIMOS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 9: 2}
QUALITY = {
    "vvds": (
        "ZFLAGS",
        VIMOS
        | {20 + unit: q for unit, q in VIMOS.items()}
        | {-20 - unit: q for unit, q in VIMOS.items()}
        | {tens + unit: q for tens in (10, 210) for unit, q in VIMOS.items() if unit}
        | {-10: 0, -11: 1, -99: 0},
    ),
    "vuds": (
        "zflags",
        {tens + unit: q for tens in (0, 10, 20, 30, 40) for unit, q in VIMOS.items() if unit},
    ),
    "vandels": ("zflg", {-10.0: 0} | {float(unit): q for unit, q in VIMOS.items()}),
    "primus": ("ZQUALITY", {-1: 0, 2: 1, 3: 2, 4: 3}),
    "ozdes": ("qop", {1: 0, 2: 1, 3: 3, 4: 4, 6: 4}),
    "desi_dr1": ("ZWARN", {0: 4, 4: 1, 2053: 1}),
    "jades": ("z_Spec_flag", {"A": 4, "B": 3, "C": 2, "D": 1, "E": 0}),
    "3dhst": ("z_best_s", {1: 3, 2: 3}),
    "astrodeep_gs43": ("zspec_survey", {"K20": 3, "3D_HST": 2}),
}


@pytest.mark.parametrize("name", QUALITY)
def test_every_flag_has_its_quality(name, read):
    column, expected = QUALITY[name]
    id_column = CATALOGUES[name].columns.id[-1]
    changes = [{column: flag, id_column: str(number)} for number, flag in enumerate(expected)]
    frame, counts = read(name, *changes)
    numbers = frame["source_id"].str.split("-").str[-1].astype(int)
    found = dict(zip(numbers, frame["quality"], strict=True))
    assert found == {number: q for number, q in enumerate(expected.values()) if q}
    assert counts.left_out[NO_REDSHIFT] == [*expected.values()].count(0)
    assert counts.qualities == {q: [*expected.values()].count(q) for q in (1, 2, 3, 4)}


def test_desi_without_a_clear_best_fit_is_likely_only(read):
    frame, _ = read("desi_dr1", {"DELTACHI2": 24.9}, {"DELTACHI2": 25.0})
    assert frame["quality"].tolist() == [2, 4]


def test_a_grism_redshift_counts_where_all_its_flags_are_good(read):
    bad = ({"use_zgrism": 0}, {"flag1": 1}, {"flag2": -1}, {})
    frame, _ = read("3dhst", *bad)
    assert frame["quality"].tolist() == [1, 1, 1, 3]
    assert frame["technique"].tolist() == ["grism"] * 4
    assert read("3dhst", {"z_best_s": 1})[0]["technique"].tolist() == ["spectrum"]


@pytest.mark.parametrize(
    ("name", "change", "kind", "secure"),
    [
        ("ozdes", {"qop": 6, "z": 0.0002}, "star", False),
        ("ozdes", {"Comment": "AGN"}, "agn", True),
        ("ozdes", {"Comment": "Possible AGN"}, None, True),
        ("desi_dr1", {"SPECTYPE": "STAR", "Z": -0.0004}, "star", False),
        ("desi_dr1", {"SPECTYPE": "QSO"}, "agn", True),
        ("primus", {"CLASS": "AGN   "}, "agn", True),
        ("vuds", {"z_spec": 0.0}, "star", False),
        ("vuds", {"zflags": 13}, "agn", True),
        ("vvds", {"ZFLAGS": 214}, "agn", True),
        ("vvds", {"ZFLAGS": -213}, "agn", True),
        ("vvds", {"ZFLAGS": 24}, None, True),
    ],
)
def test_stars_and_agn_are_told_where_the_catalogue_tells_them(name, change, kind, secure, read):
    frame, counts = read(name, change)
    assert frame["object_class"][0] == kind or (kind is None and frame["object_class"].isna()[0])
    assert frame["secure"].tolist() == [secure]
    assert counts.classes == ({kind: 1} if kind else {}) and counts.secure == secure


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("desi_dr1", {"OBJTYPE": "SKY"}, "no target (sky or stuck fibre)"),
        ("desi_dr1", {"OBJTYPE": ""}, "no target (sky or stuck fibre)"),
        ("desi_dr1", {"ZCAT_PRIMARY": False}, "not the best spectrum"),
        ("3dhst", {"z_best_s": 3}, "photometric"),
        ("3dhst", {"z_best_s": 0, "z_best": -1.0}, "star"),
        ("astrodeep_gs43", {"zspec_survey": "-"}, "photometric"),
        ("vvds", {"Z": 9.9999}, SENTINEL),
        ("vandels", {"zspec": np.float32(9.9999)}, SENTINEL),
        ("ozdes", {"z": -9.999}, SENTINEL),
        ("jades", {"z_Spec": -1.0}, SENTINEL),
        ("jades", {"z_Spec": np.nan}, SENTINEL),
        ("vvds", {"ZFLAGS": 20, "Z": 9.9999}, NO_REDSHIFT),
        ("vvds", {"ALPHA": np.nan}, NO_POSITION),
    ],
)
def test_rows_without_a_redshift_of_an_object_are_left_out_and_counted(name, change, reason, read):
    frame, counts = read(name, change, {})
    assert len(frame) == 1 and counts.rows == 2
    assert {why: n for why, n in counts.left_out.items() if n} == {reason: 1}


def test_a_redshift_near_a_sentinel_is_one(read):
    assert len(read("jades", {"z_Spec": 9.9999}, {"z_Spec": 9.99})[0]) == 2
    assert len(read("vvds", {"Z": 9.9998})[0]) == 1


def test_errors_are_those_given_half_the_interval_or_none(read):
    assert read("desi_dr1")[0]["redshift_err"][0] == 1e-4
    assert read("3dhst")[0]["redshift_err"][0] == pytest.approx(0.02)
    ground = {"z_best_s": 1, "z_best_l68": -1.0, "z_best_u68": -1.0}
    assert read("3dhst", ground)[0]["redshift_err"].isna().all()
    assert read("desi_dr1", {"ZERR": 0.0})[0]["redshift_err"].isna().all()
    assert read("vvds")[0]["redshift_err"].isna().all()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("vvds", {"ZFLAGS": 7}, "column 'ZFLAGS' holds 7 in 1 rows, expected one of 0, 1, 2"),
        ("vandels", {"zflg": 3.5}, "column 'zflg' holds 3.5 in 1 rows"),
        ("jades", {"z_Spec_flag": "F"}, "column 'z_Spec_flag' holds F in 1 rows, .* A, B, C"),
        ("jades", {"z_Spec_flag": None}, "column 'z_Spec_flag' holds none in 1 rows"),
        ("primus", {"CLASS": "QSO"}, "object_class: column 'CLASS' holds QSO .*GALAXY, AGN, STAR"),
        ("3dhst", {"z_best_s": 4}, "no rule fits 1 rows, the first with z_best_s 4"),
        ("vvds", {"Z": 209855.0}, "'Z': expected -0.02 to 20, found 209855; .*sentinels"),
        ("ozdes", {"z": -9.99}, "'z': expected -0.02 to 20, found -9.99"),
        ("vvds", {"ALPHA": 361.0}, "'ALPHA': expected 0 to 360, found 361"),
        ("vvds", {"DELTA": -16200.0}, "'DELTA': expected -90 to 90, found -16200"),
        ("ozdes", {"OzDES_ID": None}, "'OzDES_ID' identifies the rows, and 1 have none"),
        ("vvds", {"NUM": 100375769.5}, "'NUM' is double, expected whole numbers or text"),
    ],
)
def test_what_no_rule_knows_is_refused_by_name(name, change, said, read):
    with pytest.raises(InputError, match=said) as error:
        read(name, change, {})
    assert f"{name}.parquet" in str(error.value)


def test_an_unknown_flag_of_a_row_that_is_left_out_does_not_matter(read):
    assert read("desi_dr1", {"OBJTYPE": "SKY", "SPECTYPE": "none"}, {})[1].kept == 1


def test_a_flag_is_added_as_the_error_says(read):
    entry = CATALOGUES["vvds"].model_dump(by_alias=True)["quality"]
    entry[0]["values"][7.0] = 2
    assert read("vvds", {"ZFLAGS": 7}, catalogues=changed("vvds", quality=entry))[1].kept == 1


@pytest.mark.parametrize("unit", ["rad", "hourangle"])
def test_a_unit_in_the_configuration_is_converted(unit, read):
    factor = {"rad": np.pi / 180.0, "hourangle": 1 / 15.0}[unit]
    columns = CATALOGUES["vvds"].columns.model_dump() | {"ra": {"column": "ALPHA", "unit": unit}}
    columns["redshift"] |= {"unit": "km/s"}
    given = {"ALPHA": 36.5 * factor, "Z": 0.7 * 299_792.458}
    frame, _ = read("vvds", given, catalogues=changed("vvds", columns=columns))
    assert frame["ra"][0] == pytest.approx(36.5) and frame["redshift"][0] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("column", "unit", "fits"),
    [
        *(("ALPHA", "deg", True), ("ALPHA", "Degrees", True), ("ALPHA", "rad", False)),
        *(("DELTA", "hourangle", False), ("Z", "km / s", False), ("Z", "", True)),
    ],
)
def test_a_file_that_states_another_unit_is_refused(column, unit, fits, tmp_path):
    path = tmp_path / "vvds.parquet"
    table = pa.Table.from_pylist([ROWS["vvds"]])
    fields = [
        field.with_metadata({"unit": unit}) if field.name == column else field
        for field in table.schema
    ]
    pq.write_table(table.cast(pa.schema(fields)), path)
    if fits:
        assert read_catalogue(path, CATALOGUES)[1].kept == 1
        return
    with pytest.raises(InputError, match=f"column '{column}' is in '{unit}', expected '"):
        read_catalogue(path, CATALOGUES)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("ending", ["csv", "fits"])
def test_every_format_gives_the_same(name, ending, read, tmp_path):
    expected, _ = read(name)
    row = pd.DataFrame([ROWS[name] | ({"Comment": "none"} if name == "ozdes" else {})])
    path = tmp_path / f"same.{ending}"
    if ending == "csv":
        row.to_csv(path, index=False)
    else:
        Table.from_pandas(row).write(path)
    found, _ = read_catalogue(path, CATALOGUES)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-7)


def test_names_in_another_case_are_found(tmp_path):
    path = tmp_path / "vvds.csv"
    pd.DataFrame([{name.lower(): value for name, value in ROWS["vvds"].items()}]).to_csv(path)
    assert read_catalogue(path, CATALOGUES)[1].kept == 1


def test_a_table_without_rows(tmp_path):
    path = tmp_path / "vvds.parquet"
    pd.DataFrame([ROWS["vvds"]])[:0].to_parquet(path)
    frame, counts = read_catalogue(path, CATALOGUES)
    assert len(frame) == counts.rows == counts.kept == 0
