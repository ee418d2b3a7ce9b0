"""The tables of scores: a row per baseline, what LSST asks for, and what label noise costs."""

from collections.abc import Sequence
from types import MappingProxyType

from transferz.baselines.paper.report_input import SPREAD, Evaluation, over_seeds
from transferz.baselines.paper.tables_text import TextTable
from transferz.baselines.scores.metrics import CATASTROPHIC_LIMIT, MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    NONE,
    SETS,
    TITLES,
    Config,
    Metric,
    Range,
    RangeScores,
    Requirement,
    Verdict,
    number_text,
    summary_text,
)

RANGES: MappingProxyType[Range, str] = MappingProxyType(
    {COSMOLOGICAL: "0.3 < z ≤ 1.5", "lsst": "0.3 < z < 3, i < 25"}
)
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


def score_table(evaluations: Sequence[Evaluation], config: Config, release: str) -> TextTable:
    """Tabulate the scores at 0.3 < z <= 1.5 on a test split.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        The rows.
    config : str
        Whose test split.
    release : str
        What captions call the release; of a mock, that it is one.

    Returns
    -------
    TextTable
        Means with their spread over seeds.
    """
    return TextTable(
        label=f"scores-{config}",
        caption=f"Scores on the {SETS[config]} test split at {RANGES[COSMOLOGICAL]}, "
        f"{over_seeds(SPREAD, evaluations)}; {release}",
        header=("Baseline", "galaxies", *TITLES.values(), "LSST"),
        rows=tuple(_score_row(one, one.sets[config].cosmological) for one in evaluations),
        notes=f"{DEFINED} {LSST_NOTE}",
    )


def _score_row(one: Evaluation, scores: RangeScores) -> tuple[str, ...]:
    cells = (summary_text(metric, scores.metrics[metric]) for metric in TITLES)
    verdicts = scores.requirements.values()
    met = sum(verdict.met for verdict in verdicts)
    unsure = "" if all(verdict.sure for verdict in verdicts) else " (?)"
    return (one.title, f"{scores.n:,}", *cells, f"{met} of {len(verdicts)}{unsure}")


def requirement_table(evaluations: Sequence[Evaluation], config: Config, release: str) -> TextTable:
    """Tabulate whether LSST's requirements are met; takes what `score_table` does."""
    names = [name for name in RANGES if name in evaluations[0].sets[config].ranges]
    return TextTable(
        label=f"lsst-{config}",
        caption=f"LSST's requirements on the {SETS[config]} test split; {release}",
        header=("Baseline", "range", "galaxies", *REQUIREMENTS.values()),
        rows=tuple(
            _requirement_row(one, name, one.sets[config].ranges[name])
            for name in names
            for one in evaluations
        ),
        notes=VERDICT_NOTE,
        text_columns=2,
    )


def _requirement_row(one: Evaluation, name: Range, scores: RangeScores) -> tuple[str, ...]:
    cells = (_verdict_text(metric, scores.requirements[metric]) for metric in REQUIREMENTS)
    return (one.title, RANGES[name], f"{scores.n:,}", *cells)


def _verdict_text(metric: Metric, verdict: Verdict) -> str:
    if verdict.value is None:
        return NONE
    said = "met" if verdict.met else "missed"
    number = number_text(metric, verdict.value, verdict.error)
    unit = " %" if metric == "outlier_rate_3sigma" else ""
    return f"{number}{unit}, {said}{'' if verdict.sure else ' (?)'}"


def noise_table(
    evaluations: Sequence[Evaluation], config: Config, release: str
) -> TextTable | None:
    """Tabulate what label noise costs at 0.3 < z <= 1.5; None where no truth is known.

    Takes what `score_table` does.
    """
    rows = [row for one in evaluations for row in _noise_rows(one, config)]
    if not rows:
        return None
    return TextTable(
        label=f"label-noise-{config}",
        caption=f"The cost of label noise on the {SETS[config]} test split at "
        f"{RANGES[COSMOLOGICAL]}; {release}",
        header=("Baseline", "metric", "against label", "against truth", "difference"),
        rows=tuple(rows),
        notes=NOISE_NOTE,
        text_columns=2,
    )


def _noise_rows(one: Evaluation, config: Config) -> list[tuple[str, ...]]:
    scores = one.sets[config]
    if scores.truth is None:
        return []
    truth, label = scores.truth[COSMOLOGICAL], scores.cosmological
    return [
        (
            one.title,
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
