"""Distances of PITs from uniform: scipy's statistics, the integrals they are, and the histogram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from transferz.baselines.scores.probability import pit_ad, pit_cvm, pit_histogram, pit_ks

pits = arrays(np.float64, st.integers(1, 60), elements=st.floats(0.001, 0.999))
properties = settings(max_examples=60, deadline=None)


@properties
@given(pits)
def test_distances_from_uniform_are_scipys_statistics(pit):
    assert pit_ks(pit) == pytest.approx(stats.kstest(pit, "uniform").statistic)
    cvm = stats.cramervonmises(pit, "uniform").statistic if pit.size > 1 else None
    if cvm is not None:
        assert pit_cvm(pit) == pytest.approx(cvm / pit.size)
    fit = stats.goodness_of_fit(
        stats.uniform, pit, known_params={"loc": 0, "scale": 1}, statistic="ad", n_mc_samples=1
    )
    assert pit_ad(pit) == pytest.approx(fit.statistic / pit.size, rel=1e-6, abs=1e-9)


def test_distances_are_those_of_the_integrals():
    pit = np.array([0.2, 0.25, 0.9])
    u = (np.arange(200_000) + 0.5) / 200_000
    gap = (pit[:, None] <= u).mean(axis=0) - u
    assert pit_cvm(pit) == pytest.approx(np.mean(gap**2), abs=1e-5)
    assert pit_ad(pit) == pytest.approx(np.mean(gap**2 / (u * (1 - u))), abs=1e-4)
    assert pit_ks(pit) == pytest.approx(np.abs(gap).max(), abs=1e-4)


def test_distances_do_not_grow_with_the_sample():
    pit = (np.arange(50) + 0.5) / 50
    twice = np.repeat(pit, 20)
    for distance in (pit_ks, pit_cvm, pit_ad):
        assert distance(twice) == pytest.approx(distance(pit), abs=2e-4)


def test_pits_of_0_and_1_stay_finite():
    assert np.isfinite(pit_ad([0.0, 1.0])) and pit_ad([0.0, 1.0]) > 5.0


def test_the_histogram_puts_1_in_the_last_bin_and_leaves_nan_out():
    np.testing.assert_allclose(pit_histogram([0.0, 0.5, 1.0, np.nan], 2), [1 / 3, 2 / 3])
    both = pit_histogram(np.array([[0.1, 0.9], [np.nan, np.nan]]), 2)
    np.testing.assert_array_equal(both, [[0.5, 0.5], [np.nan, np.nan]])


def test_a_nan_voids_its_row_alone_and_none_are_nan():
    both = np.array([[0.1, 0.5, 0.8], [0.1, np.nan, 0.8]])
    for distance in (pit_ks, pit_cvm, pit_ad):
        found = distance(both)
        assert found[0] == distance(both[0]) and np.isnan(found[1])
        assert np.isnan(distance(np.empty((2, 0)))).tolist() == [True, True]
