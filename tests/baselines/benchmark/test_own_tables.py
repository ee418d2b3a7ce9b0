"""A benchmark on a table of one's own: its splits, its errors, a further test table."""

import re

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.own_tables import (
    OwnTable,
    from_own_tables,
    split_sample,
    table_remarks,
)
from transferz.baselines.benchmark.tables import magnitudes
from transferz.baselines.benchmark.task import from_release
from transferz.baselines.leaks.photometry import refuse_shared
from transferz.releases import find_release
from transferz.schemas import InputError, ParameterError

BANDS, ERRORS = ("g", "r", "i"), ("gerr", "rerr", "ierr")


def write(path, count, seed, **columns):
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 1.5, count)
    frame = pd.DataFrame({"number": rng.permutation(10 * count)[:count] + 1, "z": redshift})
    for place, (band, error) in enumerate(zip(BANDS, ERRORS, strict=True)):
        frame[band] = 22.0 + redshift * (1.0 - 0.4 * place) + rng.normal(0.0, 0.1, count)
        frame[error] = rng.uniform(0.01, 0.1, count)
    frame.assign(**columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("own") / "mine.csv", 600, 0)


@pytest.mark.parametrize("identifier", [None, "number"])
@pytest.mark.parametrize("errors", [(), ERRORS])
def test_errors_have_no_say_in_the_splits(path, identifier, errors):
    task = from_own_tables(OwnTable(path, BANDS, "z", errors, identifier))
    plain = OwnTable(path, BANDS, "z", identifier=identifier)
    parts = split_sample(plain.read(), plain)
    assert np.array_equal(task.training["redshift"], parts["train"].redshift)
    assert np.array_equal(task.tests["table"].redshift, parts["test"].redshift.astype(np.float32))
    bands = [f"{band}_mag" for band in BANDS]
    expected = ["object_id", *bands, *(f"{band}_magsigma" for band in BANDS if errors)]
    assert list(task.tests["table"].table.columns) == expected
    assert np.array_equal(task.tests["table"].table[bands], parts["test"].magnitudes)
    assert task.data.table.tested == len(parts["test"])


def test_it_is_benchmarked(path, Calibrated):
    entry = benchmark(
        Calibrated, from_own_tables(OwnTable(path, BANDS, "z", ERRORS)), seeds=2
    ).entry
    assert (entry.training.set, entry.survey, entry.mock) == ("table", None, False)
    assert list(entry.scores) == ["table"]
    assert entry.scores["table"].ranges["all"].metrics["coverage_90"].mean > 0.7
    assert entry.transfer is None
    assert entry.bands == ("g_mag", "r_mag", "i_mag")
    assert entry.data.table.fractions == {
        "train": 0.7,
        "validation": 0.1,
        "calibration": 0.1,
        "test": 0.1,
    }


def test_a_further_table_is_tested_on(path, tmp_path, Linear):
    further = OwnTable(write(tmp_path / "other.csv", 80, 1), BANDS, "z")
    outcome = benchmark(Linear, from_own_tables(OwnTable(path, BANDS, "z"), further), seeds=1)
    assert outcome.entry.scores["test_table"].n == 80
    assert outcome.entry.data.test_table.file == "other.csv"


def test_a_further_table_with_galaxies_that_are_learned_from_is_refused(path, tmp_path):
    shared = pd.concat([pd.read_csv(path).iloc[:40], pd.read_csv(write(tmp_path / "b.csv", 40, 2))])
    shared.to_csv(tmp_path / "shared.csv", index=False)
    further = OwnTable(tmp_path / "shared.csv", BANDS, "z")
    with pytest.raises(InputError, match=r"of the 80 galaxies of .*shared\.csv's test"):
        from_own_tables(OwnTable(path, BANDS, "z"), further)


def test_the_same_galaxy_under_two_ids_is_refused(path, tmp_path):
    table = pd.read_csv(path)
    twice = pd.concat([table, table.assign(number=table["number"] + 1_000_000)])
    twice.to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(InputError, match="learned from under another id"):
        from_own_tables(OwnTable(tmp_path / "twice.csv", BANDS, "z", identifier="number"))
    from_own_tables(OwnTable(tmp_path / "twice.csv", BANDS, "z"))  # split by magnitudes: together


def test_a_method_that_takes_missing_magnitudes_gets_them(path, tmp_path):
    table = pd.read_csv(path)
    table.loc[::3, ["g", "gerr"]] = -99.0
    table.loc[1::50, list(BANDS)] = 99.0
    table.loc[2::50, "z"] = np.nan
    table.to_csv(tmp_path / "holes.csv", index=False)
    lacking = OwnTable(tmp_path / "holes.csv", BANDS, "z", ERRORS, missing_magnitudes=True)
    with pytest.raises(InputError, match=r"24 of 600 rows lack a value in g \(12\)"):
        lacking.read()
    task = from_own_tables(lacking, drop_missing=True)
    assert (task.data.table.rows, task.data.table.dropped) == (576, 24)
    assert task.data.table.missing_magnitudes
    learned = task.training
    known = learned[["g_mag", "g_magsigma"]].notna()
    assert (known["g_mag"] == known["g_magsigma"]).all() and 0.6 < known["g_mag"].mean() < 0.7
    assert learned[["r_mag", "i_mag", "redshift"]].notna().all(axis=None)
    assert task.tests["table"].table["g_mag"].isna().any()
    strict = OwnTable(tmp_path / "holes.csv", BANDS, "z", ERRORS)
    with pytest.raises(InputError, match=r"lack a value in g \(208\)"):
        strict.read()


def test_a_training_set_of_fluxes_is_refused(tiny_release, tmp_path):
    (path,) = (tiny_release / "combo").glob("train-*")
    table = pd.read_parquet(path).drop(columns=["ra", "dec"])
    for band in BANDS:
        table[f"{band}_cmodel_mag"] = 10 ** (0.4 * (31.4 - table[f"{band}_cmodel_mag"]))
    table.to_parquet(tmp_path / "fluxes.parquet")
    with pytest.raises(InputError, match=r"fluxes\.parquet: the numbers in g_cmodel_mag \(median"):
        from_release(find_release(tiny_release), str(tmp_path / "fluxes.parquet"))


def test_numbers_for_none_are_no_fluxes(path, tmp_path):
    """However many rows have one: they are a few numbers, where fluxes are many."""
    table = pd.read_csv(path)
    for place, none in enumerate([-99.0, 99.0, -999.0, 0.0, 50.0, np.inf, -np.inf, np.nan]):
        table.loc[place::10, "g"] = none
    table.to_csv(tmp_path / "none.csv", index=False)
    assert OwnTable(tmp_path / "none.csv", BANDS, "z").read(drop_missing=True).dropped == 480


def test_few_magnitudes_in_common_are_chance():
    bands = ["g_mag", "r_mag", "i_mag", "z_mag"]
    learned = pd.DataFrame(
        [[np.nan, np.nan, 22.0, 21.0], [np.nan, 23.0, 22.5, 21.5]], columns=bands
    )
    refuse_shared(learned, learned[:1], bands, "learned", "tested")
    with pytest.raises(InputError, match="1 of the 1 galaxies of tested are learned from"):
        refuse_shared(learned, learned[1:], bands, "learned", "tested")


def test_an_error_for_each_band(path):
    with pytest.raises(ParameterError, match="an error for each of 3 bands, found 2"):
        from_own_tables(OwnTable(path, BANDS, "z", ERRORS[:2]))
    further = OwnTable(path, BANDS, "z", ERRORS)
    with pytest.raises(ParameterError, match="an error for no band, as in the other, found 3"):
        from_own_tables(OwnTable(path, BANDS, "z"), further)
    with pytest.raises(ParameterError, match="an error for each of 3 bands, found 0"):
        from_own_tables(further, OwnTable(path, BANDS, "z"))


def test_what_is_no_value_is_never_learned_from(path, tmp_path):
    """A rule for each kind: 0, -9 and 50 are no magnitudes, 9.9999 and 0 no redshifts."""
    table = pd.read_csv(path)
    for name, row, value in (("g", 0, 0.0), ("r", 1, -9.0), ("i", 2, 50.0), ("z", 3, 9.9999)):
        table.loc[row, name] = value
    table.loc[4, "z"], table.loc[5, "gerr"], table.loc[6, "gerr"] = 0.0, -1.0, 0.0
    table.to_csv(tmp_path / "marked.csv", index=False)
    marked = OwnTable(tmp_path / "marked.csv", BANDS, "z", ERRORS)
    with pytest.raises(InputError, match=r"6 of 600 rows lack a value in g \(1\), r \(1\), i \(1"):
        marked.read()
    sample = marked.read(drop_missing=True)
    assert (sample.dropped, len(sample)) == (6, 594)
    assert sample.magnitudes[:, :3].min() > 10 and sample.redshift.max() < 2


def test_two_i_magnitudes_are_an_error(path, tmp_path):
    table = pd.read_csv(path).assign(i_mag=lambda t: t["i"], i_cmodel_mag=lambda t: t["i"])
    table.to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(InputError, match="i_mag and i_cmodel_mag may be the same magnitude"):
        from_own_tables(OwnTable(tmp_path / "two.csv", ("g", "i_mag", "i_cmodel_mag"), "z"))
    assert table_remarks(from_own_tables(OwnTable(path, BANDS, "z"))) == [
        "i magnitude, for LSST's range: i"
    ]


def test_a_table_without_magnitudes_says_how_to_get_at_its_own():
    table = pd.DataFrame({"g": [22.5], "i": [21.5]})
    with pytest.raises(InputError) as error:
        magnitudes(table)
    renamed = re.search(r"as in (table\.rename\(.*?\)),", str(error.value))[1]
    taken = re.search(r"as in (table\[.*\))$", str(error.value))[1]
    remedies = [eval(code, {"table": table}) for code in (renamed, taken)]
    assert magnitudes(remedies[0]).tolist() == [[21.5]]
    assert remedies[1].tolist() == [[22.5, 21.5]]
