"""The leak guard on a table of one's own: its columns, their units, the rows that are no leak."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from transferz.baselines.leaks.leaks import HeldObjects, Leaks, look_for
from transferz.baselines.leaks.positions import READINGS, Floats, degrees, located, near
from transferz.schemas.errors import InputError
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.files import replace_file
from transferz.tables.printing import first_few
from transferz.tables.reading import read_whole
from transferz.tables.table import CHUNK_ROWS, TableFile, require_columns
from transferz.tables.writing import open_writer

OPTIONS = {"object_id": "--id", "group_id": "--group", "ra": "--ra", "dec": "--dec"}
"""What tells objects, and the option that names a table's column of it."""

PLACE = ("ra", "dec")
FULL = 360.0 + 1e-6  # a turn, rounding aside
WHOLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype()}


def check_table(
    table: TableFile, named: Mapping[str, str | None], held: HeldObjects
) -> tuple[dict[str, str], Leaks]:
    """Look through a table for some objects; return the column used of each of `OPTIONS` too.

    `named` has the table's column of each of `OPTIONS`; empty for none. None where it is not said:
    the column of that name then, whatever its case, if there is one. Positions are in the unit that
    the file says, else degrees. Raises an InputError where a column is absent or holds something
    else, there is none to tell objects by, or positions look like those of another unit.
    """
    columns = _choose_columns(table, named)
    require_columns(table.path, table.names, list(columns.values()))
    cells = read_whole(table, list(dict.fromkeys(columns.values())))
    values: dict[str, Any] = {}
    units = {what: table.units.get(columns[what], "") for what in PLACE if what in columns}
    try:
        for what, name in columns.items():
            if what not in PLACE:
                values[what] = _read_ids(cells, name, table.path)
                continue
            values[what] = degrees(as_floats(cells, name, table.path), units[what], what)
        leaks = look_for(held, values)
        if units and not any(units.values()):
            _refuse_other_units(values["ra"], values["dec"], leaks, held)
    except InputError as error:
        known = str(error).startswith(str(table.path))
        raise error if known else InputError(f"{table.path}: {error}") from None
    return columns, leaks


def _refuse_other_units(ra: Floats, dec: Floats, leaks: Leaks, held: HeldObjects) -> None:
    """Refuse numbers, of no unit that the file says, that are the release's positions in another.

    They are where more of them are a held object so, or none lies near one in degrees and some do
    so.
    """
    found = leaks.counts.get("position", 0)
    for unit, (turn, height) in READINGS.items():
        east, north = ra * turn, dec * height
        farthest = [np.abs(np.nan_to_num(angles)).max(initial=0.0) for angles in (east, north)]
        if farthest[0] > FULL or farthest[1] > 90.0:
            continue
        rows, positions = located(np.clip(east, -360.0, 360.0), north, "the table")
        if not rows.any():
            continue
        read = look_for(held, {"ra": positions.ra, "dec": positions.dec})
        more = read.counts.get("position", 0) > found
        if more or (leaks.idle and near(positions, located(held.ra, held.dec, str(held))[1])):
            raise InputError(
                f"the positions look like {unit}: read so, {read.counts.get('position', 0):,} of "
                f"{len(ra):,} rows are {held}, and as degrees {found:,}; convert ra and dec to "
                "degrees, or say their unit in the file"
            )


def _choose_columns(table: TableFile, named: Mapping[str, str | None]) -> dict[str, str]:
    """Find the columns that tell a table's objects, among those named and those there."""
    said = {what: name for what, name in named.items() if name is not None}
    guessed: dict[str, str] = {}
    for what in OPTIONS:
        there = [name for name in table.names if name.lower() == what]
        if len(there) > 1 and what not in said:
            raise InputError(
                f"{table.path}: which column is '{what}'? There are {first_few(there)}; name one "
                f"with {what}=",
                **OPTIONS,
            )
        if there:
            guessed[what] = there[0]
    columns = {what: name for what, name in (guessed | said).items() if name}
    half = [what for what in PLACE if what in columns]
    if len(half) == 1:
        (other,) = set(PLACE) - set(half)
        if named.get(half[0]) or len(columns) == 1:
            raise InputError(
                f"{table.path} has no column '{other}' to go with '{columns[half[0]]}'; name it "
                f"with {other}=; it has: {', '.join(table.names)}",
                **OPTIONS,
            )
        del columns[half[0]]
    if not columns:
        raise InputError(
            f"{table.path} has no column that tells which objects it holds (object_id, or ra and "
            "dec in degrees); name them with object_id=, or ra= and dec=; it has: "
            f"{', '.join(table.names)}",
            **OPTIONS,
        )
    return columns


def write_clean(out: Path, table: TableFile, leaks: Leaks) -> int:
    """Write the rows of a table that hold no test object, all columns; return how many.

    Nothing is written where none is left, or something can't be read or written.
    """
    kept = ~leaks.rows
    if not kept.any():
        raise InputError(
            f"{table.path}: all its {len(kept):,} rows hold {leaks.held}; none is left"
        )
    nothing, note, start = pa.schema([]), f"without the {leaks.held}", 0
    with (
        replace_file(out) as beside,
        open_writer(beside, out, table, nothing, note, CHUNK_ROWS) as (names, write),
    ):
        for chunk in table.chunks(names, CHUNK_ROWS):
            rows = pa.array(kept[start : start + len(chunk)])
            write(chunk.filter(rows), nothing.empty_table())
            start += len(chunk)
    return int(np.count_nonzero(kept))


def _read_ids(table: pa.Table, name: str, path: Path) -> "pd.Series[Any]":
    """A column of ids; a missing one stays so."""
    ids = as_ids(table, name, path)
    if not pa.types.is_integer(ids.type):
        raise InputError(
            f"{path}: column '{name}' is {ids.type}, expected whole numbers, as a release's ids "
            "are; name another column with object_id= or group_id=, or none, as object_id= ''",
            **OPTIONS,
        )
    return pd.Series(ids.to_pandas(types_mapper=WHOLE.get))
