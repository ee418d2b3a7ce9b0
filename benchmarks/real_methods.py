"""The reference methods on tables of real galaxies, by the benchmark, in one table.

No benchmark of speed: it prints Markdown. Each table is split by hash, as `transferz train` does;
every method learns from the same part and is scored on the same test part with five seeds, as by
`transferz benchmark NAME --table ...`. The template fit is not among them: it knows HSC's filters,
and these are others. NN-Spec stands for all the photometry networks, as there is one training set.

Run as ``python benchmarks/real_methods.py --data DIR [--quick] [--out RUNS]``; in DIR it expects
``egs_ugrizy_redshift.csv.gz``, ``SDSS_MGS.train`` and ``SDSS_MGS.test``.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.loading import MethodError, load_method
from transferz.baselines.benchmark.own_tables import OwnTable, from_own_tables
from transferz.baselines.benchmark.task import Task
from transferz.baselines.leaderboard import (
    Board,
    read_board,
    write_comparisons,
)
from transferz.baselines.leaderboard.words import MARK_WORDS, margins_text, value_text
from transferz.schemas.benchmark.scores import METRIC_TITLES
from transferz.tables.reading import open_table

METHODS = (
    "median",
    "nearest",
    "trees",
    "quantile_trees",
    "conformal_trees",
    "quantile_forest",
    "blended_trees",
    "lightgbm",
    "xgboost",
    "catboost",
    "flexzboost",
    "gaussian_process",
    "tabm",
    "realmlp",
    "nn_spec",
    "nn_both",
    "mixture_density",
    "bayesian",
)
QUICK = ("median", "nearest", "trees")

SETS = {"egs": ("EGS, grizy", "table"), "sdss": ("SDSS MGS, ugriz", "test_table")}
"""Folder -> what the table is called, and the test set that is shown."""

SHOWN = ("bias", "scatter", "outlier_rate", "rmse", "crps", "coverage_90")
EGS, SDSS = "egs_ugrizy_redshift.csv.gz", "SDSS_MGS"
SDSS_SHARES = (0.8, 0.1, 0.1, 0.0)  # it has a test file of its own


def tasks(data: Path) -> Iterator[tuple[str, Task]]:
    """Read and split both surveys' tables."""
    errors = tuple(f"{band}err" for band in "grizy")
    yield (
        "egs",
        from_own_tables(
            OwnTable(data / EGS, tuple("grizy"), "redshift", errors), drop_missing=True
        ),
    )
    names = open_table(data / f"{SDSS}.test").names  # the training file's header lacks one
    bands = tuple("ugriz")
    table = OwnTable(data / f"{SDSS}.train", bands, "zs", names=names)
    yield "sdss", from_own_tables(table, OwnTable(data / f"{SDSS}.test", bands, "zs"), SDSS_SHARES)


def run(name: str, task: Task, methods: tuple[str, ...], seeds: int, out: Path) -> Board:
    """Run all methods on a table, and compare them; one whose library is missing is left out."""
    for method in methods:
        try:
            load_method(method)
        except MethodError as error:
            sys.stderr.write(f"{name}: {error}: left out\n")
            continue
        sys.stderr.write(f"{name}: {method}\n")
        benchmark(method, task, seeds=seeds).write(out / name / method)
    write_comparisons(out / name)
    return read_board(out / name, None)


def rows(board: Board, config: str) -> Iterator[list[str]]:
    """Lay out a survey's methods below the columns' names, best scatter first."""
    head = ["method", *(METRIC_TITLES[name] for name in SHOWN)]
    yield from (head, ["---"] * len(head))
    for row in board.ordered(config, "all", "scatter"):
        cells = [
            f"{value_text(name, row.summary(config, 'all', name))} "
            f"{board.mark(row, config, 'all', name)}".strip()
            for name in SHOWN
        ]
        yield [row.entry.method.name, *cells]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the real tables")
    parser.add_argument("--quick", action="store_true", help="2 seeds of the fast methods")
    parser.add_argument("--out", type=Path, help="keep the runs there (default: nowhere)")
    args = parser.parse_args()
    methods, seeds = (QUICK, 2) if args.quick else (METHODS, 5)
    with tempfile.TemporaryDirectory() as folder:
        for name, task in tasks(args.data):
            title, config = SETS[name]
            board = run(name, task, methods, seeds, args.out or Path(folder))
            counts = f"{len(task.training):,} + {task.tests[config].redshift.size:,}"
            print(f"**{title} ({counts})**\n")
            print("".join(f"| {' | '.join(line)} |\n" for line in rows(board, config)))
    marks = (f"{mark or 'no mark'}: {words}" for mark, words in MARK_WORDS.items())
    print(
        "In brackets galaxies to learn from + tested; all redshifts. "
        f"{'; '.join(marks)}. Margins: {margins_text(SHOWN)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
