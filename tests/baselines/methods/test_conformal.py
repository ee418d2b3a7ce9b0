"""Split conformal intervals: the guarantee, where it holds, and where it does not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.methods import conformal
from transferz.baselines.methods.conformal import (
    LEVELS,
    SHARES,
    SplitConformal,
    SplitConformalByMagnitude,
    conformal_quantile,
    merge_sparse,
)
from transferz.baselines.scores.probability import Prediction, per_galaxy, score_probability
from transferz.schemas.errors import InputError

ROWS = 10_000


class Noisy:
    """A method whose forecasts are in the table already, as the g magnitude less 20."""

    seeds: tuple[int, ...] = ()

    def fit(self, train, validation, *, seed):
        self.seeds = (*self.seeds, seed)

    def predict(self, table):
        assert set(table.columns) <= {"object_id", "g_cmodel_mag", "i_cmodel_mag", "i_mag"}
        return Prediction(table["g_cmodel_mag"].to_numpy() - 20.0)


class Shuffled(Noisy):
    """The same in another order, with ids."""

    def predict(self, table):
        mixed = table.sample(frac=1.0, random_state=0)
        return Prediction(super().predict(mixed).point, object_id=mixed["object_id"].to_numpy())


class AllAtOnce(Noisy):
    """Trains all seeds in one go."""

    def fit_seeds(self, train, validation, *, seeds):
        made = [AllAtOnce() for _ in seeds]
        for one, seed in zip(made, seeds, strict=True):
            one.seeds = ("together", seed)
        return made


class Plain(SplitConformal):
    around = Noisy


class ByMagnitude(SplitConformalByMagnitude):
    around = Noisy


def survey(count, seed, *, noise=0.03, growth=0.0):
    """Galaxies whose forecasts' errors are `noise`, and grow by e^growth per magnitude."""
    rng = np.random.default_rng(seed)
    i = rng.uniform(18.0, 26.0, count)
    point = rng.uniform(0.1, 2.0, count)
    width = noise * np.exp(growth * (i - 22.0)) * (1.0 + point)
    return pd.DataFrame(
        {
            "object_id": np.arange(count),
            "g_cmodel_mag": point + 20.0,
            "i_cmodel_mag": i,
            "redshift": point + width * rng.standard_t(4, count),
        }
    )


def intervals(method, table):
    """Ends of the intervals, shape (N, 4)."""
    return method.predict(seen(table)).distribution.quantiles(LEVELS)


def coverage(method, table):
    """Whether true redshifts are in the 90 % and the 68 % intervals, shape (2, N)."""
    ends = intervals(method, table)
    redshift = table["redshift"].to_numpy()
    return np.array([(ends[:, low] <= redshift) & (redshift <= ends[:, 3 - low]) for low in (0, 1)])


def calibrated(kind, table):
    method = kind()
    method.calibrate(table)
    return method


def test_the_levels_are_those_that_are_scored():
    assert LEVELS == (0.05, 0.16, 0.84, 0.95)
    np.testing.assert_allclose(SHARES, (0.9, 0.68))


@pytest.mark.parametrize("kind", (Plain, ByMagnitude))
@pytest.mark.parametrize("growth", (0.0, 0.4))
def test_on_fresh_exchangeable_galaxies_the_intervals_hold_what_they_promise(kind, growth):
    method = calibrated(kind, survey(ROWS, 1, growth=growth))
    wide, narrow = coverage(method, survey(ROWS, 2, growth=growth)).mean(axis=1)
    assert abs(wide - 0.90) < 0.01
    assert abs(narrow - 0.68) < 0.015


def test_the_scores_of_the_benchmark_see_the_same_coverage():
    method, test = calibrated(Plain, survey(500, 1)), survey(400, 2)
    found, redshift = method.predict(seen(test)), test["redshift"].to_numpy()
    scores = score_probability(per_galaxy(found.distribution, redshift), redshift, found.point)
    wide, narrow = coverage(method, test).mean(axis=1)
    assert scores["coverage_90"] == pytest.approx(wide)
    assert scores["coverage_68"] == pytest.approx(narrow)
    assert np.isnan(scores["crps"])  # two intervals are no distribution


SHARES_OF_100 = st.integers(5, 95)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 40), min_size=21, max_size=60), SHARES_OF_100, st.booleans())
def test_the_rank_is_neither_too_small_nor_larger_than_it_must_be(scores, percent, distinct):
    """Of n + 1 exchangeable galaxies each is equally likely the new one: count, over all of them,
    how often the rest's quantile covers it. That is exact, whatever the scores."""
    values = np.array(scores, float) + (np.arange(len(scores)) / 1000 if distinct else 0.0)
    covered = sum(
        value <= conformal_quantile(np.delete(values, k), percent / 100)
        for k, value in enumerate(values)
    )
    assert 100 * covered >= percent * values.size  # in integers: no rounding hides a shortfall
    if distinct:
        assert 100 * (covered - 1) < percent * values.size


@pytest.mark.parametrize(("count", "rank"), [(9, 9), (10, 10), (19, 18), (99, 90), (999, 900)])
def test_the_rank_of_90_percent(count, rank):
    scores = np.random.default_rng(0).permutation(count) + 1.0
    assert conformal_quantile(scores, 0.95 - 0.05) == rank


def test_too_few_galaxies_are_refused_with_how_many_are_needed():
    calibrated(Plain, survey(9, 0))
    with pytest.raises(InputError, match=r"8 calibration galaxies .* 90%: at least 9"):
        calibrated(Plain, survey(8, 0))


def test_by_magnitude_the_promise_holds_in_every_bin_where_plainly_it_does_not():
    calibration, test = survey(20_000, 3, growth=0.4), survey(20_000, 4, growth=0.4)
    bins = np.searchsorted(conformal.I_MAGNITUDE_EDGES, test["i_cmodel_mag"])
    plain, conditional = (
        np.array(
            [coverage(calibrated(kind, calibration), test)[0][bins == b].mean() for b in range(8)]
        )
        for kind in (Plain, ByMagnitude)
    )
    np.testing.assert_allclose(conditional, 0.9, atol=0.025)
    assert plain[0] > 0.99  # the bright pay for the faint
    assert plain[-1] < 0.75


def test_where_galaxies_are_not_exchangeable_the_promise_fails():
    """Calibrated on good photometry, or by magnitude too: worse photometry is not covered."""
    good, worse = survey(ROWS, 5), survey(ROWS, 6, noise=0.06)
    for kind in (Plain, ByMagnitude):
        assert coverage(calibrated(kind, good), worse)[0].mean() < 0.75
        assert coverage(calibrated(kind, worse), good)[0].mean() > 0.98


def test_a_shift_of_magnitudes_alone_does_not_hurt_bins_of_magnitude():
    calibration = survey(20_000, 7, growth=0.4)
    faint = survey(20_000, 8, growth=0.4).query("i_cmodel_mag > 24")
    assert coverage(calibrated(Plain, calibration), faint)[0].mean() < 0.8
    assert abs(coverage(calibrated(ByMagnitude, calibration), faint)[0].mean() - 0.9) < 0.02


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=9))
def test_merged_bins_have_enough_galaxies_or_there_is_one(counts):
    edges = np.arange(len(counts) - 1, dtype=float)
    kept = merge_sparse(edges, np.array(counts), 200)
    assert set(kept) <= set(edges)
    bins = np.searchsorted(kept, np.repeat(np.arange(len(counts)) - 0.5, counts))
    found = np.bincount(bins, minlength=kept.size + 1)
    assert kept.size == 0 or found.min() >= 200


def test_dense_bins_stay_apart():
    np.testing.assert_array_equal(merge_sparse(np.array([1.0, 2.0]), np.full(3, 200), 200), [1, 2])


def test_a_calibration_set_of_bright_galaxies_serves_faint_ones_from_its_faintest_bin():
    bright = survey(2_000, 9).query("i_cmodel_mag < 21.5")
    method = calibrated(ByMagnitude, bright)
    assert method.edges.tolist() == [19.0, 20.0]
    assert np.isfinite(intervals(method, survey(50, 10).assign(i_cmodel_mag=25.5))).all()


def test_calibrating_anew_replaces_what_was_before():
    method = calibrated(ByMagnitude, survey(2_000, 1, growth=0.4))
    method.calibrate(survey(300, 2, noise=0.3))
    again = calibrated(ByMagnitude, survey(300, 2, noise=0.3))
    np.testing.assert_array_equal(method.reach, again.reach)
    np.testing.assert_array_equal(method.edges, again.edges)


def test_galaxies_without_a_forecast_are_left_out_and_have_no_interval():
    table = survey(200, 1)
    missing = table.assign(g_cmodel_mag=table["g_cmodel_mag"].where(table.index % 2 == 0))
    method, half = calibrated(Plain, missing), calibrated(Plain, table[::2])
    np.testing.assert_array_equal(method.reach, half.reach)
    ends = intervals(method, missing)
    np.testing.assert_array_equal(np.isnan(ends).all(axis=1), table.index % 2 == 1)


def test_a_galaxy_without_i_magnitude_counts_as_faint():
    method = calibrated(ByMagnitude, survey(4_000, 1, growth=0.4))
    unknown, faint = (
        intervals(method, survey(5, 2).assign(i_cmodel_mag=i)) for i in (np.nan, 25.9)
    )
    np.testing.assert_array_equal(unknown, faint)


def test_forecasts_below_zero_have_intervals_too():
    table = survey(500, 1)
    table = table.assign(g_cmodel_mag=table["g_cmodel_mag"] - 3.0, redshift=table["redshift"] - 3.0)
    ends = intervals(calibrated(Plain, table), table)
    assert (np.diff(ends, axis=1) >= 0).all()


def test_forecasts_with_ids_in_another_order_are_put_in_order():
    class Mixed(SplitConformal):
        around = Shuffled

    table = survey(300, 1)
    mixed, plain = (calibrated(kind, table) for kind in (Mixed, Plain))
    np.testing.assert_array_equal(mixed.reach, plain.reach)
    np.testing.assert_array_equal(intervals(mixed, table), intervals(plain, table))


def test_every_seed_has_a_method_of_its_own():
    class Together(SplitConformal):
        around = AllAtOnce

    assert not load_method(Plain).all_seeds and load_method(Together).all_seeds
    made = Together().fit_seeds(None, None, seeds=[4, 5])
    assert [one.method.seeds for one in made] == [("together", 4), ("together", 5)]
    assert Plain().fit(None, None, seed=6).method.seeds == (6,)
    made[0].calibrate(survey(50, 0))
    assert made[1].reach is None


def test_there_are_no_intervals_before_calibration():
    with pytest.raises(InputError, match="Plain has no intervals before it is calibrated"):
        Plain().predict(seen(survey(5, 0)))


def test_bins_of_magnitude_need_an_i_band():
    table = survey(500, 1)
    own = table.rename(columns={"i_cmodel_mag": "i_mag"})
    np.testing.assert_array_equal(
        calibrated(ByMagnitude, own).reach, calibrated(ByMagnitude, table).reach
    )
    with pytest.raises(InputError, match=r"need an i band, i_cmodel_mag or i_mag; found"):
        calibrated(ByMagnitude, table.drop(columns="i_cmodel_mag"))


def test_trees_with_conformal_intervals(galaxies, monkeypatch):
    """The whole of it, with forecasts that are learned."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from transferz.baselines.methods import trees
    from transferz.baselines.methods import trees as conformal_trees

    monkeypatch.setattr(trees, "MAX_TREES", 60)
    train, validation = galaxies(2_000, 1), galaxies(500, 2)
    calibration, test = galaxies(ROWS, 3), galaxies(ROWS, 4)
    fitted = conformal_trees.ConformalTrees().fit(train, validation, seed=0)
    for kind in (conformal_trees.ConformalTrees, conformal_trees.ConformalTreesByMagnitude):
        method = kind(fitted.method)
        method.calibrate(calibration)
        assert abs(coverage(method, test)[0].mean() - 0.9) < 0.01
        assert kind.name
        assert kind.description
        assert kind.train == ""  # all that there is
        assert kind.citation
        assert kind.version


def seen(table):
    """What a method may see when it forecasts."""
    return photometry(table, band_columns(table))


def test_it_learns_from_what_its_method_learns_from():
    class Narrow(Plain):
        train = "galaxiesml"

    class Around(SplitConformal):
        around = Narrow

    class Chosen(SplitConformal):
        around = Narrow
        train = "combo"

    assert (Around.train, Chosen.train, SplitConformal.train) == ("galaxiesml", "combo", "")
