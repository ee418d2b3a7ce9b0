"""The COSMOS field in strips, each from a seed of its own: memory grows with one, not with all.

Clusters of galaxies, and HSC's shallow spots, end at a strip's border. Two sources that lie near
each other on both sides of a border blend as any two do: those at a border wait for the next strip.
Masks, the Milky Way's dust and the calibration are the whole field's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from transferz.dataset.mock.sky import ARCSEC, Window
from transferz.dataset.mock.sources import Sources


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the strips, from west to east."""

    number: int  # 0 is the one of least RA
    window: Window  # its part of the field
    seed: int  # of everything in it that is not the whole field's


def cut(window: Window, count: int, seed: int) -> list[Tile]:
    """Cut a field into `count` strips of equal width in RA.

    Their seeds are children of the field's `seed`; a field of one strip has its own.
    """
    edges = np.linspace(window.ra_min, window.ra_max, count + 1).tolist()
    seeds = [seed]
    if count > 1:
        children = np.random.SeedSequence(seed).spawn(count)
        seeds = [int(child.generate_state(1)[0]) for child in children]
    windows = [Window(*ends, window.dec_min, window.dec_max) for ends in pairwise(edges)]
    return [Tile(*each) for each in zip(range(count), windows, seeds, strict=True)]


def whole_groups(
    tiles: list[Tile], make: Callable[[Tile], Sources], link_arcsec: float
) -> Iterator[tuple[Tile, Sources]]:
    """Make the sources of each tile in turn, and yield them so that no group is divided.

    Sources within `link_arcsec` of each other are of one group. A group that reaches the border to
    the next tile comes with that tile, whole. So every source is yielded once, and no two within
    `link_arcsec` of each other come with different tiles.
    """
    waiting: list[Sources] = []
    for tile in tiles:
        sources = Sources.joined([*waiting, make(tile)]) if waiting else make(tile)
        if tile is not tiles[-1]:
            late = _reaching_border(sources, tile.window, link_arcsec * ARCSEC)
            waiting, sources = [sources.take(late)], sources.take(~late)
        yield tile, sources


def _reaching_border(sources: Sources, window: Window, link: float) -> npt.NDArray[np.bool_]:
    """Which sources belong to a group with a member within `link`, degrees, of the eastern edge."""
    places = window.plane(sources.ra, sources.dec)
    pairs = cKDTree(places).query_pairs(link, output_type="ndarray")
    edges = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(sources), len(sources)))
    group = connected_components(edges, directed=False)[1]
    near = places[:, 0] >= window.plane(np.array([window.ra_max]), np.zeros(1))[0, 0] - link
    return np.isin(group, group[near])
