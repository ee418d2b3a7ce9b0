"""Scores of each galaxy and of many: by hand, by scipy, and what a NaN does to them."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from transferz.baselines.scores.probability import (
    PER_GALAXY,
    PROBABILITY_METRICS,
    GaussianMixture,
    Quantiles,
    per_galaxy,
    score_probability,
)
from transferz.baselines.scores.probability.scores import DENSITY_FLOOR


def gaussians(sigma=0.1, size=300, seed=4):
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.2, 2.0, size)
    mean = true + rng.normal(0.0, 0.1, size)
    return GaussianMixture(np.ones((size, 1)), mean[:, None], np.full((size, 1), sigma)), true


def test_per_galaxy_of_a_gaussian():
    forecast, true = gaussians()
    found = per_galaxy(forecast, true)
    assert tuple(found) == PER_GALAXY
    mean, sigma = forecast.means[:, 0], 0.1
    np.testing.assert_allclose(found["pit"], stats.norm.cdf(true, mean, sigma))
    np.testing.assert_allclose(found["log_score"], -stats.norm.logpdf(true, mean, sigma))
    square = 1 / (2 * sigma * np.sqrt(np.pi))
    np.testing.assert_allclose(found["cde_loss"], square - 2 * stats.norm.pdf(true, mean, sigma))
    np.testing.assert_allclose(found["low_68"], stats.norm.ppf(0.16, mean, sigma))
    np.testing.assert_allclose(found["high_90"], stats.norm.ppf(0.95, mean, sigma))


def test_a_hopeless_forecast_has_the_floors_log_score():
    hopeless = GaussianMixture([[1.0]], [[1.0]], [[0.001]])
    assert per_galaxy(hopeless, [5.0])["log_score"] == pytest.approx(-np.log(DENSITY_FLOOR))


def test_intervals_alone_can_be_scored():
    levels = [0.05, 0.16, 0.84, 0.95]
    forecast, true = gaussians()
    found = per_galaxy(Quantiles(levels, forecast.quantiles(levels)), true)
    scores = score_probability(found, true, forecast.means[:, 0])
    whole = score_probability(per_galaxy(forecast, true), true, forecast.means[:, 0])
    known = {name for name, value in scores.items() if np.isfinite(value)}
    assert known == {
        "coverage_68", "coverage_90", "width_68", "width_90", "outlier_rate_3sigma_width"
    }  # fmt: skip
    for name in known:
        assert scores[name] == pytest.approx(float(whole[name])), name


def test_scores_worked_by_hand():
    columns = {
        "pit": [0.1, 0.9], "crps": [0.1, 0.3], "cde_loss": [-1.0, 3.0], "log_score": [0.0, 1.0],
        "low_68": [0.9, 1.5], "high_68": [1.1, 1.7], "low_90": [0.8, 1.0], "high_90": [1.2, 1.8],
    }  # fmt: skip
    scores = score_probability(columns, [1.1, 1.0], [1.35, 1.35])  # 68 %: σ = 0.1, both times
    assert tuple(scores) == PROBABILITY_METRICS
    assert scores["crps"] == pytest.approx(0.2) and scores["cde_loss"] == pytest.approx(1.0)
    assert scores["coverage_68"] == 0.5 and scores["coverage_90"] == 1.0  # ends count
    assert scores["width_68"] == pytest.approx(0.2) and scores["width_90"] == pytest.approx(0.6)
    assert scores["outlier_rate_3sigma_width"] == 0.5  # 2.5 and 3.5 σ
    assert scores["pit_ks"] == pytest.approx(0.4)


def test_seeds_are_scored_each_by_itself():
    forecasts, true = zip(*(gaussians(sigma) for sigma in (0.1, 0.2)), strict=True)
    points = np.stack([one.means[:, 0] for one in forecasts])
    each = [per_galaxy(one, true[0]) for one in forecasts]
    both = score_probability(
        {name: np.stack([one[name] for one in each]) for name in PER_GALAXY}, true[0], points
    )
    for seed in range(2):
        alone = score_probability(each[seed], true[0], points[seed])
        for name, value in alone.items():
            assert both[name].shape == (2,)
            assert both[name][seed] == pytest.approx(float(value)), name


def test_one_missing_galaxy_voids_its_seed_alone():
    forecast, true = gaussians(size=20)
    found = {name: np.stack([values] * 2) for name, values in per_galaxy(forecast, true).items()}
    points = np.stack([forecast.means[:, 0]] * 2)
    for values in (*found.values(), points):
        values[1, 3] = np.nan
    for name, value in score_probability(found, true, points).items():
        assert np.isfinite(value[0]) and np.isnan(value[1]), name


def test_columns_that_are_absent_are_nan_and_no_galaxies_too():
    scores = score_probability({"crps": [0.5]}, [1.0], [1.0])
    assert scores["crps"] == 0.5
    assert all(np.isnan(value) for name, value in scores.items() if name != "crps")
    none = score_probability({}, np.empty(0), np.empty((2, 0)))
    assert all(np.isnan(value).all() and value.shape == (2,) for value in none.values())


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="differ"):
        score_probability({}, [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="crps: expected shape"):
        score_probability({"crps": [1.0]}, [1.0, 2.0], [1.0, 2.0])


@pytest.mark.parametrize("first", ["metrics", "probability"])
def test_either_imports_first_and_with_numpy_alone(first):
    heavy = {"scipy", "pandas", "torch", "pyarrow", "pydantic", "yaml", "matplotlib", "qp"}
    code = (
        f"import sys, transferz.baselines.scores.{first}; "
        f"found = {heavy!r} & set(sys.modules); assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
