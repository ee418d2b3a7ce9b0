"""Offsets of bands: those put in come out."""

import numpy as np

from transferz.photometry.fit import LEAST_GALAXIES, fit_offsets


def measured(models, count, seed):
    """Redshifts and noisy fluxes of model galaxies, with errors."""
    rng = np.random.default_rng(seed)
    at_z = rng.integers(10, 120, count)
    flux = models.flux[at_z, rng.integers(0, 279, count)] * rng.uniform(5, 50, (count, 1))
    error = np.full_like(flux, 0.05)
    return models.redshift[at_z], flux + error * rng.normal(size=flux.shape), error


def test_offsets_put_in_come_out(models):
    redshift, flux, error = measured(models, 400, 0)
    applied = np.array([1.1, 0.95, 1.0, 0.9, 1.05, 1.0, 1.0, 0.97, 1.04])
    applied /= np.exp(np.log(applied).mean())
    found = fit_offsets(flux / applied, error / applied, redshift, models, iterations=10)
    np.testing.assert_allclose(found, applied, rtol=0.02)
    np.testing.assert_allclose(np.log(found).mean(), 0.0, atol=1e-12)


def test_good_photometry_needs_none(models):
    redshift, flux, error = measured(models, 300, 1)
    np.testing.assert_allclose(fit_offsets(flux, error, redshift, models), 1.0, atol=0.01)


def test_a_band_that_few_galaxies_have_keeps_one(models):
    redshift, flux, error = measured(models, 100, 2)
    flux[LEAST_GALAXIES - 1 :, 3] = np.nan
    flux[:, 3] *= 1.5
    found = fit_offsets(flux, error, redshift, models)
    assert found[3] == 1.0
    np.testing.assert_allclose(np.log(np.delete(found, 3)).mean(), 0.0, atol=1e-12)


def test_galaxies_without_photometry_change_nothing(models):
    redshift, flux, error = measured(models, 100, 3)
    expected = fit_offsets(flux, error, redshift, models)
    empty = np.full((5, flux.shape[1]), np.nan)
    found = fit_offsets(
        np.vstack([flux, empty]), np.vstack([error, empty]), np.append(redshift, [1.0] * 5), models
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
