"""Joining matched rows: what is joined, what is removed and by which cut, and published tables."""

import numpy as np
import pandas as pd
import pytest

from transferz.dataset.match import (
    ambiguous,
    chance_matches,
    join,
    join_labelled,
    offset_histogram,
)
from transferz.dataset.pipeline.params import MatchParams
from transferz.dataset.sky.matching import Whole, match_with_offset
from transferz.dataset.sky.positions import Positions
from transferz.schemas import BANDS, HSC, MATCHED, InputError, error_name, magnitude_name
from transferz.schemas.survey.frames import check


def labels(ids):
    redshift = np.linspace(0.1, 2.0, len(ids)).astype("float32")
    return pd.DataFrame(
        {"cosmos_id": ids, "redshift": redshift, "redshift_lo": redshift, "redshift_hi": redshift}
    )


def photometry(ids):
    frame = pd.DataFrame({"object_id": np.array(ids, dtype="int64")})
    for band in BANDS:
        frame[magnitude_name(band)] = np.float32(22.0)
        frame[error_name(band)] = np.float32(0.1)
    return frame


def pairs(cosmos, hsc):
    separation = np.full(len(cosmos), 0.1, dtype="float32")
    return pd.DataFrame({"cosmos_id": cosmos, "object_id": hsc, "separation": separation})


def test_a_removed_row_is_listed_with_the_cut_that_removed_it():
    found = pairs([1, 2, 4], [11, 12, 14])
    joined, removed, counts = join(labels([1, 2, 3]), photometry([11, 13]), found, "cosmos_id")
    assert joined["object_id"].tolist() == [11]
    assert counts.removed == {"no_counterpart": 1, "counterpart_cut": 1}
    assert dict(zip(removed["id"], removed["cut"], strict=True)) == {
        3: "no_counterpart",
        2: "counterpart_cut",
    }


def test_nothing_left_is_an_error():
    """Such as catalogues of two fields; an empty config would be a release that nobody can load."""
    with pytest.raises(
        InputError, match="of 2 rows with a cosmos_id none has photometry: 1 have no"
    ):
        join(labels([1, 2]), photometry([12]), pairs([1], [11]), "cosmos_id")


def on_a_line(arcsec, first_key):
    """Positions along a line of right ascension at the equator."""
    ra = 150.0 + np.array(arcsec) / 3600.0
    return Positions(ra, np.zeros(len(arcsec)), np.arange(first_key, first_key + len(arcsec)))


@pytest.mark.parametrize(
    ("spectra", "objects", "expected"),
    [
        ([0.0], [0.3], [False]),
        ([0.0], [5.0], [False]),  # nothing is near: unmatched, and no rival
        ([0.0], [0.3, -0.6], [False]),  # of two objects the nearest is its own
        ([-0.6, 0.6], [0.0], [True, True]),  # both claim one object
        ([-0.6, 0.6], [0.0, 0.7], [False, False]),  # the second has a nearer one to itself
        ([0.0, 1.1], [0.8, 1.0], [True, False]),  # its nearest lies nearer to another
        ([-0.6, 0.6, 9.0], [0.0, 9.1], [True, True, False]),
        ([0.9, 9.0], [0.0, 9.1], [False, False]),
    ],
)
def test_a_spectrum_whose_object_is_another_ones_too_is_ambiguous(spectra, objects, expected):
    first, second = on_a_line(spectra, 1), on_a_line(objects, 10)
    found = match_with_offset(Whole(first, second), 1.0, remove=False)
    unsure = np.isin(first.key, ambiguous(found, 1.0))
    assert unsure.tolist() == expected
    matched = np.isin(first.key, found.matches.first.key)
    near = np.abs(np.subtract.outer(spectra, objects)).min(axis=1) <= 1.0
    assert (matched | np.array(expected) | ~near).all()  # nobody's fate is left open


def test_the_published_table_keeps_its_ids_exactly_and_leaves_the_rest_null():
    huge = [43158322433012345, 43158322433012346, 2**62 + 1]  # beyond a float's 53 bits
    published = photometry(huge).assign(
        redshift=np.float32(0.5), published_split=pd.Series(["train"] * 3, dtype="string[pyarrow]")
    )
    joined = join_labelled(published, photometry(huge[1:2]), MATCHED)
    check(joined, MATCHED)
    assert joined["object_id"].tolist() == huge
    assert joined["spectroscopic_id"].tolist() == [pd.NA, huge[1], pd.NA]
    empty = ["ra", "dec", "redshift_lo", "redshift_hi", "cosmos_id", "separation"]
    assert joined[empty].isna().all(axis=None)
    assert (joined["published_split"] == "train").all()


def test_the_published_table_may_share_nothing():
    published = photometry([1, 2]).assign(
        redshift=np.float32(0.5), published_split=pd.Series(["test"] * 2, dtype="string[pyarrow]")
    )
    joined = join_labelled(published, photometry([3]), MATCHED)
    assert joined["spectroscopic_id"].isna().all()
    assert set(joined) == set(MATCHED.names)
    assert HSC["object_id"].name in joined


HUGE = 43158322433012345  # of an HSC id: a float can't tell it from the next


def test_pandas_looks_ids_of_64_bits_up_exactly_missing_ones_too():
    """What `split` and `release` rely on: pandas before version 3 went through floats."""
    for dtype in ("string[pyarrow]", "Int64"):
        values = pd.Series([1, 2], index=[HUGE, HUGE + 1]).astype(dtype)
        wanted = pd.Series([HUGE + 1, None, HUGE + 2, HUGE], index=[5, 4, 3, 9], dtype="Int64")
        found = wanted.map(values)
        assert (found.dtype, found.index.tolist()) == (dtype, [5, 4, 3, 9])
        assert found.isna().tolist() == [False, True, True, False]
        assert found.dropna().tolist() == values.iloc[::-1].tolist()
    assert pd.Series([HUGE], dtype="Int64").isin(wanted.dropna()).tolist() == [True]


MATCH = MatchParams(
    radius_arcsec=1.0,
    remove_median_offset=True,
    chance_shift_arcsec=30.0,
    magnitude_edges=[18, 20, 22, 23, 24],
    histogram_step_arcsec=0.1,
)


def test_an_offset_histogram_counts_each_match_once():
    rng = np.random.default_rng(2)
    east, north = rng.normal(0, 0.1, 500), rng.normal(0.2, 0.1, 500)
    histogram = offset_histogram(east, north, MATCH)
    assert sum(histogram["count_ra"]) == sum(histogram["count_dec"]) == 500
    edges = np.array(histogram["edges"])
    assert (edges[0], edges[-1], len(edges)) == (-1.0, 1.0, 21)
    centres = (edges[1:] + edges[:-1]) / 2
    assert np.average(centres, weights=histogram["count_dec"]) == pytest.approx(0.2, abs=0.03)
    coarse = MATCH.model_copy(update={"histogram_step_arcsec": 9.0})
    assert offset_histogram(np.array([-1.0, 1.0, 1.1]), east, coarse)["count_ra"] == [2]


def test_chance_matches_follow_the_density():
    rng = np.random.default_rng(3)
    side, n = 0.2, 20_000
    second = Positions(150 + rng.uniform(0, side, n), rng.uniform(0, side, n), np.arange(n))
    rows = rng.permutation(n)[:4000]  # true counterparts, which the shift must undo
    first = Positions(second.ra[rows], second.dec[rows], np.arange(4000))
    magnitudes = pd.Series(np.repeat([18.5, 20.5, np.nan, 24.0], 1000))
    chance = chance_matches(Whole(first, second), magnitudes, MATCH)
    assert chance["objects"] == [1000, 1000, 0, 1000]
    assert chance["rate"][2] is None
    expected = 1 - np.exp(-n / (side * 3600) ** 2 * np.pi)  # 11 %
    rates = [chance["rate"][k] for k in (0, 1, 3)]
    np.testing.assert_allclose(rates, expected, atol=5 * np.sqrt(expected / 4000))
    np.testing.assert_allclose([chance["matched"][k] / 1000 for k in (0, 1, 3)], rates, atol=1e-6)
