"""Read a table of fluxes in row chunks, and write one all at once or not at all."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from transferz.photometry.flux_table import flux_columns
from transferz.schemas.errors import InputError
from transferz.tables.files import replace_file

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU

CHUNK_ROWS = 100_000  # bounds the memory that FITS and parquet take
NULLS = ("", "NA", "N/A", "null", "NULL")  # "nan" is none of them: it is read as NaN
SUFFIXES = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet")
OUTPUTS = (".csv", ".csv.gz", ".parquet")


def read_chunks(path: Path) -> Iterator[pa.Table]:
    """Read a table of fluxes.

    Parameters
    ----------
    path : Path
        Its name ends in one of `SUFFIXES`. CSV is read as a whole, the others in row chunks.

    Yields
    ------
    pyarrow.Table
        All columns of one value per row; fluxes and errors as float64. At least one table.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, holds no fluxes, or its fluxes are not
        numbers.
    """
    if not path.is_file():
        raise InputError(f"no table at {path}")
    try:
        yield from _reader(path)(path)
    except (OSError, EOFError, ValueError, TypeError, pa.ArrowException) as error:
        raise InputError(f"can't read {path} as a table of fluxes: {error}") from None


def _reader(path: Path) -> Callable[[Path], Iterator[pa.Table]]:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return _csv_chunks
    if name.endswith((".fits", ".fits.gz")):
        return _fits_chunks
    if name.endswith(".parquet"):
        return _parquet_chunks
    raise InputError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")


def require_fluxes(names: list[str], path: Path) -> dict[str, str]:
    """Return each flux column with its error column.

    Raises
    ------
    InputError
        If there are none, or a column's name occurs twice.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has more than one column {', '.join(twice)}; rename them")
    pairs = flux_columns(names)
    if not pairs:
        raise InputError(
            f"{path} holds no fluxes with errors: expected columns such as f_X and ferr_X, "
            f"X_FLUX and X_FLUXERR, or X and X_err; found {', '.join(names[:10])}"
        )
    return pairs


def _csv_chunks(path: Path) -> Iterator[pa.Table]:
    with pacsv.open_csv(path) as start:
        pairs = require_fluxes(start.schema.names, path)
    types = dict.fromkeys([*pairs, *pairs.values()], pa.float64())
    yield pacsv.read_csv(
        path, convert_options=pacsv.ConvertOptions(column_types=types, null_values=NULLS)
    )


def _parquet_chunks(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        schema = _as_floats(file.schema_arrow, path)
        yield schema.empty_table()
        for batch in file.iter_batches(CHUNK_ROWS):
            yield pa.Table.from_batches([batch]).cast(schema)


def _as_floats(schema: pa.Schema, path: Path) -> pa.Schema:
    pairs = require_fluxes(schema.names, path)
    for name in [*pairs, *pairs.values()]:
        kind = schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InputError(f"{path}: column '{name}' is {kind}, expected numbers")
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.float64()))
    return schema


def _fits_chunks(path: Path) -> Iterator[pa.Table]:
    from astropy.io import fits

    with fits.open(path, memmap=not path.name.endswith(".gz")) as units:
        tables = [unit for unit in units if isinstance(unit, fits.BinTableHDU)]
        if not tables:
            raise InputError(f"{path} holds no binary table")
        table = max(tables, key=lambda one: len(flux_columns(one.columns.names)))
        require_fluxes(table.columns.names, path)
        for start in range(0, table.header["NAXIS2"], CHUNK_ROWS) or range(1):
            yield _fits_chunk(table, slice(start, start + CHUNK_ROWS), path)


def _fits_chunk(table: "BinTableHDU", rows: slice, path: Path) -> pa.Table:
    data = table.data[rows]
    columns = {name: data[name] for name in table.columns.names}
    plain = {n: v for n, v in columns.items() if v.ndim == 1 and v.dtype.kind in "SUbiuf"}
    arrow = pa.table({name: _arrow(values) for name, values in plain.items()})
    return arrow.cast(_as_floats(arrow.schema, path))


def _arrow(values: Any) -> pa.Array:
    """One column in native byte order, text decoded."""
    if values.dtype.kind in "SU":
        return pa.array(values.astype(str).tolist(), pa.string())
    return pa.array(values.astype(values.dtype.newbyteorder("=")))


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that writes chunks to a file, which appears when the block succeeds.

    Parameters
    ----------
    path : Path
        Its name ends in one of `OUTPUTS`. A file of that name is replaced.

    Raises
    ------
    InputError
        If it can't be written; nothing is left behind then.
    """
    if not path.name.endswith(OUTPUTS):
        raise InputError(f"{path}: expected a name that ends in {', '.join(OUTPUTS)}")
    if not path.parent.is_dir():
        raise InputError(f"can't write {path}: there is no folder {path.parent}")
    with replace_file(path) as partial, contextlib.ExitStack() as opened:
        yield _writer(path, partial, opened)


def _writer(path: Path, partial: Path, opened: contextlib.ExitStack) -> Callable[[pa.Table], None]:
    """Open the file with the first chunk, whose schema it takes."""
    writers: list[Any] = []

    def write(chunk: pa.Table) -> None:
        if not writers:
            writers.append(opened.enter_context(_open(path, partial, chunk.schema, opened)))
        writers[0].write_table(chunk)

    return write


def _open(path: Path, partial: Path, schema: pa.Schema, opened: contextlib.ExitStack) -> Any:
    if path.name.endswith(".parquet"):
        return pq.ParquetWriter(partial, schema, compression="zstd", write_page_checksum=True)
    compression = "gzip" if path.name.endswith(".gz") else None
    return pacsv.CSVWriter(
        opened.enter_context(pa.output_stream(str(partial), compression)), schema
    )
