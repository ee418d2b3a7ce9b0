"""``transferz benchmark``: train a method, score it, write it as an entry of the leaderboard."""

import argparse
import contextlib
import ctypes
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from transferz.baselines.benchmark.benchmarking import SEEDS, held_folder, try_out
from transferz.baselines.benchmark.benchmarking import benchmark as run_benchmark
from transferz.baselines.benchmark.limits import TimeLimit
from transferz.baselines.benchmark.loading import RAIL, Method, installed_methods, load_method
from transferz.baselines.benchmark.own_tables import (
    FRACTIONS,
    OwnTable,
    from_own_tables,
    table_remarks,
)
from transferz.baselines.benchmark.scoring import outcome_text
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.leaderboard.reporting import with_report
from transferz.baselines.networks.environment import epoch_line
from transferz.cli.options import (
    add_columns_option,
    add_release_option,
    add_setting_option,
    column_names,
    command_parser,
    fractions,
    positive,
    require_given,
    say_aside,
    settings,
)
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import Entry, method_key
from transferz.schemas.errors import ParameterError, TransferZError
from transferz.tables.files import replace_file
from transferz.tables.printing import printable

DESCRIPTION = """\
Train a photo-z method with several seeds, and score it on test splits that it has not seen.

A class of yours:   transferz benchmark package.module:Class --train combo --out runs/mine
Of scikit-learn:    transferz benchmark sklearn.ensemble:RandomForestRegressor --set max_depth=12
An installed one:   transferz benchmark NAME            (transferz benchmark --list names them)
Of RAIL:            transferz benchmark rail:KNearNeighEstimator --python rail/bin/python
On your own table:  transferz benchmark NAME --table T.csv --bands g,r,i,z,y --redshift z

The class, or what a function of that name returns, has fit(train, validation, *, seed) and
predict(table), which returns a Prediction or an array of redshifts, and perhaps
calibrate(calibration); the tables are pandas DataFrames. It never sees labels of test galaxies.
Running it runs its code: benchmark only what you trust.
"""

MOST_SECONDS = 1e8
"""Of a time limit: three years; timers take no more."""

OF_TABLE = ("redshift", "errors", "id", "columns", "fractions", "test_table")
OF_TEST_TABLE = ("test_bands", "test_errors", "test_redshift", "test_id")


def benchmark(argv: Sequence[str]) -> int:
    """Train a method and score it on the test splits."""
    args = _parser().parse_args(argv)
    if args.json and args.json != "-" and not (args.method or args.list):
        args.method, args.json = args.json, "-"  # `--json METHOD`: it takes what follows for a file
    _check(args)
    if args.list:
        return _list_methods()
    out = args.out.absolute() if args.out else None  # whatever folder a method goes to
    report = Path(args.json).absolute() if args.json and args.json != "-" else None
    with held_folder(out, replace=args.replace):
        with _prints_aside():
            method = load_method(args.method, settings(args.set), python=args.python)
            if getattr(method.kind, "shows_epochs", False):
                method.options["show"] = lambda title: epoch_line(title, quiet=args.quiet)
            task = _task(args, method)
        say = _silent if args.quiet else (sys.stderr if args.json == "-" else sys.stdout).write
        say("".join(f"{line}\n" for line in table_remarks(task)))
        if args.trial:
            limit = TimeLimit(args.time_limit)
            with _prints_aside():
                tried = try_out(method, task, limit, allow_missing=args.allow_missing)
            say(tried)
            return 0
        with _prints_aside():
            outcome = run_benchmark(
                method,
                task,
                seeds=args.seeds,
                allow_missing=args.allow_missing,
                key=args.key,
                command=shlex.join(["transferz", "benchmark", *argv]),
                report=_silent if args.quiet else say_aside,
                out=out,
                time_limit=args.time_limit,
            )
        if out:
            outcome = with_report(outcome, say_aside)
            outcome.write(out)  # before anything is printed, which may fail
    _show(outcome.entry, report, say, as_json=args.json == "-")
    if out:
        say(f"{printable(str(args.out))}: {', '.join(outcome.files)}\n")
    return 0


def _show(
    entry: Entry, report: Path | None, say: Callable[[str], object], *, as_json: bool
) -> None:
    """Write the entry as JSON to `report`, if any, and print it, as JSON or in tables."""
    text = json.dumps(entry.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False)
    if report:
        with replace_file(report) as beside:
            beside.write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        sys.stdout.write(f"{text}\n")
    else:
        say(outcome_text(entry))


@contextlib.contextmanager
def _prints_aside() -> Iterator[None]:
    """Send to stderr what a method prints, and compiled code and processes that it starts.

    What is on stdout is then the command's own, for programs too.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what C has not written yet
        os.dup2(kept, 1)
        os.close(kept)


def _list_methods() -> int:
    """Print a line for each installed method; one that can't be loaded hides no other."""
    names = list(installed_methods())
    width = max(map(len, names), default=0)
    for name in names:
        try:
            method = load_method(name)
            said = f"{method.name} (learns from {method.train or 'all that there is'})"
        except TransferZError as error:
            said = f"can't be loaded: {error.on_command_line().splitlines()[0]}"
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


def _silent(text: str) -> None:
    """Say nothing, as --quiet asks for."""


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("benchmark", DESCRIPTION)
    parser.add_argument(
        "method",
        nargs="?",
        metavar="METHOD",
        help="package.module:Name of a class, function or regressor, or an installed name",
    )
    add_setting_option(parser)
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="of rail:ESTIMATOR, a Python that has RAIL (default: TRANSFERZ_RAIL_PYTHON, or this)",
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
    parser.add_argument(
        "--trial",
        action="store_true",
        help="only try it out on a few hundred galaxies, print what came of it, write nothing",
    )
    parser.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="SECONDS",
        help="stop where trial, training and forecasts take longer; finished seeds stay in --out",
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
    _add_output_options(parser)
    return parser


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write entry.yaml, forecasts.parquet and the page report.html there",
    )
    group.add_argument("--replace", action="store_true", help="replace an older run in --out")
    group.add_argument(
        "--key", type=_key, help="what the leaderboard files it by (default: made of its name)"
    )
    group.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="print the entry as JSON in place of tables, or write it to a file",
    )
    group.add_argument(
        "--quiet", action="store_true", help="print only what goes wrong, and the JSON of --json"
    )


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


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"expected seconds, above 0, found '{text}'")
    return value


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
            "name a method: package.module:Name, or one of `transferz benchmark --list`"
        )
    require_given(args, ("python",), (args.method or "").startswith(RAIL), f"{RAIL}ESTIMATOR")
    if args.table and not (args.bands and args.redshift):
        raise ParameterError("--table needs --bands and --redshift, its columns")
    if args.table and (args.train or args.release):
        raise ParameterError("--train and --release are about a release, and --table is given")
    require_given(args, OF_TABLE, args.table, "--table")
    require_given(args, OF_TEST_TABLE, args.test_table, "--test-table")
    if args.drop_missing and not args.table:
        raise ParameterError("--drop-missing is about a --table, and none is given")
    if args.trial and (args.out or args.json):
        raise ParameterError("--trial writes nothing; leave out --out and --json")
    if args.json and args.json != "-" and not Path(args.json).absolute().parent.is_dir():
        raise ParameterError(f"--json {args.json}: there is no such folder; make it first")
    if args.replace and not args.out:
        raise ParameterError("--replace is about --out, and none is given")
