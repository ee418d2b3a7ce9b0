"""The paper's tables, as Markdown and as LaTeX.

Scores, what LSST asks for, label noise's cost, and how many times smaller than NN-Base's the errors
of the other baselines are.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from transferz.baselines.benchmark.forecasts import Mask, SetForecasts
from transferz.baselines.leaderboard.entries import Run
from transferz.baselines.scores.bootstrap import Interval, ratio
from transferz.baselines.scores.metrics import (
    CATASTROPHIC_LIMIT,
    MAD_TO_SIGMA,
    OUTLIER_LIMIT,
    Array,
    in_cosmological_range,
    normalised_error,
    rmse,
)
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    NONE,
    RANGES,
    TEST_TABLE,
    TITLES,
    Config,
    Metric,
    Range,
    Requirement,
    Verdict,
    config_title,
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

    `label` is its name, for references; `caption` says what it shows, and of a mock that it is one;
    `notes` what else a reader must know. The first `text_columns` are text, the others are aligned
    as numbers.
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
        noted = [self.notes] if notes and self.notes else []
        parts = [f"**{self.caption}**", "\n".join(lines), *noted]
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


def tested_on(runs: Sequence[Run]) -> list[str]:
    """List the configs that runs on a release were tested on, spectroscopic ones first."""
    return [name for name in runs[0].entry.scores if name != TEST_TABLE]


def over_seeds(what: str, runs: Sequence[Run]) -> str:
    """Say that something is over so many seeds; of one seed, only that it is one."""
    counts = {run.entry.seeds for run in runs}
    if counts == {1}:
        return "one seed"
    return f"{what} over {' to '.join(map(str, sorted({min(counts), max(counts)})))} seeds"


def score_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable:
    """Tabulate the scores at 0.3 < z <= 1.5 on a test split: means with their spread over seeds.

    `release` is what captions call the release; of a mock, that it is one.
    """
    rows = []
    for run in runs:
        scores = run.entry.scores[config].cosmological
        cells = (summary_text(metric, scores.metrics[metric]) for metric in TITLES)
        verdicts = scores.requirements.values()
        met = f"{sum(verdict.met for verdict in verdicts)} of {len(verdicts)}"
        unsure = "" if all(verdict.sure for verdict in verdicts) else " (?)"
        rows.append((run.entry.method.name, f"{scores.n:,}", *cells, met + unsure))
    return PaperTable(
        label=f"scores-{config}",
        caption=f"Scores on the {config_title(config)} test split at {RANGES[COSMOLOGICAL]}, "
        f"{over_seeds(SPREAD, runs)}; {release}",
        header=("Baseline", "galaxies", *TITLES.values(), "LSST"),
        rows=tuple(rows),
        notes=f"{DEFINED} {LSST_NOTE}",
    )


def requirement_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable:
    """Tabulate whether LSST's requirements are met; takes what `score_table` does."""
    names = [name for name in JUDGED if name in runs[0].entry.scores[config].ranges]
    return PaperTable(
        label=f"lsst-{config}",
        caption=f"LSST's requirements on the {config_title(config)} test split; {release}",
        header=("Baseline", "range", "galaxies", *REQUIREMENTS.values()),
        rows=tuple(_requirement_row(run, name, config) for name in names for run in runs),
        notes=VERDICT_NOTE,
        text_columns=2,
    )


def _requirement_row(run: Run, name: Range, config: Config) -> tuple[str, ...]:
    scores = run.entry.scores[config].ranges[name]
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
    rows = []
    for run in runs:
        label, truths = run.entry.scores[config].cosmological, run.entry.scores[config].truth
        if truths is None:
            continue
        truth = truths[COSMOLOGICAL]
        for metric, title in TITLES.items():
            means = (scores.metrics[metric].mean for scores in (label, truth))
            cells = (number_text(metric, mean, None) for mean in means)
            difference = truth.difference[metric]
            text = number_text(metric, difference.mean, difference.error)
            plain = difference.mean is not None and text[0] not in "+−"
            rows.append((run.entry.method.name, title, *cells, f"+{text}" if plain else text))
    if not rows:
        return None
    return PaperTable(
        label=f"label-noise-{config}",
        caption=f"The cost of label noise on the {config_title(config)} test split at "
        f"{RANGES[COSMOLOGICAL]}; {release}",
        header=("Baseline", "metric", "against label", "against truth", "difference"),
        rows=tuple(rows),
        notes=NOISE_NOTE,
        text_columns=2,
    )


REFERENCE, SHOWN = "nn_base", "nn_tl"
COMPARED: MappingProxyType[Metric, str] = MappingProxyType(
    {"bias": "abs(bias)", "rmse": "RMS", "catastrophic_rate": "catastrophic rate"}
)

PUBLISHED: MappingProxyType[Metric, float] = MappingProxyType(
    {"bias": 5.0, "rmse": 1.5, "catastrophic_rate": 1.3}
)
"""Of NN-TL and of NN-Combo, on the real GalaxiesML (Soriano et al. 2024, abstract); shown beside
the first test set, which is spectroscopic where there is such."""

PUBLISHED_NAME = "NN-TL and NN-Combo, Soriano et al. 2024"

NOTES = (
    "Each is the value of NN-Base divided by that of the baseline, of means over seeds: above 1 "
    "the baseline is better. In brackets the 68 % interval, from resampling galaxies and seeds."
)
SHARED = "RMS without shared outliers"
SHARED_NOTES = (
    "Shared outliers are the {count} galaxies whose dz, the median over seeds, is beyond 0.15 for "
    "every baseline; they hold {share:.0f} % of NN-TL's sum of squared dz. They are found on the "
    "very forecasts that are scored: a look behind the RMS, no score."
)
OPPOSITE = "The paper finds the opposite here, without a number: both have worse RMS and bias."


def ratio_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable | None:
    """Tabulate NN-Base's errors at 0.3 < z <= 1.5 over those of the others; takes as `score_table`.

    None where NN-Base or all others are missing.
    """
    found = ratios(runs, config)
    if not found:
        return None
    titles = {run.key: run.entry.method.name for run in runs}
    shared = shared_outliers(runs, config)
    trimmed = rms_ratios(runs, config, ~shared)
    rows = [
        (titles[method], *(interval_text(one[metric]) for metric in COMPARED), trimmed[method])
        for method, one in found.items()
    ]
    held = 100 * share(runs, config, shared)
    notes = [NOTES, SHARED_NOTES.format(count=shared.sum(), share=held)]
    if config == tested_on(runs)[0]:
        published = (f"{PUBLISHED[metric]:g}" for metric in COMPARED)
        rows.append((PUBLISHED_NAME, *published, NONE))
    else:
        notes.append(OPPOSITE)
    return PaperTable(
        label=f"ratios-{config}",
        caption=f"How many times smaller than NN-Base's, on the {config_title(config)} test split "
        f"at {RANGES[COSMOLOGICAL]}; {release}",
        header=("Baseline", *COMPARED.values(), SHARED),
        rows=tuple(rows),
        notes=" ".join(notes),
    )


def ratios(runs: Sequence[Run], config: Config) -> dict[str, dict[Metric, Interval]]:
    """Compare every baseline with NN-Base, galaxy by galaxy: NN-Base's values over the method's.

    The result is empty where NN-Base is missing.
    """
    scored = {run.key: _tested(run, config).replicate_points(tuple(COMPARED)) for run in runs}
    base = scored.pop(REFERENCE, None)
    if base is None:
        return {}
    return {
        method: {metric: ratio(base, one, metric) for metric in COMPARED}
        for method, one in scored.items()
    }


def shared_outliers(runs: Sequence[Run], config: Config) -> Mask:
    """Find the galaxies at 0.3 < z <= 1.5 that no baseline gets right, shape (N,).

    Their abs(dz), dz being the median over seeds, is beyond the outlier limit for all.
    """
    found = [np.median(_errors(run, config), axis=0) for run in runs]
    return np.logical_and.reduce([np.abs(dz) > OUTLIER_LIMIT for dz in found])


def rms_ratios(runs: Sequence[Run], config: Config, rows: Mask) -> dict[str, str]:
    """Write NN-Base's RMS over every baseline's, means over seeds, of some galaxies."""
    values = {run.key: rmse(_errors(run, config)[:, rows]).mean() for run in runs}
    return {method: f"{values[REFERENCE] / value:.2f}" for method, value in values.items()}


def share(runs: Sequence[Run], config: Config, rows: Mask) -> float:
    """Compute the share of NN-TL's (or the last baseline's) sum of dz² that some galaxies hold."""
    named = {run.key: run for run in runs}
    square = np.square(_errors(named.get(SHOWN, runs[-1]), config)).sum(axis=0)
    return float(square[rows].sum() / square.sum())


def _errors(run: Run, config: Config) -> Array:
    tested = _tested(run, config)
    return normalised_error(tested.point, tested.redshift)


def _tested(run: Run, config: Config) -> SetForecasts:
    """Return the forecasts at 0.3 < z <= 1.5."""
    tested = run.forecasts[config]
    return tested.take(in_cosmological_range(tested.redshift))


def interval_text(one: Interval) -> str:
    """Write a ratio with its interval; a dash where it is 0 to 0."""
    if math.isnan(one.value):
        return NONE
    return f"{_number(one.value)} ({_number(one.low)} to {_number(one.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "unbounded"
