"""Tables printed on a terminal."""

from collections.abc import Sequence


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
