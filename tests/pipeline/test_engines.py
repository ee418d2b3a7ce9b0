"""The engines that find neighbours: LSDB finds in partitions of the sky what one machine finds.

All in one file: what LSDB compiles when it is first used takes ten seconds.
"""

import filecmp
import importlib.util
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

lsdb = pytest.importorskip("lsdb")

from cdshealpix.nested import vertices  # noqa: E402

from transferz.dataset.pipeline.manifest import content  # noqa: E402
from transferz.dataset.pipeline.params import MatchParams, read_params  # noqa: E402
from transferz.dataset.sky import neighbours, partitions  # noqa: E402
from transferz.dataset.sky.matching import Whole  # noqa: E402
from transferz.dataset.sky.positions import Positions, shift  # noqa: E402
from transferz.schemas.errors import ParameterError  # noqa: E402

MOVES = ((0.6, -0.8), (-30.0, 0.0))


@pytest.fixture(autouse=True)
def small_partitions(monkeypatch):
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 25)


def parts_of(positions):
    """A catalogue that is read in three parts, one of them empty."""
    cut = len(positions) // 3
    rows = [np.arange(cut), np.arange(0), np.arange(cut, len(positions))]
    return lambda: (positions.take(one) for one in rows)


def same_matches(first, second, radius, folder, moves=MOVES):
    """Match by both engines, second where it is and moved; how many partitions, and matches."""
    reach = radius + sum(np.hypot(*move) for move in moves)
    whole = Whole(first, second)
    divided = partitions.Partitioned.written(parts_of(first), parts_of(second), folder, reach)
    found = []
    for move in ((0.0, 0.0), *moves):
        if any(move):
            whole, divided = whole.moved(*move), divided.moved(*move)
        expected, matches = whole.matches(radius), divided.matches(radius)
        for theirs, ours in zip(expected[:2], matches[:2], strict=True):
            for name in ("ra", "dec", "key"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(matches.separation, expected.separation)
        found.append(len(matches.separation))
    pixels = divided.second.get_healpix_pixels() if divided.second is not None else []
    return pixels, found


def same_pairs(positions, radius):
    expected = neighbours.pairs_within(positions, radius)
    for theirs, ours in zip(expected, partitions.pairs_within(positions, radius), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return len(expected.i)


def crowded(rng, rows, radius):
    """Everywhere on the sky, and in clumps: at the poles, across RA 0/360, in the open.

    Positions are on a grid of half the radius, or of a third of it, so that many distances are
    equal, or the radius; some are the same as others.
    """
    centres = np.array(
        [(0.0, 89.9999), (77.0, -89.9999), (0.0, 0.0), (359.9999, 41.8), (45.0, 0.0)]
    )
    centre = centres[rng.integers(0, len(centres), rows)]
    steps = rng.integers(-6, 7, (2, rows)) * radius / 3600 / rng.choice([2.0, 3.0], rows)
    dec = np.clip(centre[:, 1] + steps[0], -90, 90)
    ra = np.mod(centre[:, 0] + steps[1] / np.maximum(np.cos(np.deg2rad(dec)), 1e-4), 360.0)
    alone = rng.uniform(size=rows) < 0.1
    ra[alone] = rng.uniform(0, 360, alone.sum())
    dec[alone] = np.rad2deg(np.arcsin(rng.uniform(-1, 1, alone.sum())))
    ra[(ra == 0) & (rng.uniform(size=rows) < 0.5)] = 360.0
    return Positions(ra, dec, rng.permutation(10 * rows)[:rows])


@settings(deadline=None, max_examples=4, database=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.sampled_from([(300, 400), (400, 60), (0, 50), (50, 0)]),
    radius=st.sampled_from([0.01, 1.0, 60.0]),
)
def test_matches_and_close_pairs_are_those_of_one_machine(seed, sizes, radius, tmp_path_factory):
    rng = np.random.default_rng(seed)
    first, second = (crowded(rng, rows, radius) for rows in sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "PARTITION_ROWS", 25)
        same_matches(first, second, radius, tmp_path_factory.mktemp("partitions"))
        if min(sizes):
            assert same_pairs(first, radius) > 20


def on_pixel_edges(rng, radius):
    """Pairs across edges and corners of HEALPix pixels of several orders, all over the sky.

    Each has one position on an edge, to rounding, and another one up to the radius away, or just
    beyond it.
    """
    ra, dec = [], []
    for order in range(partitions.HIGHEST_ORDER + 1):
        count = 12 * 4**order
        pixels = np.unique(np.concatenate([np.arange(12) * 4**order, rng.integers(0, count, 4)]))
        corners = vertices(pixels, order)
        for axis, values in zip((ra, dec), corners, strict=True):
            degrees = np.asarray(values.to_value("deg"))
            axis.append(degrees.ravel())
            if order == partitions.HIGHEST_ORDER:  # small enough for edges to be straight, roughly
                near = np.ptp(degrees, axis=1, keepdims=True) < 10
                middle = (degrees + np.roll(degrees, 1, axis=1)) / 2
                axis.append(np.where(near, middle, degrees).ravel())
    ra, dec = np.mod(np.concatenate(ra), 360.0), np.clip(np.concatenate(dec), -90, 90)
    edge = Positions(ra, dec, np.arange(len(ra)))
    share = rng.choice([0.0, 0.3, 0.999999, 1.0, 1.000001], len(ra)) * radius
    angle = rng.integers(0, 8, len(ra)) * np.pi / 4
    moved = [
        shift(edge.take([k]), s * np.cos(a), s * np.sin(a))
        for k, s, a in zip(range(len(ra)), share, angle, strict=True)
    ]
    return edge, Positions(
        *(np.concatenate([getattr(one, name) for one in moved]) for name in ("ra", "dec", "key"))
    )


@pytest.mark.parametrize(("radius", "seed"), [(0.5, 4), (60.0, 5)])
def test_pairs_across_edges_and_corners_of_pixels_are_found(radius, seed, tmp_path):
    rng = np.random.default_rng(seed)
    first, second = on_pixel_edges(rng, radius)
    pixels, found = same_matches(first, second, radius, tmp_path, MOVES[:1])
    assert len({pixel.order for pixel in pixels}) >= 3
    assert found[0] > 0.5 * len(first)
    both = Positions(
        np.concatenate([first.ra, second.ra]),
        np.concatenate([first.dec, second.dec]),
        np.arange(2 * len(first)),
    )
    assert same_pairs(both, radius) > 0.5 * len(first)


def test_a_pair_may_lie_where_the_second_catalogue_has_no_partition(tmp_path):
    """Each of first is beyond an edge of the only pixels that second has."""
    order, radius = partitions.HIGHEST_ORDER, 1.0
    ra, dec = (
        np.asarray(v.to_value("deg")).ravel() for v in vertices(np.arange(0, 196608, 997), order)
    )
    first = shift(Positions(ra, dec, np.arange(len(ra))), 0.0, 0.4)
    second = shift(Positions(ra, dec, np.arange(len(ra))), 0.0, -0.4)
    _, found = same_matches(first, second, radius, tmp_path, ())
    assert found[0] > 0.9 * len(np.unique(np.round(ra, 6) + 1000 * np.round(dec, 6)))


def test_margins_have_an_end(tmp_path):
    one = Positions([1.0], [1.0], [1])
    with pytest.raises(ParameterError, match=r"margins of 7200 arcsec at most, found 7200\.1"):
        partitions.Partitioned.written(parts_of(one), parts_of(one), tmp_path, 7200.1)
    divided = partitions.Partitioned.written(parts_of(one), parts_of(one), tmp_path, 2.0)
    with pytest.raises(AssertionError):
        divided.moved(1.5, 0.0).matches(1.0)


def test_without_lsdb_there_is_a_remedy(tmp_path, monkeypatch):
    path = tmp_path / "params.yaml"
    path.write_text(
        "match: {engine: lsdb, radius_arcsec: 1.0, remove_median_offset: true,"
        " chance_shift_arcsec: 30.0, magnitude_edges: [18, 20], histogram_step_arcsec: 0.1}"
    )
    assert read_params("match", MatchParams, path).engine == "lsdb"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("transferz.dataset.pipeline.params.find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"pip install 'transferz\[lsdb\]', or take memory"):
        read_params("match", MatchParams, path)


def test_a_release_is_the_same_by_either_engine(built, stages):
    stages.change("match.engine", "lsdb")
    for stage in ("match", "split", "release"):
        assert stages.stage(stage) == (0, "")
    for place in ("match", "split"):
        files = sorted(path.name for path in (built.interim / place).iterdir())
        assert sorted(path.name for path in (stages.interim / place).iterdir()) == files
        unlike = filecmp.cmpfiles(built.interim / place, stages.interim / place, files, False)[1:]
        assert unlike == ([], [])
    manifest = json.loads((built.release / "MANIFEST.json").read_text())
    assert content(stages.release) == manifest["content"]
    assert "engine" not in manifest["parameters"]["match"]
