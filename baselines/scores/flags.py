"""Score a method's own flags: what is left when the galaxies that it trusts least are dropped.

A flag is a number for each galaxy: the larger, the less the forecast is to be trusted. The curve of
risk (scatter, outliers or RMS of the galaxies that are kept) against coverage (their share) falls
where the flag knows which forecasts are bad, and is flat where it knows nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores import metrics
from transferz.baselines.scores.bootstrap import DRAWS, Draws, Replicates
from transferz.baselines.scores.metrics import Array, normalised_error

DROPPED = (0, 5, 10, 20, 30, 50)
"""Per cent of the galaxies that are dropped, at the points of the curve."""

RISKS = ("scatter", "outlier_rate", "rmse")
"""Metrics of what is left."""

WIDTH_DIGITS = 4
"""Decimals of `width_flag`: finer than any interval is known, coarser than float32's rounding, so
that intervals of equal width tie (our choice)."""

TIES_SALT = "transferz flag ties"


def width_flag(low: npt.ArrayLike, high: npt.ArrayLike, predicted: npt.ArrayLike) -> Array:
    """Return what stands for a flag where there is none: how wide the intervals are, (S, N).

    ``(high - low) / (1 + z_pred)``, z_pred at least 0 here, to 4 decimals (all our choice).

    >>> width_flag([[0.4, 0.8]], [[0.7, 1.2]], [[0.5, 1.0]])
    array([[0.2, 0.2]])
    """
    ends = np.asarray(low, np.float64), np.asarray(high, np.float64)
    scale = 1.0 + np.maximum(np.asarray(predicted, np.float64), 0.0)
    return np.asarray(np.round((ends[1] - ends[0]) / scale, WIDTH_DIGITS))


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """The risk at each of `DROPPED`, and the area under the curve, each by the metrics `RISKS`.

    The area is divided by the curve's length, from a coverage of 0.5 to 1 (our choice: of fewer
    galaxies little is known): it is the mean risk, in the metric's own unit.
    """

    points: list[Replicates]
    area: Replicates


def risk_curve(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    flag: npt.ArrayLike,
    keys: npt.ArrayLike,
    *,
    draws: Draws = DRAWS,
) -> RiskCurve:
    """Score what is left when the galaxies of the largest flags are dropped.

    Parameters
    ----------
    predicted, true : array_like, shapes (S, N) and (N,)
        Forecasts by S seeds, and true redshifts; N at least 2.
    flag : array_like, shape (S, N)
        Each seed's; the larger, the less trusted, and NaN least of all.
    keys : array_like of int, shape (N,)
        What tells galaxies, such as ids: their hashes break ties.

    Returns
    -------
    RiskCurve
        Of N galaxies floor(N q / 100) are dropped at q per cent; of a resample the same, with as
        many as were drawn twice. The area is by the trapezoidal rule.

    Examples
    --------
    >>> dz = np.r_[np.zeros(90), np.full(10, 0.5)]  # one in ten is bad, and has the larger flag
    >>> curve = risk_curve(dz[None], np.zeros(100), dz[None], np.arange(100))
    >>> [one.scores["outlier_rate"].round(3).item() for one in curve.points]
    [0.1, 0.053, 0.0, 0.0, 0.0, 0.0]
    >>> curve.area.scores["outlier_rate"].round(4)
    array([0.0103])
    """
    from transferz.dataset.splits.hashing import hash_ids  # takes pyarrow

    dz = normalised_error(predicted, true)
    hashes = hash_ids(keys, TIES_SALT)
    orders = [np.lexsort((hashes, row)) for row in np.asarray(flag, np.float64)]
    ordered = np.take_along_axis(dz, np.stack(orders), axis=1)
    size = dz.shape[1]
    kept = [size - size * per_cent // 100 for per_cent in DROPPED]

    def risks(rows: Iterator[Array]) -> Array:
        """Return the risks of seeds, whose errors are in order of trust: (points, metrics, S)."""
        found = [
            [[getattr(metrics, name)(row[:count]) for name in RISKS] for count in kept]
            for row in rows
        ]
        return np.moveaxis(np.array(found, np.float64), 0, -1)

    whole = risks(iter(ordered))
    many = np.stack(
        [
            risks(np.repeat(row, counts[order]) for row, order in zip(ordered, orders, strict=True))
            for counts in draws.counts(size)
        ],
        axis=2,
    )  # (points, metrics, R, S)

    def replicates(scores: Array, resampled: Array) -> Replicates:
        return Replicates(
            dict(zip(RISKS, scores, strict=True)), dict(zip(RISKS, resampled, strict=True))
        )

    steps = np.diff(DROPPED) / (2.0 * (DROPPED[-1] - DROPPED[0]))
    weights = np.append(steps, 0.0) + np.append(0.0, steps)
    areas = (np.tensordot(weights, one, axes=1) for one in (whole, many))
    points = [replicates(*pair) for pair in zip(whole, many, strict=True)]
    return RiskCurve(points, replicates(*areas))
