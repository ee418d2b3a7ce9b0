"""The paper's tables, as Markdown and as LaTeX: scores, what LSST asks for, label noise's cost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from transferz.baselines.leaderboard.entries import Run
from transferz.baselines.scores.metrics import CATASTROPHIC_LIMIT, MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    NONE,
    RANGES,
    SETS,
    TITLES,
    Config,
    EntryRange,
    Metric,
    Range,
    Requirement,
    Verdict,
    number_text,
    summary_text,
)

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
class PaperTable:
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


SPREAD = "mean ± spread"
"""What tables and figures give of the seeds."""

JUDGED: tuple[Range, ...] = (COSMOLOGICAL, "lsst")
"""Where LSST's requirements are judged: as the paper's group does, and as LSST states them."""

REQUIREMENTS: MappingProxyType[Requirement, str] = MappingProxyType(
    {
        "bias": f"abs(bias) < {LIMITS['bias']:g}",
        "scatter": f"scatter < {LIMITS['scatter']:g}",
        "outlier_rate_3sigma": f"3σ outliers < {100 * LIMITS['outlier_rate_3sigma']:g} %",
    }
)

DEFINED = (
    "With dz = (predicted − label) / (1 + label): bias is the median of dz, scatter "
    f"{MAD_TO_SIGMA:g} times its median absolute deviation, outliers the share with "
    f"abs(dz) > {OUTLIER_LIMIT:g}, RMS the root mean square of dz; catastrophic is the share with "
    f"abs(predicted − label) > {CATASTROPHIC_LIMIT:g}."
)
LSST_NOTE = (
    "LSST: how many of its three requirements the means over seeds meet; (?) where the error of "
    "one decides."
)
VERDICT_NOTE = (
    "Errors join that of the mean over seeds and the bootstrap over galaxies; (?) where the value "
    "is no further from the limit than its error."
)
NOISE_NOTE = (
    "The same forecasts and galaxies scored against the label and against the mock's true "
    "redshift; their difference is what label noise makes of the scores, with its paired "
    "bootstrap error."
)


def over_seeds(what: str, runs: Sequence[Run]) -> str:
    """Say that something is over so many seeds; of one seed, only that it is one."""
    counts = {run.entry.seeds for run in runs}
    if counts == {1}:
        return "one seed"
    return f"{what} over {' to '.join(map(str, sorted({min(counts), max(counts)})))} seeds"


def score_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable:
    """Tabulate the scores at 0.3 < z <= 1.5 on a test split.

    Parameters
    ----------
    runs : sequence of Run
        The rows.
    config : str
        Whose test split.
    release : str
        What captions call the release; of a mock, that it is one.

    Returns
    -------
    PaperTable
        Means with their spread over seeds.
    """
    return PaperTable(
        label=f"scores-{config}",
        caption=f"Scores on the {SETS[config]} test split at {RANGES[COSMOLOGICAL]}, "
        f"{over_seeds(SPREAD, runs)}; {release}",
        header=("Baseline", "galaxies", *TITLES.values(), "LSST"),
        rows=tuple(_score_row(run, run.entry.scores[config].cosmological) for run in runs),
        notes=f"{DEFINED} {LSST_NOTE}",
    )


def _score_row(run: Run, scores: EntryRange) -> tuple[str, ...]:
    cells = (summary_text(metric, scores.metrics[metric]) for metric in TITLES)
    verdicts = scores.requirements.values()
    met = sum(verdict.met for verdict in verdicts)
    unsure = "" if all(verdict.sure for verdict in verdicts) else " (?)"
    return (run.entry.method.name, f"{scores.n:,}", *cells, f"{met} of {len(verdicts)}{unsure}")


def requirement_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable:
    """Tabulate whether LSST's requirements are met; takes what `score_table` does."""
    names = [name for name in JUDGED if name in runs[0].entry.scores[config].ranges]
    return PaperTable(
        label=f"lsst-{config}",
        caption=f"LSST's requirements on the {SETS[config]} test split; {release}",
        header=("Baseline", "range", "galaxies", *REQUIREMENTS.values()),
        rows=tuple(
            _requirement_row(run, name, run.entry.scores[config].ranges[name])
            for name in names
            for run in runs
        ),
        notes=VERDICT_NOTE,
        text_columns=2,
    )


def _requirement_row(run: Run, name: Range, scores: EntryRange) -> tuple[str, ...]:
    cells = (_verdict_text(metric, scores.requirements[metric]) for metric in REQUIREMENTS)
    return (run.entry.method.name, RANGES[name], f"{scores.n:,}", *cells)


def _verdict_text(metric: Metric, verdict: Verdict) -> str:
    if verdict.value is None:
        return NONE
    said = "met" if verdict.met else "missed"
    number = number_text(metric, verdict.value, verdict.error)
    unit = " %" if metric == "outlier_rate_3sigma" else ""
    return f"{number}{unit}, {said}{'' if verdict.sure else ' (?)'}"


def noise_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable | None:
    """Tabulate what label noise costs at 0.3 < z <= 1.5; None where no truth is known.

    Takes what `score_table` does.
    """
    rows = [row for run in runs for row in _noise_rows(run, config)]
    if not rows:
        return None
    return PaperTable(
        label=f"label-noise-{config}",
        caption=f"The cost of label noise on the {SETS[config]} test split at "
        f"{RANGES[COSMOLOGICAL]}; {release}",
        header=("Baseline", "metric", "against label", "against truth", "difference"),
        rows=tuple(rows),
        notes=NOISE_NOTE,
        text_columns=2,
    )


def _noise_rows(run: Run, config: Config) -> list[tuple[str, ...]]:
    scores = run.entry.scores[config]
    if scores.truth is None:
        return []
    truth, label = scores.truth[COSMOLOGICAL], scores.cosmological
    return [
        (
            run.entry.method.name,
            title,
            number_text(metric, label.metrics[metric].mean, None),
            number_text(metric, truth.metrics[metric].mean, None),
            _signed(metric, truth.difference[metric].mean, truth.difference[metric].error),
        )
        for metric, title in TITLES.items()
    ]


def _signed(metric: Metric, value: float | None, error: float | None) -> str:
    text = number_text(metric, value, error)
    plain = value is not None and text[0] not in "+−"
    return f"+{text}" if plain else text
