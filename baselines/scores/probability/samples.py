"""Forecasts as samples."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.probability.distribution import (
    Rows,
    as_levels,
    as_table,
    by_block,
    per_row,
    require_known,
    unchecked,
)
from transferz.baselines.scores.probability.mixture import GaussianMixture
from transferz.baselines.scores.residuals import Array

THINNED = 64
"""Of more samples than these, as many quantiles stand for them in `square_integral` (our choice:
pairs of all samples would cost their square)."""

GAUSSIAN_IQR = 1.349
SILVERMAN = 0.9


@dataclass(frozen=True, eq=False)
class Samples:
    """M equally likely redshifts for each galaxy.

    The CDF is the empirical one. The density, which samples alone do not have, is a sum of
    Gaussians on them of Silverman's (1986, eq. 3.31) width (our choice): it is smooth, and too
    wide for a distribution of several narrow peaks.

    Parameters
    ----------
    values : array_like, shape (N, M)
        Redshifts in any order; a row of NaN alone for a missing forecast.

    Raises
    ------
    ValueError
        Where it is not of two dimensions, or a row has some NaN.
    """

    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        values = as_table(self.values, "samples")
        require_known(values, "samples")
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        return unchecked(type(self), values=self.values[rows])

    def cdf(self, redshift: npt.ArrayLike) -> Array:
        """Share of samples below; one that is equal counts half (mid-rank)."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size, lambda part, rows: part._cdf(true[rows]))

    def pit(self, redshift: npt.ArrayLike) -> Array:
        """``(M F + 1/2) / (M + 1)``: of M + 1 equally likely ranks, the middle of the one it has.

        A calibrated forecast's ranks are uniform (Hamill 2001), its shares of samples below are
        not: too many of them are 0 and 1.
        """
        return (self._size * self.cdf(redshift) + 0.5) / (self._size + 1)

    def density(self, redshift: npt.ArrayLike) -> Array:
        """Density of the sum of Gaussians; NaN where all samples are equal."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size, lambda part, rows: part._density(true[rows]))

    def square_integral(self) -> Array:
        """``∫ p² dz`` of the sum of Gaussians; of 64 quantiles where there are more samples."""
        width = min(self._size, THINNED) ** 2
        return by_block(self, max(width, self._size), lambda part, _: part._square_integral())

    def crps(self, redshift: npt.ArrayLike) -> Array:
        """``E abs(X - z) - E abs(X - X') / 2``, exact for the empirical CDF."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size, lambda part, rows: part._crps(true[rows]))

    def quantiles(self, levels: npt.ArrayLike) -> Array:
        """Sample k of M in order is the quantile of k / (M + 1), linear between (Weibull's).

        The truth lies below it with that probability if it is drawn as the samples are. Beyond the
        outermost samples there is nothing to tell: fewer than 19 are too few for 90 % intervals.
        """
        wanted = as_levels(levels)
        return by_block(self, self._size, lambda part, _: part._quantiles(wanted))

    @property
    def _size(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def _ordered(self) -> Array:
        return np.sort(self.values.astype(np.float64, copy=False), axis=1)

    @cached_property
    def _bandwidth(self) -> Array:
        """Silverman's width, shape (N,); NaN where samples do not differ."""
        spread = self._ordered.std(axis=1, ddof=1) if self._size > 1 else np.zeros(len(self))
        low, high = self._quantiles(np.array([0.25, 0.75])).T
        robust = (high - low) / GAUSSIAN_IQR
        least = np.where(robust > 0.0, np.minimum(spread, robust), spread)
        return np.where(least > 0.0, SILVERMAN * least * self._size**-0.2, np.nan)

    def _cdf(self, true: Array) -> Array:
        low = np.count_nonzero(self.values < true[:, None], axis=1)
        high = np.count_nonzero(self.values <= true[:, None], axis=1)
        known = ~np.isnan(true) & ~np.isnan(self.values[:, 0])
        return np.where(known, (low + high) / (2.0 * self._size), np.nan)

    def _density(self, true: Array) -> Array:
        scaled = (self.values - true[:, None]) / self._bandwidth[:, None]
        np.square(scaled, out=scaled)
        scaled *= -0.5
        kernel = np.exp(scaled, out=scaled).mean(axis=1)
        return kernel / (np.sqrt(2.0 * np.pi) * self._bandwidth)

    def _square_integral(self) -> Array:
        count = min(self._size, THINNED)
        means = self._ordered
        if self._size > THINNED:
            means = self._quantiles((np.arange(count) + 0.5) / count)
        known = ~np.isnan(self._bandwidth)
        sigmas = np.broadcast_to(self._bandwidth[known, None], means[known].shape)
        found = np.full(len(self), np.nan)
        weights = np.full(means[known].shape, 1.0 / count)
        found[known] = GaussianMixture(weights, means[known], sigmas).square_integral()
        return found

    def _crps(self, true: Array) -> Array:
        size = self._size
        ranks = np.arange(1 - size, size, 2) / size**2
        distance = np.subtract(self._ordered, true[:, None])
        spread = distance @ ranks
        return np.maximum(np.abs(distance, out=distance).mean(axis=1) - spread, 0.0)

    def _quantiles(self, levels: Array) -> Array:
        position = np.clip((self._size + 1) * levels - 1.0, 0.0, self._size - 1.0)
        low = np.floor(position).astype(np.int64)
        high = np.minimum(low + 1, self._size - 1)
        below, above = self._ordered[:, low], self._ordered[:, high]
        return below + (position - low) * (above - below)
