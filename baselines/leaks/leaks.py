"""The leak guard: test objects that a training table holds, by id, by group and by position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.leaks.objects import COLUMNS, Held, Ints, read_objects
from transferz.baselines.leaks.ways import Mask, near, shared
from transferz.releases import Release
from transferz.schemas.errors import InputError

SHOWN = 5
"""Of the ids of objects, how many are named."""

WAYS = ("id", "group", "position")
"""How an object is told again."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaks:
    """Test objects in a table of N rows.

    Attributes
    ----------
    found : mapping of str to ndarray of bool, shape (N,)
        Of `WAYS`, each that could be checked: the rows that are a test object.
    objects : ndarray of int64
        Ids, in the release, of the test objects found; ascending.
    unchecked : tuple of str
        What could not be checked, and why.
    held : Held
        The test objects.
    """

    found: Mapping[str, Mask]
    objects: Ints
    unchecked: tuple[str, ...]
    held: Held

    def __bool__(self) -> bool:
        """Whether anything leaks."""
        return bool(self.rows.any())

    @property
    def rows(self) -> Mask:
        """Rows that are a test object by any way, shape (N,)."""
        return np.asarray(np.logical_or.reduce(list(self.found.values())))

    @property
    def counts(self) -> dict[str, int]:
        """Rows found by each way that could be checked."""
        return {way: int(np.count_nonzero(rows)) for way, rows in self.found.items()}


def find_leaks(
    release: Release,
    *,
    object_id: npt.ArrayLike | None = None,
    group_id: npt.ArrayLike | None = None,
    ra: npt.ArrayLike | None = None,
    dec: npt.ArrayLike | None = None,
    splits: Sequence[str] = ("test",),
    configs: Sequence[str] | None = None,
) -> Leaks:
    """Find the rows of a table that hold test objects of a release.

    Parameters
    ----------
    release : Release
        The release.
    object_id, group_id : array_like of int, shape (N,), optional
        The release's ids. A missing value (pandas' ``Int64``) is no object's.
    ra, dec : array_like, shape (N,), optional
        Positions, degrees; NaN where there is none. Within the release's match radius of a test
        object, inclusive, lies that object.
    splits : sequence of str
        Whose objects are held back.
    configs : sequence of str, optional
        Of which configs; all of the release by default, never ``truth``.

    Returns
    -------
    Leaks

    Raises
    ------
    InputError
        Where the columns tell no object, have several lengths, hold ids that are no whole
        numbers, or positions off the sphere.
    ReleaseError, ParameterError
        As `read_objects` does.
    """
    given = {"object_id": object_id, "group_id": group_id, "ra": ra, "dec": dec}
    columns = {name: one for name, one in given.items() if one is not None}
    _require_columns(columns)
    return look_for(read_objects(release, configs, splits), columns)


def look_for(held: Held, columns: Mapping[str, npt.ArrayLike]) -> Leaks:
    """Find the rows of a table that hold one of some objects; raises what `find_leaks` does.

    Parameters
    ----------
    held : Held
        The objects.
    columns : mapping of str to array_like, shape (N,)
        ``object_id``, ``group_id``, ``ra``, ``dec``, or those that there are.
    """
    _require_columns(columns)
    notes: list[str] = []
    ways = {
        "id": shared("object_id", columns, held.object_id, notes),
        "group": shared("group_id", columns, held.group_id, notes),
        "position": near(columns, held, notes),
    }
    found = {way: one for way, one in ways.items() if one is not None}
    if not found:
        raise InputError(f"{held} can't be looked for: {'; '.join(notes)}")
    theirs = np.logical_or.reduce([one for _, one in found.values()])
    rows = {way: ours for way, (ours, _) in found.items()}
    return Leaks(rows, np.unique(held.object_id[theirs]), tuple(notes), held)


def refuse_leaks(tables: Mapping[str, pd.DataFrame], held: Held, name: str) -> None:
    """Refuse tables in a release's columns that hold one of some objects.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Part, such as ``training``, to its table.
    held : Held
        The objects.
    name : str
        What messages call the tables together.

    Raises
    ------
    InputError
        As `require_no_leak` and `look_for` do.
    """
    for part, table in tables.items():
        columns = {one: table[one] for one in COLUMNS if one in table}
        require_no_leak(look_for(held, columns), f"the {part} set of {name}")


def require_no_leak(leaks: Leaks, what: str) -> None:
    """Refuse a training table that holds test objects.

    Parameters
    ----------
    leaks : Leaks
        What `find_leaks` found in it.
    what : str
        What the message calls it.

    Raises
    ------
    InputError
        With the counts, the first ids of the objects, and what to do.
    """
    if not leaks:
        return
    by = ", ".join(f"{count:,} by {way}" for way, count in leaks.counts.items() if count)
    raise InputError(
        f"{what} holds {len(leaks.objects):,} of {len(leaks.held):,} {leaks.held}, in "
        f"{np.count_nonzero(leaks.rows):,} of {len(leaks.rows):,} rows ({by}; object_id "
        f"{first_ids(leaks.objects)}): scores on objects that were learned from say nothing; "
        "leave them out, as `transferz check-leak TABLE --write-clean FILE` does"
    )


def first_ids(identifiers: Sequence[Any] | npt.NDArray[Any]) -> str:
    """Write the first few of some ids."""
    shown = ", ".join(map(str, list(identifiers[:SHOWN])))
    return shown + (", ..." if len(identifiers) > SHOWN else "")


def _require_columns(given: Mapping[str, Any]) -> None:
    if not {"object_id", "group_id"} & given.keys() and not {"ra", "dec"} <= given.keys():
        raise InputError(
            "nothing tells which objects the table holds: expected object_id, group_id, or ra and "
            f"dec; found {', '.join(given) or 'none of them'}"
        )
    lengths = {name: len(one) for name, one in given.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"expected columns of one length, found {lengths}")
