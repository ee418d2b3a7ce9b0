"""Compare all pairs of runs of the benchmark, from their forecasts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.forecasts import Mask, SetForecasts, read_forecasts
from transferz.baselines.leaderboard.comparison import COMPARED, CONFIDENCE, Loss, compare, loss
from transferz.baselines.leaderboard.entries import ENTRIES
from transferz.baselines.leaderboard.record import (
    COMPARISONS_FILE,
    REMEDY,
    SCHEMA,
    Comparisons,
    comparisons_text,
)
from transferz.baselines.scores.bootstrap import SEED, Draws
from transferz.schemas.benchmark.entries import ENTRY_FILE, FORECASTS_FILE, Entry, read_entry
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.errors import InputError
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import replace_file

DRAWS = Draws(resamples=400, seed=SEED)
"""An error is then known to 3.5 %, and small p-values are of use (our choice)."""

DIGITS = 4
"""Significant ones of what is written (our choice)."""

Losses = dict[str, Loss]


@dataclass(frozen=True, slots=True)
class Run:
    """An entry with its forecasts, by test set."""

    entry: Entry
    forecasts: dict[str, SetForecasts]

    @property
    def key(self) -> str:
        """The method's."""
        return self.entry.method.key


def read_run(folder: Path) -> Run:
    """Read a run of the benchmark, and check that its forecasts are those of its entry.

    Parameters
    ----------
    folder : Path
        With ``entry.yaml`` and ``forecasts.parquet``.

    Raises
    ------
    InputError
        Where a file can't be used, or the forecasts are others.
    """
    entry, path = read_entry(folder / ENTRY_FILE), folder / FORECASTS_FILE
    if not path.is_file():
        raise InputError(f"{path} is missing; run `transferz benchmark` again with --out {folder}")
    found = file_digest(path)
    if (found["sha256"], found["bytes"]) != (entry.forecasts.sha256, entry.forecasts.bytes):
        raise InputError(
            f"{path} has {found['bytes']:,} bytes and sha256 {found['sha256']}, but {ENTRY_FILE} "
            f"is of {entry.forecasts.bytes:,} bytes and {entry.forecasts.sha256}; it was changed "
            f"or damaged: run `transferz benchmark` again with --out {folder}"
        )
    forecasts = read_forecasts(path)
    if forecasts.keys() != entry.scores.keys():
        raise InputError(
            f"{path} is of {', '.join(forecasts)}, but {ENTRY_FILE} has scores of "
            f"{', '.join(entry.scores)}; run `transferz benchmark` again with --out {folder}"
        )
    return Run(entry, forecasts)


def read_runs(folder: Path) -> list[Run]:
    """Read all runs in a folder, which must be of the same test galaxies.

    Raises
    ------
    InputError
        Where there are fewer than two, two of the same method, or of other test galaxies.
    """
    runs = [read_run(path.parent) for path in sorted(folder.glob(f"*/{ENTRY_FILE}"))]
    if len(runs) < 2:
        raise InputError(
            f"{folder} has {len(runs)} folders with {ENTRY_FILE}, expected two or more to compare"
        )
    keys = [run.key for run in runs]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"{folder} has more than one run of '{repeated[0]}'; remove all but one")
    for run in runs[1:]:
        _require_same_galaxies(runs[0], run, folder)
    return runs


def _require_same_galaxies(first: Run, other: Run, folder: Path) -> None:
    for config in first.forecasts.keys() & other.forecasts.keys():
        one, two = first.forecasts[config], other.forecasts[config]
        for name in ("object_id", "redshift"):
            if not np.array_equal(getattr(one, name), getattr(two, name)):
                raise InputError(
                    f"{folder}: '{first.key}' and '{other.key}' were tested on galaxies of "
                    f"'{config}' that differ in {name}; remove one, or run both on one release"
                )


def compare_runs(runs: Sequence[Run], draws: Draws = DRAWS) -> Comparisons:
    """Compare all pairs by all metrics in all ranges, on the galaxies that both have scored.

    Parameters
    ----------
    runs : sequence of Run
        Of the same test galaxies.
    draws : Draws
        Resamples of galaxies.
    """
    pairs = list(combinations(runs, 2))
    configs = list(dict.fromkeys(name for run in runs for name in run.forecasts))
    content = {
        "schema": SCHEMA,
        "resamples": draws.resamples,
        "seed": draws.seed,
        "confidence": CONFIDENCE,
        "forecasts": {run.key: run.entry.forecasts.sha256 for run in runs},
        "pairs": [[one.key, two.key] for one, two in pairs],
        "sets": {config: _compare_set(config, runs, pairs, draws) for config in configs},
    }
    return parse_record(json.dumps(content), Comparisons, "comparisons", REMEDY)


def _compare_set(
    config: str, runs: Sequence[Run], pairs: Sequence[tuple[Run, Run]], draws: Draws
) -> dict[str, Any]:
    there = [run for run in runs if config in run.forecasts]
    losses = _Losses({run.key: run.forecasts[config] for run in there}, draws)
    return {
        part: _compare_range(losses, rows, pairs)
        for part, rows in there[0].forecasts[config].ranges().items()
    }


class _Losses:
    """Losses of methods on some galaxies; scored once where several pairs share those."""

    def __init__(self, sets: Mapping[str, SetForecasts], draws: Draws) -> None:
        self.sets, self.draws = sets, draws
        self._known: dict[tuple[str, bytes], Losses] = {}

    def common(self, pair: tuple[Run, Run]) -> Mask | None:
        """Galaxies that both methods have scored; None where one was not tested here."""
        keys = [run.key for run in pair]
        if not all(key in self.sets for key in keys):
            return None
        return self.sets[keys[0]].scored & self.sets[keys[1]].scored

    def of(self, key: str, rows: Mask) -> Losses:
        """Losses of a method on some galaxies, computed once."""
        known = (key, rows.tobytes())
        if known not in self._known:
            found = self.sets[key].take(rows).replicate(self.draws)
            names = [name for name in COMPARED if name in found.scores]
            self._known[known] = {name: loss(name, found) for name in names}
        return self._known[known]


def _compare_range(losses: _Losses, rows: Mask, pairs: Sequence[tuple[Run, Run]]) -> dict[str, Any]:
    counts, found = [], []
    for pair in pairs:
        common = losses.common(pair)
        kept = np.zeros_like(rows) if common is None else rows & common
        counts.append(int(kept.sum()))
        found.append(_compare_pair(losses, pair, kept) if kept.any() else {})
    names = [name for name in COMPARED if any(name in one for one in found)]
    return {"n": counts, "metrics": {name: _columns(found, name) for name in names}}


def _compare_pair(losses: _Losses, pair: tuple[Run, Run], rows: Mask) -> dict[str, Any]:
    first, second = (losses.of(run.key, rows) for run in pair)
    made = {name: compare(first[name], second[name]) for name in first if name in second}
    return {
        name: (one.difference, one.difference - one.interval[0], one.p)
        for name, one in made.items()
        if np.isfinite([one.difference, one.error, one.p]).all()
    }


def _columns(found: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[float | None]]:
    nothing = (None, None, None)
    columns = zip(*(one.get(name, nothing) for one in found), strict=True)
    return {
        what: [None if value is None else float(f"{value:.{DIGITS}g}") for value in column]
        for what, column in zip(("difference", "half", "p"), columns, strict=True)
    }


def write_comparisons(
    folder: Path, out: Path | None = None, draws: Draws = DRAWS
) -> tuple[Path, Comparisons]:
    """Compare the runs in a folder and write ``comparisons.json``.

    Parameters
    ----------
    folder : Path
        With runs.
    out : Path, optional
        The folder of entries that it goes beside; by default the project's own of the runs'
        survey, or `folder` itself where they are of a table of one's own.
    draws : Draws
        Resamples of galaxies.

    Raises
    ------
    InputError
        Where a run can't be used or compared, or `out` is missing.
    """
    runs = read_runs(folder)
    survey = runs[0].entry.survey
    place = out or (ENTRIES / survey if survey else folder)
    found = compare_runs(runs, draws)
    path = place / COMPARISONS_FILE
    with replace_file(path) as beside:
        beside.write_text(comparisons_text(found), encoding="utf-8", newline="\n")
    return path, found
