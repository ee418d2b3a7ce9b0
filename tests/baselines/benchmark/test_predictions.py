"""What `predict` returns: put in order, or refused with counts and ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transferz.baselines.benchmark.loading import MethodError
from transferz.baselines.benchmark.predictions import align, require_complete
from transferz.baselines.scores.probability import PER_GALAXY, Prediction, Samples, per_galaxy

IDS = np.arange(100, 112)
WHAT = "k-NN: predict, seed 3"


def complete(point, scores=None, *, allow_missing=False):
    return require_complete(np.asarray(point), scores or {}, IDS, WHAT, allow_missing=allow_missing)


def test_points_in_the_order_of_the_table_stay_as_they_are():
    found = align(Prediction(np.linspace(0, 1, 12)), IDS, WHAT)
    assert np.array_equal(found.point, np.linspace(0, 1, 12)) and found.there.all()
    assert found.per_galaxy(np.ones(12)) == {}


@given(st.permutations(range(12)), st.integers(1, 12))
def test_ids_put_points_and_distributions_in_order(order, kept):
    rows = np.array(order[:kept])
    point, samples = IDS / 100.0, np.random.default_rng(0).normal(1.0, 0.2, (12, 8))
    found = align(Prediction(point[rows], object_id=IDS[rows], samples=samples[rows]), IDS, WHAT)
    there = np.isin(np.arange(12), rows)
    assert np.array_equal(found.there, there)
    assert np.array_equal(found.point, np.where(there, point, np.nan), equal_nan=True)
    scores, expected = found.per_galaxy(point), per_galaxy(Samples(samples), point)
    for name in PER_GALAXY:
        wanted = np.where(there, expected[name], np.nan)
        np.testing.assert_allclose(scores[name], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (np.ones(12), "returned ndarray; expected a Prediction"),
        (None, "returned NoneType"),
        (Prediction(np.ones(11)), "returned 11 forecasts for 12 galaxies"),
        (
            Prediction(np.ones(12), object_id=np.r_[IDS[:11], IDS[0]]),
            "1 galaxies forecast more than once (object_id 100)",
        ),
        (
            Prediction(np.ones(14), object_id=np.r_[IDS[:7], np.arange(7)]),
            "7 galaxies that were not asked for (object_id 0, 1, 2, 3, 4, ...)",
        ),
    ],
)
def test_what_is_no_forecast_is_refused(prediction, said):
    with pytest.raises(MethodError) as error:
        align(prediction, IDS, WHAT)
    assert str(error.value).startswith(WHAT) and said in str(error.value)


def test_missing_forecasts_are_refused_with_counts_and_ids():
    point = np.where(np.isin(IDS, (101, 105)), np.nan, 0.5)
    with pytest.raises(MethodError, match=r"2 galaxies of 12 without .*\(object_id 101, 105\)"):
        complete(point)
    assert np.array_equal(complete(point, allow_missing=True), point, equal_nan=True)


def test_a_galaxy_whose_distribution_says_nothing_is_missing():
    scores = {name: np.where(IDS == 103, np.nan, 0.5) for name in PER_GALAXY}
    with pytest.raises(MethodError, match=r"object_id 103\)"):
        complete(np.ones(12), scores)
    assert (
        np.isnan(complete(np.ones(12), scores, allow_missing=True)).tolist()
        == (IDS == 103).tolist()
    )
    partly = scores | {"pit": np.full(12, 0.5)}
    assert np.array_equal(complete(np.ones(12), partly), np.ones(12))


def test_no_forecast_at_all_is_never_allowed():
    nothing = align(Prediction(np.empty(0), object_id=np.empty(0, int)), IDS, WHAT)
    assert not nothing.there.any()
    with pytest.raises(MethodError, match="all 12 are missing or NaN"):
        complete(nothing.point, allow_missing=True)
