"""Write a table chunk by chunk: CSV, parquet or FITS, by the name's ending."""

import contextlib
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, guess_types, typed
from transferz.tables.fits import RAW, FitsCopy, FitsTable, FitsWriter, text_widths
from transferz.tables.table import TableFile, require_package

SUFFIXES = (".csv", ".parquet", ".fits", ".csv.gz")

DECLARATIONS = (b"IVOA.VOTable-Parquet", b"huggingface")
"""How the keys of a parquet footer begin that list its columns: untrue once there are more."""

SPECIAL = r'[",\r\n]'  # what a CSV cell is quoted for


def check_place(out: Path, table: Path, option: str = "--out") -> None:
    """Refuse, before anything is read, a place where no output can go.

    Raises
    ------
    InputError
        Where it is the table itself or a folder, its own folder is missing, its ending is none of
        `SUFFIXES`, or it is FITS and astropy is missing.
    """
    if not out.name.lower().endswith(SUFFIXES):
        raise InputError(f"{option} {out}: expected a name that ends in {', '.join(SUFFIXES)}")
    if out.name.lower().endswith(".fits"):
        require_package(out, "astropy", "FITS")
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"can't write {option} {out}: name a file in a folder that exists")
    if out.exists() and table.exists() and out.samefile(table):
        raise InputError(f"{option} {out} is the table itself; name another file")


class Writer(Protocol):
    """Takes the chunks of a table."""

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """Write rows, and the columns that are added to them."""

    def close(self) -> None:
        """Write what stands at the end of the file."""


@contextlib.contextmanager
def open_writer(
    path: Path,
    out: Path,
    table: TableFile,
    added: pa.Schema,
    note: str,
    rows: int,
    names: Sequence[str] | None = None,
) -> Iterator[tuple[tuple[str, ...], Callable[[pa.Table, pa.Table], None]]]:
    """Open a file for a table with columns added to its own.

    Parameters
    ----------
    path : Path
        Where to write; `transferz.tables.files.replace_file` gives a place beside.
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
    names : sequence of str, optional
        The columns to write; all by default, and always from FITS to FITS.

    Yields
    ------
    tuple of str, callable
        The columns to read for it; what takes a chunk of these and one of those added.

    Raises
    ------
    InputError
        Where the format can't hold a column or a value.
    """
    columns, ending = tuple(names or table.names), out.name.lower()
    writer: Writer
    if ending.endswith((".csv", ".csv.gz")):
        writer = _CsvWriter(path, table.path, (*columns, *added.names), ending.endswith(".gz"))
    elif ending.endswith(".parquet"):
        writer = _ParquetWriter(path, table, _types(table, columns, rows), added, note)
    elif isinstance(table, FitsTable):
        writer, columns = FitsCopy(path, table, added, note), (RAW,)
    else:
        writer = _FitsTableWriter(path, table, _types(table, columns, rows), added, note, rows)
    try:
        yield columns, writer.write
    except BaseException:
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()


def _types(table: TableFile, names: Sequence[str], rows: int) -> pa.Schema:
    if table.text:
        return guess_types(table.chunks(names, rows), names)
    return table.schema(names)


def _joined(chunk: pa.Table, added: pa.Table, kinds: pa.Schema, schema: pa.Schema) -> pa.Table:
    """Put columns beside those of a chunk, whose text becomes what it spells."""
    columns = typed(chunk, kinds).columns if chunk.schema != kinds else chunk.columns
    return pa.Table.from_arrays([*columns, *added.columns], schema=schema)


class _ParquetWriter:
    """A row group per chunk, zstd, page checksums."""

    def __init__(
        self, path: Path, table: TableFile, kinds: pa.Schema, added: pa.Schema, note: str
    ) -> None:
        kept = {
            key: value
            for key, value in (kinds.metadata or {}).items()
            if not key.startswith(DECLARATIONS)
        }
        self._kinds = kinds.remove_metadata()
        fields = [
            field.with_metadata({"unit": table.units[field.name]})
            if field.name in table.units and not field.metadata
            else field
            for field in kinds
        ]
        self._schema = pa.schema([*fields, *added], kept | {b"transferz": note.encode()})
        self._file = pq.ParquetWriter(
            path, self._schema, compression="zstd", write_page_checksum=True
        )

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        self._file.write_table(_joined(chunk, added, self._kinds, self._schema))

    def close(self) -> None:
        self._file.close()


class _FitsTableWriter:
    """A FITS table from one of another format, with units."""

    def __init__(
        self,
        path: Path,
        table: TableFile,
        kinds: pa.Schema,
        added: pa.Schema,
        note: str,
        rows: int,
    ) -> None:
        self._kinds, self._schema = kinds.remove_metadata(), pa.schema([*kinds, *added])
        widths = text_widths(table.chunks(kinds.names, rows), kinds, table.path)
        numbers = {name: number for number, name in enumerate(kinds.names, start=1)}
        cards = {f"TUNIT{numbers[n]}": u for n, u in table.units.items() if n in numbers}
        ascii_cards = {key: unit for key, unit in cards.items() if unit.isascii()}
        self._file = FitsWriter(
            path, table.path, self._schema, widths, {"HISTORY": note} | ascii_cards
        )

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        self._file.write(_joined(chunk, added, self._kinds, self._schema))

    def close(self) -> None:
        self._file.close()


class _CsvWriter:
    """Comma-separated text: cells of a text table as they stand, quoted only where need be."""

    def __init__(self, path: Path, source: Path, names: Sequence[str], packed: bool) -> None:
        self._source = source
        opened = gzip.GzipFile(path, "wb", mtime=0) if packed else path.open("wb")
        self._file = cast("BinaryIO", opened)
        self._write_lines([_quoted(pa.array([name], TEXT)) for name in names])

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        columns = [*zip(chunk.column_names, chunk.columns, strict=True)]
        cells = [_cells(column, name, self._source) for name, column in columns]
        if len(chunk):
            self._write_lines([*cells, *(column.cast(TEXT) for column in added.columns)])

    def close(self) -> None:
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
    bare = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    return cells if bare else _quoted(cells)


def _quoted(cells: pa.Array) -> pa.Array:
    """Quote what holds a comma, a quote or a line's end, and the empty text."""
    special = pc.or_(pc.match_substring_regex(cells, SPECIAL), pc.equal(cells, ""))
    inner = pc.replace_substring(cells, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', inner, '"', ""), cells)
