"""Read FITS binary tables forwards, in row chunks: any size, plain or gzip, in little memory.

Not through `astropy.io.fits`, which maps the file: the pages of a map count as memory in use, and
a gzip file can't be mapped.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.schemas import InputError, Table
from transferz.tables.columns import (
    Field,
    decode_chunk,
    empty_chunk,
    find_fields,
    shared_columns,
    stored_fields,
)
from transferz.tables.fits_hdus import BUFFER_BYTES, Hdu, open_fits
from transferz.tables.fits_header import (
    HeaderError,
    TableColumn,
    count,
    is_table,
    table_columns,
)
from transferz.tables.streams import unsound
from transferz.tables.values import typed, typed_arrow

TEXT_BYTES = 1 << 26  # of strings held at a time


def read_fits(path: Path, table: Table, chunk_rows: int) -> Iterator[pa.Table]:
    """Read the declared columns from the first binary table that has them.

    Parameters
    ----------
    path : Path
        A FITS file, plain or gzip.
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
        If the file is no sound FITS file, or no table in it has the columns, or a value is not
        of the declared type.
    """
    refusals: list[tuple[int, InputError]] = []
    found = False
    with open_fits(path) as hdus:
        for hdu in hdus:
            if found or not is_table(hdu.header):
                continue
            columns = table_columns(hdu.header)
            names = [one.name for one in columns]
            try:
                fields = find_fields(names, table, path, any_case=True)
            except InputError as error:
                refusals.append((shared_columns(names, table, any_case=True), error))
                continue
            found = True
            yield from _read_rows(hdu, columns, fields, table, chunk_rows)
    if not found:
        none = unsound(path, "FITS", "it holds no binary table")
        raise max(refusals, key=lambda one: one[0])[1] if refusals else none


def _read_rows(
    hdu: Hdu,
    columns: Sequence[TableColumn],
    fields: Sequence[Field],
    table: Table,
    chunk_rows: int,
) -> Iterator[pa.Table]:
    by_name = {one.name: one for one in columns}
    stored = [by_name[field.name] for field in stored_fields(fields)]
    for field, one in zip(stored_fields(fields), stored, strict=True):
        if not one.readable:
            raise field.wrong(f"TFORM {one.repeat}{one.code}", "one value in each row")
        one.require_integer_null()
    rows, row_bytes = count(hdu.header, "NAXIS2"), count(hdu.header, "NAXIS1")
    chunk_rows = max(1, min(chunk_rows, TEXT_BYTES // max(one.bytes for one in stored)))
    for start in range(0, rows, chunk_rows):
        values = _gather(hdu, stored, row_bytes, min(chunk_rows, rows - start))
        gathered = {one.name: (one, kept) for one, kept in zip(stored, values, strict=True)}
        yield decode_chunk(table, fields, partial(_decode, gathered))
    if not rows:
        yield empty_chunk(table, fields)


def _decode(
    gathered: Mapping[str, tuple[TableColumn, np.ndarray]],
    field: Field,
    missing: np.ndarray | None,
) -> pa.Array:
    return decode(field, *gathered[field.name], missing)


def _gather(hdu: Hdu, stored: Sequence[TableColumn], row_bytes: int, rows: int) -> list[np.ndarray]:
    """Read rows and keep some columns, in native byte order."""
    kept = [np.empty(rows, np.dtype(one.format).newbyteorder("=")) for one in stored]
    layout = np.dtype(
        {
            "names": [str(number) for number in range(len(stored))],
            "formats": [one.format for one in stored],
            "offsets": [one.offset for one in stored],
            "itemsize": row_bytes,
        }
    )
    step = max(1, BUFFER_BYTES // row_bytes)
    buffer = memoryview(bytearray(min(step, rows) * row_bytes))
    for start in range(0, rows, step):
        size = min(step, rows - start)
        hdu.read(buffer[: size * row_bytes])
        block = np.frombuffer(buffer, layout, size)
        for number, values in enumerate(kept):
            values[start : start + size] = block[str(number)]
    return kept


def decode(
    field: Field, stored: TableColumn, values: np.ndarray, missing: np.ndarray | None = None
) -> pa.Array:
    """Turn stored values into those they stand for, of the declared type.

    Parameters
    ----------
    field : Field
        What they should be.
    stored : TableColumn
        How they are stored.
    values : ndarray
        As stored, in native byte order.
    missing : ndarray of bool, optional
        Rows without a value, whatever is stored.
    """
    if stored.code == "A":
        return typed_arrow(field, _texts(field, values), missing)
    gaps = np.zeros(len(values), bool) if missing is None else missing
    if stored.code == "L":
        bad = ~np.isin(values, [b"T", b"F", b""])
        if bad.any():
            raise field.wrong(values[bad][0], "a FITS logical, T or F")
        return typed(field, values == b"T", gaps | (values == b""))
    if stored.code == "X":
        return typed(field, values >= 0x80, gaps)
    if stored.null is not None and values.dtype.kind != "f":
        gaps = gaps | (values == stored.null)
    return typed(field, _scaled(stored, values), gaps)


def _texts(field: Field, values: np.ndarray) -> pa.Array:
    """Strings without their trailing blanks."""
    stripped = np.char.rstrip(values, b" \0")
    letters = stripped.view("u1").reshape(len(values), -1)
    inside = np.arange(letters.shape[1]) < np.char.str_len(stripped)[:, None]
    if (inside & ((letters < 0x20) | (letters > 0x7E))).any():
        raise field.wrong("bytes that are not printable ASCII", "text")
    return pa.array(np.char.decode(stripped, "ascii").tolist(), pa.string())


def _scaled(stored: TableColumn, values: np.ndarray) -> np.ndarray:
    """Apply TSCAL and TZERO; exactly for the standard's unsigned and signed-byte conventions.

    Raises
    ------
    HeaderError
        If 64-bit integers are scaled otherwise.
    """
    if (stored.scale, stored.zero) == (1.0, 0.0):
        return values
    kind, size = values.dtype.kind, values.dtype.itemsize
    convention = {"i": 2.0 ** (8 * size - 1), "u": -128.0}.get(kind)
    if (stored.scale, stored.zero) == (1.0, convention):
        other = np.dtype(f"{'iu'[kind == 'i']}{size}")  # the same bits but for the sign's
        return values.view(other) ^ np.array(1 << (8 * size - 1), f"u{size}").view(other)
    if stored.code == "K":  # inexact as floats, and astropy fails at them
        raise HeaderError(
            f"column {stored.name}: 64-bit integers with TSCAL {stored.scale:g} and "
            f"TZERO {stored.zero:g}"
        )
    return values.astype(np.float64) * stored.scale + stored.zero


def says_mock(path: Path) -> bool:
    """Whether the header of a file's first table, or one before it, holds a MOCK card."""
    with open_fits(path) as hdus:
        for hdu in hdus:
            if "MOCK" in hdu.header:
                return True
            if is_table(hdu.header):
                return False
    return False
