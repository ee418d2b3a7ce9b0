"""The mock's flux grid, against fluxes computed without interpolation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry.absorption import DUST_LAWS, attenuate
from transferz.photometry.bands import Band
from transferz.photometry.flux import to_magnitude
from transferz.photometry.grid import EBV_NODES, basis_grid, lagrange_weights
from transferz.photometry.synthesis import band_fluxes, dimming
from transferz.photometry.templates import galaxy_basis

REDSHIFT_MAX = 4.0


@pytest.fixture(scope="module")
def grid(bands):
    return basis_grid(bands, REDSHIFT_MAX)


@pytest.fixture(scope="module")
def galaxies():
    """Redshift, coefficients, E(B-V), law and line strength of 200 galaxies."""
    rng = np.random.default_rng(3)
    return (
        rng.uniform(0.02, REDSHIFT_MAX, 200),
        rng.dirichlet(np.ones(5), 200) * 1e10,
        rng.uniform(-0.15, 0.5, 200),
        rng.integers(0, 2, 200),
        10 ** rng.normal(0, 0.2, 200),
    )


def direct(bands, redshift, coefficients, ebv, law, strength):
    """Flux of one galaxy, and its absolute B magnitude, from its spectrum."""
    basis = galaxy_basis()
    spectrum = coefficients @ basis.continuum + strength * coefficients @ basis.lines
    spectrum = spectrum * attenuate(DUST_LAWS[law], basis.wavelength, ebv)
    flux = band_fluxes(basis.wavelength, spectrum[None], bands, redshift)[0] * dimming(redshift)
    rest = band_fluxes(basis.wavelength, spectrum[None], [Band("B", "speclite:bessell-B")])
    return flux, to_magnitude(rest[0, 0])


def test_fluxes_are_those_of_the_spectra(grid, galaxies):
    found = grid.fluxes(*galaxies)
    expected = np.array([direct(grid.bands, *row)[0] for row in zip(*galaxies, strict=True)])
    visible = expected > 1e-3 * expected.max(axis=1, keepdims=True)
    error = np.abs(found / np.where(visible, expected, np.nan) - 1)
    assert np.nanmedian(error) < 2e-4
    assert np.nanpercentile(error, 99) < 5e-3
    assert np.nanmax(error) < 3e-2  # a line that crosses an intermediate band's edge
    assert found.min() >= 0.0


def test_absolute_magnitudes_are_those_of_the_spectra(grid, galaxies):
    found = grid.absolute_magnitude(*galaxies[1:])
    expected = [direct(grid.bands, *row)[1] for row in zip(*galaxies, strict=True)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_coefficients_scale_to_a_wanted_magnitude(grid, galaxies):
    redshift, coefficients, *rest = galaxies
    factor = 10 ** (0.4 * (grid.absolute_magnitude(coefficients, *rest) + 20.5))
    scaled = coefficients * factor[:, None]
    np.testing.assert_allclose(grid.absolute_magnitude(scaled, *rest), -20.5)
    np.testing.assert_allclose(
        grid.fluxes(redshift, scaled, *rest), grid.fluxes(*galaxies) * factor[:, None]
    )


def test_fluxes_are_linear_in_the_mixture(grid, galaxies):
    redshift, coefficients, ebv, law, strength = galaxies
    parts = [
        grid.fluxes(redshift, coefficients * (np.arange(5) == k), ebv, law, strength)
        for k in range(5)
    ]
    np.testing.assert_allclose(sum(parts), grid.fluxes(*galaxies), rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 60))
def test_a_galaxy_does_not_depend_on_its_neighbours(grid, galaxies, seed, size):
    rows = np.random.default_rng(seed).integers(0, 200, size)
    chosen = [values[rows] for values in galaxies]
    np.testing.assert_allclose(grid.fluxes(*chosen), grid.fluxes(*galaxies)[rows], rtol=1e-10)


def test_scalars_are_broadcast(grid):
    coefficients = np.ones((3, 5))
    scalar = grid.fluxes(0.5, coefficients, 0.1, 1, 2.0)
    full = np.full(3, 1.0)
    array = grid.fluxes(0.5 * full, coefficients, 0.1 * full, full.astype(int), 2 * full)
    np.testing.assert_array_equal(scalar, array)


def test_stellar_mass_counts_surviving_stars(grid):
    np.testing.assert_allclose(
        grid.stellar_mass(np.eye(5) * 2e9), galaxy_basis().surviving_mass * 2e9
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.floats(-0.2, 0.6))
def test_interpolation_in_dust_is_exact_for_polynomials(polynomial, ebv):
    weights = lagrange_weights(EBV_NODES, np.array([ebv]))[0]
    expected = np.polyval(polynomial, ebv)
    assert weights @ np.polyval(polynomial, EBV_NODES) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, np.ones((2, 4))), r"coefficients must have shape \(N, 5\), not \(2, 4\)"),
        ((0.5, np.ones(5)), r"not \(5,\)"),
        ((4.5, np.ones((2, 5))), "redshifts must lie between 0.0001 and 4; found 4.5"),
        ((np.nan, np.ones((2, 5))), "redshifts must lie"),
        ((0.5, np.ones((2, 5)), 0.7), r"E\(B-V\) must lie between -0.2 and 0.6; found 0.7"),
        ((0.5, np.ones((2, 5)), 0.0, 2), "dust law codes must lie between 0 and 1; found 2"),
    ],
)
def test_galaxies_off_the_grid_are_refused(grid, arguments, message):
    with pytest.raises(ValueError, match=message):
        grid.fluxes(*arguments)


def test_an_empty_grid_is_refused(bands):
    with pytest.raises(ValueError, match="redshift_max must be positive"):
        basis_grid(bands, 0.0)
