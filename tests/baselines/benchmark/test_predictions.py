"""What `predict` returns: put in order, or refused with counts and ids."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.benchmark.checking import (
    as_prediction,
    check_prediction,
    require_all,
)
from transferz.baselines.benchmark.loading import MethodError
from transferz.baselines.scores.probability import (
    PER_GALAXY,
    GaussianMixture,
    Prediction,
    Samples,
    per_galaxy,
)
from transferz.schemas.errors import InputError

IDS = np.arange(100, 112)
LABELS = IDS / 100.0
WHAT = "k-NN: predict, seed 3"


def check(made, *, allow_missing=False):
    point, columns = check_prediction(as_prediction(made, WHAT), IDS, LABELS, WHAT)
    if not allow_missing:
        require_all(point, IDS, WHAT)
    return point, columns


def test_points_in_the_order_of_the_table_stay_as_they_are():
    point, columns = check(Prediction(np.linspace(0, 1, 12)))
    assert np.array_equal(point, np.linspace(0, 1, 12)) and columns == {}


@pytest.mark.parametrize(
    "kind",
    [list, np.array, np.ma.array, torch.tensor, pd.Series, pa.array],
    ids=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
def test_a_bare_array_is_a_point_forecast(kind):
    point, columns = check(kind(np.linspace(0, 1, 12)))
    assert np.array_equal(point, np.linspace(0, 1, 12)) and columns == {}


def test_a_bare_series_is_put_in_order_by_the_tables_index():
    point, _ = check(pd.Series(LABELS, index=range(12)).sort_index(ascending=False))
    assert np.array_equal(point, LABELS)


@settings(deadline=None)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_ids_put_points_and_distributions_in_order(order, kept):
    rows = np.array(order[:kept])
    samples = np.random.default_rng(0).normal(1.0, 0.2, (12, 8))
    made = Prediction(LABELS[rows], object_id=IDS[rows], samples=samples[rows])
    point, columns = check(made, allow_missing=True)
    there = np.isin(np.arange(12), rows)
    assert np.array_equal(point, np.where(there, LABELS, np.nan), equal_nan=True)
    expected = per_galaxy(Samples(samples), LABELS, IDS)
    for name in PER_GALAXY:
        wanted = np.where(there, expected[name], np.nan)
        np.testing.assert_allclose(columns[name], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (np.ones((12, 2)), "returned ndarray; expected a Prediction (from transferz.baselines.ben"),
        (np.ones((12, 2)), "or an array of one redshift per galaxy: point: expected one redshift"),
        (None, "returned NoneType"),
        ({"point": 0.5}, "returned dict; expected a Prediction"),
        (np.ones(11), "returned 11 forecasts for 12 galaxies"),
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
        check(prediction)
    assert str(error.value).startswith(WHAT) and said in str(error.value)


def test_missing_forecasts_are_refused_with_counts_and_ids():
    point = np.where(np.isin(IDS, (101, 105)), np.nan, 0.5)
    with pytest.raises(MethodError, match=r"2 galaxies of 12 without .*\(object_id 101, 105\)"):
        check(Prediction(point))
    allowed, _ = check(Prediction(point), allow_missing=True)
    assert np.array_equal(allowed, point, equal_nan=True)


def test_a_galaxy_whose_distribution_says_nothing_is_missing():
    samples = np.random.default_rng(0).normal(1.0, 0.2, (12, 8))
    samples[IDS == 103] = np.nan
    made = Prediction(np.ones(12), samples=samples)
    with pytest.raises(MethodError, match=r"object_id 103\)"):
        check(made)
    point, _ = check(made, allow_missing=True)
    assert np.isnan(point).tolist() == (IDS == 103).tolist()


def test_no_forecast_at_all_is_never_allowed():
    with pytest.raises(MethodError, match="all 12 are missing or NaN"):
        check(Prediction(np.empty(0), object_id=np.empty(0, int)), allow_missing=True)


POINTS = np.linspace(0.1, 1.2, 12)
SHUFFLED = np.random.default_rng(1).permutation(12)


def test_a_series_of_the_tables_index_is_put_in_the_order_of_the_table():
    series = pd.Series(POINTS[SHUFFLED], index=SHUFFLED)
    assert np.array_equal(check(Prediction(series))[0], POINTS)
    samples = np.random.default_rng(0).normal(1.0, 0.2, (12, 8))
    frame = pd.DataFrame(samples[SHUFFLED], index=SHUFFLED)
    _, columns = check(Prediction(series, samples=frame))
    assert np.array_equal(columns["crps"], per_galaxy(Samples(samples), LABELS)["crps"])
    some = check(Prediction(series[:5]), allow_missing=True)[0]
    assert np.array_equal(some[SHUFFLED[:5]], POINTS[SHUFFLED[:5]]) and np.isnan(some).sum() == 7


def test_a_series_of_another_index_is_refused_unless_ids_name_the_galaxies():
    series = pd.Series(POINTS, index=IDS)
    with pytest.raises(MethodError, match="an index that is not the table's, 0 to 11"):
        check(Prediction(series))
    assert np.array_equal(check(Prediction(series, object_id=IDS))[0], POINTS)
    with pytest.raises(MethodError, match="names other galaxies than object_id"):
        check(Prediction(pd.Series(POINTS[SHUFFLED], index=SHUFFLED), object_id=IDS))


def test_parts_in_different_orders_are_refused():
    series = pd.Series(POINTS[SHUFFLED], index=SHUFFLED)
    with pytest.raises(InputError, match="samples has no index, and others"):
        Prediction(series, samples=np.ones((12, 8)))
    with pytest.raises(InputError, match="point and samples have rows of different indexes"):
        Prediction(series, samples=pd.DataFrame(np.ones((12, 8))))
    with pytest.raises(InputError, match="its rows have an index other than 0, 1, 2"):
        Prediction(POINTS, mixture=mixture(series.to_frame()))


def mixture(means):
    try:
        return GaussianMixture(np.ones((12, 1)), means, np.ones((12, 1)))
    except ValueError as error:
        raise InputError(str(error)) from error


FLAGS = np.arange(12.0)[::-1]


def test_flags_are_put_in_the_order_of_the_table():
    made = Prediction(LABELS[SHUFFLED], object_id=IDS[SHUFFLED], flag=FLAGS[SHUFFLED])
    _, columns = check(made)
    assert list(columns) == ["flag"] and np.array_equal(columns["flag"], FLAGS)
    some = Prediction(LABELS[:5], object_id=IDS[:5], flag=FLAGS[:5] > 9)
    _, columns = check(some, allow_missing=True)
    assert np.array_equal(columns["flag"][:5], FLAGS[:5] > 9)
    assert np.isnan(columns["flag"][5:]).all()
    series = pd.Series(POINTS[SHUFFLED], index=SHUFFLED)
    _, columns = check(Prediction(series, flag=pd.Series(FLAGS[SHUFFLED], index=SHUFFLED)))
    assert np.array_equal(columns["flag"], FLAGS)


def test_a_galaxy_without_a_forecast_needs_no_flag():
    point, flag = np.where(IDS == 103, -99.0, 0.5), np.where(IDS == 103, np.nan, 1.0)
    _, columns = check(Prediction(point, flag=flag), allow_missing=True)
    assert np.array_equal(columns["flag"], flag, equal_nan=True)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (np.ones(11), r"Prediction: flag: expected one number per galaxy, shape \(12,\)"),
        (np.where(IDS < 102, np.nan, 1.0), "flag: 2 galaxies have a forecast and no flag"),
        (["good"] * 12, "flag: expected real numbers"),
        (pd.Series(FLAGS[SHUFFLED], index=SHUFFLED), "point has no index, and others"),
    ],
)
def test_flags_that_are_none_are_refused(flag, said):
    with pytest.raises(InputError, match=said):
        Prediction(POINTS, flag=flag)
