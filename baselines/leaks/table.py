"""A table of one's own, looked through for test objects, and its other rows written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from transferz.baselines.leaks.leaks import HeldObjects, Leaks, look_for
from transferz.schemas.errors import InputError
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.files import replace_file
from transferz.tables.reading import read_whole
from transferz.tables.table import CHUNK_ROWS, TableFile, require_columns
from transferz.tables.writing import open_writer

OPTIONS = {"object_id": "--id", "group_id": "--group", "ra": "--ra", "dec": "--dec"}
"""What tells objects, and the option that names a table's column of it."""

PLACE = ("ra", "dec")
WHOLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype()}


def check_table(
    table: TableFile, named: Mapping[str, str | None], held: HeldObjects
) -> tuple[dict[str, str], Leaks]:
    """Look through a table for some objects; return the column used of each of `OPTIONS` too.

    `named` has the table's column of each of `OPTIONS`; empty for none. None where it is not said:
    the column of that name then, whatever its case, if there is one. Raises an InputError where a
    column is absent or holds something else, or there is none to tell objects by.
    """
    columns = _choose_columns(table, named)
    require_columns(table.path, table.names, list(columns.values()))
    cells = read_whole(table, list(dict.fromkeys(columns.values())))
    values: dict[str, Any] = {}
    for what, name in columns.items():
        read = as_floats if what in PLACE else _whole_numbers
        values[what] = read(cells, name, table.path)
    try:
        return columns, look_for(held, values)
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from None


def _choose_columns(table: TableFile, named: Mapping[str, str | None]) -> dict[str, str]:
    """Find the columns that tell a table's objects, among those named and those there."""
    by_case = {name.lower(): name for name in reversed(table.names)}
    guessed = {what: by_case.get(what) for what in OPTIONS}
    said = {what: name for what, name in named.items() if name is not None}
    columns = {what: name for what, name in (guessed | said).items() if name}
    half = [what for what in PLACE if what in columns]
    if len(half) == 1:
        (other,) = set(PLACE) - set(half)
        if named.get(half[0]) or len(columns) == 1:
            raise InputError(
                f"{table.path} has no column '{other}' to go with '{columns[half[0]]}'; name it "
                f"with {OPTIONS[other]}; it has: {', '.join(table.names)}"
            )
        del columns[half[0]]
    if not columns:
        raise InputError(
            f"{table.path} has no column that tells which objects it holds (object_id, or ra and "
            "dec in degrees); name them with --id, or --ra and --dec; it has: "
            f"{', '.join(table.names)}"
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


def _whole_numbers(table: pa.Table, name: str, path: Path) -> "pd.Series[Any]":
    """A column of ids; a missing one stays so."""
    ids = as_ids(table, name, path)
    if not pa.types.is_integer(ids.type):
        raise InputError(
            f"{path}: column '{name}' is {ids.type}, expected whole numbers, as a release's ids "
            "are; name another column with --id or --group, or none, as --id ''"
        )
    return pd.Series(ids.to_pandas(types_mapper=WHOLE.get))
