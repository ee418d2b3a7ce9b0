"""Neighbours on the sky that splits must not separate: whom to leave out, who belongs together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferz.dataset.sky.positions import Floats, Positions, Rows
from transferz.dataset.sky.zones import pairs_within
from transferz.dataset.splits.hashing import Hashes
from transferz.schemas.errors import InputError

Mask = NDArray[np.bool_]


def drop_conflicts(
    object_id: NDArray[np.integer],
    ra: Floats,
    dec: Floats,
    split: ArrayLike,
    spectroscopic: Mask,
    hashes: Hashes,
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
        Positions, degrees; every row's position counts.
    split : array of str (n,)
        Split of each row, the same in all rows of an object.
    spectroscopic : bool array (n,)
        Whether the row's redshift is spectroscopic.
    hashes : uint64 array (n,)
        Hash of the object, the same in all its rows.
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
    pairs = _ObjectPairs.of(object_id, ra, dec, radius_arcsec)
    _, split_code = np.unique(np.asarray(split, dtype=np.str_), return_inverse=True)
    split_of = pairs.one_per_object(split_code, "split")
    rank = pairs.ranks(np.asarray(spectroscopic), pairs.one_per_object(hashes, "hash"))
    conflict = split_of[pairs.first] != split_of[pairs.second]
    first, second = pairs.first[conflict], pairs.second[conflict]
    dropped = np.zeros(len(pairs.ids), dtype=np.bool_)
    dropped[np.where(rank[first] > rank[second], first, second)] = True
    return dropped[pairs.object_of_row]


def group_ids(
    object_id: NDArray[np.integer], ra: Floats, dec: Floats, radius_arcsec: float
) -> NDArray[np.integer]:
    """Least id among the objects linked to each row's object by steps within the radius.

    Parameters
    ----------
    object_id : integer array (n,)
        Identifier; rows with the same one are the same object, wherever they lie.
    ra, dec : float array (n,)
        Positions, degrees.
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
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = _ObjectPairs.of(object_id, ra, dec, radius_arcsec)
    size = len(pairs.ids)
    links = coo_array((np.ones(len(pairs.first)), (pairs.first, pairs.second)), shape=(size, size))
    groups, group = connected_components(links, directed=False) if size else (0, np.empty(0, int))
    least = np.full(groups, np.iinfo(pairs.ids.dtype).max, dtype=pairs.ids.dtype)
    np.minimum.at(least, group, pairs.ids)
    of_object: NDArray[np.integer] = least[group]
    return of_object[pairs.object_of_row]


@dataclass(frozen=True, slots=True)
class _ObjectPairs:
    """Pairs of rows within a radius as pairs of objects; an object may be paired with itself."""

    ids: NDArray[np.integer]  # unique, ascending
    object_of_row: Rows
    first: Rows  # numbers of objects
    second: Rows

    @classmethod
    def of(
        cls, object_id: NDArray[np.integer], ra: Floats, dec: Floats, radius: float
    ) -> "_ObjectPairs":
        if len(object_id) and np.asarray(object_id).dtype.kind not in "iu":
            raise InputError(f"Object ids must be integers, found {np.asarray(object_id).dtype}.")
        positions = Positions(ra, dec, np.arange(len(object_id)), "objects to split")
        ids, object_of_row = np.unique(object_id, return_inverse=True)
        pairs = pairs_within(positions, radius)
        ids = ids if ids.size else ids.astype(np.int64)
        return cls(ids, object_of_row, object_of_row[pairs.i], object_of_row[pairs.j])

    def one_per_object(self, values: ArrayLike, what: str) -> NDArray[Any]:
        """Return the value that all rows of each object share."""
        array = np.asarray(values)
        if array.shape != self.object_of_row.shape:
            raise InputError(
                f"Expected one {what} for each of {len(self.object_of_row)} rows, found "
                f"{array.shape}."
            )
        shared = np.empty(len(self.ids), dtype=array.dtype)
        shared[self.object_of_row] = array
        if (differs := np.flatnonzero(shared[self.object_of_row] != array)).size:
            raise InputError(
                f"Rows of one object must share one {what}, but those of object "
                f"{self.ids[self.object_of_row[differs[0]]]} do not; assign it per object."
            )
        return shared

    def ranks(self, spectroscopic: Mask, hashes: NDArray[Any]) -> Rows:
        """Place of each object, 0 the highest: spectroscopic, then lower hash, then lower id."""
        if spectroscopic.shape != self.object_of_row.shape:
            raise InputError(
                f"Expected one spectroscopic flag for each of {len(self.object_of_row)} rows, "
                f"found {spectroscopic.shape}."
            )
        without_spectrum = np.ones(len(self.ids), dtype=np.bool_)
        without_spectrum[self.object_of_row[spectroscopic.astype(np.bool_)]] = False
        rank = np.empty(len(self.ids), dtype=np.int64)
        order = np.lexsort((hashes, without_spectrum))  # stable, and the ids ascend
        rank[order] = np.arange(len(self.ids))
        return rank
