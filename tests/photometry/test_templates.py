"""Galaxy templates, cosmology and stars: what the spectra are and where they come from."""

import numpy as np
import pytest

from transferz.photometry.bands import Band, band
from transferz.photometry.flux import to_magnitude
from transferz.photometry.stars import TEMPERATURES, WAVELENGTH, stellar_fluxes, stellar_templates
from transferz.photometry.synthesis import band_fluxes, dimming, luminosity_distance
from transferz.photometry.templates import fit_coefficients, galaxy_basis

STRONG_LINES = {"[OII]": 3728.5, "[OIII]": 5008.2, "Halpha": 6564.6}  # vacuum, angstrom
SDSS = tuple(Band(letter, f"speclite:sdss2010-{letter}") for letter in "griz")


def test_the_basis_is_skypys():
    pytest.importorskip("skypy")
    from skypy.galaxies.spectrum import kcorrect

    basis = galaxy_basis()
    size = basis.wavelength.size
    np.testing.assert_array_equal(basis.wavelength, kcorrect.wavelength.value[:size])
    np.testing.assert_allclose(
        basis.total, kcorrect.templates.value[:, :size], rtol=1e-6, atol=1e-20
    )
    np.testing.assert_allclose(basis.surviving_mass, kcorrect.mremain)


@pytest.mark.parametrize("name", STRONG_LINES)
def test_lines_stand_where_they_should(name):
    basis = galaxy_basis()
    near = np.abs(basis.wavelength / STRONG_LINES[name] - 1) < 2e-3
    peaks = basis.wavelength[near][basis.lines[:4, near].argmax(axis=1)]
    np.testing.assert_allclose(peaks, STRONG_LINES[name], rtol=1e-3)
    off = np.abs(basis.wavelength / 5500.0 - 1) < 5e-3  # between lines
    assert (basis.lines[:, off] < 0.01 * basis.continuum[:, off]).all()


def test_masses_and_luminosities_are_those_of_stars():
    # A population of solar-mass stars has a mass-to-light ratio between 0.01 and 10 in r.
    basis = galaxy_basis()
    flux = band_fluxes(basis.wavelength, basis.continuum, [SDSS[1]])[:, 0]
    light = 10 ** (-0.4 * (to_magnitude(flux) - 4.65))  # the Sun: M_r = 4.65 AB
    ratio = basis.surviving_mass / light
    assert ((ratio > 0.005) & (ratio < 15.0)).all()
    assert ratio.max() > 2.0


def test_fit_templates_are_every_mixture_in_equal_parts():
    basis, coefficients = galaxy_basis(), fit_coefficients()
    assert coefficients.shape == (31, 5)
    np.testing.assert_allclose(coefficients.sum(axis=1), 1.0)
    assert len({tuple(row > 0) for row in coefficients}) == 31
    window = (basis.wavelength >= 4000) & (basis.wavelength <= 8000)
    light = coefficients * (basis.total * basis.wavelength)[:, window].sum(axis=1)
    for row in light:
        np.testing.assert_allclose(row[row > 0], row.max())


def test_distances_are_astropys():
    from astropy.cosmology import FlatLambdaCDM

    redshift = np.geomspace(1e-4, 11.9, 200)
    expected = FlatLambdaCDM(H0=70, Om0=0.3).luminosity_distance(redshift).value
    np.testing.assert_allclose(luminosity_distance(redshift), expected, rtol=1e-7)
    # distance modulus: m - M = 5 log10(d / 10 pc)
    modulus = FlatLambdaCDM(H0=70, Om0=0.3).distmod(redshift).value
    np.testing.assert_allclose(-2.5 * np.log10(dimming(redshift)), modulus, atol=1e-6)


@pytest.mark.parametrize("redshift", [-0.1, 12.5, np.nan])
def test_distances_outside_the_range_are_refused(redshift):
    with pytest.raises(ValueError, match="between 0 and 12"):
        luminosity_distance(redshift)


def colours(spectra):
    return -np.diff(to_magnitude(band_fluxes(WAVELENGTH, spectra, SDSS)), axis=1)


@pytest.mark.parametrize(("name", "temperature"), [("solar", 5777.0), ("vega", 9600.0)])
def test_stars_have_the_colours_of_the_sun_and_vega(name, temperature):
    from sedpy import reference_spectra

    spectrum = getattr(reference_spectra, name)
    measured = colours(np.interp(WAVELENGTH, spectrum[:, 0], spectrum[:, 1])[None])[0]
    templates = stellar_templates()
    disc = templates.metallicity == 1.0
    row = np.abs(templates.temperature[disc] - temperature).argmin()
    ours = colours(templates.spectrum[disc][row][None])[0]
    np.testing.assert_allclose(ours, measured, atol=0.15)


def test_cooler_stars_are_redder():
    flux = stellar_fluxes([band(f"HSC_{x}") for x in "grz"], np.sort(TEMPERATURES))
    g_z = to_magnitude(flux[:, 0]) - to_magnitude(flux[:, 2])
    assert (np.diff(g_z) < 0).all()


def test_star_fluxes_are_normalised_and_interpolated():
    wanted = [band("HSC_i"), band("UVISTA_J")]
    nodes = stellar_fluxes(wanted)[stellar_templates().metallicity == 1.0]
    np.testing.assert_allclose(nodes[:, 0], 1.0)
    np.testing.assert_allclose(stellar_fluxes(wanted, TEMPERATURES), nodes)
    between = stellar_fluxes(wanted, [np.sqrt(TEMPERATURES[10] * TEMPERATURES[11])])[0]
    np.testing.assert_allclose(between, np.sqrt(nodes[10] * nodes[11]))


@pytest.mark.parametrize("temperature", [2000.0, 40_000.0, np.nan])
def test_impossible_stars_are_refused(temperature):
    with pytest.raises(ValueError, match="temperatures must lie between 2400 and 30000 K"):
        stellar_fluxes([band("HSC_g")], [5000.0, temperature])
