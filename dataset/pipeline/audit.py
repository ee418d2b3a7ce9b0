"""Check an upstream table while it passes: each chunk by its schema, the whole by what it shows.

A table may keep every bound and still be wrong as a whole: hold no rows, or magnitudes that are
fluxes, or positions in radians or hours.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.dataset.sources.fields import origin
from transferz.schemas import Column, SchemaError, Table
from transferz.schemas.survey.checks import SHOWN, check
from transferz.schemas.survey.frames import to_frame

ENOUGH_ROWS = 1000  # of a table over the whole sky, to tell its unit from its positions
RADIANS, HOURS = 2 * math.pi, 24.0  # a full turn of right ascension
POSITION = ("ra", "dec")


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
    """What is known of a table so far.

    Parameters
    ----------
    table : Table
        The declaration.

    Attributes
    ----------
    rows : int
        Seen.
    ascending : bool
        Whether each row's key was greater than the one before.
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

    def see(self, chunk: pa.Table) -> None:
        """Check a chunk by its schema and note what the whole table is judged by.

        Raises
        ------
        SchemaError
            If a row breaks the declaration.
        """
        self._file, self._names = origin(chunk)
        self._check(chunk)
        self.rows += len(chunk)
        for tally in self._tallies:
            tally.add(chunk[tally.column.name])
        self._follow(chunk[self._table.key].to_numpy())
        turn, height = _extent(chunk)
        self._turn, self._height = max(self._turn, turn), max(self._height, height)

    def _check(self, chunk: pa.Table) -> None:
        try:
            check(to_frame(chunk, self._each), self._each, source=self._file)
        except SchemaError as error:
            text = str(error) if self._file in str(error) else f"{self._file}: {error}"
            raise SchemaError("; ".join([text, *self._remarks(text, chunk)])) from None

    def _remarks(self, text: str, chunk: pa.Table) -> Iterator[str]:
        """Say what helps with an error: the file's names, and the unit that values look like."""
        broken = [column for column in self._table if f"column '{column.name}'" in text]
        for column in broken:
            theirs = self._names.get(column.name, column.name)
            if theirs != column.name:
                yield f"the file calls '{column.name}' '{theirs}'"
        if any(column.name in POSITION for column in broken):
            yield from filter(None, [_other_unit(*_extent(chunk))])
        for tally in (Tally(column) for column in broken if column.typical):
            tally.add(chunk[tally.column.name])
            yield from filter(None, [tally.complaint(self._label(tally.column.name))])

    def _follow(self, keys: np.ndarray) -> None:
        if len(keys):
            after = self._last is None or keys[0] > self._last
            self.ascending &= bool(after and (keys[1:] > keys[:-1]).all())
            self._last = keys[-1]

    def finish(self) -> None:
        """Judge the table as a whole.

        Raises
        ------
        SchemaError
            If it holds no rows, a median is far from what its column's may be, or its positions
            are in another unit.
        """
        if not self.rows:
            raise self._wrong("it holds no rows; fetch the file again or check the query")
        complaints = [tally.complaint(self._label(tally.column.name)) for tally in self._tallies]
        if self.rows >= ENOUGH_ROWS:
            complaints.append(_other_unit(self._turn, self._height))
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


def _other_unit(turn: float, height: float) -> str:
    """Say which unit positions of this extent look like, if not degrees."""
    if turn <= RADIANS and height <= RADIANS / 4:
        return "the positions look like radians; convert them to degrees"
    if turn <= HOURS:
        return "the right ascensions look like hours; convert them to degrees"
    return ""
