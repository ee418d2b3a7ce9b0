"""The upstream catalogues: where each one's files lie in a folder, and their rows in our columns.

Chunks of rows are pyarrow tables of exactly the columns that the survey declares for a catalogue.
An `InputError` says that a file is missing, is one of several, or is not what it should be.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.dataset.sources.fields import find_fields, make_chunk, share_found, stored_fields
from transferz.dataset.sources.values import declared_values
from transferz.dataset.splits.hashing import hash_rows
from transferz.schemas import InputError, Table
from transferz.schemas.survey.survey import CatalogueEntry
from transferz.tables.reading import open_table

CHUNK_ROWS = 1 << 17  # bounds the memory that reading takes
ANY_NAME = "*"


def read_catalogue(raw: Path, catalogue: CatalogueEntry, table: Table) -> Iterator[pa.Table]:
    """Read a catalogue's files in chunks of the columns of its table, and note published splits.

    Where a file lies there with endings of several groups, that of the first group is read.
    """
    endings = tuple(chain(*catalogue.endings))
    parts = []
    for split, pattern in _way(raw, catalogue).items():
        preferred = next((one for one in catalogue.endings if matching(raw, pattern, one)), endings)
        path = find_file(raw, pattern, preferred, catalogue.remedy)
        parts.append(read_any(path, table, published_split=split))
    return chain.from_iterable(parts)


def is_mock(raw: Path, catalogue: CatalogueEntry, table: Table) -> bool:
    """Return whether one of a catalogue's files says of itself that its galaxies are simulated."""
    endings = tuple(chain(*catalogue.endings))
    patterns = _way(raw, catalogue).values()
    return any(says_mock(path, table) for one in patterns for path in matching(raw, one, endings))


def _way(raw: Path, catalogue: CatalogueEntry) -> Mapping[str, str]:
    """Of the ways in which a catalogue is distributed, the one whose files are there.

    Files of any name are the catalogue's only where none has a name that it is distributed under.
    """
    endings = tuple(chain(*catalogue.endings))
    first = [(way, matching(raw, next(iter(way.values())), endings)) for way in catalogue.files]
    named = [(way, files) for way, files in first if files and ANY_NAME not in way.values()]
    if len(named) > 1:
        names = ", ".join(files[0].name for _, files in named)
        raise InputError(f"{raw}: expected one edition of the catalogue, found {names}; keep one")
    present = named or [(way, files) for way, files in first if files]
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
    file = open_table(path, choose=partial(share_found, table=table))
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
        return _keyed(make_chunk(table, fields, arrays, fixed), table)

    made = None
    for made in map(declared, filter(len, file.chunks(names, chunk_rows))):
        yield made
    if made is None:
        kinds = [pa.type_for_alias(field.column.dtype) for field in fields]
        yield make_chunk(table, fields, [pa.nulls(0, kind) for kind in kinds])


def _keyed(chunk: pa.Table, table: Table) -> pa.Table:
    """Name each row by its values where its catalogue has no ids: equal rows have one id."""
    key = table[table.key]
    if key.upstream:
        return chunk
    hashes = hash_rows(chunk, [name for name in table.names if name != key.name])
    ids = pa.array((hashes >> np.uint64(1)).astype(np.int64))
    number = chunk.column_names.index(key.name)
    return chunk.set_column(number, chunk.schema.field(number), ids)
