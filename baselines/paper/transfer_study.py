"""How NN-TL is to be fine-tuned: a study on the validation splits, never on a test split.

Which layers the paper freezes, and its learning rate, are not published. This trains NN-Base, then
fine-tunes it on GalaxiesML with every choice, and prints a Markdown table: the choice of least mean
validation loss on GalaxiesML; among those within its standard error, that of least loss on
TransferZ's validation split. Run as ``python -m transferz.baselines.paper.transfer_study``.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from transferz.baselines.benchmark.run_command import run_command
from transferz.baselines.benchmark.samples import Sample, read_split
from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks.ensemble import Ensemble
from transferz.baselines.networks.hardware import default_threads, find_device
from transferz.baselines.networks.progress import epoch_line
from transferz.baselines.networks.training import Schedule, train
from transferz.baselines.scores.metrics import in_cosmological_range, score
from transferz.releases import Release, find_release

FROZEN = ((), (1, 2), (2, 3, 4), (1, 2, 3, 4))
"""Layers: from none to all but the head; (2, 3, 4) as in the group's image network."""

LEARNING_RATES = (5e-4, 1e-4)
SHOWN = ("loss", "bias", "rmse")
BASE, TARGET = "transferz", "galaxiesml"

Row = dict[str, Any]


def study(release: Release, seeds: int, device: torch.device) -> list[Row]:
    """Fine-tune with every choice.

    Parameters
    ----------
    release : Release
        With configs ``transferz`` and ``galaxiesml``.
    seeds : int
        Networks per choice.
    device : torch.device
        Where to compute.

    Returns
    -------
    list of dict
        Per choice ``frozen``, ``learning_rate``, ``epochs`` (mean), and by config the scores of
        its validation split, an array over seeds each. The first is NN-Base as it is.
    """
    samples = {
        (config, split): read_split(release, config, split)
        for config in (BASE, TARGET)
        for split in ("train", "validation")
    }
    base = _fit(samples, BASE, seeds, Schedule(), device)
    rows = [_row("NN-Base", base, Schedule(), samples)]
    for frozen, rate in itertools.product(FROZEN, LEARNING_RATES):
        schedule = Schedule(learning_rate=rate, frozen=frozen)
        tuned = _fit(samples, TARGET, seeds, schedule, device, base)
        rows.append(_row("NN-TL", tuned, schedule, samples))
        sys.stderr.write(f"{' | '.join(_cells(rows[-1], bold=False))}\n")
    return rows


def _fit(
    samples: Mapping[tuple[str, str], Sample],
    config: str,
    seeds: int,
    schedule: Schedule,
    device: torch.device,
    start: Ensemble | None = None,
) -> Ensemble:
    sets = (samples[config, split] for split in ("train", "validation"))
    with epoch_line(f"frozen {schedule.frozen}, rate {schedule.learning_rate:g}") as progress:
        return train(
            *sets,
            seeds=range(seeds),
            schedule=schedule,
            start=start,
            device=device,
            progress=progress,
        )


def _row(
    name: str,
    ensemble: Ensemble,
    schedule: Schedule,
    samples: Mapping[tuple[str, str], Sample],
) -> Row:
    return {
        "method": name,
        "frozen": schedule.frozen,
        "learning_rate": schedule.learning_rate,
        "epochs": np.mean([fit.epochs for fit in ensemble.fits]),
    } | {config: _scores(ensemble, samples[config, "validation"]) for config in (BASE, TARGET)}


def _scores(ensemble: Ensemble, sample: Sample) -> dict[str, Any]:
    """The loss over all redshifts, since it is what training minimises; the rest in 0.3-1.5."""
    predicted, kept = ensemble.predict(sample.magnitudes), in_cosmological_range(sample.redshift)
    cosmological = score(predicted[:, kept], sample.redshift[kept])
    return cosmological | {"loss": score(predicted, sample.redshift)["loss"]}


def choose(rows: Sequence[Row]) -> Row:
    """Pick the choice of least loss on GalaxiesML; see the module's head.

    Parameters
    ----------
    rows : sequence of dict
        Of `study`, without NN-Base.
    """
    best = min(rows, key=lambda row: float(row[TARGET]["loss"].mean()))
    losses = best[TARGET]["loss"]
    limit = losses.mean() + losses.std(ddof=1) / np.sqrt(losses.size)
    alike = [row for row in rows if row[TARGET]["loss"].mean() <= limit]
    return min(alike, key=lambda row: float(row[BASE]["loss"].mean()))


def markdown(rows: Sequence[Row], chosen: Row) -> str:
    """Lay the study out as a Markdown table, the chosen row in bold."""
    head = ["Network", "frozen layers", "learning rate", "epochs"]
    head += [f"{TITLES[config]}: {name.replace('_', ' ')}" for config in TITLES for name in SHOWN]
    lines = [head, ["---"] * len(head), *(_cells(row, row is chosen) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


TITLES = {TARGET: "GalaxiesML", BASE: "TransferZ"}


def _cells(row: Row, bold: bool) -> list[str]:
    frozen = "–".join(map(str, sorted({*row["frozen"][:1], *row["frozen"][-1:]}))) or "none"
    first = [row["method"], frozen, f"{row['learning_rate']:g}", f"{row['epochs']:.0f}"]
    cells = first + [_cell(row[config][name]) for config in TITLES for name in SHOWN]
    return [f"**{cell}**" for cell in cells] if bold else cells


def _cell(values: Any) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def several(text: str) -> int:
    """Read a number of seeds that have a spread."""
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError("expected 2 or more: one seed has no spread")
    return int(text)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    parser.add_argument("--seeds", type=several, default=5, help="networks per choice (default: 5)")
    parser.add_argument("--device", default="auto", help="(default: a GPU where there is one)")
    parser.add_argument("--threads", type=int, default=default_threads(), help="CPU threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    release = find_release(args.release)
    release.announce()
    rows = study(release, args.seeds, find_device(args.device))
    what = f"{METHODS['nn_tl'].title} on {'mock ' if release.mock else ''}validation splits"
    sys.stdout.write(f"{what}, {args.seeds} seeds\n\n{markdown(rows, choose(rows[1:]))}\n")
    return 0


if __name__ == "__main__":
    run_command(main)
