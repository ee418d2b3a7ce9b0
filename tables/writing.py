"""Write a table chunk by chunk: CSV, parquet or FITS, by the name's ending; or HDF5, whole."""

import contextlib
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, guess_types, typed
from transferz.tables.fits import RAW, FitsCopy, FitsTable, FitsWriter
from transferz.tables.table import TableFile, require_package

if TYPE_CHECKING:
    import h5py

SUFFIXES = (".csv", ".parquet", ".fits", ".csv.gz")

DECLARATIONS = (b"IVOA.VOTable-Parquet", b"huggingface")
"""How the keys of a parquet footer begin that list its columns: untrue once there are more."""

SPECIAL = r'[",\r\n]'  # what a CSV cell is quoted for


def check_place(
    out: Path, table: Path, option: str = "--out", endings: tuple[str, ...] = SUFFIXES
) -> None:
    """Refuse, before anything is read, a place where no output can go.

    That is the table itself, a folder, a file in a folder that is missing, one whose ending is none
    of `endings`, or FITS where astropy is missing.
    """
    if not out.name.lower().endswith(endings):
        raise InputError(f"{option} {out}: expected a name that ends in {', '.join(endings)}")
    if out.name.lower().endswith(".fits"):
        require_package(out, "astropy", "FITS")
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"can't write {option} {out}: name a file in a folder that exists")
    if out.exists() and table.exists() and out.samefile(table):
        raise InputError(f"{option} {out} is the table itself; name another file")


@contextlib.contextmanager
def hdf5_file(path: Path) -> Iterator["h5py.File"]:
    """Yield an HDF5 file to fill; it is written to `path`, byte for byte so, when the block ends.

    It is put together in memory, since HDF5's library is not safe on a disk that fills up: it may
    end the process (signal 11). That it can't be written is an OSError.
    """
    import h5py

    with h5py.File(str(path), "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)


class _Writer(Protocol):
    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


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

    It is written to `path` (`files.replace_file` gives a place beside); the ending of `out`, its
    name to be, says what it is. Columns `names` of the table are written: all by default, and
    always from FITS to FITS. Where types must be known first, its chunks of so many `rows` are read
    here. Those `added` are float64; the file says `note` of them, in ASCII, where it has a place
    for that, as CSV has not.

    Yields the columns to read for it, and what takes a chunk of these and one of those added. A
    column or value that the format can't hold is an `InputError`.
    """
    columns, ending = tuple(names or table.names), out.name.lower()
    kinds: pa.Schema | None = None
    writer: _Writer
    if ending.endswith((".csv", ".csv.gz")):
        writer = _CsvWriter(path, table.path, (*columns, *added.names), ending.endswith(".gz"))
    elif ending.endswith(".fits") and isinstance(table, FitsTable):
        writer, columns = FitsCopy(path, table, added, note), (RAW,)
    else:  # these must know all types beforehand
        kinds = table.schema(columns)
        if table.text:
            kinds = guess_types(table.chunks(columns, rows), columns)
        if ending.endswith(".parquet"):
            writer = _parquet_writer(path, table, kinds, added, note)
        else:
            units = {f"TUNIT{k}": table.units.get(name, "") for k, name in enumerate(columns, 1)}
            cards = {key: unit for key, unit in units.items() if unit and unit.isascii()}
            cards["HISTORY"] = note
            schema, chunks = pa.schema([*kinds, *added]), table.chunks(columns, rows)
            writer = FitsWriter(path, table.path, schema, chunks, cards)

    def write(chunk: pa.Table, extra: pa.Table) -> None:
        known = typed(chunk, kinds) if table.text and kinds is not None else chunk
        fields = [*known.schema, *added]
        writer.write(
            pa.Table.from_arrays([*known.columns, *extra.columns], schema=pa.schema(fields))
        )

    try:
        yield columns, write
    except BaseException:
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()


def _parquet_writer(
    path: Path, table: TableFile, kinds: pa.Schema, added: pa.Schema, note: str
) -> pq.ParquetWriter:
    """A row group per chunk, zstd, page checksums; units and what the footer says are kept."""
    fields = [
        field
        if field.metadata or field.name not in table.units
        else field.with_metadata({"unit": table.units[field.name]})
        for field in kinds
    ]
    stored = kinds.metadata or {}
    kept = {key: text for key, text in stored.items() if not key.startswith(DECLARATIONS)}
    schema = pa.schema([*fields, *added], kept | {b"transferz": note.encode()})
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


class _CsvWriter:
    """Comma-separated text: cells of a text table as they stand, quoted only where need be."""

    def __init__(self, path: Path, source: Path, names: Sequence[str], packed: bool) -> None:
        self._source = source
        opened = gzip.GzipFile(path, "wb", mtime=0) if packed else path.open("wb")
        self._file = cast("BinaryIO", opened)
        self._write_lines([_quoted(pa.array([name], TEXT)) for name in names])

    def write(self, rows: pa.Table) -> None:
        cells = [
            _cells(column, name, self._source)
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        ]
        if len(rows):
            self._write_lines(cells)

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
