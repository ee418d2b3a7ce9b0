"""``transferz train``: train a baseline with several seeds at once and say how good it is.

Runs on a bare training machine too, with numpy, pyarrow and torch alone:
``python -m transferz.cli.train_command nn_base --release DIR``.
"""

import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from transferz.baselines.benchmark.experiment import (
    FRACTIONS,
    Columns,
    Experiment,
    add_test_table,
    from_release,
    from_table,
)
from transferz.baselines.benchmark.run_command import run_command
from transferz.baselines.methods.paper import METHODS
from transferz.cli.train_arguments import parse_arguments
from transferz.releases import find_release
from transferz.schemas.errors import ParameterError

if TYPE_CHECKING:
    from transferz.baselines.networks.ensemble import Ensemble
    from transferz.baselines.networks.training import Schedule


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

    # Takes torch, seconds: the arguments are fine by now.
    from transferz.baselines.networks.weights import check_output, write_model
    from transferz.baselines.scores.evaluation import format_scores, score_samples

    if args.out:
        check_output(args.out, replace=args.replace)
    started = time.monotonic()
    ensemble, provenance = _train(args, experiment)
    duration = time.monotonic() - started
    scored = score_samples(ensemble.predict, experiment.samples)
    sys.stdout.write(f"{_headline(args, experiment)}\n{format_scores(scored)}\n")
    if args.out:
        record = provenance | _record(args, experiment, ensemble, duration, argv)
        write_model(args.out, ensemble, experiment.bands, provenance, record | {"scores": scored})
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


def _train(args: Namespace, experiment: Experiment) -> "tuple[Ensemble, dict[str, Any]]":
    """The trained networks, and what they were made of: the same for the same networks."""
    import torch

    from transferz.baselines.networks.hardware import find_device

    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high" if args.tf32 else "highest")
    device, schedule = find_device(args.device), _schedule(args)
    start, origin = _start(args, experiment, device)
    ensemble = _fit(args, experiment, args.method, schedule, device, start)
    return ensemble, {
        "method": args.method,
        "source": _without_version(experiment.source),
        "schedule": asdict(schedule),
        "start": origin,
        "tf32": args.tf32,
    }


def _without_version(source: dict[str, Any]) -> dict[str, Any]:
    """What a release holds decides what is learned from it, and not what it is called."""
    if "release" not in source:
        return source
    facts = {name: value for name, value in source["release"].items() if name != "version"}
    return source | {"release": facts}


def _fit(
    args: Namespace,
    experiment: Experiment,
    method: str,
    schedule: "Schedule",
    device: Any,
    start: "Ensemble | None" = None,
) -> "Ensemble":
    from transferz.baselines.networks.progress import epoch_line
    from transferz.baselines.networks.training import train

    with epoch_line(METHODS[method].title, quiet=args.quiet) as progress:
        return train(
            experiment.samples["train"],
            experiment.samples["validation"],
            seeds=range(args.seeds),
            schedule=schedule,
            start=start,
            device=device,
            progress=progress,
        )


def _start(
    args: Namespace, experiment: Experiment, device: Any
) -> "tuple[Ensemble | None, dict[str, Any] | None]":
    """The networks that are fine-tuned, and what they are: read, or trained here first."""
    method = METHODS[args.method].start
    if not method:
        return None, None
    if args.start:
        return _read_start(args, experiment, method)
    from transferz.baselines.networks.training import Schedule

    sys.stderr.write(f"no --start: {METHODS[method].title} is trained first, with as many seeds\n")
    first = from_release(find_release(args.release), method)
    schedule = Schedule(**_given(args))
    return _fit(args, first, method, schedule, device), {
        "method": method,
        "config": first.source["config"],
        "schedule": asdict(schedule),
    }


def _read_start(
    args: Namespace, experiment: Experiment, method: str
) -> "tuple[Ensemble, dict[str, Any]]":
    from transferz.baselines.networks.weights import load_ensemble, require_order

    model = load_ensemble(args.start)
    found = model.provenance.get("method")
    if found != method:
        raise ParameterError(
            f"--start {args.start} is '{found}'; {args.method} fine-tunes '{method}': train that "
            "with --out, and name its directory"
        )
    if len(model.bands) != len(experiment.bands):
        raise ParameterError(
            f"--start {args.start} takes {len(model.bands)} bands ({', '.join(model.bands)}), "
            f"found {len(experiment.bands)} ({', '.join(experiment.bands)}); give as many"
        )
    require_order(experiment.bands, model.bands, "--bands")
    return model.ensemble, model.provenance


def _given(args: Namespace) -> dict[str, Any]:
    given = {"batch_size": args.batch_size, "max_epochs": args.epochs, "patience": args.patience}
    return {name: value for name, value in given.items() if value is not None}


def _schedule(args: Namespace) -> "Schedule":
    from transferz.baselines.networks.training import PAPER, Schedule

    method = METHODS[args.method]
    rate = args.learning_rate or method.learning_rate or PAPER.learning_rate
    frozen = method.frozen if args.frozen is None else args.frozen
    return Schedule(**_given(args), learning_rate=rate, frozen=frozen)


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
    args: Namespace,
    experiment: Experiment,
    ensemble: "Ensemble",
    duration: float,
    argv: Sequence[str] | None,
) -> dict[str, Any]:
    """What else there is to say of a run, as JSON: it differs between machines and days."""
    import numpy as np
    import torch

    from transferz.baselines.networks.hardware import describe_hardware

    device = str(ensemble.networks.weights[0].device)
    return {
        "source": experiment.source,
        "bands": list(experiment.bands),
        "galaxies": {name: len(sample) for name, sample in experiment.samples.items()},
        "device": device,
        "hardware": describe_hardware(device),
        "threads": args.threads,
        "packages": {"numpy": np.__version__, "torch": str(torch.__version__)},
        "command": shlex.join(["transferz", "train", *(sys.argv[1:] if argv is None else argv)]),
        "training": [asdict(fit) for fit in ensemble.fits],
        "duration_s": round(duration, 1),
    }


if __name__ == "__main__":
    run_command(main)
