"""Forecasts in files: tables of any kind, and qp's ensembles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transferz.baselines.forecasts.columns import (
    IDS,
    Form,
    find_points,
    find_true,
    known_by,
)
from transferz.baselines.scores.probability import Distribution, GridPDF, Quantiles, Samples
from transferz.schemas.errors import InputError, ParameterError
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import require_columns

if TYPE_CHECKING:
    from transferz.baselines.forecasts.qp_files import QpFile

Floats = npt.NDArray[np.float64]
MEDIAN = [0.5]


POINTS_ONLY = Form()
RUN_COLUMNS = {"config", "seed", "point"}
HDF5 = (".hdf5", ".h5", ".hdf")
"""Endings of qp's files."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user says of a file; what is None is looked for.

    Attributes
    ----------
    true, identifier, magnitude : str or None
        Columns of true redshifts, ids and i magnitudes.
    points : tuple of str, or None
        Columns of point forecasts, one per seed.
    form : Form
        Columns of distributions.
    names : tuple of str, or None
        All the columns' names, for a text table without them.
    """

    true: str | None = None
    points: tuple[str, ...] | None = None
    identifier: str | None = None
    magnitude: str | None = None
    form: Form = POINTS_ONLY
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """Forecasts of N galaxies, as a file has them.

    Attributes
    ----------
    point : ndarray, shape (S, N)
        Redshifts; NaN where there is none.
    distribution : Distribution or None
        Of the galaxies.
    identifiers : ndarray of int64, shape (N,), or None
        Ids of a release; None where the truth is in the file.
    true, i_mag : ndarray, shape (N,), or None
        From the file.
    """

    point: Floats
    distribution: Distribution | None
    identifiers: npt.NDArray[np.int64] | None
    true: Floats | None
    i_mag: Floats | None


def read_predictions(path: Path, asked: Asked) -> Given:
    """Read forecasts, with ids or with true redshifts.

    Parameters
    ----------
    path : Path
        CSV, text, parquet, FITS, or a qp ensemble in HDF5.
    asked : Asked
        What its columns are.

    Raises
    ------
    InputError
        Where it can't be read, or it is not clear what its columns are.
    """
    is_qp = path.suffix.lower() in HDF5
    return _read_qp(path, asked) if is_qp else _read_table(path, asked)


def _read_qp(path: Path, asked: Asked) -> Given:
    """Columns are those of its ancillary table; the point, else, is the median."""
    from transferz.baselines.forecasts.qp_files import read_qp  # needs h5py or qp

    if asked.form != POINTS_ONLY or asked.names:
        raise ParameterError(
            f"{path} is a qp file, which says itself what its distributions are; give no "
            "--samples, --quantiles, --pdf or --columns"
        )
    found = read_qp(path)
    single = [name for name in (asked.true, asked.identifier, asked.magnitude) if name]
    wanted = [*(asked.points or ()), *single]
    require_columns(path, list(found.ancil), wanted)
    table = pa.table({name: found.ancil[name] for name in wanted})
    ids = None if asked.true else found.object_id  # one's own ids do not hide the truth
    ids = _ids(table, asked.identifier, path) if asked.identifier else ids
    true = as_floats(table, asked.true, path) if asked.true else found.redshift
    if ids is None and true is None:
        there = ", ".join(found.ancil) or "nothing"
        raise InputError(
            f"{path}: neither ids nor true redshifts are known in its ancillary table; name a "
            f"column with --id or --true; there are: {there}"
        )
    i_mag = as_floats(table, asked.magnitude, path) if asked.magnitude else None
    return Given(_qp_point(found, table, asked, path), found.distribution, ids, true, i_mag)


def _qp_point(found: "QpFile", table: pa.Table, asked: Asked, path: Path) -> Floats:
    if asked.points:
        return np.array([as_floats(table, name, path) for name in asked.points])
    if found.point is not None:
        return np.atleast_2d(found.point)
    return found.distribution.quantiles(MEDIAN).T


def _read_table(path: Path, asked: Asked) -> Given:
    file = open_table(path, asked.names)
    if set(file.names) >= RUN_COLUMNS:
        raise InputError(
            f"{path} is what `transferz benchmark` wrote: its scores are in entry.yaml beside it, "
            "and `transferz leaderboard --entries` shows them"
        )
    points = _points(asked, file.names, path)
    identifier = asked.identifier or (None if asked.true else known_by(IDS, file.names))
    true = find_true(asked.true, file.names, path) if identifier is None else asked.true
    wide = asked.form.columns(file.names, path)
    single = [name for name in (true, identifier, asked.magnitude) if name]
    wanted = list(dict.fromkeys([*points, *single, *wide]))
    require_columns(path, file.names, wanted)
    table = read_whole(file, wanted)
    distribution = _distribution(table, wide, asked.form, path)
    point = np.array([as_floats(table, name, path) for name in points])
    if not points and distribution is not None:
        point = distribution.quantiles(MEDIAN).T
    return Given(
        point,
        distribution,
        _ids(table, identifier, path) if identifier else None,
        as_floats(table, true, path) if true else None,
        as_floats(table, asked.magnitude, path) if asked.magnitude else None,
    )


def _points(asked: Asked, there: Sequence[str], path: Path) -> list[str]:
    """None where the median of a distribution will do."""
    has_distribution = bool(asked.form.columns(there, path))
    try:
        return find_points(asked.points, there, path)
    except InputError:
        if has_distribution:
            return []
        raise


def _distribution(
    table: pa.Table, names: Sequence[str], form: Form, path: Path
) -> Distribution | None:
    if not names:
        return None
    values = _matrix(table, names, path)
    try:
        if form.quantiles:
            return Quantiles(np.array(list(form.quantiles.values())), values)
        if form.samples:
            return Samples(values)
        return GridPDF(_grid(form, values, path), values)
    except ValueError as error:
        raise InputError(f"{path}, columns {names[0]} ...: {error}") from None


def _grid(form: Form, values: Floats, path: Path) -> Floats:
    if form.grid is None or form.grid.size != values.shape[1]:
        found = "none" if form.grid is None else str(form.grid.size)
        raise InputError(
            f"{path}: --grid has {found} redshifts for {values.shape[1]} values of the PDF; give "
            "FROM:TO:COUNT with as many"
        )
    return form.grid


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


def _ids(table: pa.Table, name: str, path: Path) -> npt.NDArray[np.int64]:
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
