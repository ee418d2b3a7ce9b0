"""``transferz benchmark``: a method trained, scored, and written as an entry of the leaderboard."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.loading import Method, installed_methods, load_method
from transferz.baselines.benchmark.outcome import check_folder
from transferz.baselines.benchmark.own_tables import FRACTIONS, OwnTable, from_own_tables
from transferz.baselines.benchmark.printing import outcome_text
from transferz.baselines.benchmark.task import Task, from_release
from transferz.cli.benchmark_arguments import parse_arguments
from transferz.releases import find_release
from transferz.schemas.errors import TransferZError


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
        Where the input, or the method, is not what it should be; nothing is written then.
    """
    args = parse_arguments(argv, prog)
    if args.list:
        return _list()
    if args.out:
        check_folder(args.out, replace=args.replace)
    method = load_method(args.method)
    outcome = benchmark(
        method,
        _task(args, method),
        seeds=args.seeds,
        allow_missing=args.allow_missing,
        key=args.key,
        command=shlex.join(["transferz", "benchmark", *(sys.argv[2:] if argv is None else argv)]),
        report=_silent if args.quiet else _report,
    )
    sys.stdout.write(outcome_text(outcome.entry))
    if args.out:
        outcome.write(args.out)
        sys.stdout.write(f"{args.out}: {', '.join(outcome.files)}\n")
    return 0


def _task(args: Namespace, method: Method) -> Task:
    if not args.table:
        release = find_release(args.release)
        release.announce()
        training = args.train or method.train
        return from_release(release, training, args.bands, calibrates=method.calibrates)
    errors, further = args.errors or (), None
    table = OwnTable(args.table, args.bands, args.redshift, errors, args.id, args.columns)
    if args.test_table:
        further = OwnTable(
            args.test_table,
            args.test_bands or args.bands,
            args.test_redshift or args.redshift,
            args.test_errors or errors,
            args.test_id or args.id,
        )
    shares = args.fractions or FRACTIONS
    return from_own_tables(table, further, shares, drop_missing=args.drop_missing)


def _list() -> int:
    names = list(installed_methods())
    width = max(map(len, names), default=0)
    for name in names:
        sys.stdout.write(f"{name:<{width}}  {_described(name)}\n")
    return 0


def _described(name: str) -> str:
    """One line; a method that can't be loaded does not hide the others."""
    try:
        method = load_method(name)
    except TransferZError as error:
        return f"can't be loaded: {str(error).splitlines()[0]}"
    return f"{method.name} (learns from {method.train})"


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _silent(text: str) -> None:
    """Say nothing."""
