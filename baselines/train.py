"""``transferz train``: train a baseline with several seeds and say how good it is.

Runs on a bare training machine too, with numpy, pyarrow and torch alone:
``python -m transferz.baselines.train nn_base --release DIR``.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from transferz.baselines.arguments import parse_arguments
from transferz.baselines.experiment import (
    FRACTIONS,
    Columns,
    Experiment,
    add_test_table,
    from_release,
    from_table,
)
from transferz.releases import find_release
from transferz.schemas.errors import TransferZError

if TYPE_CHECKING:
    from transferz.baselines.training import Progress, Schedule, TrainedNetwork


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; the process's own by default.
    prog : str, optional
        What the help calls the command.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    TransferZError
        Where the input is not what it should be.
    """
    args = parse_arguments(argv, prog)
    experiment = _experiment(args)

    from transferz.baselines import scores  # takes torch, seconds: the arguments are fine by now

    started = time.monotonic()
    networks = _train_all(args, experiment)
    scored = scores.score_networks(networks, experiment)
    sys.stdout.write(f"{_headline(args, experiment)}\n{scores.format_scores(scored)}\n")
    if args.out:
        record = _record(args, experiment, networks) | {
            "duration_s": round(time.monotonic() - started, 1),
            "scores": scored,
        }
        scores.write_results(args.out, record, networks)
    return 0


def _experiment(args: Namespace) -> Experiment:
    if args.table:
        columns = Columns(args.bands, args.redshift, args.id, args.columns)
        shares = args.fractions or FRACTIONS
        experiment = from_table(args.table, columns, shares, drop_missing=args.drop_missing)
    else:
        release = find_release(args.release)
        release.announce()
        experiment = from_release(release, args.method)
    if args.test_table:
        tested = Columns(args.test_bands or args.bands, args.test_redshift or args.redshift)
        experiment = add_test_table(
            experiment, args.test_table, tested, drop_missing=args.drop_missing
        )
    return experiment


def _train_all(args: Namespace, experiment: Experiment) -> "list[TrainedNetwork]":
    import torch

    from transferz.baselines.scores import check_output
    from transferz.baselines.training import find_device, train

    if args.out:
        check_output(args.out)
    torch.set_num_threads(args.threads)
    samples, device, schedule = experiment.samples, find_device(args.device), _schedule(args)
    networks = [
        train(
            samples["train"],
            samples["validation"],
            seed=seed,
            schedule=schedule,
            device=device,
            progress=_progress_line(seed, args.seeds),
        )
        for seed in range(args.seeds)
    ]
    _clear_line()
    return networks


def _schedule(args: Namespace) -> "Schedule":
    from transferz.baselines.training import Schedule

    given = {
        "learning_rate": args.learning_rate,
        "batch_size": args.batch_size,
        "max_epochs": args.epochs,
        "patience": args.patience,
    }
    return Schedule(**{name: value for name, value in given.items() if value is not None})


def _progress_line(seed: int, seeds: int) -> "Progress | None":
    """One line on a terminal that follows the training; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def show(epoch: int, loss: float, best: float) -> None:
        text = f"seed {seed + 1}/{seeds}  epoch {epoch}  validation loss {loss:.4f}"
        sys.stderr.write(f"\r{text}  best {best:.4f}\033[K")
        sys.stderr.flush()

    return show


def _clear_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


def _headline(args: Namespace, experiment: Experiment) -> str:
    counts = ", ".join(f"{len(sample)} {name}" for name, sample in experiment.samples.items())
    origins = [
        f"{table['file']}: {table['dropped']} rows without all of "
        f"{', '.join(table['bands'])} and {table['redshift']} dropped"
        for table in (experiment.source.get(name) for name in ("table", "test_table"))
        if table and table["dropped"]
    ]
    return "\n".join([f"{args.method}, {args.seeds} seed(s); galaxies: {counts}", *origins])


def _record(
    args: Namespace, experiment: Experiment, networks: "Sequence[TrainedNetwork]"
) -> dict[str, Any]:
    """Provenance of a run, as JSON."""
    import numpy as np
    import torch

    return {
        "method": args.method,
        "source": experiment.source,
        "bands": list(experiment.bands),
        "galaxies": {name: len(sample) for name, sample in experiment.samples.items()},
        "schedule": asdict(_schedule(args)),
        "device": str(networks[0].device),
        "threads": args.threads,
        "packages": {"numpy": np.__version__, "torch": str(torch.__version__)},
        "training": [
            {
                "seed": network.seed,
                "epochs": network.epochs,
                "best_epoch": network.best_epoch,
                "validation_loss": network.validation_loss,
            }
            for network in networks
        ],
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TransferZError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
