"""How scores are called and written in tables and figures."""

from types import MappingProxyType

from transferz.schemas.benchmark.scores import Config, Metric, Summary

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
