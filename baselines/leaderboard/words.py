"""How the leaderboard writes metrics, values and their errors."""

from types import MappingProxyType

from transferz.baselines.leaderboard.board import Row
from transferz.schemas.benchmark.scores import NONE, PERCENT, SETS, TITLES, Summary, minus

PROBABILITY_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {
        "crps": "CRPS",
        "cde_loss": "CDE loss",
        "coverage_68": "coverage at 68 %",
        "coverage_90": "coverage at 90 %",
        "width_90": "90 % width",
    }
)
"""Of forecasts with a width; shown where any entry has them."""

METRIC_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {
        **dict[str, str](TITLES.items()),
        "outlier_rate_3sigma": "3σ outliers (%)",
        "outlier_rate_biweight": "outliers, biweight (%)",
        "bias_biweight": "bias, biweight",
        "scatter_biweight": "scatter, biweight",
        "loss": "loss",
        "mse": "MSE",
        **PROBABILITY_TITLES,
        "log_score": "log score",
        "pit_ks": "PIT, KS",
        "pit_cvm": "PIT, CvM",
        "pit_ad": "PIT, AD",
        "width_68": "68 % width",
        "outlier_rate_3sigma_width": "beyond 3σ (%)",
    }
)

DEFAULT_METRICS = (*TITLES, *PROBABILITY_TITLES)
"""Columns of the tables."""

PER_CENT = PERCENT | {"coverage_68", "coverage_90", "outlier_rate_3sigma_width"}
SIGNED = ("bias", "bias_biweight")
SET_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {**dict[str, str](SETS.items()), "table": "the table", "test_table": "the other table"}
)


def metric_title(metric: str) -> str:
    """Return what a metric is called in a column's head."""
    return METRIC_TITLES.get(metric, metric)


def set_title(config: str) -> str:
    """Return what a test set is called."""
    return SET_TITLES.get(config, config)


def training_title(row: Row) -> str:
    """Return what is written of what an entry learned from."""
    parts = row.entry.training.set.split("+")
    return " + ".join(set_title(name) for name in parts)


def unit(metric: str) -> float:
    """Return what a metric's values are multiplied by where they are written or drawn."""
    return 100.0 if metric in PER_CENT else 1.0


def value_text(metric: str, summary: Summary | None) -> str:
    """Write ``mean ± error (spread)``, in the unit of the metric's title; a dash for no number."""
    value, error, spread = value_parts(metric, summary)
    return value + (f" ± {error}" if error else "") + (f" ({spread})" if spread else "")


def value_parts(metric: str, summary: Summary | None) -> tuple[str, str, str]:
    """Write mean, error and spread apart; empty where there is none."""
    if summary is None or summary.mean is None:
        return NONE, "", ""
    scale, digits = unit(metric), 2 if metric in PER_CENT else 4
    sign = "+" if metric in SIGNED else ""
    around = (summary.error, summary.spread)
    error, spread = ("" if value is None else f"{scale * value:.{digits}f}" for value in around)
    return minus(f"{scale * summary.mean:{sign}.{digits}f}"), error, spread
