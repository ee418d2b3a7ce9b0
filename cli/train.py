"""``transferz train``: train a network of the paper's with several seeds at once, and score it.

It is ``transferz benchmark`` with the networks' own options. Runs on a training machine too, with
numpy, pandas, pyarrow, pydantic, PyYAML, scipy and torch alone:
``python -m transferz.cli train nn_base --release DIR``.
"""

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from transferz.baselines.benchmark.loading import Method, MethodError
from transferz.baselines.benchmark.outcome import check_folder, make_outcome
from transferz.baselines.benchmark.own_tables import (
    FRACTIONS,
    OwnTable,
    add_test_table,
    from_own_tables,
)
from transferz.baselines.benchmark.printing import outcome_text, samples_text
from transferz.baselines.benchmark.running import Ran, run_method
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.methods.paper import METHODS
from transferz.cli.train_arguments import parse_arguments
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.entries import TableFacts
from transferz.schemas.errors import ParameterError, TransferZError
from transferz.schemas.survey.manifest import read_manifest
from transferz.tables.files import replace_directory

if TYPE_CHECKING:
    from transferz.baselines.networks.training import Schedule
    from transferz.baselines.networks.weights import Model


def train(argv: Sequence[str]) -> int:
    """Train a network of the paper's and score it.

    Parameters
    ----------
    argv : sequence of str
        Arguments after the command's name.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    TransferZError
        Where the input is not what it should be; nothing is written then.
    """
    args = parse_arguments(argv)
    if args.out:
        check_folder(args.out, replace=args.replace)
    release = None if args.table else find_release(args.release)
    if release:
        release.announce()
    method, start = _method(args)
    task = _task(args, method, release, start)
    if start:
        _require_bands(args, task, start)
    ran = _run(method, task, args.seeds)
    sys.stdout.write(f"{_headline(args, task)}\n{samples_text(_samples(task, ran))}\n")
    if not task.tests:  # nothing that an entry could be about
        kept = method.keep(ran.fitted, task.columns, task.source)
        if args.out and kept:
            with replace_directory(args.out) as beside:
                kept.write(beside)
        return 0
    command = shlex.join(["transferz", "train", *argv])
    outcome = make_outcome(method, task, ran, command)
    sys.stdout.write(f"\n{outcome_text(outcome.entry)}")
    if args.out:
        outcome.write(args.out)
    return 0


def _method(args: Namespace) -> "tuple[Method, Model | None]":
    """The method with its options, and the model that it starts from."""
    from transferz.baselines.methods.networks import PHOTOMETRY  # takes seconds: torch
    from transferz.baselines.networks.hardware import find_device
    from transferz.baselines.networks.progress import epoch_line
    from transferz.baselines.networks.weights import load_ensemble

    find_device(args.device)
    options: dict[str, Any] = {
        "schedule": _schedule(args),
        "device": args.device,
        "threads": args.threads,
        "tf32": args.tf32,
        "show": lambda title: epoch_line(title, quiet=args.quiet),
    }
    start = load_ensemble(args.start) if args.start else None
    if first := METHODS[args.method].start:
        options["start"] = start
        if not start:
            sys.stderr.write(
                f"no --start: {METHODS[first].title} is trained first, with as many seeds\n"
            )
    return Method(PHOTOMETRY[args.method], args.method, options), start


def _schedule(args: Namespace) -> "Schedule":
    from transferz.baselines.networks.training import PAPER, Schedule

    given = {"batch_size": args.batch_size, "max_epochs": args.epochs, "patience": args.patience}
    method = METHODS[args.method]
    return Schedule(
        learning_rate=args.learning_rate or method.learning_rate or PAPER.learning_rate,
        frozen=method.frozen if args.frozen is None else args.frozen,
        **{name: value for name, value in given.items() if value is not None},
    )


def _task(args: Namespace, method: Method, release: Release | None, start: "Model | None") -> Task:
    further = None
    if args.test_table:
        bands, redshift = args.test_bands or args.bands, args.test_redshift or args.redshift
        further = OwnTable(args.test_table, bands, redshift)
    if release is None:
        table = OwnTable(
            args.table, args.bands, args.redshift, identifier=args.id, names=args.columns
        )
        shares = args.fractions or FRACTIONS
        return from_own_tables(
            table, further, shares, drop_missing=args.drop_missing, require_test=False
        )
    training = method.train
    if start and not _is_of(start, release):
        training = METHODS[args.method].config  # what it learned from is no part of this release
    task = from_release(release, training, require_test=False)
    if further:
        task = add_test_table(task, further, drop_missing=args.drop_missing)
    return task


def _is_of(model: "Model", release: Release) -> bool:
    """Whether a model learned from a release's galaxies as they are now."""
    held = read_manifest(release.path).get("content", {})
    learned = model.provenance.get("source", {}).get("release", {}).get("content", {})
    return bool(learned) and all(
        held.get(config, {}).get(split, {}).get("content") == digest
        for config, splits in learned.items()
        for split, digest in splits.items()
    )


def _require_bands(args: Namespace, task: Task, start: "Model") -> None:
    """Refuse a start that is another method's, has other bands, or too few seeds."""
    from transferz.baselines.networks.weights import require_order

    method, found = METHODS[args.method].start, start.provenance.get("method")
    if found != method:
        raise ParameterError(
            f"--start {args.start} is '{found}'; {args.method} fine-tunes '{method}': train that "
            "with --out, and name its directory"
        )
    if len(start.bands) != len(task.columns):
        raise ParameterError(
            f"--start {args.start} takes {len(start.bands)} bands ({', '.join(start.bands)}), "
            f"found {len(task.columns)} ({', '.join(task.columns)}); give as many"
        )
    require_order(task.columns, start.bands, "--bands")


def _run(method: Method, task: Task, seeds: int) -> Ran:
    """Train and forecast; what the networks' code says of the arguments needs no more words."""
    try:
        return run_method(method, task, range(seeds))
    except MethodError as error:
        if isinstance(error.__cause__, TransferZError):
            raise error.__cause__ from None
        raise


def _samples(task: Task, ran: Ran) -> dict[str, Any]:
    """What is forecast of all that was learned from and tested on, and what is true."""
    ensemble, bands = ran.fitted[0].whole, list(task.bands)
    learned = {"train": task.training, "validation": task.validation}
    samples = {
        name: (
            ensemble.predict(table[bands].to_numpy("float64")),
            table["redshift"].to_numpy("float64"),
        )
        for name, table in learned.items()
    }
    tested = ran.forecasts.items()
    return samples | {name: (one.point, one.redshift.astype("float64")) for name, one in tested}


def _headline(args: Namespace, task: Task) -> str:
    sizes = {"train": len(task.training), "validation": len(task.validation)}
    sizes |= {name: len(one.redshift) for name, one in task.tests.items()}
    counts = ", ".join(f"{size} {name}" for name, size in sizes.items())
    tables: list[TableFacts | None] = [getattr(task.data, "table", None), task.data.test_table]
    dropped = [
        f"{table.file}: {table.dropped} rows without all of {', '.join(table.bands)} and "
        f"{table.redshift} dropped"
        for table in tables
        if table and table.dropped
    ]
    return "\n".join([f"{args.method}, {args.seeds} seed(s); galaxies: {counts}", *dropped])
