"""Differences of methods: simulated with known truth, and by hand."""

import numpy as np
import pytest

from transferz.baselines.scores.bootstrap import Draws, Replicates, replicate
from transferz.baselines.scores.paired import (
    COMPARED,
    SIGNIFICANCE,
    LossDifference,
    distance,
    holm,
    loss,
    paired_difference,
)

NAMES = ("bias", "scatter", "rmse")
GALAXIES, SEEDS, METHODS, TRIALS = 300, 4, 4, 150
OFFSET = 0.03
"""Of all methods' bias: its sign is then never in doubt."""


def forecasts(rng, widths):
    """Methods with noise in common, of their own, of each seed, and seeds of unequal quality."""
    true = rng.uniform(0.3, 1.5, GALAXIES)
    common = rng.normal(0, 0.02, GALAXIES)
    made = []
    for width in widths:
        own = rng.normal(0, 0.03, GALAXIES) + rng.normal(0, 0.02, (SEEDS, GALAXIES))
        seeds = rng.normal(OFFSET, 0.004, (SEEDS, 1)), np.exp(rng.normal(0, 0.08, (SEEDS, 1)))
        made.append(true + (common + width * own * seeds[1] + seeds[0]) * (1 + true))
    return true, made


def differences(trial, widths, names=NAMES):
    """Metric -> comparisons of all pairs, the first method's first."""
    true, made = forecasts(np.random.default_rng((7, trial)), widths)
    found = [replicate(one, true, names, draws=Draws(60, trial)) for one in made]
    pairs = [(a, b) for a in range(len(made)) for b in range(a + 1, len(made))]
    return {
        name: [paired_difference(loss(name, found[a]), loss(name, found[b])) for a, b in pairs]
        for name in names
    }


@pytest.fixture(scope="module")
def equal():
    """p-values of all pairs of four equal methods, shape (metrics, trials, pairs)."""
    trials = [differences(trial, np.ones(METHODS)) for trial in range(TRIALS)]
    return np.array([[[one.p for one in trial[name]] for trial in trials] for name in NAMES])


def test_equal_methods_raise_false_alarms_at_the_nominal_rate(equal):
    rates = (equal[:, :, 0] < SIGNIFICANCE).mean(axis=1)
    assert (rates <= 0.09).all(), rates  # 0.05 and two standard deviations of 150 trials
    assert (equal[:, :, 0] < SIGNIFICANCE).mean() >= 0.015  # nor is it never


def test_their_p_values_are_spread_evenly(equal):
    shares = np.histogram(equal[:, :, 0], bins=4, range=(0, 1))[0] / equal[:, :, 0].size
    assert np.abs(shares - 0.25).max() < 0.08, shares


def test_holm_keeps_the_rate_of_any_false_alarm(equal):
    corrected = np.apply_along_axis(holm, -1, equal)
    assert ((corrected < SIGNIFICANCE).any(axis=-1).mean(axis=1) <= 0.09).all()
    assert ((equal < SIGNIFICANCE).any(axis=-1).mean(axis=1) > 0.09).any()  # uncorrected: not


def test_a_worse_method_is_found():
    found = [differences(trial, (1.0, 1.6), ("scatter", "rmse")) for trial in range(25)]
    for name in ("scatter", "rmse"):
        worse = [one[name][0].p < SIGNIFICANCE and one[name][0].difference < 0 for one in found]
        assert np.mean(worse) > 0.9, name


def test_the_interval_covers_the_true_difference():
    expected = 0.0  # of two equal methods
    found = [differences(trial, (1.0, 1.0), ("rmse",))["rmse"][0].interval for trial in range(60)]
    assert np.mean([low <= expected <= high for low, high in found]) >= 0.9


def test_common_noise_cancels():
    """Paired, a small difference is certain that unpaired error bars would hide."""
    rng = np.random.default_rng(3)
    true = rng.uniform(0.3, 1.5, 400)
    first = true + rng.normal(0, 0.1, 400) * (1 + true)
    second = first + 0.002 * rng.normal(0, 1, 400) + 0.002 * (1 + true)
    one, two = (replicate(made[None], true, ("bias",)) for made in (first, second))
    error = paired_difference(loss("bias", one), loss("bias", two)).error
    assert error < 0.2 * np.hypot(one.error("bias"), two.error("bias"))


def made(values, resampled, name="bias"):
    return Replicates({name: np.array(values)}, {name: np.array(resampled)})


def test_bias_counts_by_its_size():
    low = loss("bias", made([-0.02, -0.04], [[-0.02, -0.04], [-0.05, -0.05]]))
    high = loss("bias", made([0.03], [[0.03], [0.05]]))
    assert low.value == pytest.approx(0.03)
    assert low.resampled == pytest.approx([0.03, 0.05])
    assert low.seed_variance == pytest.approx(0.02**2 / 2 / 2)
    assert paired_difference(low, high).difference == pytest.approx(0.0)


def test_coverage_counts_by_its_distance_from_nominal():
    over = loss("coverage_90", made([0.95], [[0.95], [0.97]], "coverage_90"))
    under = loss("coverage_90", made([0.80], [[0.80], [0.79]], "coverage_90"))
    assert over.value == pytest.approx(0.05)
    assert under.resampled == pytest.approx([0.10, 0.11])
    assert paired_difference(over, under).difference == pytest.approx(-0.05)
    assert distance("coverage_68", 0.60) == pytest.approx(0.08)
    assert distance("scatter", 0.03) == 0.03


def test_errors_of_galaxies_and_seeds_add_and_few_seeds_are_told():
    first = loss("rmse", made([0.1, 0.3], [[0.2, 0.2], [0.4, 0.4]], "rmse"))
    second = loss("rmse", made([0.1], [[0.1], [0.1]], "rmse"))
    found = paired_difference(first, second)
    galaxies, seeds = 0.02, 0.01  # variances: of 0.1 and 0.3; 0.02 over 2
    assert found.error == pytest.approx(np.sqrt(galaxies + seeds))
    assert found.degrees == pytest.approx((galaxies + seeds) ** 2 / seeds**2)
    low, high = found.interval
    assert low < found.difference < high


def test_the_p_value_is_students():
    from scipy.stats import t

    assert LossDifference(0.3, 0.1, 5.0).p == pytest.approx(2 * t.sf(3.0, 5.0))
    assert LossDifference(-1.96, 1.0, float("inf")).p == pytest.approx(0.05, abs=1e-4)


def test_what_is_the_same_is_the_same_and_what_is_unknown_is_unknown():
    assert LossDifference(0.0, 0.0, float("inf")).p == 1.0
    assert np.isnan(LossDifference(0.1, 0.0, float("inf")).p)
    assert np.isnan(LossDifference(float("nan"), 0.1, 3.0).p)


def test_resamples_must_be_the_same():
    short, long = (loss("bias", made([0.0], np.zeros((n, 1)))) for n in (2, 3))
    with pytest.raises(ValueError, match="2 and 3 resamples"):
        paired_difference(short, long)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    missing = holm([0.02, np.nan, 0.03])
    assert missing[[0, 2]] == pytest.approx([0.04, 0.04])
    assert np.isnan(missing[1])
    assert holm([]).size == 0


def test_widths_rank_nothing():
    assert "width_90" not in COMPARED
    assert {"bias", "crps", "coverage_90", "pit_ks"} <= set(COMPARED)
