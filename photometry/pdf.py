"""What a chi-square curve over redshift says: interval, median, second peak."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

QUANTILES = (0.16, 0.5, 0.84)

SECOND_PEAK_DISTANCE = 0.2
"""A second peak lies at least this times (1 + z) from the best redshift."""

SECOND_PEAK_CHI2 = 9.0
"""A second peak has a chi-square less than this above the best."""


def interval(chi2: Array, redshift: Array) -> tuple[Array, Array, Array]:
    """Return the 16th, 50th and 84th percentile (N,) of the PDF ``exp(-chi2 / 2)``.

    `chi2` is (N, Z) on the increasing grid `redshift` (Z,); the trapezoidal cumulative is linear
    between grid points.
    """
    density = np.exp(-0.5 * (chi2 - chi2.min(axis=1, keepdims=True)))
    pieces = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(redshift)
    cumulative = np.pad(np.cumsum(pieces, axis=1), ((0, 0), (1, 0)))
    return tuple(_crossing(cumulative, redshift, q) for q in QUANTILES)  # type: ignore[return-value]


def _crossing(cumulative: Array, redshift: Array, quantile: float) -> Array:
    """Redshift at which each row's cumulative reaches a fraction of its total."""
    target = quantile * cumulative[:, -1:]
    after = np.clip(np.argmax(cumulative >= target, axis=1), 1, redshift.size - 1)
    rows = np.arange(len(cumulative))
    start, end = cumulative[rows, after - 1], cumulative[rows, after]
    fraction = (target[:, 0] - start) / (end - start)
    return np.asarray(redshift[after - 1] + fraction * (redshift[after] - redshift[after - 1]))


def second_minimum(chi2: Array, redshift: Array, best: npt.NDArray[np.int64]) -> Array:
    """Find the redshift (N,) of the second peak of the PDF; NaN where there is none.

    The lowest local minimum of `chi2` (N, Z) further than 0.2 (1 + z) from the best redshift, whose
    index is `best` (N,), if its chi-square is less than 9 above the best. Our choice: a stand-in
    for LePhare's "second peak with a probability over 5 %".
    """
    edge = np.full((len(chi2), 1), np.inf)
    lower_than_left = chi2 < np.concatenate([edge, chi2[:, :-1]], axis=1)
    lower_than_right = chi2 <= np.concatenate([chi2[:, 1:], edge], axis=1)
    z_best = redshift[best][:, None]
    far = np.abs(redshift - z_best) > SECOND_PEAK_DISTANCE * (1.0 + z_best)
    peak = np.where(lower_than_left & lower_than_right & far, chi2, np.inf)
    second = np.argmin(peak, axis=1)
    rows = np.arange(len(chi2))
    found = peak[rows, second] - chi2[rows, best] < SECOND_PEAK_CHI2
    return np.where(found, redshift[second], np.nan)
