"""Forecast with samples."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import (
    Distribution,
    Rows,
    as_table,
    require_finite,
    unchecked,
)
from transferz.baselines.scores.probability.mixture import GaussianMixture

THINNED = 64
"""Of more samples than these, as many quantiles stand for them in `square_integral` (our choice:
pairs of all samples would cost their square)."""

GAUSSIAN_IQR = 1.349
SILVERMAN = 0.9


@dataclass(frozen=True, eq=False)
class Samples(Distribution):
    """M equally likely redshifts for each galaxy.

    The CDF is the empirical one; a sample that is equal to the redshift counts half (mid-rank). The
    CRPS is ``E abs(X - z) - E abs(X - X') / 2``, exact for that CDF. The density, which samples
    alone do not have, is a sum of Gaussians on them of Silverman's (1986, eq. 3.31) width (our
    choice): it is smooth, and too wide for a distribution of several narrow peaks; it is NaN where
    all samples are equal. Sample k of M in order is the quantile of k / (M + 1), linear between
    (Weibull's): the truth lies below it with that probability if it is drawn as the samples are.
    Beyond the outermost samples there is nothing to tell: fewer than 19 are too few for 90 %
    intervals.

    Parameters
    ----------
    values : array_like, shape (N, M)
        Redshifts in any order; a row of NaN alone for a missing forecast.

    Raises
    ------
    ValueError
        Where it is not of two dimensions, or a row has some NaN.

    Examples
    --------
    >>> Samples([[0.4, 0.5, 0.9, 0.6]]).quantiles([0.2, 0.5])
    array([[0.4 , 0.55]])
    """

    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        values = as_table(self.values, "samples")
        require_finite(values, "samples")
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        return unchecked(type(self), values=self.values[rows])

    def pit(self, redshift: npt.ArrayLike) -> Array:
        """Return ``(M F + 1/2) / (M + 1)``: of M + 1 equally likely ranks, the middle of its own.

        A calibrated forecast's ranks are uniform (Hamill 2001), its shares of samples below are
        not: too many of them are 0 and 1.
        """
        size = self._width()
        return (size * self.cdf(redshift) + 0.5) / (size + 1)

    def _width(self, levels: int = 1) -> int:
        return int(self.values.shape[1])

    def _pair_width(self) -> int:
        return max(min(self._width(), THINNED) ** 2, self._width())

    @cached_property
    def _ordered(self) -> Array:
        return np.sort(self.values.astype(np.float64, copy=False), axis=1)

    @cached_property
    def _bandwidth(self) -> Array:
        """Silverman's width, shape (N,); NaN where samples do not differ."""
        size = self._width()
        spread = self._ordered.std(axis=1, ddof=1) if size > 1 else np.zeros(len(self))
        low, high = self._quantiles(np.array([0.25, 0.75])).T
        robust = (high - low) / GAUSSIAN_IQR
        least = np.where(robust > 0.0, np.minimum(spread, robust), spread)
        return np.where(least > 0.0, SILVERMAN * least * size**-0.2, np.nan)

    def _cdf(self, true: Array) -> Array:
        low = np.count_nonzero(self.values < true[:, None], axis=1)
        high = np.count_nonzero(self.values <= true[:, None], axis=1)
        missing = np.isnan(true) | np.isnan(self.values[:, 0])
        return np.where(missing, np.nan, (low + high) / (2.0 * self._width()))

    def _density(self, true: Array) -> Array:
        scaled = (self.values - true[:, None]) / self._bandwidth[:, None]
        np.square(scaled, out=scaled)
        scaled *= -0.5
        kernel = np.exp(scaled, out=scaled).mean(axis=1)
        return kernel / (np.sqrt(2.0 * np.pi) * self._bandwidth)

    def _square_integral(self) -> Array:
        """Integrate the sum of Gaussians; on 64 quantiles where there are more samples."""
        count = min(self._width(), THINNED)
        means = self._ordered
        if self._width() > THINNED:
            means = self._quantiles((np.arange(count) + 0.5) / count)
        differ = ~np.isnan(self._bandwidth)
        sigmas = np.broadcast_to(self._bandwidth[differ, None], means[differ].shape)
        weights = np.full(sigmas.shape, 1.0 / count)
        integral = np.full(len(self), np.nan)
        integral[differ] = GaussianMixture(weights, means[differ], sigmas).square_integral()
        return integral

    def _crps(self, true: Array) -> Array:
        size = self._width()
        ranks = np.arange(1 - size, size, 2) / size**2
        distance = np.subtract(self._ordered, true[:, None])
        spread = distance @ ranks
        return np.maximum(np.abs(distance, out=distance).mean(axis=1) - spread, 0.0)

    def _quantiles(self, levels: Array) -> Array:
        last = self._width() - 1
        position = np.clip((last + 2) * levels - 1.0, 0.0, float(last))
        low = np.floor(position).astype(np.int64)
        below, above = self._ordered[:, low], self._ordered[:, np.minimum(low + 1, last)]
        return below + (position - low) * (above - below)
