"""Forecast one file of a catalogue: read, forecast and written in chunks, as a table is."""

import contextlib
import re
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.baselines.catalogues.collection import Leaf
from transferz.baselines.networks.forecasting import Applied, RowCounts, predict_chunks, require
from transferz.schemas.errors import InputError, TransferZError
from transferz.schemas.survey.columns import Column, Table
from transferz.schemas.survey.derived import (
    CONTENT_KEY,
    DTYPE_NAMES,
    LENGTH_KEY,
    longest_strings,
    votable_footer,
)
from transferz.tables.files import replace_file
from transferz.tables.parquet import ParquetTable
from transferz.tables.table import CHUNK_ROWS
from transferz.tables.writing import DECLARATIONS

UCD = "src.redshift.phot"
"""The IVOA's word for what is forecast."""

HEALPIX_ORDER = 29
"""Of the pixels in a spatial index, where the properties do not say."""

TELLING_ROWS = 100
"""A leaf with fewer may hold stars and failed fits alone: it is taken as it is (our choice)."""

_LAST_FIELD = re.compile(r".*(?:</FIELD\s*>|<FIELD\b[^>]*/>)", re.DOTALL)


class LeafTable(ParquetTable):
    """A parquet file whose columns keep the very types that are stored."""

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        fields = [self.stored.field(self.names.index(name)) for name in columns]
        return pa.schema(fields, self.stored.metadata)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a catalogue's files are to be read and described.

    `described` is the VOTable that its metadata hold of its columns, if any; the spatial index is
    the column `index`, of `index_order`, its rows are counted in pixels of `sky_order`.
    """

    described: str = ""
    index: str = ""
    index_order: int = HEALPIX_ORDER
    sky_order: int = 8

    @classmethod
    def of(cls, part: Any) -> "Layout":
        """Take it from a `transferz.baselines.catalogues.collection.Part`."""
        info, metadata = part.held.catalog_info, part.schema.metadata or {}
        index = info.healpix_column or "_healpix_29"
        return cls(
            metadata.get(CONTENT_KEY.encode(), b"").decode("utf-8", "replace"),
            index if index in part.schema.names else "",
            info.healpix_order or HEALPIX_ORDER,
            part.sky_order,
        )


@dataclass(slots=True)
class Done:
    """What came of a leaf: its rows' counts, the rows written, and those by pixel of the sky."""

    counts: RowCounts = field(default_factory=RowCounts)
    written: int = 0
    sky: dict[int, int] = field(default_factory=dict)


def forecast_leaf(
    leaf: Leaf, applied: Applied, out: Path, layout: Layout, *, drop_missing: bool
) -> Done:
    """Write a leaf with forecasts to `out`, which appears whole or not at all.

    Its columns, types and rows' order are kept. A leaf without rows to write has none then. What is
    wrong is an error of ours that names the partition.
    """
    done = Done()
    try:
        with _local(leaf.source) as path:
            table = LeafTable.open(path)
            require(applied, table.names, "its file")
            schema = leaf_schema(table.stored, applied, layout.described, _longest(table))
            out.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(out) as beside, _Writer(beside, schema, layout) as writer:
                done.counts = predict_chunks(
                    applied,
                    table,
                    table.names,
                    writer.write,
                    drop_missing,
                    CHUNK_ROWS,
                    telling=TELLING_ROWS,
                )
                if not drop_missing:
                    done.counts.require_rows("its file", drop_missing=False)
        done.written, done.sky = writer.rows, writer.sky
    except TransferZError as error:
        raise type(error)(f"{leaf}: {error}", **error.options) from error
    return done


@contextlib.contextmanager
def _local(source: Any) -> Iterator[Path]:
    """Yield the path of a file of any file system: its own, or that of a copy for the while."""
    if source.protocol in ("", "file", "local"):
        yield Path(source.path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "leaf.parquet"
        try:
            with source.open("rb") as remote, copy.open("wb") as local:
                shutil.copyfileobj(remote, local, 1 << 22)
        except Exception as error:  # fsspec's file systems have each their own kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"can't fetch {source}: {reason}; run again to go on") from error
        yield copy


def leaf_schema(
    stored: pa.Schema, applied: Applied, described: str, longest: Mapping[str, int] | None = None
) -> pa.Schema:
    """Return the schema of a leaf with forecasts, and what its footer says of the columns.

    That is what the input's says, or else its catalogue in the VOTable `described`, with the new
    columns; without either, types and units of the columns' own metadata, of types that VOTable
    has. `longest` are the characters of texts, by column.
    """
    own = stored.metadata or {}
    kept = {key: text for key, text in own.items() if not key.startswith(DECLARATIONS)}
    told = own.get(CONTENT_KEY.encode(), b"").decode("utf-8", "replace") or described
    what = applied.note.partition(": ")[2]
    numbers = (field.name for field in applied.added if field.type == pa.float64())
    added = tuple(Column(name, "float64", what, ucd=UCD) for name in numbers)
    footer = votable_footer(Table("", added, ""))
    if told and (grown := _with_fields(told, footer[CONTENT_KEY])):
        footer |= {CONTENT_KEY: grown}
        footer |= {LENGTH_KEY.format(name=name): str(n) for name, n in (longest or {}).items()}
    else:
        columns = tuple(filter(None, map(_declared, stored)))
        footer = votable_footer(Table("catalogue", (*columns, *added), ""), longest)
    ours = {name.encode(): text.encode() for name, text in footer.items()}
    note = {b"transferz": applied.note.encode()}
    return pa.schema([*stored, *applied.added], kept | ours | note)


def _declared(column: pa.Field) -> Column | None:
    """Declare a column by its type and unit; None where VOTable has no such type."""
    known = {"double": "float64", "float": "float32", "large_string": "string"}
    kind: Any = known.get(str(column.type), str(column.type))
    unit = (column.metadata or {}).get(b"unit", b"").decode()
    return Column(column.name, kind, "", unit) if kind in DTYPE_NAMES else None


def _longest(table: LeafTable) -> dict[str, int]:
    """Return the characters of the longest value of every column of text: VOTable states them."""
    names = [name for name in table.names if str(table.stored.field(name).type).endswith("string")]
    longest: dict[str, int] = dict.fromkeys(names, 0)
    for chunk in table.chunks(names, CHUNK_ROWS) if names else ():
        plain = chunk.cast(pa.schema([(name, pa.string()) for name in names]))
        for name, length in longest_strings(plain).items():
            longest[name] = max(length, longest[name])
    return longest


class _Writer:
    """Write rows as they come, a row group per chunk, and count them, on the sky too."""

    def __init__(self, path: Path, schema: pa.Schema, layout: Layout) -> None:
        self._schema, self._layout = schema, layout
        self.rows, self.sky = 0, dict[int, int]()
        self._file = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with contextlib.suppress(Exception) if kind else contextlib.nullcontext():
            self._file.close()

    def write(self, chunk: pa.Table, extra: pa.Table) -> None:
        """Write some rows."""
        if not len(chunk):
            return
        columns = [*chunk.columns, *extra.columns]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.rows += len(chunk)
        if self._layout.index:
            index = chunk[self._layout.index].to_numpy()
            pixels = index >> 2 * (self._layout.index_order - self._layout.sky_order)
            for pixel, count in zip(*np.unique(pixels, return_counts=True), strict=True):
                self.sky[int(pixel)] = self.sky.get(int(pixel), 0) + int(count)


def _with_fields(told: str, ours: str) -> str:
    """Put the fields of our VOTable behind the last one of another; empty where it is none."""
    fields = re.search(r"<FIELD\b.*</FIELD\s*>", ours, re.DOTALL)
    last = _LAST_FIELD.match(told)
    if not fields or not last or "<!ENTITY" in told:
        return ""
    grown = f"{told[: last.end()]}\n{fields[0]}{told[last.end() :]}"
    try:
        ET.fromstring(grown)  # noqa: S314 (it declares no entities)
    except ET.ParseError:
        return ""
    return grown
