import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.sky import neighbours as crossmatch
from transferz.dataset.sky.matching import Whole, match_with_offset
from transferz.dataset.sky.neighbours import (
    iterate_pairs,
    joined,
    mutual_nearest,
    pairs_within,
)
from transferz.dataset.sky.positions import Positions, angular_separation, shift
from transferz.schemas.errors import ParameterError

KINDS = ["sphere", "clustered", "wrap", "north", "south", "over_pole", "ring", "grid"]
NOTHING = Positions([], [], [], "nothing")


def sky(kind, n, radius, rng, keys=None):
    """Positions crowded so that a radius (arcsec) holds a few of them."""
    spread = 3 * radius / 3600
    x, y = rng.normal(0, spread, n), rng.normal(0, spread, n)
    if kind == "sphere":
        ra, dec = rng.uniform(0, 360, n), np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))
    elif kind == "clustered":
        centre = rng.integers(0, 5, n)
        ra, dec = 150 + centre * 10 * spread + x, 2 + y
    elif kind == "wrap":
        ra, dec = np.mod(x, 360.0), -40 + y
    elif kind == "grid":  # two neighbours at one distance, or four
        ra = rng.integers(-4, 5, n) * radius / 7200 % 360
        ra[rng.uniform(size=n) < 0.5 * (ra == 0)] = 360.0
        dec = rng.integers(-4, 5, n) * radius / 7200
    elif kind == "ring":  # round a pole, at right angles: windows that end on a neighbour
        ra, dec = rng.integers(0, 5, n) * 90.0, 90 - rng.integers(0, 4, n) * radius / 7200
    else:
        ra = rng.uniform(0, 360, n)
        dec = 90 - np.abs(x) if kind != "south" else np.abs(x) - 90
        if kind == "over_pole":
            dec = np.where(y > 0, 90 - radius / 3600, dec)
    keys = rng.permutation(10 * n)[:n] if keys is None else keys
    return Positions(ra, dec, keys)


def all_separations(first, second):
    """Every separation, O(n^2): (n1, n2)."""
    i, j = np.meshgrid(np.arange(len(first)), np.arange(len(second)), indexing="ij")
    flat = angular_separation(
        first.ra[i.ravel()], first.dec[i.ravel()], second.ra[j.ravel()], second.dec[j.ravel()]
    )
    return flat.reshape(i.shape)


def nearest_by_loop(separation, keys, radius):
    """Column of the nearest within the radius for each row, the lower key at a tie; -1 if none."""
    best = []
    for row in separation:
        near = [(s, keys[j], j) for j, s in enumerate(row) if s <= radius]
        best.append(min(near)[2] if near else -1)
    return best


def matches_by_loop(first, second, radius):
    separation = all_separations(first, second)
    forth = nearest_by_loop(separation, second.key, radius)
    back = nearest_by_loop(separation.T, first.key, radius)
    return {(i, j) for i, j in enumerate(forth) if j >= 0 and back[j] == i}


def as_keys(matches, first, second):
    return (
        first.key[matches.i].tolist(),
        second.key[matches.j].tolist(),
        matches.separation.tolist(),
    )


def pairs_between(first, second, radius):
    """All pairs, by the keys of first, then of second."""
    pairs = joined(list(iterate_pairs(first, second, radius)))
    return pairs.chosen(np.lexsort((second.key[pairs.j], first.key[pairs.i])))


skies = {
    "kind": st.sampled_from(KINDS),
    "sizes": st.sampled_from([(0, 9), (9, 0), (1, 1), (5, 40), (40, 5), (30, 40)]),
    "radius": st.sampled_from([0.01, 0.5, 1.0, 7.0, 3600.0]),
    "seed": st.integers(0, 2**32),
}


@settings(deadline=None, max_examples=400)
@given(**skies)
def test_mutual_nearest_is_the_quadratic_one(kind, sizes, radius, seed):
    rng = np.random.default_rng(seed)
    first, second = (sky(kind, n, radius, rng) for n in sizes)
    matches = mutual_nearest(first, second, radius)
    found = list(zip(matches.i.tolist(), matches.j.tolist(), strict=True))
    assert set(found) == matches_by_loop(first, second, radius)
    assert len(set(found)) == len(found)
    expected = all_separations(first, second)[matches.i, matches.j]
    np.testing.assert_array_equal(matches.separation, expected)
    assert (np.diff(first.key[matches.i]) > 0).all()
    back = mutual_nearest(second, first, radius)  # exchanged, they are the same matches
    assert set(zip(back.j.tolist(), back.i.tolist(), strict=True)) == set(found)


@settings(deadline=None, max_examples=200)
@given(**skies)
def test_row_order_changes_no_match_and_no_pair(kind, sizes, radius, seed):
    rng = np.random.default_rng(seed)
    first, second = (sky(kind, n, radius, rng) for n in sizes)
    mixed_first, mixed_second = (s.take(rng.permutation(len(s))) for s in (first, second))
    once = mutual_nearest(first, second, radius)
    again = mutual_nearest(mixed_first, mixed_second, radius)
    assert as_keys(once, first, second) == as_keys(again, mixed_first, mixed_second)
    pairs, mixed = pairs_within(first, radius), pairs_within(mixed_first, radius)
    np.testing.assert_array_equal(first.key[pairs.i], mixed_first.key[mixed.i])
    np.testing.assert_array_equal(first.key[pairs.j], mixed_first.key[mixed.j])
    np.testing.assert_array_equal(pairs.separation, mixed.separation)


@settings(deadline=None, max_examples=200)
@given(**skies)
def test_pairs_within_are_all_of_them_once(kind, sizes, radius, seed):
    positions = sky(kind, sum(sizes), radius, np.random.default_rng(seed))
    pairs = pairs_within(positions, radius)
    assert (positions.key[pairs.i] < positions.key[pairs.j]).all()
    near = np.triu(all_separations(positions, positions) <= radius, k=1)
    found = {frozenset(p) for p in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)}
    assert found == {frozenset(p) for p in np.argwhere(near).tolist()}
    assert len(found) == len(pairs.i)


@pytest.mark.parametrize(
    ("kind", "radius"), [(k, r) for k in KINDS for r in (1.0, 3600.0) if (k, r) != ("sphere", 1.0)]
)
def test_pairs_are_those_of_search_around_sky(kind, radius):
    rng = np.random.default_rng(11)
    # 0.98 of the radius: pairs of the grid lie exactly on it, where rounding decides
    first, second = sky(kind, 300, radius, rng), sky(kind, 500, radius, rng)
    radius *= 0.98
    pairs = pairs_between(first, second, radius)
    one, two = (SkyCoord(s.ra, s.dec, unit="deg") for s in (first, second))
    i, j, separation, _ = two.search_around_sky(one, radius * u.arcsec)
    order = np.lexsort((second.key[j], first.key[i]))
    assert len(i) > (5 if kind == "sphere" else 100)
    np.testing.assert_array_equal(pairs.i, i[order])
    np.testing.assert_array_equal(pairs.j, j[order])
    np.testing.assert_allclose(pairs.separation, separation.arcsec[order], rtol=0, atol=1e-7)


def test_matches_are_those_of_match_to_catalog_sky():
    rng = np.random.default_rng(12)
    first, second = sky("clustered", 3000, 20.0, rng), sky("clustered", 5000, 20.0, rng)
    one, two = (SkyCoord(s.ra, s.dec, unit="deg") for s in (first, second))
    forth, separation, _ = one.match_to_catalog_sky(two)
    back, _, _ = two.match_to_catalog_sky(one)
    rows = np.arange(len(first))
    rows = rows[(back[forth] == rows) & (separation.arcsec <= 1.0)]
    matches = mutual_nearest(first, second, 1.0)
    assert len(rows) > 100
    found = set(zip(matches.i.tolist(), matches.j.tolist(), strict=True))
    assert found == set(zip(rows.tolist(), forth[rows].tolist(), strict=True))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_lower_key_wins_a_tie(order):
    half = 0.25 / 3600
    corners_ra, corners_dec = (
        np.array([half, 360 - half, half, 360 - half]),
        np.array([half, half, -half, -half]),
    )
    keys = np.array([40, 20, 30, 10])
    second = Positions(corners_ra[order], corners_dec[order], keys[order])
    matches = mutual_nearest(Positions([0.0], [0.0], [7]), second, 1.0)
    assert second.key[matches.j].tolist() == [10]
    matches = mutual_nearest(second, Positions([0.0], [0.0], [7]), 1.0)
    assert second.key[matches.i].tolist() == [10]


def test_separations_within_a_ten_millionth_of_an_arcsecond_are_a_tie():
    arcsec = np.array([0.5, 0.5 - 2e-8, 0.5 - 2e-7])
    second = Positions(np.full(3, 10.0), arcsec / 3600, [1, 2, 3])
    first = Positions([10.0], [0.0], [0])
    assert mutual_nearest(first, second, 1.0).j.tolist() == [2]
    assert mutual_nearest(first, second.take([0, 1]), 1.0).j.tolist() == [0]


def test_the_radius_is_inclusive():
    first, second = Positions([10.0], [0.0], [1]), Positions([10.0], [0.5 / 3600], [2])
    assert len(mutual_nearest(first, second, 0.5).i) == 1
    assert len(mutual_nearest(first, second, 0.4999999).i) == 0


def test_a_separation_that_rounds_to_the_radius_is_within_it():
    dec = -89.0
    half = np.sin(np.deg2rad((0.5 + 3e-8) / 7200)) / np.cos(np.deg2rad(dec))
    ra = 10.0 + 2 * np.rad2deg(np.arcsin(half))
    first, second = Positions([10.0], [dec], [1]), Positions([ra], [dec], [2])
    assert mutual_nearest(first, second, 0.5).separation.tolist() == [0.5]


def test_blocks_of_any_size_give_the_same(monkeypatch):
    rng = np.random.default_rng(5)
    first, second = sky("north", 200, 1.0, rng), sky("north", 300, 1.0, rng)
    expected = mutual_nearest(first, second, 1.0), pairs_between(first, second, 1.0)
    monkeypatch.setattr(crossmatch, "_BLOCK_CANDIDATES", 50)
    blocks = list(iterate_pairs(first, second, 1.0))
    assert len(blocks) > 200 // 50
    once = [set(block.i.tolist()) for block in blocks]
    assert sum(map(len, once)) == len(set().union(*once))  # a first row is in one block
    assert max(np.bincount(pairs_between(first, second, 1.0).i)) > 2 * crossmatch._NEIGHBOURS
    found = mutual_nearest(first, second, 1.0), pairs_between(first, second, 1.0)
    for ours, theirs in zip(found, expected, strict=True):
        for field, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(field, other)


@pytest.mark.parametrize("key", [np.array([2**63 - 1]), np.array([2**64 - 1], dtype=np.uint64)])
def test_the_greatest_key_matches_too(key):
    matches = mutual_nearest(Positions([1.0], [1.0], key), Positions([1.0], [1.0], key), 1.0)
    assert matches.i.tolist() == [0]


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, 3601.0])
@pytest.mark.parametrize("search", [mutual_nearest, pairs_between])
def test_a_wrong_radius_is_refused_even_for_nothing(search, radius):
    with pytest.raises(ParameterError, match="above 0 and at most 3600 arcsec"):
        search(NOTHING, NOTHING, radius)
    with pytest.raises(ParameterError, match="above 0 and at most 3600 arcsec"):
        pairs_within(NOTHING, radius)


def test_nothing_matches_nothing():
    one = Positions([1.0], [1.0], [1])
    for first, second in [(NOTHING, NOTHING), (one, NOTHING), (NOTHING, one)]:
        assert [len(field) for field in mutual_nearest(first, second, 1.0)] == [0, 0, 0]
        found = match_with_offset(Whole(first, second), 1.0)
        assert len(found.matches.separation) == 0
        assert found.offset_arcsec == (0.0, 0.0)


@pytest.mark.parametrize("centre", [(150.1, 2.2), (0.0, 50.0), (20.0, -89.0)])
def test_an_offset_is_found_and_removed(centre):
    rng = np.random.default_rng(8)
    n, sigma = 2000, 0.05
    dec = centre[1] + rng.uniform(-0.1, 0.1, n)
    ra = np.mod(centre[0] + rng.uniform(-0.1, 0.1, n) / np.cos(np.deg2rad(dec)), 360)
    first = Positions(ra, dec, np.arange(n))
    noise = rng.normal(0, sigma / 3600, (2, n))
    noisy = Positions(
        np.mod(ra + noise[0] / np.cos(np.deg2rad(dec)), 360), dec + noise[1], np.arange(n)
    )
    second = shift(noisy, 0.4, -0.3)
    assert len(mutual_nearest(first, second, 0.3).i) < 0.05 * n
    matches, offset, skies = match_with_offset(Whole(first, second), 0.7)
    moved = mutual_nearest(first, skies.second, 0.7)
    np.testing.assert_array_equal(matches.separation, moved.separation)
    np.testing.assert_allclose(offset, (0.4, -0.3), atol=5 * 1.25 * sigma / np.sqrt(n))
    same = matches.first.key == matches.second.key
    assert same.mean() > 0.99
    assert np.median(matches.separation) == pytest.approx(1.1774 * sigma, rel=0.1)


def test_a_few_wrong_matches_do_not_move_the_offset():
    rng = np.random.default_rng(9)
    first = Positions(150 + rng.uniform(0, 0.2, 1001), rng.uniform(2, 2.2, 1001), np.arange(1001))
    second = shift(first, 0.25, -0.125)
    wrong = second.dec.copy()
    wrong[:200] += 0.5 / 3600
    second = Positions(second.ra, wrong, second.key)
    skies = Whole(first, second)
    assert match_with_offset(skies, 1.0).offset_arcsec == (0.25, -0.125)
    kept = match_with_offset(skies, 1.0, remove=False)
    assert kept.offset_arcsec == (0.25, -0.125) and kept.skies is skies
    found = kept.matches.first.key, kept.matches.second.key, kept.matches.separation
    expected = as_keys(mutual_nearest(first, second, 1.0), first, second)
    assert tuple(one.tolist() for one in found) == expected
