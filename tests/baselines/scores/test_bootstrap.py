"""The bootstrap against analytic errors and scipy's, and what pairing must do."""

import numpy as np
import pytest
from scipy import stats

from transferz.baselines.scores import metrics
from transferz.baselines.scores.bootstrap import (
    Draws,
    Replicates,
    difference_error,
    ratio,
    replicate,
)

MANY = Draws(resamples=1500)


def sample(seeds=3, size=400, seed=0, bias=0.0):
    rng = np.random.default_rng(seed)
    true = rng.gamma(2.0, 0.5, size)
    common = 0.05 * rng.standard_normal(size)  # a hard galaxy is hard for every seed
    dz = bias + common + 0.02 * rng.standard_t(3.0, (seeds, size))
    return true + (1 + true) * dz, true


def test_draws_repeat_and_count_every_galaxy_as_often_as_it_is_drawn():
    first, second = (list(Draws(5, seed=3).counts(50)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.sum(first, axis=1).tolist() == [50] * 5
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], next(Draws(5, seed=4).counts(50)))


def test_resampled_scores_are_scores_of_the_galaxies_drawn():
    predicted, true = sample()
    draws = Draws(4)
    made = replicate(predicted, true, draws=draws)
    for place, counts in enumerate(draws.counts(true.size)):
        drawn = np.repeat(np.arange(true.size), counts)
        for name, values in metrics.score(predicted[:, drawn], true[drawn]).items():
            np.testing.assert_array_equal(made.resampled[name][place], values, err_msg=name)
    for name, values in metrics.score(predicted, true).items():
        np.testing.assert_array_equal(made.scores[name], values)
        assert made.resampled[name].shape == (4, 3)


def test_blocks_of_seeds_change_nothing(monkeypatch):
    predicted, true = sample(seeds=5)
    whole = replicate(predicted, true, draws=Draws(3))
    monkeypatch.setattr(metrics, "BLOCK", 2 * true.size)
    for name, values in replicate(predicted, true, draws=Draws(3)).resampled.items():
        np.testing.assert_array_equal(values, whole.resampled[name])


def test_the_error_of_a_mean_is_the_analytic_one():
    """mse is a mean of squares over galaxies, and its mean over seeds one of their averages."""
    predicted, true = sample()
    squares = np.square(predicted - true).mean(axis=0)
    analytic = squares.std() / np.sqrt(true.size)
    error = replicate(predicted, true, ["mse"], draws=MANY).error("mse")
    assert error == pytest.approx(analytic, rel=0.06)  # 1500 resamples know it to 2 %


@pytest.mark.parametrize("name", ["bias", "scatter", "rmse", "outlier_rate_3sigma"])
def test_errors_are_those_of_scipys_bootstrap(name):
    predicted, true = sample(size=150)

    def mean_over_seeds(rows):
        rows = rows.astype(int)
        return metrics.score(predicted[:, rows], true[rows], [name])[name].mean()

    found = stats.bootstrap(
        (np.arange(true.size),),
        mean_over_seeds,
        n_resamples=800,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(5),
    )
    error = replicate(predicted, true, [name], draws=Draws(800)).error(name)
    assert error == pytest.approx(found.standard_error, rel=0.12)  # each known to 2.5 %


def test_a_paired_difference_is_known_better_than_an_unpaired_one():
    predicted, true = sample()
    other = predicted + 0.01
    first, second = replicate(predicted, true), replicate(other, true)
    alone = replicate(other, true, draws=Draws(seed=99))
    paired, unpaired = (
        difference_error(first, second, "rmse"),
        difference_error(first, alone, "rmse"),
    )
    assert paired < unpaired / 3
    assert unpaired == pytest.approx(np.hypot(first.error("rmse"), alone.error("rmse")), rel=0.2)
    assert difference_error(first, first, "rmse") == 0.0


def test_chosen_galaxies_are_those_of_each_seed():
    predicted, true = sample(size=300)
    chosen = predicted > 1.0
    draws = Draws(3)
    made = replicate(predicted, true, ["bias", "mse"], chosen=chosen, draws=draws)
    for place, counts in enumerate(draws.counts(true.size)):
        for seed, mine in enumerate(chosen):
            drawn = np.repeat(np.flatnonzero(mine), counts[mine])
            alone = metrics.score(predicted[seed, drawn], true[drawn], ["bias", "mse"])
            for name, value in alone.items():
                assert made.resampled[name][place, seed] == value
    for name, value in metrics.score(predicted[0, chosen[0]], true[chosen[0]]).items():
        if name in made.scores:
            assert made.scores[name][0] == value


def test_all_chosen_is_none_left_out():
    predicted, true = sample(size=100)
    whole = replicate(predicted, true, draws=Draws(4))
    chosen = replicate(predicted, true, chosen=np.ones(predicted.shape, bool), draws=Draws(4))
    for name, values in whole.resampled.items():
        np.testing.assert_array_equal(chosen.resampled[name], values)


def test_no_galaxies_have_no_error_and_other_shapes_are_refused():
    made = replicate(np.empty((3, 0)), np.empty(0), draws=Draws(4))
    assert made.resampled["bias"].shape == (4, 3)
    assert np.isnan(made.error("bias"))
    for predicted, true in ((np.zeros(3), np.zeros(3)), (np.zeros((2, 3)), np.zeros(4))):
        with pytest.raises(ValueError, match="predicted"):
            replicate(predicted, true)
    with pytest.raises(ValueError, match="chosen"):
        replicate(np.zeros((2, 3)), np.zeros(3), chosen=np.ones(3, bool))


def test_a_ratio_of_a_method_to_itself_is_one_for_sure():
    made = replicate(*sample(bias=0.01))
    found = ratio(made, made, "bias")
    assert (found.value, found.error, found.low, found.high) == (1.0, 0.0, 1.0, 1.0)


def test_a_ratio_is_of_absolute_means_over_seeds():
    first, second = replicate(*sample(bias=-0.04)), replicate(*sample(bias=0.01))
    found = ratio(first, second, "bias")
    expected = abs(first.scores["bias"].mean()) / abs(second.scores["bias"].mean())
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert found.error == pytest.approx((found.high - found.low) / 2)


def normal_replicates(rng, mean, galaxies, seeds, count=40, resamples=4000):
    """Scores of seeds around a mean, and resamples moved by what galaxies do to all of them."""
    scores = mean + seeds * rng.standard_normal(count)
    scores += mean - scores.mean()
    moved = galaxies * rng.standard_normal((resamples, 1))
    return Replicates({"rmse": scores}, {"rmse": scores + moved})


def test_the_interval_of_a_ratio_holds_galaxies_and_seeds():
    """Far from 0, errors of a quotient add: relative, in quadrature (here they are independent)."""
    rng = np.random.default_rng(8)
    above = normal_replicates(rng, 2.0, galaxies=0.03, seeds=0.3)
    below = normal_replicates(rng, 1.0, galaxies=0.02, seeds=0.1, count=41)
    parts = (0.03 / 2, 0.3 / np.sqrt(40) / 2, 0.02, 0.1 / np.sqrt(41))
    assert ratio(above, below, "rmse").error == pytest.approx(2 * np.hypot.reduce(parts), rel=0.15)


def test_seeds_that_go_together_narrow_the_ratio():
    rng = np.random.default_rng(9)
    above = normal_replicates(rng, 2.0, galaxies=0.001, seeds=0.3)
    halved = Replicates(*({"rmse": part["rmse"] / 2} for part in (above.scores, above.resampled)))
    shuffled = rng.permutation(40)
    apart = Replicates(
        {"rmse": halved.scores["rmse"][shuffled]}, {"rmse": halved.resampled["rmse"][:, shuffled]}
    )
    assert ratio(above, halved, "rmse").error < 1e-12
    assert ratio(above, apart, "rmse").error > 0.02


def test_a_ratio_over_nothing_is_unbounded_or_no_number():
    one = Replicates({"rmse": np.ones(2)}, {"rmse": np.ones((5, 2))})
    none = Replicates({"rmse": np.zeros(2)}, {"rmse": np.zeros((5, 2))})
    assert ratio(one, none, "rmse").high == np.inf
    assert np.isnan(ratio(none, none, "rmse").value)
