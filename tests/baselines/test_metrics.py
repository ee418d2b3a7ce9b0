"""The metrics against astropy, and by what must hold of them."""

import numpy as np
import pytest
from astropy.stats import biweight_location, biweight_scale, mad_std
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines import metrics

redshifts = arrays(np.float64, st.integers(1, 40), elements=st.floats(0.0, 6.0))
properties = settings(max_examples=60, deadline=None)


@st.composite
def forecasts(draw, seeds=1):
    true = draw(redshifts)
    shape = (seeds, true.size) if seeds > 1 else true.shape
    return draw(arrays(np.float64, shape, elements=st.floats(-1.0, 8.0))), true


def heavy_tailed(shape, seed=3):
    return 0.03 * np.random.default_rng(seed).standard_t(2.0, shape) + 0.004


def test_the_definitions_on_numbers_worked_by_hand():
    true = np.array([0.0, 1.0, 1.0, 3.0])
    predicted = np.array([0.1, 1.0, 1.4, 1.0])  # dz = 0.1, 0, 0.2, -0.5
    scores = metrics.score(predicted, true)
    assert scores["bias"] == pytest.approx(0.05)
    assert scores["scatter"] == pytest.approx(1.4826 * 0.10)  # distances 0.05, 0.05, 0.15, 0.55
    assert scores["outlier_rate"] == pytest.approx(0.5)
    assert scores["rmse"] == pytest.approx(np.sqrt((0.01 + 0.04 + 0.25) / 4))
    assert scores["mse"] == pytest.approx((0.01 + 0.16 + 4.0) / 4)
    assert scores["catastrophic_rate"] == pytest.approx(0.25)
    squares = (np.array([0.1, 0.0, 0.2, 0.5]) / 0.15) ** 2
    assert scores["loss"] == pytest.approx(np.mean(squares / (1 + squares)))


def test_outliers_lie_strictly_beyond_the_limit():
    assert metrics.outlier_rate(np.array([0.15, -0.15, 0.1501, 0.0])) == 0.25
    assert metrics.catastrophic_rate([1.0, 2.5], [2.0, 1.0]) == 0.5


@pytest.mark.parametrize("size", [2, 3, 10, 1001])
def test_robust_statistics_are_astropys(size):
    dz = heavy_tailed((4, size))
    np.testing.assert_allclose(metrics.scatter(dz), mad_std(dz, axis=-1), rtol=3e-5)  # 1.4826
    np.testing.assert_allclose(metrics.bias_biweight(dz), biweight_location(dz, axis=-1))
    np.testing.assert_allclose(metrics.scatter_biweight(dz), biweight_scale(dz, axis=-1))


@properties
@given(arrays(np.float64, st.integers(1, 30), elements=st.integers(-20, 20).map(lambda n: n / 64)))
def test_biweight_statistics_are_astropys_on_ties_too(dz):
    assert metrics.bias_biweight(dz) == pytest.approx(biweight_location(dz), abs=1e-12)
    assert metrics.scatter_biweight(dz) == pytest.approx(biweight_scale(dz), abs=1e-12)


@properties
@given(redshifts)
def test_a_perfect_forecast_scores_zero(true):
    assert all(value == 0.0 for value in metrics.score(true, true).values())


@properties
@given(forecasts(), st.randoms(use_true_random=False))
def test_the_order_of_galaxies_is_of_no_account(pair, random):
    predicted, true = pair
    order = list(range(true.size))
    random.shuffle(order)
    scores, shuffled = metrics.score(predicted, true), metrics.score(predicted[order], true[order])
    for name, value in scores.items():
        assert shuffled[name] == pytest.approx(value, abs=1e-12), name


@properties
@given(forecasts())
def test_scores_stay_in_their_range(pair):
    scores = metrics.score(*pair)
    for name, value in scores.items():
        assert np.isfinite(value), name
        assert name.startswith("bias") or value >= 0.0, name
        assert not name.endswith(("rate", "loss", "3sigma")) or value <= 1.0, name


@properties
@given(forecasts(seeds=3))
def test_many_seeds_at_once_score_as_each_alone(pair):
    predicted, true = pair
    together = metrics.score(predicted, true)
    for seed, row in enumerate(predicted):
        for name, value in metrics.score(row, true).items():
            assert together[name][seed] == pytest.approx(value, abs=1e-12), name


@properties
@given(arrays(np.float64, 25, elements=st.floats(-0.5, 0.5)), st.floats(-0.2, 0.2))
def test_a_shift_moves_the_bias_and_leaves_the_scatter(dz, shift):
    assert metrics.bias(dz + shift) == pytest.approx(metrics.bias(dz) + shift, abs=1e-12)
    assert metrics.scatter(dz + shift) == pytest.approx(metrics.scatter(dz), abs=1e-12)


def test_the_biweight_bias_hardly_feels_outliers():
    dz = 0.01 * np.random.default_rng(0).standard_normal(2000)
    spoiled = np.concatenate([dz, np.full(100, 3.0)])
    assert abs(metrics.bias_biweight(spoiled) - metrics.bias_biweight(dz)) < 1e-3
    assert metrics.rmse(spoiled) > 50 * metrics.rmse(dz)


def test_no_galaxies_score_nan_and_unequal_shapes_are_refused():
    empty = metrics.score(np.empty((3, 0)), np.empty(0))
    assert all(value.shape == (3,) and np.isnan(value).all() for value in empty.values())
    with pytest.raises(ValueError, match="differ"):
        metrics.score(np.zeros(3), np.zeros(4))


def test_the_cosmological_range_is_open_below_and_closed_above():
    assert metrics.in_cosmological_range([0.3, 0.31, 1.5, 1.51]).tolist() == [
        False,
        True,
        True,
        False,
    ]
