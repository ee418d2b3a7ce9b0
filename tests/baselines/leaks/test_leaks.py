"""The leak guard: test objects are found by every way, and training rows never are."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.leaks.leaks import (
    COLUMNS,
    RADIUS_ARCSEC,
    find_leaks,
    look_for,
    match_radius,
    read_objects,
    refuse_leaks,
)
from transferz.cli import main
from transferz.releases import find_release
from transferz.schemas import InputError, ParameterError, ReleaseError

CONFIGS = ("transferz", "galaxiesml", "combo")
ARCSEC = np.pi / 180 / 3600


def rows_of(release, split):
    paths = [path for name in CONFIGS for path in release.require(name, [split])[split]]
    table = pa.concat_tables(pq.read_table(path, columns=list(COLUMNS)) for path in paths)
    return table.to_pandas()


@pytest.fixture(scope="module")
def release(tiny_release):
    return find_release(tiny_release)


@pytest.fixture(scope="module")
def held(release):
    return read_objects(release)


@pytest.fixture(scope="module")
def training(release):
    return rows_of(release, "train")


@pytest.fixture(scope="module")
def tests(release):
    return rows_of(release, "test")


def columns(table):
    return {name: table[name].to_numpy() for name in COLUMNS if name in table}


def vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def moved(ra, dec, angle, arcsec):
    """A position at a distance of another, in some direction, by vectors."""
    there = vectors(ra, dec)
    ra, dec = np.radians(ra), np.radians(dec)
    east = np.array([-np.sin(ra), np.cos(ra), 0])
    north = np.cross(there, east)
    along = np.cos(angle) * east + np.sin(angle) * north
    x, y, z = np.cos(arcsec * ARCSEC) * there + np.sin(arcsec * ARCSEC) * along
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation(first, second):
    """Arcsec between all of two lists of positions."""
    difference = vectors(*first)[:, None] - vectors(*second)[None]
    return 2 * np.arcsin(np.linalg.norm(difference, axis=-1) / 2) / ARCSEC


# --- a release's own rows


@pytest.mark.parametrize("split", ["train", "validation", "calibration"])
def test_what_is_to_be_learned_from_never_leaks(held, release, split):
    leaks = look_for(held, columns(rows_of(release, split)))
    assert not leaks and leaks.counts == {"id": 0, "group": 0, "position": 0}
    assert leaks.unchecked == () and leaks.objects.size == 0
    refuse_leaks({"training": rows_of(release, split)}, held, "it")  # raises nothing


def test_every_test_object_is_found_by_every_way(held, tests):
    leaks = look_for(held, columns(tests))
    assert leaks.rows.all() and set(leaks.counts.values()) == {len(tests)}
    np.testing.assert_array_equal(leaks.objects, np.unique(tests["object_id"]))


def test_real_stages_leave_no_leak_across_configs(small_release):
    release = find_release(small_release)
    held = read_objects(release)
    assert set(held.configs) == set(CONFIGS) and len(held) > 10
    for split in ("train", "validation", "calibration"):
        assert not look_for(held, columns(rows_of(release, split)))
    assert look_for(held, columns(rows_of(release, "test"))).rows.all()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(0, 209), min_size=1, max_size=8, unique=True),
    seed=st.integers(0, 2**32 - 1),
    ways=st.sets(st.sampled_from(["id", "group", "position"]), min_size=1),
)
def test_any_test_row_mixed_in_is_found_by_each_way_alone(held, training, tests, rows, seed, ways):
    """Whatever else of it is changed, and wherever in the table it stands."""
    rng = np.random.default_rng(seed)
    mixed = tests.iloc[rows].copy()
    if "id" not in ways:
        mixed["object_id"] = -1 - np.arange(len(rows))
    if "group" not in ways:
        mixed["group_id"] = -1 - np.arange(len(rows))
    if "position" not in ways:
        mixed["dec"] -= 40
    table = pd.concat([training, mixed]).assign(bad=lambda t: np.arange(len(t)) >= len(training))
    table = table.iloc[rng.permutation(len(table))]
    leaks = look_for(held, columns(table))
    for way, found in leaks.found.items():
        np.testing.assert_array_equal(found, table["bad"].to_numpy() & (way in ways))
    np.testing.assert_array_equal(leaks.rows, table["bad"])
    np.testing.assert_array_equal(leaks.objects, np.sort(tests["object_id"].iloc[rows]))


# --- positions


@settings(max_examples=150, deadline=None)
@given(
    ra=st.one_of(st.floats(0, 360), st.sampled_from([0.0, 1e-5, 359.9999, 360.0])),
    dec=st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, -89.9999, 0.0, 89.9999, 90.0])),
    angle=st.floats(0, 2 * np.pi),
    fraction=st.one_of(st.floats(0, 0.9999), st.floats(1.0001, 5.0)),
    radius=st.sampled_from([0.3, 1.0, 30.0]),
)
def test_a_position_is_an_object_within_the_radius_and_not_beyond(
    held, ra, dec, angle, fraction, radius
):
    """At the poles and across 0 and 360 degrees too."""
    one = dataclasses.replace(
        held,
        object_id=np.array([7]),
        group_id=np.array([7]),
        ra=np.array([ra]),
        dec=np.array([dec]),
        radius_arcsec=radius,
    )
    place = moved(ra, dec, angle, fraction * radius)
    far = ((ra + 180) % 360, -dec) if abs(dec) < 80 else (ra, 0.0)
    table = dict(zip(("ra", "dec"), np.transpose([far, place]), strict=True))
    leaks = look_for(one, table)
    assert leaks.found["position"].tolist() == [False, fraction < 1]
    assert leaks.objects.tolist() == ([7] if fraction < 1 else [])


def test_positions_agree_with_all_separations(held, tests):
    rng = np.random.default_rng(3)
    near = tests.sample(500, replace=True, random_state=1)
    ra = near["ra"].to_numpy() + rng.normal(0, 1, 500) / 3600
    dec = near["dec"].to_numpy() + rng.normal(0, 1, 500) / 3600
    apart = separation((ra, dec), (tests["ra"].to_numpy(), tests["dec"].to_numpy()))
    found = look_for(held, {"ra": ra, "dec": dec}).found["position"]
    assert 100 < found.sum() < 400
    np.testing.assert_array_equal(found, (apart <= held.radius_arcsec).any(axis=1))


def test_rows_without_position_or_id_are_said_to_be_unchecked(held, tests):
    table = tests.head(6)
    ra = table["ra"].to_numpy().copy()
    ra[:2] = np.nan
    ids = table["object_id"].astype("Int64")
    ids.iloc[1:4] = pd.NA
    leaks = look_for(held, {"object_id": ids, "ra": ra, "dec": table["dec"]})
    assert leaks.found["id"].tolist() == [True, False, False, False, True, True]
    assert leaks.found["position"].tolist() == [False, False, True, True, True, True]
    assert leaks.rows.tolist() == [True, False, True, True, True, True]
    assert leaks.unchecked == (
        "by id, 3 of 6 rows: they have no object_id",
        "by group: no group_id",
        "by position, 2 of 6 rows: they have none",
    )


def test_a_release_without_positions_is_looked_through_by_id(held, tests):
    nowhere = np.full(len(held.ra), np.nan)
    one = dataclasses.replace(held, ra=nowhere, dec=nowhere)
    leaks = look_for(one, columns(tests))
    assert list(leaks.found) == ["id", "group"] and leaks.rows.all()
    assert "by position, 210 of 210 test objects" in leaks.unchecked[0]
    with pytest.raises(InputError, match=r"can't be looked for: .*the release has none of them"):
        look_for(one, {"ra": tests["ra"], "dec": tests["dec"]})


# --- ids


def test_ids_are_compared_as_whole_numbers_to_the_last_digit(held, tests):
    large = 43158322433012345
    one = dataclasses.replace(held, object_id=np.full(len(tests), large))
    ids = np.array([large, large + 1, 2**63 + large], dtype=np.uint64)
    assert look_for(one, {"object_id": ids}).rows.tolist() == [True, False, False]
    with pytest.raises(InputError, match="object_id is float64, expected whole numbers"):
        look_for(one, {"object_id": ids.astype(float)})


# --- what is held back, and what is refused


def test_splits_and_configs_are_chosen(release, training, held):
    ids = training["object_id"]
    assert find_leaks(release, object_id=ids, splits=["train", "test"]).rows.all()
    first = find_leaks(release, object_id=ids, splits=["train"], configs=["transferz"])
    assert first.rows.sum() == 300 and first.held.configs == ("transferz",)
    assert len(held) == 210 and held.configs == CONFIGS and "truth" not in held.configs


def test_the_radius_is_the_manifests(release):
    assert match_radius({"parameters": {"match": {"radius_arcsec": 0.5}}}) == 0.5
    for odd in ({}, {"parameters": None}, {"parameters": {"match": {"radius_arcsec": "wide"}}}):
        assert match_radius(odd) == RADIUS_ARCSEC


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({}, InputError, "found none of them"),
        ({"ra": [1.0]}, InputError, "found ra"),
        ({"object_id": [1], "ra": [1.0, 2.0], "dec": [0.0, 0.0]}, InputError, "one length"),
        ({"ra": [-400.0], "dec": [0.0]}, InputError, "outside 0 <= ra <= 360"),
        ({"object_id": ["M31"]}, InputError, "expected whole numbers"),
        ({"object_id": [1], "splits": ["tests"]}, ReleaseError, "no split 'tests'"),
        ({"object_id": [1], "splits": []}, ParameterError, "expected a split"),
        ({"object_id": [1], "configs": ["truth"]}, ParameterError, "expected a split"),
        ({"object_id": [1], "configs": ["sdss"]}, ReleaseError, "no config 'sdss'"),
    ],
)
def test_bad_input_is_one_clear_error(release, given, error, said):
    with pytest.raises(error, match=said):
        find_leaks(release, **given)


def test_a_table_that_leaks_is_refused_with_counts_ids_and_remedy(held, training, tests):
    table = pd.concat([training, tests.head(7)])
    with pytest.raises(InputError) as error:
        refuse_leaks({"validation": training, "training": table}, held, "'mine.csv'")
    first = ", ".join(map(str, sorted(tests["object_id"].head(7))[:5]))
    assert str(error.value).startswith(
        "the training set of 'mine.csv' holds 7 of 210 test objects of transferz 1.0.0+mock "
        f"(a mock), in 7 of 907 rows (7 by id, 7 by group, 7 by position; object_id {first}, ...)"
    )
    assert "`transferz check-leak TABLE --write-clean FILE`" in str(error.value)


# --- the command


@pytest.fixture
def leaky(training, tests):
    """900 rows to learn from with 4 test objects among them: two under other ids."""
    bad = tests.head(4).assign(group_id=-1)
    bad.loc[bad.index[:2], "object_id"] = [-1, -2]
    table = pd.concat([training.head(450), bad, training.tail(450)], ignore_index=True)
    return table.drop(columns="group_id").assign(note="a, b", mag=np.arange(904) / 7)


def write(table, path):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".txt":
        table.drop(columns="note").to_csv(path, sep=" ", index=False)
    else:
        write_fits(table, path)
    return path


def write_fits(table, path):
    from astropy.io import fits

    formats = {"object_id": "K", "ra": "D", "dec": "D", "note": "8A", "mag": "D"}
    made = [
        fits.Column(name.upper(), kind, array=table[name].to_numpy(str if kind == "8A" else None))
        for name, kind in formats.items()
    ]
    shapes = np.arange(3 * len(table)).reshape(-1, 3)
    unit = fits.BinTableHDU.from_columns([*made, fits.Column("SHAPE", "3K", array=shapes)])
    unit.header["TUNIT2"] = "deg"
    unit.writeto(path)


def run(capsys, *arguments):
    status = main(["check-leak", *map(str, arguments)])
    return status, capsys.readouterr()


@pytest.mark.parametrize("ending", ["csv", "parquet", "txt"])
def test_the_command_finds_and_writes_the_rest(leaky, ending, tiny_release, tmp_path, capsys):
    table, clean = write(leaky, tmp_path / f"mine.{ending}"), tmp_path / "clean.csv"
    status, said = run(capsys, table, "--release", tiny_release, "--json", "--write-clean", clean)
    found = json.loads(said.out)
    assert status == 1 and not said.err
    assert found["rows_by_way"] == {"id": 2, "position": 4}
    assert (found["rows"], found["leaking_rows"], found["leaking_objects"]) == (904, 4, 4)
    assert found["unchecked"] == ["by group: no group_id"]
    assert found["clean"] == {"file": str(clean), "rows": 900}
    assert all(isinstance(number, str) for number in found["first_objects"])  # exact anywhere
    kept = pd.read_csv(clean)
    expected = leaky.drop(index=range(450, 454)).reset_index(drop=True)[kept.columns]
    pd.testing.assert_frame_equal(kept, expected, check_exact=True)
    assert run(capsys, clean, "--release", tiny_release)[0] == 0


def test_a_clean_fits_table_stays_as_it_was(leaky, tiny_release, tmp_path, capsys):
    from astropy.io import fits

    table, clean = write(leaky, tmp_path / "mine.fits"), tmp_path / "clean.fits"
    where = ("--release", tiny_release)
    status, said = run(capsys, table, *where, "--json", "--write-clean", clean)
    assert status == 1 and json.loads(said.out)["rows_by_way"] == {"id": 2, "position": 4}
    with fits.open(table) as before, fits.open(clean) as after:
        keep = np.delete(np.arange(904), range(450, 454))
        assert after[1].data.tobytes() == before[1].data[keep].tobytes()
        assert after[1].columns["RA"].unit == "deg" and after[1].header["NAXIS2"] == 900
    status, said = run(capsys, clean, *where)
    assert status == 0 and said.out.endswith("no leak found\n")


def test_the_report_says_what_was_checked(leaky, tests, tiny_release, tmp_path, capsys):
    table = write(leaky, tmp_path / "mine.csv")
    status, said = run(capsys, table, "--release", tiny_release)
    lines = said.out.splitlines()
    assert status == 1 and "904 rows" in lines[0]
    assert "looked for 210 test objects of transferz 1.0.0+mock (a mock)" in lines[1]
    assert lines[2].split() == ["id", "2", "rows", "(object_id)"]
    assert lines[3].split()[:3] == ["position", "4", "rows"] and 'within 1"' in lines[3]
    assert lines[4].strip() == "not checked by group: no group_id"
    assert lines[5].startswith("LEAK: 4 rows hold 4 of them") and "--write-clean" in lines[5]
    assert str(min(tests["object_id"].head(4))) in lines[5]


def test_columns_are_named_or_left_out(leaky, tiny_release, tmp_path, capsys):
    renamed = leaky.rename(columns={"object_id": "hsc", "ra": "alpha", "dec": "delta"})
    table = write(renamed, tmp_path / "mine.csv")
    where = ("--release", tiny_release, "--json")
    status, said = run(capsys, table, *where, "--id", "hsc")
    assert (status, json.loads(said.out)["rows_by_way"]) == (1, {"id": 2})
    status, said = run(capsys, table, *where, "--ra", "alpha", "--dec", "delta")
    assert (status, json.loads(said.out)["rows_by_way"]) == (1, {"position": 4})
    status, said = run(capsys, table, *where, "--group", "hsc")
    assert (status, json.loads(said.out)["rows_by_way"]) == (1, {"group": 2})
    table = write(leaky, tmp_path / "own.csv")
    status, said = run(capsys, table, *where, "--ra", "", "--dec", "", "--splits", "validation")
    assert (status, json.loads(said.out)["rows_by_way"]) == (0, {"id": 0})


def test_ids_with_gaps_keep_their_digits(training, tests, tiny_release, tmp_path, capsys):
    """A text table with empty cells is read as whole numbers, not as float64."""
    ids = [*map(str, training["object_id"]), "", str(tests["object_id"][0])]
    (tmp_path / "mine.csv").write_text("object_id,z\n" + "".join(f"{one},1\n" for one in ids))
    status, said = run(capsys, tmp_path / "mine.csv", "--release", tiny_release, "--json")
    assert status == 1
    assert json.loads(said.out)["rows_by_way"] == {"id": 1}
    assert "by id, 1 of 902 rows: they have no object_id" in json.loads(said.out)["unchecked"]


@pytest.mark.parametrize(
    ("table", "arguments", "said"),
    [
        ({"z": [1.0]}, (), "no column that tells which objects it holds"),
        ({"ra": [1.0]}, (), "no column 'dec' to go with 'ra'; name it with --dec"),
        ({"object_id": [1]}, ("--ra", "x"), "no column 'dec' to go with 'x'"),
        ({"object_id": [1]}, ("--id", "x"), "has no column 'x'; it has: object_id"),
        ({"object_id": [1.5]}, (), "column 'object_id' is double, expected whole numbers"),
        ({"object_id": ["NGC 224"]}, (), "column 'object_id' is string, expected whole"),
        ({"ra": ["0h42m"], "dec": ["+41d"]}, (), "column 'ra' holds something other than numbers"),
        ({"ra": [400.0], "dec": [0.0]}, (), "outside 0 <= ra <= 360"),
        ({"object_id": [1]}, ("--write-clean", "clean.xls"), "--write-clean clean.xls: expected"),
        ({"object_id": [1]}, ("--write-clean", "no/clean.csv"), "can't write --write-clean no"),
        ({"object_id": [1]}, ("--splits", "exam"), "no split 'exam'"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(
    table, arguments, said, tiny_release, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(table).to_csv("mine.csv", index=False)
    status, printed = run(capsys, "mine.csv", "--release", tiny_release, *arguments)
    assert status == 2 and printed.out == ""
    assert said in printed.err and printed.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv"]


def test_nothing_is_written_where_nothing_is_left(tests, tiny_release, tmp_path, capsys):
    table, clean = write(tests.assign(note="", mag=1.0), tmp_path / "a.csv"), tmp_path / "b.csv"
    status, said = run(capsys, table, "--release", tiny_release, "--write-clean", clean)
    assert status == 2 and "all its 210 rows hold test objects" in said.err
    assert not clean.exists()


# --- units, and checks that say nothing


@pytest.fixture
def places(tests):
    return tests[["ra", "dec"]].drop_duplicates(ignore_index=True)


def converted(places, turn, height):
    return pd.DataFrame({"ra": places["ra"] / turn, "dec": places["dec"] / height})


RADIAN = 180 / np.pi
UNITS = {"hourangle": (15.0, 1.0), "h": (15.0, 1.0), "rad": (RADIAN, RADIAN)}
UNITS |= {"deg": (1.0, 1.0), "arcsec": (1 / 3600, 1 / 3600)}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("ending", ["ecsv", "vot", "fits", "parquet"])
def test_positions_are_read_in_the_unit_that_the_file_says(
    places, unit, ending, tiny_release, tmp_path, capsys
):
    from astropy.table import Table

    if unit == "hourangle" and ending in ("vot", "fits"):
        pytest.skip("their standards know no hour angle")
    made = Table.from_pandas(converted(places, *UNITS[unit]))
    made["ra"].unit = unit
    made["dec"].unit = "deg" if UNITS[unit][1] == 1.0 else unit
    path = tmp_path / f"mine.{ending}"
    if ending == "parquet":
        units = {name: {"unit": str(made[name].unit)} for name in made.colnames}
        schema = pa.schema([pa.field(n, pa.float64(), metadata=m) for n, m in units.items()])
        arrays = [pa.array(np.asarray(made[name])) for name in made.colnames]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    else:
        made.write(path, format={"vot": "votable", "ecsv": "ascii.ecsv"}.get(ending, ending))
    status, said = run(capsys, path, "--release", tiny_release, "--json")
    assert (status, json.loads(said.out)["leaking_rows"]) == (1, len(places))


@pytest.mark.parametrize(
    ("word", "turn", "height"), [("hours", 15, 1), ("radians", RADIAN, RADIAN)]
)
def test_numbers_in_another_unit_are_refused(
    places, training, word, turn, height, tiny_release, tmp_path, capsys
):
    for rows in (places, training[["ra", "dec"]].drop_duplicates(ignore_index=True)):
        converted(rows, turn, height).to_csv(path := tmp_path / "mine.csv", index=False)
        status, said = run(capsys, path, "--release", tiny_release)
        assert status == 2 and f"the positions look like {word}" in said.err


def test_an_impossible_unit_is_refused(places, tiny_release, tmp_path, capsys):
    from astropy.table import Table

    for name, unit in (("ra", "Jy"), ("dec", "hourangle")):
        made = Table.from_pandas(places)
        made[name].unit = unit
        made.write(path := tmp_path / f"{name}.ecsv")
        status, said = run(capsys, path, "--release", tiny_release)
        assert status == 2 and f"{name} is in '{unit}', expected degrees" in said.err


def test_sentinels_are_left_out_and_counted(places, tiny_release, tmp_path, capsys):
    none = pd.DataFrame({"ra": [-99.0, 9999.0, 10.0], "dec": [-99.0, 9999.0, 99.0]})
    path = write(pd.concat([places, none]), tmp_path / "mine.csv")
    status, said = run(capsys, path, "--release", tiny_release, "--json")
    found = json.loads(said.out)
    assert (status, found["leaking_rows"]) == (1, len(places))
    assert f"by position, 3 of {len(places) + 3} rows: they have none" in found["unchecked"]


def test_right_ascensions_may_be_negative(places, tiny_release, tmp_path, capsys):
    path = write(places.assign(ra=places["ra"] - 360), tmp_path / "mine.csv")
    status, said = run(capsys, path, "--release", tiny_release, "--json")
    assert (status, json.loads(said.out)["leaking_rows"]) == (1, len(places))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"ra": [200.0, 201.0], "dec": [-60.0, -61.0]}, "by position: none lies within a degree"),
        ({"object_id": [1, 2]}, "by id: no object_id is one of the release's"),
    ],
)
def test_a_check_that_says_nothing_is_no_clean_bill(table, why, tiny_release, tmp_path, capsys):
    path, clean = write(pd.DataFrame(table), tmp_path / "mine.csv"), tmp_path / "clean.csv"
    where = (path, "--release", tiny_release, "--write-clean", clean)
    status, said = run(capsys, *where)
    assert status == 3 and f"THE CHECK SAYS NOTHING: {why}" in said.out
    assert "no leak found" not in said.out and not clean.exists()
    assert why in json.loads(run(capsys, *where, "--json")[1].out)["says_nothing"][0]


def test_ids_of_the_release_say_something_wherever_the_positions_are(
    training, tiny_release, tmp_path, capsys
):
    far = training[["object_id", "ra", "dec"]].assign(ra=200.0, dec=-60.0)
    status, said = run(capsys, write(far, tmp_path / "a.csv"), "--release", tiny_release)
    assert status == 0 and said.out.endswith("no leak found\n")


def test_rounded_positions_say_nothing(training, tiny_release, tmp_path, capsys):
    rounded = training[["ra", "dec"]].iloc[:5].round(2) + 0.01
    status, said = run(capsys, write(rounded, tmp_path / "a.csv"), "--release", tiny_release)
    assert status == 3 and 'rounded to 36"' in said.out


def test_two_columns_that_differ_in_case_are_an_error(places, tiny_release, tmp_path, capsys):
    path = write(places.assign(RA=places["ra"] + 1), tmp_path / "a.csv")
    status, said = run(capsys, path, "--release", tiny_release)
    assert status == 2 and "There are ra, RA; name one with --ra" in said.err
