"""``transferz train``: train a network of the paper's with several seeds at once, and score it.

It is ``transferz benchmark`` with the networks' own options. Runs on a training machine too, with
numpy, pandas, pyarrow, pydantic, PyYAML, scipy and torch alone:
``python -m transferz.cli train nn_base --release DIR``.
"""

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.baselines.benchmark.benchmarking import held_folder, make_outcome
from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.own_tables import (
    FRACTIONS,
    OwnTable,
    add_test_table,
    from_own_tables,
    table_remarks,
)
from transferz.baselines.benchmark.running import Ran, run_method
from transferz.baselines.benchmark.scoring import outcome_text, samples_text
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.methods import METHODS
from transferz.cli.options import (
    add_columns_option,
    add_machine_options,
    add_release_option,
    column_names,
    command_parser,
    fractions,
    positive,
    require_given,
)
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.scores import label_first
from transferz.schemas.errors import ParameterError, TransferZError
from transferz.tables.files import replace_directory
from transferz.tables.printing import counted, printable_lines

if TYPE_CHECKING:
    from transferz.baselines.networks.ensemble import Model
    from transferz.baselines.networks.training import Schedule


DESCRIPTION = """\
Train the photometry network of Soriano et al. 2024, all seeds at once, and score it.

On a release:    transferz train nn_combo --release data/mock/release/transferz
On your table:   transferz train nn_spec --table T.csv --bands g,r,i,z,y --redshift z --seeds 10
Fine-tuning:     transferz train nn_tl --start DIR_OF_NN_BASE --out DIR
"""

OF_TABLE = ("bands", "redshift", "id", "columns", "fractions")
OF_TEST_TABLE = ("test_bands", "test_redshift")


def train(argv: Sequence[str]) -> int:
    """Train a network of the paper's and score it."""
    args = parse_arguments(argv)
    command = shlex.join(["transferz", "train", *argv])
    with held_folder(args.out, replace=args.replace):
        said = _train(args, command)
    sys.stdout.write(said)
    return 0


def _train(args: argparse.Namespace, command: str) -> str:
    """Train, write what is to be written, and return what is to be printed."""
    release = None if args.table else find_release(args.release)
    if release:
        release.announce()
    method, start = _method(args)
    task = _task(args, method, release, start)
    if start:
        _require_bands(args, task, start)
    ran = _run(method, task, args.seeds)
    said = f"{printable_lines(_headline(args, task))}\n{samples_text(_samples(task, ran))}\n"
    if not task.tests:  # nothing that an entry could be about
        kept = method.keep(ran.fitted, task.columns, task.source)
        if args.out and kept:
            with replace_directory(args.out) as beside:
                kept.write(beside)
        return said
    outcome = make_outcome(method, task, ran, command)
    if args.out:
        outcome.write(args.out)
    return f"{said}\n{outcome_text(outcome.entry)}"


def _method(args: argparse.Namespace) -> "tuple[Method, Model | None]":
    """The method with its options, and the model that it starts from."""
    from transferz.baselines.methods.networks import PHOTOMETRY  # takes seconds: torch
    from transferz.baselines.networks.ensemble import load_ensemble
    from transferz.baselines.networks.environment import epoch_line, find_device

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


def _schedule(args: argparse.Namespace) -> "Schedule":
    from transferz.baselines.networks.training import PAPER, Schedule

    given = {"batch_size": args.batch_size, "max_epochs": args.epochs, "patience": args.patience}
    method = METHODS[args.method]
    return Schedule(
        learning_rate=args.learning_rate or method.learning_rate or PAPER.learning_rate,
        frozen=method.frozen if args.frozen is None else args.frozen,
        **{name: value for name, value in given.items() if value is not None},
    )


def _task(
    args: argparse.Namespace, method: Method, release: Release | None, start: "Model | None"
) -> Task:
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
        training = METHODS[args.method].role  # what it learned from is no part of this release
    task = from_release(release, training, require_test=False)
    if further:
        task = add_test_table(task, further, drop_missing=args.drop_missing)
    return task


def _is_of(model: "Model", release: Release) -> bool:
    """Whether a model learned from a release's galaxies as they are now."""
    held = release.manifest().get("content", {})
    learned = model.provenance.get("source", {}).get("release", {}).get("content", {})
    return bool(learned) and all(
        held.get(config, {}).get(split, {}).get("content") == digest
        for config, splits in learned.items()
        for split, digest in splits.items()
    )


def _require_bands(args: argparse.Namespace, task: Task, start: "Model") -> None:
    """Refuse a start that is another method's, or has other bands."""
    from transferz.baselines.networks.ensemble import require_order

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
    require_order(task.columns, start.bands)


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


def _headline(args: argparse.Namespace, task: Task) -> str:
    sizes = {"train": len(task.training), "validation": len(task.validation)}
    sizes |= {name: len(task.tests[name].redshift) for name in label_first(task.tests)}
    counts = ", ".join(f"{size} {name}" for name, size in sizes.items())
    return "\n".join(
        [f"{args.method}, {counted(args.seeds, 'seed')}; galaxies: {counts}", *table_remarks(task)]
    )


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; arguments that do not go together are a ParameterError."""
    args = _parser().parse_args(argv)
    _check(args)
    return args


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("train", DESCRIPTION)
    configs = ", ".join(f"{name} ({method.role})" for name, method in METHODS.items())
    parser.add_argument(
        "method",
        nargs="?",
        choices=METHODS,
        default="nn_base",
        metavar="METHOD",
        help="what to train (default: nn_base), by the role of the config of a release that it "
        "learns from: "
        f"{configs}; on a table they are the same, but that nn_tl fine-tunes --start",
    )
    _add_data_options(parser)
    _add_schedule_options(parser)
    _add_output_options(parser)
    return parser


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to learn from")
    source = group.add_mutually_exclusive_group()
    add_release_option(source)
    source.add_argument(
        "--table", type=Path, metavar="FILE", help="a table: csv, text, parquet, FITS, HDF5 ..."
    )
    group.add_argument("--bands", type=column_names, help="its magnitude columns, e.g. g,r,i,z,y")
    group.add_argument("--redshift", metavar="COLUMN", help="its redshift column")
    group.add_argument(
        "--id", metavar="COLUMN", help="its id column, which decides the splits (default: none)"
    )
    add_columns_option(group)
    group.add_argument(
        "--fractions",
        type=fractions,
        metavar="F,F,F,F",
        help="train, validation, calibration and test parts of it "
        f"(default: {','.join(map(str, FRACTIONS))})",
    )
    group.add_argument(
        "--drop-missing",
        action="store_true",
        help="drop rows that lack a magnitude or redshift, in either table, and count them",
    )
    group = parser.add_argument_group("what else to score on")
    group.add_argument("--test-table", type=Path, metavar="FILE", help="a further table")
    group.add_argument(
        "--test-bands", type=column_names, metavar="BANDS", help="its magnitudes (default: --bands)"
    )
    group.add_argument(
        "--test-redshift", metavar="COLUMN", help="its redshift column (default: --redshift)"
    )


def _add_schedule_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument(
        "--seeds",
        type=positive,
        default=3,
        metavar="N",
        help="seeds 0 to N-1, trained together (default: 3)",
    )
    group.add_argument("--epochs", type=positive, help="at most (default: the paper's 1000)")
    group.add_argument("--patience", type=positive, help="in epochs (default: the paper's 10)")
    group.add_argument("--batch-size", type=positive, help="(default: the paper's 100)")
    group.add_argument(
        "--learning-rate", type=float, help="Adam's (default: the paper's 5e-4, for nn_tl 1e-4)"
    )
    group.add_argument(
        "--start",
        type=Path,
        metavar="DIR",
        help="for nn_tl: the trained model to fine-tune, seed by seed (default on a release: "
        "nn_base is trained first)",
    )
    group.add_argument(
        "--frozen",
        type=_layers,
        metavar="L,L",
        help="layers that keep their weights, from 1 at the input to 5, the head; 'none' for none "
        "(default: none)",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where, and what is written")
    add_machine_options(group)
    group.add_argument(
        "--tf32",
        action="store_true",
        help="let a GPU round the factors of matrix products to TF32 (default: full float32)",
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write model.safetensors, entry.yaml and forecasts.parquet to a directory",
    )
    group.add_argument(
        "--replace", action="store_true", help="replace an older model in --out when done"
    )
    group.add_argument("--quiet", action="store_true", help="no live line on the terminal")


def _check(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together, before anything is read."""
    if args.table and not (args.bands and args.redshift):
        raise ParameterError("--table needs --bands and --redshift, its columns")
    require_given(args, OF_TABLE, args.table, "--table")
    require_given(args, OF_TEST_TABLE, args.test_table, "--test-table")
    for name in ("bands", "redshift"):
        if args.test_table and not (getattr(args, f"test_{name}") or getattr(args, name)):
            raise ParameterError(f"--test-table needs --test-{name}")
    rate = args.learning_rate
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ParameterError(f"--learning-rate must be above 0 and finite, found {rate}")
    if (args.out or args.start) and find_spec("safetensors") is None:
        raise ParameterError(
            "--out and --start need the package 'safetensors': pip install safetensors"
        )
    if args.start and not METHODS[args.method].start:
        raise ParameterError(f"--start is what nn_tl fine-tunes; {args.method} starts anew")
    if args.table and METHODS[args.method].start and not args.start:
        raise ParameterError(
            f"{args.method} on a --table needs --start, the model to fine-tune: train nn_base with "
            "--out first, on a release or on a table with the same bands"
        )
    if args.replace and not args.out:
        raise ParameterError("--replace is about --out, and none is given")


def _layers(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(
            f"expected layers parted by commas, such as 1,2, or none; found '{text}'"
        )
    return tuple(map(int, parts))
