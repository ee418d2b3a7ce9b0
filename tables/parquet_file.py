"""Read parquet by row groups."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas import Table
from transferz.tables.columns import (
    Field,
    decode_chunk,
    empty_chunk,
    find_fields,
    stored_fields,
)
from transferz.tables.streams import ByteStream, unsound
from transferz.tables.values import typed_arrow


def read_parquet(path: Path, table: Table, chunk_rows: int) -> Iterator[pa.Table]:
    """Read the declared columns from a parquet file.

    Parameters
    ----------
    path : Path
        The file.
    table : Table
        The columns to read and what they should be.
    chunk_rows : int
        Rows of a chunk.

    Yields
    ------
    pyarrow.Table
        Chunks of the table's columns.

    Raises
    ------
    InputError
        If the file is damaged, lacks a column, or a value is not of the declared type.
    """
    ByteStream(path, "parquet").close()  # can it be read, and is it a web page?
    rows = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            fields = find_fields(file.schema_arrow.names, table, path)
            names = [field.name for field in stored_fields(fields)]
            for group in range(file.num_row_groups):  # one by one: across them less is checked
                for batch in file.iter_batches(chunk_rows, row_groups=[group], columns=names):
                    yield decode_chunk(table, fields, partial(_decode, batch))
                    rows += len(batch)
            if rows != file.metadata.num_rows:
                reason = f"{rows:,} rows where {file.metadata.num_rows:,} are announced"
                raise unsound(path, "parquet", reason)
    except (OSError, ValueError, pa.ArrowException) as error:  # names that are no UTF-8, too
        raise unsound(path, "parquet", error) from error
    if not rows:
        yield empty_chunk(table, fields)


def _decode(batch: pa.RecordBatch, field: Field, missing: np.ndarray | None) -> pa.Array:
    return typed_arrow(field, batch[field.name], missing)


def says_mock(path: Path) -> bool:
    """Whether the file's metadata say MOCK."""
    ByteStream(path, "parquet").close()
    try:
        notes = pq.read_metadata(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException) as error:  # names that are no UTF-8, too
        raise unsound(path, "parquet", error) from error
    return any(b"MOCK" in text for one in notes.items() for text in one)
