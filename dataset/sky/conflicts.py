"""Neighbours on the sky that splits must not separate: whom to leave out, who belongs together."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from transferz.dataset.sky.crossmatch import Pairs, iterate_pairs, joined
from transferz.dataset.sky.positions import Floats, Positions, Rows
from transferz.schemas.errors import InputError

Mask = NDArray[np.bool_]
Ids = NDArray[np.integer]


def pairs_within(positions: Positions, radius_arcsec: float) -> Pairs:
    """Return every pair of positions of one table within the radius (inclusive), once each.

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
    pairs = joined([block.chosen(key[block.i] < key[block.j]) for block in blocks])
    return pairs.chosen(np.lexsort((key[pairs.j], key[pairs.i])))


def drop_conflicts(
    object_id: Ids,
    ra: Floats,
    dec: Floats,
    split: ArrayLike,
    spectroscopic: Mask,
    hashes: NDArray[np.uint64],
    radius_arcsec: float,
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

    Returns
    -------
    bool array (n,)
        True for every row of an object that is left out.

    Raises
    ------
    InputError
        If lengths differ, an object has several splits or hashes, or a position is wrong.
    ParameterError
        If the radius is out of its range.
    """
    ids, object_of_row, first, second = _near_objects(object_id, ra, dec, radius_arcsec)
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


def group_ids(object_id: Ids, ra: Floats, dec: Floats, radius_arcsec: float) -> Ids:
    """Return the least id among the objects linked to each row's object by steps within the radius.

    Parameters
    ----------
    object_id : integer array (n,)
        Identifier; rows with the same one are the same object, wherever they lie.
    ra, dec : float array (n,)
        Positions, degrees. Both NaN where a row has none: an object without any is alone.
    radius_arcsec : float
        Greatest step (inclusive), arcsec.

    Returns
    -------
    integer array (n,)
        Of the type of `object_id`.

    Raises
    ------
    InputError
        If lengths differ or a position is wrong.
    ParameterError
        If the radius is out of its range.
    """
    ids, object_of_row, first, second = _near_objects(object_id, ra, dec, radius_arcsec)
    if not len(ids):
        return ids
    links = coo_array((np.ones(len(first)), (first, second)), shape=(len(ids), len(ids)))
    _, group = connected_components(links, directed=False)
    _, least = np.unique(group, return_index=True)  # the ids ascend: a group's first is its least
    of_object: Ids = ids[least[group]]
    return of_object[object_of_row]


def _near_objects(
    object_id: Ids, ra: Floats, dec: Floats, radius_arcsec: float
) -> tuple[Ids, Rows, Rows, Rows]:
    """Find pairs of objects within the radius: an object's rows may be near each other, too.

    Returns the objects' ids, which ascend, the object of each row, and both sides of each pair,
    as numbers of objects.
    """
    if len(object_id) and np.asarray(object_id).dtype.kind not in "iu":
        raise InputError(f"Object ids must be integers, found {np.asarray(object_id).dtype}.")
    east, north = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    rows = np.arange(len(object_id))
    if east.shape == north.shape == rows.shape:
        rows = rows[~(np.isnan(east) & np.isnan(north))]
        east, north = east[rows], north[rows]
    pairs = pairs_within(Positions(east, north, rows, "objects to split"), radius_arcsec)
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
