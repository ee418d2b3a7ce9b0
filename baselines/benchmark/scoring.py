"""Score the forecasts of a run, in ranges and bins, with errors and verdicts, for an entry."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.scores.binning import I_MAGNITUDE_EDGES, REDSHIFT_EDGES, Bin, cut
from transferz.baselines.scores.bootstrap import Replicates
from transferz.baselines.scores.evaluation import FEWEST, summary
from transferz.baselines.scores.probability import PER_GALAXY, pit_histogram
from transferz.baselines.scores.requirements import verdicts

BINNED = ("bias", "scatter", "outlier_rate")
"""Metrics in bins of true redshift."""

COVERAGES = ("coverage_68", "coverage_90", "width_68", "width_90")
"""Metrics in bins of i magnitude, of forecasts with a width."""

TRANSFERRED = ("coverage_68", "coverage_90", "width_90")

Plain = dict[str, Any]


def score_set(forecasts: SetForecasts) -> Plain:
    """Score a test set.

    Returns
    -------
    dict
        What `transferz.schemas.benchmark.entries.EntryScores` validates. Galaxies that any seed
        has no forecast for are left out; `completeness` is the share of the others.
    """
    scored = forecasts.scored
    masks = {name: scored & mask for name, mask in forecasts.ranges().items()}
    known = forecasts.take(scored)
    redshift_bins = cut(known.redshift, REDSHIFT_EDGES)
    return {
        "n": int(scored.sum()),
        "completeness": float(scored.mean()),
        "ranges": {name: _range(forecasts.take(mask)) for name, mask in masks.items()},
        "pit": _pits(forecasts, masks),
        "bins": {"true_redshift": [_bin(known, one, BINNED) for one in redshift_bins]},
    }


def coverage_by_magnitude(forecasts: SetForecasts) -> list[Plain] | None:
    """Coverage and width in bins of i magnitude; None for point forecasts or without an i band."""
    if not has_widths(forecasts) or np.isnan(forecasts.i_mag).all():
        return None
    known = forecasts.take(forecasts.scored)
    return [_bin(known, one, COVERAGES) for one in cut(known.i_mag, I_MAGNITUDE_EDGES)]


def score_transfer(pair: tuple[str, str], forecasts: SetForecasts) -> Plain | None:
    """Coverage of intervals that were calibrated elsewhere; None where there are none."""
    if not has_widths(forecasts):
        return None
    found = forecasts.take(forecasts.scored).replicate()
    return {"calibrated_on": pair[0], "tested_on": pair[1], **_summaries(found, TRANSFERRED)}


def has_widths(forecasts: SetForecasts) -> bool:
    """Whether there is any interval."""
    names = PER_GALAXY[-4:]
    columns = [forecasts.columns[name] for name in names if name in forecasts.columns]
    return any(np.isfinite(values).any() for values in columns)


def _range(part: SetForecasts) -> Plain:
    found = part.replicate()
    metrics = _summaries(found, found.scores)
    return {
        "n": part.redshift.size,
        "metrics": metrics,
        "requirements": verdicts(metrics, len(part.point)),
    }


def _pits(forecasts: SetForecasts, masks: Mapping[str, Any]) -> Plain | None:
    """Histograms over all seeds; None where there is no distribution."""
    pit = forecasts.columns.get("pit")
    if pit is None or np.isnan(pit).all():
        return None
    shares = {name: pit_histogram(pit[:, mask].ravel()) for name, mask in masks.items()}
    return {
        name: [float(one) if np.isfinite(one) else None for one in values]
        for name, values in shares.items()
    }


def _bin(known: SetForecasts, one: Bin, names: Iterable[str]) -> Plain:
    ends = {"from": one.low, "to": one.high, "middle": one.middle}
    count = int(one.members.sum())
    if count < FEWEST:
        return ends | {"n": count, "metrics": None}
    found = known.take(one.members).replicate()
    return ends | {"n": count, "metrics": _summaries(found, names)}


def _summaries(found: Replicates, names: Iterable[str]) -> Plain:
    return {name: summary(found.scores[name], found.error(name)) for name in names}
