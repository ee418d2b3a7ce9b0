"""Stage `ingest`: an upstream catalogue becomes parquet with our names and units, checked.

It is read, checked and written at the same time, chunk by chunk, whatever its size. Each chunk is
checked by its schema, and the whole by what it shows: a table may keep every bound and still hold
no rows, or magnitudes that are fluxes, or positions in radians or hours.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.dataset.pipeline.stage import TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import write_parquet
from transferz.dataset.sources import catalogues
from transferz.dataset.sources.fields import origin
from transferz.schemas import Column, InputError, SchemaError, Table
from transferz.schemas.survey.columns import WHOLE_SKY
from transferz.schemas.survey.frames import SHOWN, arrow_schema, check, to_frame
from transferz.tables.files import replace_directory

ENOUGH_ROWS = 1000  # of a table over the whole sky, to tell its unit from its positions
RADIANS, HOURS = 2 * math.pi, 24.0  # a full turn of right ascension
POSITION = ("ra", "dec")


def refuse_mock(layout: Layout) -> None:
    """Raise `InputError` if a file of a real survey says that its galaxies are simulated."""
    survey = layout.configured
    for name, entry in survey.catalogues.items() if not survey.mock else ():
        directory = layout.raw / name
        if catalogues.is_mock(directory, entry, survey.tables[name]):
            raise InputError(
                f"{directory} holds the mock's catalogue, which cannot be released as survey "
                f"'{layout.survey}'; put the real one there"
            )


def ingest(layout: Layout, catalogue: str) -> None:
    """Read one of the survey's upstream catalogues and write it as a checked table."""
    refuse_mock(layout)
    survey = layout.configured
    table = survey.tables[catalogue]
    chunks = catalogues.read_catalogue(layout.raw / catalogue, survey.catalogues[catalogue], table)
    with replace_directory(layout.interim("ingest", catalogue)) as directory:
        rows = write_chunks(chunks, directory / TABLE, table)
        Counts(rows, rows, {}).write(directory)


def write_chunks(chunks: Iterable[pa.Table], path: Path, table: Table) -> int:
    """Check chunks of a table, write them as parquet sorted by the table's key, and count the rows.

    Rows that come in sorted are never held all at once; others are sorted after they are written.
    Neither their order nor their division into chunks changes the file. The chunks, as the modules
    of `transferz.dataset.sources` read them, are read in a thread of their own.

    Raises `SchemaError` if a row breaks the declaration, an id that must be unique repeats, the
    table holds no rows, or it looks like another quantity or unit than declared; the file's content
    means nothing then.
    """
    audit = Audit(table)
    write_parquet(map(audit.passed, prefetch(chunks)), path, arrow_schema(table))
    audit.finish()
    if not audit.ascending:
        rows = pq.read_table(path)
        keys = np.sort(rows[table.key].to_numpy())
        audit.refuse_repeats(keys)
        repeats = (keys[1:] == keys[:-1]).any()  # then all their values put rows in order
        others = [name for name in table.names if name != table.key] if repeats else []
        rows = rows.sort_by([(name, "ascending") for name in (table.key, *others)])
        write_parquet([rows], path, rows.schema)
    return audit.rows


def prefetch(chunks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Make the next chunk in a thread while this one is used."""
    iterator = iter(chunks)
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, iterator, None)
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, iterator, None)
            yield chunk


@dataclass(slots=True)
class Tally:
    """Of one column's values: how many there are, how many lie outside its typical interval."""

    column: Column
    values: int = 0
    below: int = 0
    above: int = 0
    example: float = math.nan

    def add(self, values: pa.ChunkedArray) -> None:
        """Count more values."""
        low, high = self.column.typical or (-math.inf, math.inf)
        self.values += len(values) - values.null_count
        for side, outside in (("below", pc.less(values, low)), ("above", pc.greater(values, high))):
            count = pc.sum(outside).as_py() or 0
            setattr(self, side, getattr(self, side) + count)
            if count:
                self.example = values.filter(outside)[0].as_py()

    def complaint(self, label: str) -> str:
        """Say what is wrong where the median lies outside; nothing where it doesn't."""
        if max(self.below, self.above) * 2 <= self.values:
            return ""
        low, high = self.column.typical or (-math.inf, math.inf)
        return (
            f"{label}: expected a median between {low:g} and {high:g} {self.column.unit}, found "
            f"{self.below + self.above:,} of {self.values:,} values outside, such as "
            f"{self.example:g}; it looks like a flux or another unit: check the file's column"
        )


class Audit:
    """What is known of a declared table so far.

    `rows` were seen; `ascending` says whether each row's key was greater than the one before.
    """

    def __init__(self, table: Table) -> None:
        self.rows = 0
        self.ascending = True
        self._table = table
        self._each = replace(table, columns=tuple(replace(c, unique=False) for c in table))
        self._tallies = [Tally(column) for column in table if column.typical]
        self._turn = self._height = 0.0  # greatest right ascension and |declination|
        self._last: int | None = None
        self._file, self._names = "", dict[str, str]()

    def passed(self, chunk: pa.Table) -> pa.Table:
        """Check a chunk by its schema, note what the whole table is judged by, and pass it on."""
        self._file, self._names = origin(chunk)
        try:
            check(to_frame(chunk, self._each), self._each, source=self._file)
        except SchemaError as error:
            text = str(error) if self._file in str(error) else f"{self._file}: {error}"
            raise SchemaError("; ".join([text, *self._remarks(text, chunk)])) from None
        self.rows += len(chunk)
        for tally in self._tallies:
            tally.add(chunk[tally.column.name])
        if len(keys := chunk[self._table.key].to_numpy()):
            after = self._last is None or keys[0] > self._last
            self.ascending &= bool(after and (keys[1:] > keys[:-1]).all())
            self._last = keys[-1]
        turn, height = _extent(chunk)
        self._turn, self._height = max(self._turn, turn), max(self._height, height)
        return chunk.replace_schema_metadata(None)

    def _remarks(self, text: str, chunk: pa.Table) -> Iterator[str]:
        """Say what helps with an error: the file's names, and the unit that values look like."""
        broken = [column for column in self._table if f"column '{column.name}'" in text]
        for column in broken:
            theirs = self._names.get(column.name, column.name)
            if theirs != column.name:
                yield f"the file calls '{column.name}' '{theirs}'"
        if any(column.name in POSITION for column in broken):
            yield from filter(None, [other_unit(*_extent(chunk))])
        for tally in (Tally(column) for column in broken if column.typical):
            tally.add(chunk[tally.column.name])
            yield from filter(None, [tally.complaint(self._label(tally.column.name))])

    def finish(self) -> None:
        """Judge the table as a whole.

        Raises `SchemaError` if it holds no rows, a median is far from what its column's may be, or
        its positions are in another unit.
        """
        if not self.rows:
            raise self._wrong("it holds no rows; fetch the file again or check the query")
        complaints = [tally.complaint(self._label(tally.column.name)) for tally in self._tallies]
        if self.rows >= ENOUGH_ROWS:
            complaints.append(odd_positions(self._table, self._turn, self._height))
        if any(complaints):
            raise self._wrong("; ".join(filter(None, complaints)))

    def refuse_repeats(self, keys: np.ndarray) -> None:
        """Raise `SchemaError` where a sorted key that must be unique repeats."""
        same = keys[1:] == keys[:-1]
        if self._table[self._table.key].unique and same.any():
            rows = keys[np.append(same, False) | np.append(False, same)]
            shown = ", ".join(map(str, rows[:SHOWN]))
            label = self._label(self._table.key)
            raise self._wrong(
                f"{label}: rule 'unique values' broken in {len(rows)} rows, first {shown}"
            )

    def _label(self, name: str) -> str:
        theirs = self._names.get(name, name)
        return f"column '{name}'" + (f" ('{theirs}' in the file)" if theirs != name else "")

    def _wrong(self, what: str) -> SchemaError:
        where = f" ({self._file})" if self._file else ""
        return SchemaError(f"table '{self._table.name}'{where} breaks its schema: {what}")


def _extent(chunk: pa.Table) -> tuple[float, float]:
    """Return the greatest right ascension and |declination|; infinity where there are none."""
    if not {*POSITION} <= {*chunk.column_names}:
        return math.inf, math.inf
    turn, height = (pc.max(pc.abs(chunk[name])).as_py() for name in POSITION)
    return (0.0, 0.0) if turn is None or height is None else (turn, height)


def odd_positions(table: Table, turn: float, height: float) -> str:
    """Say which unit positions look like that may lie anywhere; a range, if declared, has told."""
    bounds = [
        (table[name].minimum, table[name].maximum) for name in POSITION if name in table.names
    ]
    odd = other_unit(turn, height)
    if not odd or tuple(bounds) != WHOLE_SKY:
        return ""
    return f"{odd}; where they are degrees, give their range in survey.yaml (`within`)"


def other_unit(turn: float, height: float) -> str:
    """Say which unit positions of this extent look like, if not degrees."""
    if turn <= RADIANS and height <= RADIANS / 4:
        return "the positions look like radians; convert them to degrees"
    if turn <= HOURS:
        return "the right ascensions look like hours; convert them to degrees"
    return ""


if __name__ == "__main__":
    sys.exit(run_stage(ingest, __doc__, by_catalogue=True))
