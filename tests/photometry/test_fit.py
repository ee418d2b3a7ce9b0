"""The template fit: right against a plain loop, and indifferent to what should not matter."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry.fit import (
    ErrorModel,
    PhotoZ,
    fit_stars,
    fit_templates,
    fluxes_at_redshift,
)
from transferz.photometry.grid import basis_grid
from transferz.photometry.likelihood import Weighted
from transferz.photometry.stars import TEMPERATURES, stellar_fluxes
from transferz.photometry.templates import DustGrid, fit_coefficients, galaxy_basis, model_grid

EXACT = ErrorModel(scale=1.0, optical_floor=0.0, infrared_floor=0.0, mid_infrared_floor=0.0)
FIELDS = [field.name for field in dataclasses.fields(PhotoZ)]


def assert_same(first, second, rows=slice(None)):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(first, name)[rows], getattr(second, name), name)


@pytest.fixture(scope="module")
def fitted(survey, models):
    _, flux, error = survey
    return fit_templates(flux, error, models)


def test_chi2_is_that_of_a_plain_loop(survey, models, bands, fitted):
    _, flux, error = survey
    for row in range(4):
        used = np.isfinite(flux[row])
        f, infrared = flux[row, used], np.array([b.name.startswith("UVISTA") for b in bands])[used]
        sigma = np.sqrt((1.5 * error[row, used]) ** 2 + (np.where(infrared, 0.05, 0.02) * f) ** 2)
        best = (np.inf, None, None)
        for number, redshift in enumerate(models.redshift):
            for model, template in enumerate(models.flux[number][:, used]):
                amplitude = sum(f * template / sigma**2) / sum((template / sigma) ** 2)
                chi2 = sum(((f - max(amplitude, 0.0) * template) / sigma) ** 2)
                best = min(best, (chi2, redshift, model))
        assert fitted.chi2_best[row] == pytest.approx(best[0], abs=6e-4)
        assert fitted.z_min_chi2[row] == best[1]
        assert fitted.template[row] == best[2]
        assert fitted.n_filters[row] == used.sum()


def test_photometry_without_noise_gives_redshift_and_model_back(models):
    rng = np.random.default_rng(1)
    at_z = rng.integers(5, models.redshift.size, 100)
    model = rng.integers(0, models.flux.shape[1], 100)
    flux = models.flux[at_z, model] * rng.uniform(0.1, 100.0, (100, 1))
    result = fit_templates(flux, 1e-4 * flux, models, EXACT)
    np.testing.assert_array_equal(result.z_min_chi2, models.redshift[at_z])
    np.testing.assert_array_equal(result.template, model)
    np.testing.assert_array_equal(result.chi2_best, 0.0)
    np.testing.assert_allclose(result.z_pdf, models.redshift[at_z], atol=0.011)


def test_a_galaxy_of_the_mock_is_recovered_with_its_mass(bands, models):
    """Two ways to the same fluxes: the mock's interpolation and the fit's models."""
    rng = np.random.default_rng(2)
    coefficients = fit_coefficients()[rng.integers(0, 31, 60)] * 3e9
    redshift = rng.uniform(0.1, 2.9, 60)
    flux = basis_grid(bands, 3.0).fluxes(redshift, coefficients)
    result = fit_templates(flux, 0.02 * flux, models, EXACT)
    assert np.median(np.abs(result.z_pdf - redshift)) < 0.01
    assert np.mean(np.abs(result.z_pdf - redshift) > 0.1 * (1 + redshift)) <= 0.05
    assert (result.z_l68 <= result.z_pdf).all() and (result.z_pdf <= result.z_u68).all()
    mass = np.log10(galaxy_basis().stellar_mass(coefficients))
    assert np.median(np.abs(result.log_mass - mass)) < 0.1


@settings(deadline=None, max_examples=10)
@given(st.floats(1e-3, 1e5))
def test_brightness_changes_the_mass_alone(survey, models, fitted, factor):
    _, flux, error = survey
    scaled = fit_templates(flux[:40] * factor, error[:40] * factor, models)
    np.testing.assert_allclose(scaled.chi2_best, fitted.chi2_best[:40], atol=2e-3)
    np.testing.assert_allclose(scaled.z_pdf, fitted.z_pdf[:40], atol=2e-4)
    np.testing.assert_array_equal(scaled.template, fitted.template[:40])
    expected = fitted.log_mass[:40] + np.log10(factor)
    np.testing.assert_allclose(scaled.log_mass, expected, atol=2e-4)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_galaxies_does_not_matter(survey, models, fitted, seed):
    _, flux, error = survey
    rows = np.random.default_rng(seed).permutation(300)[:50]
    assert_same(fitted, fit_templates(flux[rows], error[rows], models), rows)


def test_the_order_of_bands_does_not_matter(survey, models, bands, fitted):
    _, flux, error = survey
    order = np.random.default_rng(0).permutation(len(bands))
    shuffled = dataclasses.replace(
        models,
        bands=tuple(bands[k] for k in order),
        flux=np.ascontiguousarray(models.flux[..., order]),
        squared=np.ascontiguousarray(models.squared[..., order]),
    )
    assert_same(fit_templates(flux[:, order], error[:, order], shuffled), fitted)


@pytest.mark.parametrize("chunk", [1, 7, 300, 1000])
def test_chunks_do_not_matter(survey, models, fitted, chunk):
    _, flux, error = survey
    assert_same(fit_templates(flux, error, models, chunk=chunk), fitted)


def test_a_missing_band_is_a_band_less(survey, models, bands):
    _, flux, error = survey
    whole = np.isfinite(flux).all(axis=1)
    flux, error = flux[whole].copy(), error[whole].copy()
    flux[:, 3], error[:, 6] = np.nan, 0.0
    kept = [k for k in range(len(bands)) if k not in (3, 6)]
    fewer = model_grid([bands[k] for k in kept], 3.0, 0.02)
    without = fit_templates(flux[:, kept], error[:, kept], fewer)
    result = fit_templates(flux, error, models)
    assert (result.n_filters == len(kept)).all()
    assert_same(result, without)


def test_a_galaxy_without_photometry_has_no_result(models, bands):
    flux = np.vstack([np.full(len(bands), np.nan), np.ones(len(bands))])
    result = fit_templates(flux, np.full_like(flux, 0.1), models)
    assert (result.n_filters[0], result.template[0]) == (0, -1)
    numbers = [getattr(result, name)[0] for name in [*FIELDS[:6], "log_mass"]]
    assert np.isnan(numbers).all()
    assert np.isfinite(result.z_pdf[1])
    assert np.isnan(fit_stars(flux, np.full_like(flux, 0.1), bands)[0])


def test_no_galaxies_give_no_results(models, bands):
    result = fit_templates(np.empty((0, len(bands))), np.empty((0, len(bands))), models)
    assert all(getattr(result, name).shape == (0,) for name in FIELDS)


def test_negative_fluxes_are_measurements(models, bands):
    flux = models.flux[100, 40][None] * 5.0
    faint = flux.copy()
    faint[0, 0] = -3.0
    error = np.full_like(flux, 0.05)
    worse = fit_templates(faint, error, models).chi2_best
    assert worse[0] > fit_templates(flux, error, models).chi2_best[0] + 100.0
    only_negative = fit_templates(-flux, error, models, EXACT)
    assert only_negative.chi2_best[0] == pytest.approx(np.sum((flux / error) ** 2), rel=1e-6)
    assert np.isnan(only_negative.log_mass[0])


def test_results_are_rounded(fitted):
    for name, digits in (("z_pdf", 4), ("z_l68", 4), ("z_u68", 4), ("chi2_best", 3)):
        values = getattr(fitted, name)
        np.testing.assert_array_equal(values, np.round(values, digits))
    assert fitted.n_filters.dtype == fitted.template.dtype == np.int16


def test_stars_fit_stars_and_galaxies_galaxies(models, bands, survey):
    rng = np.random.default_rng(4)
    stars = stellar_fluxes(bands, rng.uniform(TEMPERATURES[3], 9000.0, 100)) * 20.0
    stars = stars * (1 + 0.02 * rng.normal(size=stars.shape))
    error = 0.01 * stars
    chi2 = fit_stars(stars, error, bands), fit_templates(stars, error, models).chi2_best
    assert np.mean(chi2[0] < chi2[1]) > 0.9
    _, flux, error = survey
    bright = (flux[:, 4] > 40 * error[:, 4]) & (survey[0] > 0.1)
    chi2 = fit_stars(flux, error, bands), fit_templates(flux, error, models).chi2_best
    assert np.mean(chi2[1][bright] < chi2[0][bright]) > 0.95


def test_star_chi2_is_that_of_a_plain_loop(bands, survey):
    _, flux, error = survey
    row = np.flatnonzero(np.isfinite(flux).all(axis=1))[0]
    f, sigma = flux[row], EXACT.total(flux[row], error[row], bands)
    chi2 = []
    for template in stellar_fluxes(bands):
        amplitude = max(np.sum(f * template / sigma**2) / np.sum((template / sigma) ** 2), 0.0)
        chi2.append(np.sum(((f - amplitude * template) / sigma) ** 2))
    found = fit_stars(flux[row][None], error[row][None], bands, EXACT)[0]
    assert found == pytest.approx(min(chi2), abs=1e-3)


def test_fluxes_at_a_known_redshift_are_the_best_models(models):
    rng = np.random.default_rng(6)
    at_z, model = rng.integers(1, 151, 80), rng.integers(0, 279, 80)
    flux = 7.0 * models.flux[at_z, model]
    near = models.redshift[at_z] + 0.004  # the nearest of the grid is meant
    found = fluxes_at_redshift(flux, 0.01 * flux, near, models, EXACT, chunk=17)
    np.testing.assert_allclose(found, flux, rtol=1e-6)


def test_models_are_templates_times_screens(bands):
    grid = model_grid(
        bands, 0.1, 0.05, [DustGrid("calzetti", (0.0, 0.2)), DustGrid("smc", (0.0, 0.3))]
    )
    assert grid.flux.shape == (3, 31 * 3, len(bands))  # without dust the laws coincide
    np.testing.assert_allclose(grid.redshift, [0.0, 0.05, 0.1])
    np.testing.assert_array_equal(grid.flux.max(axis=2), 1.0)
    assert (grid.mass_per_amplitude[1:, 31:62] > grid.mass_per_amplitude[1:, :31]).all()


def test_error_floors_follow_wavelength():
    from transferz.photometry.bands import BY_NAME

    chosen = [BY_NAME[n] for n in ("HSC_y", "UVISTA_Y", "IRAC_CH1", "IRAC_CH2")]
    flux = np.full((1, 4), 100.0)
    np.testing.assert_allclose(
        ErrorModel(scale=2.0).total(flux, np.zeros((1, 4)), chosen), [[2.0, 5.0, 5.0, 10.0]]
    )
    total = ErrorModel(scale=2.0).total(flux, np.ones((1, 4)), chosen)[0, 0]
    assert total == pytest.approx(np.sqrt(4.0 + 4.0))


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"optical_floor": -0.1}, {"scale": np.nan}])
def test_impossible_error_models_are_refused(wrong):
    with pytest.raises(ValueError, match="error scale must be positive"):
        ErrorModel(**wrong)


def test_shapes_are_checked(models, bands):
    with pytest.raises(ValueError, match=r"must both be \(N, 9\)"):
        fit_templates(np.ones((4, 8)), np.ones((4, 8)), models)
    with pytest.raises(ValueError, match=r"flux \(4, 9\) and error \(3, 9\)"):
        Weighted.of(np.ones((4, 9)), np.ones((3, 9)), bands, EXACT)
    with pytest.raises(ValueError, match="chunk must be positive"):
        fit_templates(np.ones((4, 9)), np.ones((4, 9)), models, chunk=0)
    with pytest.raises(ValueError, match="at least one band"):
        model_grid([])
    with pytest.raises(ValueError, match=r"no redshifts from 0 to 0\.1 in steps of 0\.2"):
        model_grid(bands, 0.1, 0.2)
