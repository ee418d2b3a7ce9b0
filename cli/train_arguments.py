"""The arguments of ``transferz train``, and which of them go together."""

import argparse
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from transferz.baselines.benchmark.own_tables import FRACTIONS
from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks.hardware import default_threads
from transferz.cli.options import (
    add_columns_option,
    add_release_option,
    column_names,
    fractions,
    positive,
)
from transferz.schemas.errors import ParameterError

DESCRIPTION = """\
Train the photometry network of Soriano et al. 2024, all seeds at once, and score it.

On a release:    transferz train nn_combo --release data/mock/release/transferz
On your table:   transferz train nn_spec --table T.csv --bands g,r,i,z,y --redshift z --seeds 10
Fine-tuning:     transferz train nn_tl --start DIR_OF_NN_BASE --out DIR
"""


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line.

    Raises
    ------
    ParameterError
        Where arguments do not go together.
    SystemExit
        Where an argument is wrong by itself, or help is asked for.
    """
    args = _parser().parse_args(argv)
    _check(args)
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transferz train",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    configs = ", ".join(f"{name} ({method.config})" for name, method in METHODS.items())
    parser.add_argument(
        "method",
        nargs="?",
        choices=METHODS,
        default="nn_base",
        metavar="METHOD",
        help="what to train (default: nn_base), by the config of a release that it learns from: "
        f"{configs}; on a table they are the same, but that nn_tl fine-tunes --start",
    )
    _add_data_arguments(parser)
    _add_test_arguments(parser)
    _add_schedule_arguments(parser)
    _add_machine_arguments(parser)
    return parser


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to learn from")
    source = group.add_mutually_exclusive_group()
    add_release_option(source)
    source.add_argument(
        "--table", type=Path, metavar="FILE", help="a csv, parquet, FITS or text table"
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


def _add_test_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what else to score on")
    group.add_argument("--test-table", type=Path, metavar="FILE", help="a further table")
    group.add_argument(
        "--test-bands", type=column_names, metavar="BANDS", help="its magnitudes (default: --bands)"
    )
    group.add_argument(
        "--test-redshift", metavar="COLUMN", help="its redshift column (default: --redshift)"
    )


def _add_schedule_arguments(parser: argparse.ArgumentParser) -> None:
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


def _add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where, and what is written")
    group.add_argument(
        "--device", default="auto", help="cpu, cuda, ... (default: a GPU where there is one)"
    )
    group.add_argument(
        "--threads",
        type=positive,
        default=default_threads(),
        metavar="N",
        help="CPU threads (default: OMP_NUM_THREADS or all cores, here %(default)s)",
    )
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
    for name in ("bands", "redshift", "id", "columns", "fractions"):
        if not args.table and getattr(args, name) is not None:
            raise ParameterError(f"--{name} is about a --table, and none is given")
    for name in ("bands", "redshift"):
        if args.test_table and not (getattr(args, f"test_{name}") or getattr(args, name)):
            raise ParameterError(f"--test-table needs --test-{name}")
        if not args.test_table and getattr(args, f"test_{name}"):
            raise ParameterError(f"--test-{name} is about a --test-table, and none is given")
    rate = args.learning_rate
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ParameterError(f"--learning-rate must be above 0 and finite, found {rate}")
    if (args.out or args.start) and find_spec("safetensors") is None:
        raise ParameterError(
            "--out and --start need the package 'safetensors': pip install safetensors"
        )
    _check_start(args)


def _check_start(args: argparse.Namespace) -> None:
    """Refuse a start where there is none to be, or none where there must be."""
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
