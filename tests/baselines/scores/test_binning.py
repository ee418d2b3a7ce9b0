"""Which galaxy is in which bin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines.scores.binning import REDSHIFT_EDGES, binnings, cut


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 30)),
        elements=st.floats(-9, 9, width=32),
    )
)
def test_every_value_is_in_one_bin(values):
    bins = cut(values, [-1.0, 0.0, 2.5])
    np.testing.assert_array_equal(sum(one.members.astype(int) for one in bins), 1)
    for one in bins:
        inside = values[one.members]
        assert (one.low is None) or (inside > one.low).all()
        assert (one.high is None) or (inside <= one.high).all()


def test_bins_are_open_below_closed_above_and_have_no_end_outside():
    bins = cut(np.array([-5.0, 0.3, 0.31, 0.5, 9.0]), [0.3, 0.5])
    assert [(one.low, one.high) for one in bins] == [(None, 0.3), (0.3, 0.5), (0.5, None)]
    assert [np.flatnonzero(one.members).tolist() for one in bins] == [[0, 1], [2, 3], [4]]
    assert [one.middle for one in bins] == pytest.approx([-2.35, 0.405, 9.0])


def test_a_nan_is_in_no_bin_and_an_empty_bin_has_no_middle():
    bins = cut(np.array([np.nan, 1.0]), [0.0])
    assert [one.members.tolist() for one in bins] == [[False, False], [False, True]]
    assert [one.middle for one in bins] == [None, 1.0]


def test_each_seeds_own_forecast_decides_its_bin_of_predicted_redshift():
    redshift, predicted = np.array([0.4, 0.6]), np.array([[0.4, 0.4], [0.6, 1.0], [4.0, 0.0]])
    found = binnings(redshift, predicted, np.full(2, np.nan))
    edge = REDSHIFT_EDGES.index(0.3) + 1
    assert found["true_redshift"][edge].members.tolist() == [True, False]
    ours = found["predicted_redshift"][edge].members
    assert ours.tolist() == [[True, True], [False, False], [False, False]]


def test_magnitude_and_colour_decide_their_bins():
    found = binnings(np.ones(2), np.ones((1, 2)), [21.5, 19.5], [23.5, 20.4])
    assert [one.low for one in found["i"] if one.members[0]] == [21.0]
    assert [one.low for one in found["g-i"] if one.members[0]] == [1.5]
    assert [one.low for one in found["g-i"] if one.members[1]] == [0.5]


@pytest.mark.parametrize(
    ("i", "g", "kinds"),
    [
        ([21.0, 22.0], [22.0, np.nan], ["i", "g-i"]),
        ([21.0, 22.0], None, ["i"]),
        ([21.0, 22.0], [np.nan, np.nan], ["i"]),
        ([np.nan, np.nan], [22.0, 22.0], []),
    ],
)
def test_without_a_band_there_are_no_bins_of_it(i, g, kinds):
    found = binnings(np.ones(2), np.ones((1, 2)), i, g)
    assert list(found) == ["true_redshift", "predicted_redshift", *kinds]
