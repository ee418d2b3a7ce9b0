"""The leak guard: test objects of a release that a training table holds.

An object is told again by its id, by its group, and by its position: within the release's match
radius of a test object lies that object.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from transferz.baselines.leaks.positions import located, near, rounding
from transferz.dataset.sky.neighbours import iterate_pairs
from transferz.dataset.sky.positions import Positions
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.described import TRUTH
from transferz.tables.printing import first_few

COLUMNS = ("object_id", "group_id", "ra", "dec")
"""What tells an object, of a release's columns."""

WAYS = ("id", "group", "position")
"""How an object is told again."""

RADIUS_ARCSEC = 1.0
"""Within which two positions are one object, where a manifest does not say (params.yaml's)."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class HeldObjects:
    """Objects of a release that are held back: a row for each of their ids, groups and positions.

    Positions are in degrees, NaN where the release has none; another position within
    `radius_arcsec` is one of them. `splits` and `configs` are those that the objects are of.
    """

    object_id: Ints
    group_id: Ints
    ra: Floats
    dec: Floats
    radius_arcsec: float
    release: Release
    splits: tuple[str, ...]
    configs: tuple[str, ...]

    def __len__(self) -> int:
        """Objects, each counted once."""
        return len(np.unique(self.object_id))

    def __str__(self) -> str:
        mock = " (a mock)" if self.release.mock else ""
        return f"{' or '.join(self.splits)} objects of transferz {self.release.version}{mock}"


@dataclass(frozen=True, slots=True, eq=False)
class Leaks:
    """Test objects in a table of N rows.

    `found` has the rows that are a test object, shape (N,), by each of `WAYS` that could be
    checked; `unchecked` says what could not, and why. `objects` are the ids, in the release and
    ascending, of the test objects found among those `held`. Where nothing was found and nothing
    could be, as the table's ids and positions are none of the release's, `idle` says why, else it
    is empty.
    """

    found: Mapping[str, Mask]
    objects: Ints
    unchecked: tuple[str, ...]
    held: HeldObjects
    idle: tuple[str, ...] = ()

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
        Positions, degrees; NaN, or a sentinel such as -99, where there is none. Within the
        release's match radius of a test object, inclusive, lies that object.
    splits : sequence of str
        Whose objects are held back.
    configs : sequence of str, optional
        Of which configs; all of the release by default, never a mock's true redshifts.

    Raises
    ------
    InputError
        Where the columns tell no object, have several lengths, hold ids that are no whole
        numbers, or positions off the sphere.
    ReleaseError, ParameterError
        As `read_objects` does.

    Examples
    --------
    >>> from transferz import find_release, to_pandas
    >>> table = to_pandas(find_release(), config="combo", split="test")
    >>> leaks = find_leaks(find_release(), ra=table["ra"], dec=table["dec"])
    >>> len(table), len(table[~leaks.rows])  # doctest: +ELLIPSIS
    (..., 0)
    """
    given = {"object_id": object_id, "group_id": group_id, "ra": ra, "dec": dec}
    columns = {name: values for name, values in given.items() if values is not None}
    _require_columns(columns)
    return look_for(read_objects(release, configs, splits), columns)


def read_objects(
    release: Release, configs: Sequence[str] | None = None, splits: Sequence[str] = ("test",)
) -> HeldObjects:
    """Read the objects of some splits of a release, by default of all configs that have such.

    A mock's config of true redshifts, which holds the objects of the others again, is none of them.
    Raises a ReleaseError where a config or split is not there, or a file is damaged, and a
    ParameterError where none is named, or that one is.
    """
    truth = release.configs().get(TRUTH)
    available = {name: files for name, files in release.files().items() if name != truth}
    chosen = tuple(available) if configs is None else tuple(configs)
    if not splits or not chosen or truth in chosen:
        raise ParameterError(
            f"expected a split, such as test, and configs among {', '.join(available)}; "
            f"found splits {list(splits)}, configs {list(chosen)}"
        )
    # A config that is named must have every split; of all configs, one must.
    for split in splits:
        nowhere = not any(split in available.get(name, ()) for name in chosen)
        for name in chosen if configs is not None or nowhere else ():
            release.require(name, [split])
    parts = [(name, split) for name in chosen for split in splits if split in available[name]]
    table = pa.concat_tables(read_rows(release, *part, COLUMNS) for part in parts)
    frame = table.to_pandas().drop_duplicates(ignore_index=True)
    return HeldObjects(
        object_id=frame["object_id"].to_numpy(np.int64),
        group_id=frame["group_id"].to_numpy(np.int64),
        ra=frame["ra"].to_numpy(np.float64),
        dec=frame["dec"].to_numpy(np.float64),
        radius_arcsec=match_radius(release.manifest()),
        release=release,
        splits=tuple(splits),
        configs=tuple(dict.fromkeys(name for name, _ in parts)),
    )


def match_radius(manifest: Mapping[str, Any]) -> float:
    """Return the match radius that a release was made with, arcsec."""
    try:
        return float(manifest["parameters"]["match"]["radius_arcsec"])
    except (KeyError, TypeError, ValueError):  # loading does not look at it, so anything may be
        return RADIUS_ARCSEC


def look_for(held: HeldObjects, columns: Mapping[str, npt.ArrayLike]) -> Leaks:
    """Find the rows of a table that hold one of some objects.

    `columns` are those of `COLUMNS` that the table has, shape (N,). Raises an InputError as
    `find_leaks` does, and where there is nothing to look for by any way.
    """
    _require_columns(columns)
    rows: dict[str, Mask] = {}
    theirs: list[Mask] = []
    unchecked: list[str] = []
    idle: dict[str, str] = {}  # why a way says nothing; nothing where it does

    # By an id that both have.
    for way, name in (("id", "object_id"), ("group", "group_id")):
        if name not in columns:
            unchecked.append(f"by {way}: no {name}")
            continue
        ids, known = _whole_numbers(columns[name], name)
        unchecked += _lacking(way, ~known, "rows", f"they have no {name}")
        held_ids = getattr(held, name)
        rows[way] = known & np.isin(ids, held_ids)
        theirs.append(np.isin(held_ids, ids[known]))

    # By lying within the match radius of one.
    if not {"ra", "dec"} <= columns.keys():
        unchecked.append("by position: no ra and dec")
    else:
        placed, positions = located(columns["ra"], columns["dec"], "the table")
        held_placed, held_positions = located(held.ra, held.dec, str(held))
        unchecked += _lacking("position", ~placed, "rows", "they have none")
        unchecked += _lacking("position", ~held_placed, str(held), "the release has none of them")
        if held_placed.any():
            close = np.zeros(len(positions), np.bool_)
            held_close = np.zeros(len(held_positions), np.bool_)
            for pairs in iterate_pairs(positions, held_positions, held.radius_arcsec):
                close[pairs.i], held_close[pairs.j] = True, True
            if not close.any():
                idle["position"] = _idle_positions(positions, held_positions, held.radius_arcsec)
            placed[placed], held_placed[held_placed] = close, held_close
            rows["position"] = placed
            theirs.append(held_placed)

    if not rows:
        raise InputError(f"{held} can't be looked for: {'; '.join(unchecked)}")
    objects = np.unique(held.object_id[np.logical_or.reduce(theirs)])
    says_something = objects.size or ("position" in idle and not idle["position"])
    if not says_something:  # unless ids are, at least, of the release
        released = _released_ids(held.release)
        for way, name in (("id", "object_id"), ("group", "group_id")):
            if way in rows:
                ids, _ = _whole_numbers(columns[name], name)
                none = "by {}: no {} is one of the release's, of any split"
                idle[way] = "" if np.isin(ids, released[name]).any() else none.format(way, name)
    nothing = not says_something and all(idle[way] for way in rows)
    return Leaks(rows, objects, tuple(unchecked), held, (*idle.values(),) if nothing else ())


def _idle_positions(positions: Positions, held: Positions, radius_arcsec: float) -> str:
    """Say why positions of which none is a held one tell nothing; nothing where they tell."""
    if not near(positions, held):
        return (
            "by position: none lies within a degree of one of the release's; is it another part of "
            "the sky, or another unit than degrees or another frame than ICRS?"
        )
    if (digits := rounding(positions)) > radius_arcsec:
        return (
            f'by position: they are rounded to {digits:g}", and are looked for within '
            f'{radius_arcsec:g}"'
        )
    return ""


def _released_ids(release: Release) -> dict[str, Ints]:
    """Read the ids and groups of all objects of a release."""
    truth = release.configs().get(TRUTH)
    parts = [
        read_rows(release, name, split, COLUMNS[:2])
        for name, files in release.files().items()
        for split in files
        if name != truth
    ]
    table = pa.concat_tables(parts)
    return {name: table[name].to_numpy() for name in COLUMNS[:2]}


def _whole_numbers(values: npt.ArrayLike, name: str) -> tuple[Ints, Mask]:
    """Return ids, and where there is one that an int64 holds."""
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


def _lacking(way: str, lost: Mask, what: str, why: str) -> Iterator[str]:
    if count := np.count_nonzero(lost):
        yield f"by {way}, {count:,} of {len(lost):,} {what}: {why}"


def _require_columns(columns: Mapping[str, Any]) -> None:
    if not {"object_id", "group_id"} & columns.keys() and not {"ra", "dec"} <= columns.keys():
        raise InputError(
            "nothing tells which objects the table holds: expected object_id, group_id, or ra and "
            f"dec; found {', '.join(columns) or 'none of them'}"
        )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"expected columns of one length, found {lengths}")


def refuse_leaks(tables: Mapping[str, pd.DataFrame], held: HeldObjects, name: str) -> None:
    """Refuse tables in a release's columns, by part, that hold one of some objects.

    The error, which calls the tables together `name`, has the counts, the first ids of the objects,
    and what to do.
    """
    for part, table in tables.items():
        columns = {column: table[column] for column in COLUMNS if column in table}
        if not (leaks := look_for(held, columns)):
            continue
        by = ", ".join(f"{count:,} by {way}" for way, count in leaks.counts.items() if count)
        raise InputError(
            f"the {part} set of {name} holds {len(leaks.objects):,} of {len(held):,} {held}, in "
            f"{np.count_nonzero(leaks.rows):,} of {len(leaks.rows):,} rows ({by}; object_id "
            f"{first_few(leaks.objects)}): scores on objects that were learned from say nothing; "
            "leave them out, as `transferz check-leak TABLE --write-clean FILE` does"
        )
