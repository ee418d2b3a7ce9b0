"""The words of scores: metrics, ranges, bins, test sets, and how tables and figures write them."""

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from transferz.schemas.benchmark.records import Record

Config = Literal["transferz", "galaxiesml", "combo", "truth"]
Metric = Literal[
    "bias",
    "scatter",
    "outlier_rate",
    "rmse",
    "loss",
    "bias_biweight",
    "scatter_biweight",
    "outlier_rate_biweight",
    "outlier_rate_3sigma",
    "mse",
    "catastrophic_rate",
]
Range = Literal["all", "cosmological", "lsst"]
Requirement = Literal["bias", "scatter", "outlier_rate_3sigma"]
Binning = Literal["true_redshift", "predicted_redshift", "i", "g-i"]

COSMOLOGICAL: Range = "cosmological"
"""0.3 < z_true <= 1.5: the range that tables and figures show."""

TESTED: tuple[Config, ...] = ("galaxiesml", "transferz")
"""The configs whose test splits every baseline is scored on, in the order of tables."""

Count = Annotated[int, Field(ge=0)]


class Summary(Record):
    """A metric's mean and spread over seeds; None where there is no number.

    Attributes
    ----------
    mean, spread : float or None
        Over seeds; the standard deviation has ddof 1.
    error : float or None
        Bootstrap error of the mean, over galaxies.
    """

    mean: float | None
    spread: float | None
    error: float | None = None


class Verdict(Record):
    """Whether a requirement of LSST's is met; `sure` where its error does not decide."""

    value: float | None
    limit: float
    met: bool
    error: float | None
    sure: bool


class Difference(Record):
    """Score against the label less that against the truth, with its paired bootstrap error."""

    mean: float | None
    error: float | None


class TruthScores(Record):
    """Scores against the truth, of the same galaxies."""

    n: Count
    metrics: dict[Metric, Summary]
    difference: dict[Metric, Difference]


NONE = "–"
"""Where there is no number."""

PERCENT: frozenset[Metric] = frozenset(
    {"outlier_rate", "outlier_rate_biweight", "outlier_rate_3sigma", "catastrophic_rate"}
)
"""Metrics that are written in per cent."""

TITLES: MappingProxyType[Metric, str] = MappingProxyType(
    {
        "bias": "bias",
        "scatter": "scatter",
        "outlier_rate": "outliers (%)",
        "rmse": "RMS",
        "catastrophic_rate": "catastrophic (%)",
    }
)
"""The metrics of tables, in their order, with their columns' titles."""

SETS: MappingProxyType[Config, str] = MappingProxyType(
    {"galaxiesml": "GalaxiesML", "transferz": "TransferZ", "combo": "both"}
)
"""What a config's galaxies are called."""


def summary_text(metric: Metric, summary: Summary) -> str:
    """Write a metric's mean ± spread over seeds, in the unit of its title."""
    return number_text(metric, summary.mean, summary.spread)


def number_text(metric: Metric, value: float | None, error: float | None) -> str:
    """Write a metric's value ± error, a bias with its sign; of no number, a dash."""
    if value is None:
        return NONE
    scale, digits = (100.0, 2) if metric in PERCENT else (1.0, 4)
    sign = "+" if metric.startswith("bias") else ""
    text = minus(f"{scale * value:{sign}.{digits}f}")
    return text if error is None else f"{text} ± {scale * error:.{digits}f}"


def minus(text: str) -> str:
    """Write numbers' signs as the minus sign that they are."""
    return text.replace("-", "−")
