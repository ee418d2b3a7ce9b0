"""Score the forecasts of a run, in ranges and bins, with errors and verdicts, for an entry."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.scores.binning import I_MAGNITUDE_EDGES, Bin, binnings, cut
from transferz.baselines.scores.bootstrap import Replicates, difference_error
from transferz.baselines.scores.probability import PER_GALAXY, pit_histogram
from transferz.baselines.scores.requirements import verdicts

FEWEST = 20
"""Galaxies below which a bin, for any seed, is not scored (our choice)."""

BINNED = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
"""Metrics in bins of redshift, magnitude and colour."""

COVERAGES = ("coverage_68", "coverage_90", "width_68", "width_90")
"""Metrics in bins of i magnitude, of forecasts with a width."""

TRANSFERRED = ("coverage_68", "coverage_90", "width_90")

Plain = dict[str, Any]


def score_set(forecasts: SetForecasts) -> Plain:
    """Score a test set.

    Returns
    -------
    dict
        What `transferz.schemas.benchmark.scores.EntryScores` validates. Galaxies that any seed
        has no forecast for are left out; `completeness` is the share of the others. The label
        decides which range a galaxy is in, for scores against the truth too.
    """
    scored = forecasts.scored
    known = forecasts.take(scored)
    kinds = binnings(known.redshift, known.point, known.i_mag, known.g_mag)
    masks = {name: scored & mask for name, mask in forecasts.ranges().items()}
    parts = {name: forecasts.take(mask) for name, mask in masks.items()}
    found: Plain = {
        "n": int(scored.sum()),
        "completeness": float(scored.mean()),
        "ranges": {name: _range(part) for name, part in parts.items()},
        "pit": _pits(forecasts, masks),
        "bins": {kind: [_bin(known, one) for one in bins] for kind, bins in kinds.items()},
    }
    if forecasts.truth is not None and not np.isnan(forecasts.truth).all():
        found["truth"] = {name: _against_truth(part) for name, part in parts.items()}
    return found


def coverage_by_magnitude(forecasts: SetForecasts) -> list[Plain] | None:
    """Coverage and width in bins of i magnitude; None for point forecasts or without an i band."""
    if not has_widths(forecasts) or np.isnan(forecasts.i_mag).all():
        return None
    known = forecasts.take(forecasts.scored)
    found = []
    for one in cut(known.i_mag, I_MAGNITUDE_EDGES):
        metrics = None
        if (count := int(one.members.sum())) >= FEWEST:
            metrics = _summaries(known.take(one.members).replicate(), COVERAGES)
        found.append(_ends(one) | {"n": count, "metrics": metrics})
    return found


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


def summary(values: npt.NDArray[np.float64], error: float | None = None) -> Plain:
    """Sum up a metric's values of all seeds, shape (S,), for JSON.

    Returns
    -------
    dict
        ``mean`` and ``spread`` (standard deviation, ddof 1; None for one seed) over seeds, and
        ``error`` where one is given. None for NaN.
    """
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    found: Plain = {"mean": _finite(float(values.mean())), "spread": _finite(spread)}
    return found if error is None else found | {"error": _finite(error)}


def _finite(value: float | None) -> float | None:
    """Return the number if it is one that JSON can hold, else None."""
    return float(value) if value is not None and np.isfinite(value) else None


def _summaries(found: Replicates, names: Iterable[str]) -> Plain:
    return {name: summary(found.scores[name], found.error(name)) for name in names}


def _range(part: SetForecasts) -> Plain:
    found = part.replicate()
    metrics = _summaries(found, found.scores)
    return {
        "n": part.redshift.size,
        "metrics": metrics,
        "requirements": verdicts(metrics, len(part.point)),
    }


def _against_truth(part: SetForecasts) -> Plain:
    """Score against the truth, and how the label's scores of the same galaxies differ from it."""
    assert part.truth is not None  # noqa: S101 (for mypy: only mocks come here)
    known = part.take(np.isfinite(part.truth))
    label, truth = known.replicate_points(), known.replicate_points(true=known.truth)
    difference = {
        name: {
            "mean": _finite(float(values.mean() - truth.scores[name].mean())),
            "error": _finite(difference_error(label, truth, name)),
        }
        for name, values in label.scores.items()
    }
    metrics = _summaries(truth, truth.scores)
    return {"n": known.redshift.size, "metrics": metrics, "difference": difference}


def _pits(forecasts: SetForecasts, masks: Mapping[str, Any]) -> Plain | None:
    """Return histograms over all seeds; None where there is no distribution."""
    pit = forecasts.columns.get("pit")
    if pit is None or np.isnan(pit).all():
        return None
    shares = {name: pit_histogram(pit[:, mask].ravel()) for name, mask in masks.items()}
    return {name: [_finite(one) for one in values] for name, values in shares.items()}


def _bin(known: SetForecasts, one: Bin) -> Plain:
    """Score a bin; where each seed's own forecasts decide, `n` is the mean over seeds."""
    counts = np.atleast_1d(one.members.sum(axis=-1))
    metrics = None
    if counts.min() >= FEWEST:
        found = (
            known.take(one.members).replicate_points(BINNED)
            if one.members.ndim == 1
            else known.replicate_points(BINNED, chosen=one.members)
        )
        metrics = _summaries(found, BINNED)
    return _ends(one) | {"n": round(float(counts.mean())), "metrics": metrics}


def _ends(one: Bin) -> Plain:
    return {"from": one.low, "to": one.high, "middle": one.middle}
