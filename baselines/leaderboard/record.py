"""The record of how methods differ, ``comparisons.json``: schema-checked wherever it is read."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field, model_validator

from transferz.baselines.leaderboard.comparison import holm
from transferz.schemas.benchmark.entries import EntryMetric, Hexadecimal, MethodName, TestedSet
from transferz.schemas.benchmark.records import Record, read_record
from transferz.schemas.benchmark.scores import Count, Range

COMPARISONS_FILE = "comparisons.json"
SCHEMA = "transferz comparisons 1"
REMEDY = "write it again with `transferz leaderboard compare`"

_FLAT = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")

Number = float | None
Probability = Annotated[float, Field(ge=0, le=1)] | None


class Pair(NamedTuple):
    """Two methods by one metric.

    Attributes
    ----------
    difference : float
        Loss of the first less that of the second; below 0 the first is better.
    half : float
        Half the width of the interval of the difference.
    p : float
        Corrected for all pairs of the metric, set and range.
    """

    difference: float
    half: float
    p: float


class PairedMetric(Record):
    """All pairs by a metric, in the order of `Comparisons.pairs`; None where there is no number.

    Attributes
    ----------
    difference : tuple of float
        Loss of the first less that of the second.
    half : tuple of float
        Half the width of its interval, uncorrected.
    p : tuple of float
        Of two equal methods to differ as much, uncorrected.
    """

    difference: tuple[Number, ...]
    half: tuple[Number, ...]
    p: tuple[Probability, ...]


class PairedRange(Record):
    """All pairs in a range: how many galaxies both have scored, and each metric."""

    n: tuple[Count, ...]
    metrics: dict[EntryMetric, PairedMetric]


class Comparisons(Record):
    """How methods differ.

    Attributes
    ----------
    form : str
        `SCHEMA`, called ``schema`` in the file.
    resamples, seed : int
        Of the galaxies' draws.
    confidence : float
        Of the intervals.
    forecasts : dict of str to str
        Method's key -> sha256 of the forecasts that were compared.
    pairs : tuple of (str, str)
        Keys.
    sets : dict
        Test set -> range -> all pairs.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    form: Literal["transferz comparisons 1"] = Field(alias="schema")
    resamples: int = Field(ge=2)
    seed: int
    confidence: float = Field(gt=0, lt=1)
    forecasts: dict[MethodName, Hexadecimal]
    pairs: tuple[tuple[MethodName, MethodName], ...]
    sets: dict[TestedSet, dict[Range, PairedRange]]

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> Self:
        known = set(self.forecasts)
        if len({frozenset(pair) for pair in self.pairs if pair[0] != pair[1]}) != len(self.pairs):
            raise ValueError("a pair stands in 'pairs' twice, or is one method twice")
        if unknown := {key for pair in self.pairs for key in pair} - known:
            raise ValueError(f"'{min(unknown)}' is in 'pairs' and not in 'forecasts'")
        for one in (found for ranges in self.sets.values() for found in ranges.values()):
            columns = [one.n, *(column for _, m in one.metrics.items() for _, column in m)]
            if {len(column) for column in columns} != {len(self.pairs)}:
                raise ValueError(f"expected numbers of {len(self.pairs)} pairs everywhere")
        return self

    def pair(self, config: str, part: str, metric: str, first: str, second: str) -> Pair | None:
        """Look up two methods; None where they were not compared."""
        table = self._tables.get((config, part, metric), {})
        if (first, second) in table:
            return table[first, second]
        found = table.get((second, first))
        return found and Pair(-found.difference, found.half, found.p)

    def common(self, config: str, part: str) -> dict[tuple[str, str], int]:
        """How many galaxies both methods of a pair have scored."""
        one = self.sets.get(config, {}).get(part)  # type: ignore[call-overload]
        return dict(zip(self.pairs, one.n, strict=True)) if one else {}

    @property
    def families(self) -> int:
        """How many pairs the p-values of a metric, set and range are corrected for."""
        return len(self.pairs)

    @property
    def families_text(self) -> str:
        """Their number in words."""
        return f"{self.families} pair{'' if self.families == 1 else 's'}"

    @cached_property
    def _tables(self) -> dict[tuple[str, str, str], dict[tuple[str, str], Pair]]:
        return {
            (config, part, metric): _table(self.pairs, one)
            for config, ranges in self.sets.items()
            for part, found in ranges.items()
            for metric, one in found.metrics.items()
        }


def _table(pairs: tuple[tuple[str, str], ...], one: PairedMetric) -> dict[tuple[str, str], Pair]:
    corrected = holm([float("nan") if p is None else p for p in one.p]).tolist()
    rows = zip(pairs, one.difference, one.half, corrected, one.p, strict=True)
    return {
        pair: Pair(difference, half, p)
        for pair, difference, half, p, known in rows
        if difference is not None and half is not None and known is not None
    }


def read_comparisons(folder: Path) -> Comparisons | None:
    """Read the comparisons beside entries; None where there are none.

    Raises
    ------
    InputError
        Where the file is no such record.
    """
    path = folder / COMPARISONS_FILE
    return read_record(path, Comparisons, REMEDY) if path.exists() else None


def comparisons_text(found: Comparisons) -> str:
    """JSON of comparisons, a line per row of numbers, the same bytes for the same record."""
    text = json.dumps(found.model_dump(mode="json", by_alias=True), indent=1, allow_nan=False)
    return _FLAT.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"
