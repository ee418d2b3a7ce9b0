"""All pairs of runs of the benchmark, compared from their forecasts."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from transferz.baselines.benchmark.forecasts import Mask
from transferz.baselines.leaderboard.comparisons import (
    COMPARISONS_FILE,
    Cells,
    Compared,
    Comparisons,
    Pair,
    comparisons_text,
    merge,
    read_comparisons,
    record,
)
from transferz.baselines.leaderboard.entries import Run, entries_to_write, read_run
from transferz.baselines.scores.bootstrap import SEED, Draws
from transferz.baselines.scores.paired import COMPARED, Loss, loss, paired_difference, unseen
from transferz.schemas.benchmark.entries import ENTRY_FILE, read_entry
from transferz.schemas.errors import InputError
from transferz.tables.files import made_folder, replace_file
from transferz.tables.printing import progress_line

RESAMPLES = 400
DRAWS = Draws(RESAMPLES, SEED)
"""An error is then known to 3.5 %, and small p-values are of use (our choice)."""


def read_runs(*folders: Path) -> list[Run]:
    """Read all runs in folders, or that are the folders, by key.

    Raises an InputError unless they can be compared: they are at least two, of different methods,
    on the same test galaxies.
    """
    named = ", ".join(map(str, folders))
    files = [
        path
        for folder in folders
        for path in (folder / ENTRY_FILE, *sorted(folder.glob(f"*/{ENTRY_FILE}")))
        if path.exists()
    ]
    if len(files) < 2:
        raise InputError(
            f"{named}: found {len(files)} run{'' if len(files) == 1 else 's'} ({ENTRY_FILE} in a "
            "folder), expected two or more, since methods are compared by their forecasts; those "
            "of a reference method are made by `transferz benchmark NAME --out RUNS_DIR/NAME`, "
            "and more than one RUNS_DIR may be given"
        )
    runs = sorted((read_run(path.parent) for path in files), key=lambda run: run.key)
    keys = [run.key for run in runs]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"{named}: more than one run of '{repeated[0]}'; remove all but one")
    first = runs[0]
    for run in runs[1:]:
        for config in first.forecasts.keys() & run.forecasts.keys():
            for name in ("object_id", "redshift"):
                sets = (getattr(each.forecasts[config], name) for each in (first, run))
                if not np.array_equal(*sets):
                    raise InputError(
                        f"{named}: '{first.key}' and '{run.key}' were tested on galaxies of "
                        f"'{config}' that differ in {name}; remove one, or run both on one release"
                    )
    return runs


def compare_runs(runs: Sequence[Run], draws: Draws | None = None) -> Comparisons:
    """Compare all pairs by all metrics in all ranges, on the galaxies that both have scored."""
    draws = draws or DRAWS
    pairs = list(combinations(sorted(runs, key=lambda run: run.key), 2))
    configs = dict.fromkeys(name for run in runs for name in run.forecasts)
    ranges = {
        config: next(run for run in runs if config in run.forecasts).forecasts[config].ranges()
        for config in configs
    }
    cells: Cells = {}
    total = len(pairs) * sum(map(len, ranges.values()))
    with progress_line("comparing", total=total, unit=" comparisons") as line:
        for config in configs:
            cells |= _compare_set(config, ranges[config], runs, pairs, draws, line.update)
    forecasts = {run.key: run.entry.forecasts.sha256 for run in runs}
    return record(cells, draws, forecasts, {run.key for run in runs if _is_constant(run)})


def _is_constant(run: Run) -> bool:
    """Say whether all galaxies have the same forecast, seed by seed."""
    points = [one.point[:, one.scored] for one in run.forecasts.values()]
    return all(bool((seeds == seeds[:, :1]).all()) for seeds in points)


def _compare_set(
    config: str,
    ranges: Mapping[str, Mask],
    runs: Sequence[Run],
    pairs: Sequence[tuple[Run, Run]],
    draws: Draws,
    count: Callable[[], object],
) -> Cells:
    """Compare all pairs on one test set, in each of its ranges; `count` is told of each."""
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

    cells: Cells = {}
    for part, rows in ranges.items():
        compared = cells[config, part] = {}
        for first, second in ((run.key, another.key) for run, another in pairs):
            common = np.zeros_like(rows)
            if first in sets and second in sets:
                common = rows & sets[first].scored & sets[second].scored
            n = int(common.sum())
            one, other = (losses_of(key, common) if n else {} for key in (first, second))
            compared[first, second] = Compared(n, _compare_pair(one, other, n))
            count()
    return cells


def _compare_pair(first: dict[str, Loss], second: dict[str, Loss], n: int) -> dict[str, Pair]:
    """Compare two methods by each metric that both have numbers for."""
    made = {name: paired_difference(first[name], second[name]) for name in first if name in second}
    return {
        name: Pair(found.difference, float(np.hypot(found.half, unseen(name, n))), found.p)
        for name, found in made.items()
        if np.isfinite([found.difference, found.error, found.p]).all()
    }


def write_comparisons(
    *folders: Path, out: Path | None = None, draws: Draws | None = None, replace: bool = False
) -> tuple[Path, Comparisons]:
    """Compare the runs in folders and write ``comparisons.json`` beside the entries in `out`.

    By default that is the project's own folder of the runs' survey, or the first of `folders` where
    they are of a table of one's own. Pairs that it has already stay (`merge`). Raises an InputError
    where a run can't be used or compared, or its forecasts are not those of the entry in `out`.
    """
    runs = read_runs(*folders)
    survey = runs[0].entry.survey
    to = out or (entries_to_write() / survey if survey else folders[0])
    for run in runs:
        _require_entry(run, to / f"{run.key}.yaml")
    path = to / COMPARISONS_FILE
    with made_folder(to):  # first: what can't be written is said before minutes of computing
        comparisons = compare_runs(runs, draws)
        with replace_file(path) as beside:  # nobody else adds to it meanwhile
            if older := read_comparisons(to):
                comparisons = merge(older, comparisons, path, replace=replace)
            beside.write_text(comparisons_text(comparisons), encoding="utf-8", newline="\n")
    return path, comparisons


def _require_entry(run: Run, path: Path) -> None:
    """Check that an entry of the run's key, where there is one, is of its forecasts."""
    if path.is_file() and read_entry(path).forecasts.sha256 != run.entry.forecasts.sha256:
        raise InputError(
            f"{path} is of other forecasts than the run of '{run.key}'; replace the entry with "
            "`transferz leaderboard add RUN_DIR --replace` first, or write the comparison "
            "elsewhere with out=",
            out="--entries",
        )
