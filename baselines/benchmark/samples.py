"""Samples of galaxies: magnitudes and a redshift, from any table or from a release."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.errors import InputError
from transferz.schemas.survey.magnitudes import MAGNITUDES
from transferz.tables.cells import Floats, as_floats, as_ids, is_missing
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import require_columns


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
        Where the release has no such config or split, or a file is missing or damaged.
    """
    table = read_rows(release, config, split, [*MAGNITUDES, "redshift"])
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
        In a format of `transferz.tables.reading.open_table`.
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
    if len(set(wanted)) != len(wanted):
        raise InputError(f"a column is named twice among bands, redshift and id: {wanted}")
    file = open_table(path, names)
    require_columns(path, file.names, wanted)
    table = read_whole(file, wanted)
    return _sample(table, bands, redshift, identifier, drop=drop_missing, path=path)


def _ids(table: pa.Table, name: str, path: Path) -> npt.NDArray[Any]:
    """The ids of rows that are used; each must have one, for it decides the row's split."""
    ids = as_ids(table, name, path)
    if ids.null_count:
        raise InputError(
            f"{path}: {ids.null_count:,} of {len(ids):,} rows have no id in column '{name}'; leave "
            "them out, or name no column of ids"
        )
    return np.asarray(ids.to_numpy())


def _sample(
    table: pa.Table,
    bands: Sequence[str],
    redshift: str,
    identifier: str | None,
    *,
    drop: bool,
    path: Path,
) -> Sample:
    columns = {name: as_floats(table, name, path) for name in (*bands, redshift)}
    missing = {name: is_missing(values) for name, values in columns.items()}
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
    identifiers = _ids(table.filter(pa.array(kept)), identifier, path) if identifier else None
    return Sample(magnitudes, columns[redshift][kept], identifiers, int(np.count_nonzero(~kept)))
