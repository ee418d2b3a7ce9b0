"""Parquet: read a few pages at a time, each page's checksum verified."""

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas.survey.derived import CONTENT_KEY
from transferz.tables import table as limits
from transferz.tables.table import TableFile, one_clear_error, require_plausible, unsound


@dataclass(frozen=True)
class ParquetTable(TableFile):
    """A parquet file, read a few pages at a time, each page's checksum verified."""

    stored: pa.Schema

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the footer."""
        with one_clear_error(path, "parquet"), _opened(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            notes = [text.decode() for pair in (metadata.metadata or {}).items() for text in pair]
            units = units_of(schema, metadata.metadata or {})
            names, rows = tuple(schema.names), metadata.num_rows
            return cls(path, names, rows, schema, units=units, notes=tuple(notes))

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: the types that are stored, text and lists in their plain form."""
        fields = [self.stored.field(self.names.index(name)) for name in columns]
        plain = [field.with_type(_plain(field.type)) for field in fields]
        return pa.schema(plain, self.stored.metadata)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; a chunk never goes beyond a row group."""
        schema, done = self.schema(columns), 0
        with (
            one_clear_error(self.path, "parquet"),
            _opened(self.path) as file,
        ):
            for name in columns[:1]:  # no column's own count: pyarrow dies of a damaged one
                require_plausible(self.path, name, 8 * file.metadata.num_rows)
            for group in range(file.num_row_groups):  # one by one: across them less is checked
                for batch in file.iter_batches(rows, row_groups=[group], columns=list(columns)):
                    whole = pa.Table.from_batches([batch])
                    arrays = [
                        whole[field.name].cast(field.type)
                        if not _is_view(whole[field.name].type)
                        else pa.array(whole[field.name].to_pylist(), field.type)  # no cast is right
                        for field in schema
                    ]
                    yield pa.table(arrays, schema=schema)
                    done += len(batch)
            if columns and done != file.metadata.num_rows:
                reason = f"{done:,} rows where {file.metadata.num_rows:,} are announced"
                raise unsound(self.path, "parquet", reason)


def units_of(schema: pa.Schema, footer: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return the units that a parquet file states: of a column itself, else in a VOTable's footer.

    A footer that is no VOTable states none.
    """
    units = _votable_units(footer.get(CONTENT_KEY.encode(), b"").decode(errors="replace"))
    for field in schema:
        if field.metadata and b"unit" in field.metadata:
            units[field.name] = field.metadata[b"unit"].decode()
    return {name: unit for name, unit in units.items() if name in schema.names}


def _votable_units(text: str) -> dict[str, str]:
    if "<!" in text.replace("<!--", ""):  # entities could blow it up; a comment is harmless
        return {}
    try:
        fields = ET.fromstring(text).iterfind(".//{*}FIELD")  # noqa: S314
    except ET.ParseError:
        return {}
    return {field.get("name", ""): unit for field in fields if (unit := field.get("unit"))}


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(
        pa.OSFile(os.fsencode(path)),  # a name that is no UTF-8 is one to no other way in
        buffer_size=limits.BLOCK_BYTES,
        pre_buffer=False,
        page_checksum_verification=True,
    )


def _is_view(kind: pa.DataType) -> bool:
    return pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The form that all of our readers know of what newer Arrow holds in several."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind) or _is_view(kind):
        return pa.list_(_plain(kind.value_type))
    return kind
