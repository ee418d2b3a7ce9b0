"""What the cells of a table hold: numbers, ids and text, exactly, and what means nothing."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transferz.schemas.errors import InputError

EMPTY = ("", "#N/A", "#NA", "N/A", "NA", "NULL", "None", "n/a", "null")
"""Text that stands for no number. "nan" is none of them: it is read as NaN."""

WHOLE = r"^\s*-?(0|[1-9][0-9]*)\s*$"
NAME_OF_DIGITS = r"^\s*[+-]?(0[0-9]|[0-9]+[eE][0-9]|[0-9]{16,}(\.0*)?\s*$)|[xX]"
"""What may be read as a number and is somebody's name: ``007``, ``2E1``, ``0x1F``; or an id of so
many digits that a float would not hold them."""

FLOATED = r"^\s*[+-]?([0-9]{16,}\.0*|[0-9]\.[0-9]+[eE]\+?(1[5-9]|[2-9][0-9]))\s*$"
TEXT, INTEGER, FLOAT = pa.string(), pa.int64(), pa.float64()
EXACT = {pa.float32(): 2.0**24, pa.float64(): 2.0**53}
"""Below this, every whole number has a float of its own."""

Floats = npt.NDArray[np.float64]


def is_text(kind: pa.DataType) -> bool:
    """Whether values are text, in any of Arrow's ways to hold it."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        of(kind) for of in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with its dictionary resolved and its text as strings.

    Bytes are text where they are UTF-8: astropy writes its text so into parquet.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type):
        with contextlib.suppress(pa.ArrowInvalid):
            return column.cast(TEXT)
    return column.cast(TEXT) if is_text(column.type) else column


def as_floats(table: pa.Table, name: str, path: Path) -> Floats:
    """Take a column as an array of N numbers, NaN where a cell is null or empty.

    The cells may be text; an `InputError` about `path` says where one is something else.
    """
    return np.asarray(as_numbers(table, name, path).to_numpy(), dtype=np.float64)


def as_numbers(table: pa.Table, name: str, path: Path) -> pa.ChunkedArray:
    """Take a column as float64, null where a cell is null or empty; else as `as_floats`."""
    column = table[name]
    try:
        return as_type(column, FLOAT)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: column '{name}' holds something other than numbers: {error}; "
            "where there is none, leave the cell empty or write nan"
        ) from None
    except pa.ArrowNotImplementedError:
        raise InputError(f"{path}: column '{name}' is {column.type}, expected numbers") from None


def as_ids(table: pa.Table, name: str, path: Path) -> pa.ChunkedArray:
    """Take a column as ids: exact whole numbers or exact text, the same from every format.

    They are integers where every id is a whole number as it is usually written (``007`` is not),
    else strings; null where a row has no id. Decimal numbers may be ids where they are whole and so
    small that every whole number up to them has a decimal one of its own: other ones are an
    `InputError`, as those of 17 digits have lost their last ones.
    """
    column = plain(table[name])
    if pa.types.is_null(column.type):
        return column.cast(INTEGER)
    if pa.types.is_integer(column.type):
        return column
    if column.type in EXACT:
        values = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        exact = pc.and_(
            pc.equal(values, pc.round(values)), pc.less(pc.abs(values), EXACT[column.type])
        )
        if pc.all(exact).as_py() is not False:
            return values.cast(INTEGER)
    if column.type == TEXT:
        bare = pc.utf8_trim_whitespace(column)
        ids = pc.if_else(pc.is_in(bare, pa.array(EMPTY)), pa.scalar(None, TEXT), bare)
        for kind in (INTEGER, pa.uint64()):
            if _all_match(ids, WHOLE) and (whole := _cast(ids, kind)) is not None:
                return whole
        floated = ids.filter(pc.fill_null(pc.match_substring_regex(ids, FLOATED), False))
        if not len(floated):
            return ids
        found = f"holds '{floated[0]}'"
    else:
        found = f"is {column.type}"
    raise InputError(
        f"{path}: column '{name}' {found}, expected whole numbers or text: an id of 17 digits that "
        "has once been a decimal number has lost its last ones; write the ids as whole numbers or "
        "text, or name another column"
    )


def as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast a column; text becomes numbers exactly, and null where it says that there is none.

    A value that is none of that type is a `pyarrow.ArrowInvalid`.
    """
    if column.type == kind:
        return column
    column = plain(column)
    if column.type != TEXT or kind == TEXT:
        return column.cast(kind)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        bare = pc.utf8_trim_whitespace(column)
        none = pc.is_in(bare, value_set=pa.array(EMPTY))
        return pc.if_else(none, pa.scalar(None, TEXT), bare).cast(kind)


def nested(values: npt.NDArray[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Put values of any byte order and shape (N, ...) into N rows; several of a row make a list.

    A mask's values are null; shape (N, 1) gives one value in each row.
    """
    flat = np.ma.getdata(values).reshape(-1)
    flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    mask = np.ma.getmaskarray(values).reshape(-1) if np.ma.isMaskedArray(values) else None
    array = pa.array(flat, kind, mask=mask)
    shape = () if values.shape[1:] == (1,) else values.shape[1:]
    for length in reversed(shape):
        array = pa.FixedSizeListArray.from_arrays(array, length)
    return array


def typed(table: pa.Table, kinds: pa.Schema) -> pa.Table:
    """Cast all columns of a table whose cells are text."""
    columns = [as_type(table[field.name], field.type) for field in kinds]
    return pa.Table.from_arrays(columns, schema=kinds)


def guess_types(chunks: Iterable[pa.Table], names: Sequence[str]) -> pa.Schema:
    """Find what the columns of a text table hold, looking at every cell: int64, float64 or text.

    Text wherever a number would not be spelt as it stands: ``007``, ``0x1F``, ``2E1``, or more
    digits than float64 has.
    """
    guesses = {name: _Guess() for name in names}
    for chunk in chunks:
        for name, guess in guesses.items():
            guess.look(chunk[name])
    return pa.schema([(name, guess.settled) for name, guess in guesses.items()])


@dataclass(slots=True)
class _Guess:
    """The narrowest of int64, float64 and text that holds all cells of a column seen so far."""

    kind: pa.DataType = INTEGER
    seen: bool = False
    long: bool = False

    def look(self, cells: pa.ChunkedArray) -> None:
        if self.kind == TEXT or not pc.any(pc.not_equal(cells, "")).as_py():
            return
        self.seen = True
        if self.kind == INTEGER and (whole := _cast(cells, INTEGER)) is not None:
            if not _all_match(cells, WHOLE):
                self.kind = TEXT
            elif (extremes := pc.min_max(whole).as_py())["min"] is not None:
                self.long |= max(abs(extremes["min"]), abs(extremes["max"])) >= 1e15
            return
        odd = pc.any(pc.match_substring_regex(cells, NAME_OF_DIGITS)).as_py()
        self.kind = TEXT if odd or self.long or _cast(cells, FLOAT) is None else FLOAT

    @property
    def settled(self) -> pa.DataType:
        """Text, too, where all is empty."""
        return self.kind if self.seen else TEXT


def _cast(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return as_type(cells, kind)
    except pa.ArrowInvalid:
        return None


def _all_match(cells: pa.ChunkedArray, spelling: str) -> bool:
    """Whether all cells that hold something are spelt so."""
    good = pc.fill_null(pc.match_substring_regex(cells, spelling), True)
    if pc.all(good).as_py() is not False:
        return True
    odd = pc.utf8_trim_whitespace(cells.filter(pc.invert(good)))
    return bool(pc.all(pc.is_in(odd, pa.array(EMPTY))).as_py())
