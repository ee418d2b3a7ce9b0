"""Medians, intervals and second peaks of chi-square curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry.likelihood import interval, second_minimum

GRID = np.linspace(0.0, 6.0, 601)


def parabola(centre, sigma, floor=0.0):
    return ((GRID - centre) / sigma) ** 2 + floor


def second(chi2):
    chi2 = np.atleast_2d(chi2)
    return second_minimum(chi2, GRID, chi2.argmin(axis=1))


@settings(deadline=None, max_examples=50)
@given(st.floats(1.0, 5.0), st.floats(0.02, 0.2), st.floats(0.0, 1e6))
def test_a_gaussian_has_its_own_quantiles(centre, sigma, floor):
    low, median, high = (x[0] for x in interval(parabola(centre, sigma, floor)[None], GRID))
    assert median == pytest.approx(centre, abs=2e-3)
    assert centre - low == pytest.approx(0.99446 * sigma, abs=3e-3)  # 16 %
    assert high - centre == pytest.approx(0.99446 * sigma, abs=3e-3)


def test_an_extremely_narrow_peak_keeps_its_place():
    low, median, high = interval(parabola(2.0, 1e-5)[None], GRID)
    assert 1.99 < low[0] < median[0] < high[0] < 2.01
    assert median[0] == pytest.approx(2.0)


def test_a_flat_curve_has_the_quantiles_of_its_range():
    quantiles = [x[0] for x in interval(np.zeros((1, 601)), GRID)]
    np.testing.assert_allclose(quantiles, [0.96, 3.0, 5.04])


def test_the_second_peak_is_the_lowest_of_the_others():
    deep, shallow = parabola(3.0, 0.05, floor=4.0), parabola(5.0, 0.05, floor=6.0)
    best = parabola(0.5, 0.05)
    assert second(np.minimum(best, np.minimum(deep, shallow))) == pytest.approx(3.0)
    assert second(np.minimum(best, shallow)) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("centre", "floor", "found"), [(3.0, 8.9, True), (3.0, 9.1, False), (0.75, 1.0, False)]
)
def test_a_second_peak_is_far_and_likely(centre, floor, found):
    chi2 = np.minimum(parabola(0.5, 0.02), parabola(centre, 0.02, floor))
    assert np.isfinite(second(chi2)[0]) == found


def test_a_broad_single_peak_has_no_second():
    assert np.isnan(second(parabola(2.0, 1.0))[0])


def test_the_ends_of_the_grid_may_be_peaks():
    assert second(np.minimum(parabola(1.0, 0.1), parabola(6.5, 0.4, 2.0)))[0] == 6.0
    assert second(np.minimum(parabola(3.0, 0.1), parabola(-0.5, 0.4, 2.0)))[0] == 0.0
