"""Forecasts in files: tables of any kind, and qp's ensembles; true redshifts in further ones."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transferz.baselines.forecasts.columns import (
    IDS,
    NUMBER,
    OPTIONS,
    POINTS,
    POINTS_ONLY,
    QP_IDS,
    SHOWN,
    TRUE_REDSHIFTS,
    DistributionColumns,
    Floats,
    NamedColumns,
    only_known,
)
from transferz.baselines.forecasts.compact import KEY, decode_pdfs
from transferz.baselines.forecasts.qp import is_qp, read_qp
from transferz.baselines.networks import SEED
from transferz.baselines.scores.probability import Distribution, GridPDF
from transferz.baselines.scores.probability.arrays import as_flags
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import FORECAST, require_magnitudes
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.parquet import ParquetTable
from transferz.tables.printing import first_few
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import TableFile, naming, require_columns

RUN_COLUMNS = {"config", "seed", "point"}
"""Columns of the forecasts of a run of the benchmark."""

MEDIAN = [0.5]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FileForecasts:
    """Forecasts of N galaxies, as a file has them.

    `point` has the redshifts, shape (S, N) for S seeds. `object_id` are ids, shape (N,), and `true`
    redshifts, perhaps with `i_mag`; each is None where it is not in the file or not to be used.
    `flag` says how little each is trusted. `columns` says which columns were taken for what.
    """

    path: Path
    point: Floats
    distribution: Distribution | None
    object_id: Ints | None
    true: Floats | None
    i_mag: Floats | None
    columns: dict[str, str] = field(default_factory=dict)
    flag: Floats | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """True redshifts of N galaxies in a file of their own, with ids and i magnitudes, if any."""

    path: Path
    redshift: Floats
    object_id: Ints | None
    i_mag: Floats | None
    columns: dict[str, str]


def read_predictions(path: Path, named: NamedColumns) -> FileForecasts:
    """Read forecasts with ids or true redshifts, from any table or a qp ensemble in HDF5.

    Which of the two a file is is told by what is in it. Raises an InputError where it can't be
    read, or it is not clear what its columns are.
    """
    return (_read_qp if path.is_file() and is_qp(path) else _read_table)(path, named)


def read_truth(path: Path, named: NamedColumns, *, in_order: bool) -> Truth:
    """Read true redshifts from any table, with ids but where they are `in_order`.

    Raises an InputError where it can't be read, or it is not clear what its columns are.
    """
    file = open_table(path, named.names, choose=naming(_looked_for(named)))
    true = named.true or only_known(TRUE_REDSHIFTS, file.names, "true redshifts", "true=", path)
    identifier = None if in_order else named.identifier
    if not (in_order or identifier):
        identifier = only_known(IDS, file.names, "ids", "identifier=", path)
    asked = [] if true else ["which column holds the true redshifts? Name it with true="]
    if not (identifier or in_order):
        asked.append(
            "which column holds the ids? Name it with identifier=, or give truth=FILE "
            "in_order=True where the rows are those of the forecasts"
        )
    if asked or not true:  # `or`, for mypy
        there = first_few(file.names, SHOWN)
        raise InputError(f"{path}: {'; '.join(asked)}; there are: {there}", **OPTIONS)
    wanted = [name for name in (true, identifier, named.magnitude) if name]
    require_columns(path, file.names, wanted)
    table = read_whole(file, list(dict.fromkeys(wanted)))
    return Truth(
        path,
        as_floats(table, true, path),
        _ids(table, identifier, path),
        _magnitudes(table, named.magnitude, path),
        _said(true=true, identifier=identifier, magnitude=named.magnitude),
    )


def read_grid(path: Path) -> Floats:
    """Read the redshifts of a grid, shape (G,): a table's one column, or a line of text each.

    Raises an InputError where there is another number of columns, or they do not increase.
    """
    file = open_table(path)
    if len(file.names) == 1 and NUMBER.fullmatch(file.names[0]):  # no name, but the first of them
        file = open_table(path, ["redshift"])
    if len(file.names) != 1:
        raise InputError(
            f"{path}: expected one column, the redshifts of a grid; found "
            f"{first_few(file.names, SHOWN)}"
        )
    grid = as_floats(read_whole(file, file.names), file.names[0], path)
    if grid.size < 2 or not (np.isfinite(grid).all() and (np.diff(grid) > 0).all()):
        raise InputError(
            f"{path}: expected two redshifts or more, each above the one before; found "
            f"{first_few(grid.tolist())}"
        )
    return grid


def _read_qp(path: Path, named: NamedColumns) -> FileForecasts:
    """Columns are those of its ancillary table; the point, else, is the median."""
    if named.distribution != POINTS_ONLY or named.names:
        raise ParameterError(
            f"{path} is a qp file, which says itself what its distributions are; give no "
            "samples=, quantiles=, pdf= or names=",
            **OPTIONS,
        )
    file, columns = read_qp(path), {}
    for name, values in file.ancil.items():
        text = values.dtype.kind == "S"
        columns[name] = np.char.decode(values, "utf-8", "replace") if text else values
    # Text may be somebody's name for a galaxy: no release's id, unless it is named.
    names = [
        name
        for name, values in columns.items()
        if not (name.casefold() in QP_IDS and values.dtype.kind == "U")
        or np.char.isdigit(values).all()
    ]
    points, identifier, true = _choose(path, names, named, QP_IDS, median=True)
    single = (true, identifier, named.magnitude, named.flag)
    wanted = [*points, *(name for name in single if name)]
    require_columns(path, list(columns), wanted)
    table = pa.table({name: columns[name] for name in dict.fromkeys(wanted)})
    point = _points(table, points, file.distribution, path)
    return FileForecasts(
        path,
        point,
        file.distribution,
        _ids(table, identifier, path),
        _floats(table, true, path),
        _magnitudes(table, named.magnitude, path),
        _said(points, *single) | {"distribution": f"qp {file.form}"},
        _flags(table, named.flag, point, path),
    )


def _looked_for(named: NamedColumns) -> list[str]:
    """Names that tell the table among several in a file: those given, or else the known ones."""
    given = [named.true, named.identifier, named.magnitude, *(named.points or ())]
    return [name for name in given if name] or [*POINTS, *TRUE_REDSHIFTS, *IDS]


def _read_table(path: Path, named: NamedColumns) -> FileForecasts:
    file = open_table(path, named.names, choose=naming(_looked_for(named)))
    if set(file.names) >= RUN_COLUMNS:
        raise InputError(
            f"{path} is what `transferz benchmark` wrote: its scores are in entry.yaml beside it, "
            "and `transferz leaderboard --entries` shows them"
        )
    packed = _packed(file, named.distribution)
    wide = [packed] if packed else named.distribution.find(file.names, path)
    points, identifier, true = _choose(path, file.names, named, IDS, median=bool(wide))
    single = (true, identifier, named.magnitude, named.flag)
    wanted = list(dict.fromkeys([*points, *(name for name in single if name), *wide]))
    require_columns(path, file.names, wanted)
    table = read_whole(file, wanted)
    columns, distribution = _said(points, *single), None
    if packed:
        distribution = _unpacked(table[packed], packed, path)
        columns["distribution"] = packed
    elif wide:
        distribution = named.distribution.read(_matrix(table, wide, path), wide, path)
        ends = wide[0] if len(wide) == 1 else f"{wide[0]} to {wide[-1]}, {len(wide)} columns"
        if levels := named.distribution.quantiles:
            ends = ", ".join(f"{name} ({level:g})" for name, level in levels.items())
        elif named.distribution.grid is None and isinstance(distribution, GridPDF):
            ends += ", at the redshifts of their names"
        columns["distribution"] = ends
    point = _points(table, points, distribution, path)
    return FileForecasts(
        path,
        point,
        distribution,
        _ids(table, identifier, path),
        _floats(table, true, path),
        _magnitudes(table, named.magnitude, path),
        columns,
        _flags(table, named.flag, point, path),
    )


def _packed(file: TableFile, named: DistributionColumns) -> str | None:
    """Return the column of encoded densities: the one that is named, or says that it holds them."""
    if not isinstance(file, ParquetTable):
        return None
    fields = {field.name: field for field in file.stored}
    if named.pdf in fields and _holds_bytes(fields[named.pdf].type):
        return named.pdf
    found = [name for name, field in fields.items() if KEY in (field.metadata or {})]
    if len(found) > 1 and named == POINTS_ONLY:
        raise InputError(
            f"{file.path}: which column holds the densities? There are {first_few(found, SHOWN)}; "
            "name one with pdf=",
            **OPTIONS,
        )
    return found[0] if found and named == POINTS_ONLY else None


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes; pandas writes those of one length as if they had several."""
    of = (pa.types.is_fixed_size_binary, pa.types.is_binary, pa.types.is_large_binary)
    return any(one(kind) for one in of)


def _unpacked(column: pa.ChunkedArray, name: str, path: Path) -> Distribution:
    try:
        return decode_pdfs(column)
    except InputError as error:
        raise InputError(f"{path}: column '{name}': {error}") from None


def _choose(
    path: Path, names: Sequence[str], named: NamedColumns, ids: Sequence[str], *, median: bool
) -> tuple[list[str], str | None, str | None]:
    """Choose the columns of forecasts, of ids and of true redshifts: one of the latter two.

    Without forecasts the `median` of distributions will do, if there are any.
    """
    points = list(named.points or fnmatch.filter(names, SEED.format("*")))
    if not points:
        point = only_known(POINTS, names, "forecasts", "points=", path)
        points = [point] if point else []
    asked = []
    if not (points or median):
        asked.append("which column holds the forecasts? Name it with points=")
    identifier, true = None, named.true
    if not true:
        identifier = named.identifier or only_known(
            ids, names, "ids", "identifier=, or true=", path
        )
    if not (true or identifier) and named.labelled:
        true = only_known(TRUE_REDSHIFTS, names, "true redshifts", "true=", path)
        if not true:
            asked.append(
                "which column holds the true redshifts? Name it with true=, or the ids of a "
                "release's galaxies with identifier=; or give truth=FILE where they are in another "
                "file with the same ids, truth=FILE in_order=True where they are in the same order"
            )
    if asked:
        there = first_few(names, SHOWN) or "none"
        raise InputError(f"{path}: {'; '.join(asked)}; there are: {there}", **OPTIONS)
    return points, identifier, true


def _said(
    points: Sequence[str] = (),
    true: str | None = None,
    identifier: str | None = None,
    magnitude: str | None = None,
    flag: str | None = None,
) -> dict[str, str]:
    """Say which columns are taken for what."""
    said = {
        "forecast": first_few(points, SHOWN),
        "id": identifier,
        "true redshift": true,
        "i magnitude": magnitude,
        "flag": flag,
    }
    return {what: name for what, name in said.items() if name}


def _points(
    table: pa.Table, names: Sequence[str], distribution: Distribution | None, path: Path
) -> Floats:
    """Point forecasts of all seeds, shape (S, N); without such columns, the median."""
    if distribution is not None and not names:
        return distribution.quantiles(MEDIAN).T
    return np.array([as_floats(table, name, path) for name in names])


def _floats(table: pa.Table, name: str | None, path: Path) -> Floats | None:
    return as_floats(table, name, path) if name else None


def _magnitudes(table: pa.Table, name: str | None, path: Path) -> Floats | None:
    values = _floats(table, name, path)
    if name and values is not None:
        require_magnitudes({name: values}, path)
    return values


def _flags(table: pa.Table, name: str | None, point: Floats, path: Path) -> Floats | None:
    """Flags of all galaxies, shape (N,); an InputError where one has a forecast and no flag."""
    if not name:
        return None
    try:
        return as_flags(as_floats(table, name, path), FORECAST.is_missing(point).all(axis=0))
    except ValueError as error:
        raise InputError(f"{path}, column '{name}': {error}") from None


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


def _ids(table: pa.Table, name: str | None, path: Path) -> Ints | None:
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
