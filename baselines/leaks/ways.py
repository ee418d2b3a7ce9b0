"""Rows that two tables share: by an id, or by lying within a radius of each other."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.leaks.objects import Held, Ints
from transferz.dataset.sky.crossmatch import iterate_pairs
from transferz.dataset.sky.positions import Positions
from transferz.schemas.errors import InputError

Mask = npt.NDArray[np.bool_]
Found = tuple[Mask, Mask]  # rows of the table, rows of what is held back


def shared(
    name: str, columns: Mapping[str, npt.ArrayLike], held: Ints, notes: list[str]
) -> Found | None:
    """Find the rows with an id that both have.

    Parameters
    ----------
    name : str
        ``object_id`` or ``group_id``.
    columns : mapping of str to array_like, shape (N,)
        Of the table.
    held : ndarray of int64, shape (M,)
        Ids that are held back.
    notes : list of str
        What could not be checked, and why, is appended.

    Returns
    -------
    tuple of two ndarrays of bool, shapes (N,) and (M,), or None
        Rows of either; None where the table has no such column.

    Raises
    ------
    InputError
        Where its ids are no whole numbers.
    """
    way = "id" if name == "object_id" else "group"
    if name not in columns:
        notes.append(f"by {way}: no {name}")
        return None
    ids, known = _whole(columns[name], name)
    notes += _lacking(way, ~known, "rows", f"they have no {name}")
    return known & np.isin(ids, held), np.isin(held, ids[known])


def _whole(values: npt.ArrayLike, name: str) -> tuple[Ints, Mask]:
    """Ids, and where there is one that an int64 holds."""
    series = pd.Series(values)
    if not pd.api.types.is_integer_dtype(series.dtype):
        raise InputError(
            f"{name} is {series.dtype}, expected whole numbers: ids of 17 digits need int64, and "
            "float64 has lost the last of them"
        )
    known = (series <= np.iinfo(np.int64).max).fillna(value=False).to_numpy(np.bool_)
    ids = np.zeros(len(series), np.int64)
    ids[known] = series[known].to_numpy(np.int64)
    return ids, known


def near(columns: Mapping[str, npt.ArrayLike], held: Held, notes: list[str]) -> Found | None:
    """Find the rows within the radius of each other; takes and returns what `shared` does.

    Raises
    ------
    InputError
        Where a position is off the sphere.
    """
    if not {"ra", "dec"} <= columns.keys():
        notes.append("by position: no ra and dec")
        return None
    rows, first = _located(columns["ra"], columns["dec"], "the table")
    others, second = _located(held.ra, held.dec, str(held))
    notes += _lacking("position", ~rows, "rows", "they have none")
    notes += _lacking("position", ~others, str(held), "the release has none of them")
    if not others.any():
        return None
    close = np.zeros(len(first), np.bool_), np.zeros(len(second), np.bool_)
    for pairs in iterate_pairs(first, second, held.radius_arcsec):
        close[0][pairs.i], close[1][pairs.j] = True, True
    rows[rows], others[others] = close
    return rows, others


def _located(ra: npt.ArrayLike, dec: npt.ArrayLike, name: str) -> tuple[Mask, Positions]:
    """Where there is a position, and those."""
    east, north = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    rows = np.isfinite(east) & np.isfinite(north)
    return rows, Positions(east[rows], north[rows], np.arange(np.count_nonzero(rows)), name)


def _lacking(way: str, lost: Mask, what: str, why: str) -> Iterator[str]:
    if count := np.count_nonzero(lost):
        yield f"by {way}, {count:,} of {len(lost):,} {what}: {why}"
