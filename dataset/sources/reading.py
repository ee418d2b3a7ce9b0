"""Read the declared columns of an upstream file, in row chunks, into typed frames."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from transferz.schemas import Column, InputError, SchemaError, Table
from transferz.schemas.frames import arrow_schema, pandas_dtype, to_frame

CHUNK_ROWS = 200_000  # bounds the memory that reading takes
MISSING = -99.0  # upstream's "no value", beside NaN
UNMEASURED = 99.0  # the same, for redshifts and magnitudes
NULLS = ("", "nan", "NaN", "null", "NULL")  # but not NA, which may be somebody's name
TRUE, FALSE = ("True", "true", "TRUE", "t", "1"), ("False", "false", "FALSE", "f", "0")


def find_file(directory: Path, pattern: str, remedy: str) -> Path:
    """Return the one file in `directory` that matches `pattern`.

    Raises
    ------
    InputError
        If none or several match.
    """
    found = sorted(directory.glob(pattern))
    if not found:
        raise InputError(f"{directory / pattern} is missing; {remedy}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"{directory}: expected one file {pattern}, found {names}; keep one")
    return found[0]


def upstream_names(available: Iterable[str], table: Table, path: Path) -> dict[str, str]:
    """Map our column names to the names that a file uses.

    Parameters
    ----------
    available : iterable of str
        The file's columns.
    table : Table
        Declares, per column, the names it may have upstream. Columns without any are left out.
    path : Path
        The file, for the error.

    Returns
    -------
    dict of str to str
        Our name to the file's name.

    Raises
    ------
    InputError
        Names every column that the file lacks.
    """
    present = set(available)
    wanted = [column for column in table if column.upstream]
    names = {
        column.name: next((name for name in column.upstream if name in present), "")
        for column in wanted
    }
    missing = [" or ".join(table[ours].upstream) for ours, theirs in names.items() if not theirs]
    if missing:
        raise InputError(
            f"{path}: expected the columns of table '{table.name}', missing "
            f"{', '.join(missing)}; fetch the file again or check its version"
        )
    return names


def read_fits(path: Path, table: Table, chunk_rows: int = CHUNK_ROWS) -> pd.DataFrame:
    """Read the declared columns from the first FITS table that has them.

    Parameters
    ----------
    path : Path
        A FITS file with a binary table.
    table : Table
        The columns to read and what they should be.
    chunk_rows : int
        Rows converted at a time.

    Returns
    -------
    pandas.DataFrame
        Typed as declared, sentinels as missing values.

    Raises
    ------
    InputError
        If the file is no FITS file, is cut short, or lacks a column.
    """
    from astropy.io import fits

    try:
        with fits.open(path, memmap=True) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
            _require_whole(path, tables[-1] if tables else None)
            hdu = max(tables, key=lambda one: len(_present(one.columns.names, table)))
            names = upstream_names(hdu.columns.names, table, path)
            starts = range(0, len(hdu.data), chunk_rows) or range(1)
            chunks = [_fits_chunk(hdu.data[i : i + chunk_rows], names, table) for i in starts]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no sound FITS file ({error}); fetch it again") from error
    return pd.concat(chunks, ignore_index=True)


def _present(available: Iterable[str], table: Table) -> set[str]:
    return set(available) & {name for column in table for name in column.upstream}


def _require_whole(path: Path, last: Any) -> None:
    """Raise OSError where the file ends before its last table does."""
    if last is None:
        raise OSError("it holds no table")
    info = last.fileinfo()
    needed, found = info["datLoc"] + info["datSpan"], path.stat().st_size
    if found < needed:
        raise OSError(f"cut short: {found:,} of {needed:,} bytes")


def _fits_chunk(rows: np.ndarray, names: Mapping[str, str], table: Table) -> pd.DataFrame:
    return pd.DataFrame(
        {ours: _typed(np.asarray(rows[theirs]), table[ours]) for ours, theirs in names.items()}
    )


def _typed(values: np.ndarray, column: Column) -> pd.Series:
    """Native byte order, the declared dtype, sentinels as NaN."""
    series = pd.Series(values.astype(values.dtype.newbyteorder("=")))
    typed = series.astype(pandas_dtype(column))
    if column.dtype.startswith("int") and not (typed == series).all():
        raise ValueError(f"column {column.name}: a value is no {column.dtype}")
    return drop_sentinels(typed, column)


def drop_sentinels(values: pd.Series, column: Column) -> pd.Series:
    """Turn upstream's -99, 99 and infinity into missing values where the column may have them."""
    if not (column.nullable and column.dtype.startswith("float")):
        return values
    may_be_99 = not column.ucd.startswith(("src.redshift", "phot.mag"))
    missing = values.isin([MISSING] if may_be_99 else [MISSING, UNMEASURED])
    return values.mask(missing | np.isinf(values))


def read_csv(path: Path, table: Table) -> pd.DataFrame:
    """Read the declared columns from a CSV file (also ``.csv.gz``).

    Parameters
    ----------
    path : Path
        The file; it is read in blocks.
    table : Table
        The columns to read and what they should be.

    Returns
    -------
    pandas.DataFrame
        Typed as declared, sentinels as missing values.

    Raises
    ------
    InputError
        If the file is missing a column, or a value is not of the declared type.
    """
    try:
        names = upstream_names(_csv_header(path), table, path)
        columns = tuple(table[name] for name in names)
        frame = to_frame(_read_columns(path, names, table), Table(table.name, columns, table.key))
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is no sound CSV file ({error}); fetch it again") from error
    return frame.apply(lambda values: drop_sentinels(values, table[str(values.name)]))


def _csv_header(path: Path) -> list[str]:
    with pacsv.open_csv(path) as reader:
        return list(reader.schema.names)


def _read_columns(path: Path, names: Mapping[str, str], table: Table) -> pa.Table:
    schema = arrow_schema(table)
    options = pacsv.ConvertOptions(
        include_columns=list(names.values()),
        column_types={theirs: schema.field(ours).type for ours, theirs in names.items()},
        true_values=TRUE,
        false_values=FALSE,
        null_values=NULLS,
        strings_can_be_null=True,
    )
    return pacsv.read_csv(path, convert_options=options).rename_columns(list(names))
