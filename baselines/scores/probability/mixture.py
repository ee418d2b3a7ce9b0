"""Forecast with mixtures of Gaussians, or with samples, which a sum of Gaussians smooths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import (
    LEAST_WIDTH,
    Distribution,
    Rows,
    as_levels,
    as_table,
    blank_missing,
    blocks,
    per_row,
    refuse,
    unchecked,
)
from transferz.schemas.survey.quantities import DENSITY, DRAW, WIDTH

BISECTIONS = 60
"""Most halvings of the bracket of a quantile: down to a float64's precision (our choice)."""

POINTS, FEWEST_POINTS = 96, 5
"""Of the grid that `near_quantiles` starts from: of all Gaussians, and of each at least (our
choice)."""

REACH = 4.0
"""Sigmas from a mean to that grid's ends."""

THINNED = 64
"""Of more samples than these, as many quantiles stand for them in `square_integral` (our choice:
pairs of all samples would cost their square)."""

GAUSSIAN_IQR = 1.349
SILVERMAN = 0.9

ROOT_2PI = float(np.sqrt(2.0 * np.pi))

LEAST_BANDWIDTH = LEAST_WIDTH / ROOT_2PI
"""Of a Gaussian that is as high as a density may be."""

FEWEST_SAMPLES = 19
"""For the quantiles at 5 and 95 %."""

PIT_SALT = "transferz pit"


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
        Redshifts; sigmas > 0. Where any value in a row of the three is missing (NaN, a sentinel, a
        sigma that is not > 0), or the weights have a sum of 0, the forecast is missing.

    Raises
    ------
    ValueError
        Where shapes differ, or a weight is negative.

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
        kinds = {"weights": DENSITY, "means": DRAW, "sigmas": WIDTH}
        columns: int | None = None
        for name, kind in kinds.items():
            table = as_table(getattr(self, name), name, columns).astype(np.float64, copy=False)
            columns = table.shape[1]
            object.__setattr__(self, name, blank_missing(table, kind))
        if not len(self.weights) == len(self.means) == len(self.sigmas):
            shapes = [getattr(self, name).shape for name in kinds]
            raise ValueError(f"weights, means and sigmas differ: shapes {shapes}")
        total = self.weights.sum(axis=1)
        refuse((self.weights < 0.0).any(axis=1), "weights", "has a negative weight")
        total = np.where(total > 0.0, total, np.nan)
        object.__setattr__(self, "weights", self.weights / total[:, None])

    @classmethod
    def pooled(cls, mixtures: Sequence[Self]) -> Self:
        """Return the mean of several forecasts of the same galaxies: all of their Gaussians."""
        weights = np.column_stack([one.weights / len(mixtures) for one in mixtures])
        means = np.column_stack([one.means for one in mixtures])
        return cls(weights, means, np.column_stack([one.sigmas for one in mixtures]))

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        kept = {name: getattr(self, name)[rows] for name in ("weights", "means", "sigmas")}
        return unchecked(type(self), **kept)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which galaxies have no forecast, shape (N,)."""
        return np.isnan(self.weights[:, 0] + self.means[:, 0] + self.sigmas[:, 0])

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

    def _mean(self) -> Array:
        return np.einsum("nk,nk->n", self.means, self.weights)

    def _std(self) -> Array:
        apart = self.means - self._mean()[:, None]
        variance = np.square(apart) + np.square(self.sigmas)
        return np.sqrt(np.einsum("nk,nk->n", variance, self.weights))

    def _sum_over_pairs(self, function: Callable[[Array, Array], Array]) -> Array:
        """Return ``Σ Σ w_i w_j function(μ_i - μ_j, sqrt(σ_i² + σ_j²))``."""
        first, second = np.triu_indices(self._width())
        offset = self.means[:, first] - self.means[:, second]
        sigma = np.hypot(self.sigmas[:, first], self.sigmas[:, second])
        weights = self.weights[:, first] * self.weights[:, second]
        weights *= np.where(first == second, 1.0, 2.0)
        return np.einsum("np,np->n", function(offset, sigma), weights)

    def near_quantiles(self, levels: npt.ArrayLike) -> Array:
        """Return quantiles as `quantiles` does, ten times faster and less exactly.

        Of levels from 0.001 to 0.999; the CDF there is off by 0.0005 at most.
        """
        wanted = as_levels(levels)
        points = max(FEWEST_POINTS, POINTS // self._width())
        width = self._width() * max(points * self._width(), wanted.size)
        return self._by_block(0.0, width, lambda part, _: part._near_quantiles(wanted, points))

    def _near_quantiles(self, levels: Array, points: int) -> Array:
        """Find the cells of a grid that reach the levels, then twice where their chords do."""
        apart = np.linspace(-REACH, REACH, points)
        grid = self.means[:, :, None] + self.sigmas[:, :, None] * apart
        grid = np.sort(grid.reshape(len(self), points * self._width()), axis=1)
        cdf = np.maximum.accumulate(np.nan_to_num(self._cdf_at(grid)), axis=1)
        row = np.arange(len(self))[:, None]
        # A CDF is at most 1, so that those of all rows, one after the other, are in order.
        place = np.searchsorted((cdf + 2.0 * row).ravel(), levels + 2.0 * row)
        cell = np.clip(place - row * grid.shape[1], 1, grid.shape[1] - 1)
        ends = np.stack([grid[row, cell - 1], grid[row, cell]])
        reached = np.stack([cdf[row, cell - 1], cdf[row, cell]])
        for _ in range(2):
            found = _on_chord(ends, reached, levels)
            level = self._cdf_at(found)
            ends = np.where([level < levels, level >= levels], found, ends)
            reached = np.where([level < levels, level >= levels], level, reached)
        return np.maximum.accumulate(_on_chord(ends, reached, levels), axis=1)

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


def _on_chord(ends: Array, reached: Array, levels: Array) -> Array:
    """Return where the chords between two ends, shape (2, N, L), reach the levels."""
    rise = reached[1] - reached[0]
    share = np.divide(levels - reached[0], rise, out=np.full(rise.shape, 0.5), where=rise > 0.0)
    return ends[0] + np.clip(share, 0.0, 1.0) * (ends[1] - ends[0])


def _gaussian(offset: Array, sigma: Array) -> Array:
    return np.exp(-0.5 * np.square(offset / sigma)) / (ROOT_2PI * sigma)


def _mean_distance(offset: Array, sigma: Array) -> Array:
    """Return ``E abs(X)`` of a Gaussian X of this mean and sigma."""
    from scipy.special import erf

    scaled = offset / sigma
    peak = np.exp(-0.5 * np.square(scaled)) * (2.0 / ROOT_2PI)
    return sigma * peak + offset * erf(scaled / np.sqrt(2.0))


@dataclass(frozen=True, eq=False)
class Samples(Distribution):
    """M equally likely redshifts for each galaxy.

    The CDF is the empirical one; a sample that is equal to the redshift counts half (mid-rank). The
    CRPS is ``E abs(X - z) - E abs(X - X') / 2``, exact for that CDF. The density, which samples
    alone do not have, is a sum of Gaussians on them of Silverman's (1986, eq. 3.31) width (our
    choice), nowhere above ``1 / LEAST_WIDTH``: it is smooth, and too wide for a distribution of
    several narrow peaks. Sample k of M in order is the quantile of k / (M + 1), linear between
    (Weibull's): the truth lies below it with that probability if it is drawn as the samples are.
    Beyond the outermost samples there is nothing to tell: fewer than 19 are too few for 90 %
    intervals.

    Parameters
    ----------
    values : array_like, shape (N, M)
        Redshifts in any order; where any of a row is missing (NaN, a sentinel), so is the forecast.

    Raises
    ------
    ValueError
        Where it is not of two dimensions.

    Examples
    --------
    >>> Samples([[0.4, 0.5, 0.9, 0.6]]).quantiles([0.2, 0.5])
    array([[0.4 , 0.55]])
    """

    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        values = as_table(self.values, "samples")
        object.__setattr__(self, "values", blank_missing(values, DRAW))

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        return unchecked(type(self), values=self.values[rows])

    def pit(self, redshift: npt.ArrayLike, keys: npt.ArrayLike | None = None) -> Array:
        """Return ``(rank + u) / (M + 1)``, u in [0, 1) by the hash of each galaxy's key.

        A calibrated forecast's ranks, from 0 to M, are uniform (Hamill 2001); u spreads each over
        its share, so that the PIT of few samples is uniform too, and has no comb. Where samples are
        equal to the redshift, u spreads over all ranks that it may have. `keys` are whole numbers,
        shape (N,), such as ids; row numbers by default.
        """
        from transferz.dataset.splits.hashing import hash_ids  # takes pyarrow

        true = per_row(redshift, len(self))
        keys = np.arange(len(self)) if keys is None else keys
        u = (hash_ids(keys, PIT_SALT) >> np.uint64(11)) * 2.0**-53
        below, at = np.empty(len(self)), np.empty(len(self))
        for rows, _ in blocks(self, self._width()):
            values, place = self.values[rows], true[rows, None]
            below[rows] = np.count_nonzero(values < place, axis=1)
            at[rows] = np.count_nonzero(values == place, axis=1)
        pit = (below + u * (at + 1.0)) / (self._width() + 1.0)
        return np.where(self.missing | np.isnan(true), np.nan, pit)

    def remarks(self) -> list[str]:
        """Say what can't be scored of such forecasts, or only so, a line each."""
        size, said = self._width(), []
        if size < FEWEST_SAMPLES:
            said.append(
                f"{size} samples are too few for a 90 % interval ({FEWEST_SAMPLES} are needed): it "
                "ends at the outermost ones"
            )
        narrow = np.count_nonzero(self._bandwidth == LEAST_BANDWIDTH)
        if narrow:
            said.append(
                f"{narrow:,} of {len(self):,} forecasts have samples that coincide or nearly do: "
                f"their densities are held to {1.0 / LEAST_WIDTH:g} at most"
            )
        return said

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which galaxies have no forecast, shape (N,)."""
        return np.isnan(self.values[:, 0])

    def _width(self, levels: int = 1) -> int:
        return int(self.values.shape[1])

    def _pair_width(self) -> int:
        return max(min(self._width(), THINNED) ** 2, self._width())

    @cached_property
    def _ordered(self) -> Array:
        return np.sort(self.values.astype(np.float64, copy=False), axis=1)

    @cached_property
    def _bandwidth(self) -> Array:
        """Silverman's width, shape (N,), or the least; NaN for a missing forecast."""
        size = self._width()
        spread = self._ordered.std(axis=1, ddof=1) if size > 1 else np.zeros(len(self))
        low, high = self._quantiles(np.array([0.25, 0.75])).T
        robust = (high - low) / GAUSSIAN_IQR
        least = np.where(robust > 0.0, np.minimum(spread, robust), spread)
        width = np.maximum(SILVERMAN * least * size**-0.2, LEAST_BANDWIDTH)
        return np.where(self.missing, np.nan, width)

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

    def _mean(self) -> Array:
        return np.asarray(self.values.mean(axis=1, dtype=np.float64))

    def _std(self) -> Array:
        return np.asarray(self.values.std(axis=1, dtype=np.float64))

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
