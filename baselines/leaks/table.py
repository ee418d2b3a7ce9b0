"""A table of one's own, looked through for test objects, and its other rows written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from transferz.baselines.leaks.leaks import HeldObjects, Leaks, Mask, look_for
from transferz.schemas.errors import InputError
from transferz.tables.cells import INTEGER, as_floats, as_type
from transferz.tables.files import replace_file
from transferz.tables.reading import (
    CHUNK_ROWS,
    FITS,
    TableFile,
    one_clear_error,
    read_whole,
    require_columns,
)
from transferz.tables.writing import check_place, open_writer

OPTIONS = {"object_id": "--id", "group_id": "--group", "ra": "--ra", "dec": "--dec"}
"""What tells objects, and the option that names a table's column of it."""

PLACE = ("ra", "dec")
WHOLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype()}


@dataclass(frozen=True, slots=True)
class Checked:
    """A table that was looked through.

    Attributes
    ----------
    columns : dict of str to str
        What tells objects -> the table's column of it, of those that were used.
    leaks : Leaks
        What was found.
    """

    columns: dict[str, str]
    leaks: Leaks


def check_table(table: TableFile, named: Mapping[str, str | None], held: HeldObjects) -> Checked:
    """Look through a table.

    Parameters
    ----------
    table : TableFile
        The table.
    named : mapping of str to str or None
        One of `OPTIONS` -> the table's column of it; empty for none. None where it is not said:
        the column of that name then, whatever its case, if there is one.
    held : HeldObjects
        The objects to look for.

    Raises
    ------
    InputError
        Where a column is absent or holds something else, or there is none to tell objects by.
    """
    columns = choose_columns(table, named)
    require_columns(table.path, table.names, list(columns.values()))
    cells = read_whole(table, list(dict.fromkeys(columns.values())))
    values: dict[str, Any] = {}
    for what, name in columns.items():
        read = as_floats if what in PLACE else _whole_numbers
        values[what] = read(cells, name, table.path)
    try:
        return Checked(columns, look_for(held, values))
    except InputError as error:
        raise InputError(f"{table.path}: {error}") from None


def choose_columns(table: TableFile, named: Mapping[str, str | None]) -> dict[str, str]:
    """Find the columns that tell a table's objects; takes and raises what `check_table` does."""
    by_case = {name.lower(): name for name in reversed(table.names)}
    guessed = {what: by_case.get(what) for what in OPTIONS}
    said = {what: name for what, name in named.items() if name is not None}
    found = {what: name for what, name in (guessed | said).items() if name}
    half = [what for what in PLACE if what in found]
    if len(half) == 1:
        (other,) = set(PLACE) - set(half)
        if named.get(half[0]) or len(found) == 1:
            raise InputError(
                f"{table.path} has no column '{other}' to go with '{found[half[0]]}'; name it with "
                f"{OPTIONS[other]}; it has: {', '.join(table.names)}"
            )
        del found[half[0]]
    if not found:
        raise InputError(
            f"{table.path} has no column that tells which objects it holds (object_id, or ra and "
            "dec in degrees); name them with --id, or --ra and --dec; it has: "
            f"{', '.join(table.names)}"
        )
    return found


def write_clean(out: Path, table: TableFile, leaks: Leaks) -> int:
    """Write the rows of a table that hold no test object, all columns; returns how many.

    Raises
    ------
    InputError
        Where none is left, or something can't be read or written. Nothing is written then.
    """
    kept = ~leaks.rows
    if not kept.any():
        raise InputError(
            f"{table.path}: all its {len(kept):,} rows hold {leaks.held}; none is left"
        )
    with replace_file(out) as beside:
        if _is_fits(table.path) and _is_fits(out):
            _write_fits(beside, table, kept)
        else:
            _write_chunks(beside, out, table, leaks, kept)
    return int(np.count_nonzero(kept))


def require_place(out: Path, table: Path) -> None:
    """Refuse a place where the other rows can't go, before anything is read.

    Raises
    ------
    InputError
        As `transferz.tables.writing.check_place` does.
    """
    try:
        check_place(out, table)
    except InputError as error:
        raise InputError(str(error).replace("--out", "--write-clean", 1)) from None


def _write_chunks(beside: Path, out: Path, table: TableFile, leaks: Leaks, kept: Mask) -> None:
    nothing, note, start = pa.schema([]), f"without the {leaks.held}", 0
    with open_writer(beside, out, table, nothing, note, CHUNK_ROWS) as (names, write):
        for chunk in table.chunks(names, CHUNK_ROWS):
            rows = pa.array(kept[start : start + len(chunk)])
            write(chunk.filter(rows), nothing.empty_table())
            start += len(chunk)


def _write_fits(beside: Path, table: TableFile, kept: Mask) -> None:
    """Keep FITS as it is: headers, units, columns of arrays."""
    from astropy.io import fits

    with one_clear_error(table.path), fits.open(table.path) as units:
        first = next(unit for unit in units if isinstance(unit, fits.BinTableHDU))
        rows = fits.BinTableHDU(first.data[kept], header=first.header)
        with beside.open("wb") as file:
            fits.HDUList([fits.PrimaryHDU(header=units[0].header), rows]).writeto(file)


def _is_fits(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(FITS)


def _whole_numbers(table: pa.Table, name: str, path: Path) -> "pd.Series[Any]":
    """A column of ids; a missing one stays so."""
    column = table[name]
    try:
        if pa.types.is_string(column.type):
            column = as_type(column, INTEGER)
        if pa.types.is_integer(column.type):
            return pd.Series(column.to_pandas(types_mapper=WHOLE.get))
    except pa.ArrowInvalid:
        pass
    raise InputError(
        f"{path}: column '{name}' is {column.type}, expected whole numbers: a release's ids have "
        "17 digits, of which float64 loses the last; name another column with --id or --group, or "
        "none, as --id ''"
    )
