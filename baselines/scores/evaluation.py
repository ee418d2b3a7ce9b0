"""Score a method's forecasts in every way that is asked for, as numbers ready for JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.binning import Bin, binnings, find_band
from transferz.baselines.scores.bootstrap import (
    DRAWS,
    Draws,
    Replicates,
    difference_error,
    replicate,
)
from transferz.baselines.scores.metrics import Array, in_cosmological_range, score
from transferz.baselines.scores.requirements import in_lsst_range, verdicts

if TYPE_CHECKING:
    from transferz.baselines.networks.training import Galaxies  # takes torch

FEWEST = 20
"""Galaxies below which a bin, for any seed, is not scored (our choice)."""

SEEDS_KEPT = ("all", "cosmological")
"""Ranges for which every seed's own scores are kept."""

HEADLINES = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
"""The metrics that figures and comparisons are about."""

RANGE_LABELS = MappingProxyType({"all": "all z", "cosmological": "0.3 < z <= 1.5"})
PRINTED = ("bias", "scatter", "outlier_rate", "rmse", "loss")

Results = dict[str, Any]
Scores = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of one method for the galaxies of one sample.

    Attributes
    ----------
    predicted : ndarray, shape (S, N)
        Redshifts, one row per seed.
    redshift : ndarray, shape (N,)
        The label.
    magnitudes : ndarray, shape (N, B)
        AB magnitudes.
    bands : tuple of str
        Their columns' names.
    truth : ndarray, shape (N,), or None
        True redshifts, which only a mock has; NaN where an object is no galaxy.
    """

    predicted: npt.NDArray[Any]
    redshift: npt.NDArray[Any]
    magnitudes: npt.NDArray[Any]
    bands: tuple[str, ...]
    truth: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        seeds, size = self.predicted.shape
        shapes = [self.redshift.shape, self.magnitudes.shape]
        shapes += [] if self.truth is None else [self.truth.shape]
        expected = [(size,), (size, len(self.bands)), (size,)][: len(shapes)]
        if not seeds or shapes != expected:
            raise ValueError(f"forecasts of {seeds} seeds: expected {expected}, found {shapes}")

    def take(self, rows: npt.NDArray[np.bool_]) -> "Forecasts":
        """Pick galaxies by a mask."""
        truth = None if self.truth is None else self.truth[rows]
        picked = self.predicted[:, rows], self.redshift[rows], self.magnitudes[rows]
        return Forecasts(*picked, self.bands, truth)


def evaluate(forecasts: Forecasts, draws: Draws = DRAWS) -> Results:
    """Score forecasts against label and truth, in ranges and bins, with error bars and verdicts.

    Parameters
    ----------
    forecasts : Forecasts
        What to score.
    draws : Draws
        Resamples of galaxies, for the errors.

    Returns
    -------
    dict
        ``n``; ``ranges``: for ``all``, ``cosmological`` and, where there is an i band, ``lsst``,
        ``n``, ``metrics`` and ``requirements``; ``truth``, on a mock only: for the same ranges,
        which the label selects here too, ``n`` (galaxies with a truth), ``metrics`` and the
        ``difference``, label's score less truth's; ``bins``: for each kind of
        `transferz.baselines.scores.binning`, a list of ``from``, ``to``, ``middle`` (the galaxies'
        median), ``n`` (where each seed's forecasts decide, the mean over seeds) and ``metrics``,
        None where a seed has fewer than `FEWEST` galaxies. Every metric has ``mean`` and
        ``spread`` over seeds, and ``error``, the bootstrap error of the mean over galaxies. None
        stands where there is no number.
    """
    results: Results = {"n": len(forecasts.redshift), "ranges": {}}
    truth: Results = {}
    for name, rows in range_masks(forecasts).items():
        part = forecasts.take(rows)
        replicates = replicate(part.predicted, part.redshift, draws=draws)
        kept = HEADLINES if name in SEEDS_KEPT else ()
        metrics = {
            metric: summary(values, replicates.error(metric), keep_seeds=metric in kept)
            for metric, values in replicates.scores.items()
        }
        requirements = verdicts(metrics, len(part.predicted))
        results["ranges"][name] = {
            "n": len(part.redshift),
            "metrics": metrics,
            "requirements": requirements,
        }
        if part.truth is not None:
            truth[name] = _against_truth(part.take(np.isfinite(part.truth)), draws)
    if truth:
        results["truth"] = truth
    kinds = binnings(forecasts.redshift, forecasts.predicted, forecasts.magnitudes, forecasts.bands)
    results["bins"] = {
        kind: [_score_bin(forecasts, galaxy_bin, draws) for galaxy_bin in bins]
        for kind, bins in kinds.items()
    }
    return results


def range_masks(forecasts: Forecasts) -> dict[str, npt.NDArray[np.bool_]]:
    """Say which galaxies, shape (N,), are in which range of the label."""
    masks = {
        "all": np.ones(forecasts.redshift.shape, dtype=bool),
        "cosmological": in_cosmological_range(forecasts.redshift),
    }
    i_magnitude = find_band(forecasts.magnitudes, forecasts.bands, "i")
    if i_magnitude is None:
        return masks
    return masks | {"lsst": in_lsst_range(forecasts.redshift, i_magnitude)}


def _against_truth(part: Forecasts, draws: Draws) -> Results:
    """Score against label and truth of the same galaxies, and the same resamples of them."""
    assert part.truth is not None  # noqa: S101 (for mypy: only mocks come here)
    label, truth = (
        replicate(part.predicted, redshift, draws=draws) for redshift in (part.redshift, part.truth)
    )
    difference = {
        name: {
            "mean": finite(values.mean() - truth.scores[name].mean()),
            "error": finite(difference_error(label, truth, name)),
        }
        for name, values in label.scores.items()
    }
    metrics = {name: summary(values, truth.error(name)) for name, values in truth.scores.items()}
    return {"n": len(part.redshift), "metrics": metrics, "difference": difference}


def _score_bin(forecasts: Forecasts, galaxy_bin: Bin, draws: Draws) -> Results:
    members, predicted, redshift = galaxy_bin.members, forecasts.predicted, forecasts.redshift
    counts = np.atleast_1d(members.sum(axis=-1))  # of each seed, or one for all
    metrics: Results | None = None
    if counts.min() >= FEWEST:
        replicates: Replicates
        if members.ndim == 1:
            part = predicted[:, members], redshift[members]
            replicates = replicate(*part, HEADLINES, draws=draws)
        else:
            replicates = replicate(predicted, redshift, HEADLINES, chosen=members, draws=draws)
        metrics = {
            name: summary(values, replicates.error(name))
            for name, values in replicates.scores.items()
        }
    ends = {"from": galaxy_bin.low, "to": galaxy_bin.high, "middle": galaxy_bin.middle}
    return ends | {"n": round(float(counts.mean())), "metrics": metrics}


def summary(
    values: Array, error: float | None = None, *, keep_seeds: bool = False
) -> dict[str, Any]:
    """Sum up a metric's values of all seeds, shape (S,), for JSON.

    Returns
    -------
    dict
        ``mean`` and ``spread`` (standard deviation, ddof 1; None for one seed) over seeds,
        ``error`` where one is given, ``seeds``, the values, where kept. None for NaN.

    Examples
    --------
    >>> summary(np.array([1.0, 3.0]), error=0.5)
    {'mean': 2.0, 'spread': 1.4142135623730951, 'error': 0.5}
    """
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    summed: dict[str, Any] = {"mean": finite(float(values.mean())), "spread": finite(spread)}
    if error is not None:
        summed["error"] = finite(error)
    if keep_seeds:
        summed["seeds"] = [finite(value) for value in values.tolist()]
    return summed


def finite(value: float | None) -> float | None:
    """Return the number if it is one that JSON can hold, else None."""
    return float(value) if value is not None and np.isfinite(value) else None


def score_samples(predict: Callable[[Array], Array], samples: "Mapping[str, Galaxies]") -> Scores:
    """Score all seeds' forecasts for every sample.

    Parameters
    ----------
    predict : callable
        Magnitudes, shape (N, B), -> redshifts, shape (S, N), one row per seed.
    samples : mapping of str to Galaxies
        What to score on: magnitudes and redshifts.

    Returns
    -------
    dict
        Sample -> range of true redshift (``all``, ``cosmological``) -> ``n`` and ``metrics``:
        for each of `transferz.baselines.scores.metrics.score` a `summary` with all seeds' values.
    """
    scores: Scores = {}
    for name, sample in samples.items():
        predicted, true = predict(sample.magnitudes), sample.redshift
        masks = {
            "all": np.ones(true.shape, dtype=bool),
            "cosmological": in_cosmological_range(true),
        }
        scores[name] = {
            part: {
                "n": int(mask.sum()),
                "metrics": {
                    metric: summary(values, keep_seeds=True)
                    for metric, values in score(predicted[:, mask], true[mask]).items()
                },
            }
            for part, mask in masks.items()
        }
    return scores


def format_scores(scores: Scores) -> str:
    """Lay out what `score_samples` returns as a text table, mean ± spread over seeds."""
    rows = [["sample", "range", "n", *(name.replace("_", " ") for name in PRINTED)]]
    for name, ranges in scores.items():
        for part, values in ranges.items():
            cells = (_cell(values["metrics"][metric]) for metric in PRINTED)
            rows.append([name, RANGE_LABELS[part], str(values["n"]), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _cell(metric: dict[str, Any]) -> str:
    if metric["mean"] is None:
        return "-"
    spread = "" if metric["spread"] is None else f" ± {metric['spread']:.4f}"
    return f"{metric['mean']:.4f}{spread}"
