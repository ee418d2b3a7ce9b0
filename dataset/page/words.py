"""What the sections of the card share."""

from collections.abc import Iterable, Sequence
from typing import Any


def is_published(manifest: dict[str, Any]) -> bool:
    """Whether config ``transferz`` is the paper's authors' own table."""
    return bool(manifest["survey"] == "authors")


def total(manifest: dict[str, Any], config: str) -> int:
    """Return the rows of a config, all splits; 0 where there is no such config."""
    return sum(facts["rows"] for facts in manifest["content"].get(config, {}).values())


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    header : sequence of str
        The columns' titles.
    rows : iterable of sequence of str
        The cells.
    numbers : int
        How many of the last columns are aligned to the right.
    """
    rules = ["---"] * (len(header) - numbers) + ["---:"] * numbers
    lines = (_row(cells) for cells in (header, rules, *rows))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
