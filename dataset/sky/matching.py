"""Matches of two catalogues whose positions differ by an offset, however the pairs are found.

`Whole` holds both catalogues in memory; `transferz.dataset.sky.partitions` finds the same matches
where they do not fit.
"""

from typing import NamedTuple, Protocol, Self

import numpy as np

from transferz.dataset.sky.neighbours import Ids, iterate_pairs, joined, mutual_nearest
from transferz.dataset.sky.positions import Floats, Positions, shift, tangent_offsets


class Matches(NamedTuple):
    """Matched positions, row by row: `first`, its match in `second`, their `separation` (arcsec).

    In the order of first's keys; `second` as it was matched, so moved where it was moved.
    """

    first: Positions
    second: Positions
    separation: Floats


class Skies(Protocol):
    """Two catalogues to be matched."""

    def moved(self, east: float, north: float) -> Self:
        """Return the two with every position of the second moved by an offset, arcsec."""

    def matches(self, radius_arcsec: float) -> Matches:
        """Match rows that are each other's nearest within the radius, as `mutual_nearest` does."""

    def pairs(self, radius_arcsec: float) -> tuple[Ids, Ids, Floats]:
        """Find all pairs within the radius: keys of first and second, separations (arcsec)."""


class Whole:
    """Two catalogues in memory, to be matched."""

    def __init__(self, first: Positions, second: Positions) -> None:
        self.first, self.second = first, second

    def moved(self, east: float, north: float) -> "Whole":
        """Return the two with every position of the second moved by an offset, arcsec."""
        return Whole(self.first, shift(self.second, east, north))

    def matches(self, radius_arcsec: float) -> Matches:
        """Match rows that are each other's nearest within the radius."""
        pairs = mutual_nearest(self.first, self.second, radius_arcsec)
        return Matches(self.first.take(pairs.i), self.second.take(pairs.j), pairs.separation)

    def pairs(self, radius_arcsec: float) -> tuple[Ids, Ids, Floats]:
        """Find all pairs within the radius: keys of first and second, separations (arcsec)."""
        near = joined(list(iterate_pairs(self.first, self.second, radius_arcsec)))
        return self.first.key[near.i], self.second.key[near.j], near.separation


class OffsetMatches(NamedTuple):
    """Matches of two catalogues whose positions differ by an offset.

    `offset_arcsec` is the median offset of second from first to the east and to the north; `skies`
    what was matched: the two catalogues, the second without the offset if it was removed.
    """

    matches: Matches
    offset_arcsec: tuple[float, float]
    skies: Skies


def match_with_offset(skies: Skies, radius_arcsec: float, *, remove: bool = True) -> OffsetMatches:
    """Match, remove the median offset of the matches from second, and match again.

    The radius, arcsec, is that of both passes: well above the offset to be removed. `remove` False
    measures the offset and leaves it: the matches are those of the first pass.
    """
    matches = skies.matches(radius_arcsec)
    pairs = matches.first, matches.second
    # The median, because a few of the first matches are wrong; in whole micro-arcseconds, so that
    # no processor sees another one.
    offsets = tangent_offsets(*pairs) if len(pairs[0]) else ([0.0], [0.0])
    east, north = (round(float(np.median(values)), 6) for values in offsets)
    if remove:
        skies = skies.moved(-east, -north)
        matches = skies.matches(radius_arcsec)
    return OffsetMatches(matches, (east, north), skies)
