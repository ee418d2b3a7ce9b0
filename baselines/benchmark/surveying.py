"""Score forecasts by what surveys measure themselves by, and say it in a few lines.

n(z) in tomographic bins against the requirement on its mean, how discrete forecasts are, and what
is left when the galaxies that a method trusts least are dropped.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark import forecasts as runs
from transferz.baselines.benchmark.forecasts import FLAG, SetForecasts
from transferz.baselines.scores.bootstrap import finite, summary
from transferz.baselines.scores.discreteness import discreteness
from transferz.baselines.scores.flags import DROPPED, RISKS, risk_curve, width_flag
from transferz.baselines.scores.requirements import verdict
from transferz.baselines.scores.tomography import TOMOGRAPHIES, Bins, score_bins, sort_into_bins
from transferz.schemas.benchmark.scores import (
    METRIC_TITLES,
    EntryScores,
    RiskMetric,
    TomographicBin,
    Tomography,
    value_parts,
)

Plain = dict[str, Any]

MOMENTS = {"pdf_mean", "pdf_std"}
"""Columns that the stack of densities is known by."""

SURVEYS: MappingProxyType[Tomography, str] = MappingProxyType(
    {"lsst": "LSST's", "euclid": "Euclid's"}
)
ESTIMATES = MappingProxyType(
    {"stacked": "n(z) from stacked densities", "points": "n(z) from point forecasts"}
)
"""What n(z) is estimated by, the one to be printed first."""

FLAGS = MappingProxyType(
    {"method": "the method's own flag", "width_68": "the width of its 68 % intervals"}
)
MEANS = (
    "Bins of forecast redshift whose mean redshift is off by no more than surveys require "
    "('?' where the error decides):"
)
SHOWN_DROP = 10
"""Per cent that the printed line is about (our choice)."""


def score_tomography(known: SetForecasts, fewest: int) -> Plain:
    """Score n(z) in each survey's bins; `known` has a forecast of every galaxy by every seed.

    A bin that has fewer galaxies than `fewest`, for any seed, is not scored.
    """
    return {name: _tomography(known, bins, fewest) for name, bins in TOMOGRAPHIES.items()}


def _tomography(known: SetForecasts, bins: Bins, fewest: int) -> list[Plain]:
    numbers, edges = sort_into_bins(known.point, bins.number)
    moments = None
    if set(known.columns) >= MOMENTS:
        mean, std = known.columns["pdf_mean"], known.columns["pdf_std"]
        moments = (mean, std) if np.isfinite(mean + std).all() else None
    scored = score_bins(
        known.point, known.redshift, numbers, bins.number, moments, draws=runs.DRAWS
    )
    found = []
    for k, replicates in enumerate(scored):
        counts = np.count_nonzero(numbers == k, axis=1)
        metrics = requirement = None
        if counts.min() >= fewest:
            metrics = replicates.summaries()
            requirement = {
                name.removeprefix("bias_"): verdict(metrics[name], bins.limit, len(counts))
                for name in ("bias_points", "bias_stacked")
                if name in metrics
            }
        found.append(
            {
                "from": finite(float(edges[:, k].mean())),
                "to": finite(float(edges[:, k + 1].mean())),
                "n": round(float(counts.mean())),
                "metrics": metrics,
                "requirement": requirement,
            }
        )
    return found


def score_discreteness(known: SetForecasts) -> Plain:
    """Score how discrete the points are, and the modes of densities on a grid, if there are any."""
    values = {"points": known.point}
    modes = known.columns.get("pdf_mode")
    if modes is not None and np.isfinite(modes).all():
        values["modes"] = modes
    return {
        what: {name: summary(number) for name, number in discreteness(one).items()}
        for what, one in values.items()
    }


def score_risk(known: SetForecasts) -> Plain | None:
    """Score the method's flags, or for want of any the widths of its intervals; None of neither."""
    columns = {name: one for name, one in known.columns.items() if not np.isnan(one).all()}
    flag: npt.NDArray[np.floating[Any]]
    if FLAG in columns:
        flag, whose = columns[FLAG], "method"
    elif {"low_68", "high_68"} <= set(columns):
        flag, whose = width_flag(columns["low_68"], columns["high_68"], known.point), "width_68"
    else:
        return None
    curve = risk_curve(known.point, known.redshift, flag, known.object_id, draws=runs.DRAWS)
    points = [one.summaries() for one in curve.points]
    return {
        "flag": whose,
        "dropped": list(DROPPED),
        "metrics": {name: [one[name] for one in points] for name in RISKS},
        "area": curve.area.summaries(),
    }


def survey_lines(scores: Mapping[str, EntryScores]) -> Iterator[str]:
    """Say in a few lines how far the means of n(z) are off, and how good the flags are."""
    lines = [
        f"  {name}, {_means(survey, bins)}"
        for name, one in scores.items()
        for survey, bins in (one.tomography or {}).items()
    ]
    yield from [MEANS, *lines] if lines else []
    flagged = {name: one.risk for name, one in scores.items() if one.risk}
    if flagged:
        yield f"All galaxies -> without the {SHOWN_DROP} % that are trusted least (area to 50 %):"
    for name, risk in flagged.items():
        place = risk.dropped.index(SHOWN_DROP)
        numbers = (
            f"{METRIC_TITLES[metric]} {_value(metric, curve[0].mean)} -> "
            f"{_value(metric, curve[place].mean)} ({_value(metric, risk.area[metric].mean)})"
            for metric, curve in risk.metrics.items()
        )
        yield f"  {name}, by {FLAGS[risk.flag]}: {', '.join(numbers)}"


def _means(survey: Tomography, bins: tuple[TomographicBin, ...]) -> str:
    """Count a survey's bins by verdict, and give the largest bias of one."""
    judged = [one.requirement for one in bins if one.requirement]
    by = next((name for name in ESTIMATES if any(name in one for one in judged)), None)
    title = f"{SURVEYS[survey]} {len(bins)} bins (limit {TOMOGRAPHIES[survey].limit:g} (1 + z))"
    if by is None:
        return f"{title}: too few galaxies"
    verdicts = [one[by] for one in judged if by in one]
    said = ["?" if not one.sure else "met" if one.met else "missed" for one in verdicts]
    counts = ", ".join(f"{said.count(word)} {word}" for word in ("met", "missed", "?"))
    worst = max(verdicts, key=lambda one: abs(one.value or 0.0))
    value, error, _ = value_parts("bias", worst.value, worst.error)
    return f"{title}: {counts}; largest bias {value} ± {error} ({ESTIMATES[by]})"


def _value(metric: RiskMetric, value: float | None) -> str:
    return value_parts(metric, value, None)[0]
