"""The metrics against astropy, and by what must hold of them."""

import numpy as np
import pytest
from astropy.stats import biweight_location, biweight_scale, mad_std
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines.scores import metrics

redshifts = arrays(np.float64, st.integers(1, 40), elements=st.floats(0.0, 6.0))
DYADIC = st.integers(-(2**20), 2**20).map(lambda n: n / 2**21)  # scaled by powers of 2 exactly
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


def reference(predicted, true):
    """The definitions as they stand in the docstrings, by numpy and astropy, for one seed."""
    dz = (predicted - true) / (1 + true)
    median, scatter = np.median(dz), 1.4826 * np.median(np.abs(dz - np.median(dz)))
    location, scale = biweight_location(dz), biweight_scale(dz)
    return {
        "bias": median,
        "scatter": scatter,
        "outlier_rate": np.mean(np.abs(dz) > 0.15),
        "rmse": np.sqrt(np.mean(dz**2)),
        "loss": np.mean(1 - 1 / (1 + (dz / 0.15) ** 2)),
        "bias_biweight": location,
        "scatter_biweight": scale,
        "outlier_rate_biweight": np.mean(np.abs(dz - location) > 2 * scale),
        "outlier_rate_3sigma": np.mean(np.abs(dz - median) > 3 * scatter),
        "mse": np.mean((predicted - true) ** 2),
        "catastrophic_rate": np.mean(np.abs(predicted - true) > 1),
    }


@pytest.mark.parametrize("block", [1, 1000, 10**6])  # one row at a time, some, all at once
@pytest.mark.parametrize("size", [1, 2, 101, 700])
def test_every_metric_is_the_libraries_whatever_the_blocks(size, block, monkeypatch):
    monkeypatch.setattr(metrics, "BLOCK", block)
    true = np.random.default_rng(1).gamma(2.0, 0.5, size)
    predicted = true + (1 + true) * heavy_tailed((5, size))
    scores = metrics.score(predicted, true)
    assert tuple(scores) == metrics.METRICS
    for seed, row in enumerate(predicted):
        for name, value in reference(row, true).items():
            assert scores[name][seed] == pytest.approx(value, rel=1e-12, abs=1e-15), name


def test_score_is_each_metric_by_itself():
    true = np.random.default_rng(2).gamma(2.0, 0.5, 300)
    predicted = true + heavy_tailed((3, 300), seed=5)
    scores, dz = metrics.score(predicted, true), metrics.normalised_error(predicted, true)
    for name, metric in metrics.ERROR_METRICS.items():
        np.testing.assert_allclose(scores[name], metric(dz), rtol=1e-13, err_msg=name)
    for name in ("mse", "catastrophic_rate"):
        alone = getattr(metrics, name)(predicted, true)
        np.testing.assert_allclose(scores[name], alone, rtol=1e-13, err_msg=name)


def test_any_leading_shape_layout_and_type_scores_alike():
    true = np.random.default_rng(2).gamma(2.0, 0.5, 90).astype(np.float32)
    predicted = (true + heavy_tailed((4, 3, 90))).astype(np.float32)
    scores = metrics.score(predicted, true)
    double = metrics.score(np.asfortranarray(predicted.astype(np.float64)), true)
    for name, value in scores.items():
        assert value.shape == (4, 3)
        np.testing.assert_array_equal(double[name], value)
        assert metrics.score(predicted[1, 2], true)[name] == value[1, 2]


def test_only_the_metrics_asked_for_are_computed():
    predicted, true = heavy_tailed((2, 50)), np.zeros(50)
    whole = metrics.score(predicted, true)
    some = metrics.score(predicted, true, ["mse", "scatter"])
    assert list(some) == ["scatter", "mse"]
    for name, value in some.items():
        np.testing.assert_array_equal(value, whole[name])


def test_the_input_is_left_as_it_was():
    predicted, true = heavy_tailed((2, 50)), np.linspace(0.0, 1.0, 50)
    copies = predicted.copy(), true.copy()
    metrics.score(predicted, true)
    metrics.scatter(predicted)
    np.testing.assert_array_equal(predicted, copies[0])
    np.testing.assert_array_equal(true, copies[1])


@properties
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 30)),
        elements=st.integers(-5, 5).map(float) | st.just(np.nan) | st.just(np.inf),
    )
)
def test_the_median_is_numpys(values):
    np.testing.assert_array_equal(metrics.exact_median(values), np.median(values, axis=-1))


def test_a_seed_with_a_nan_scores_nan_and_spoils_no_other():
    true = np.linspace(0.1, 2.0, 40)
    predicted = true + heavy_tailed((3, 40))
    whole = metrics.score(predicted, true)
    predicted[1, 7] = np.nan
    for name, value in metrics.score(predicted, true).items():
        assert np.isnan(value[1]), name
        np.testing.assert_array_equal(value[[0, 2]], whole[name][[0, 2]])


@properties
@given(arrays(np.float64, 25, elements=DYADIC), st.sampled_from([0.25, 2.0, 8.0]))
def test_scaled_errors_scale_bias_and_scatter_and_keep_relative_outliers(dz, factor):
    for name in ("bias", "scatter", "bias_biweight", "scatter_biweight", "rmse"):
        metric = metrics.ERROR_METRICS[name]
        assert metric(factor * dz) == pytest.approx(factor * metric(dz), rel=1e-9, abs=1e-12)
    assert metrics.outlier_rate_3sigma(factor * dz) == metrics.outlier_rate_3sigma(dz)


def test_where_most_errors_are_equal_the_biweights_are_the_median_and_zero():
    dz = np.array([[0.25] * 9 + [5.0, 0.1]])  # MAD = 0
    assert metrics.bias_biweight(dz) == 0.25
    assert metrics.scatter_biweight(dz) == 0.0
    assert metrics.outlier_rate_3sigma(dz) == pytest.approx(2 / 11)


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
