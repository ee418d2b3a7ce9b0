"""Tables between stages: parquet files that are checked when written and when read."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas import REMOVED, InputError, SchemaError, Table
from transferz.schemas.survey.derived import longest_strings, votable_footer
from transferz.schemas.survey.frames import arrow_schema, check, pandas_dtype, to_arrow, to_frame
from transferz.tables.files import require_file

GROUP_ROWS = 1 << 18  # of a parquet row group: bounds the memory that writing takes


def read_table(path: Path, table: Table) -> pd.DataFrame:
    """Read a stage's table, typed as declared.

    Raises `InputError` if the file is missing, damaged or lacks a declared column; `SchemaError` if
    its values break the declaration.
    """
    with _sound(path):
        arrow = pq.read_table(path, page_checksum_verification=True)
    return _checked(arrow, table, path)


def read_parts(
    path: Path, table: Table, names: Collection[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Read a stage's table row group by row group: all its columns, or those named.

    Each part is checked as `read_table` checks the whole, but for values that may not repeat. There
    is one part where there are no rows.
    """
    columns = [one for one in table if names is None or one.name in names]
    part = replace(table, columns=tuple(replace(one, unique=False) for one in columns))
    with _sound(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        if not file.num_row_groups:
            yield _checked(file.schema_arrow.empty_table(), part, path)
        for number in range(file.num_row_groups):
            with _sound(path):
                group = file.read_row_group(number, columns=list(part.names))
            yield _checked(group, part, path)


@contextlib.contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Say of a file that can't be read what to do."""
    require_file(path)
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is no sound parquet file ({error}); rebuild it") from error


def _checked(arrow: pa.Table, table: Table, path: Path) -> pd.DataFrame:
    missing = [name for name in table.names if name not in arrow.column_names]
    if missing:
        raise InputError(
            f"{path}: expected the columns of table '{table.name}', "
            f"missing {', '.join(missing)}; rebuild it with `dvc repro`"
        )
    try:
        frame = to_frame(arrow, table)
    except (ValueError, TypeError, pa.ArrowException, SchemaError) as error:
        raise SchemaError(f"{path}: not of table '{table.name}': {error}; rebuild it") from error
    return check(frame, table, source=str(path))


def write_table(frame: pd.DataFrame, path: Path, table: Table, *, described: bool = False) -> None:
    """Check a frame, sort it by the table's key and write the table's columns as parquet.

    Sorting makes the file independent of the order of the rows that came in. A `described` file
    says what its columns are: unit, UCD and description, in a footer that astronomers' tools read
    (`votable_footer`). Nothing is written if the frame breaks the declaration (`SchemaError`).
    """
    rows = sort_rows(frame.loc[:, list(table.names)], table.key).reset_index(drop=True)
    arrow = to_arrow(check(rows, table, source=path.name), table)
    footer = votable_footer(table, longest_strings(arrow)) if described else {}
    write_parquet([arrow], path, arrow.schema, footer)


def write_parts(parts: Iterable[pd.DataFrame], path: Path, table: Table) -> None:
    """Write a table that comes in parts as `write_table` does, without having it whole in memory.

    The parts' keys must ascend from one to the next (`InputError`): sorting is within each alone.
    """

    def sorted_parts() -> Iterator[pa.Table]:
        last = None
        for part in parts:
            rows = sort_rows(part.loc[:, list(table.names)], table.key).reset_index(drop=True)
            keys = rows[table.key]
            if len(keys) and last is not None and keys.iloc[0] <= last:
                raise InputError(
                    f"{path.name}: rows are not in the order of '{table.key}': {keys.iloc[0]} "
                    f"comes after {last}; rebuild the table they come from: `dvc repro --force`"
                )
            last = keys.iloc[-1] if len(keys) else last
            yield to_arrow(check(rows, table, source=path.name), table)

    write_parquet(sorted_parts(), path, arrow_schema(table))


def sort_rows(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Sort rows by their id, the column `key`; those that share one, by all their values."""
    others = [] if frame[key].is_unique else [name for name in frame.columns if name != key]
    return frame.sort_values([key, *others], kind="stable")


def removed_rows(ids: pd.Series, cut: str) -> pd.DataFrame:
    """Note the rows of some ids as removed by a cut: table `REMOVED`."""
    names = pd.Series(cut, ids.index, dtype=pandas_dtype(REMOVED["cut"]))
    return pd.DataFrame({"id": ids.astype(pandas_dtype(REMOVED["id"])), "cut": names})


def write_parquet(
    tables: Iterable[pa.Table],
    path: Path,
    schema: pa.Schema,
    footer: Mapping[str, str] | None = None,
) -> None:
    """Write parquet as this project does: zstd, dictionaries for text alone, page checksums.

    Floats are stored plain: split into streams of bytes they would be 5 % smaller, and not all
    readers know how to join these. How the rows are divided among tables, all of one schema, does
    not change the file. `footer` holds key-value pairs of the file's metadata.
    """
    strings = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=strings or False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        for group in _row_groups(tables):
            writer.write_table(group.cast(schema), GROUP_ROWS)
        if footer:
            writer.add_key_value_metadata(dict(footer))


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Divide rows anew, `GROUP_ROWS` to a table but the last."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        while sum(map(len, waiting)) >= GROUP_ROWS:
            rows = pa.concat_tables(waiting)
            yield rows.slice(0, GROUP_ROWS).combine_chunks()
            waiting = [rows.slice(GROUP_ROWS)]
    if sum(map(len, waiting)):
        yield pa.concat_tables(waiting).combine_chunks()
