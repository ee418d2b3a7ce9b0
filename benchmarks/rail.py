"""Train estimators of RAIL on galaxies of a release, and print scores and seconds.

Run ``python benchmarks/rail.py --python rail/bin/python`` in the repository: it prints the table of
docs/rail.md. The galaxies learned from are spread evenly over the training split; the last row is
one of ours, on the same galaxies.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

from transferz.baselines.benchmark.benchmarking import COMMAND, make_outcome
from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.running import run_method
from transferz.baselines.benchmark.task import Task, describe_training, from_release
from transferz.releases import find_release
from transferz.schemas.benchmark.scores import value_parts
from transferz.schemas.errors import TransferZError
from transferz.tables.printing import aligned

METHODS = (
    *("KNearNeigh", "SklNeurNet", "FlexZBoost", "CMNN", "DNF", "GPz", "TPZlite", "BPZlite"),
    *("TrainZ", "nearest"),
)
SHOWN = ("scatter", "outlier_rate", "crps")
HEAD = ["method", "version", "form", "scatter", "outliers (%)", "CRPS", "fit (s)", "predict (s)"]


def thinned(task: Task, rows: int) -> Task:
    """Keep so many galaxies to learn from."""
    chosen = np.linspace(0, len(task.training) - 1, min(rows, len(task.training))).astype(int)
    training = task.training.iloc[chosen].reset_index(drop=True)
    learned = describe_training(task.learned.set, training, task.validation)
    return dataclasses.replace(task, training=training, learned=learned)


def row(name: str, task: Task, tested: str, python: str) -> list[str]:
    """Train and score a method, as a row of the table."""
    ours = name.islower()
    method = load_method(name if ours else f"rail:{name}Estimator", python=python)
    ran = run_method(method, task, [0], allow_missing=True)
    entry = make_outcome(method, task, ran, COMMAND).entry
    scores = entry.scores[tested].ranges["all"].metrics
    cells = [value_parts(one, scores[one].mean, None)[0] for one in SHOWN]
    form = type(ran.fitted[0].predict(task.few().tests[tested].table).distribution).__name__
    seconds = [f"{one:.0f}" for one in (entry.time.fit_s, entry.time.predict_s)]
    version = "ours" if ours else entry.method.version or ""
    complete = entry.scores[tested].completeness
    note = "" if complete == 1.0 else f" ({100 * complete:.1f} % complete)"
    return [method.name.removeprefix("RAIL ") + note, version, form, *cells, *seconds]


def main() -> None:
    """Print the table, a line as soon as it is there, and then aligned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", type=Path)
    parser.add_argument("--python", required=True, help="a Python that has RAIL")
    parser.add_argument("--rows", type=int, default=4000, help="galaxies to learn from")
    parser.add_argument("--tested", default="galaxiesml", help="the test split to show")
    parser.add_argument("methods", nargs="*", default=METHODS)
    args = parser.parse_args()
    task = from_release(find_release(args.release), "combo")
    few = thinned(
        dataclasses.replace(task, tests={args.tested: task.tests[args.tested]}), args.rows
    )
    rows = [HEAD]
    for name in args.methods:
        try:
            rows.append(row(name, few, args.tested, args.python))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
        except TransferZError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
    tested = len(few.tests[args.tested].table)
    print(f"{len(few.training):,} galaxies learned from, {tested:,} of {args.tested} tested")
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
