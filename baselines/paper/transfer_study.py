"""How NN-TL is to be fine-tuned: a study on the validation splits, never on a test split.

Which layers the paper freezes, and its learning rate, are not published. This trains NN-Base, then
fine-tunes it on spectroscopic redshifts with every choice, and prints a Markdown table: the choice
of least mean validation loss on these; among those within its standard error, that of least loss on
the validation split of the many-band labels, TransferZ's say. Run as
``python -m transferz.baselines.paper.transfer_study``.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.methods.networks import NNTL, NetworkMethod, NNBase
from transferz.baselines.networks.ensemble import Model
from transferz.baselines.networks.environment import default_threads, epoch_line
from transferz.baselines.networks.training import Schedule
from transferz.baselines.paper import run_command
from transferz.baselines.scores.metrics import in_cosmological_range, score
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.scores import config_title
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC

FROZEN = ((), (1, 2), (2, 3, 4), (1, 2, 3, 4))
"""Layers: from none to all but the head; (2, 3, 4) as in the group's image network."""

LEARNING_RATES = (5e-4, 1e-4)
SHOWN = ("loss", "bias", "rmse")
BASE, TARGET = LABEL, SPECTROSCOPIC
"""Roles of the configs."""

Row = dict[str, Any]


def study(release: Release, seeds: int, **options: Any) -> list[Row]:
    """Fine-tune with every choice, `seeds` networks each.

    The release has configs of both kinds of redshift; the options are a device and threads. A row
    has ``frozen``, ``learning_rate``, ``epochs`` (mean), and by role the scores of the config's
    validation split, an array over seeds each; the first is NN-Base as it is.
    """
    task, configs = from_release(release, NNTL.train), release.configs()
    galaxies = [
        table[table["config"] == configs[BASE]].reset_index(drop=True)
        for table in (task.training, task.validation)
    ]
    base = NNBase(**options).fit_seeds(*galaxies, seeds=range(seeds))[0]
    start = Model(base.whole, task.bands, {"method": NNBase.key, "schedule": {}})
    rows = [_row(base, task, configs)]
    for frozen, rate in itertools.product(FROZEN, LEARNING_RATES):
        schedule = Schedule(learning_rate=rate, frozen=frozen)
        method = NNTL(start=start, schedule=schedule, **options)
        tuned = method.fit_seeds(task.training, task.validation, seeds=range(seeds))[0]
        rows.append(_row(tuned, task, configs))
        sys.stderr.write(f"{' | '.join(_cells(rows[-1], bold=False))}\n")
    return rows


def _row(method: NetworkMethod, task: Task, configs: Mapping[str, str]) -> Row:
    """Score a method on the validation splits.

    The loss is over all redshifts, since it is what training minimises; the rest in 0.3-1.5.
    """
    row: Row = {
        "method": method.name,
        "frozen": method.schedule.frozen,
        "learning_rate": method.schedule.learning_rate,
        "epochs": np.mean([fit.epochs for fit in method.whole.fits]),
    }
    for role in (BASE, TARGET):
        table = task.validation[task.validation["config"] == configs[role]]
        true = table["redshift"].to_numpy(np.float64)
        predicted = method.whole.predict(table[list(task.bands)].to_numpy(np.float64))
        kept = in_cosmological_range(true)
        loss = score(predicted, true, ("loss",))
        row[role] = score(predicted[:, kept], true[kept], SHOWN[1:]) | loss
    return row


def choose(rows: Sequence[Row]) -> Row:
    """Pick the choice of least loss on spectroscopic redshifts, not NN-Base; see the head."""
    best = min(rows, key=lambda row: float(row[TARGET]["loss"].mean()))
    losses = best[TARGET]["loss"]
    limit = losses.mean() + losses.std(ddof=1) / np.sqrt(losses.size)
    alike = [row for row in rows if row[TARGET]["loss"].mean() <= limit]
    return min(alike, key=lambda row: float(row[BASE]["loss"].mean()))


def markdown(rows: Sequence[Row], chosen: Row, configs: Mapping[str, str]) -> str:
    """Lay the study out as a Markdown table, the chosen row in bold."""
    titles = [config_title(configs[role]) for role in (TARGET, BASE)]
    head = ["Network", "frozen layers", "learning rate", "epochs"]
    head += [f"{title}: {name.replace('_', ' ')}" for title in titles for name in SHOWN]
    lines = [head, ["---"] * len(head), *(_cells(row, row is chosen) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row, bold: bool) -> list[str]:
    frozen = "–".join(map(str, sorted({*row["frozen"][:1], *row["frozen"][-1:]}))) or "none"
    first = [row["method"], frozen, f"{row['learning_rate']:g}", f"{row['epochs']:.0f}"]
    cells = first + [_cell(row[role][name]) for role in (TARGET, BASE) for name in SHOWN]
    return [f"**{cell}**" for cell in cells] if bold else cells


def _cell(values: Any) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def several(text: str) -> int:
    """Read a number of seeds that have a spread."""
    if not text.isdecimal() or (seeds := int(text)) < 2:
        raise argparse.ArgumentTypeError("expected 2 or more: one seed has no spread")
    return seeds


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    parser.add_argument("--seeds", type=several, default=5, help="networks per choice (default: 5)")
    parser.add_argument("--device", default="auto", help="(default: a GPU where there is one)")
    parser.add_argument("--threads", type=int, default=default_threads(), help="CPU threads")
    args = parser.parse_args()
    release = find_release(args.release)
    release.announce()
    options = {"device": args.device, "threads": args.threads, "show": epoch_line}
    rows = study(release, args.seeds, **options)
    table = markdown(rows, choose(rows[1:]), release.configs())
    what = f"{NNTL.name} on {'mock ' if release.mock else ''}validation splits"
    sys.stdout.write(f"{what}, {args.seeds} seeds\n\n{table}\n")
    return 0


if __name__ == "__main__":
    run_command(main)
