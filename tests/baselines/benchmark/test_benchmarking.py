"""A run: what methods see, how often they are called, how they are scored, what goes wrong."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from transferz.baselines.benchmark import Prediction, magnitudes
from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.forecasts import read_forecasts
from transferz.baselines.benchmark.loading import Kept, MethodError
from transferz.baselines.benchmark.scoring import outcome_text
from transferz.baselines.benchmark.task import from_release
from transferz.baselines.scores.metrics import score
from transferz.schemas import ERRORS, MAGNITUDES, InputError, ParameterError
from transferz.schemas.benchmark.entries import read_entry


def labels(release, config):
    files = release.files()[config]["test"]
    return np.concatenate([pq.read_table(file)["redshift"].to_numpy() for file in files])


def test_a_method_sees_no_label_of_a_test_galaxy(release, Linear):
    seen = []

    class Spy(Linear):
        def fit(self, train, validation, *, seed):
            self.rows = set(train["object_id"]) | set(validation["object_id"])
            super().fit(train, validation, seed=seed)

        def predict(self, table):
            seen.append(table)
            assert not self.rows & set(table["object_id"])
            return super().predict(table)

    benchmark(Spy, release, seeds=2)
    assert len(seen) == 4
    for table in seen:
        assert list(table.columns) == ["object_id", *MAGNITUDES, *ERRORS]
        assert table.attrs == {}
        for column in table:
            values = table[column].to_numpy()
            base = values if values.base is None else values.base
            assert base.size <= len(table) * len(table.columns)  # no view of a wider array


def test_what_a_method_does_to_its_tables_reaches_nobody(release, Linear):
    class Vandal(Linear):
        def fit(self, train, validation, *, seed):
            super().fit(train, validation, seed=0)
            train["redshift"] = 0.0
            validation["redshift"] = 0.0

        def predict(self, table):
            found = super().predict(table)
            table.loc[:, MAGNITUDES[0]] = 0.0
            return found

    vandal = benchmark(Vandal, release, seeds=3)
    points = vandal.forecasts["transferz"].point
    assert np.array_equal(points[0], points[1])
    assert np.array_equal(points[0], points[2])


def test_the_scores_are_those_of_the_forecasts(release, Linear):
    outcome = benchmark(Linear, release, seeds=3)
    entry = outcome.entry
    assert (entry.seeds, entry.training.set, entry.training.rows.train) == (
        3,
        "combo",
        {"combo": 300},
    )
    for config in ("transferz", "galaxiesml"):
        forecasts = outcome.forecasts[config]
        assert np.array_equal(forecasts.redshift, labels(release, config))
        expected = score(forecasts.point, forecasts.redshift)
        found = entry.scores[config].ranges["all"].metrics
        for name, values in expected.items():
            assert found[name].mean == pytest.approx(values.mean(), rel=1e-5)
            assert found[name].spread == pytest.approx(values.std(ddof=1), rel=1e-5)
        assert entry.scores[config].pit is None
        assert found["bias"].error > 0
    assert entry.transfer is None
    assert entry.mock


def test_distributions_are_scored_too(release, Wide):
    entry = benchmark(Wide, release, seeds=2).entry
    found = entry.scores["galaxiesml"]
    assert sum(found.pit["all"]) == pytest.approx(1.0, rel=1e-5)
    metrics = found.ranges["all"].metrics
    assert 0 < metrics["crps"].mean < metrics["width_90"].mean
    assert metrics["width_90"].mean == pytest.approx(2 * 1.645 * 0.1, rel=1e-3)
    assert 0 <= metrics["coverage_90"].mean <= 1
    bins = entry.by_magnitude["galaxiesml"]
    assert sum(one.n for one in bins) == found.n
    assert entry.method.name == "Linear with a width"


def test_calibration_is_that_of_the_set_tested_and_transfer_is_told_apart(release, Calibrated):
    calibrated = []

    class Spy(Calibrated):
        def calibrate(self, calibration):
            super().calibrate(calibration)
            calibrated.append(self.seen)

    entry = benchmark(Spy, release, seeds=2).entry
    assert calibrated == [["galaxiesml"], ["transferz"]] * 2
    pairs = [(one.calibrated_on, one.tested_on) for one in entry.transfer]
    assert pairs == [("galaxiesml", "transferz"), ("transferz", "galaxiesml")]
    assert entry.training.rows.calibration == {"transferz": 50, "galaxiesml": 50}
    metrics = entry.scores["transferz"].ranges["all"].metrics
    assert metrics["coverage_90"].mean > 0.75
    assert metrics["crps"].mean is None
    assert entry.scores["transferz"].pit is None


def test_all_seeds_at_once(release, Linear):
    class AtOnce(Linear):
        fitted = 0

        def fit(self, train, validation, *, seed):
            raise AssertionError

        def fit_seeds(self, train, validation, *, seeds):
            AtOnce.fitted += 1
            made = [Linear() for _ in seeds]
            for one, seed in zip(made, seeds, strict=True):
                one.fit(train, validation, seed=seed)
            return made

    ours, theirs = benchmark(AtOnce, release, seeds=3), benchmark(Linear, release, seeds=3)
    assert AtOnce.fitted == 1
    assert np.array_equal(ours.forecasts["transferz"].point, theirs.forecasts["transferz"].point)


def test_a_method_that_is_deterministic_is_trained_once(release, Linear):
    class Same(Linear):
        deterministic = True
        fitted = 0

        def fit(self, train, validation, *, seed):
            Same.fitted += 1
            super().fit(train, validation, seed=seed)

    entry = benchmark(Same, release, seeds=4).entry
    assert "(combo), once, as it is deterministic. MOCK" in outcome_text(entry)
    assert (Same.fitted, entry.seeds, entry.method.deterministic) == (1, 1, True)
    bias = entry.scores["transferz"].ranges["all"].metrics["bias"]
    assert bias.spread is None and bias.error > 0


def test_seeds_that_change_nothing_are_told(release, Linear):
    class Unsaid(Linear):
        def predict(self, table):
            self.noise = 0.0
            return super().predict(table)

    lines = []
    assert benchmark(Unsaid, release, seeds=2, report=lines.append).entry.seeds == 2
    assert "all seeds forecast the same; a method that no seed changes says" in str(lines)
    lines.clear()
    assert not benchmark(Linear, release, seeds=2, report=lines.append).entry.method.deterministic
    assert "all seeds" not in str(lines)


def test_forecasts_by_id_in_another_order_are_put_in_order(release, Linear):
    class Shuffled(Linear):
        def predict(self, table):
            order = np.random.default_rng(0).permutation(len(table))
            point = super().predict(table).point
            return Prediction(point[order], object_id=table["object_id"].to_numpy()[order])

    ours, theirs = benchmark(Shuffled, release, seeds=1), benchmark(Linear, release, seeds=1)
    assert np.array_equal(ours.forecasts["transferz"].point, theirs.forecasts["transferz"].point)


def break_nan(table, point):
    point[[2, 5]] = np.nan
    return Prediction(point)


def break_short(table, point):
    return Prediction(point[:-3])


def break_repeated(table, point):
    ids = table["object_id"].to_numpy().copy()
    ids[1] = ids[0]
    return Prediction(point, object_id=ids)


def break_unknown(table, point):
    ids = table["object_id"].to_numpy().copy()
    ids[4] = 7
    return Prediction(point, object_id=ids)


def break_array(table, point):
    return point[:, None]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (break_nan, r"2 galaxies of 70 without a forecast.* allow_missing=True"),
        (break_short, r"67 forecasts for 70 galaxies.*NaN where there is none.*allow_missing=True"),
        (break_repeated, "1 galaxies forecast more than once"),
        (break_unknown, r"1 galaxies that were not asked for \(object_id 7\)"),
        (break_array, "returned ndarray; expected a Prediction"),
    ],
)
def test_what_is_no_forecast_is_refused(release, Linear, broken, said):
    class Broken(Linear):
        def predict(self, table):
            return broken(table, super().predict(table).point.copy())

    with pytest.raises(
        MethodError, match=rf"Broken: predict, seed 0, test set 'galaxiesml'.*{said}"
    ):
        benchmark(Broken, release, seeds=1)


def test_missing_forecasts_can_be_allowed_and_are_told(release, Linear):
    class Faint(Linear):
        def predict(self, table):
            point = super().predict(table).point
            return Prediction(np.where(np.arange(len(table)) % 10 == 0, np.nan, point))

    outcome = benchmark(Faint, release, seeds=2, allow_missing=True)
    found = outcome.entry.scores["transferz"]
    assert (found.n, found.completeness) == (63, 0.9)
    known = np.arange(70) % 10 != 0
    forecasts = outcome.forecasts["transferz"]
    expected = score(forecasts.point[:, known], forecasts.redshift[known])["scatter"].mean()
    assert found.ranges["all"].metrics["scatter"].mean == pytest.approx(expected, rel=1e-5)


def test_a_method_without_any_forecast_is_refused_even_so(release, Linear):
    class Silent(Linear):
        def predict(self, table):
            return Prediction(np.full(len(table), np.nan))

    with pytest.raises(MethodError, match="no forecast"):
        benchmark(Silent, release, seeds=1, allow_missing=True)


def test_the_methods_own_error_is_shown_with_the_call(release, Linear):
    class Crashes(Linear):
        def fit(self, train, validation, *, seed):
            if seed == 1:
                raise KeyError("u_cmodel_mag")
            super().fit(train, validation, seed=seed)

    with pytest.raises(MethodError, match=r"Crashes: fit, seed 1 raised KeyError") as caught:
        benchmark(Crashes, release, seeds=2)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "raise KeyError" in str(caught.value)


def test_bands_can_be_left_out(release, Linear):
    widths = []

    class Counts(Linear):
        def predict(self, table):
            widths.append(magnitudes(table).shape[1])
            assert len(table.columns) == 7
            return super().predict(table)

    entry = benchmark(Counts, release, seeds=1, bands=["r", "i", "z"]).entry
    assert widths == [3, 3]
    assert entry.bands == MAGNITUDES[1:4]
    assert set(entry.scores["transferz"].ranges) == {"all", "cosmological", "lsst"}
    with pytest.raises(ParameterError, match="found 'u'"):
        benchmark(Counts, release, bands=["u"])


@pytest.mark.parametrize("source", ["release", "file"])
def test_bands_are_in_the_same_places_in_fit_and_predict(release, Linear, tmp_path, source):
    """Also where they are asked for in another order, or a file has them in another."""
    seen = []

    class Spy(Linear):
        def fit(self, train, validation, *, seed):
            seen.extend([list(train.columns)[:7], list(validation.columns)[:7]])
            super().fit(train, validation, seed=seed)

        def predict(self, table):
            seen.append(list(table.columns))
            return super().predict(table)

    table = pd.read_parquet(release.files()["combo"]["train"][0])
    table[table.columns[::-1]].to_parquet(tmp_path / "reversed.parquet")
    train = "combo" if source == "release" else str(tmp_path / "reversed.parquet")
    found = benchmark(Spy, release, seeds=1, train=train, bands=["z", "g", "i"])
    assert len(seen) == 4
    assert all(columns == seen[0] for columns in seen)
    assert seen[0][1:4] == ["z_cmodel_mag", "g_cmodel_mag", "i_cmodel_mag"]
    ordered = benchmark(Linear, release, seeds=1, train="combo", bands=["g", "i", "z"])
    ours, theirs = (one.forecasts["galaxiesml"].point for one in (found, ordered))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_each_calibration_starts_from_the_fitted_method(release, Linear):
    class Shifted(Linear):
        shift = 0.0

        def calibrate(self, calibration):
            self.shift += np.median(calibration["redshift"] - self.predict(calibration).point)

        def predict(self, table):
            return Prediction(super().predict(table).point + self.shift)

    found = benchmark(Shifted, release, seeds=1).forecasts["galaxiesml"].point
    plain = Linear()
    task = from_release(release, "combo", calibrates=True)
    plain.fit(task.training, task.validation, seed=0)
    calibration = task.calibration["galaxiesml"]
    shift = np.median(calibration["redshift"] - plain.predict(calibration).point)
    expected = plain.predict(task.tests["galaxiesml"].table).point + shift
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_a_sentinel_is_no_forecast(release, Linear):
    class Sentinel(Linear):
        def predict(self, table):
            point = super().predict(table).point
            point[:7] = -99.0
            return Prediction(point)

    with pytest.raises(MethodError, match="7 galaxies of 70 without a forecast"):
        benchmark(Sentinel, release, seeds=1)
    found = benchmark(Sentinel, release, seeds=1, allow_missing=True)
    assert found.entry.scores["transferz"].completeness == 0.9


def test_arguments_that_can_have_no_effect_are_refused(release, Linear):
    task = from_release(release, "combo")
    with pytest.raises(ParameterError, match="a Task has chosen already"):
        benchmark(Linear, task, train="transferz")
    with pytest.raises(ParameterError, match="expected 1 to 10,000, found 0"):
        benchmark(Linear, task, seeds=0)


@pytest.mark.parametrize("train", ["transferz", "galaxiesml", "transferz+galaxiesml"])
def test_training_sets(release, Linear, train):
    entry = benchmark(Linear, release, seeds=1, train=train).entry
    assert entry.training.set == train
    assert entry.training.rows.train == dict.fromkeys(train.split("+"), 300)


def test_a_file_to_learn_from(release, Linear, tmp_path):
    table = pd.read_parquet(release.files()["galaxiesml"]["train"][0]).iloc[:200]
    path = tmp_path / "mine.parquet"
    table.to_parquet(path)
    entry = benchmark(Linear, release, seeds=1, train=str(path)).entry
    assert entry.training.set == "file"
    assert entry.training.table.file == "mine.parquet"
    assert entry.training.rows.train == {"file": 200}


@pytest.mark.parametrize("by", ["id", "position"])
def test_a_file_with_test_galaxies_is_refused(release, Linear, tmp_path, by):
    train, test = (
        pd.read_parquet(release.files()["galaxiesml"][split][0]) for split in ("train", "test")
    )
    stolen = test.iloc[[3]].copy()
    if by == "position":
        stolen[["object_id", "group_id"]] = 123456789
        stolen["ra"] += 0.2 / 3600
    path = tmp_path / "mine.parquet"
    pd.concat([train, stolen]).to_parquet(path)
    with pytest.raises(InputError, match=rf"test.*1 by {by}.*check-leak"):
        benchmark(Linear, release, seeds=1, train=str(path))


def test_a_file_of_renumbered_test_galaxies_without_positions_is_refused(release, Linear, tmp_path):
    files = release.files()["transferz"]["test"]
    stolen = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    stolen = stolen.drop(columns=["ra", "dec", "group_id"]).assign(object_id=np.arange(70) + 1)
    path = tmp_path / "mine.parquet"
    stolen.to_parquet(path)
    with pytest.raises(InputError, match=r"70 of the 70 galaxies of transferz's test split"):
        benchmark(Linear, release, seeds=1, train=str(path))


def test_no_such_training_set(release):
    with pytest.raises(ParameterError, match=r"expected transferz, galaxiesml.* for train="):
        from_release(release, "cosmos")


def test_a_run_is_written_whole_and_read_back(release, Wide, tmp_path):
    outcome = benchmark(Wide, release, seeds=2)
    outcome.write(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "entry.yaml",
        "forecasts.parquet",
    ]
    assert read_entry(tmp_path / "run" / "entry.yaml") == outcome.entry
    read = read_forecasts(tmp_path / "run" / "forecasts.parquet")
    for config, one in outcome.forecasts.items():
        assert np.array_equal(read[config].point, one.point)
        assert np.array_equal(read[config].object_id, one.object_id)
        for name, values in one.columns.items():
            assert np.array_equal(read[config].columns[name], values, equal_nan=True)


def test_a_write_that_fails_leaves_the_older_run(release, Linear, tmp_path, monkeypatch):
    outcome = benchmark(Linear, release, seeds=1)
    outcome.write(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("transferz.baselines.benchmark.benchmarking.write_entry", fail)
    with pytest.raises(InputError, match="space"):
        outcome.write(tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_method_that_can_be_kept_leaves_its_model_beside_the_entry(release, Linear, tmp_path):
    class Keeps(Linear):
        @classmethod
        def keep(cls, fitted, *, bands, source):
            assert (len(fitted), bands) == (2, MAGNITUDES)
            assert set(source["release"]["content"]["combo"]) == {"train", "validation"}
            span = {"mean": 1.0, "min": 1.0, "max": 1.0}
            names = ("epochs", "best_epoch", "validation_loss")
            return Kept({"schedule": {"max_epochs": 1}} | dict.fromkeys(names, span), "m", b"model")

    outcome = benchmark(Keeps, release, seeds=2)
    outcome.write(tmp_path / "run")
    entry = read_entry(tmp_path / "run" / "entry.yaml")
    assert (tmp_path / "run" / "m").read_bytes() == b"model"
    assert (entry.model.file, entry.model.bytes, entry.networks.epochs.mean) == ("m", 5, 1.0)

    class Odd(Linear):
        @classmethod
        def keep(cls, fitted, *, bands, source):
            return b"model"

    with pytest.raises(MethodError, match="keep returned bytes, expected a Kept"):
        benchmark(Odd, release, seeds=1)
