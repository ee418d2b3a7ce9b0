"""The paper's figures and tables, from runs of the benchmark: a stage of ``baselines/dvc.yaml``.

``python -m transferz.baselines.paper.report --runs data/mock/benchmark --release DIR --out DIR``.
"""

import argparse
import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.scoring import BINNED
from transferz.baselines.benchmark.tables import tested_configs
from transferz.baselines.leaderboard.entries import Run, read_run
from transferz.baselines.methods import METHODS
from transferz.baselines.paper import run_command
from transferz.baselines.paper.figures import bins, forecasts, paper_style, save_figure, scores
from transferz.baselines.paper.tables import (
    PaperTable,
    noise_table,
    ratio_table,
    requirement_table,
    score_table,
    tested_on,
)
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.scores import Summary
from transferz.schemas.errors import InputError
from transferz.tables.files import replace_directory, require_file, write_json

OF_THE_RELEASE = ("distributions", "flow")
"""Figures 1 and 4 of the paper, which are the release's own."""

DRAWN = ("forecasts", "scores", "bins", "bins_transferz")
TABLES = ("scores", "lsst", "ratios", "label_noise")
MADE_OF = "made_of.json"
"""Which forecasts the figures and tables show: method -> sha256."""

METRICS, BINS, PLOTTED = "metrics.json", "bins.csv", "bias_by_redshift.csv"
"""What `dvc metrics` shows; scores in all bins; those of them that `dvc plots` draws."""

FILES = frozenset(
    {MADE_OF, METRICS, BINS, PLOTTED}
    | {f"{name}.png" for name in (*OF_THE_RELEASE, *DRAWN)}
    | {f"{name}.pdf" for name in DRAWN}
    | {f"{name}.{ending}" for name in TABLES for ending in ("md", "tex")}
)
"""All that is written; the tables of ratios and of label noise where there are such."""

LATEX_HEADER = "% Needs \\usepackage{booktabs}.\n"
REMEDY = "run the networks again: `make baselines`"


def report(runs_folder: Path, release: Release, out: Path) -> None:
    """Draw the paper's figures and write its tables into `out`, all or nothing.

    `runs_folder` has a run of the benchmark on the release per network, ``nn_base/`` and so on, as
    far as they are there. An InputError says that a file is missing, damaged or of other galaxies,
    or that the folder, which may be an older one, can't be written.
    """
    runs, named = read_baselines(runs_folder, tested_configs(release)), title(release)
    with replace_directory(out) as folder:
        for name in OF_THE_RELEASE:
            drawn = require_file(release.path / "figures" / f"{name}.png", "build it: `make repro`")
            shutil.copyfile(drawn, folder / drawn.name)
        with paper_style():
            save_figure(forecasts(runs, named), folder, "forecasts")
            save_figure(scores(runs, named), folder, "scores")
            save_figure(bins(runs, named), folder, "bins")
            for config in tested_on(runs)[1:]:
                save_figure(bins(runs, named, config), folder, f"bins_{config}")
        for name, tables in tabulate(runs, named).items():
            write_tables(tables, folder, name)
        write_json(folder / MADE_OF, {run.key: run.entry.forecasts.sha256 for run in runs})
        write_numbers(runs, folder)


def read_baselines(folder: Path, tested: Sequence[str]) -> list[Run]:
    """Read the runs of the paper's networks, in the order of tables, from a folder per method.

    They are those on the `tested` configs of a release.

    An InputError says that there is none, that a file is missing or damaged, that a run is another
    method's or lacks a test set, or that two were not tested on the same galaxies.
    """
    places = [folder / method for method in METHODS if (folder / method).is_dir()]
    if not places:
        raise InputError(f"{folder} has no folder of a network ({', '.join(METHODS)}); {REMEDY}")
    runs = [read_run(place) for place in places]
    for place, run in zip(places, runs, strict=True):
        if run.key != place.name or not set(tested) <= set(run.forecasts):
            raise InputError(
                f"{place}: expected '{place.name}' on {', '.join(sorted(tested))}, found "
                f"'{run.key}' on {', '.join(sorted(run.forecasts))}; {REMEDY}"
            )
        for config in tested:
            first, own = (one.forecasts[config].object_id for one in (runs[0], run))
            if not np.array_equal(first, own):
                raise InputError(
                    f"{folder}: '{runs[0].key}' and '{run.key}' were not tested on the same "
                    f"galaxies of '{config}'; {REMEDY}"
                )
    return runs


def title(release: Release) -> str:
    """Return what figures and tables call a release; of a mock, that it is one."""
    return f"TransferZ {release.version}" + (" (mock galaxies)" if release.mock else "")


def tabulate(runs: Sequence[Run], named: str) -> dict[str, list[PaperTable]]:
    """Return the tables of each file, by its name without ending, one per test split."""
    makers = (score_table, requirement_table, ratio_table, noise_table)
    made = {
        name: [table for config in tested_on(runs) if (table := maker(runs, config, named))]
        for name, maker in zip(TABLES, makers, strict=True)
    }
    return {name: tables for name, tables in made.items() if tables}


def write_tables(tables: Iterable[PaperTable], folder: Path, name: str) -> None:
    """Write tables into one Markdown and one LaTeX file; the notes that all share come once."""
    listed = list(tables)
    after = [*(table.notes for table in listed[1:]), ""]
    texts = {
        "md": "\n".join(
            table.markdown(notes=table.notes != following)
            for table, following in zip(listed, after, strict=True)
        ),
        "tex": LATEX_HEADER + "\n".join(table.latex() for table in listed),
    }
    for ending, text in texts.items():
        (folder / f"{name}.{ending}").write_text(text, encoding="utf-8", newline="\n")


def write_numbers(runs: Sequence[Run], folder: Path) -> None:
    """Write what `dvc metrics` and `dvc plots` show, and the scores in all bins, from entries."""
    compact = {
        run.key: {
            config: _means(run.entry.scores[config].cosmological.metrics)
            for config in tested_on(runs)
        }
        for run in runs
    }
    write_json(folder / METRICS, compact)
    rows: list[dict[str, Any]] = [
        {
            "baseline": run.key,
            "config": config,
            "by": by,
            "from": one.low,
            "to": one.high,
            "middle": one.middle,
            "n": one.n,
            **_means(one.metrics or {}),
        }
        for run in runs
        for config in tested_on(runs)
        for by, bins_of_kind in (run.entry.scores[config].bins or {}).items()
        for one in bins_of_kind
    ]
    _write_csv(folder / BINS, rows)
    wide: dict[Any, dict[str, Any]] = {}  # by the bins' middles, which are the same for all
    for row in rows:
        if (row["config"], row["by"]) == (tested_on(runs)[0], "true_redshift") and row["n"]:
            bins_row = wide.setdefault(row["middle"], {"middle": row["middle"]})
            bins_row[row["baseline"]] = row["bias"]
    _write_csv(folder / PLOTTED, list(wide.values()))


def _means(metrics: Mapping[Any, Summary | None]) -> dict[str, float | None]:
    """Return the means over seeds of the metrics that bins have; None where there is no number."""
    summaries = {name: metrics.get(name) for name in BINNED}
    return {name: None if one is None else one.mean for name, one in summaries.items()}


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="with a run per network")
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    report(args.runs, find_release(args.release), args.out)
    return 0


if __name__ == "__main__":
    run_command(main)
