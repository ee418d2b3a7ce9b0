"""A table of text, as Markdown and as LaTeX."""

import re
from dataclasses import dataclass
from types import MappingProxyType

LATEX: MappingProxyType[str, str] = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "≤": r"$\le$",
        "−": "$-$",
        "+": "$+$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "σ": r"$\sigma$",
        "–": "--",
        "|": "$|$",
    }
)
"""How the characters that our tables use are written where LaTeX takes them for something else."""

_SPECIAL = re.compile("|".join(map(re.escape, LATEX)))


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of text.

    Attributes
    ----------
    label : str
        Its name, for references.
    caption : str
        What it shows; a mock's says that it is one.
    header : tuple of str
        The columns' titles.
    rows : tuple of tuple of str
        The cells.
    notes : str
        What else a reader must know; empty for nothing.
    text_columns : int
        How many of the first columns are text; the others are aligned as numbers.
    """

    label: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: str = ""
    text_columns: int = 1

    def __post_init__(self) -> None:
        if odd := {len(row) for row in self.rows} - {len(self.header)}:
            raise ValueError(f"{self.label}: rows of {min(odd)} cells, {len(self.header)} columns")

    def markdown(self, *, notes: bool = True) -> str:
        """Return caption, table and, unless they are not asked for, notes as Markdown."""
        numbers = len(self.header) - self.text_columns
        rule = ["---"] * self.text_columns + ["---:"] * numbers
        lines = [f"| {' | '.join(map(_cell, cells))} |" for cells in (self.header, *self.rows)]
        lines.insert(1, f"| {' | '.join(rule)} |")
        parts = [
            f"**{self.caption}**",
            "\n".join(lines),
            *([self.notes] if notes and self.notes else []),
        ]
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """Return a ``table*`` with a tabular that needs the package booktabs."""
        columns = "l" * self.text_columns + "r" * (len(self.header) - self.text_columns)
        header, *body = (" & ".join(map(escape, cells)) for cells in (self.header, *self.rows))
        said = f"{self.caption}. {self.notes}" if self.notes else f"{self.caption}."
        return "\n".join(
            [
                r"\begin{table*}",
                r"\centering",
                rf"\caption{{{escape(' '.join(said.split()))}}}",
                rf"\label{{tab:{self.label}}}",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                rf"{header} \\",
                r"\midrule",
                *(rf"{row} \\" for row in body),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table*}",
                "",
            ]
        )


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def escape(text: str) -> str:
    """Write text so that LaTeX sets it as it is."""
    return _SPECIAL.sub(lambda found: LATEX[found[0]], text)
