"""The rows of a dataset or a release as Arrow tables, in their order: what conversions start from.

Formats and transforms that were set on a dataset are passed over; its selection, order and
columns count.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from transferz.manifest import read_manifest, require_units
from transferz.releases import Release, read_release
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.release import CONFIGS

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    Data: TypeAlias = (
        Dataset
        | DatasetDict
        | IterableDataset
        | IterableDatasetDict
        | Release
        | str
        | os.PathLike[str]
    )

SPLIT = "split"
"""The column that tells the splits apart where they are put in one table."""

BATCH_ROWS = 10_000  # of a stream that are held twice


def tables(
    data: Data,
    columns: Sequence[str] | None = None,
    *,
    config: str | None = None,
    split: str | None = None,
) -> dict[str, pa.Table]:
    """Return the rows of each split.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, or a release directory. The latter is read by
        pyarrow alone.
    columns : sequence of str, optional
        The columns to return, in this order; by default all.
    config : str, optional
        Of a release directory; the default one by default.
    split : str, optional
        The only one to return.

    Returns
    -------
    dict
        split -> table. A single dataset, which knows no split's name, is under ``""``.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split, or can't be read.
    ParameterError
        Where a column, or the split of a DatasetDict, is not there, or `config` or `split` is
        given for data that has none.
    """
    if isinstance(data, Release | str | os.PathLike):
        return _read(data, columns, config, split)
    if config is not None:
        raise ParameterError("config= is for a release directory; a loaded dataset is one config")
    parts = _parts(data, split)
    return {name: _of_dataset(part, columns) for name, part in parts.items()}


def one_table(data: Data, *, config: str | None = None, split: str | None = None) -> pa.Table:
    """Return all rows as one table: `stacked`, but for a split that was asked for alone.

    Takes and raises what `tables` and `stacked` do.
    """
    parts = tables(data, config=config, split=split)
    return stacked(parts) if split is None else parts[split]


def stacked(parts: Mapping[str, pa.Table]) -> pa.Table:
    """Put the splits in one table, with a column `split` that tells them apart.

    Parameters
    ----------
    parts : mapping
        As `tables` returns it; a single dataset's table comes back as it is.

    Raises
    ------
    ParameterError
        Where the rows have a column of that name already.
    """
    import pyarrow as pa

    if list(parts) == [""]:
        return parts[""]
    for name, table in parts.items():
        if SPLIT in table.column_names:
            raise ParameterError(
                f"split '{name}' has a column '{SPLIT}', the name of the column that tells splits "
                "apart; rename it, or convert one split at a time"
            )
    named = [
        table.append_column(SPLIT, pa.repeat(pa.scalar(name), len(table)))
        for name, table in parts.items()
    ]
    return pa.concat_tables(named)


def require_columns(there: Iterable[str], wanted: Iterable[str]) -> None:
    """Check that columns are there.

    Raises
    ------
    ParameterError
        Naming one that is not, and those that are.
    """
    there = list(there)
    for name in wanted:
        if name not in there:
            raise ParameterError(f"there is no column '{name}'; there are: {', '.join(there)}")


def _read(
    place: Release | str | os.PathLike[str],
    columns: Sequence[str] | None,
    config: str | None,
    split: str | None,
) -> dict[str, pa.Table]:
    release = place if isinstance(place, Release) else read_release(Path(place))
    require_units(read_manifest(release.path), str(release.path))
    files = release.require(config or CONFIGS[0], [split] if split else [])
    release.announce()
    return {name: _read_files(files[name], columns) for name in ([split] if split else files)}


def _read_files(paths: Sequence[Path], columns: Sequence[str] | None) -> pa.Table:
    """Read and check pages against their checksums: one changed byte would pass unseen."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for path in paths:
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                names = file.schema_arrow.names
                require_columns(names, columns or ())
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
    if not hasattr(data, "column_names"):
        raise ParameterError(
            f"expected a dataset as transferz.load_dataset returns it, or a release directory, "
            f"found {type(data).__name__}"
        )
    if not hasattr(data, "data"):
        return _of_stream(data, columns)
    require_columns(data.column_names, columns or ())
    table = data.data.table.select(list(columns or data.column_names))
    indices = getattr(data, "_indices", None)  # has no public name
    return table if indices is None else table.take(indices.table.column(0).combine_chunks())


def _of_stream(data: Any, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa

    batches = list(data.with_format("arrow").iter(batch_size=BATCH_ROWS))
    if not batches:
        raise ParameterError("the stream has no rows, and without rows no columns")
    table = pa.concat_tables(batches)
    require_columns(table.column_names, columns or ())
    return table.select(list(columns or table.column_names))
