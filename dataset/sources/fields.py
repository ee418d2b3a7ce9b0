"""From a file's columns to ours: which is which, and the chunks of rows made of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from transferz.schemas import Column, InputError, SchemaError, Table
from transferz.schemas.survey.frames import arrow_schema
from transferz.tables.reading import open_table
from transferz.tables.table import TableFile

REMEDY = "fetch the file again or check its version"
NULL_FLAG = "_isnull"  # ends the name of a column that says where another has no value
FILE, NAMES = b"file", b"names"  # keys of a chunk's schema metadata


@dataclass(frozen=True, slots=True)
class Field:
    """One of our columns, and the name by which a file holds it.

    `is_flux` says that the file holds a flux in µJy where ours is a magnitude. `null_flag` is the
    file's column of booleans, named as this one with `NULL_FLAG`, that is true where whatever
    stands here means no value. HSC's archive writes such columns into FITS (our recollection, not
    verified).
    """

    column: Column
    name: str
    path: Path
    is_flux: bool = False
    null_flag: "Field | None" = None

    def __str__(self) -> str:
        theirs = f" ('{self.name}' in the file)" if self.name != self.column.name else ""
        return f"{self.path}: column '{self.column.name}'{theirs}"

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
    """Find a table's columns, in the table's order, among those of a file.

    A name that is not there as it is spelt may be there in another case, once. Where the file holds
    none of a column's names but one of its fluxes, the flux stands in. Columns without any name
    upstream are left out. An `InputError` names every column that the file lacks, and those it
    holds twice.
    """
    names = list(available)
    fields, missing = match_fields(names, table, path)
    require_all(missing, table, str(path))
    twice = [field.name for field in stored_fields(fields) if names.count(field.name) > 1]
    if twice:
        raise InputError(
            f"{path}: expected each column once, found several named {', '.join(twice)}; {REMEDY}"
        )
    return fields


def match_fields(
    available: Sequence[str], table: Table, path: Path
) -> tuple[list[Field], list[Column]]:
    """Find those of a table's columns that a file has, as `find_fields`, and those it lacks."""
    found = {column.name: _find(column, available, path) for column in table}
    wanted = [column for column in table if column.upstream or column.upstream_flux]
    missing = [column for column in wanted if found[column.name] is None]
    return [field for field in found.values() if field], missing


def require_all(missing: Sequence[Column], table: Table, where: str) -> None:
    """Raise `InputError` where columns of a table are missing from what `where` names."""
    names = [" or ".join((*one.upstream, *one.upstream_flux)) for one in missing]
    if names:
        raise InputError(
            f"{where}: expected the columns of table '{table.name}', "
            f"missing {', '.join(names)}; {REMEDY}"
        )


def share_found(available: Sequence[str], table: Table) -> float:
    """Return how large a part of the table's upstream columns a file's columns are."""
    wanted = [column for column in table if column.upstream or column.upstream_flux]
    return sum(_find(column, available, Path()) is not None for column in wanted) / len(wanted)


def how_likely(available: Sequence[str], table: Table) -> float:
    """Return how likely a file's columns are the table's: its share, and whether it has the key.

    Of the tables over which a catalogue is spread, the one with the key comes first.
    """
    keys = [column for column in table if column.name == table.key]
    has_key = any(_find(column, available, Path()) for column in keys)
    return (share_found(available, table) + has_key) / 2


def _find(column: Column, available: Sequence[str], path: Path) -> Field | None:
    """Find a column as it is spelt; only where no name is, in another case."""
    spellings = (*column.upstream, *column.upstream_flux)
    theirs = {name: [name] for name in spellings if name in available} or {
        name: _in_any_case(name, available) for name in spellings
    }
    for name in (name for name, spelt in theirs.items() if len(spelt) == 1):
        field = Field(column, theirs[name][0], path, name not in column.upstream)
        for flag in _in_any_case(f"{field.name}{NULL_FLAG}", available)[:1]:
            declared = Column(flag, "bool", f"Whether {field.name} has no value", nullable=True)
            field = replace(field, null_flag=Field(declared, flag, path))
        return field
    return None


def _in_any_case(name: str, available: Sequence[str]) -> list[str]:
    return [theirs for theirs in available if theirs.casefold() == name.casefold()]


def open_side_by_side(paths: Sequence[Path], table: Table) -> list[tuple[TableFile, list[Field]]]:
    """Open the tables over which a catalogue's columns are spread, each with those it gives.

    An `InputError` names the columns that none of them has.
    """
    parts: list[tuple[TableFile, list[Field]]] = []
    left = table
    for number, path in enumerate(paths, 1):
        file = open_table(path, choose=partial(how_likely, table=left), one_line=True)
        if number == len(paths):
            where = " and ".join(map(str, dict.fromkeys(paths)))
            require_all(match_fields(file.names, left, path)[1], table, where)
        there = {field.column.name for field in match_fields(file.names, left, path)[0]}
        own = replace(left, columns=tuple(one for one in left if one.name in there))
        parts.append((file, find_fields(file.names, own, path)))
        left = replace(left, columns=tuple(one for one in left if one.name not in there))
    return [(file, own) for file, own in parts if own]


def stored_fields(fields: Iterable[Field]) -> list[Field]:
    """Return all columns that must be read for some: themselves and their null flags."""
    whole = list(fields)
    return whole + [field.null_flag for field in whole if field.null_flag]


def make_chunk(
    table: Table,
    fields: Sequence[Field],
    arrays: Sequence[pa.Array],
    fixed: Mapping[str, str] | None = None,
) -> pa.Table:
    """Build the rows of one chunk, with all of the table's columns, from one array per field.

    What the file lacks is null; `fixed` gives the text that a column holds in every row. The
    schema's metadata say where the rows come from: see `origin`.
    """
    held = {field.column.name: array for field, array in zip(fields, arrays, strict=True)}
    rows = len(arrays[0])
    held |= {name: pa.repeat(text, rows) for name, text in (fixed or {}).items()}
    schema = arrow_schema(table)
    columns = [
        held[field.name] if field.name in held else pa.nulls(rows, field.type) for field in schema
    ]
    names = json.dumps({field.column.name: field.name for field in fields})
    notes = {FILE: str(fields[0].path), NAMES: names}
    return pa.Table.from_arrays(columns, schema=schema.with_metadata(notes))


def origin(chunk: pa.Table) -> tuple[str, dict[str, str]]:
    """Return the file that a chunk was read from, and its names for our columns."""
    notes = chunk.schema.metadata or {}
    return notes.get(FILE, b"").decode(), json.loads(notes.get(NAMES, b"{}"))
