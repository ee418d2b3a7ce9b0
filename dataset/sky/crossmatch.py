"""Matching two catalogues on the sky: which row of one is the same object as which of the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferz.dataset.sky.positions import (
    Floats,
    Positions,
    Rows,
    median_offset,
    shift,
    tangent_offsets,
)
from transferz.dataset.sky.zones import (
    Pairs,
    check_radius,
    iterate_pairs,
    pairs_between,
    pairs_within,
)
from transferz.schemas.errors import InputError, ParameterError

Keys = NDArray[np.integer]


class Matches(NamedTuple):
    """Rows of two catalogues that are each other's nearest neighbour, by the first's key.

    Attributes
    ----------
    index_first, index_second : int64 array (m,)
        Row numbers; each occurs at most once.
    separation_arcsec : float64 array (m,)
        Angular distance, arcsec, a multiple of 1e-7 arcsec.
    """

    index_first: Rows
    index_second: Rows
    separation_arcsec: Floats


class OffsetHistogram(NamedTuple):
    """How the offsets of matched positions are distributed.

    Attributes
    ----------
    edges : float64 array (bins + 1,)
        Bin edges, arcsec.
    count_ra, count_dec : int64 array (bins,)
        Matches per bin of the offset to the east (``dra * cos(dec)``) and to the north.
    """

    edges: Floats
    count_ra: Rows
    count_dec: Rows


class ChanceMatches(NamedTuple):
    """How often positions match by chance, per magnitude bin.

    Attributes
    ----------
    edges : float64 array (bins + 1,)
        Magnitude bin edges, the last bin closed.
    objects : int64 array (bins,)
        First positions per bin.
    matched : float64 array (bins,)
        Of these, how many matched a shifted second position: mean over the directions.
    rate : float64 array (bins,)
        ``matched / objects``, NaN for an empty bin.
    """

    edges: Floats
    objects: Rows
    matched: Floats
    rate: Floats


class _Nearest:
    """For each row, the least separation so far and the key that has it; ties to the lower key."""

    def __init__(self, size: int, key: Keys) -> None:
        self._no_key = np.iinfo(key.dtype).max
        self.separation = np.full(size, np.inf)
        self.key = np.full(size, self._no_key, dtype=key.dtype)

    def update(self, row: Rows, separation: Floats, key: Keys) -> None:
        """Take in pairs: `row` here, its separation from an object and that object's key."""
        before = self.separation[row]
        np.minimum.at(self.separation, row, separation)
        least = self.separation[row]
        self.key[row[least < before]] = self._no_key
        nearest = separation == least
        np.minimum.at(self.key, row[nearest], key[nearest])


def mutual_nearest(first: Positions, second: Positions, radius_arcsec: float) -> Matches:
    """Match rows that are each other's nearest neighbour within a radius.

    Separations are compared in steps of 1e-7 arcsec; of equal ones the lower key is the nearer.
    So the matches do not depend on the order of the rows.

    Parameters
    ----------
    first, second : Positions
        The two catalogues; either may be empty.
    radius_arcsec : float
        Greatest separation (inclusive), arcsec, above 0 and at most 3600.

    Returns
    -------
    Matches
        In the order of the first's keys.

    Raises
    ------
    ParameterError
        If the radius is out of its range.
    """
    nearest_second = _Nearest(len(first), second.key)
    nearest_first = _Nearest(len(second), first.key)
    kept = []
    for pairs in iterate_pairs(first, second, radius_arcsec):
        nearest_second.update(pairs.i, pairs.separation, second.key[pairs.j])
        nearest_first.update(pairs.j, pairs.separation, first.key[pairs.i])
        kept.append(_mutual(pairs, first, second, nearest_first, nearest_second))
    pairs = _mutual(Pairs.joined(kept), first, second, nearest_first, nearest_second)
    pairs = pairs.chosen(np.argsort(first.key[pairs.i]))
    return Matches(pairs.i, pairs.j, pairs.separation)


def _mutual(
    pairs: Pairs,
    first: Positions,
    second: Positions,
    nearest_first: _Nearest,
    nearest_second: _Nearest,
) -> Pairs:
    """Choose the pairs of which each is, so far, the other's nearest."""
    keep = nearest_second.key[pairs.i] == second.key[pairs.j]
    keep &= nearest_first.key[pairs.j] == first.key[pairs.i]
    return pairs.chosen(keep)


def match_with_offset(
    first: Positions, second: Positions, radius_arcsec: float
) -> tuple[Matches, tuple[float, float]]:
    """Match, remove the median offset of the matches from second, and match again.

    Parameters
    ----------
    first, second : Positions
        The two catalogues; either may be empty.
    radius_arcsec : float
        Greatest separation in both passes, arcsec; well above the offset to be removed.

    Returns
    -------
    matches : Matches
        Of the second pass; separations are those with the offset removed.
    offset : (float, float)
        Median offset of second from first to the east and to the north, arcsec, as removed.

    Raises
    ------
    ParameterError
        If the radius is out of its range.
    """
    rough = mutual_nearest(first, second, radius_arcsec)
    dra, ddec = median_offset(first.take(rough.index_first), second.take(rough.index_second))
    return mutual_nearest(first, shift(second, -dra, -ddec), radius_arcsec), (dra, ddec)


def offset_histogram(
    dra_arcsec: Floats, ddec_arcsec: Floats, limit_arcsec: float, bins: int = 40
) -> OffsetHistogram:
    """Count offsets in equal bins over ``[-limit, limit]``; what lies outside is not counted.

    Parameters
    ----------
    dra_arcsec, ddec_arcsec : float64 array (m,)
        Offsets as `tangent_offsets` gives them, arcsec.
    limit_arcsec : float
        Half the range of the histogram, arcsec: usually the match radius.
    bins : int
        Number of bins.

    Raises
    ------
    ParameterError
        If the limit is not in (0, 3600] arcsec or there is no bin.
    """
    if bins < 1:
        raise ParameterError(f"An offset histogram needs at least 1 bin, found {bins}.")
    limit = check_radius(limit_arcsec)
    edges = np.linspace(-limit, limit, bins + 1)
    count_ra, count_dec = (np.histogram(d, edges)[0] for d in (dra_arcsec, ddec_arcsec))
    return OffsetHistogram(edges, count_ra, count_dec)


def chance_match_rate(
    first: Positions,
    second: Positions,
    radius_arcsec: float,
    magnitude: Floats,
    edges: Sequence[float],
    *,
    shift_arcsec: float = 30.0,
    directions: int = 4,
) -> ChanceMatches:
    """Fraction of first positions that match when second is moved away, per magnitude bin.

    Parameters
    ----------
    first, second : Positions
        The two catalogues, any median offset removed.
    radius_arcsec : float
        Match radius, arcsec.
    magnitude : float array (len(first),)
        Magnitude of each first position; NaN falls into no bin.
    edges : sequence of float
        Ascending magnitude bin edges.
    shift_arcsec : float
        How far second is moved, arcsec (30, our choice: beyond any one galaxy, within the field).
    directions : int
        Number of directions over the full circle, the first to the east (4, our choice).

    Raises
    ------
    InputError
        If there is not one magnitude per first position.
    ParameterError
        If a number is out of its range or the edges do not ascend.
    """
    bounds, values = np.asarray(edges, dtype=np.float64), np.asarray(magnitude, dtype=np.float64)
    _check_chance(len(first), radius_arcsec, values, bounds, shift_arcsec, directions)
    objects = np.histogram(values, bounds)[0]
    matched = np.zeros(len(bounds) - 1)
    for angle in np.linspace(0.0, 2 * np.pi, directions, endpoint=False):
        east, north = shift_arcsec * np.cos(angle), shift_arcsec * np.sin(angle)
        matches = mutual_nearest(first, shift(second, east, north), radius_arcsec)
        matched += np.histogram(values[matches.index_first], bounds)[0]
    matched /= directions
    rate = np.divide(matched, objects, out=np.full(len(matched), np.nan), where=objects > 0)
    return ChanceMatches(bounds, objects, matched, rate)


def _check_chance(
    size: int, radius: float, magnitude: Floats, edges: Floats, distance: float, directions: int
) -> None:
    if magnitude.shape != (size,):
        raise InputError(f"Expected {size} magnitudes, one per position, found {magnitude.shape}.")
    if len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ParameterError(f"Magnitude bin edges must ascend, found {edges.tolist()}.")
    if not distance > check_radius(radius):
        raise ParameterError(
            f"The shift for chance matches must exceed the match radius of {radius} arcsec, "
            f"found {distance} arcsec."
        )
    if directions < 1:
        raise ParameterError(f"Chance matches need at least 1 direction, found {directions}.")


__all__ = [
    "ChanceMatches",
    "Matches",
    "OffsetHistogram",
    "Pairs",
    "Positions",
    "chance_match_rate",
    "match_with_offset",
    "median_offset",
    "mutual_nearest",
    "offset_histogram",
    "pairs_between",
    "pairs_within",
    "shift",
    "tangent_offsets",
]
