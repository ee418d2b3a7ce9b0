"""Write docs/tasks.md's tables: all methods on all tasks of the mock, and the rank over them.

    python benchmarks/tasks_table.py docs/tasks.md

The numbers are those of the project's entries, which ``make tasks`` makes anew; a test holds the
page against them.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from transferz.baselines.leaderboard.board import Board, read_board
from transferz.baselines.leaderboard.entries import ENTRIES
from transferz.baselines.leaderboard.overall import overall, share_parts
from transferz.baselines.leaderboard.words import set_title, value_text
from transferz.cli.leaderboard import task_boards
from transferz.schemas.benchmark.scores import COSMOLOGICAL, NONE
from transferz.schemas.survey.files import MOCK

METRIC = "scatter"
RELEASE = "the release itself"
PIECE = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def read_boards(entries: Path) -> dict[str, Board]:
    """Read the mock's board and those of its tasks, by what a row of them is called."""
    tasks = {f"`{name}`": board for name, (_, board) in task_boards(entries / MOCK).items()}
    return {RELEASE: read_board(entries / MOCK, None), **tasks}


def tables(boards: Mapping[str, Board]) -> dict[str, str]:
    """Write a table for each test set, and that of the rank, in Markdown, by name."""
    standings = overall(boards, METRIC, COSMOLOGICAL)
    places = {one.key: place for place, one in enumerate(standings)}
    made = {config: _scores(boards, config, places) for config in boards[RELEASE].configs}
    ranked = [
        [one.name, *share_parts(one), *map(str, (one.won, one.tied, one.lost))]
        for one in standings
        if one.ranked
    ]
    head = ["method", "wins (%)", "95 % interval", "won", "tied", "lost"]
    return made | {"overall": _markdown([head, *ranked])}


def with_tables(page: str, made: Mapping[str, str]) -> str:
    """Put tables into a page, each between ``<!-- begin NAME -->`` and ``<!-- end -->``."""
    return PIECE.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}", page)


def _scores(boards: Mapping[str, Board], config: str, places: Mapping[str, int]) -> str:
    """Write a row for each task, a column for each method that any task has, by `places`."""
    tasks = [board for name, board in boards.items() if name != RELEASE]
    names = {row.key: row.entry.method.name for board in tasks for row in board.rows}
    keys = sorted(names, key=lambda key: (places.get(key, len(places)), key))
    head = [f"task, {set_title(config)}", "galaxies", *(names[key] for key in keys)]
    lines = [
        [name, f"{board.galaxies(config, COSMOLOGICAL):,}", *_cells(board, config, keys)]
        for name, board in boards.items()
        if config in board.configs
    ]
    return _markdown([head, *lines])


def _cells(board: Board, config: str, keys: Sequence[str]) -> Iterator[str]:
    there = {row.key: row for row in board.rows if row.current}
    for key in keys:
        row = there.get(key)
        summary = row and row.summary(config, COSMOLOGICAL, METRIC)
        if row is None or summary is None:
            yield NONE
        else:
            value = value_text(METRIC, summary.model_copy(update={"spread": None}))
            mark = board.mark(row, config, COSMOLOGICAL, METRIC)
            yield f"{value} {mark}".rstrip().replace("*", r"\*").replace("~", r"\~")


def _markdown(rows: list[list[str]]) -> str:
    """Write rows as a Markdown table, the first as its head; all columns but one are numbers."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|---|" + "---:|" * (len(rows[0]) - 1), *body]) + "\n"


def main() -> int:
    """Write the page's tables anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="docs/tasks.md")
    page = parser.parse_args().page
    text = with_tables(page.read_text(encoding="utf-8"), tables(read_boards(ENTRIES)))
    page.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
