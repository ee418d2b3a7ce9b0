"""Samples of galaxies: magnitudes and a redshift, from any table or from a release."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from transferz.releases import Release
from transferz.schemas.errors import InputError
from transferz.schemas.photometry import MAGNITUDES

SENTINEL = 90.0
"""Magnitudes and redshifts this far from 0 stand for "none" (99, -99, 999 ...; our choice)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Galaxies that a network can be trained or tested on.

    Attributes
    ----------
    magnitudes : ndarray, shape (N, B)
        AB magnitudes, finite.
    redshift : ndarray, shape (N,)
        True (or label) redshifts, finite.
    identifiers : ndarray, shape (N,), or None
        The rows' ids, where the table has a column for them.
    dropped : int
        Rows of the table left out because a value is missing.
    """

    magnitudes: Floats
    redshift: Floats
    identifiers: npt.NDArray[Any] | None = None
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.redshift)

    def take(self, rows: npt.NDArray[Any]) -> "Sample":
        """Pick rows, by index or mask."""
        identifiers = None if self.identifiers is None else self.identifiers[rows]
        return Sample(self.magnitudes[rows], self.redshift[rows], identifiers)


def read_split(release: Release, config: str, split: str) -> Sample:
    """Read one split of a release's config.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split.
    InputError
        Where a file can't be read.
    """
    files = release.require(config, [split])[split]
    names = [*MAGNITUDES, "redshift"]
    tables = [_reading(path, lambda path: pq.read_table(path, columns=names)) for path in files]
    table = pa.concat_tables(tables)
    return _sample(table, MAGNITUDES, "redshift", None, drop=False, path=release.path / config)


def read_sample(
    path: Path,
    bands: Sequence[str],
    redshift: str,
    *,
    identifier: str | None = None,
    drop_missing: bool = False,
    names: Sequence[str] | None = None,
) -> Sample:
    """Read a sample from a table of one's own.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv`` (``.gz`` too), ``.parquet``, ``.fits``; any other name is read as text
        with columns parted by blanks and the column names in its first line.
    bands : sequence of str
        Columns of magnitudes, in the order in which the network takes them.
    redshift : str
        Column of redshifts.
    identifier : str, optional
        Column of object ids.
    drop_missing : bool
        Drop and count the rows where a band or the redshift is missing (NaN, null, or a sentinel
        such as 99 or -99), instead of refusing the table.
    names : sequence of str, optional
        All the columns' names, for a text table whose first line lacks some.

    Raises
    ------
    InputError
        Where the file can't be read, a column is absent or no number, values are missing and
        `drop_missing` is false, or no row is left.
    """
    wanted = [*bands, redshift, *([identifier] if identifier else [])]
    if not path.is_file():
        raise InputError(f"no table at {path}")
    if len(set(wanted)) != len(wanted):
        raise InputError(f"a column is named twice among bands, redshift and id: {wanted}")
    read = _reader(path, names)
    table = _reading(path, lambda path: read(path, wanted))
    return _sample(table, bands, redshift, identifier, drop=drop_missing, path=path)


def _sample(
    table: pa.Table,
    bands: Sequence[str],
    redshift: str,
    identifier: str | None,
    *,
    drop: bool,
    path: Path,
) -> Sample:
    columns = {name: _floats(table, name, path) for name in (*bands, redshift)}
    missing = {name: _missing(values) for name, values in columns.items()}
    missing[redshift] |= columns[redshift] <= -1.0  # as a sentinel too: 1 + z must be positive
    kept = ~np.logical_or.reduce(list(missing.values()))
    if not drop and not kept.all():
        where = ", ".join(f"{name} ({bad.sum()})" for name, bad in missing.items() if bad.any())
        raise InputError(
            f"{path}: {np.count_nonzero(~kept)} of {len(kept)} rows lack a value (NaN or a "
            f"sentinel such as 99 or -99) in {where}; drop them with --drop-missing"
        )
    if not kept.any():
        raise InputError(f"{path}: none of its {len(kept)} rows has all of {list(columns)}")
    magnitudes = np.column_stack([columns[name][kept] for name in bands])
    identifiers = table[identifier].to_numpy()[kept] if identifier else None
    return Sample(magnitudes, columns[redshift][kept], identifiers, int(np.count_nonzero(~kept)))


def _missing(values: Floats) -> npt.NDArray[np.bool_]:
    return ~(np.abs(values) < SENTINEL)  # NaN compares false


def _floats(table: pa.Table, name: str, path: Path) -> Floats:
    column = table[name]
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: column '{name}' holds something other than numbers: {error}"
        ) from None
    except pa.ArrowNotImplementedError:
        raise InputError(f"{path}: column '{name}' is {column.type}, expected numbers") from None


def _reading(path: Path, read: Callable[[Path], pa.Table]) -> pa.Table:
    """Turn a reader's complaints into one clear error."""
    try:
        return read(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:  # ArrowInvalid is a ValueError
        raise InputError(f"can't read {path}: {error}") from None


def _require(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in there:
            raise InputError(f"{path} has no column '{name}'; it has: {', '.join(there)}")
        if list(there).count(name) > 1:
            raise InputError(f"{path} has more than one column '{name}'")


def _reader(path: Path, names: Sequence[str] | None) -> Callable[[Path, Sequence[str]], pa.Table]:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return _read_parquet
    if name.endswith((".fits", ".fit")):
        return _read_fits
    if name.endswith(".csv"):
        return lambda path, wanted: _read_csv(path, wanted, names, ",")
    if name.endswith(".tsv"):
        return lambda path, wanted: _read_csv(path, wanted, names, "\t")
    return lambda path, wanted: _read_text(path, wanted, names)


def _read_parquet(path: Path, wanted: Sequence[str]) -> pa.Table:
    _require(path, pq.read_schema(path).names, wanted)
    return pq.read_table(path, columns=list(wanted))


def _read_csv(
    path: Path, wanted: Sequence[str], names: Sequence[str] | None, delimiter: str
) -> pa.Table:
    rows = pa.csv.ReadOptions(column_names=names, skip_rows=1 if names else 0)
    parsing = pa.csv.ParseOptions(delimiter=delimiter)
    with pa.csv.open_csv(path, read_options=rows, parse_options=parsing) as start:
        _require(path, start.schema.names, wanted)
    kept = pa.csv.ConvertOptions(include_columns=list(wanted))
    return pa.csv.read_csv(path, rows, parsing, kept)


def _read_text(path: Path, wanted: Sequence[str], names: Sequence[str] | None) -> pa.Table:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        header, first = file.readline().lstrip("#").split(), file.readline().split()
    names = names or header
    if len(names) != len(first):
        raise InputError(
            f"{path}: {len(names)} column names for rows of {len(first)} values; name all the "
            "columns with --columns"
        )
    _require(path, names, wanted)
    places = [list(names).index(name) for name in wanted]
    values = np.loadtxt(path, dtype=str, skiprows=1, usecols=places, unpack=True, ndmin=2)
    return pa.table({name: _numbers(column) for name, column in zip(wanted, values, strict=True)})


def _numbers(column: npt.NDArray[np.str_]) -> pa.Array:
    """Read text as numbers where it is numbers, exactly: ids may need all 64 bits."""
    for kind in (np.int64, np.float64):
        try:
            return pa.array(column.astype(kind))
        except (ValueError, OverflowError):
            continue
    return pa.array(column)


def _read_fits(path: Path, wanted: Sequence[str]) -> pa.Table:
    from astropy.io import fits  # the only format that needs more than pyarrow

    with fits.open(path) as units:
        tables = [unit for unit in units if isinstance(unit, fits.BinTableHDU)]
        if not tables:
            raise InputError(f"{path} holds no binary table")
        _require(path, tables[0].columns.names, wanted)
        columns = {name: np.asarray(tables[0].data[name]) for name in wanted}
        return pa.table({name: _native(values) for name, values in columns.items()})


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("="))
