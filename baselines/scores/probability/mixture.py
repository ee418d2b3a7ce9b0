"""Forecast with mixtures of Gaussians."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import (
    Distribution,
    Rows,
    as_table,
    refuse,
    require_finite,
    unchecked,
)

BISECTIONS = 60
"""Most halvings of the bracket of a quantile: down to a float64's precision (our choice)."""

ROOT_2PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class GaussianMixture(Distribution):
    """K Gaussians for each galaxy, of any redshift: not cut off at 0.

    All is in closed form, but quantiles, which are bisected down to a float64's precision:
    ``∫ p² dz = Σ Σ w_i w_j N(μ_i - μ_j; 0, σ_i² + σ_j²)``, and the CRPS by Grimit et al. 2006,
    eq. 5.

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

    Examples
    --------
    >>> forecast = GaussianMixture([[0.7, 0.3]], means=[[0.5, 2.0]], sigmas=[[0.1, 0.2]])
    >>> forecast.cdf([1.0]).round(3), forecast.quantiles([0.5]).round(3)
    (array([0.7]), array([[0.557]]))
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
            require_finite(table, name)
            object.__setattr__(self, name, table)
        if not len(self.weights) == len(self.means) == len(self.sigmas):
            shapes = [getattr(self, name).shape for name in names]
            raise ValueError(f"weights, means and sigmas differ: shapes {shapes}")
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

    def _width(self, levels: int = 1) -> int:
        return int(self.weights.shape[1]) * levels

    def _pair_width(self) -> int:
        return int(self._width() ** 2)

    def _crps_width(self) -> int:
        return self._pair_width()

    def _cdf(self, true: Array) -> Array:
        return self._cdf_at(true[:, None])[:, 0]

    def _cdf_at(self, redshift: Array) -> Array:
        """Compute the CDF at several redshifts of each galaxy, shape (N, L)."""
        from scipy.special import ndtr

        scaled = (redshift[..., None] - self.means[:, None]) / self.sigmas[:, None]
        return np.einsum("nlk,nk->nl", ndtr(scaled), self.weights)

    def _density(self, true: Array) -> Array:
        heights = _gaussian(true[:, None] - self.means, self.sigmas)
        return np.einsum("nk,nk->n", heights, self.weights)

    def _square_integral(self) -> Array:
        return self._sum_over_pairs(_gaussian)

    def _crps(self, true: Array) -> Array:
        distance = _mean_distance(true[:, None] - self.means, self.sigmas)
        spread = self._sum_over_pairs(_mean_distance)
        return np.maximum(np.einsum("nk,nk->n", distance, self.weights) - spread / 2.0, 0.0)

    def _sum_over_pairs(self, function: Callable[[Array, Array], Array]) -> Array:
        """Return ``Σ Σ w_i w_j function(μ_i - μ_j, sqrt(σ_i² + σ_j²))``."""
        first, second = np.triu_indices(self._width())
        offset = self.means[:, first] - self.means[:, second]
        sigma = np.hypot(self.sigmas[:, first], self.sigmas[:, second])
        weights = self.weights[:, first] * self.weights[:, second]
        weights *= np.where(first == second, 1.0, 2.0)
        return np.einsum("np,np->n", function(offset, sigma), weights)

    def _quantiles(self, levels: Array) -> Array:
        """Bisect between the least and the largest of the Gaussians' own quantiles."""
        from scipy.special import ndtri

        inner = np.clip(levels, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)
        own = self.means[:, None] + self.sigmas[:, None] * ndtri(inner)[:, None]
        low, high = own.min(axis=2), own.max(axis=2)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2.0
            if not np.any((low < middle) & (middle < high)):
                break
            below = self._cdf_at(middle) < inner
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        bisected = (low + high) / 2.0
        return np.where(levels == 0.0, -np.inf, np.where(levels == 1.0, np.inf, bisected))


def _gaussian(offset: Array, sigma: Array) -> Array:
    return np.exp(-0.5 * np.square(offset / sigma)) / (ROOT_2PI * sigma)


def _mean_distance(offset: Array, sigma: Array) -> Array:
    """Return ``E abs(X)`` of a Gaussian X of this mean and sigma."""
    from scipy.special import erf

    scaled = offset / sigma
    peak = np.exp(-0.5 * np.square(scaled)) * (2.0 / ROOT_2PI)
    return sigma * peak + offset * erf(scaled / np.sqrt(2.0))
