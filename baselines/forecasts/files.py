"""Forecasts in files: tables of any kind, and qp's ensembles."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transferz.baselines.forecasts.qp import TRUE_REDSHIFTS, first_known, is_qp, read_qp
from transferz.baselines.networks.forecasting import PREDICTED, SEED
from transferz.baselines.scores.probability import Distribution, GridPDF, Quantiles, Samples
from transferz.schemas.errors import InputError, ParameterError
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.printing import first_few
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import require_columns

POINTS = frozenset(
    f"{PREDICTED} z_pred zpred z_phot zphot photoz photo_z z_photo zmode z_mode zmedian zmean "
    "z_best predicted prediction point".split()
)
"""Names that a column of forecasts is known by, whatever their case."""

IDS = ["object_id", "objectid"]
"""Names that a release's ids are known by; an id of another name is named with --id."""

RUN_COLUMNS = {"config", "seed", "point"}
"""Columns of the forecasts of a run of the benchmark."""

MEDIAN = [0.5]
SHOWN = 30  # columns that a message names

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DistributionColumns:
    """In which columns of a table the distributions are, and how; in none by default.

    `samples` is a pattern of the columns of samples, such as ``s_*``; `quantiles` has the level of
    each column; `pdf` is a pattern of the columns of a PDF at the redshifts `grid`, in that order.
    """

    samples: str | None = None
    quantiles: dict[str, float] | None = None
    pdf: str | None = None
    grid: Floats | None = None

    def find(self, names: Sequence[str], path: Path) -> list[str]:
        """Find the columns among those of a table, ``p_2`` before ``p_10``."""
        if self.quantiles:
            return list(self.quantiles)
        pattern = self.samples or self.pdf
        if pattern is None:
            return []
        if matching := fnmatch.filter(names, pattern):
            return sorted(matching, key=_numbered)
        raise InputError(
            f"{path} has no column like '{pattern}'; it has: {first_few(names, SHOWN)}"
        )

    def read(self, values: Floats, first: str, path: Path) -> Distribution:
        """Make the distributions of N galaxies from the columns' values, shape (N, M).

        Where they are no distributions, the error names the file and the `first` of the columns.
        """
        try:
            if self.quantiles:
                return Quantiles(np.array(list(self.quantiles.values())), values)
            if self.samples:
                return Samples(values)
            if self.grid is not None and self.grid.size == values.shape[1]:
                return GridPDF(self.grid, values)
        except ValueError as error:
            raise InputError(f"{path}, columns {first} ...: {error}") from None
        count = "none" if self.grid is None else str(self.grid.size)
        raise InputError(
            f"{path}: --grid has {count} redshifts for {values.shape[1]} values of the PDF; give "
            "FROM:TO:COUNT with as many"
        )


POINTS_ONLY = DistributionColumns()


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """What a user says of a file's columns; what is None is looked for.

    `true`, `identifier` and `magnitude` (i) are a column each, `points` a column per seed; `names`
    are those of all columns, for a text table without them.
    """

    true: str | None = None
    points: tuple[str, ...] | None = None
    identifier: str | None = None
    magnitude: str | None = None
    distribution: DistributionColumns = POINTS_ONLY
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileForecasts:
    """Forecasts of N galaxies, as a file has them.

    `point` has the redshifts, shape (S, N) for S seeds, NaN where there is none. `object_id` are
    ids of a release, shape (N,), and None where the true redshifts are in the file.
    """

    path: Path
    point: Floats
    distribution: Distribution | None
    object_id: npt.NDArray[np.int64] | None
    true: Floats | None
    i_mag: Floats | None


def read_predictions(path: Path, named: NamedColumns) -> FileForecasts:
    """Read forecasts with ids or true redshifts, from any table or a qp ensemble in HDF5.

    Which of the two a file is is told by what is in it. Raises an InputError where it can't be
    read, or it is not clear what its columns are.
    """
    return (_read_qp if path.is_file() and is_qp(path) else _read_table)(path, named)


def _read_qp(path: Path, named: NamedColumns) -> FileForecasts:
    """Columns are those of its ancillary table; the point, else, is the median."""
    if named.distribution != POINTS_ONLY or named.names:
        raise ParameterError(
            f"{path} is a qp file, which says itself what its distributions are; give no "
            "--samples, --quantiles, --pdf or --columns"
        )
    file = read_qp(path)
    points = list(named.points or ())
    single = [name for name in (named.true, named.identifier, named.magnitude) if name]
    require_columns(path, list(file.ancil), [*points, *single])
    table = pa.table({name: file.ancil[name] for name in [*points, *single]})
    ids = _ids(table, named.identifier, path)
    if ids is None and not named.true:
        ids = file.object_id  # the file's own ids do not hide a truth that is named
    true = _floats(table, named.true, path) if named.true else file.redshift
    if ids is None and true is None:
        raise InputError(
            f"{path}: neither ids nor true redshifts are known in its ancillary table; name a "
            f"column with --id or --true; there are: {', '.join(file.ancil) or 'nothing'}"
        )
    if not points and file.point is not None:
        point = np.atleast_2d(file.point)
    else:
        point = _points(table, points, file.distribution, path)
    i_mag = _floats(table, named.magnitude, path)
    return FileForecasts(path, point, file.distribution, ids, true, i_mag)


def _read_table(path: Path, named: NamedColumns) -> FileForecasts:
    file = open_table(path, named.names)
    if set(file.names) >= RUN_COLUMNS:
        raise InputError(
            f"{path} is what `transferz benchmark` wrote: its scores are in entry.yaml beside it, "
            "and `transferz leaderboard --entries` shows them"
        )
    wide = named.distribution.find(file.names, path)
    points = list(named.points or fnmatch.filter(file.names, SEED.format("*")))
    if not points:
        points = [name for name in file.names if name.lower() in POINTS]
        if len(points) != 1 and not wide:
            raise InputError(
                f"{path}: which column holds the forecasts? Name it with --pred; there are: "
                f"{first_few(points or file.names, SHOWN)}"
            )
        points = points if len(points) == 1 else []  # the median of the distribution will do
    identifier = named.identifier or (None if named.true else first_known(IDS, file.names))
    true = named.true or (None if identifier else first_known(TRUE_REDSHIFTS, file.names))
    if not (identifier or true):
        raise InputError(
            f"{path}: which column holds the true redshifts? Name it with --true, or the ids of a "
            f"release's galaxies with --id; there are: {first_few(file.names, SHOWN)}"
        )
    single = [name for name in (true, identifier, named.magnitude) if name]
    wanted = list(dict.fromkeys([*points, *single, *wide]))
    require_columns(path, file.names, wanted)
    table = read_whole(file, wanted)
    distribution = None
    if wide:
        distribution = named.distribution.read(_matrix(table, wide, path), wide[0], path)
    return FileForecasts(
        path,
        _points(table, points, distribution, path),
        distribution,
        _ids(table, identifier, path),
        _floats(table, true, path),
        _floats(table, named.magnitude, path),
    )


def _points(
    table: pa.Table, names: Sequence[str], distribution: Distribution | None, path: Path
) -> Floats:
    """Point forecasts of all seeds, shape (S, N); without such columns, the median."""
    if distribution is not None and not names:
        return distribution.quantiles(MEDIAN).T
    return np.array([as_floats(table, name, path) for name in names])


def _floats(table: pa.Table, name: str | None, path: Path) -> Floats | None:
    return as_floats(table, name, path) if name else None


def _matrix(table: pa.Table, names: Sequence[str], path: Path) -> Floats:
    """Values of many columns, or of one column of lists, shape (N, M); NaN for a null list."""
    kind = table.schema.field(names[0]).type
    if len(names) > 1 or not (pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)):
        return np.column_stack([as_floats(table, name, path) for name in names])
    rows: list[Any] = table[names[0]].to_pylist()
    lengths = {len(row) for row in rows if row is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"{path}: column '{names[0]}' has lists of several lengths, or none")
    missing = [None] * lengths.pop()
    return np.array([missing if row is None else row for row in rows], np.float64)


def _ids(table: pa.Table, name: str | None, path: Path) -> npt.NDArray[np.int64] | None:
    if not name:
        return None
    column = as_ids(table, name, path)
    if not pa.types.is_integer(column.type):
        raise InputError(
            f"{path}: column '{name}' is {column.type}, expected whole numbers, as a release's ids "
            "are"
        )
    if column.null_count:
        raise InputError(
            f"{path}: {column.null_count:,} of {len(column):,} rows have no id in column '{name}'; "
            "leave them out"
        )
    return np.asarray(column.to_numpy(), np.int64)


def _numbered(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
