"""Neighbours on the sky: pairs within a radius, matches of two catalogues, conflicts of splits.

Positions become unit vectors in a k-d tree, so that poles and RA 0/360 are places like any other.
The tree finds candidates a little beyond the radius; which of them are pairs, and which is nearer,
is decided by `angular_separation` in whole steps of 1e-7 arcsec, alike on every processor.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from transferz.dataset.sky.positions import (
    ARCSEC_PER_DEGREE,
    Floats,
    Positions,
    Rows,
    angular_separation,
)
from transferz.schemas.errors import InputError, ParameterError

Mask = NDArray[np.bool_]
Ids = NDArray[np.integer]

MAX_RADIUS_ARCSEC = 3600.0  # above this the radius is a mistake in the unit (our choice)
_RADIUS_MARGIN_ARCSEC = 1e-6  # far above the rounding of a unit vector, 1e-10 arcsec
_ZONE_DEG = 0.01  # height of the strips in which rows are put in order, for speed alone
_BLOCK_CANDIDATES = 1 << 20  # row numbers and distances that one query of the tree may return
_NEIGHBOURS = 8  # asked for at first; a row that has as many is asked again for twice as many


class Pairs(NamedTuple):
    """Rows `i` of one table and `j` of the same or another (int64), near each other on the sky.

    Their `separation`, arcsec, is a multiple of 1e-7 arcsec. All are arrays of one length.
    """

    i: Rows
    j: Rows
    separation: Floats

    def chosen(self, rows: NDArray[Any]) -> "Pairs":
        """Choose pairs by mask or by number."""
        return Pairs(self.i[rows], self.j[rows], self.separation[rows])


def iterate_pairs(first: Positions, second: Positions, radius_arcsec: float) -> Iterator[Pairs]:
    """Yield every pair of a first (`i`) and a second position (`j`) within the radius (inclusive).

    Pairs come in blocks of bounded size and in no particular order; all pairs of one first row come
    in the same block. The radius is in arcsec, above 0 and at most 3600; `ParameterError`
    otherwise.
    """
    if not 0.0 < radius_arcsec <= MAX_RADIUS_ARCSEC:
        raise ParameterError(
            f"The match radius must be above 0 and at most {MAX_RADIUS_ARCSEC:g} arcsec, found "
            f"{radius_arcsec}; give it in arcsec."
        )
    # A chord of the unit sphere, wider than asked by more than rounding can matter.
    widened = radius_arcsec * (1 + 1e-9) + _RADIUS_MARGIN_ARCSEC
    reach = 2 * np.sin(float(np.deg2rad(widened / ARCSEC_PER_DEGREE)) / 2)
    # In order along the sky, rows that are near each other lie near each other in memory, and the
    # tree answers three times as fast.
    second_rows, first_rows = _along_the_sky(second), _along_the_sky(first)
    tree = cKDTree(_unit_vectors(second, second_rows), balanced_tree=False, compact_nodes=False)
    waiting = [(rows, _NEIGHBOURS) for rows in _blocks(first_rows, _NEIGHBOURS)]
    while waiting:
        rows, count = waiting.pop()
        _, nearest = tree.query(_unit_vectors(first, rows), count, distance_upper_bound=reach)
        # A row with as many neighbours as were asked for may have more: ask again. So a crowded
        # place costs time, but never more memory than a block.
        full = nearest[:, -1] < tree.n
        waiting += [(part, 2 * count) for part in _blocks(rows[full], 2 * count)]
        query, place = np.nonzero((nearest < tree.n) & ~full[:, None])
        i, j = rows[query], second_rows[nearest[query, place]]
        separation = angular_separation(first.ra[i], first.dec[i], second.ra[j], second.dec[j])
        yield Pairs(i, j, separation).chosen(separation <= radius_arcsec)


def _blocks(rows: Rows, neighbours: int) -> list[Rows]:
    """Divide rows so that a query for so many neighbours of each returns a bounded number."""
    size = max(1, _BLOCK_CANDIDATES // neighbours)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _along_the_sky(positions: Positions) -> Rows:
    """Row numbers by strip of declination, then by right ascension."""
    return np.argsort(np.floor(positions.dec / _ZONE_DEG) * 400.0 + positions.ra)


def _unit_vectors(positions: Positions, rows: Rows) -> Floats:
    ra, dec = np.deg2rad(positions.ra[rows]), np.deg2rad(positions.dec[rows])
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def joined(blocks: list[Pairs]) -> Pairs:
    """Join any number of blocks of pairs."""
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    i, j, separation = zip(nothing, *blocks, strict=True)
    return Pairs(np.concatenate(i), np.concatenate(j), np.concatenate(separation))


def mutual_nearest(first: Positions, second: Positions, radius_arcsec: float) -> Pairs:
    """Match rows that are each other's nearest neighbour within a radius (arcsec, inclusive).

    Separations are compared in steps of 1e-7 arcsec; of equal ones the lower key is the nearer. So
    the matches do not depend on the order of the rows; they come in the order of the first's keys.

    Examples
    --------
    >>> import numpy as np
    >>> first = Positions(np.array([150.0, 150.1]), np.array([2.0, 2.0]), np.array([1, 2]))
    >>> second = Positions(np.array([150.0]), np.array([2.0001]), np.array([7]))
    >>> mutual_nearest(first, second, 1.0).separation
    array([0.36])
    """
    nearest_second = Nearest(len(first), second.key)
    nearest_first = Nearest(len(second), first.key)
    kept = []
    for pairs in iterate_pairs(first, second, radius_arcsec):
        nearest_second.update(pairs.i, pairs.separation, second.key[pairs.j])
        nearest_first.update(pairs.j, pairs.separation, first.key[pairs.i])
        # What a first row's nearest is, is known now: all its pairs are in this block. A second
        # row may still find a nearer one, which the last look below sees.
        kept.append(pairs.chosen(nearest_second.key[pairs.i] == second.key[pairs.j]))
    pairs = joined(kept)
    pairs = pairs.chosen(nearest_first.key[pairs.j] == first.key[pairs.i])
    return pairs.chosen(np.argsort(first.key[pairs.i]))


class Nearest:
    """For each row, the least separation so far and the key that has it; ties to the lower key."""

    def __init__(self, size: int, key: NDArray[np.integer]) -> None:
        self._no_key = np.iinfo(key.dtype).max
        self.separation = np.full(size, np.inf)
        self.key = np.full(size, self._no_key, dtype=key.dtype)

    def update(self, row: Rows, separation: Floats, key: NDArray[np.integer]) -> None:
        """Take in pairs: `row` here, its separation from an object and that object's key."""
        before = self.separation[row]
        np.minimum.at(self.separation, row, separation)
        least = self.separation[row]
        self.key[row[least < before]] = self._no_key
        nearest = separation == least
        np.minimum.at(self.key, row[nearest], key[nearest])


def pairs_within(positions: Positions, radius_arcsec: float) -> Pairs:
    """Return every pair of positions of one table within the radius (arcsec, inclusive), once each.

    `i` is the row with the lower key; pairs are in the order of the keys.
    """
    key = positions.key
    blocks = iterate_pairs(positions, positions, radius_arcsec)
    pairs = joined([block.chosen(key[block.i] < key[block.j]) for block in blocks])
    return pairs.chosen(np.lexsort((key[pairs.j], key[pairs.i])))


ClosePairs = Callable[[Positions, float], Pairs]
"""What `pairs_within` does; `transferz.dataset.sky.partitions` does it too."""


def drop_conflicts(
    object_id: Ids,
    ra: Floats,
    dec: Floats,
    split: ArrayLike,
    spectroscopic: Mask,
    hashes: NDArray[np.uint64],
    radius_arcsec: float,
    find: ClosePairs = pairs_within,
) -> Mask:
    """Find the rows to leave out so that no two splits hold objects within the radius.

    For every pair of different objects that lie within the radius in different splits, the
    lower-ranked is left out: an object with a spectroscopic row ranks first, then one with the
    lower hash, then one with the lower id. An object that wins one pair may lose another. So a
    further object can only cause more to be left out; it never moves or brings back another.
    (A first spectrum of a known object raises its rank: it may come back, into its own split.)

    Parameters
    ----------
    object_id : integer array (n,)
        Identifier; rows with the same one are the same object, wherever they lie.
    ra, dec : float array (n,)
        Positions, degrees; every row's position counts. Both NaN where a row has none.
    split : array of str (n,)
        Split of each row, the same in all rows of an object.
    spectroscopic : bool array (n,)
        Whether the row's redshift is spectroscopic.
    hashes : uint64 array (n,)
        Hash of the object, the same in all its rows. Not the hash that assigns the splits: by
        that one the same split would win every conflict.
    radius_arcsec : float
        Radius (inclusive), arcsec.
    find : callable
        Finds the pairs.

    Returns
    -------
    bool array (n,)
        True for every row of an object that is left out.
    """
    ids, object_of_row, first, second = _near_objects(object_id, ra, dec, radius_arcsec, find)
    _, split_code = np.unique(np.asarray(split, dtype=np.str_), return_inverse=True)
    split_of = _one_per_object(split_code, "split", ids, object_of_row)
    hash_of = _one_per_object(hashes, "hash", ids, object_of_row)
    flags = _one_per_row(spectroscopic, "spectroscopic flag", object_of_row)
    has_spectrum = np.zeros(len(ids), dtype=np.bool_)
    has_spectrum[object_of_row[flags.astype(np.bool_)]] = True
    # Rank 0 is the highest. The sort is stable and the ids ascend: the lower id wins the last tie.
    rank = np.empty(len(ids), dtype=np.int64)
    rank[np.lexsort((hash_of, ~has_spectrum))] = np.arange(len(ids))
    conflict = split_of[first] != split_of[second]
    left, right = first[conflict], second[conflict]
    left_out = np.zeros(len(ids), dtype=np.bool_)
    left_out[np.where(rank[left] > rank[right], left, right)] = True
    return left_out[object_of_row]


def group_ids(
    object_id: Ids,
    ra: Floats,
    dec: Floats,
    radius_arcsec: float,
    find: ClosePairs = pairs_within,
) -> Ids:
    """Return the least id among the objects linked to each row's object by steps within the radius.

    Rows with the same id are the same object, wherever they lie. Positions are in degrees, both NaN
    where a row has none (an object without any is alone); the radius, arcsec, is inclusive. `find`
    finds the pairs.
    """
    ids, object_of_row, first, second = _near_objects(object_id, ra, dec, radius_arcsec, find)
    if not len(ids):
        return ids
    links = coo_array((np.ones(len(first)), (first, second)), shape=(len(ids), len(ids)))
    _, group = connected_components(links, directed=False)
    _, least = np.unique(group, return_index=True)  # the ids ascend: a group's first is its least
    of_object: Ids = ids[least[group]]
    return of_object[object_of_row]


def _near_objects(
    object_id: Ids, ra: Floats, dec: Floats, radius_arcsec: float, find: ClosePairs
) -> tuple[Ids, Rows, Rows, Rows]:
    """Find pairs of objects within the radius: an object's rows may be near each other, too.

    Returns the objects' ids, which ascend, the object of each row, and both sides of each pair, as
    numbers of objects.
    """
    if len(object_id) and np.asarray(object_id).dtype.kind not in "iu":
        raise InputError(f"Object ids must be integers, found {np.asarray(object_id).dtype}.")
    east, north = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    rows = np.arange(len(object_id))
    if east.shape == north.shape == rows.shape:
        rows = rows[~(np.isnan(east) & np.isnan(north))]
        east, north = east[rows], north[rows]
    pairs = find(Positions(east, north, rows, "objects to split"), radius_arcsec)
    ids, object_of_row = np.unique(object_id, return_inverse=True)
    of_located = object_of_row[rows]
    ids = ids if ids.size else ids.astype(np.int64)
    return ids, object_of_row, of_located[pairs.i], of_located[pairs.j]


def _one_per_row(values: ArrayLike, what: str, object_of_row: Rows) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != object_of_row.shape:
        raise InputError(
            f"Expected one {what} for each of {len(object_of_row)} rows, found {array.shape}."
        )
    return array


def _one_per_object(values: ArrayLike, what: str, ids: Ids, object_of_row: Rows) -> NDArray[Any]:
    """Return the value that all rows of each object share."""
    array = _one_per_row(values, what, object_of_row)
    shared = np.empty(len(ids), dtype=array.dtype)
    shared[object_of_row] = array
    if (differs := np.flatnonzero(shared[object_of_row] != array)).size:
        raise InputError(
            f"Rows of one object must share one {what}, but those of object "
            f"{ids[object_of_row[differs[0]]]} do not; assign it per object."
        )
    return shared
