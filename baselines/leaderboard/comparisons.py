"""The record of how methods differ, two by two: ``comparisons.json``.

It stands beside entries and is checked wherever it is read. What was compared is added to it.
"""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field, model_validator

from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.paired import COMPARED, CONFIDENCE
from transferz.schemas.benchmark.entries import Hexadecimal, MethodName, TestedSet
from transferz.schemas.benchmark.records import Record, parse_record, read_record
from transferz.schemas.benchmark.scores import Count, EntryMetric, Range
from transferz.schemas.errors import InputError

COMPARISONS_FILE = "comparisons.json"
SCHEMA = "transferz comparisons 1"
REMEDY = "remove it, and compare all runs anew with `transferz leaderboard compare`"

DIGITS = 4
"""Significant ones of what is written (our choice)."""

Number = float | None
Probability = Annotated[float, Field(ge=0, le=1)] | None


# --- the record


class Pair(NamedTuple):
    """Two methods by one metric: the loss of the first less that of the second.

    Below 0 the first is better. `half` is half the width of the difference's interval; `p` is of
    this pair alone, two-sided.
    """

    difference: float
    half: float
    p: float


class PairedMetric(Record):
    """All pairs by a metric, in the order of `Comparisons.pairs`; None where there is no number.

    The columns are those of `Pair`.
    """

    difference: tuple[Number, ...]
    half: tuple[Number, ...]
    p: tuple[Probability, ...]


class PairedRange(Record):
    """All pairs in a range: how many galaxies both have scored, and each metric."""

    n: tuple[Count, ...]
    metrics: dict[EntryMetric, PairedMetric]


class Comparisons(Record):
    """How methods differ, two by two.

    `resamples` and `seed` are of the galaxies' draws, `confidence` of the intervals. `forecasts`
    has the sha256 of each method's forecasts that were compared, `constant` the keys of those that
    forecast the same for every galaxy, `pairs` the methods' keys, and `sets` the numbers of all
    pairs by test set and range.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    form: Literal["transferz comparisons 1"] = Field(alias="schema")
    resamples: int = Field(ge=2, le=1_000_000)
    seed: Count
    confidence: float = Field(gt=0, lt=1)
    forecasts: dict[MethodName, Hexadecimal]
    constant: tuple[MethodName, ...] = ()
    pairs: tuple[tuple[MethodName, MethodName], ...]
    sets: dict[TestedSet, dict[Range, PairedRange]]

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> Self:
        if len({frozenset(pair) for pair in self.pairs if pair[0] != pair[1]}) != len(self.pairs):
            raise ValueError("a pair stands in 'pairs' twice, or is one method twice")
        if unknown := {key for pair in self.pairs for key in pair} - set(self.forecasts):
            raise ValueError(f"'{min(unknown)}' is in 'pairs' and not in 'forecasts'")
        for paired in (paired for ranges in self.sets.values() for paired in ranges.values()):
            columns = [paired.n, *(column for _, m in paired.metrics.items() for _, column in m)]
            if {len(column) for column in columns} != {len(self.pairs)}:
                raise ValueError(f"expected numbers of {len(self.pairs)} pairs everywhere")
        return self

    def pair(self, config: str, part: str, metric: str, first: str, second: str) -> Pair | None:
        """Look up two methods; None where they were not compared."""
        table = self._tables.get((config, part, metric), {})
        if (first, second) in table:
            return table[first, second]
        turned = table.get((second, first))
        return turned and Pair(-turned.difference, turned.half, turned.p)

    @cached_property
    def _tables(self) -> dict[tuple[str, str, str], dict[tuple[str, str], Pair]]:
        return {
            (config, part, metric): self._rows(columns)
            for config, ranges in self.sets.items()
            for part, paired in ranges.items()
            for metric, columns in paired.metrics.items()
        }

    def _rows(self, columns: PairedMetric) -> dict[tuple[str, str], Pair]:
        rows = zip(self.pairs, columns.difference, columns.half, columns.p, strict=True)
        return {
            pair: Pair(difference, half, p)
            for pair, difference, half, p in rows
            if difference is not None and half is not None and p is not None
        }


def read_comparisons(folder: Path) -> Comparisons | None:
    """Read the comparisons beside entries, checked; None where there are none."""
    path = folder / COMPARISONS_FILE
    return read_record(path, Comparisons, REMEDY) if path.exists() else None


def comparisons_text(comparisons: Comparisons) -> str:
    """Write comparisons as JSON, a line per row of numbers: the same bytes for the same record."""
    plain = comparisons.model_dump(mode="json", by_alias=True)
    text = json.dumps(plain, indent=1, allow_nan=False)
    flat = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")
    return flat.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


# --- put together, pair by pair


class Compared(NamedTuple):
    """Two methods in a test set and range: of how many galaxies, and how they differ by metric."""

    n: int
    metrics: dict[str, Pair]


Cells = dict[tuple[str, str], dict[tuple[str, str], Compared]]
"""Test set and range -> two methods' keys, in order -> how they differ."""


def record(
    cells: Cells, draws: Draws, forecasts: Mapping[str, str], constant: set[str]
) -> Comparisons:
    """Make the record of what was compared; numbers are rounded as they are written."""
    pairs = sorted({pair for rows in cells.values() for pair in rows})
    keys = sorted({key for pair in pairs for key in pair})

    def columns(rows: list[Compared], metric: str) -> dict[str, list[Number]]:
        found = [row.metrics.get(metric) for row in rows]
        return {
            name: [pair and float(f"{getattr(pair, name):.{DIGITS}g}") for pair in found]
            for name in Pair._fields
        }

    sets: dict[str, Any] = {}
    for (config, part), compared in cells.items():
        rows = [compared.get(pair, Compared(0, {})) for pair in pairs]
        names = [name for name in COMPARED if any(name in row.metrics for row in rows)]
        metrics = {name: columns(rows, name) for name in names}
        sets.setdefault(config, {})[part] = {"n": [row.n for row in rows], "metrics": metrics}
    content = {
        "schema": SCHEMA,
        "resamples": draws.resamples,
        "seed": draws.seed,
        "confidence": CONFIDENCE,
        "forecasts": {key: forecasts[key] for key in keys},
        "constant": sorted(constant.intersection(keys)),
        "pairs": pairs,
        "sets": sets,
    }
    return parse_record(json.dumps(content), Comparisons, "comparisons", REMEDY)


def merge(old: Comparisons, new: Comparisons, source: Path, *, replace: bool) -> Comparisons:
    """Put newly compared pairs beside, or in place of, those that `source` has.

    Raises an InputError where pairs would be lost, because a method has other forecasts now and
    was not compared with all that its older ones were, unless `replace` is True; and where the two
    are of different resamples.
    """
    draws = Draws(new.resamples, new.seed)
    if (old.resamples, old.seed) != (new.resamples, new.seed):
        raise InputError(
            f"{source} is of {old.resamples} resamples by seed {old.seed}, new pairs are of "
            f"{new.resamples} by {new.seed}; remove it, and compare all runs anew"
        )
    other = {key for key, sha in new.forecasts.items() if old.forecasts.get(key, sha) != sha}
    known = [(min(pair), max(pair)) for pair in old.pairs if other.intersection(pair)]
    lost = sorted(set(known) - set(new.pairs))
    if lost and not replace:
        key = min(other.intersection(lost[0]))
        raise InputError(
            f"{source} has {len(lost)} pairs of older forecasts, of '{key}' for one, that these "
            "runs do not compare anew; give the folder of all runs, or replace=True to drop them",
            replace="--replace",
        )
    cells = _cells(old)
    for place, rows in _cells(new).items():
        cells.setdefault(place, {}).update(rows)
    for rows in cells.values():
        for pair in lost:
            rows.pop(pair, None)
    constant = {key for key in old.constant if key not in new.forecasts}.union(new.constant)
    return record(cells, draws, {**old.forecasts, **new.forecasts}, constant)


def _cells(comparisons: Comparisons) -> Cells:
    """Take a record apart again, pair by pair."""
    cells: Cells = {}
    for config, ranges in comparisons.sets.items():
        for part, paired in ranges.items():
            rows = cells[config, part] = {}
            for (first, second), n in zip(comparisons.pairs, paired.n, strict=True):
                keys = (min(first, second), max(first, second))
                found = {
                    name: pair
                    for name in paired.metrics
                    if (pair := comparisons.pair(config, part, name, *keys))
                }
                rows[keys] = Compared(n, {str(name): pair for name, pair in found.items()})
    return cells
