"""All pairs of runs of the benchmark, compared from their forecasts, and the record of that.

The record, ``comparisons.json``, stands beside entries and is checked wherever it is read.
"""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from transferz.baselines.benchmark.forecasts import Mask
from transferz.baselines.leaderboard.entries import ENTRIES, Run, read_run
from transferz.baselines.scores.bootstrap import SEED, Draws
from transferz.baselines.scores.paired import (
    COMPARED,
    CONFIDENCE,
    Loss,
    holm,
    loss,
    paired_difference,
)
from transferz.schemas.benchmark.entries import ENTRY_FILE, Hexadecimal, MethodName, TestedSet
from transferz.schemas.benchmark.records import Record, parse_record, read_record
from transferz.schemas.benchmark.scores import Count, EntryMetric, Range
from transferz.schemas.errors import InputError
from transferz.tables.files import replace_file

COMPARISONS_FILE = "comparisons.json"
SCHEMA = "transferz comparisons 1"
REMEDY = "write it again with `transferz leaderboard compare`"

DRAWS = Draws(resamples=400, seed=SEED)
"""An error is then known to 3.5 %, and small p-values are of use (our choice)."""

DIGITS = 4
"""Significant ones of what is written (our choice)."""

Number = float | None
Probability = Annotated[float, Field(ge=0, le=1)] | None


# --- the record


class Pair(NamedTuple):
    """Two methods by one metric: the loss of the first less that of the second.

    Below 0 the first is better. `half` is half the width of the difference's interval; `p` is
    corrected for all pairs of the metric, set and range.
    """

    difference: float
    half: float
    p: float


class PairedMetric(Record):
    """All pairs by a metric, in the order of `Comparisons.pairs`; None where there is no number.

    The columns are those of `Pair`; nothing is corrected for the number of pairs yet.
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
    has the sha256 of each method's forecasts that were compared, `pairs` the methods' keys, and
    `sets` the numbers of all pairs by test set and range.
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

    @property
    def pairs_text(self) -> str:
        """How many pairs the p-values of a metric, set and range are corrected for, in words."""
        return f"{len(self.pairs)} pair{'' if len(self.pairs) == 1 else 's'}"

    @cached_property
    def _tables(self) -> dict[tuple[str, str, str], dict[tuple[str, str], Pair]]:
        return {
            (config, part, metric): self._corrected(columns)
            for config, ranges in self.sets.items()
            for part, paired in ranges.items()
            for metric, columns in paired.metrics.items()
        }

    def _corrected(self, columns: PairedMetric) -> dict[tuple[str, str], Pair]:
        corrected = holm([float("nan") if p is None else p for p in columns.p]).tolist()
        rows = zip(self.pairs, columns.difference, columns.half, corrected, columns.p, strict=True)
        return {
            pair: Pair(difference, half, p)
            for pair, difference, half, p, uncorrected in rows
            if difference is not None and half is not None and uncorrected is not None
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


# --- comparing runs


def read_runs(folder: Path) -> list[Run]:
    """Read all runs in a folder; raise an InputError unless they can be compared.

    They are at least two, of different methods, on the same test galaxies.
    """
    runs = [read_run(path.parent) for path in sorted(folder.glob(f"*/{ENTRY_FILE}"))]
    if len(runs) < 2:
        raise InputError(
            f"{folder} has {len(runs)} folders with {ENTRY_FILE}, expected two or more to compare"
        )
    keys = [run.key for run in runs]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"{folder} has more than one run of '{repeated[0]}'; remove all but one")
    first = runs[0]
    for run in runs[1:]:
        for config in first.forecasts.keys() & run.forecasts.keys():
            for name in ("object_id", "redshift"):
                sets = (getattr(each.forecasts[config], name) for each in (first, run))
                if not np.array_equal(*sets):
                    raise InputError(
                        f"{folder}: '{first.key}' and '{run.key}' were tested on galaxies of "
                        f"'{config}' that differ in {name}; remove one, or run both on one release"
                    )
    return runs


def compare_runs(runs: Sequence[Run], draws: Draws = DRAWS) -> Comparisons:
    """Compare all pairs by all metrics in all ranges, on the galaxies that both have scored."""
    pairs = list(combinations(runs, 2))
    configs = list(dict.fromkeys(name for run in runs for name in run.forecasts))
    content = {
        "schema": SCHEMA,
        "resamples": draws.resamples,
        "seed": draws.seed,
        "confidence": CONFIDENCE,
        "forecasts": {run.key: run.entry.forecasts.sha256 for run in runs},
        "pairs": [[first.key, second.key] for first, second in pairs],
        "sets": {config: _compare_set(config, runs, pairs, draws) for config in configs},
    }
    return parse_record(json.dumps(content), Comparisons, "comparisons", REMEDY)


def _compare_set(
    config: str,
    runs: Sequence[Run],
    pairs: Sequence[tuple[Run, Run]],
    draws: Draws,
) -> dict[str, Any]:
    """Compare all pairs on one test set, in each of its ranges."""
    sets = {run.key: run.forecasts[config] for run in runs if config in run.forecasts}
    losses: dict[tuple[str, bytes], dict[str, Loss]] = {}

    def losses_of(key: str, rows: Mask) -> dict[str, Loss]:
        """Losses of a method on some galaxies, computed once for all pairs that share those."""
        place = (key, rows.tobytes())
        if place not in losses:
            replicates = sets[key].take(rows).replicate(draws)
            names = [name for name in COMPARED if name in replicates.scores]
            losses[place] = {name: loss(name, replicates) for name in names}
        return losses[place]

    compared: dict[str, Any] = {}
    for part, rows in next(iter(sets.values())).ranges().items():
        counts: list[int] = []
        numbers: list[dict[str, Pair]] = []
        for keys in ((first.key, second.key) for first, second in pairs):
            common = np.zeros_like(rows)
            if all(key in sets for key in keys):
                common = rows & sets[keys[0]].scored & sets[keys[1]].scored
            counts.append(int(common.sum()))
            both = [losses_of(key, common) for key in keys] if common.any() else [{}, {}]
            numbers.append(_compare_pair(*both))
        names = [name for name in COMPARED if any(name in pair for pair in numbers)]
        compared[part] = {"n": counts, "metrics": {name: _columns(numbers, name) for name in names}}
    return compared


def _compare_pair(first: dict[str, Loss], second: dict[str, Loss]) -> dict[str, Pair]:
    """Compare two methods, uncorrected, by each metric that both have numbers for."""
    made = {name: paired_difference(first[name], second[name]) for name in first if name in second}
    return {
        name: Pair(found.difference, found.difference - found.interval[0], found.p)
        for name, found in made.items()
        if np.isfinite([found.difference, found.error, found.p]).all()
    }


def _columns(numbers: Sequence[dict[str, Pair]], name: str) -> dict[str, list[Number]]:
    """The numbers of all pairs by a metric, rounded as they are written."""

    def rounded(pair: Pair | None, what: str) -> Number:
        return pair and float(f"{getattr(pair, what):.{DIGITS}g}")

    return {what: [rounded(pair.get(name), what) for pair in numbers] for what in Pair._fields}


def write_comparisons(
    folder: Path, out: Path | None = None, draws: Draws = DRAWS
) -> tuple[Path, Comparisons]:
    """Compare the runs in a folder and write ``comparisons.json`` beside the entries in `out`.

    By default that is the project's own folder of the runs' survey, or `folder` itself where they
    are of a table of one's own. Raises an InputError where a run can't be used or compared.
    """
    runs = read_runs(folder)
    survey = runs[0].entry.survey
    comparisons = compare_runs(runs, draws)
    path = (out or (ENTRIES / survey if survey else folder)) / COMPARISONS_FILE
    with replace_file(path) as beside:
        beside.write_text(comparisons_text(comparisons), encoding="utf-8", newline="\n")
    return path, comparisons
