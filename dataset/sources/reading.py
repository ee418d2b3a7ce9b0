"""Read the declared columns of any upstream file, in chunks of rows, as typed Arrow tables."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.dataset.sources.fields import find_fields, make_chunk, share_found, stored_fields
from transferz.dataset.sources.values import declared_values
from transferz.schemas import InputError, Table
from transferz.tables.reading import open_table

CHUNK_ROWS = 1 << 16  # bounds the memory that reading takes


def read_any(
    path: Path, table: Table, chunk_rows: int = CHUNK_ROWS, *, published_split: str = ""
) -> Iterator[pa.Table]:
    """Read the declared columns of a file in any format that `transferz.tables` reads.

    Parameters
    ----------
    path : Path
        The file; its content says what it is.
    table : Table
        The columns to read and what they should be.
    chunk_rows : int
        Rows of a chunk, at most.
    published_split : str
        What the column of that name is to hold in each row; nothing for what the file says.

    Yields
    ------
    pyarrow.Table
        Exactly the table's columns, of the declared Arrow types; missing values, upstream's
        sentinels and what a column's null flag tells among them, are nulls, and so are columns
        that no file has. At least one chunk. `fields` and `values` say what each is.

    Raises
    ------
    InputError
        If the file is missing, damaged, a web page, lacks a column, or holds a value that is
        not of the declared type.
    SchemaError
        If an integer, boolean or string is missing where none may be.
    """
    file = open_table(path, choose=partial(share_found, table=table), one_line=True)
    fields = find_fields(file.names, table, path)
    names = [field.name for field in stored_fields(fields)]
    fixed = {"published_split": published_split} if published_split else {}

    def declared(chunk: pa.Table) -> pa.Table:
        arrays = []
        for field in fields:
            missing = None
            if flag := field.null_flag:
                flags = declared_values(flag, chunk[flag.name], spelt=file.text)
                missing = np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False))
            arrays.append(declared_values(field, chunk[field.name], missing, spelt=file.text))
        return make_chunk(table, fields, arrays, fixed)

    made = None
    for made in map(declared, filter(len, file.chunks(names, chunk_rows))):
        yield made
    if made is None:
        kinds = [pa.type_for_alias(field.column.dtype) for field in fields]
        yield make_chunk(table, fields, [pa.nulls(0, kind) for kind in kinds])


def says_mock(path: Path) -> bool:
    """Whether a file says of itself that its galaxies are simulated.

    In FITS by a MOCK card, in text by a comment above the names, in parquet by its metadata.
    """
    return any("MOCK" in note for note in open_table(path).notes)


def matching(directory: Path, pattern: str, endings: Sequence[str]) -> list[Path]:
    """Return the files whose name before its ending matches a pattern, sorted by name."""
    files = {path for ending in endings for path in directory.glob(pattern + ending)}
    return sorted(path for path in files if not path.name.startswith("."))


def find_file(directory: Path, pattern: str, endings: Sequence[str], remedy: str) -> Path:
    """Return the one file of a catalogue.

    Parameters
    ----------
    directory : Path
        Where it lies.
    pattern : str
        What its name matches, without the ending.
    endings : sequence of str
        Those it may have.
    remedy : str
        What to do where there is none.

    Raises
    ------
    InputError
        If no file matches, or several do.
    """
    files = matching(directory, pattern, endings)
    if not files:
        others = f" (or {', '.join(endings[1:])})" if len(endings) > 1 else ""
        raise InputError(f"{directory / pattern}{endings[0]}{others} is missing; {remedy}")
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise InputError(f"{directory}: expected one file, found {names}; keep one")
    return files[0]
