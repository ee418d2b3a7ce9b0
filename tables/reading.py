"""Tables of every format that is read here: whole, or in chunks of rows of any number.

Comma- or tab-separated text, parquet, FITS, and text with columns parted by blanks.
"""

import contextlib
import gzip
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, ClassVar

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables.cells import guess_types, typed

FITS = (".fits", ".fit")
CHUNK_ROWS = 100_000
BLOCK_BYTES = 1 << 18  # of text that is parsed at once (Arrow holds 32), of a parquet column


@dataclass(frozen=True)
class TableFile(ABC):
    """A table in a file.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        All its columns.
    rows : int or None
        How many rows there are, where the file says so before it is read.
    text : bool
        Whether every cell is given as text, as it stands in the file.
    """

    path: Path
    names: tuple[str, ...]
    rows: int | None
    text: ClassVar[bool] = False

    @abstractmethod
    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """What chunks of some columns are made of."""

    @abstractmethod
    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time.

        Raises
        ------
        InputError
            Where they can't be read.
        """


@contextlib.contextmanager
def one_clear_error(path: Path) -> Iterator[None]:
    """Turn a reader's complaints into one clear error."""
    try:
        yield
    except (OSError, EOFError, ValueError, TypeError, pa.ArrowException) as error:
        raise InputError(f"can't read {path}: {error}") from None


def open_table(path: Path, names: Sequence[str] | None = None) -> TableFile:
    """Open a table; its name says what it is.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv``, ``.fits`` (``.gz`` too), ``.parquet``; any other name is read as text
        with columns parted by blanks and the column names in its first line.
    names : sequence of str, optional
        All the columns' names, for a text table whose first line lacks some.

    Raises
    ------
    InputError
        Where there is no such file, or it is none of that format.
    """
    if not path.is_file():
        raise InputError(f"no table at {path}")
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(FITS):
        require_astropy(path)
    with one_clear_error(path):
        if name.endswith((".parquet", ".pq")):
            return ParquetFile.open(path)
        if name.endswith(FITS):
            from transferz.tables.reading_fits import FitsFile  # needs more than pyarrow

            return FitsFile.open(path)
        if name.endswith((".csv", ".tsv")):
            return DelimitedFile.open(path, "\t" if name.endswith(".tsv") else ",", names)
        return BlankFile.open(path, names)


def read_whole(table: TableFile, columns: Sequence[str]) -> pa.Table:
    """Read some columns of all rows, text that is numbers as numbers."""
    chunks = list(table.chunks(columns, CHUNK_ROWS))
    whole = pa.concat_tables([table.schema(columns).empty_table(), *chunks])
    return typed(whole, guess_types([whole], columns)) if table.text else whole


def require_astropy(path: Path) -> None:
    """Check that FITS can be read and written here.

    Raises
    ------
    InputError
        Where astropy is not installed.
    """
    if find_spec("astropy") is None:
        raise InputError(f"{path}: FITS needs the package 'astropy': pip install astropy")


def require_columns(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    """Check that a table has each column, once.

    Raises
    ------
    InputError
        Where it has not.
    """
    for name in wanted:
        if name not in there:
            raise InputError(f"{path} has no column '{name}'; it has: {', '.join(there)}")
        if list(there).count(name) > 1:
            raise InputError(f"{path} has more than one column '{name}'")


@dataclass(frozen=True)
class ParquetFile(TableFile):
    """A parquet file, read a few pages at a time."""

    whole: pa.Schema

    @classmethod
    def open(cls, path: Path) -> "ParquetFile":
        """Read the footer."""
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            return cls(path, tuple(schema.names), file.metadata.num_rows, schema)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        return pa.schema([self.whole.field(name) for name in columns], self.whole.metadata)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        schema = self.schema(columns)
        with (
            one_clear_error(self.path),
            pq.ParquetFile(self.path, buffer_size=BLOCK_BYTES, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(rows, columns=list(columns)):
                yield pa.Table.from_batches([batch]).select(columns).cast(schema)


@dataclass(frozen=True)
class DelimitedFile(TableFile):
    """Text with columns parted by commas or tabs, quoted where need be, perhaps gzipped."""

    delimiter: str
    header: bool
    text: ClassVar[bool] = True

    @classmethod
    def open(cls, path: Path, delimiter: str, names: Sequence[str] | None) -> "DelimitedFile":
        """Read the first line; names that are given take its place."""
        file = cls(path, tuple(names or ()), None, delimiter, not names)
        with file._stream(pacsv.ConvertOptions()) as start:
            return replace(file, names=tuple(start.schema.names))

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: text, null where a cell is empty."""
        return _text_schema(columns)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        options = pacsv.ConvertOptions(
            include_columns=list(columns),
            column_types=_text_schema(columns),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        with one_clear_error(self.path), self._stream(options) as batches:
            yield from _regrouped(batches, rows)

    def _stream(self, options: pacsv.ConvertOptions) -> pacsv.CSVStreamingReader:
        names = None if self.header else list(self.names)
        reading = pacsv.ReadOptions(
            column_names=names, skip_rows=1 if names else 0, block_size=BLOCK_BYTES
        )
        parsing = pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        return pacsv.open_csv(self.path, reading, parsing, options)


@dataclass(frozen=True)
class BlankFile(TableFile):
    """Text with columns parted by blanks, perhaps gzipped; what follows a # is a comment."""

    text: ClassVar[bool] = True

    @classmethod
    def open(cls, path: Path, names: Sequence[str] | None) -> "BlankFile":
        """Read the first line, and the second, which says how many columns there are."""
        with _open_text(path) as file:
            header, first = file.readline().lstrip("#").split(), file.readline().split()
        names = tuple(names or header)
        if first and len(names) != len(first):
            raise InputError(
                f"{path}: {len(names)} column names for rows of {len(first)} values; name all the "
                "columns with --columns"
            )
        return cls(path, names, None)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: text."""
        return _text_schema(columns)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        places = [self.names.index(name) for name in columns]
        with one_clear_error(self.path), _open_text(self.path) as file:
            file.readline()
            while lines := list(itertools.islice(file, rows)):
                cells = [split for line in lines if (split := line.split("#", 1)[0].split())]
                self._require_full(cells)
                picked = zip(*cells, strict=True)
                columns_of_text = list(picked) or [()] * len(self.names)
                arrays = [pa.array(columns_of_text[place], pa.string()) for place in places]
                yield pa.Table.from_arrays(arrays, schema=_text_schema(columns))

    def _require_full(self, cells: list[list[str]]) -> None:
        expected = len(self.names)
        if odd := next((row for row in cells if len(row) != expected), None):
            start = " ".join(odd)[:60]
            raise ValueError(
                f"expected {expected} values per row, found {len(odd)} in '{start} ...'"
            )


def _regrouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Join and cut batches to so many rows; the last may be shorter."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + len(rest) >= rows:
            yield pa.Table.from_batches([*held, rest.slice(0, rows - count)])
            rest, held, count = rest.slice(rows - count), [], 0
        held.append(rest)
        count += len(rest)
    if count:
        yield pa.Table.from_batches(held)


def _text_schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in columns])


def _open_text(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")
