"""Fluxes and magnitudes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry import flux


def test_zero_points_agree():
    # 1 uJy = 1e-29 erg/s/cm2/Hz; AB = -2.5 log10(f_nu) - 48.6
    assert flux.to_magnitude(1.0) == pytest.approx(-2.5 * np.log10(1e-29) - flux.AB_ZEROPOINT_CGS)
    assert flux.to_magnitude(3631e6) == pytest.approx(0.0, abs=2e-4)  # 3631 Jy is 0 mag


def test_astropy_agrees():
    from astropy import units

    expected = (4.2 * units.uJy).to_value(units.ABmag)
    assert flux.to_magnitude(4.2) == pytest.approx(expected, abs=2e-4)


@settings(deadline=None, max_examples=50)
@given(st.floats(5.0, 35.0))
def test_magnitudes_survive_the_way_to_flux_and_back(magnitude):
    assert flux.to_magnitude(flux.to_flux(magnitude)) == pytest.approx(magnitude, abs=1e-12)


def test_only_magnitudes_refuse_negative_fluxes():
    values = np.array([1.0, 0.0, -2.0, np.nan])
    assert np.isnan(flux.to_magnitude(values)).tolist() == [False, True, True, True]
    assert np.isnan(flux.magnitude_error(values, 0.1)).tolist() == [False, True, True, True]


def test_magnitude_error_is_the_slope_of_the_magnitude():
    step = 1e-6
    slope = flux.to_magnitude(10.0) - flux.to_magnitude(10.0 + step)
    assert flux.magnitude_error(10.0, step) == pytest.approx(slope, rel=1e-5)
