"""The rows of a dataset or a release as Arrow tables, and their units: what conversions start from.

Formats and transforms that were set on a dataset are passed over; its selection, order and
columns count.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from transferz.loading import described
from transferz.releases import Release, release_at
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.columns import Column
from transferz.schemas.survey.described import default_config
from transferz.schemas.survey.stated import DECLARED, columns_of

if TYPE_CHECKING:
    from transferz.loading import Loaded

    Data: TypeAlias = Loaded | Release | str | os.PathLike[str]


def about(data: Data) -> Mapping[str, Any]:
    """Return what the release of some data says of itself: its manifest, or what travels with it.

    Nothing is known of a dataset that was loaded otherwise, or of a release up to 2.0.0.
    """
    if isinstance(data, Release | str | os.PathLike):
        return release_at(data).manifest()
    return described(next(iter(data.values()), None) if isinstance(data, Mapping) else data)


def declared(data: Data) -> dict[str, Column]:
    """Return what is known of columns by name, for some data."""
    return DECLARED | {column.name: column for column in columns_of(about(data))}


SPLIT = "split"
"""The column that tells the splits apart where they are put in one table."""

BATCH_ROWS = 10_000  # of a stream that are held as Python objects at a time


def units(data: Data) -> dict[str, str]:
    """Return the unit of every column.

    It is the one that travels with the column (``id`` of its `datasets` feature, through
    selecting, mapping and renaming), else the one that the column's name is declared with.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, or a release directory.

    Returns
    -------
    dict
        Column -> unit as astropy spells it, such as ``"mag(AB)"`` or ``"deg"``; ``""`` where it
        has none or none is known. Of several splits, all columns of all of them.

    Raises
    ------
    ReleaseError
        Where the directory holds no release.
    ParameterError
        Where `data` is something else, or a column has different units in two splits.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> units(load_dataset("transferz"))["i_cmodel_mag"]
    'mag(AB)'
    """
    if isinstance(data, Release | str | os.PathLike):
        columns = about(data).get("columns", {})
        return {name: column["unit"] for name, column in columns.items()}
    if not isinstance(data, Mapping):
        features, known = _features(data), declared(data)
        return {name: _unit(name, known, feature) for name, feature in features.items()}
    shared: dict[str, str] = {}
    for split, part in data.items():
        for name, unit in units(part).items():
            if shared.setdefault(name, unit) != unit:
                raise ParameterError(
                    f"column '{name}' of split '{split}' has the unit '{unit}', and "
                    f"'{shared[name]}' in the splits before it; convert one split at a time"
                )
    return shared


def table_units(data: Data, split: str | None, names: Iterable[str]) -> dict[str, str]:
    """Return the units of the columns of a table that `one_table` made."""
    stated, known = units(chosen(data, split)), declared(data)
    return {name: stated.get(name, _unit(name, known)) for name in names}


def _unit(name: str, known: Mapping[str, Column], feature: object = None) -> str:
    """Return the unit of a column by its feature, else by its name."""
    if (stated := getattr(feature, "id", None)) is not None:
        return str(stated)
    return known[name].unit if name in known else ""


def _features(data: Any) -> Mapping[str, object]:
    _require_dataset(data)
    if data.features is not None:
        return dict(data.features)
    return dict.fromkeys(next(iter(data.take(1)), {}))  # a stream after map(): its first row shows


def _require_dataset(data: object) -> None:
    """Check that something is a dataset of `datasets`, a stream or not."""
    if not (hasattr(data, "features") and hasattr(data, "with_format")):
        raise ParameterError(
            "expected a dataset as transferz.load_dataset returns it, or a release directory, "
            f"found {type(data).__module__.split('.')[0]}'s {type(data).__name__}; a table becomes "
            "a dataset by datasets.Dataset.from_pandas or datasets.Dataset(pyarrow_table)"
        )


def tables(
    data: Data,
    columns: Sequence[str] | None = None,
    *,
    config: str | None = None,
    split: str | None = None,
) -> dict[str, pa.Table]:
    """Return the rows of each split: split -> table.

    `data` is what `transferz.load_dataset` returns, or a release directory, which is read by
    pyarrow alone; `config` is one of the latter's. The tables have the given columns in their
    order, by default all. A single dataset, which knows no split's name, is under ``""``.

    A ReleaseError says that the release has no such config or split, or can't be read; a
    ParameterError that a column, or the split of a DatasetDict, is not there, or that `config` or
    `split` is given for data that has none.
    """
    if isinstance(data, Release | str | os.PathLike):
        release = release_at(data)
        files = release.checked(
            config or default_config(release.manifest()), [split] if split else []
        )
        release.announce()
        wanted = [split] if split else files
        return {name: _read_files(files[name], columns) for name in wanted}
    if config is not None:
        raise ParameterError("config= is for a release directory; a loaded dataset is one config")
    parts = _parts(data, split)
    return {name: _of_dataset(part, columns) for name, part in parts.items()}


def one_table(data: Data, *, config: str | None = None, split: str | None = None) -> pa.Table:
    """Return all rows as one table: those of `tables`, `stacked` unless of one split alone."""
    parts = tables(data, config=config, split=split)
    return stacked(parts) if split is None else parts[split]


def chosen(data: Data, split: str | None) -> Data:
    """Return the split of several that was asked for, else all of `data`."""
    return data[split] if split is not None and isinstance(data, Mapping) else data


def stacked(parts: Mapping[str, pa.Table]) -> pa.Table:
    """Put the splits in one table, with a column `split` that tells them apart.

    The table of a single dataset comes back as it is. A ParameterError says that the rows have a
    column of that name already, or that the splits differ in their columns or types.
    """
    if list(parts) == [""]:
        return parts[""]
    types: dict[str, str] = {}
    first = next(iter(parts), "")
    for split, table in parts.items():
        if SPLIT in table.column_names:
            raise ParameterError(
                f"split '{split}' has a column '{SPLIT}', the name of the column that tells splits "
                "apart; rename it, or convert one split at a time"
            )
        if odd := set(table.column_names) ^ set(parts[first].column_names):
            raise ParameterError(
                f"column '{min(odd)}' is in only one of the splits '{first}' and '{split}'; "
                "convert one split at a time, or remove or rename the column"
            )
        for field in table.schema:
            kind = str(field.type)
            if kind != "null" and types.setdefault(field.name, kind) != kind:
                raise ParameterError(
                    f"column '{field.name}' of split '{split}' is {kind}, and {types[field.name]} "
                    "in the splits before it; convert one split at a time, or cast the column"
                )
    named = [
        table.append_column(SPLIT, pa.repeat(pa.scalar(name), len(table)))
        for name, table in parts.items()
    ]
    return pa.concat_tables(named, promote_options="default")  # all-null to the others' type


def _require_columns(names: Sequence[str], wanted: Iterable[str]) -> None:
    for name in wanted:
        if name not in names:
            raise ParameterError(f"there is no column '{name}'; there are: {', '.join(names)}")


def read_rows(
    release: Release, config: str, split: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read the rows of one split of a release from its files, by default with all columns.

    A ReleaseError says that there is no such config or split, or that its files are not those of
    the manifest; a ParameterError names a column that is not there.

    Examples
    --------
    >>> from transferz import find_release
    >>> read_rows(find_release(), "combo", "test", ["object_id", "redshift"]).column_names
    ['object_id', 'redshift']
    """
    return _read_files(release.checked(config, [split])[split], columns)


def _read_files(paths: Sequence[Path], columns: Sequence[str] | None) -> pa.Table:
    """Read files that have been checked."""
    parts = []
    for path in paths:
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                names = file.schema_arrow.names
                _require_columns(names, columns or ())
                parts.append(file.read(list(columns or names)).select(list(columns or names)))
        except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
            raise ReleaseError(
                f"can't read {path}: {error}; it is damaged: build or fetch the release again"
            ) from None
    return pa.concat_tables(parts)


def _parts(data: object, split: str | None) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        if split is not None:
            raise ParameterError("split= is for several splits; this is one dataset")
        return {"": data}
    if split is None:
        return dict(data)
    if split not in data:
        raise ParameterError(f"there is no split '{split}'; there are: {', '.join(data)}")
    return {split: data[split]}


def _of_dataset(data: Any, columns: Sequence[str] | None) -> pa.Table:
    """Take the rows out of the table behind a dataset at once; `datasets` goes row by row."""
    _require_dataset(data)
    if not hasattr(data, "data"):
        return _of_stream(data, columns)
    _require_columns(data.column_names, columns or ())
    table = data.data.table.select(list(columns or data.column_names))
    indices = getattr(data, "_indices", None)  # has no public name
    return table if indices is None else table.take(indices.table.column(0).combine_chunks())


def _of_stream(data: Any, columns: Sequence[str] | None) -> pa.Table:
    """Read a stream to its end.

    Rows come as Python objects: after a transform `datasets` makes Arrow tables of one row each,
    of types inferred from it alone, which then do not fit together.
    """
    schema = None if data.features is None else data.features.arrow_schema
    batches = data.with_format(None).iter(batch_size=BATCH_ROWS)
    try:
        known = declared(data)
        parts = [_batch(batch, schema, known) for batch in batches]
        if schema is not None:  # for a stream without rows
            parts.append(schema.empty_table())
        if not parts:
            raise ParameterError("the stream has no rows, and without rows no columns")
        table = pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowException, OSError) as error:
        raise ParameterError(
            f"the stream can't be made a table: {error}; a column must hold one type of values, "
            "and a damaged file must be fetched again"
        ) from None
    _require_columns(table.column_names, columns or ())
    return table.select(list(columns or table.column_names))


def _batch(
    batch: Mapping[str, list[Any]], schema: pa.Schema | None, known: Mapping[str, Column]
) -> pa.Table:
    """Rows of a stream as a table: typed as the stream says, else as the names are declared."""
    if schema is not None:
        return pa.Table.from_pydict(batch, schema=schema)
    columns = {name: _declared(pa.array(values), known.get(name)) for name, values in batch.items()}
    return pa.table(columns)


def _declared(values: pa.Array, column: Column | None) -> pa.Array:
    """Values as the type that their column is declared with, where they are of that kind."""
    if column is None:
        return values
    stated = pa.type_for_alias(column.dtype)
    kinds = (pa.types.is_floating, pa.types.is_integer, pa.types.is_string, pa.types.is_boolean)
    alike = any(kind(values.type) and kind(stated) for kind in kinds)
    return values.cast(stated) if alike or pa.types.is_null(values.type) else values
