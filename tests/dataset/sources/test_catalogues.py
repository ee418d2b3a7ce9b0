"""The four catalogues as they are published: file names, formats, spellings, splits."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable

from transferz.dataset.sources.catalogues import (
    is_mock,
    read_catalogue,
)
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, InputError
from transferz.schemas.survey.frames import arrow_schema
from transferz.schemas.survey.survey import find_survey

ROWS = 6
VALUES = {"bool": [True, False] * 3, "int16": [3] * ROWS, "string": ["a"] * ROWS}


def upstream(table, newest=True):
    """Columns as the file has them, under each column's newest name or its oldest."""
    columns = {}
    for column in table:
        if column.upstream:
            low = column.minimum if column.minimum is not None else 20.0
            high = column.maximum if column.maximum is not None else low + 4.0
            numbers = np.linspace(low, high, ROWS)
            values = VALUES.get(column.dtype, np.arange(ROWS) if column.unique else numbers)
            if column.dtype == "int64":
                values = np.arange(ROWS) + 43158322433012345
            columns[column.upstream[0 if newest else -1]] = np.array(values)
    return columns


def save(path, columns):
    if ".fits" in path.name:
        AstropyTable(columns).write(path, format="fits")
    elif ".csv" in path.name:
        AstropyTable(columns).to_pandas().to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[name] = values.astype("S") if values.dtype.kind == "U" else values
            file["image"] = np.zeros((ROWS, 5, 2, 2))


def of(survey, catalogue):
    """The reader of a survey's catalogue, as the stage `ingest` calls it."""
    configured = find_survey(survey)

    def read(raw):
        entry = configured.catalogues[catalogue]
        return read_catalogue(raw, entry, configured.tables[catalogue])

    return read


read_cosmos2020, read_hsc = of("cosmos2020", "cosmos2020"), of("cosmos2020", "hsc")
read_galaxiesml, read_transferz = of("cosmos2020", "galaxiesml"), of("authors", "transferz")


def rows_of(read, raw):
    return pa.concat_tables(read(raw))


def is_cosmos_mock(raw):
    return is_mock(raw, find_survey("cosmos2020").catalogues["cosmos2020"], COSMOS2020)


COSMOS_NAMES = [
    ("CLASSIC_R1_v2.0", ".fits"),
    ("CLASSIC_R1_v2.1_p3", ".fits.gz"),
    ("CLASSIC_R1_v2.2_p3", ".fits"),
    ("FARMER_R1_v2.0", ".fits.gz"),
    ("FARMER_R1_v2.1_p3", ".csv"),
    ("FARMER_R1_v2.2_p3", ".csv.gz"),
    ("CLASSIC_R1_v2.2_p3", ".parquet"),
]


@pytest.mark.parametrize(("name", "ending"), COSMOS_NAMES)
def test_cosmos2020_of_every_version(tmp_path, name, ending):
    columns = upstream(COSMOS2020, newest="CLASSIC" in name)
    assert ("HSC_i_MAG_AUTO" in columns) is ("CLASSIC" in name)
    save(tmp_path / f"COSMOS2020_{name}{ending}", columns)
    rows = rows_of(read_cosmos2020, tmp_path)
    assert rows.schema.equals(arrow_schema(COSMOS2020))
    assert rows.num_rows == ROWS
    expected = next(columns[n] for n in COSMOS2020["i_mag_auto"].upstream if n in columns)
    np.testing.assert_allclose(rows["i_mag_auto"], expected, rtol=1e-6)
    assert not is_cosmos_mock(tmp_path)


@pytest.mark.parametrize("flux", ["HSC_i_FLUX_AUTO", "HSC_i_FLUX"])
@pytest.mark.parametrize("ending", [".fits", ".csv", ".parquet"])
def test_cosmos2020_with_fluxes_alone(tmp_path, flux, ending):
    columns = upstream(COSMOS2020)
    del columns["HSC_i_MAG_AUTO"]
    columns[flux] = np.array([1.0, 100.0, -2.0, 0.0, np.nan, -99.0], "f4")
    save(tmp_path / f"COSMOS2020_FARMER_R1_v2.2_p3{ending}", columns)
    magnitudes = rows_of(read_cosmos2020, tmp_path)["i_mag_auto"].to_pylist()
    assert magnitudes == pytest.approx([23.9, 18.9, None, None, None, None], abs=1e-4)


@pytest.mark.parametrize("ending", [".fits", ".csv", ".parquet"])
@pytest.mark.parametrize("absent", [np.nan, 99.0, -99.0])
def test_x_ray_sources_have_no_redshift_in_either_convention(tmp_path, absent, ending):
    columns = upstream(COSMOS2020)
    columns["lp_type"] = np.array([0, 0, 0, 2, 2, -9])
    columns["lp_zBEST"] = np.array([0.5, 1.0, 1.5, absent, absent, absent], "f4")
    save(tmp_path / f"COSMOS2020_CLASSIC_R1_v2.2_p3{ending}", columns)
    rows = rows_of(read_cosmos2020, tmp_path)
    assert rows["lp_zBEST"].to_pylist() == [0.5, 1.0, 1.5, None, None, None]
    assert rows["lp_type"].to_pylist() == [0, 0, 0, 2, 2, -9]


@pytest.mark.parametrize("name", ["my_export.csv", "asu.fits", "result.parquet", "t.fits.gz"])
def test_a_cosmos2020_export_of_any_name(tmp_path, name):
    columns = upstream(COSMOS2020)
    (tmp_path / "notes.md").touch()
    save(tmp_path / name, columns)
    assert rows_of(read_cosmos2020, tmp_path)["cosmos_id"].to_pylist() == columns["ID"].tolist()
    save(tmp_path / "COSMOS2020_CLASSIC_R1_v2.2_p3.fits", columns | {"ID": columns["ID"] + 1})
    assert rows_of(read_cosmos2020, tmp_path)["cosmos_id"][0].as_py() == columns["ID"][0] + 1


def test_several_cosmos2020_exports_are_too_many(tmp_path):
    for name in ("a.csv", "b.fits"):
        save(tmp_path / name, upstream(COSMOS2020))
    with pytest.raises(InputError, match=r"expected one file, found a\.csv, b\.fits; keep one"):
        read_cosmos2020(tmp_path)


def test_a_mock_of_any_name_is_told(tmp_path):
    table = AstropyTable(upstream(COSMOS2020))
    table.meta["MOCK"] = True
    table.write(tmp_path / "my_export.fits", format="fits")
    assert is_cosmos_mock(tmp_path)
    del table.meta["MOCK"]
    table.meta["OBSERVER"] = "J. HAMMOCK"
    table.write(tmp_path / "my_export.fits", format="fits", overwrite=True)
    assert not is_cosmos_mock(tmp_path)


@pytest.mark.parametrize("ending", [".fits", ".csv", ".parquet"])
def test_lephares_sentinels_are_nulls_whatever_they_are(tmp_path, ending):
    columns = upstream(COSMOS2020)
    sentinels = np.array([0.0, 2.5, -99.9, -9.99, -1.0, np.nan], "f4")
    changed = dict.fromkeys(("lp_chi2_best", "lp_zBEST", "lp_mass_best"), sentinels)
    save(tmp_path / f"COSMOS2020_CLASSIC_R1_v2.2_p3{ending}", columns | changed)
    rows = rows_of(read_cosmos2020, tmp_path)
    for name in ("lp_chi2_best", "lp_zBEST"):
        assert rows[name].to_pylist() == [0.0, 2.5, None, None, None, None]
    assert rows["lp_mass_best"].to_pylist()[3:] == [pytest.approx(-9.99), -1.0, None]


def test_one_cosmos2020_is_enough(tmp_path):
    for name in ("CLASSIC", "FARMER"):
        (tmp_path / f"COSMOS2020_{name}_R1_v2.2_p3.fits").touch()
    with pytest.raises(InputError, match=r"one file, found COSMOS2020_CLASSIC.*FARMER.*; keep one"):
        read_cosmos2020(tmp_path)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet"])
@pytest.mark.parametrize("release", ["PDR2", "PDR3"])
def test_hsc_of_both_releases(tmp_path, release, ending):
    columns = upstream(HSC, newest=release == "PDR2") | {"object_id": np.arange(ROWS) + 2**55 + 1}
    assert ("i_cmodel_magerr" in columns) is (release == "PDR3")
    save(tmp_path / f"12345{ending}", {name: columns[name] for name in columns if name != "hsc_id"})
    rows = rows_of(read_hsc, tmp_path)
    assert rows.schema.equals(arrow_schema(HSC))
    assert rows["object_id"].to_pylist() == [2**55 + 1 + k for k in range(ROWS)]
    assert rows["i_pixelflags_bad"].to_pylist() == [True, False] * 3
    np.testing.assert_allclose(rows["i_cmodel_magsigma"], np.linspace(20, 24, ROWS), rtol=1e-6)


def test_hsc_as_the_archive_writes_csv(tmp_path):
    columns = upstream(HSC)
    flags = {n: np.where(v, "t", "f") for n, v in columns.items() if v.dtype == bool}
    save(tmp_path / "a.csv", columns | flags)
    content = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text("# " + content)
    assert rows_of(read_hsc, tmp_path)["isprimary"].to_pylist() == [True, False] * 3


PUBLISHED = {"training": "train", "validation": "validation", "testing": "test"}


@pytest.mark.parametrize(
    "name",
    ["5x127x127_{}.csv", "5x64x64_{}_with_morphology.hdf5", "5x127x127_{}_with_morphology.csv.gz"],
)
def test_galaxiesml_notes_the_published_split(tmp_path, name):
    columns = upstream(GALAXIESML)
    morphology = {"g_ellipticity": np.zeros(ROWS)} if "morphology" in name else {}
    for number, split in enumerate(PUBLISHED):
        ids = {"object_id": np.arange(ROWS) + 10 * number}
        save(tmp_path / name.format(split), columns | morphology | ids)
    rows = rows_of(read_galaxiesml, tmp_path)
    assert rows.schema.equals(arrow_schema(GALAXIESML))
    assert rows["object_id"].to_pylist() == [10 * n + k for n in range(3) for k in range(ROWS)]
    assert rows["published_split"].to_pylist() == np.repeat([*PUBLISHED.values()], ROWS).tolist()


def test_galaxiesml_as_three_smaller_tables(tmp_path):
    for split in ("train", "validation", "test"):
        save(tmp_path / f"hsc_{split}.csv", upstream(GALAXIESML))
    splits = rows_of(read_galaxiesml, tmp_path)["published_split"].to_pylist()
    assert splits == np.repeat(["train", "validation", "test"], ROWS).tolist()


def test_galaxiesml_as_one_table_has_no_splits(tmp_path):
    save(tmp_path / "HSC_v6.csv", upstream(GALAXIESML))
    assert rows_of(read_galaxiesml, tmp_path)["published_split"].null_count == ROWS


def test_galaxiesml_prefers_tables_to_image_files(tmp_path):
    for split in PUBLISHED:
        save(tmp_path / f"5x64x64_{split}.csv", upstream(GALAXIESML))
        (tmp_path / f"5x64x64_{split}_with_morphology.hdf5").touch()
    assert len(rows_of(read_galaxiesml, tmp_path)) == 3 * ROWS


def test_galaxiesml_that_is_not_whole_or_not_one(tmp_path):
    with pytest.raises(InputError, match=r"_training\*\.csv .*is missing; run the stage before"):
        read_galaxiesml(tmp_path)
    for name in ("5x64x64_training.csv", "5x64x64_testing.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"_validation\*\.csv .*is missing"):
        read_galaxiesml(tmp_path)
    (tmp_path / "5x64x64_validation.csv").touch()
    (tmp_path / "5x127x127_validation.csv").touch()
    with pytest.raises(InputError, match=r"expected one file, found 5x127.*5x64.*; keep one"):
        read_galaxiesml(tmp_path)
    (tmp_path / "HSC_v6.csv").touch()
    with pytest.raises(
        InputError, match=r"one edition of the catalogue, found .*, HSC_v6\.csv; keep"
    ):
        read_galaxiesml(tmp_path)


def test_the_authors_transferz(tmp_path):
    columns = upstream(TRANSFERZ, newest=False)
    columns["z"] = columns.pop("redshift") if "redshift" in columns else columns["z"]
    published = ("TRAINING", "VALIDATION", "CONFORMAL", "TESTING")
    for number, split in enumerate(published):
        ids = {"hsc_id": np.arange(ROWS) + 10 * number}
        magnitudes = {n: v for n, v in columns.items() if not n.endswith("magerr")}
        errors = {n.replace("magerr", "magsigma"): v for n, v in columns.items() if "magerr" in n}
        save(tmp_path / f"transferz_{split}.csv", magnitudes | errors | ids)
    rows = rows_of(read_transferz, tmp_path)
    assert rows.schema.equals(arrow_schema(TRANSFERZ))
    ours = ["train", "validation", "calibration", "test"]
    assert rows["published_split"].to_pylist() == np.repeat(ours, ROWS).tolist()
    np.testing.assert_allclose(rows["redshift"][:ROWS], columns["z"], rtol=1e-6)
    (tmp_path / "transferz_CONFORMAL.csv").unlink()
    with pytest.raises(InputError, match=r"transferz_CONFORMAL\.csv .*is missing"):
        read_transferz(tmp_path)


@pytest.mark.parametrize("read", [read_cosmos2020, read_hsc])
def test_a_missing_file_is_explained(tmp_path, read):
    with pytest.raises(
        InputError, match=rf"{tmp_path.name}.*is missing; run the stage before this"
    ):
        read(tmp_path)
