"""Tables written chunk by chunk: CSV, parquet or FITS."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, guess_types, typed
from transferz.tables.reading import FITS, TableFile, require_astropy

SUFFIXES = (".csv", ".parquet", ".fits")

DECLARATIONS = (b"IVOA.VOTable-Parquet", b"huggingface")
"""How the keys of a parquet footer begin that list its columns: untrue once there are more."""

SPECIAL = r'[",\r\n]'  # what a CSV cell is quoted for


class Writer(Protocol):
    """Takes the chunks of a table."""

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """Write rows, and the columns that are added to them."""

    def close(self) -> None:
        """Write what stands at the end of the file."""


def check_place(out: Path, table: Path) -> None:
    """Refuse, before anything is read, a place where no output can go.

    Raises
    ------
    InputError
        Where it is the table itself or a folder, its own folder is missing, its ending is none of
        `SUFFIXES`, or it is FITS and astropy is missing.
    """
    if not out.name.lower().endswith(SUFFIXES):
        raise InputError(f"--out {out}: expected a name that ends in {', '.join(SUFFIXES)}")
    if out.name.lower().endswith(FITS):
        require_astropy(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"can't write --out {out}: name a file in a folder that exists")
    if out.exists() and table.exists() and out.samefile(table):
        raise InputError(f"--out {out} is the table itself; name another file")


@contextlib.contextmanager
def open_writer(
    path: Path, out: Path, table: TableFile, added: pa.Schema, note: str, rows: int
) -> Iterator[tuple[tuple[str, ...], Callable[[pa.Table, pa.Table], None]]]:
    """Open a file for a table with columns added to its own.

    Parameters
    ----------
    path : Path
        Where to write.
    out : Path
        The file's name to be, whose ending says what it is.
    table : TableFile
        Whose columns are written; chunks of it are read here where types must be known first.
    added : pyarrow.Schema
        The columns added, float64.
    note : str
        What the file is to say of those, in ASCII; CSV has no place for it.
    rows : int
        How many to hold at a time.

    Yields
    ------
    columns : tuple of str
        What to read of the table.
    write : callable
        Takes a chunk of those columns and one of those added.
    """
    name = out.name.lower()
    columns: tuple[str, ...] = table.names
    writer: Writer
    if name.endswith(".csv"):
        writer = CsvWriter(path, table, added)
    elif name.endswith(".parquet"):
        writer = ParquetWriter(path, table, _types(table, rows), added, note)
    else:
        from transferz.tables.reading_fits import RAW, FitsFile  # need more than pyarrow
        from transferz.tables.writing_fits import FitsCopy, FitsWriter

        if isinstance(table, FitsFile):
            writer, columns = FitsCopy(path, table, added, note), (RAW,)
        else:
            writer = FitsWriter(path, table, _types(table, rows), added, note, rows)
    try:
        yield columns, writer.write
    except BaseException:
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()


def _types(table: TableFile, rows: int) -> pa.Schema:
    if table.text:
        return guess_types(table.chunks(table.names, rows), table.names)
    return table.schema(table.names)


def side_by_side(chunk: pa.Table, added: pa.Table, schema: pa.Schema) -> pa.Table:
    """Put columns beside those of a chunk."""
    return pa.Table.from_arrays([*chunk.columns, *added.columns], schema=schema)


def joined(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """Put the fields of one schema behind those of another."""
    return pa.schema([*first, *second], first.metadata)


class ParquetWriter:
    """A row group per chunk, zstd, page checksums."""

    def __init__(
        self, path: Path, table: TableFile, kinds: pa.Schema, added: pa.Schema, note: str
    ) -> None:
        kept = {
            key: value
            for key, value in (kinds.metadata or {}).items()
            if not key.startswith(DECLARATIONS)
        }
        self._kinds = kinds if table.text else None
        self._schema = joined(kinds, added).with_metadata(kept | {b"transferz": note.encode()})
        self._file = pq.ParquetWriter(
            path, self._schema, compression="zstd", write_page_checksum=True
        )

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """As `Writer.write`."""
        known = typed(chunk, self._kinds) if self._kinds else chunk
        self._file.write_table(side_by_side(known, added, self._schema))

    def close(self) -> None:
        """As `Writer.close`."""
        self._file.close()


class CsvWriter:
    """Comma-separated text: cells of a text table as they stand, quoted only where need be."""

    def __init__(self, path: Path, table: TableFile, added: pa.Schema) -> None:
        self._path = table.path
        self._file: BinaryIO = path.open("wb")
        header = [pa.array([name], TEXT) for name in (*table.names, *added.names)]
        self._write_lines([_quoted(name) for name in header])

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """As `Writer.write`."""
        columns = [*zip(chunk.column_names, chunk.columns, strict=True)]
        cells = [_cells(column, name, self._path) for name, column in columns]
        if len(chunk):
            self._write_lines([*cells, *(column.cast(TEXT) for column in added.columns)])

    def close(self) -> None:
        """As `Writer.close`."""
        self._file.close()

    def _write_lines(self, cells: Sequence[pa.Array | pa.ChunkedArray]) -> None:
        full = [pc.fill_null(column, "") for column in cells]
        lines = pc.binary_join_element_wise(*full, ",") if len(full) > 1 else full[0]
        self._file.write("".join(f"{line}\n" for line in lines.to_pylist()).encode())


def _cells(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """A column as text; null where there is nothing, which is not the empty text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    try:
        cells = column.cast(TEXT)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise InputError(
            f"{path}: column '{name}' is {column.type}, which CSV can't hold; write .parquet"
        ) from None
    return cells if _is_bare(kind) else _quoted(cells)


def _is_bare(kind: pa.DataType) -> bool:
    return pa.types.is_primitive(kind) or pa.types.is_decimal(kind)


def _quoted(cells: pa.Array) -> pa.Array:
    """Quote what holds a comma, a quote or a line's end, and the empty text."""
    special = pc.or_(pc.match_substring_regex(cells, SPECIAL), pc.equal(cells, ""))
    inner = pc.replace_substring(cells, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', inner, '"', ""), cells)
