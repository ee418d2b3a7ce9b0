"""Write an upstream table of any size, chunk by chunk: read, check and write at the same time."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.audit import Audit
from transferz.dataset.pipeline.tables import write_parquet
from transferz.schemas import Table
from transferz.schemas.survey.frames import arrow_schema


def write_chunks(chunks: Iterable[pa.Table], path: Path, table: Table) -> int:
    """Check chunks of a table and write them as parquet, sorted by the table's key.

    Rows that come in sorted are never held all at once; others are sorted after they are
    written. Neither their order nor their division into chunks changes the file.

    Parameters
    ----------
    chunks : iterable of pyarrow.Table
        The table's columns, as `transferz.dataset.sources.reading.read_any` gives them. They are
        read in a thread of their own.
    path : Path
        The file. After an error its content means nothing.
    table : Table
        The declaration.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    SchemaError
        If a row breaks the declaration, an id that must be unique repeats, the table holds no
        rows, or it looks like another quantity or unit than declared.
    """
    audit = Audit(table)
    write_parquet(_audited(prefetch(chunks), audit), path, arrow_schema(table))
    audit.finish()
    if not audit.ascending:
        _sort(path, table, audit)
    return audit.rows


def prefetch(chunks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Make the next chunk in a thread while this one is used."""
    iterator = iter(chunks)
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, iterator, None)
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, iterator, None)
            yield chunk


def _audited(chunks: Iterable[pa.Table], audit: Audit) -> Iterator[pa.Table]:
    for chunk in chunks:
        audit.see(chunk)
        yield chunk.replace_schema_metadata(None)


def _sort(path: Path, table: Table, audit: Audit) -> None:
    """Sort a file by the key, rows that share one by all their values."""
    rows = pq.read_table(path)
    keys = np.sort(rows[table.key].to_numpy())
    audit.refuse_repeats(keys)
    repeats = (keys[1:] == keys[:-1]).any()
    others = [name for name in table.names if name != table.key] if repeats else []
    rows = rows.sort_by([(name, "ascending") for name in (table.key, *others)])
    write_parquet([rows], path, rows.schema)
