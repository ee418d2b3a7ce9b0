"""LSST's requirements: where they apply, and when a method meets them."""

import math

import pytest

from transferz.baselines.scores.requirements import LIMITS, in_lsst_range, verdicts


def judged(mean, error=0.0005, spread=None, seeds=1):
    one = {"mean": mean, "error": error, "spread": spread}
    return verdicts(dict.fromkeys(LIMITS, one), seeds)


def test_the_limits_are_lssts():
    assert dict(LIMITS) == {"bias": 0.003, "scatter": 0.02, "outlier_rate_3sigma": 0.1}


def test_the_range_is_open_and_takes_bright_galaxies():
    true, i = [0.3, 0.31, 2.99, 3.0, 1.0, 1.0], [20, 20, 20, 20, 24.99, 25.0]
    assert in_lsst_range(true, i).tolist() == [False, True, True, False, True, False]


@pytest.mark.parametrize(
    ("bias", "met", "sure"),
    [
        (0.0, True, True),
        (-0.001, True, True),
        (0.0028, True, False),
        (-0.0032, False, False),
        (0.01, False, True),
        (-0.01, False, True),
        (0.003, False, False),  # below the limit is asked for
    ],
)
def test_verdicts_are_of_the_absolute_value_and_sure_beyond_the_error(bias, met, sure):
    verdict = judged(bias)["bias"]
    assert verdict == {
        "value": bias,
        "limit": 0.003,
        "met": met,
        "error": pytest.approx(0.0005),
        "sure": sure,
    }


def test_the_error_holds_galaxies_and_seeds():
    verdict = judged(0.001, error=0.0003, spread=0.004, seeds=100)["bias"]
    assert verdict["error"] == pytest.approx(math.hypot(0.0003, 0.0004))


@pytest.mark.parametrize(("mean", "error"), [(None, None), (0.001, None)])
def test_nothing_is_met_where_there_is_nothing_to_judge_by(mean, error):
    verdict = judged(mean, error)["scatter"]
    assert (verdict["met"], verdict["sure"], verdict["error"]) == (False, False, None)
