"""Read the table part of HDF5 files that hold images too (GalaxiesML), never the images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from transferz.dataset.sources.columns import Field, empty_chunk, find_fields, make_chunk
from transferz.dataset.sources.streams import ByteStream, unsound
from transferz.dataset.sources.values import typed, typed_arrow
from transferz.schemas import Table, TransferZError


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
            columns = [file[field.name] for field in fields]
            rows = _common_length(fields, columns)
            for start in range(0, rows, chunk_rows):
                stop = min(start + chunk_rows, rows)
                arrays = [_read(*one, start, stop) for one in zip(fields, columns, strict=True)]
                yield make_chunk(table, fields, arrays)
            if not rows:
                yield empty_chunk(table, fields)
    except (TransferZError, GeneratorExit):
        raise
    except Exception as error:  # h5py raises many kinds at damaged files
        raise unsound(path, "HDF5", error) from error


def _common_length(fields: list[Field], columns: list[Any]) -> int:
    """Return the number of rows, the same in every column."""
    for field, column in zip(fields, columns, strict=True):
        shape = getattr(column, "shape", None)
        if shape is None or len(shape) != 1:
            raise field.wrong(f"shape {shape}", "one value in each row")
        if shape != columns[0].shape:
            raise field.wrong(f"{shape[0]:,} rows", f"{columns[0].shape[0]:,} rows as in others")
    return int(columns[0].shape[0])


def _read(field: Field, column: Any, start: int, stop: int) -> pa.Array:
    import h5py

    if h5py.check_string_dtype(column.dtype):
        texts = column.asstr()[start:stop]
        return typed_arrow(field, pa.array([str(text).rstrip() for text in texts], pa.string()))
    values = column[start:stop]
    return typed(field, values.astype(values.dtype.newbyteorder("="), copy=False))
