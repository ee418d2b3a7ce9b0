"""Forecasts as mixtures of Gaussians."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.probability.distribution import (
    Rows,
    as_levels,
    as_table,
    by_block,
    per_row,
    refuse,
    require_known,
    unchecked,
)
from transferz.baselines.scores.residuals import Array

BISECTIONS = 60
"""Most halvings of the bracket of a quantile: down to a float64's precision (our choice)."""

ROOT_2PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """K Gaussians for each galaxy, of any redshift: not cut off at 0.

    Parameters
    ----------
    weights : array_like, shape (N, K)
        Shares >= 0 of any sum, which they are divided by.
    means, sigmas : array_like, shape (N, K)
        Redshifts; sigmas > 0. A row of NaN alone in any of the three is a missing forecast.

    Raises
    ------
    ValueError
        Where shapes differ, a row has some NaN, a weight is negative, a sum of weights or a sigma
        is not positive.
    """

    weights: Array
    means: Array
    sigmas: Array

    def __post_init__(self) -> None:
        names = ("weights", "means", "sigmas")
        columns: int | None = None
        for name in names:
            table = as_table(getattr(self, name), name, columns).astype(np.float64, copy=False)
            columns = table.shape[1]
            require_known(table, name)
            object.__setattr__(self, name, table)
        if not len(self.weights) == len(self.means) == len(self.sigmas):
            found = [getattr(self, name).shape for name in names]
            raise ValueError(f"weights, means and sigmas differ: shapes {found}")
        total = self.weights.sum(axis=1)
        refuse((self.weights < 0.0).any(axis=1), "weights", "has a negative weight")
        refuse(total == 0.0, "weights", "has a sum of 0")
        refuse((self.sigmas <= 0.0).any(axis=1), "sigmas", "has a sigma that is not > 0")
        object.__setattr__(self, "weights", self.weights / total[:, None])

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        kept = {name: getattr(self, name)[rows] for name in ("weights", "means", "sigmas")}
        return unchecked(type(self), **kept)

    def cdf(self, redshift: npt.ArrayLike) -> Array:
        """``F(redshift)``."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size, lambda part, rows: part._cdf(true[rows, None])[:, 0])

    def density(self, redshift: npt.ArrayLike) -> Array:
        """``p(redshift)``."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size, lambda part, rows: part._density(true[rows]))

    def square_integral(self) -> Array:
        """``∫ p² dz = Σ Σ w_i w_j N(μ_i - μ_j; 0, σ_i² + σ_j²)``."""
        return by_block(self, self._size**2, lambda part, _: part._pairs(_gaussian))

    def crps(self, redshift: npt.ArrayLike) -> Array:
        """CRPS in closed form (Grimit et al. 2006, eq. 5)."""
        true = per_row(redshift, len(self))
        return by_block(self, self._size**2, lambda part, rows: part._crps(true[rows]))

    def quantiles(self, levels: npt.ArrayLike) -> Array:
        """Quantiles by bisection: exact to a float64's precision."""
        wanted = as_levels(levels)
        width = self._size * wanted.size
        return by_block(self, width, lambda part, _: part._quantiles(wanted))

    @property
    def _size(self) -> int:
        return int(self.weights.shape[1])

    def _cdf(self, redshift: Array) -> Array:
        """At several redshifts of each galaxy, shape (N, L)."""
        from scipy.special import ndtr

        scaled = (redshift[..., None] - self.means[:, None]) / self.sigmas[:, None]
        return np.einsum("nlk,nk->nl", ndtr(scaled), self.weights)

    def _density(self, true: Array) -> Array:
        heights = _gaussian(true[:, None] - self.means, self.sigmas)
        return np.einsum("nk,nk->n", heights, self.weights)

    def _crps(self, true: Array) -> Array:
        distance = _mean_distance(true[:, None] - self.means, self.sigmas)
        spread = self._pairs(_mean_distance)
        return np.maximum(np.einsum("nk,nk->n", distance, self.weights) - spread / 2.0, 0.0)

    def _pairs(self, of: Callable[[Array, Array], Array]) -> Array:
        """``Σ Σ w_i w_j of(μ_i - μ_j, sqrt(σ_i² + σ_j²))``."""
        first, second = np.triu_indices(self._size)
        offset = self.means[:, first] - self.means[:, second]
        sigma = np.hypot(self.sigmas[:, first], self.sigmas[:, second])
        weights = self.weights[:, first] * self.weights[:, second]
        weights *= np.where(first == second, 1.0, 2.0)
        return np.einsum("np,np->n", of(offset, sigma), weights)

    def _quantiles(self, levels: Array) -> Array:
        """Between the least and the largest of the Gaussians' own quantiles."""
        from scipy.special import ndtri

        inner = np.clip(levels, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)
        own = self.means[:, None] + self.sigmas[:, None] * ndtri(inner)[:, None]
        low, high = own.min(axis=2), own.max(axis=2)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2.0
            if not np.any((low < middle) & (middle < high)):
                break
            below = self._cdf(middle) < inner
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found = (low + high) / 2.0
        return np.where(levels == 0.0, -np.inf, np.where(levels == 1.0, np.inf, found))


def _gaussian(offset: Array, sigma: Array) -> Array:
    return np.exp(-0.5 * np.square(offset / sigma)) / (ROOT_2PI * sigma)


def _mean_distance(offset: Array, sigma: Array) -> Array:
    """``E abs(X)`` of a Gaussian X of this mean and sigma."""
    from scipy.special import erf

    scaled = offset / sigma
    peak = np.exp(-0.5 * np.square(scaled)) * (2.0 / ROOT_2PI)
    return sigma * peak + offset * erf(scaled / np.sqrt(2.0))
