"""The upstream catalogues: where each one's files lie in a folder, and their rows in our columns.

Chunks of rows are pyarrow tables of exactly the columns that the survey declares for a catalogue.
An `InputError` says that a file is missing, is one of several, or is not what it should be.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.dataset.sources.fields import (
    Field,
    how_likely,
    make_chunk,
    open_side_by_side,
    stored_fields,
)
from transferz.dataset.sources.values import declared_values
from transferz.dataset.splits.hashing import hash_rows
from transferz.schemas import InputError, Table
from transferz.schemas.survey.survey import CatalogueEntry
from transferz.tables.reading import open_table
from transferz.tables.table import TableFile

CHUNK_ROWS = 1 << 17  # bounds the memory that reading takes
ANY_NAME = "*"


def read_catalogue(raw: Path, catalogue: CatalogueEntry, table: Table) -> Iterator[pa.Table]:
    """Read a catalogue's files in chunks of the columns of its table, and note published splits.

    Where a file lies there with endings of several groups, that of the first group is read.
    """
    endings = tuple(chain(*catalogue.endings))
    parts = []
    for split, patterns in _way(raw, catalogue).items():
        paths = []
        for pattern in patterns:
            groups = (one for one in catalogue.endings if matching(raw, pattern, one))
            preferred = next(groups, endings)
            paths.append(find_file(raw, pattern, preferred, catalogue.remedy))
        parts.append(read_side_by_side(paths, table, published_split=split))
    return chain.from_iterable(parts)


def is_mock(raw: Path, catalogue: CatalogueEntry, table: Table) -> bool:
    """Return whether one of a catalogue's files says of itself that its galaxies are simulated."""
    endings = tuple(chain(*catalogue.endings))
    patterns = chain(*_way(raw, catalogue).values())
    return any(says_mock(path, table) for one in patterns for path in matching(raw, one, endings))


def _way(raw: Path, catalogue: CatalogueEntry) -> Mapping[str, Sequence[str]]:
    """Of the ways in which a catalogue is distributed, the one whose files are there.

    Files of any name are the catalogue's only where none has a name that it is distributed under.
    """
    endings = tuple(chain(*catalogue.endings))
    patterns = [[*chain(*way.values())] for way in catalogue.files]
    first = [
        (way, names, matching(raw, names[0], endings))
        for way, names in zip(catalogue.files, patterns, strict=True)
    ]
    named = [(way, files) for way, names, files in first if files and ANY_NAME not in names]
    if len(named) > 1:
        names = ", ".join(files[0].name for _, files in named)
        raise InputError(f"{raw}: expected one edition of the catalogue, found {names}; keep one")
    present = named or [(way, files) for way, _, files in first if files]
    return present[0][0] if present else catalogue.files[0]


def matching(directory: Path, pattern: str, endings: Sequence[str]) -> list[Path]:
    """Return the files whose name before its ending matches a pattern, sorted by name."""
    files = {path for ending in endings for path in directory.glob(pattern + ending)}
    return sorted(path for path in files if not path.name.startswith("."))


def find_file(directory: Path, pattern: str, endings: Sequence[str], remedy: str) -> Path:
    """Return the one file whose name matches a pattern and has one of the endings.

    `remedy` says what to put there where none does, or several: that is an `InputError`.
    """
    files = matching(directory, pattern, endings)
    if not files:
        raise InputError(
            f"{directory / pattern}{endings[0]} (or {', '.join(endings[1:])}) is missing; "
            f"run the stage before this one (`dvc repro`) or {remedy} there"
        )
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise InputError(f"{directory}: expected one file, found {names}; keep one")
    return files[0]


def says_mock(path: Path, table: Table) -> bool:
    """Return whether a file says of itself that its galaxies are simulated.

    In FITS by a card named MOCK or MOCKSEED, say; in text by a comment above the names, in parquet
    by its metadata. `table` tells which of several tables in it is the catalogue's.
    """
    file = open_table(path, choose=partial(how_likely, table=table))
    return any(_MOCK.search(note) for note in file.notes)


_MOCK = re.compile(r"(?<![A-Za-z])MOCK")  # no HAMMOCK


def read_any(
    path: Path, table: Table, chunk_rows: int = CHUNK_ROWS, *, published_split: str = ""
) -> Iterator[pa.Table]:
    """Read the declared columns of a file in any format that `transferz.tables` reads.

    Yields at least one chunk of at most `chunk_rows` rows: exactly the table's columns, of the
    declared Arrow types. Null are missing values, upstream's sentinels, what a column's null flag
    tells among them, and columns that no file has. `published_split`, unless empty, stands in each
    row of the column of that name. `fields` and `values` say what each is.

    Raises
    ------
    InputError
        If the file is missing, damaged, a web page, lacks a column, or holds a value that is
        not of the declared type.
    SchemaError
        If an integer, boolean or string is missing where none may be.
    """
    return read_side_by_side([path], table, chunk_rows, published_split=published_split)


def read_side_by_side(
    paths: Sequence[Path],
    table: Table,
    chunk_rows: int = CHUNK_ROWS,
    *,
    published_split: str = "",
) -> Iterator[pa.Table]:
    """Read rows that are spread over several tables: the same rows in the same order in each.

    A column is read from the first table that has it. A path that is there several times stands
    for as many tables of one file. What `read_any` raises is raised; an `InputError` too where the
    tables are not equally long: nothing else tells whether their rows belong together.
    """
    parts = open_side_by_side(paths, table)
    fields = [field for _, own in parts for field in own]
    fixed = {"published_split": published_split} if published_split else {}
    made = None
    for pieces in _in_step(parts, chunk_rows):
        arrays = [
            file_values(field, piece, file.text)
            for (file, own), piece in zip(parts, pieces, strict=True)
            for field in own
        ]
        made = _keyed(make_chunk(table, fields, arrays, fixed), table)
        yield made
    if made is None:
        kinds = [pa.type_for_alias(field.column.dtype) for field in fields]
        yield make_chunk(table, fields, [pa.nulls(0, kind) for kind in kinds])


def _in_step(
    parts: Sequence[tuple[TableFile, Sequence[Field]]], rows: int
) -> Iterator[list[pa.Table]]:
    """Read several tables, each time the same number of rows of all."""
    files = [file for file, _ in parts]
    if len({file.rows for file in files} - {None}) > 1:  # known before they are read
        raise _unequal(files, [file.rows for file in files])
    names = [[field.name for field in stored_fields(own)] for _, own in parts]
    if len(files) == 1:
        yield from ([chunk] for chunk in filter(len, files[0].chunks(names[0], rows)))
        return
    streams = [_pieces(file, own, rows) for file, own in zip(files, names, strict=True)]
    read = [0] * len(files)
    for pieces in zip_longest(*streams):
        read = [
            count + (0 if piece is None else len(piece))
            for count, piece in zip(read, pieces, strict=True)
        ]
        if len(set(read)) > 1:
            raise _unequal(files, read, "at least ")
        yield list(pieces)


def _pieces(file: TableFile, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Divide a table anew, `rows` to a piece but the last: formats divide each their own way."""
    waiting: list[pa.Table] = []
    for chunk in filter(len, file.chunks(names, rows)):
        waiting.append(chunk)
        while sum(map(len, waiting)) >= rows:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, rows)
            waiting = [rest] if len(rest := whole.slice(rows)) else []
    if waiting:
        yield pa.concat_tables(waiting)


def _unequal(files: Sequence[TableFile], rows: Sequence[int | None], bound: str = "") -> InputError:
    counts = ", ".join(
        f"{bound}{count:,} in {file.path.name}"
        for file, count in zip(files, rows, strict=True)
        if count is not None
    )
    return InputError(
        f"{files[0].path.parent}: expected tables that hold the same rows in the same order, found "
        f"rows: {counts}; put parts of one version of the catalogue there"
    )


def file_values(field: Field, chunk: pa.Table, text: bool) -> pa.Array:
    """Return a field's values in a chunk of its file, as its column declares them.

    `text` says that all cells of the file are text. What `declared_values` raises is raised.
    """
    missing = None
    if flag := field.null_flag:
        flags = declared_values(flag, chunk[flag.name], spelt=text)
        missing = np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False))
    return declared_values(field, chunk[field.name], missing, spelt=text)


def _keyed(chunk: pa.Table, table: Table) -> pa.Table:
    """Name each row by its values where its catalogue has no ids: equal rows have one id."""
    key = table[table.key]
    if key.upstream:
        return chunk
    hashes = hash_rows(chunk, [name for name in table.names if name != key.name])
    ids = pa.array((hashes >> np.uint64(1)).astype(np.int64))
    number = chunk.column_names.index(key.name)
    return chunk.set_column(number, chunk.schema.field(number), ids)
