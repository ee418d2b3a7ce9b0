"""Dust laws and the intergalactic medium, against the papers' own numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry.absorption import (
    CALZETTI_RV,
    DUST_LAWS,
    _photoelectric,
    attenuate,
    igm_transmission,
    reddening_curve,
)


def test_calzetti_law_is_equation_4_of_the_paper():
    micron = np.array([0.15, 0.3, 0.55, 0.8, 2.0])
    blue = 2.659 * (-2.156 + 1.509 / micron - 0.198 / micron**2 + 0.011 / micron**3) + CALZETTI_RV
    red = 2.659 * (-1.857 + 1.040 / micron) + CALZETTI_RV
    expected = np.where(micron < 0.63, blue, red)
    np.testing.assert_allclose(reddening_curve("calzetti", micron * 1e4), expected, rtol=1e-3)


def test_smc_law_rises_steeply_and_has_no_bump():
    ultraviolet, visual = reddening_curve("smc", [1500.0, 5500.0])
    assert visual == pytest.approx(2.93, rel=1e-3)
    assert 4.0 < ultraviolet / visual < 5.5  # Pei 1992, fig. 2
    around_the_bump = reddening_curve("smc", np.arange(1900.0, 2500.0, 10.0))
    assert (np.diff(around_the_bump) < 0).all()


@pytest.mark.parametrize("law", DUST_LAWS)
def test_the_colour_excess_between_b_and_v_is_what_it_says(law):
    blue, visual = reddening_curve(law, [4400.0, 5500.0])
    assert blue - visual == pytest.approx(1.0, abs=0.05)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(DUST_LAWS), st.floats(-0.2, 0.6), st.floats(-0.2, 0.6))
def test_screens_of_dust_multiply(law, first, second):
    wavelength = np.geomspace(700.0, 50_000.0, 40)
    both = attenuate(law, wavelength, first + second)
    product = attenuate(law, wavelength, first) * attenuate(law, wavelength, second)
    np.testing.assert_allclose(both, product, rtol=1e-10)


def test_a_magnitude_of_visual_extinction_is_one():
    dimming = attenuate("calzetti", 5500.0, 1.0 / CALZETTI_RV)
    assert -2.5 * np.log10(dimming) == pytest.approx(1.0, rel=2e-3)


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="unknown dust law 'mw'"):
        reddening_curve("mw", 5000.0)


def test_lyman_alpha_forest_is_madaus():
    # Madau 1995: tau = 0.0036 (1 + z_abs)^3.46 just blueward of Lyman alpha
    redshift = 3.5
    observed = 1210.0 * (1 + redshift)
    expected = np.exp(-0.0036 * (observed / 1215.67) ** 3.46)
    assert igm_transmission(observed, redshift) == pytest.approx(expected)
    assert 0.4 < expected < 0.6
    assert igm_transmission(1220.0 * (1 + redshift), redshift) == 1.0


# Absorbers of Madau 1995: column density range, normalisation and evolution of their number.
ABSORBERS = ((2e12, 1.59e17, 2.4e7, 2.46), (1.59e17, 1e20, 1.9e8, 0.68))


def poisson_depth(observed, redshift):
    """Optical depth of the Lyman continuum of Poisson-distributed absorbers (Madau 1995)."""
    stretch = np.linspace(observed / 911.75, 1 + redshift, 1001)
    cross_section = 6.3e-18 * (observed / 911.75 / stretch) ** 3
    density = np.zeros_like(stretch)
    for low, high, number, evolution in ABSORBERS:
        column = np.geomspace(low, high, 1001)
        absorbed = column**-1.5 * (1 - np.exp(-column * cross_section[:, None]))
        density += number * stretch**evolution * np.trapezoid(absorbed, column, axis=1)
    return np.trapezoid(density, stretch)


@pytest.mark.parametrize("redshift", [2.0, 3.0, 4.0, 5.0])
@pytest.mark.parametrize("rest", [850.0, 700.0, 500.0])
def test_lyman_continuum_is_the_integral_that_the_paper_approximates(redshift, rest):
    depth = _photoelectric(np.array(rest * (1 + redshift)), redshift)
    assert depth == pytest.approx(poisson_depth(rest * (1 + redshift), redshift), rel=0.05)


@settings(deadline=None, max_examples=50)
@given(st.floats(0.0, 8.0))
def test_the_medium_only_absorbs_and_more_so_with_distance(redshift):
    rest = np.linspace(300.0, 1300.0, 101)
    near = igm_transmission(rest * (1 + redshift), redshift)
    far = igm_transmission(rest * (1.5 + redshift), redshift + 0.5)
    assert ((near >= 0) & (near <= 1)).all()
    between = (rest > 973.0) & (rest < 1215.0)
    assert (far[between] < near[between]).all()
    assert (near[rest > 1216.0] == 1.0).all()
