"""Means, standard deviations and modes of densities, against fine sums and against qp."""

import numpy as np
import pytest

from transferz.baselines.forecasts.qp import as_distribution
from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
    per_galaxy,
)

GRID = np.concatenate([np.linspace(0.0, 1.0, 21), np.linspace(1.1, 3.0, 20)])  # uneven


def forms():
    rng = np.random.default_rng(3)
    levels = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
    three = rng.uniform(0.1, 1.0, (5, 3))
    return {
        "grid": GridPDF(GRID, rng.uniform(0.0, 1.0, (5, GRID.size))),
        "quantiles": Quantiles(levels, np.sort(rng.uniform(0.0, 3.0, (5, 7)), axis=1)),
        "mixture": GaussianMixture(three, rng.uniform(0.3, 2.0, (5, 3)), three / 5.0),
    }


@pytest.mark.parametrize("form", list(forms()))
def test_mean_and_std_are_those_of_the_density(form):
    forecast = forms()[form]
    fine = np.linspace(-3.0, 6.0, 90_001)
    for row in range(5):
        density = forecast.take(np.full(fine.size, row)).density(fine)
        mean = (fine * density).sum() / density.sum()
        std = np.sqrt(((fine - mean) ** 2 * density).sum() / density.sum())
        assert forecast.mean()[row] == pytest.approx(mean, abs=2e-3)
        assert forecast.std()[row] == pytest.approx(std, abs=2e-3)


def test_of_samples_they_are_the_samples_own():
    values = np.random.default_rng(0).normal(1.0, 0.3, (4, 50))
    assert Samples(values).mean() == pytest.approx(values.mean(axis=1))
    assert Samples(values).std() == pytest.approx(values.std(axis=1))


def test_the_mode_of_a_grid_is_where_it_is_highest_and_other_forms_tell_none():
    forecast = forms()["grid"]
    each = per_galaxy(forecast, np.ones(5))
    assert np.array_equal(each["pdf_mode"], [GRID[row.argmax()] for row in forecast.values])
    assert np.isnan(per_galaxy(forms()["mixture"], np.ones(5))["pdf_mode"]).all()


def test_few_quantiles_tell_no_mean_and_a_missing_forecast_none():
    few = per_galaxy(Quantiles([0.16, 0.84], [[0.4, 0.6]]), [0.5])
    assert np.isnan([few["pdf_mean"], few["pdf_std"], few["pdf_mode"]]).all()
    some = GridPDF([0, 1, 2], [[0, 1, 0], [np.nan] * 3])
    for values in (some.mean(), some.std(), some.mode()):
        assert np.isnan(values).tolist() == [False, True]


def test_a_distribution_of_somebody_elses_need_not_tell_them():
    class Other:
        """A form with what any must have, and no more."""

        def __init__(self, form):
            self.form = form

        def __len__(self):
            return len(self.form)

        def take(self, rows):
            return Other(self.form.take(rows))

        def __getattr__(self, name):
            if name in ("cdf", "density", "square_integral", "crps", "quantiles", "missing"):
                return getattr(self.form, name)
            raise AttributeError(name)

    own, other = (per_galaxy(one, np.ones(5)) for one in (forms()["grid"], Other(forms()["grid"])))
    assert np.isnan(other["pdf_mean"]).all() and np.isfinite(own["pdf_mean"]).all()
    assert np.array_equal(own["crps"], other["crps"])


def test_they_are_those_of_qp():
    qp = pytest.importorskip("qp")
    means, sigmas = np.array([[0.5], [1.5]]), np.array([[0.1], [0.3]])
    ensemble = qp.Ensemble(qp.stats.norm, data={"loc": means, "scale": sigmas})
    ours = as_distribution(ensemble)
    assert ours.mean() == pytest.approx(ensemble.mean().ravel())
    assert ours.std() == pytest.approx(ensemble.std().ravel())
