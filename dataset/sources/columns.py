"""From a file's columns to ours: which is which, and the chunks of rows made of them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from transferz.schemas import Column, InputError, SchemaError, Table
from transferz.schemas.frames import arrow_schema

REMEDY = "fetch the file again or check its version"
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
    """

    column: Column
    name: str
    path: Path
    is_flux: bool = False

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


def find_fields(available: Iterable[str], table: Table, path: Path) -> list[Field]:
    """Find a table's columns among those of a file.

    Parameters
    ----------
    available : iterable of str
        The file's columns.
    table : Table
        Declares, per column, the names it may have upstream. Columns without any are left out.
    path : Path
        The file.

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
    counts = Counter(iter(available))  # of a mapping, its keys
    found = {column.name: _find(column, counts, path) for column in table if column.upstream}
    missing = [" or ".join(_names(table[name])) for name, field in found.items() if not field]
    if missing:
        raise InputError(
            f"{path}: expected the columns of table '{table.name}', "
            f"missing {', '.join(missing)}; {REMEDY}"
        )
    fields = [field for field in found.values() if field]
    twice = [field.name for field in fields if counts[field.name] > 1]
    if twice:
        raise InputError(
            f"{path}: expected each column once, found several named {', '.join(twice)}; {REMEDY}"
        )
    return fields


def _names(column: Column) -> tuple[str, ...]:
    return column.upstream + column.upstream_flux


def _find(column: Column, available: Mapping[str, int], path: Path) -> Field | None:
    name = next((name for name in _names(column) if name in available), None)
    return Field(column, name, path, name not in column.upstream) if name else None


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
