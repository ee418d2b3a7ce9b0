"""Every pair of positions within a radius, by the zones algorithm.

Gray, Nieto-Santisteban & Szalay 2006 (MSR-TR-2006-52): cut the sky into zones of declination,
sort by zone and right ascension, and the neighbours of a point are a few contiguous runs of rows.
It needs numpy alone, is exact everywhere on the sphere, and at arcsecond radii is faster than a
tree because all its work is sorting and searching in sorted arrays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferz.dataset.sky.positions import (
    ARCSEC_PER_DEGREE,
    Floats,
    Positions,
    Rows,
    angular_separation,
)
from transferz.schemas.errors import ParameterError

MAX_RADIUS_ARCSEC = 3600.0  # above this the radius is a mistake in the unit (our choice)
_ZONE_STRIDE = 400.0  # more than 360, so that the runs of two zones never touch
_MIN_ZONE_DEG = (
    1.0 / ARCSEC_PER_DEGREE
)  # zone * stride + ra then resolves 3e-8 deg; its rounding keeps order
_RADIUS_MARGIN_ARCSEC = 1e-6  # the search is this much wider; the rounded separation decides
_BLOCK_ROWS = 1 << 17
_BLOCK_CANDIDATES = 1 << 21


class Pairs(NamedTuple):
    """Pairs of rows that lie within a radius of each other.

    Attributes
    ----------
    i, j : int64 array (p,)
        Row numbers.
    separation : float64 array (p,)
        Angular distance, arcsec, a multiple of 1e-7 arcsec.
    """

    i: Rows
    j: Rows
    separation: Floats

    def chosen(self, rows: NDArray[Any]) -> "Pairs":
        """Choose pairs by mask or by number."""
        return Pairs(self.i[rows], self.j[rows], self.separation[rows])

    @staticmethod
    def joined(blocks: Iterable["Pairs"]) -> "Pairs":
        """Join any number of blocks of pairs."""
        i, j, separation = zip(_NO_PAIRS, *blocks, strict=True)
        return Pairs(np.concatenate(i), np.concatenate(j), np.concatenate(separation))


_NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def pairs_between(first: Positions, second: Positions, radius_arcsec: float) -> Pairs:
    """Every pair of a first and a second position within the radius (inclusive).

    Parameters
    ----------
    first, second : Positions
        What to compare; either may be empty.
    radius_arcsec : float
        Greatest separation, arcsec, above 0 and at most 3600.

    Returns
    -------
    Pairs
        `i` numbers rows of first, `j` rows of second; in the order of their keys.

    Raises
    ------
    ParameterError
        If the radius is out of its range.
    """
    pairs = Pairs.joined(iterate_pairs(first, second, radius_arcsec))
    return pairs.chosen(np.lexsort((second.key[pairs.j], first.key[pairs.i])))


def pairs_within(positions: Positions, radius_arcsec: float) -> Pairs:
    """Every pair of positions of one table within the radius (inclusive), once each.

    Parameters
    ----------
    positions : Positions
        What to compare; may be empty.
    radius_arcsec : float
        Greatest separation, arcsec, above 0 and at most 3600.

    Returns
    -------
    Pairs
        `i` is the row with the lower key; in the order of the keys.

    Raises
    ------
    ParameterError
        If the radius is out of its range.
    """
    key = positions.key
    blocks = iterate_pairs(positions, positions, radius_arcsec)
    pairs = Pairs.joined(block.chosen(key[block.i] < key[block.j]) for block in blocks)
    return pairs.chosen(np.lexsort((key[pairs.j], key[pairs.i])))


def iterate_pairs(first: Positions, second: Positions, radius_arcsec: float) -> Iterator[Pairs]:
    """Yield the pairs of `pairs_between` in blocks of bounded size, in no particular order.

    All pairs of one first row come in the same block.

    Parameters
    ----------
    first, second : Positions
        What to compare; either may be empty.
    radius_arcsec : float
        Greatest separation, arcsec, above 0 and at most 3600.

    Raises
    ------
    ParameterError
        If the radius is out of its range.
    """
    radius = check_radius(radius_arcsec)
    return _iterate(first, _SortedSky.of(second, radius), radius)


def check_radius(radius_arcsec: float) -> float:
    """Return a match radius, or raise `ParameterError` if it is not in (0, 3600] arcsec."""
    if not 0.0 < radius_arcsec <= MAX_RADIUS_ARCSEC:
        raise ParameterError(
            f"The match radius must be above 0 and at most {MAX_RADIUS_ARCSEC:g} arcsec, found "
            f"{radius_arcsec}; give it in arcsec."
        )
    return float(radius_arcsec)


@dataclass(frozen=True, slots=True)
class _SortedSky:
    """Positions sorted by zone of declination, then right ascension."""

    order: Rows
    zone_key: Floats  # zone * stride + ra, ascending
    ra: Floats
    dec: Floats
    height: float  # of a zone, deg

    @classmethod
    def of(cls, positions: Positions, radius: float) -> "_SortedSky":
        height = max(2.01 * _search_radius(radius), _MIN_ZONE_DEG)
        zone_key = np.floor((positions.dec + 90.0) / height) * _ZONE_STRIDE + positions.ra
        order = np.argsort(zone_key)
        return cls(order, zone_key[order], positions.ra[order], positions.dec[order], height)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Runs of right ascension to look through: each belongs to one row of the query."""

    row: Rows
    zone: Floats
    low: Floats
    high: Floats

    def chosen(self, keep: NDArray[np.bool_]) -> "_Windows":
        return _Windows(self.row[keep], self.zone[keep], self.low[keep], self.high[keep])

    @staticmethod
    def joined(parts: list["_Windows"]) -> "_Windows":
        return _Windows(
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.zone for part in parts]),
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
        )


def _search_radius(radius: float) -> float:
    """Radius of the search in degrees: wider than asked by more than rounding can matter."""
    return (radius * (1 + 1e-9) + _RADIUS_MARGIN_ARCSEC) / ARCSEC_PER_DEGREE


def _iterate(first: Positions, sky: _SortedSky, radius: float) -> Iterator[Pairs]:
    zone = np.floor((first.dec + 90.0 - _search_radius(radius)) / sky.height)
    order = np.argsort(zone * _ZONE_STRIDE + first.ra)  # neighbours follow each other: cache hits
    for start in range(0, len(order), _BLOCK_ROWS):
        yield from _block(first, order[start : start + _BLOCK_ROWS], sky, radius)


def _block(first: Positions, rows: Rows, sky: _SortedSky, radius: float) -> Iterator[Pairs]:
    """Pairs of some first rows; halve them until the candidates fit in memory."""
    ra, dec = first.ra[rows], first.dec[rows]
    windows = _windows(ra, dec, sky.height, radius)
    base = windows.zone * _ZONE_STRIDE
    start = np.searchsorted(sky.zone_key, base + windows.low)
    stop = np.searchsorted(sky.zone_key, base + windows.high, side="right")
    count = stop - start
    if count.sum() > _BLOCK_CANDIDATES and len(rows) > 1:
        half = len(rows) // 2
        yield from _block(first, rows[:half], sky, radius)
        yield from _block(first, rows[half:], sky, radius)
        return
    query, found = np.repeat(windows.row, count), _ranges(start, count)
    separation = angular_separation(ra[query], dec[query], sky.ra[found], sky.dec[found])
    near = separation <= radius
    yield Pairs(rows[query[near]], sky.order[found[near]], separation[near])


def _windows(ra: Floats, dec: Floats, height: float, radius: float) -> _Windows:
    """Windows of right ascension around each query, in the two zones that it can reach."""
    reach = _search_radius(radius)
    width = _half_width(dec, reach)
    lower_zone = np.floor((dec + 90.0 - reach) / height)
    ring = width == 180.0
    low, high = np.where(ring, 0.0, ra - width), np.where(ring, 360.0, ra + width)
    rows = np.arange(len(ra))
    centre = _Windows(rows, lower_zone, low, high)
    # A window that crosses RA 0/360 is two: the part beyond is looked for on the other side.
    below, above = centre.chosen(low < 0.0), centre.chosen(high > 360.0)
    parts = [
        _Windows(rows, lower_zone, np.maximum(low, 0.0), np.minimum(high, 360.0)),
        _Windows(below.row, below.zone, below.low + 360.0, np.full(len(below.row), 360.0)),
        _Windows(above.row, above.zone, np.zeros(len(above.row)), above.high - 360.0),
    ]
    upper = [_Windows(part.row, part.zone + 1.0, part.low, part.high) for part in parts]
    return _Windows.joined(parts + upper)


def _half_width(dec: Floats, reach: float) -> Floats:
    """Greatest difference in right ascension within `reach`, deg: 180 where a pole is inside."""
    polar = np.abs(dec) + reach >= 90.0
    cosine = np.where(polar, 1.0, np.cos(np.deg2rad(dec)))
    ratio = np.minimum(np.sin(np.deg2rad(reach)) / cosine, 1.0)
    return np.where(polar, 180.0, np.rad2deg(np.arcsin(ratio)))


def _ranges(start: Rows, count: Rows) -> Rows:
    """Concatenate ``arange(s, s + c)`` over all starts and counts."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(start - (ends - count), count) + np.arange(total)
