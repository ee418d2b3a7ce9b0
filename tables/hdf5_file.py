"""Read the table part of HDF5 files that hold images too (GalaxiesML), never the images."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from transferz.schemas import Table, TransferZError
from transferz.tables.columns import (
    Field,
    decode_chunk,
    empty_chunk,
    find_fields,
    stored_fields,
)
from transferz.tables.streams import ByteStream, unsound
from transferz.tables.values import typed, typed_arrow


def read_hdf5(path: Path, table: Table, chunk_rows: int) -> Iterator[pa.Table]:
    """Read the declared columns, each a dataset of the file's root.

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
        If the file is damaged, lacks a column, its columns differ in length, or a value is not
        of the declared type.
    """
    import h5py

    ByteStream(path, "HDF5").close()  # can it be read, and is it a web page?
    try:
        with h5py.File(path, "r") as file:
            fields = find_fields(file, table, path)
            stored = stored_fields(fields)
            rows = _common_length(stored, [file[field.name] for field in stored])
            for start in range(0, rows, chunk_rows):
                piece = slice(start, min(start + chunk_rows, rows))
                yield decode_chunk(table, fields, partial(_read, file, piece))
            if not rows:
                yield empty_chunk(table, fields)
    except (TransferZError, GeneratorExit):
        raise
    except Exception as error:  # h5py raises many kinds at damaged files
        raise unsound(path, "HDF5", error) from error


def _common_length(fields: list[Field], columns: list[Any]) -> int:
    """Return the number of rows, the same in every column; one may be of shape (rows, 1)."""
    for field, column in zip(fields, columns, strict=True):
        shape = getattr(column, "shape", None)
        if not shape or shape[1:] not in ((), (1,)):
            raise field.wrong(f"shape {shape}", "one value in each row")
        if shape[0] != columns[0].shape[0]:
            raise field.wrong(f"{shape[0]:,} rows", f"{columns[0].shape[0]:,} rows as in others")
    return int(columns[0].shape[0])


def _read(file: Any, piece: slice, field: Field, missing: np.ndarray | None) -> pa.Array:
    import h5py

    column = file[field.name]
    if h5py.check_string_dtype(column.dtype):
        texts = [str(text).rstrip() for text in column.asstr()[piece].ravel()]
        return typed_arrow(field, pa.array(texts, pa.string()), missing)
    values = column[piece].ravel()
    return typed(field, values.astype(values.dtype.newbyteorder("="), copy=False), missing)
