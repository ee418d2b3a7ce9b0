"""Choose the settings of reference methods on validation sets, from at most eight each.

No benchmark of speed: it prints Markdown. Each setting learns from EGS's training part and from
some of the mock's, and is scored on the validation part alone, by the loss of Tanaka et al. 2018
and, where it forecasts distributions, by CRPS. What is chosen has the least sum of both tables'
scores, each in units of the first setting's; the classes in baselines/methods hold it.

Run as ``python benchmarks/tuning.py --data DIR [--methods lightgbm forest]``.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from real_methods import tasks

from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.task import from_release
from transferz.baselines.methods.common import labels, validation_loss
from transferz.releases import find_release
from transferz.schemas.survey.described import UNION

ROWS = 6000
"""Of the mock's training set, and a third as many of its validation set."""

GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "lightgbm": {
        "num_leaves": (15, 31, 63),
        "min_child_samples": (10, 30),
    },
    "xgboost": {"max_depth": (6, 8, 10), "min_child_weight": (2, 10)},
    "catboost": {"depth": (6,), "l2_leaf_reg": (1, 5)},
    "quantile_forest": {"min_samples_leaf": (2, 3, 5, 8), "max_features": (0.5, 1.0)},
}


def settings(method: str) -> Iterator[dict[str, Any]]:
    """List a method's settings, the first of which is the measure of the others."""
    names, values = zip(*GRIDS[method].items(), strict=True)
    for chosen in itertools.product(*values):
        yield dict(zip(names, chosen, strict=True))


def sets(data: Path) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield training and validation parts of EGS, then of the mock."""
    egs = next(task for name, task in tasks(data) if name == "egs")
    yield egs.training, egs.validation
    mock = from_release(find_release(), UNION)
    yield (
        mock.training.sample(ROWS, random_state=0),
        mock.validation.sample(ROWS // 3, random_state=0),
    )


def scores(method: str, chosen: dict[str, Any], parts: Any) -> list[float]:
    """Train with a setting on each table; return loss and CRPS, where there is one, of each."""
    found = []
    for train, validation in parts:
        fitted = load_method(method).kind(**chosen).fit(train, validation, seed=0)
        forecast = fitted.predict(validation)
        found.append(validation_loss(forecast.point, labels(validation)))
        if forecast.distribution is not None:
            found.append(float(forecast.distribution.crps(labels(validation)).mean()))
    return found


def main() -> int:
    """Print a table of all settings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the real tables")
    parser.add_argument("--methods", nargs="+", choices=GRIDS, default=[*GRIDS])
    args = parser.parse_args()
    parts = list(sets(args.data))
    print("| method | settings | EGS: loss, CRPS | mock: loss, CRPS | sum | s |")
    print("|---|---|---|---|---|---|")
    for method in args.methods:
        first: list[float] = []
        for chosen in settings(method):
            began = time.perf_counter()
            found = scores(method, chosen, parts)
            first = first or found
            total = sum(own / its for own, its in zip(found, first, strict=True))
            told = ", ".join(f"{name} {value}" for name, value in chosen.items())
            half = len(found) // 2
            egs, mock = (
                ", ".join(f"{one:.4f}" for one in part) for part in (found[:half], found[half:])
            )
            took = time.perf_counter() - began
            print(f"| {method} | {told} | {egs} | {mock} | {total:.4f} | {took:.0f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
