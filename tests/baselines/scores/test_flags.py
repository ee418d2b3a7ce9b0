"""Risk against coverage, against sorting galaxies by hand; flags that are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.scores import metrics
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.flags import DROPPED, RISKS, risk_curve, width_flag
from transferz.baselines.scores.probability.arrays import as_flags

DRAWS = Draws(resamples=6)


def make(seeds=2, size=203):
    """Forecasts whose errors grow with a sigma that the flag knows."""
    rng = np.random.default_rng(2)
    true, sigma = rng.gamma(2.0, 0.4, size), rng.uniform(0.01, 0.3, (seeds, size))
    return true + (1 + true) * sigma * rng.standard_normal((seeds, size)), true, sigma


def by_hand(point, true, flag, per_cent):
    """Drop the galaxies of the largest flags, one after the other."""
    left = list(range(len(true)))
    for _ in range(len(true) * per_cent // 100):
        left.remove(max(left, key=lambda k: flag[k]))
    dz = np.array([(point[k] - true[k]) / (1 + true[k]) for k in left])
    return {
        "scatter": 1.4826 * np.median(np.abs(dz - np.median(dz))),
        "outlier_rate": np.mean(np.abs(dz) > 0.15),
        "rmse": np.sqrt(np.mean(dz**2)),
    }


def test_the_curve_is_what_is_left_after_dropping_one_by_one():
    point, true, flag = make()
    curve = risk_curve(point, true, flag, np.arange(true.size), draws=DRAWS)
    assert len(curve.points) == len(DROPPED)
    for per_cent, one in zip(DROPPED, curve.points, strict=True):
        for seed in range(2):
            for name, value in by_hand(point[seed], true, flag[seed], per_cent).items():
                assert one.scores[name][seed] == pytest.approx(value, rel=1e-4), (per_cent, name)


def test_resamples_drop_by_their_own_order_and_the_area_is_by_trapezoids():
    point, true, flag = make()
    curve = risk_curve(point, true, flag, np.arange(true.size), draws=DRAWS)
    for r, counts in enumerate(DRAWS.counts(true.size)):
        drawn = np.repeat(np.arange(true.size), counts)
        for per_cent, one in zip(DROPPED, curve.points, strict=True):
            kept = np.argsort(flag[0, drawn], kind="stable")
            kept = drawn[kept[: drawn.size - drawn.size * per_cent // 100]]
            expected = metrics.score(point[0, kept], true[kept], RISKS)
            for name, value in expected.items():
                assert one.resampled[name][r, 0] == pytest.approx(value), (per_cent, name)
    for name in RISKS:
        heights = [one.scores[name][1] for one in curve.points]
        pairs = zip(DROPPED, DROPPED[1:], heights, heights[1:], strict=False)
        area = sum((b - a) * (low + high) / 2 for a, b, low, high in pairs) / 50
        assert curve.area.scores[name][1] == pytest.approx(area)
        assert curve.area.resampled[name].shape == (6, 2)


def test_a_flag_that_knows_the_errors_is_better_than_one_that_knows_nothing():
    point, true, _ = make(size=2_000)
    keys, error = np.arange(true.size), np.abs(metrics.normalised_error(point, true))
    knows = risk_curve(point, true, error, keys, draws=DRAWS).area.scores
    nothing = risk_curve(point, true, np.zeros_like(error), keys, draws=DRAWS).area.scores
    wrong = risk_curve(point, true, -error, keys, draws=DRAWS).area.scores
    whole = metrics.score(point, true, RISKS)
    for name in RISKS:
        assert np.all(knows[name] < nothing[name]) and np.all(nothing[name] < wrong[name])
        assert nothing[name] == pytest.approx(whole[name], rel=0.1)


def test_a_perfect_forecast_has_no_risk():
    _, true, flag = make()
    curve = risk_curve(np.tile(true, (2, 1)), true, flag, np.arange(true.size), draws=DRAWS)
    for one in (*curve.points, curve.area):
        assert all(np.all(values == 0.0) for values in one.scores.values())
        assert all(one.error(name) == 0.0 for name in RISKS)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(30)))
def test_the_order_of_galaxies_changes_nothing_even_where_flags_tie(order):
    point, true, flag = make(size=30)
    tied, keys, rows = np.round(flag, 1), np.arange(100, 130), np.array(order)
    first = risk_curve(point, true, tied, keys, draws=DRAWS)
    moved = risk_curve(point[:, rows], true[rows], tied[:, rows], keys[rows], draws=DRAWS)
    for one, other in zip(first.points, moved.points, strict=True):
        for name in RISKS:
            assert one.scores[name] == pytest.approx(other.scores[name], abs=1e-12)


def test_a_flag_of_nan_is_trusted_least():
    point = np.array([[0.0] * 9 + [9.0]])
    flag = np.array([[1.0] * 9 + [np.nan]])
    curve = risk_curve(point, np.zeros(10), flag, np.arange(10), draws=DRAWS)
    assert [one.scores["outlier_rate"][0] for one in curve.points] == [0.1, 0.1, 0, 0, 0, 0]


def test_equal_widths_tie_in_spite_of_rounding():
    point = np.random.default_rng(0).uniform(-0.5, 3.0, (1, 500))
    half = 0.0713 * (1 + np.maximum(point, 0.0))
    low, high = (point - half).astype(np.float32), (point + half).astype(np.float32)
    assert np.unique(width_flag(low, high, point.astype(np.float32))).size == 1


def test_flags_are_taken_from_arrays_of_any_kind():
    none = np.zeros(3, bool)
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, False, True])
    most = float(np.finfo(np.float32).max)
    for flag, expected in (
        ([1, 2, 3], [1, 2, 3]),
        ([True, False, True], [1, 0, 1]),
        (np.array([True, False, True]), [1, 0, 1]),
        (pd.Series([True, False, True]), [1, 0, 1]),
        (np.array([np.inf, -np.inf, 1e300]), [most, -most, most]),
    ):
        assert np.array_equal(as_flags(flag, none), expected)
    for one in (masked, masked > 1.5):
        assert np.isnan(as_flags(one, np.array([False, False, True]))[2])


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ([1.0, 2.0], r"expected one number per galaxy, shape \(3,\); found \(2,\)"),
        ([1.0, np.nan, 2.0], "1 galaxies have a forecast and no flag"),
        (["good", "bad", "bad"], "flag: expected real numbers"),
        ([1 + 1j, 0, 0], "flag: expected real numbers"),
    ],
)
def test_what_is_no_flag_is_refused(flag, said):
    with pytest.raises(ValueError, match=said):
        as_flags(flag, np.zeros(3, bool))
