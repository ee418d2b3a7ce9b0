"""What the cells of a table hold: numbers written as text, missing values, types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transferz.schemas.errors import InputError

SENTINEL = 90.0
"""Magnitudes and redshifts this far from 0 stand for "none" (99, -99, 999 ...; our choice)."""

EMPTY = ("", "#N/A", "#NA", "N/A", "NA", "NULL", "None", "n/a", "null")
"""Text that stands for no number. "nan" is none of them: it is read as NaN."""

LONG_INTEGER = r"^\s*[+-]?[0-9]{16,}\s*$"  # float64 may lose its last digits
TEXT, INTEGER, FLOAT = pa.string(), pa.int64(), pa.float64()

Floats = npt.NDArray[np.float64]


def is_missing(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Where a magnitude or redshift is NaN, infinite or a sentinel."""
    return ~(np.abs(values) < SENTINEL)  # NaN compares false


def as_floats(table: pa.Table, name: str, path: Path) -> Floats:
    """Take a column as numbers.

    Parameters
    ----------
    table : pyarrow.Table
        Its cells may be text.
    name : str
        The column.
    path : Path
        Where it comes from, for messages.

    Returns
    -------
    ndarray, shape (N,)
        NaN where a cell is null or empty.

    Raises
    ------
    InputError
        Where it holds something else.
    """
    column = table[name]
    try:
        numbers = as_type(column, FLOAT)
        return np.asarray(numbers.to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: column '{name}' holds something other than numbers: {error}"
        ) from None
    except pa.ArrowNotImplementedError:
        raise InputError(f"{path}: column '{name}' is {column.type}, expected numbers") from None


def as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast a column; text becomes numbers exactly, and null where it says that there is none.

    Raises
    ------
    pyarrow.ArrowInvalid
        Where a value is none of that type.
    """
    if not pa.types.is_string(column.type) or kind == TEXT:
        return column.cast(kind)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        bare = pc.utf8_trim_whitespace(column)
        none = pc.is_in(bare, value_set=pa.array(EMPTY))
        return pc.if_else(none, pa.scalar(None, TEXT), bare).cast(kind)


def typed(table: pa.Table, kinds: pa.Schema) -> pa.Table:
    """Cast all columns of a table whose cells are text."""
    columns = [as_type(table[field.name], field.type) for field in kinds]
    return pa.Table.from_arrays(columns, schema=kinds)


@dataclass(slots=True)
class _Guess:
    """The narrowest of int64, float64 and text that holds all cells of a column seen so far."""

    kind: pa.DataType = INTEGER
    long: bool = False
    seen: bool = False

    def look(self, cells: pa.ChunkedArray) -> None:
        if self.kind == TEXT or not pc.any(pc.not_equal(cells, "")).as_py():
            return
        self.seen = True
        for kind in (INTEGER, FLOAT) if self.kind == INTEGER else (FLOAT,):
            if _holds(cells, kind):
                self.kind = kind
                self.long |= bool(pc.any(pc.match_substring_regex(cells, LONG_INTEGER)).as_py())
                return
        self.kind = TEXT

    @property
    def settled(self) -> pa.DataType:
        """Text, too, where float64 would lose digits of whole numbers, or where all is empty."""
        return TEXT if not self.seen or (self.long and self.kind == FLOAT) else self.kind


def _holds(cells: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        as_type(cells, kind)
    except pa.ArrowInvalid:
        return False
    return True


def guess_types(chunks: Iterable[pa.Table], names: Sequence[str]) -> pa.Schema:
    """Find what the columns of a text table hold, looking at every cell.

    Parameters
    ----------
    chunks : iterable of pyarrow.Table
        All rows; every cell is text.
    names : sequence of str
        The columns.

    Returns
    -------
    pyarrow.Schema
        int64, float64 or text per column.
    """
    guesses = {name: _Guess() for name in names}
    for chunk in chunks:
        for name, guess in guesses.items():
            guess.look(chunk[name])
    return pa.schema([(name, guess.settled) for name, guess in guesses.items()])


def native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put numbers into the byte order of this machine."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)
