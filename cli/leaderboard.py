"""The leaderboard: shown, written as a page, added to, compared."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.cli.options import add_release_option

if TYPE_CHECKING:
    from transferz.baselines.leaderboard.board import Board

SHOW = """\
Show the entries of methods that `transferz benchmark` has scored: a table here, one HTML file with
--html, the Hugging Face Hub's files with --hf. Two more commands keep them:
  transferz leaderboard add RUN_DIR        check a run against the release, copy its entry
  transferz leaderboard compare RUNS_DIR   which methods differ, by all pairs of forecasts
"""

ADD = """\
Check a run of `transferz benchmark` and copy its entry to the leaderboard. The entry's schema, the
forecasts' checksum, the test galaxies and labels are checked against the release, and the scores
are computed anew from the forecasts. Nothing of the method's is run.
"""

COMPARE = """\
Compare all pairs of runs in folders, galaxy by galaxy, and write them to comparisons.json beside
the entries: by it the leaderboard marks what is best, as good, or not told apart. Pairs that are
there already stay. It takes two runs or more, with their forecasts.parquet: the project's own are
in data/mock/benchmark after `make leaderboard`.
"""


def leaderboard(argv: Sequence[str]) -> int:
    """Show the leaderboard, or keep it."""
    commands = {"add": _add, "compare": _compare}
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    return _show(argv)


def _show(argv: Sequence[str]) -> int:
    arguments = _show_parser().parse_args(argv)

    from transferz.baselines.leaderboard.board import read_board
    from transferz.baselines.leaderboard.entries import entries_folder, release_here
    from transferz.baselines.leaderboard.words import board_json, board_text
    from transferz.tables.printing import printable

    release = release_here(arguments.release)
    board = read_board(arguments.entries or entries_folder(release), release)
    config, part = board.choose(arguments.config, arguments.range, arguments.sort)
    _write(board, arguments)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(board_json(board), indent=2)}\n")
    elif arguments.html or arguments.hf:
        for said in board.unusable.values():
            sys.stderr.write(f"left out: {printable(said)}\n")
    else:
        colour = sys.stdout.isatty()
        sys.stdout.write(board_text(board, config, part, arguments.sort, colour=colour))
    return 0


def _show_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transferz leaderboard",
        description=SHOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_folder(parser, "a folder of entries or of runs (default: the project's own)")
    add_release_option(parser)
    parser.add_argument(
        "--config", metavar="NAME", help="test set (default: galaxiesml, or what is)"
    )
    parser.add_argument("--range", metavar="NAME", help="cosmological (the default), all or lsst")
    parser.add_argument("--sort", metavar="METRIC", default="scatter", help="(default: scatter)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--hf", type=Path, metavar="DIR", help="write eval.yaml and .eval_results")
    parser.add_argument("--repo", metavar="ORG/NAME", help="the dataset on the Hub, for --hf")
    return parser


def _write(board: "Board", arguments: argparse.Namespace) -> None:
    """Write the files that are asked for."""
    if arguments.html:
        from transferz.baselines.leaderboard.page import write_page

        write_page(board, arguments.html)
    if arguments.hf:
        from transferz.baselines.leaderboard.hub_files import write_hub_files

        write_hub_files(board, arguments.repo, arguments.hf)


def _add(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="transferz leaderboard add", description=ADD)
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="what transferz benchmark wrote")
    _add_folder(parser, "the folder with a folder of entries per survey (default: the project's)")
    add_release_option(parser)
    parser.add_argument("--url", metavar="URL", help="where the forecasts can be had: https://...")
    parser.add_argument("--replace", action="store_true", help="replace an older entry of its key")
    arguments = parser.parse_args(argv)

    from transferz.baselines.leaderboard.adding import add_run
    from transferz.baselines.leaderboard.entries import ENTRIES
    from transferz.releases import find_release

    release = find_release(arguments.release)
    to = add_run(
        arguments.run,
        release,
        arguments.entries or ENTRIES,
        url=arguments.url,
        replace=arguments.replace,
    )
    sys.stdout.write(
        f"{to}: added; it is shown as not compared until `transferz leaderboard compare` has "
        "compared it with the others\n"
    )
    return 0


def _compare(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="transferz leaderboard compare", description=COMPARE)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUNS_DIR", help="a run, or a folder of runs"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where entries are (default: the project's own)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="drop pairs of a method's older forecasts"
    )
    arguments = parser.parse_args(argv)

    from transferz.baselines.leaderboard.comparing import write_comparisons

    path, found = write_comparisons(*arguments.runs, out=arguments.out, replace=arguments.replace)
    pairs = f"{len(found.pairs)} pair{'' if len(found.pairs) == 1 else 's'}"
    sys.stdout.write(f"{path}: {len(found.forecasts)} methods, {pairs}\n")
    return 0


def _add_folder(parser: argparse.ArgumentParser, said: str) -> None:
    parser.add_argument("--entries", type=Path, metavar="DIR", help=said)
