"""``transferz benchmark``: train a method, score it, write it as an entry of the leaderboard."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz.baselines.benchmark.benchmarking import SEEDS, held_folder
from transferz.baselines.benchmark.benchmarking import benchmark as run_benchmark
from transferz.baselines.benchmark.loading import Method, installed_methods, load_method
from transferz.baselines.benchmark.own_tables import (
    FRACTIONS,
    OwnTable,
    from_own_tables,
    table_remarks,
)
from transferz.baselines.benchmark.scoring import outcome_text
from transferz.baselines.benchmark.task import Task, from_release
from transferz.cli.options import (
    add_columns_option,
    add_release_option,
    column_names,
    fractions,
    positive,
    require_given,
)
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import method_key
from transferz.schemas.errors import ParameterError, TransferZError
from transferz.tables.printing import printable

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


def benchmark(argv: Sequence[str]) -> int:
    """Train a method and score it on the test splits."""
    args = _parser().parse_args(argv)
    _check(args)
    if args.list:
        return _list_methods()
    out = args.out.absolute() if args.out else None  # whatever folder a method goes to
    with held_folder(out, replace=args.replace):
        method = load_method(args.method)
        task = _task(args, method)
        sys.stdout.writelines(f"{line}\n" for line in table_remarks(task))
        outcome = run_benchmark(
            method,
            task,
            seeds=args.seeds,
            allow_missing=args.allow_missing,
            key=args.key,
            command=shlex.join(["transferz", "benchmark", *argv]),
            report=_silent if args.quiet else _report,
            out=out,
        )
        if out:
            outcome.write(out)  # before anything is printed, which may fail
    sys.stdout.write(outcome_text(outcome.entry))
    if out:
        sys.stdout.write(f"{printable(str(args.out))}: {', '.join(outcome.files)}\n")
    return 0


def _list_methods() -> int:
    """Print a line for each installed method; one that can't be loaded hides no other."""
    names = list(installed_methods())
    width = max(map(len, names), default=0)
    for name in names:
        try:
            method = load_method(name)
            said = f"{method.name} (learns from {method.train or 'all that there is'})"
        except TransferZError as error:
            said = f"can't be loaded: {str(error).splitlines()[0]}"
        sys.stdout.write(f"{name:<{width}}  {said}\n")
    return 0


def _task(args: argparse.Namespace, method: Method) -> Task:
    if not args.table:
        release = find_release(args.release)
        release.announce()
        training = args.train or method.train
        return from_release(release, training, args.bands, calibrates=method.calibrates)
    errors, further = args.errors or (), None
    partial = method.stated.missing_magnitudes
    table = OwnTable(args.table, args.bands, args.redshift, errors, args.id, args.columns, partial)
    if args.test_table:
        further = OwnTable(
            args.test_table,
            args.test_bands or args.bands,
            args.test_redshift or args.redshift,
            args.test_errors or errors,
            args.test_id or args.id,
            missing_magnitudes=partial,
        )
    shares = args.fractions or FRACTIONS
    return from_own_tables(table, further, shares, drop_missing=args.drop_missing)


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _silent(text: str) -> None:
    """Say nothing."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transferz benchmark",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        help="magnitudes to use: bands or columns of a release (default: all), a table's columns",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="score the galaxies that have a forecast with every seed, and say how many lack one",
    )
    group = parser.add_argument_group("on a release")
    add_release_option(group)
    group.add_argument(
        "--train",
        metavar="SET",
        help="a config, its role (label, spectroscopic, union), label+spectroscopic, or a table "
        "with the release's columns (default: what the method asks for, or all that there is)",
    )
    _add_table_options(parser)
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="write entry.yaml and forecasts.parquet there"
    )
    group.add_argument("--replace", action="store_true", help="replace an older run in --out")
    group.add_argument(
        "--key", type=_key, help="what the leaderboard files it by (default: made of its name)"
    )
    group.add_argument("--quiet", action="store_true", help="no lines on what is being done")
    return parser


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("on tables of your own: csv, text, parquet, FITS, HDF5 ...")
    group.add_argument("--table", type=Path, metavar="FILE", help="split by hash as releases are")
    group.add_argument("--redshift", metavar="COLUMN", help="its redshift column")
    group.add_argument("--errors", type=column_names, help="errors of --bands, in that order")
    group.add_argument("--id", metavar="COLUMN", help="its id column, which decides the splits")
    add_columns_option(group)
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


def _key(text: str) -> str:
    if method_key(text) != text:
        raise argparse.ArgumentTypeError(
            f"expected lower case letters, digits and underscores, found '{text}'; "
            f"for example {method_key(text)}"
        )
    return text


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
    require_given(args, OF_TABLE, args.table, "--table")
    require_given(args, OF_TEST_TABLE, args.test_table, "--test-table")
    if args.drop_missing and not args.table:
        raise ParameterError("--drop-missing is about a --table, and none is given")
    if args.replace and not args.out:
        raise ParameterError("--replace is about --out, and none is given")
