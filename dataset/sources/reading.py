"""Read the declared columns of any upstream file, in chunks of rows, as typed Arrow tables."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from transferz.schemas import InputError, Table
from transferz.tables import csv_file, fits_file, parquet_file
from transferz.tables.hdf5_file import read_hdf5

CHUNK_ROWS = 1 << 17  # bounds the memory that reading takes

FITS = (".fits", ".fit", ".fits.gz", ".fit.gz")
CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
PARQUET = (".parquet",)
HDF5 = (".hdf5", ".h5")


def read_any(path: Path, table: Table, chunk_rows: int = CHUNK_ROWS) -> Iterator[pa.Table]:
    """Read the declared columns of a FITS, CSV, parquet or HDF5 file.

    Parameters
    ----------
    path : Path
        The file; its name's ending says what it is. FITS and CSV may be gzip.
    table : Table
        The columns to read and what they should be.
    chunk_rows : int
        Rows of a chunk (of CSV, about 16 MB of text make one).

    Returns
    -------
    iterator of pyarrow.Table
        Exactly the table's columns, of the declared Arrow types; missing values, upstream's
        sentinels and what a column's null flag tells among them, are nulls, and so are columns
        that no file has. At least one chunk. `texts`, `values` and `columns` say what each is.

    Raises
    ------
    InputError
        If the file is missing, damaged, a web page, lacks a column, or holds a value that is
        not of the declared type.
    SchemaError
        If an integer, boolean or string is missing where none may be.
    """
    name = path.name.lower()
    if name.endswith(FITS):
        return fits_file.read_fits(path, table, chunk_rows)
    if name.endswith(CSV):
        return csv_file.read_csv(path, table)
    if name.endswith(PARQUET):
        return parquet_file.read_parquet(path, table, chunk_rows)
    if name.endswith(HDF5):
        return read_hdf5(path, table, chunk_rows)
    endings = ", ".join((*FITS, *CSV, *PARQUET, *HDF5))
    raise InputError(f"{path}: expected a file that ends in one of {endings}; rename it")


def says_mock(path: Path) -> bool:
    """Whether a file says of itself that its galaxies are simulated.

    In FITS by a MOCK card, in CSV by a comment above the names, in parquet by its metadata.
    """
    checks: dict[tuple[str, ...], Callable[[Path], bool]] = {
        FITS: fits_file.says_mock,
        CSV: csv_file.says_mock,
        PARQUET: parquet_file.says_mock,
    }
    name = path.name.lower()
    return any(name.endswith(endings) and check(path) for endings, check in checks.items())


def matching(directory: Path, pattern: str, endings: Sequence[str]) -> list[Path]:
    """Return the files whose name before its ending matches a pattern, sorted by name."""
    files = {path for ending in endings for path in directory.glob(pattern + ending)}
    return sorted(path for path in files if not path.name.startswith("."))


def find_file(directory: Path, pattern: str, endings: Sequence[str], remedy: str) -> Path:
    """Return the one file of a catalogue.

    Parameters
    ----------
    directory : Path
        Where it lies.
    pattern : str
        What its name matches, without the ending.
    endings : sequence of str
        Those it may have.
    remedy : str
        What to do where there is none.

    Raises
    ------
    InputError
        If no file matches, or several do.
    """
    found = matching(directory, pattern, endings)
    if not found:
        others = f" (or {', '.join(endings[1:])})" if len(endings) > 1 else ""
        raise InputError(f"{directory / pattern}{endings[0]}{others} is missing; {remedy}")
    return only(found)


def only(found: Sequence[Path]) -> Path:
    """Return the one path given.

    Raises
    ------
    InputError
        If there are several.
    """
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{found[0].parent}: expected one file, found {names}; keep one")
    return found[0]


def fill(chunks: Iterable[pa.Table], name: str, value: str) -> Iterator[pa.Table]:
    """Set a string column of every chunk to one value.

    Parameters
    ----------
    chunks : iterable of pyarrow.Table
        Tables with such a column.
    name : str
        The column.
    value : str
        What each row gets.
    """
    for chunk in chunks:
        position = chunk.schema.get_field_index(name)
        values = pa.repeat(pa.scalar(value, pa.string()), len(chunk))
        yield chunk.set_column(position, chunk.schema.field(position), values)
