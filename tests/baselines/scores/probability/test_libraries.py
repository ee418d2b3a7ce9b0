"""The same numbers as scoringrules and qp where they mean the same, and where they do not.

- scoringrules' quantile CRPS is twice the mean pinball loss over the levels: the CRPS in the limit
  of many, equally spaced levels alone. Ours integrates the CDF through the quantiles.
- qp's CDF of an ``interp`` ensemble is linear between grid points, of a density that is linear
  there; ours is quadratic. They are equal at grid points.
- qp's CDE loss, as RAIL's, reads the density off at the grid point nearest to the truth and
  integrates the squared density by trapezoids.
- qp's PIT replaces NaN by 0; ours stays NaN. Its Anderson-Darling statistic is that of two samples,
  of PITs and of evenly spaced numbers; ours is that of one sample against the uniform.
- qp's Brier score takes densities for probabilities of bins: it is no score of ours.
"""

import numpy as np
import pytest

from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
    per_galaxy,
    pit_cvm,
    pit_ks,
)

qp = pytest.importorskip("qp")
scoringrules = pytest.importorskip("scoringrules")

GRID = np.linspace(0.0, 4.0, 401)


def mixtures(size=200, count=3, seed=9):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 1.0, (size, count))
    means, sigmas = rng.uniform(0.6, 2.6, (size, count)), rng.uniform(0.08, 0.3, (size, count))
    return GaussianMixture(weights, means, sigmas), rng.uniform(0.3, 3.0, size)


def on_a_grid(mixture):
    offset = (GRID[:, None] - mixture.means[:, None]) / mixture.sigmas[:, None]
    heights = np.exp(-0.5 * offset**2) / mixture.sigmas[:, None]
    return np.einsum("ngk,nk->ng", heights, mixture.weights)


def test_mixtures_are_scoringrules():
    mixture, true = mixtures()
    wanted = scoringrules.crps_mixnorm(true, mixture.means, mixture.sigmas, mixture.weights)
    np.testing.assert_allclose(mixture.crps(true), wanted, rtol=1e-9)
    one, _ = mixtures(count=1)
    wanted = scoringrules.crps_normal(true, one.means[:, 0], one.sigmas[:, 0])
    np.testing.assert_allclose(one.crps(true), wanted, rtol=1e-9)
    wanted = scoringrules.logs_mixnorm(true, mixture.means, mixture.sigmas, mixture.weights)
    floored = np.minimum(wanted, -np.log(1e-10))
    np.testing.assert_allclose(per_galaxy(mixture, true)["log_score"], floored, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["nrg", "qd"])
def test_samples_are_scoringrules(estimator):
    values, true = np.random.default_rng(1).normal(1.0, 0.3, (100, 33)), np.linspace(0, 2, 100)
    values[:, 5] = values[:, 6]  # ties
    wanted = scoringrules.crps_ensemble(true, values, estimator=estimator)
    np.testing.assert_allclose(Samples(values).crps(true), wanted, rtol=1e-9)


def test_the_fair_estimate_for_few_samples_is_another():
    values, true = np.random.default_rng(1).normal(1.0, 0.3, (100, 10)), np.linspace(0, 2, 100)
    fair = scoringrules.crps_ensemble(true, values, estimator="fair")
    assert np.all(Samples(values).crps(true) > fair)


def test_quantiles_are_scoringrules_in_the_limit():
    mixture, true = mixtures()
    gaps = []
    for count in (20, 200):
        levels = (np.arange(count) + 0.5) / count
        values = mixture.quantiles(levels)
        theirs = scoringrules.crps_quantile(true, values, levels)
        gaps.append(np.abs(Quantiles(levels, values).crps(true) - theirs).max())
    assert gaps[1] < 1e-3 and gaps[1] < gaps[0] / 5


def test_pdfs_on_a_grid_are_the_mixtures_they_sample():
    mixture, true = mixtures()
    wanted = scoringrules.crps_mixnorm(true, mixture.means, mixture.sigmas, mixture.weights)
    found = GridPDF(GRID, on_a_grid(mixture)).crps(true)
    inside = mixture.cdf(0.0) + 1.0 - mixture.cdf(4.0) < 1e-6
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-4)
    assert inside.sum() > 50


def test_pits_are_qps_at_grid_points_and_near_between():
    mixture, true = mixtures()
    values = on_a_grid(mixture)
    ensemble, ours = qp.interp.create_ensemble(GRID, values), GridPDF(GRID, values)
    from qp.metrics.pit import PIT

    nodes = GRID[np.searchsorted(GRID, true)]
    np.testing.assert_allclose(ours.cdf(nodes), PIT(ensemble, nodes).pit_samps, atol=1e-9)
    theirs = PIT(ensemble, true)
    np.testing.assert_allclose(ours.cdf(true), theirs.pit_samps, atol=1e-3)
    assert pit_ks(theirs.pit_samps) == pytest.approx(theirs.evaluate_PIT_KS().statistic)
    cvm = theirs.evaluate_PIT_CvM().statistic / true.size
    assert pit_cvm(theirs.pit_samps) == pytest.approx(cvm)
    exact = mixture.cdf(true)  # where theirs and ours differ, ours is the nearer
    assert np.abs(ours.cdf(true) - exact).mean() <= np.abs(theirs.pit_samps - exact).mean()


def test_the_cde_loss_is_qps_at_grid_points():
    from qp.metrics.concrete_metric_classes import CDELossMetric

    mixture, true = mixtures()
    values, nodes = on_a_grid(mixture), GRID[np.searchsorted(GRID, true)]
    theirs = CDELossMetric(GRID).evaluate(qp.interp.create_ensemble(GRID, values), nodes)
    ours = per_galaxy(GridPDF(GRID, values), nodes)["cde_loss"].mean()
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_the_cde_loss_does_not_snap_as_qps_does():
    from qp.metrics.concrete_metric_classes import CDELossMetric

    coarse = np.array([0.0, 1.0, 2.0])
    values, true = np.array([[0.0, 1.0, 0.0]] * 2), np.array([1.4] * 2)
    theirs = CDELossMetric(coarse).evaluate(qp.interp.create_ensemble(coarse, values), true)
    assert theirs == pytest.approx(1.0 - 2.0 * 1.0)  # trapezoids; p at 1
    ours = per_galaxy(GridPDF(coarse, values), true)["cde_loss"]
    assert ours.mean() == pytest.approx(2.0 / 3.0 - 2.0 * 0.6)  # exact; p at 1.4


def test_qps_mixtures_and_quantiles_have_the_same_cdf():
    mixture, true = mixtures(size=40)
    parts = {"means": mixture.means, "stds": mixture.sigmas, "weights": mixture.weights}
    theirs = qp.mixmod.create_ensemble(**parts)
    np.testing.assert_allclose(mixture.cdf(true), theirs.cdf(true[:, None])[:, 0], atol=1e-12)
    np.testing.assert_allclose(mixture.density(true), theirs.pdf(true[:, None])[:, 0], atol=1e-12)


def test_qps_brier_score_takes_densities_for_probabilities():
    from qp.metrics.metrics import calculate_brier

    ensemble = qp.interp.create_ensemble(GRID, np.ones((1, 401)))  # density 1/4 in 400 bins
    score = calculate_brier(ensemble, np.array([2.0]), (0.0, 4.0))
    assert score == pytest.approx(399 / 16 + 9 / 16)  # a score of probabilities is 2 at most
