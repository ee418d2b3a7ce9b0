"""A method's forecasts for a test sample, scored in every way that is asked for, ready for JSON."""

from dataclasses import dataclass
from typing import Any

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
from transferz.baselines.scores.metrics import in_cosmological_range
from transferz.baselines.scores.requirements import in_lsst_range, verdicts
from transferz.baselines.scores.truth import HEADLINES, finite, summary

FEWEST = 20
"""Galaxies below which a bin, for any seed, is not scored (our choice)."""

SEEDS_KEPT = ("all", "cosmological")
"""Ranges for which every seed's own scores are kept."""

Results = dict[str, Any]


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
        found = [self.redshift.shape, self.magnitudes.shape]
        found += [] if self.truth is None else [self.truth.shape]
        expected = [(size,), (size, len(self.bands)), (size,)][: len(found)]
        if not seeds or found != expected:
            raise ValueError(f"forecasts of {seeds} seeds: expected {expected}, found {found}")

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
    found: Results = {"n": len(forecasts.redshift), "ranges": {}}
    truth: Results = {}
    for name, rows in range_masks(forecasts).items():
        part = forecasts.take(rows)
        label = replicate(part.predicted, part.redshift, draws=draws)
        found["ranges"][name] = _range(part, label, keep_seeds=name in SEEDS_KEPT)
        if part.truth is not None:
            truth[name] = _against_truth(part.take(np.isfinite(part.truth)), draws)
    if truth:
        found["truth"] = truth
    kinds = binnings(forecasts.redshift, forecasts.predicted, forecasts.magnitudes, forecasts.bands)
    found["bins"] = {
        kind: [_bin(forecasts, one, draws) for one in bins] for kind, bins in kinds.items()
    }
    return found


def range_masks(forecasts: Forecasts) -> dict[str, npt.NDArray[np.bool_]]:
    """Which galaxies, shape (N,), are in which range; by the label."""
    masks = {
        "all": np.ones(forecasts.redshift.shape, dtype=bool),
        "cosmological": in_cosmological_range(forecasts.redshift),
    }
    i = find_band(forecasts.magnitudes, forecasts.bands, "i")
    return masks if i is None else masks | {"lsst": in_lsst_range(forecasts.redshift, i)}


def _range(part: Forecasts, found: Replicates, *, keep_seeds: bool) -> Results:
    metrics = {
        name: summary(values, found.error(name), keep_seeds=keep_seeds and name in HEADLINES)
        for name, values in found.scores.items()
    }
    return {
        "n": len(part.redshift),
        "metrics": metrics,
        "requirements": verdicts(metrics, len(part.predicted)),
    }


def _against_truth(part: Forecasts, draws: Draws) -> Results:
    """Label and truth of the same galaxies, and the same resamples of them."""
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
    metrics = {n: summary(values, truth.error(n)) for n, values in truth.scores.items()}
    return {"n": len(part.redshift), "metrics": metrics, "difference": difference}


def _bin(forecasts: Forecasts, one: Bin, draws: Draws) -> Results:
    counts = np.atleast_1d(one.members.sum(axis=-1))  # of each seed, or one for all
    metrics: Results | None = None
    if counts.min() >= FEWEST:
        found = _replicate_bin(forecasts, one.members, draws)
        metrics = {n: summary(values, found.error(n)) for n, values in found.scores.items()}
    ends = {"from": one.low, "to": one.high, "middle": one.middle}
    return ends | {"n": round(float(counts.mean())), "metrics": metrics}


def _replicate_bin(
    forecasts: Forecasts, members: npt.NDArray[np.bool_], draws: Draws
) -> Replicates:
    predicted, redshift = forecasts.predicted, forecasts.redshift
    if members.ndim == 1:
        return replicate(predicted[:, members], redshift[members], HEADLINES, draws=draws)
    return replicate(predicted, redshift, HEADLINES, chosen=members, draws=draws)
