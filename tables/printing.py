"""Tables and names printed on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

SHOWN = 5  # names or ids that a message has room for


def aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Lay out rows of text, each of as many cells, in columns two blanks apart: a line per row.

    With `right`, all columns but the first are flush right, as numbers are.

    Examples
    --------
    >>> aligned([["split", "rows"], ["test", "7"]], right=True)
    ['split  rows', 'test      7']
    """
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for name, *cells in rows:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width in zip(cells, others, strict=True)
        )
        lines.append("  ".join([name.ljust(first), *padded]).rstrip())
    return lines


def printable(text: str) -> str:
    r"""Return a line of text without what could move a terminal's cursor.

    Names of columns and files are other people's: a mark stands for each character of theirs that
    steers a terminal, ends the line, or turns the direction of writing.

    Examples
    --------
    >>> printable("no column 'g\x1b[2J'").isprintable()
    True
    """
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def printable_lines(text: str) -> str:
    """Return text of several lines, each of them `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def counted(count: int, what: str) -> str:
    """Write how many there are of something: ``1 seed``, ``5 seeds``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def first_few(values: "Sequence[Any] | npt.NDArray[Any]", most: int = SHOWN) -> str:
    """Write the first few of some names or ids, parted by commas."""
    shown = ", ".join(map(str, list(values[:most])))
    return shown + (", ..." if len(values) > most else "")
