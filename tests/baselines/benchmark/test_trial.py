"""A trial on a few galaxies finds what would cost a training; finished seeds survive a failure."""

import threading

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark import Prediction
from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.forecasts import read_forecasts
from transferz.baselines.benchmark.own_tables import OwnTable, from_own_tables
from transferz.baselines.benchmark.task import FEW


def read(path, count, seed):
    """A task on a table of so many galaxies."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 1.5, count)
    bands = {band: 22.0 + redshift + rng.normal(0.0, 0.1, count) for band in "gri"}
    pd.DataFrame(bands | {"z": redshift}).to_csv(path, index=False)
    return from_own_tables(OwnTable(path, tuple(bands), "z"))


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return read(tmp_path_factory.mktemp("own") / "mine.csv", 1200, 0)


def wrong_type(table):
    return {"point": np.ones(len(table))}


def wrong_shape(table):
    return Prediction(np.ones((len(table), 1)))


def wrong_length(table):
    return Prediction(np.ones(len(table) - 1))


def wrong_distribution(table):
    return Prediction(np.ones(len(table)), distribution=object())


@pytest.mark.parametrize("broken", [wrong_type, wrong_shape, wrong_length, wrong_distribution])
def test_a_mistake_is_found_before_training(task, Linear, broken):
    fitted = []

    class Broken(Linear):
        def fit(self, train, validation, *, seed):
            fitted.append(len(train))

        def predict(self, table):
            return broken(table)

    with pytest.raises(MethodError, match=r"This was a trial on 500 galaxies.*trial = False"):
        benchmark(Broken, task, seeds=1)
    assert fitted == [FEW]


def test_a_trial_changes_nothing_of_the_run(task, Linear):
    class Unseeded(Linear):
        def fit(self, train, validation, *, seed):
            super().fit(train, validation, seed=seed)
            self.noise = np.random.random()  # noqa: NPY002
            assert not hasattr(self, "known")
            self.known = len(train)

    class Plain(Unseeded):
        trial = False

    tried = benchmark(Unseeded, task, seeds=2).forecasts["table"].point
    assert np.array_equal(tried, benchmark(Plain, task, seeds=2).forecasts["table"].point)


def test_a_method_that_needs_more_galaxies_says_so(task, Linear):
    class Hungry(Linear):
        trial = False

        def fit(self, train, validation, *, seed):
            if len(train) <= FEW:
                raise ValueError("too few")
            super().fit(train, validation, seed=seed)

    assert benchmark(Hungry, task, seeds=1).entry.seeds == 1
    with pytest.raises(MethodError, match="too few"):
        benchmark(type("Silent", (Hungry,), {"trial": True}), task, seeds=1)


def test_seeds_that_are_finished_are_kept_and_the_run_goes_on_there(task, Wide, tmp_path):
    fitted, fails = [], {2}

    class Late(Wide):
        trial = False

        def fit(self, train, validation, *, seed):
            fitted.append(seed)
            if seed in fails:
                raise ValueError("diverged")
            super().fit(train, validation, seed=seed)

    out = tmp_path / "run"
    with pytest.raises(MethodError, match=r"diverged[^$]*kept in .*run\.seeds: 0, 1; the same"):
        benchmark(Late, task, seeds=4, out=out)
    assert not out.exists()
    fails.clear()
    outcome = benchmark(Late, task, seeds=4, out=out)
    assert fitted == [0, 1, 2, 2, 3]
    outcome.write(out)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    fresh = benchmark(Late, task, seeds=4)
    assert outcome.table == fresh.table
    assert outcome.entry.scores == fresh.entry.scores


def test_flags_are_kept_with_the_seeds_that_are_finished(task, Linear, tmp_path):
    class Flagged(Linear):
        trial = False
        fails = True

        def fit(self, train, validation, *, seed):
            super().fit(train, validation, seed=seed)
            if seed == 1 and self.fails:
                raise RuntimeError("diverged")

        def predict(self, table):
            point = super().predict(table).point
            return Prediction(point, flag=np.abs(point - 0.5))

    out = tmp_path / "run"
    with pytest.raises(MethodError, match=r"diverged[^$]*kept in .*run\.seeds: 0; the same"):
        benchmark(Flagged, task, seeds=2, out=out)
    Flagged.fails = False
    outcome, fresh = benchmark(Flagged, task, seeds=2, out=out), benchmark(Flagged, task, seeds=2)
    assert outcome.table == fresh.table and outcome.entry.scores == fresh.entry.scores
    outcome.write(out)
    forecasts = read_forecasts(out / "forecasts.parquet")["table"]
    flag = np.abs(forecasts.point - np.float32(0.5))
    assert forecasts.columns["flag"] == pytest.approx(flag, abs=1e-6)
    scores = outcome.entry.scores["table"]
    assert scores.risk.flag == "method" and scores.pit is None
    assert "crps" not in scores.ranges["all"].metrics


def test_flags_of_some_seeds_alone_are_refused(task, Linear):
    class Sometimes(Linear):
        trial = False

        def predict(self, table):
            made = super().predict(table)
            return Prediction(made.point, flag=made.point) if self.noise > 0.002 else made

    with pytest.raises(MethodError, match="only some seeds forecast flags, on 'table'"):
        benchmark(Sometimes, task, seeds=3)


def test_seeds_of_another_version_or_data_or_damaged_ones_are_not_used(task, Linear, tmp_path):
    fitted = []

    class Counts(Linear):
        trial = False

        def fit(self, train, validation, *, seed):
            fitted.append(seed)
            super().fit(train, validation, seed=seed)

    def run(kind=Counts, data=task):
        fitted.clear()
        benchmark(kind, data, seeds=2, out=tmp_path / "run")
        return list(fitted)

    assert run() == [0, 1] and run() == []
    assert run(type("Counts", (Counts,), {"version": "3"})) == [0, 1]
    fewer = read(tmp_path / "other.csv", 900, 1)
    assert run(data=fewer) == [0, 1] and run(data=fewer) == []
    path = tmp_path / "run.seeds" / "seed-1.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    assert run(data=fewer) == [1]


def test_missing_forecasts_cost_no_training(task, Linear, tmp_path):
    fitted = []

    class Some(Linear):
        trial = False

        def fit(self, train, validation, *, seed):
            fitted.append(len(train))
            super().fit(train, validation, seed=seed)

        def predict(self, table):
            point = super().predict(table).point
            return Prediction(np.where(np.arange(len(table)) == 3, np.nan, point))

    with pytest.raises(MethodError, match=r"1 galaxies of .* without a forecast[^$]*kept in"):
        benchmark(Some, task, seeds=1, out=tmp_path / "run")
    benchmark(Some, task, seeds=1, out=tmp_path / "run", allow_missing=True)
    assert fitted == [len(task.training)]
    fitted.clear()
    Some.trial = True  # it refuses what the run would
    with pytest.raises(MethodError, match=r"without a forecast[^$]*This was a trial") as error:
        benchmark(Some, task, seeds=1)
    assert "the others with --allow-missing\n" in error.value.on_command_line()
    assert "the others with allow_missing=True\n" in str(error.value)
    assert fitted == [FEW]
    benchmark(Some, task, seeds=1, allow_missing=True)
    assert fitted == [FEW, FEW, len(task.training)]


@pytest.mark.parametrize(
    ("look", "absent"),
    [
        (lambda table: table["u_mag"], "u_mag"),
        (lambda table: table[["g_mag", "u_mag"]], "u_mag"),
        (lambda table: table[["dtype", "u"]], "dtype"),
        (lambda table: table.loc[:, ["z", "u"]], "z"),
        (lambda table: {}["u_mag"], None),
        (lambda table: table["g_mag"].loc["u_mag"], "u_mag"),
    ],
)
def test_a_column_that_is_not_there_is_named(task, Linear, look, absent):
    class Looks(Linear):
        def fit(self, train, validation, *, seed):
            look(train)

    with pytest.raises(MethodError, match=r"raised KeyError") as error:
        benchmark(Looks, task, seeds=1)
    there = "object_id, g_mag, r_mag, i_mag, redshift, config"
    named = f"The table has no column '{absent}'; it has: {there}\n(This was a trial on 500"
    assert (named in str(error.value)) == (absent is not None)
    assert ("trial = False" in str(error.value)) == (absent is None)


def test_a_method_that_cannot_be_copied_is_trained_again_for_each_calibration(release, Calibrated):
    lines, fitted = [], []

    class Locked(Calibrated):
        def __init__(self):
            self.lock = threading.Lock()

        def fit(self, train, validation, *, seed):
            fitted.append(seed)
            self.calibrated = False
            super().fit(train, validation, seed=seed)

        def calibrate(self, calibration):
            assert not self.calibrated  # no calibration builds on another
            self.calibrated = True
            super().calibrate(calibration)

    locked = benchmark(Locked, release, seeds=2, report=lines.append)
    assert fitted == [0, 0, 1, 1]
    assert "Locked can't be copied (TypeError: cannot pickle '_thread.lock' object)" in str(lines)
    assert locked.table == benchmark(Calibrated, release, seeds=2).table


def test_a_qp_ensemble_is_a_distribution(task, Linear):
    qp = pytest.importorskip("qp")

    class Ensemble(Linear):
        def predict(self, table):
            point = super().predict(table).point[:, None]
            norm = {"loc": point, "scale": np.full_like(point, 0.1)}
            return Prediction(point[:, 0], distribution=qp.Ensemble(qp.stats.norm, data=norm))

    class Broken(Ensemble):
        def predict(self, table):
            made = super().predict(table)
            made.distribution.build_tables = lambda: {"meta": {}, "data": {}}
            return made

    metrics = benchmark(Ensemble, task, seeds=1).entry.scores["table"].ranges["all"].metrics
    assert metrics["width_90"].mean == pytest.approx(2 * 1.645 * 0.1, rel=1e-3)
    with pytest.raises(MethodError, match=r"qp ensemble: .*pdf_name"):
        benchmark(Broken, task, seeds=1)
