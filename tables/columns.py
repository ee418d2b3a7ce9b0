"""From a file's columns to ours: which is which, and the chunks of rows made of them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.schemas import Column, InputError, SchemaError, Table
from transferz.schemas.survey.frames import arrow_schema

REMEDY = "fetch the file again or check its version"
NULL_FLAG = "_isnull"  # ends the name of a column that says where another has no value
FILE, NAMES = b"file", b"names"  # keys of a chunk's schema metadata


@dataclass(frozen=True, slots=True)
class Field:
    """One of our columns and where a file holds it.

    Attributes
    ----------
    column : Column
        Ours.
    name : str
        The file's name for it.
    path : Path
        The file.
    is_flux : bool
        Whether the file holds a flux in µJy where ours is a magnitude.
    null_flag : Field or None
        The file's column of booleans, named as this one with `NULL_FLAG`, that is true where
        whatever stands here means no value. HSC's archive writes such columns into FITS (our
        recollection, not verified).
    """

    column: Column
    name: str
    path: Path
    is_flux: bool = False
    null_flag: "Field | None" = None

    def __str__(self) -> str:
        there = f" ('{self.name}' in the file)" if self.name != self.column.name else ""
        return f"{self.path}: column '{self.column.name}'{there}"

    def wrong(self, found: object, expected: str = "") -> InputError:
        """Return the error for values that are not what the column declares."""
        return InputError(
            f"{self}: expected {expected or self.column.dtype}, found {found}; {REMEDY}"
        )

    def require_values(self, missing: int) -> None:
        """Raise `SchemaError` where values are missing that may not be."""
        if missing and not self.column.nullable:
            raise SchemaError(
                f"{self}: expected a value in every row, found {missing} missing; "
                "fill them or drop the rows upstream"
            )


def find_fields(
    available: Iterable[str], table: Table, path: Path, *, any_case: bool = False
) -> list[Field]:
    """Find a table's columns among those of a file.

    Parameters
    ----------
    available : iterable of str
        The file's columns.
    table : Table
        Declares, per column, the names it may have upstream. Columns without any are left out.
    path : Path
        The file.
    any_case : bool
        Whether, where no name is there as it is spelt, the only one that differs in case will do.

    Returns
    -------
    list of Field
        In the table's order. Where the file holds none of a column's names but one of its
        fluxes, the flux stands in.

    Raises
    ------
    InputError
        Names every column that the file lacks, and those it holds twice.
    """
    names = list(available)  # of a mapping, its keys
    found = {
        column.name: _find(column, names, path, any_case) for column in table if _names(column)
    }
    missing = [" or ".join(_names(table[name])) for name, field in found.items() if not field]
    if missing:
        raise InputError(
            f"{path}: expected the columns of table '{table.name}', "
            f"missing {', '.join(missing)}; {REMEDY}"
        )
    fields = [_with_null_flag(field, names) for field in found.values() if field]
    counts = Counter(names)
    twice = [field.name for field in stored_fields(fields) if counts[field.name] > 1]
    if twice:
        raise InputError(
            f"{path}: expected each column once, found several named {', '.join(twice)}; {REMEDY}"
        )
    return fields


def shared_columns(available: Iterable[str], table: Table, *, any_case: bool = False) -> int:
    """Return how many of the table's columns are there."""
    names = list(available)
    return sum(_find(column, names, Path(), any_case) is not None for column in table)


def _names(column: Column) -> tuple[str, ...]:
    return column.upstream + column.upstream_flux


def _find(column: Column, available: Sequence[str], path: Path, any_case: bool) -> Field | None:
    """Find a column as it is spelt; only where no name is, in another case."""
    for spelling in (_exactly, _in_any_case)[: 1 + any_case]:
        for name in _names(column):
            if theirs := spelling(name, available):
                return Field(column, theirs, path, name not in column.upstream)
    return None


def _exactly(name: str, available: Sequence[str]) -> str:
    return name if name in available else ""


def _in_any_case(name: str, available: Sequence[str]) -> str:
    """The one name alike, nothing where there are several."""
    alike = [one for one in available if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else ""


def _with_null_flag(field: Field, available: Sequence[str]) -> Field:
    name = next(
        (one for one in available if one.casefold() == f"{field.name}{NULL_FLAG}".casefold()), ""
    )
    if not name:
        return field
    column = Column(name, "bool", f"Whether {field.name} has no value", nullable=True)
    return replace(field, null_flag=Field(column, name, field.path))


def stored_fields(fields: Iterable[Field]) -> list[Field]:
    """Return all columns that must be read for some: themselves and their null flags."""
    whole = list(fields)
    return whole + [field.null_flag for field in whole if field.null_flag]


def decode_chunk(
    table: Table,
    fields: Sequence[Field],
    decode: Callable[[Field, np.ndarray | None], pa.Array],
) -> pa.Table:
    """Build the rows of one chunk, nulls where a null flag says so.

    Parameters
    ----------
    table : Table
        The declaration.
    fields : sequence of Field
        The columns that the file holds.
    decode : callable
        Gives the values of one of `stored_fields`, null in the rows that the second argument, a
        mask, tells.
    """

    def flagged(field: Field) -> np.ndarray | None:
        if not field.null_flag:
            return None
        flags = decode(field.null_flag, None)
        return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False))

    return make_chunk(table, fields, [decode(field, flagged(field)) for field in fields])


def make_chunk(table: Table, fields: Sequence[Field], arrays: Sequence[pa.Array]) -> pa.Table:
    """Build the rows of one chunk.

    Parameters
    ----------
    table : Table
        The declaration.
    fields : sequence of Field
        The columns that the file holds; what it lacks is null.
    arrays : sequence of pyarrow.Array
        One per field.

    Returns
    -------
    pyarrow.Table
        All of the table's columns. The schema's metadata say where the rows come from: see
        `origin`.
    """
    held = {field.column.name: array for field, array in zip(fields, arrays, strict=True)}
    rows = len(arrays[0])
    schema = arrow_schema(table)
    columns = [held[one.name] if one.name in held else pa.nulls(rows, one.type) for one in schema]
    names = json.dumps({field.column.name: field.name for field in fields})
    notes = {FILE: str(fields[0].path), NAMES: names}
    return pa.Table.from_arrays(columns, schema=schema.with_metadata(notes))


def origin(chunk: pa.Table) -> tuple[str, dict[str, str]]:
    """Return the file that a chunk was read from, and its names for our columns."""
    notes = chunk.schema.metadata or {}
    return notes.get(FILE, b"").decode(), json.loads(notes.get(NAMES, b"{}"))


def empty_chunk(table: Table, fields: Sequence[Field]) -> pa.Table:
    """Return no rows, of a file that holds none."""
    schema = arrow_schema(table)
    return make_chunk(
        table, fields, [pa.nulls(0, schema.field(f.column.name).type) for f in fields]
    )
