"""Methods that cheat, fail or return nonsense, on a task with 40 galaxies to forecast."""

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark import task as tasks
from transferz.baselines.benchmark.loading import MethodError, load_method
from transferz.baselines.benchmark.running import run_method
from transferz.baselines.scores.probability import Prediction

BANDS = ("g_mag", "r_mag")
SEEN = ["object_id", *BANDS, "g_magsigma", "r_magsigma"]
SIZE = 40


def galaxies(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"object_id": 1000 * seed + np.arange(SIZE)})
    for name in SEEN[1:]:
        table[name] = rng.normal(22.0, 1.0, SIZE)
    return table.assign(redshift=rng.uniform(0.1, 1.4, SIZE).astype(np.float32), config="table")


@pytest.fixture(scope="module")
def task():
    tests = {
        name: tasks.TestSet(
            one[SEEN], one["redshift"].to_numpy(), np.full(SIZE, np.nan, np.float32)
        )
        for name, one in (("table", galaxies(3)), ("test_table", galaxies(4)))
    }
    calibration = {name: galaxies(5 + k) for k, name in enumerate(tests)}
    return tasks.Task(BANDS, galaxies(1), galaxies(2), calibration, tests, None, None)


class Fine:
    def fit(self, train, validation, *, seed):
        self.value = train["redshift"].mean() + 0.01 * seed

    def predict(self, table):
        return Prediction(np.full(len(table), self.value))


def test_every_seed_forecasts_every_set(task):
    ran = run_method(load_method(Fine), task, range(3))
    assert list(ran.forecasts) == ["table", "test_table"] and not ran.transfer
    found = ran.forecasts["table"]
    expected = task.training["redshift"].mean() + 0.01 * np.arange(3)
    np.testing.assert_allclose(found.point, np.repeat(expected[:, None], SIZE, 1), rtol=1e-6)
    assert found.columns == {} and np.array_equal(found.redshift, task.tests["table"].redshift)


def test_a_method_that_looks_for_labels_finds_none(task):
    seen = []

    class Cheat(Fine):
        def predict(self, table):
            seen.append([*table.columns])
            behind = [one for name in table for one in bases(table[name].to_numpy())]
            label = task.tests["table"].redshift
            assert not any(np.shares_memory(one, label) for one in behind)
            return Prediction(table["redshift"].to_numpy())

    with pytest.raises(MethodError, match="raised KeyError: 'redshift'"):
        run_method(load_method(Cheat), task, [0])
    assert seen == [SEEN]


def bases(array):
    """An array and all that it is a view of."""
    while array is not None:
        if isinstance(array, np.ndarray):
            yield array
        array = getattr(array, "base", None)


def test_a_method_that_changes_its_tables_changes_them_for_nobody_else(task):
    class Vandal(Fine):
        def fit(self, train, validation, *, seed):
            super().fit(train, validation, seed=0)
            train.loc[:, "redshift"] = -1.0
            del validation["redshift"]

        def predict(self, table):
            made = super().predict(table)
            table["object_id"] = 0
            return made

    before = task.training["redshift"].copy()
    point = run_method(load_method(Vandal), task, range(2)).forecasts["table"].point
    assert np.array_equal(point[0], point[1]) and task.training["redshift"].equals(before)
    assert task.tests["table"].table["object_id"].is_unique


RETURNED = {
    "NaN": (lambda t: Prediction(np.full(len(t), np.nan)), "no forecast: all 40"),
    "some NaN": (
        lambda t: Prediction(np.r_[np.nan, np.ones(len(t) - 1)]),
        "1 galaxies of 40 without a forecast",
    ),
    "infinity": (lambda t: Prediction(np.full(len(t), np.inf)), "found infinity"),
    "too few": (lambda t: Prediction(np.ones(len(t) - 1)), "39 forecasts for 40"),
    "duplicates": (
        lambda t: Prediction(np.ones(len(t)), object_id=np.r_[t["object_id"][:-1], 3000]),
        "more than once (object_id 3000)",
    ),
    "strangers": (
        lambda t: Prediction(np.ones(len(t)), object_id=t["object_id"] + 1),
        "not asked for (object_id 3040)",
    ),
    "no Prediction": (lambda t: t, "returned DataFrame"),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_is_no_forecast_says_method_seed_and_set(task, name):
    make, said = RETURNED[name]

    class Wrong(Fine):
        def predict(self, table):
            return make(table) if self.value > seed_one else super().predict(table)

    seed_one = task.training["redshift"].mean() + 0.005
    with pytest.raises(MethodError) as error:
        run_method(load_method(Wrong), task, range(2))
    text = str(error.value)
    assert said in text and "Wrong: predict" in text and "seed 1" in text and "table" in text


def test_missing_forecasts_can_be_allowed(task):
    class Some(Fine):
        def predict(self, table):
            rows = table[table["object_id"] % 4 != self.value // 10]
            return Prediction(np.ones(len(rows)), object_id=rows["object_id"].to_numpy())

    with pytest.raises(MethodError, match="10 galaxies of 40 without a forecast"):
        run_method(load_method(Some), task, range(2))
    ran = run_method(load_method(Some), task, range(2), allow_missing=True)
    assert ran.forecasts["table"].scored.sum() == 30


@pytest.mark.parametrize("call", ["fit", "predict", "calibrate"])
def test_a_crash_says_which_call_it_was_and_keeps_its_traceback(task, call):
    def crash(*args, **kwargs):
        raise ZeroDivisionError("a mistake in the method")

    kind = type("Crash", (Fine,), {call: crash})
    with pytest.raises(MethodError) as error:
        run_method(load_method(kind), task, [7])
    text = str(error.value)
    assert f"Crash: {call}" in text and "seed 7" in text
    assert "raised ZeroDivisionError: a mistake in the method" in text and "in crash" in text
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_calibration_is_of_the_set_that_is_tested(task):
    class Calibrated(Fine):
        def calibrate(self, calibration):
            self.value = float(calibration["object_id"].iloc[0]) / 1000.0

    ran = run_method(load_method(Calibrated), task, range(2))
    assert set(ran.forecasts["table"].point.ravel()) == {5.0}
    assert set(ran.forecasts["test_table"].point.ravel()) == {6.0}
    assert set(ran.transfer["table", "test_table"].point.ravel()) == {5.0}
    assert set(ran.transfer["test_table", "table"].point.ravel()) == {6.0}


def test_fit_seeds_must_return_a_method_per_seed(task):
    class Odd(Fine):
        def fit_seeds(self, train, validation, *, seeds):
            return [self]

    with pytest.raises(MethodError, match="Odd: fit_seeds"):
        run_method(load_method(Odd), task, range(2))
