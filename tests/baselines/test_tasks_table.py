"""The tables of docs/tasks.md: those of the project's entries, and none typed by hand."""

from pathlib import Path

import pytest
import tasks_table

from transferz.baselines.leaderboard.entries import ENTRIES
from transferz.dataset.tasks.tasks import load_tasks

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.fixture(scope="module")
def boards():
    return tasks_table.read_boards(ENTRIES)


def test_the_page_has_the_numbers_of_the_entries(boards):
    made = tasks_table.tables(boards)
    text = PAGE.read_text(encoding="utf-8")
    assert tasks_table.with_tables(text, made) == text
    assert set(made) == {"transferz", "galaxiesml", "overall"}
    assert all(f"<!-- begin {name} -->" in text for name in made)


def test_every_task_has_entries_and_a_row(boards):
    assert list(boards)[1:] == [f"`{name}`" for name in load_tasks()]
    first, *tasks = boards.values()
    shown = {row.key for board in tasks for row in board.rows}
    assert shown <= {row.key for row in first.rows}
    rows = [row for board in boards.values() for row in board.rows if row.key in shown]
    assert all(row.current and row.compared for row in rows)


def test_tables_come_between_their_marks():
    page = "a\n<!-- begin one -->\nold\n<!-- end -->\nb\n<!-- begin two -->\n<!-- end -->\n"
    found = tasks_table.with_tables(page, {"one": "1\n", "two": "2\n"})
    assert found == (
        "a\n<!-- begin one -->\n\n1\n\n<!-- end -->\nb\n<!-- begin two -->\n\n2\n\n<!-- end -->\n"
    )
