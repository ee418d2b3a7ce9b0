"""Tables and names printed on a terminal, and how far a long computation is."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

SHOWN = 5  # names or ids that a message has room for

SHORT, EVERY = 2.0, 30.0
"""Seconds after which a line is shown, and after which logs get one more (our choice)."""


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


def shortened(text: str, most: int) -> str:
    """Cut a text in its middle to `most` characters; those that begin alike stay different.

    Examples
    --------
    >>> shortened("photo-z_of_the_whole_survey_v2.csv", 20)
    'photo-z_of…ey_v2.csv'
    """
    if len(text) <= most:
        return text
    end = most // 2 - 1
    return f"{text[: most - end - 1].rstrip()}…{text[-end:].lstrip()}"


def counted(count: int, what: str) -> str:
    """Write how many there are of something: ``1 seed``, ``5 seeds``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def first_few(values: "Sequence[Any] | npt.NDArray[Any]", most: int = SHOWN) -> str:
    """Write the first few of some names or ids, parted by commas."""
    shown = ", ".join(map(str, list(values[:most])))
    return shown + (", ..." if len(values) > most else "")


@contextmanager
def progress_line(title: str = "", *, quiet: bool = False, **options: Any) -> Iterator[Any]:
    """Yield a line with ``update(count)`` and ``set_postfix_str(text)``, or None where it is quiet.

    It says how far a computation is and how long the rest will take: on a terminal a line drawn by
    tqdm, which is wiped at the end; in logs and pipes, and where there is no tqdm, a line of text
    every half minute.

    Parameters
    ----------
    title : str
        What is being done.
    quiet : bool
        Whether nothing is to be shown.
    **options
        tqdm's, such as ``total`` and ``unit``, which opens with a blank.

    Examples
    --------
    >>> with progress_line("comparing", total=2, unit=" pairs") as line:
    ...     for _ in range(2):
    ...         _ = line.update(1)
    """
    if quiet:
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not sys.stderr.isatty():
        yield _Log(title, options.get("total"), options.get("unit", ""))
        return
    shown = {"leave": False, "dynamic_ncols": True, "mininterval": 0.2, "delay": SHORT}
    with tqdm(desc=title or None, **shown | options) as line:
        yield line


class _Log:
    """A line of text on stderr now and then, with what of tqdm's is used."""

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.n, self.said = 0, ""
        self.begun = self.last = time.monotonic()

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Take what is to be said beside the count."""
        self.said = text

    def update(self, count: int = 1) -> None:
        """Count on; write a line if it is time for one."""
        self.n, now = self.n + count, time.monotonic()
        if now - self.last < EVERY:
            return
        self.last, of = now, f" of {self.total:,}" if self.total else ""
        parts = [f"{self.n:,}{of}{self.unit}", self.said]
        if self.total and self.n:
            parts.append(
                f"about {minutes((now - self.begun) * (self.total - self.n) / self.n)} left"
            )
        title = f"{self.title}: " if self.title else ""
        sys.stderr.write(f"{title}{', '.join(filter(None, parts))}\n")
        sys.stderr.flush()


def minutes(seconds: float) -> str:
    """Write a time as minutes and seconds, or hours, minutes and seconds.

    Examples
    --------
    >>> minutes(200), minutes(3725)
    ('3:20', '1:02:05')
    """
    whole, second = divmod(max(round(seconds), 0), 60)
    hour, minute = divmod(whole, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"
