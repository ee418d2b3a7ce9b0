"""The arguments of ``transferz benchmark``, and which of them go together."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from transferz.baselines.benchmark.benchmarking import SEEDS
from transferz.baselines.benchmark.own_tables import FRACTIONS
from transferz.baselines.benchmark.tables import TRAINING_SETS
from transferz.cli.argument_types import column_names, positive
from transferz.cli.train_arguments import fractions
from transferz.schemas.benchmark.entries import method_key
from transferz.schemas.errors import ParameterError

DESCRIPTION = """\
Train a photo-z method with several seeds, and score it on test splits that it has not seen.

A class of yours:   transferz benchmark package.module:Class --train combo --out runs/mine
An installed one:   transferz benchmark NAME            (transferz benchmark --list names them)
On your own table:  transferz benchmark NAME --table T.csv --bands g,r,i,z,y --redshift z

The class has fit(train, validation, *, seed) and predict(table), which returns a Prediction, and
perhaps calibrate(calibration); the tables are pandas DataFrames. It never sees labels of test
galaxies. Running it runs its code: benchmark only what you trust.
"""

OF_TABLE = ("redshift", "errors", "id", "columns", "fractions", "test_table")
OF_TEST_TABLE = ("test_bands", "test_errors", "test_redshift", "test_id")


def parse_arguments(argv: Sequence[str] | None, prog: str | None) -> argparse.Namespace:
    """Parse the command line.

    Raises
    ------
    ParameterError
        Where arguments do not go together.
    SystemExit
        Where an argument is wrong by itself, or help is asked for.
    """
    args = _parser(prog).parse_args(argv)
    _check(args)
    return args


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "method", nargs="?", metavar="METHOD", help="package.module:Class, or an installed name"
    )
    parser.add_argument("--list", action="store_true", help="list installed methods, and end")
    parser.add_argument(
        "--seeds", type=positive, default=SEEDS, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--bands",
        type=column_names,
        help="magnitudes to use: letters or columns of a release (default: all), a table's columns",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="score the galaxies that have a forecast with every seed, and say how many lack one",
    )
    _add_release_arguments(parser)
    _add_table_arguments(parser)
    _add_output_arguments(parser)
    return parser


def _add_release_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("on a release")
    group.add_argument(
        "--release", type=Path, metavar="DIR", help="a release directory (default: the one found)"
    )
    group.add_argument(
        "--train",
        metavar="SET",
        help=f"{', '.join(TRAINING_SETS)}, or a table with the release's columns "
        "(default: what the method asks for, or combo)",
    )


def _add_table_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("on tables of your own, csv, parquet, FITS or text")
    group.add_argument("--table", type=Path, metavar="FILE", help="split by hash as releases are")
    group.add_argument("--redshift", metavar="COLUMN", help="its redshift column")
    group.add_argument("--errors", type=column_names, help="errors of --bands, in that order")
    group.add_argument("--id", metavar="COLUMN", help="its id column, which decides the splits")
    group.add_argument(
        "--columns", type=column_names, help="all its columns' names, for a text table without them"
    )
    group.add_argument(
        "--fractions",
        type=fractions,
        metavar="F,F,F,F",
        help="train, validation, calibration and test parts "
        f"(default: {','.join(map(str, FRACTIONS))})",
    )
    group.add_argument(
        "--drop-missing", action="store_true", help="drop and count rows that lack a value"
    )
    group.add_argument("--test-table", type=Path, metavar="FILE", help="a further table to test on")
    for name in ("bands", "errors"):
        group.add_argument(
            f"--test-{name}",
            type=column_names,
            metavar=name.upper(),
            help=f"its {name} (default: --{name})",
        )
    for name in ("redshift", "id"):
        group.add_argument(
            f"--test-{name}", metavar="COLUMN", help=f"its {name} column (default: --{name})"
        )


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="write entry.yaml and forecasts.parquet there"
    )
    group.add_argument("--replace", action="store_true", help="replace an older run in --out")
    group.add_argument(
        "--key", type=_key, help="what the leaderboard files it by (default: made of its name)"
    )
    group.add_argument("--quiet", action="store_true", help="no lines on what is being done")


def _check(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together, before anything is read."""
    if not args.method and not args.list:
        raise ParameterError(
            "name a method: package.module:Class, or one of `transferz benchmark --list`"
        )
    if args.table and not (args.bands and args.redshift):
        raise ParameterError("--table needs --bands and --redshift, its columns")
    if args.table and (args.train or args.release):
        raise ParameterError("--train and --release are about a release, and --table is given")
    _require(args, OF_TABLE, args.table, "--table")
    _require(args, OF_TEST_TABLE, args.test_table, "--test-table")
    if args.drop_missing and not args.table:
        raise ParameterError("--drop-missing is about a --table, and none is given")
    if args.replace and not args.out:
        raise ParameterError("--replace is about --out, and none is given")


def _require(args: argparse.Namespace, names: Sequence[str], given: object, what: str) -> None:
    for name in names:
        if not given and getattr(args, name) is not None:
            flag = name.replace("_", "-")
            raise ParameterError(f"--{flag} is about a {what}, and none is given")


def _key(text: str) -> str:
    if method_key(text) != text:
        raise argparse.ArgumentTypeError(
            f"expected lower case letters, digits and underscores, found '{text}'; "
            f"for example {method_key(text)}"
        )
    return text
