"""The leaderboard: shown, written as a page, added to, compared; and a page of one run."""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.cli.options import (
    add_release_option,
    command_parser,
    require_given,
    say_aside,
)
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.files import MOCK
from transferz.tables.printing import counted, printable

if TYPE_CHECKING:
    from transferz.baselines.leaderboard.board import Board
    from transferz.releases import Release

SHOW = """\
Show the entries of methods that `transferz benchmark` has scored: a table here, one HTML file with
--html, the Hugging Face Hub's files with --hf. Three more commands keep and rank them:
  transferz leaderboard add RUN_DIR        check a run against the release, copy its entry
  transferz leaderboard compare RUNS_DIR   which methods differ, by all pairs of forecasts
  transferz leaderboard overall            rank methods over a survey and its harder tasks
"""

ADD = """\
Check a run of `transferz benchmark` and copy its entry to the leaderboard. The entry's schema, the
forecasts' checksum, the test galaxies and labels are checked against the release, and the scores
are computed anew from the forecasts. Nothing of the method's is run.

Forecasts that somebody has published need no run: --forecasts makes one of them, in RUN_DIR, scored
by the same code and marked as not rerun.
  transferz leaderboard add runs/theirs --forecasts theirs.csv --name "Their network"
"""

OF_FORECASTS = (
    *("name", "citation", "trained_on", "pred", "true", "id", "magnitude", "columns", "samples"),
    *("quantiles", "pdf", "grid", "truth", "config"),
)
"""Options that say something of --forecasts."""

COMPARE = """\
Compare all pairs of runs in folders, galaxy by galaxy, and write comparisons.json beside the
entries. From it the leaderboard marks which method is best, which are as good, and which can't be
told apart. Pairs that are there already stay. It takes two runs or more, with their
forecasts.parquet; the project's own are in data/mock/benchmark after `make leaderboard`.
"""


OVERALL = """\
Rank methods over the boards of a survey and of its harder tasks (`transferz task`): by the share of
paired comparisons that each wins, with an interval over tasks.
"""

REPORT = """\
Write a page about a run of `transferz benchmark` or `transferz train`: its scores beside the
leaderboard's, figures, n(z), the worst galaxies, and how it was made. One HTML file that needs no
other and no network.
"""


def leaderboard(argv: Sequence[str]) -> int:
    """Show the leaderboard, or keep it."""
    commands = {"add": _add, "compare": _compare, "overall": _overall}
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    return _show(argv)


def _show(argv: Sequence[str]) -> int:
    arguments = _show_parser().parse_args(argv)

    from transferz.baselines.leaderboard.board import read_board
    from transferz.baselines.leaderboard.entries import entries_folder, release_here
    from transferz.baselines.leaderboard.words import board_json, board_text

    release = release_here(arguments.release)
    folder = arguments.entries or entries_folder(release)
    board = read_board(folder, release)
    try:
        config, part = board.choose(arguments.config, arguments.range, arguments.sort)
    except ParameterError as error:
        where = _of_release(folder, release) if arguments.config else ""
        raise ParameterError(f"{error}{where}") from None
    _write(board, folder, arguments)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(board_json(board), indent=2)}\n")
    elif arguments.html or arguments.hf:
        for said in board.unusable.values():
            sys.stderr.write(f"left out: {printable(said)}\n")
    else:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        text = board_text(board, config, part, arguments.sort, colour=terminal, width=width)
        sys.stdout.write(text)
    return 0


def _of_release(folder: Path, release: "Release | None") -> str:
    """Say which survey's board is shown by which release, and how to ask for the others here."""
    from transferz.baselines.leaderboard.entries import ENTRIES

    if release is None or folder.parent != ENTRIES:
        return ""
    others = "; ".join(
        f"for {one.kind}, --release {shlex.quote(str(one.path))}" for one in release.beside()
    )
    shown = f"; these are of survey {folder.name}, as the release found is {release}"
    return shown + (f"; others are built here too: {others}" if others else "")


def _show_parser() -> argparse.ArgumentParser:
    parser = command_parser("leaderboard", SHOW)
    _add_folder(parser, "a folder of entries or of runs (default: the project's own)")
    add_release_option(parser)
    parser.add_argument("--config", metavar="NAME", help="test set (default: that of the labels)")
    parser.add_argument("--range", metavar="NAME", help="cosmological (the default), all or lsst")
    parser.add_argument("--sort", metavar="METRIC", default="scatter", help="(default: scatter)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--hf", type=Path, metavar="DIR", help="write eval.yaml and .eval_results")
    parser.add_argument("--repo", metavar="ORG/NAME", help="the dataset on the Hub, for --hf")
    return parser


def task_boards(folder: Path) -> "dict[str, tuple[str, Board]]":
    """Read the boards of a survey's harder tasks, which lie beside its own: name, title and board.

    Tasks without entries are left out.
    """
    from transferz.baselines.leaderboard.board import read_board
    from transferz.dataset.tasks.tasks import load_tasks

    beside = [(one, folder.parent / f"{folder.name}_{one.name}") for one in load_tasks().values()]
    return {
        one.name: (one.title, read_board(path, None))
        for one, path in beside
        if any(path.glob("*.yaml"))
    }


def _write(board: "Board", folder: Path, arguments: argparse.Namespace) -> None:
    """Write the files that are asked for; the page has the boards of the survey's tasks too."""
    if arguments.html:
        from transferz.baselines.leaderboard.page import write_page

        write_page(board, arguments.html, task_boards(folder))
    if arguments.hf:
        from transferz.baselines.leaderboard.hub_files import write_hub_files

        write_hub_files(board, arguments.repo, arguments.hf)


def _add(argv: Sequence[str]) -> int:
    arguments = _add_parser().parse_args(argv)
    require_given(arguments, OF_FORECASTS, arguments.predictions, "--forecasts")

    from transferz.baselines.leaderboard.adding import add_run
    from transferz.releases import find_release

    if arguments.predictions and not _publish(arguments, argv):
        return 0
    to = add_run(
        arguments.run,
        find_release(arguments.release),
        _entries(arguments),
        url=arguments.url,
        replace=arguments.replace,
    )
    sys.stdout.write(
        f"{to}: added; it is shown as not compared until `transferz leaderboard compare RUNS_DIR` "
        "has compared its run with others'\n"
    )
    return 0


def _entries(arguments: argparse.Namespace) -> Path:
    from transferz.baselines.leaderboard.entries import entries_to_write

    return arguments.entries or entries_to_write()


def _add_parser() -> argparse.ArgumentParser:
    from transferz.cli.score import add_forecast_options

    parser = command_parser("leaderboard add", ADD, "run")
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN_DIR",
        help="what transferz benchmark wrote; with --forecasts, where a run is made of these",
    )
    _add_folder(parser, "the folder with a folder of entries per survey (default: the project's)")
    parser.add_argument("--url", metavar="URL", help="where the forecasts can be had: https://...")
    parser.add_argument(
        "--replace", action="store_true", help="replace an older entry of its key, and such a run"
    )
    group = parser.add_argument_group("forecasts that were published, which are not rerun")
    group.add_argument(
        "--forecasts",
        dest="predictions",
        type=Path,
        metavar="FILE",
        help="a table of any format or a qp file; more options say what it holds, as of "
        "`transferz score`",
    )
    group.add_argument("--name", metavar="TEXT", help="what tables call them")
    group.add_argument("--citation", metavar="TEXT", help="where they were published")
    group.add_argument(
        "--trained-on", metavar="TEXT", help="what their method is said to have learned from"
    )
    add_forecast_options(parser)
    return parser


def _publish(arguments: argparse.Namespace, argv: Sequence[str]) -> bool:
    """Score published forecasts and write them as a run; return whether they are of a release."""
    from transferz.baselines.benchmark.benchmarking import held_folder
    from transferz.baselines.benchmark.scoring import scores_text
    from transferz.baselines.forecasts.files import read_predictions
    from transferz.baselines.leaderboard import publishing
    from transferz.baselines.leaderboard.adding import require_new
    from transferz.baselines.leaderboard.reporting import with_report
    from transferz.cli.score import named_columns, put_to_truth
    from transferz.releases import find_release
    from transferz.schemas.benchmark.entries import method_key

    path, folder, new = arguments.predictions, arguments.run, not arguments.replace
    if not arguments.name:
        raise ParameterError("--forecasts needs --name, what tables call them")
    said = publishing.Said(arguments.name, arguments.citation, arguments.trained_on)
    given = read_predictions(path, named_columns(arguments))
    own = bool(arguments.truth) or given.true is not None
    with held_folder(folder, replace=arguments.replace):
        if own:
            _, facts, forecasts = put_to_truth(arguments, given)
            columns = facts.get("truth_columns", facts["columns"])
            sets, data = publishing.of_table(
                arguments.truth or path,
                forecasts,
                columns["true redshift"],
                facts["left_out"]["true redshift"],
            )
        else:
            release = find_release(arguments.release)
            if new:
                key = f"{method_key(said.name)}.yaml"
                require_new(_entries(arguments) / release.survey / key, folder)
            if arguments.in_order:
                given = replace(given, object_id=None)
            sets, data = publishing.of_release(
                given, release, arguments.config, allow_missing=arguments.allow_missing
            )
        command = shlex.join(["transferz", "leaderboard", "add", *argv])
        outcome = with_report(publishing.publish(path, sets, data, said, command), say_aside)
        outcome.write(folder)
    sys.stdout.write(f"{scores_text(outcome.entry.scores)}\n{folder}: {', '.join(outcome.files)}\n")
    if own:
        sys.stdout.write(
            "of galaxies of their own, not a release's: shown by `transferz leaderboard --entries "
            f"{shlex.quote(str(folder.parent))}`\n"
        )
    return not own


def _compare(argv: Sequence[str]) -> int:
    parser = command_parser("leaderboard compare", COMPARE, "runs")
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUNS_DIR", help="a run, or a folder of runs"
    )
    _add_folder(parser, "where the entries are (default: the project's own)")
    parser.add_argument("--out", dest="entries", type=Path, help=argparse.SUPPRESS)  # formerly
    parser.add_argument(
        "--replace", action="store_true", help="drop pairs of a method's older forecasts"
    )
    arguments = parser.parse_args(argv)

    from transferz.baselines.leaderboard.comparing import write_comparisons

    path, found = write_comparisons(
        *arguments.runs, out=arguments.entries, replace=arguments.replace
    )
    folder = shlex.quote(str(path.parent))
    sys.stdout.write(
        f"{path}: {len(found.forecasts)} methods, {counted(len(found.pairs), 'pair')}; which are "
        f"better is shown by `transferz leaderboard --entries {folder}`\n"
    )
    return 0


def _overall(argv: Sequence[str]) -> int:
    parser = command_parser("leaderboard overall", OVERALL, "--sort crps")
    parser.add_argument("--survey", default=MOCK, help="(default: %(default)s)")
    _add_folder(parser, "the folder with a folder of entries per survey (default: the project's)")
    parser.add_argument("--range", metavar="NAME", help="cosmological (the default), all or lsst")
    parser.add_argument("--sort", metavar="METRIC", default="scatter", help="(default: scatter)")
    parser.add_argument("--json", action="store_true", help="print the ranking as JSON")
    given = parser.parse_args(argv)

    from transferz.baselines.leaderboard.board import read_board
    from transferz.baselines.leaderboard.entries import ENTRIES
    from transferz.baselines.leaderboard.overall import overall, overall_text

    folder = (given.entries or ENTRIES) / given.survey
    own = {given.survey: read_board(folder, None)} if any(folder.glob("*.yaml")) else {}
    tasks = {f"{given.survey}_{name}": board for name, (_, board) in task_boards(folder).items()}
    if not (boards := own | tasks):
        raise InputError(f"{folder.parent} has no entries of {given.survey} or of a task of it")
    ranked = overall(boards, given.sort, given.range)
    if given.json:
        sys.stdout.write(f"{json.dumps([asdict(one) for one in ranked], indent=2)}\n")
    else:
        sys.stdout.write(overall_text(ranked, given.sort, list(boards)))
    return 0


def _add_folder(parser: argparse.ArgumentParser, said: str) -> None:
    parser.add_argument("--entries", type=Path, metavar="DIR", help=said)


def report(argv: Sequence[str]) -> int:
    """Write the page of a run."""
    parser = command_parser("report", REPORT)
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="what transferz benchmark wrote")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="(default: report.html in RUN_DIR)"
    )
    _add_folder(parser, "entries to put it beside (default: the project's own of its survey)")
    arguments = parser.parse_args(argv)

    from transferz.baselines.benchmark.benchmarking import REPORT_FILE
    from transferz.baselines.leaderboard.entries import own_entries, read_entries, read_run
    from transferz.baselines.leaderboard.reporting import write_report

    run, folder = read_run(arguments.run), arguments.entries
    entries = read_entries(folder)[0] if folder else own_entries(run.entry.survey)
    out = arguments.out or arguments.run / REPORT_FILE
    write_report(run, out, entries)
    sys.stdout.write(f"{printable(str(out))}: {run.entry.method.name}\n")
    return 0
