"""Synthetic photometry, against AB's definition and two independent codes."""

import numpy as np
import pytest

from transferz.photometry.bands import COSMOS_BANDS, Band, effective_wavelength
from transferz.photometry.flux import SPEED_OF_LIGHT, UJY_PER_CGS, to_magnitude
from transferz.photometry.synthesis import band_fluxes, fluxes_by_redshift, log_step
from transferz.photometry.templates import galaxy_basis

FLAT_WAVELENGTH = np.geomspace(1000.0, 110_000.0, 8000)
SPECLITE = ("cfht_megacam-ustar", "hsc2017-g", "hsc2017-i2", "suprime-IB484", "bessell-B")
SEDPY = ("vista_vircam_Y", "vista_vircam_Ks", "spitzer_irac_ch2", "subaru_suprimecam_V")


@pytest.mark.parametrize("band", COSMOS_BANDS, ids=lambda band: band.name)
def test_a_flat_source_has_its_own_flux_in_every_band(band):
    spectrum = 7.5 / UJY_PER_CGS * SPEED_OF_LIGHT / FLAT_WAVELENGTH**2  # f_nu = 7.5 uJy
    flux = band_fluxes(FLAT_WAVELENGTH, spectrum[None], [band])[0, 0]
    absorbed = effective_wavelength(band) < 2000.0  # the local Lyman alpha forest, 0.4 %
    assert flux == pytest.approx(7.5, rel=5e-3 if absorbed else 1e-10)


@pytest.mark.parametrize("redshift", [0.0, 0.7, 1.3])
@pytest.mark.parametrize("name", SPECLITE)
def test_speclite_agrees(name, redshift):
    from astropy import units
    from speclite.filters import load_filter

    basis = galaxy_basis()
    found = to_magnitude(
        band_fluxes(basis.wavelength, basis.total, [Band("x", f"speclite:{name}")], redshift)
    )[:, 0]
    expected = load_filter(name).get_ab_magnitude(
        basis.total / (1 + redshift) * units.Unit("erg / (s cm2 AA)"),
        basis.wavelength * (1 + redshift) * units.AA,
    )
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("redshift", [0.0, 0.7, 1.3])
@pytest.mark.parametrize("name", SEDPY)
def test_sedpy_agrees(name, redshift):
    from sedpy.observate import Filter

    basis = galaxy_basis()
    found = to_magnitude(
        band_fluxes(basis.wavelength, basis.total, [Band("x", f"sedpy:{name}")], redshift)
    )[:, 0]
    expected = Filter(name).ab_mag(basis.wavelength * (1 + redshift), basis.total / (1 + redshift))
    np.testing.assert_allclose(found, expected, atol=1e-2)  # it keeps the curves' leaks


def test_skypy_agrees():
    pytest.importorskip("skypy")
    from skypy.galaxies.spectrum import kcorrect

    expected = kcorrect.absolute_magnitudes(np.eye(5), "bessell-B")
    basis = galaxy_basis()
    flux = band_fluxes(basis.wavelength, basis.total, [Band("B", "speclite:bessell-B")])
    np.testing.assert_allclose(to_magnitude(flux)[:, 0], expected, atol=2e-3)


def test_photometry_is_linear_in_the_spectra(bands):
    basis = galaxy_basis()
    mixture = np.array([[0.3, 1.0, 0.0, 2.0, 0.1]])
    parts = band_fluxes(basis.wavelength, basis.total, bands, 0.4)
    whole = band_fluxes(basis.wavelength, mixture @ basis.total, bands, 0.4)
    np.testing.assert_allclose(whole, mixture @ parts, rtol=1e-12)


def test_many_redshifts_are_one_at_a_time(bands):
    basis = galaxy_basis()
    redshifts = np.array([0.0, 0.5, 4.0])
    together = fluxes_by_redshift(basis.wavelength, basis.total, bands, redshifts)
    for flux, redshift in zip(together, redshifts, strict=True):
        alone = band_fluxes(basis.wavelength, basis.total, bands, float(redshift))
        np.testing.assert_array_equal(flux, alone)


def test_a_band_blueward_of_the_spectrum_is_dark():
    basis = galaxy_basis()
    blue = Band("FUV", "sedpy:galex_FUV")
    assert band_fluxes(basis.wavelength, basis.total, [blue], 5.0).max() == 0.0


@pytest.mark.parametrize("wavelength", [np.linspace(1e3, 1e4, 50), np.geomspace(1e4, 1e3, 50)])
def test_other_wavelength_grids_are_refused(wavelength):
    with pytest.raises(ValueError, match="equal steps of their logarithm"):
        log_step(wavelength)
