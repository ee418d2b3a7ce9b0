"""Scores of several seeds on several samples: computed, and printed as a table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.scores.metrics import in_cosmological_range, score
from transferz.baselines.scores.residuals import Array

Scores = dict[str, dict[str, dict[str, Any]]]

RANGES = MappingProxyType({"all": "all z", "cosmological": "0.3 < z <= 1.5"})
PRINTED = ("bias", "scatter", "outlier_rate", "rmse", "loss")

HEADLINES = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
"""The metrics that figures and comparisons are about."""


def score_samples(predict: Callable[[Array], Array], samples: Mapping[str, Sample]) -> Scores:
    """Score all seeds' forecasts for every sample.

    Parameters
    ----------
    predict : callable
        Magnitudes, shape (N, B), -> redshifts, shape (S, N), one row per seed.
    samples : mapping of str to Sample
        What to score on.

    Returns
    -------
    dict
        Sample -> range of true redshift (``all``, ``cosmological``) -> ``n`` and ``metrics``:
        for each of `transferz.baselines.scores.metrics.score` a `summary` with all seeds' values.
    """
    return {
        name: _score_ranges(predict(sample.magnitudes), sample.redshift)
        for name, sample in samples.items()
    }


def summary(
    values: Array, error: float | None = None, *, keep_seeds: bool = False
) -> dict[str, Any]:
    """Sum up a metric's values of all seeds, shape (S,), for JSON.

    Returns
    -------
    dict
        ``mean`` and ``spread`` (standard deviation, ddof 1; None for one seed) over seeds,
        ``error`` where one is given, ``seeds``, the values, where kept. None for NaN.
    """
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    found: dict[str, Any] = {"mean": finite(float(values.mean())), "spread": finite(spread)}
    if error is not None:
        found["error"] = finite(error)
    if keep_seeds:
        found["seeds"] = [finite(value) for value in values.tolist()]
    return found


def finite(value: float | None) -> float | None:
    """Return the number if it is one that JSON can hold, else None."""
    return float(value) if value is not None and np.isfinite(value) else None


def _score_ranges(predicted: Array, true: Array) -> dict[str, dict[str, Any]]:
    rows = {"all": np.ones(true.shape, dtype=bool), "cosmological": in_cosmological_range(true)}
    return {
        name: {
            "n": int(kept.sum()),
            "metrics": {
                metric: summary(values, keep_seeds=True)
                for metric, values in score(predicted[:, kept], true[kept]).items()
            },
        }
        for name, kept in rows.items()
    }


def format_scores(scores: Scores) -> str:
    """Lay the scores out as a text table, mean ± spread over seeds."""
    head = ["sample", "range", "n", *(name.replace("_", " ") for name in PRINTED)]
    body = [
        [
            name,
            RANGES[part],
            str(values["n"]),
            *(_cell(values["metrics"][metric]) for metric in PRINTED),
        ]
        for name, ranges in scores.items()
        for part, values in ranges.items()
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *body)
    )
    return "\n".join(lines)


def _cell(found: dict[str, Any]) -> str:
    if found["mean"] is None:
        return "-"
    spread = "" if found["spread"] is None else f" ± {found['spread']:.4f}"
    return f"{found['mean']:.4f}{spread}"
