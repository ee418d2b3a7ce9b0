"""Scores on simulated forecasts whose truth is known: they tell right from wrong.

Galaxies are drawn from the very distributions that the right forecast states, in each of its four
forms; wrong ones are too narrow, too wide, shifted, or miss the second peak.
"""

import numpy as np
import pytest
from scipy import stats

from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
    per_galaxy,
    pit_histogram,
    score_probability,
)

GALAXIES, MEMBERS, BINS = 8_000, 99, 20
KINDS = ("gaussian", "bimodal")
WRONG = ("over", "under", "biased")
FLAT = 0.001
"""Chance of a flat histogram or PIT distribution to be called not flat; seeds are fixed."""


def right(kind):
    rng = np.random.default_rng(21)
    center, sigma = rng.uniform(0.5, 2.5, (GALAXIES, 1)), rng.uniform(0.06, 0.2, (GALAXIES, 1))
    if kind == "gaussian":
        return GaussianMixture(np.ones((GALAXIES, 1)), center, sigma)
    weights = np.broadcast_to([0.7, 0.3], (GALAXIES, 2))
    return GaussianMixture(weights, np.hstack([center, center + 1.0]), np.hstack([sigma, sigma]))


def draw(mixture, size, seed):
    """Redshifts drawn from each galaxy's mixture, shape (N, size)."""
    rng = np.random.default_rng(seed)
    which = (rng.random((len(mixture), size, 1)) > np.cumsum(mixture.weights, 1)[:, None]).sum(2)
    which = np.minimum(which, mixture.weights.shape[1] - 1)
    means = np.take_along_axis(mixture.means, which, axis=1)
    return rng.normal(means, np.take_along_axis(mixture.sigmas, which, axis=1))


def wrong(mixture, how):
    factor = {"over": 2.0, "under": 0.5}.get(how, 1.0)
    shift = 0.5 * mixture.sigmas if how == "biased" else 0.0
    return GaussianMixture(mixture.weights, mixture.means + shift, mixture.sigmas * factor)


def in_form(mixture, form):
    if form == "mixture":
        return mixture
    if form == "samples":
        return Samples(draw(mixture, MEMBERS, 77))
    if form == "quantiles":
        levels = np.arange(1, 100) / 100
        return Quantiles(levels, mixture.quantiles(levels))
    grid = np.linspace(-1.0, 5.0, 301)
    density = np.zeros((len(mixture), grid.size))
    for weight, mean, sigma in zip(
        mixture.weights.T, mixture.means.T, mixture.sigmas.T, strict=True
    ):
        scaled = (grid - mean[:, None]) / sigma[:, None]
        density += weight[:, None] * np.exp(-0.5 * scaled**2) / sigma[:, None]
    return GridPDF(grid, density)


def score(forecast, true):
    found = per_galaxy(forecast, true)
    return found, score_probability(found, true, forecast.quantiles([0.5])[:, 0])


@pytest.fixture(scope="module", params=KINDS)
def simulated(request):
    mixture = right(request.param)
    return mixture, draw(mixture, 1, 55)[:, 0]


def chance_of(pit):
    """The chance of PITs that are less flat, if the forecast is right: histogram and KS."""
    counts = np.rint(pit_histogram(pit, BINS) * pit.size)
    return stats.chisquare(counts).pvalue, stats.kstest(pit, "uniform").pvalue


@pytest.mark.parametrize("form", ["mixture", "grid", "quantiles", "samples"])
def test_the_right_forecast_is_flat_and_covers(simulated, form):
    mixture, true = simulated
    found, scores = score(in_form(mixture, form), true)
    histogram, ks = chance_of(found["pit"])
    assert histogram > FLAT
    # ranks among 99 samples take 100 values: 0.005 from uniform at most, for which KS is not made
    assert ks > FLAT if form != "samples" else scores["pit_ks"] < 1.95 / np.sqrt(GALAXIES) + 0.005
    for share, level in (("68", 0.68), ("90", 0.90)):
        error = np.sqrt(level * (1 - level) / GALAXIES)
        assert abs(scores[f"coverage_{share}"] - level) < 3.3 * error, share


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("form", ["mixture", "grid"])
def test_wrong_forecasts_are_found_out(simulated, how, form):
    mixture, true = simulated
    _, best = score(in_form(mixture, form), true)
    found, scores = score(in_form(wrong(mixture, how), form), true)
    assert max(chance_of(found["pit"])) < 1e-12
    for name in ("crps", "log_score", "cde_loss", "pit_ks", "pit_cvm", "pit_ad"):
        assert scores[name] > best[name], name
    for name in ("pit_ks", "pit_cvm", "pit_ad"):
        assert scores[name] > 3 * best[name], name


@pytest.mark.parametrize("name", ["crps", "log_score", "cde_loss"])
@pytest.mark.parametrize("how", WRONG)
def test_the_right_forecast_is_better_beyond_chance(simulated, how, name):
    mixture, true = simulated
    gain = per_galaxy(wrong(mixture, how), true)[name] - per_galaxy(mixture, true)[name]
    assert gain.mean() > 5.0 * gain.std(ddof=1) / np.sqrt(GALAXIES)


def test_widths_tell_what_pits_look_like(simulated):
    mixture, true = simulated
    wide = pit_histogram(per_galaxy(wrong(mixture, "over"), true)["pit"], BINS)
    narrow = pit_histogram(per_galaxy(wrong(mixture, "under"), true)["pit"], BINS)
    assert wide[[0, -1]].max() < 1 / BINS < wide[[BINS // 4, -BINS // 4]].max()  # a hump
    assert narrow[[0, -1]].min() > 1.5 / BINS  # a trough
    _, over = score(wrong(mixture, "over"), true)
    _, under = score(wrong(mixture, "under"), true)
    assert under["coverage_68"] < 0.60 and over["coverage_68"] > 0.75
    assert under["width_90"] < over["width_90"]


def test_a_bias_is_lopsided(simulated):
    mixture, true = simulated
    pit = per_galaxy(wrong(mixture, "biased"), true)["pit"]
    assert pit.mean() < 0.5 - 5 * np.sqrt(1 / 12 / GALAXIES)


def test_missing_the_second_peak_is_found_out():
    mixture = right("bimodal")
    true = draw(mixture, 1, 55)[:, 0]
    single = GaussianMixture(np.ones((GALAXIES, 1)), mixture.means[:, :1], mixture.sigmas[:, :1])
    (found, scores), (_, best) = score(single, true), score(mixture, true)
    assert max(chance_of(found["pit"])) < 1e-12
    assert scores["outlier_rate_3sigma_width"] > 0.25 > best["outlier_rate_3sigma_width"] + 0.05
    for name in ("crps", "log_score", "cde_loss"):
        assert scores[name] > best[name], name


def test_scores_are_least_at_the_truth():
    """Proper scores: no other width does better on average."""
    mixture = right("gaussian")
    true = draw(mixture, 1, 55)[:, 0]
    widths = np.array([0.6, 0.8, 1.0, 1.25, 1.6])
    tried = [
        GaussianMixture(mixture.weights, mixture.means, mixture.sigmas * width) for width in widths
    ]
    for name in ("crps", "log_score", "cde_loss"):
        means = [per_galaxy(one, true)[name].mean() for one in tried]
        assert widths[int(np.argmin(means))] == 1.0, name


@pytest.mark.parametrize("members", [1, 3, 10, 19, 25])
def test_the_pit_of_few_samples_is_flat(members):
    """It has no comb, whether or not the bins divide the ranks; the ids alone seed it."""
    rng = np.random.default_rng(3)
    true, values = rng.normal(1.0, 0.2, 20_000), rng.normal(1.0, 0.2, (20_000, members))
    keys = rng.permutation(20_000)
    pit = per_galaxy(Samples(values), true, keys)["pit"]
    counts = len(pit) * pit_histogram(pit, BINS)
    assert stats.chisquare(counts).pvalue > FLAT
    again = per_galaxy(Samples(values[::-1]), true[::-1], keys[::-1])["pit"][::-1]
    np.testing.assert_array_equal(pit, again)
