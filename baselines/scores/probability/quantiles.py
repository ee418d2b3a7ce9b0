"""Forecast with quantiles."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import (
    Distribution,
    Rows,
    as_levels,
    as_table,
    per_row,
    refuse,
    require_finite,
    unchecked,
    which_rows,
)

FEWEST_LEVELS = 5
"""With fewer levels nothing but those very quantiles is known (our choice)."""

SAME_LEVEL = 1e-6

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Quantiles(Distribution):
    """Redshifts below which given probabilities lie; the CDF is linear between them.

    Beyond the outermost levels, the density goes on as in the outermost interval until the
    probability is used up (our choice). Where quantiles coincide, the CDF jumps (it counts as the
    middle of the jump there) and the density is NaN. With fewer than 5 levels everything is NaN,
    but the quantiles at those levels.

    Parameters
    ----------
    levels : array_like, shape (L,)
        Probabilities in [0, 1], increasing.
    values : array_like, shape (N, L)
        Redshifts, not decreasing; a row of NaN alone for a missing forecast.

    Raises
    ------
    ValueError
        Where levels do not increase, shapes differ, a row has some NaN or decreases.

    Examples
    --------
    >>> forecast = Quantiles([0.05, 0.25, 0.5, 0.75, 0.95], [[0.4, 0.5, 0.6, 0.7, 0.8]])
    >>> forecast.cdf([0.55])
    array([0.375])
    """

    levels: Array
    values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        levels = as_levels(self.levels)
        if not levels.size or not np.all(np.diff(levels) > 0.0):
            raise ValueError(f"levels: expected increasing probabilities, found {levels}")
        values = as_table(self.values, "quantiles", levels.size)
        require_finite(values, "quantiles")
        crossing = which_rows(values, lambda v: np.asarray((np.diff(v, axis=1) < 0.0).any(axis=1)))
        refuse(crossing, "quantiles", "decreases with level; sort its values")
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        return unchecked(type(self), levels=self.levels, values=self.values[rows])

    def _by_block(
        self, redshift: npt.ArrayLike, width: int, compute: Callable[[Any, Array], Array]
    ) -> Array:
        if not self._few:
            return super()._by_block(redshift, width, compute)
        per_row(redshift, len(self))  # its shape is checked all the same
        return np.full(len(self), np.nan)

    def quantiles(self, levels: npt.ArrayLike) -> Array:
        """Return quantiles, shape (N, L); with few levels, NaN but at those very levels."""
        if not self._few:
            return super().quantiles(levels)
        wanted = as_levels(levels)
        quantiles = np.full((len(self), wanted.size), np.nan)
        same = np.abs(self.levels - wanted[:, None]) < SAME_LEVEL
        given = same.any(axis=1)
        quantiles[:, given] = self.values[:, same[given].argmax(axis=1)]
        return quantiles

    def _width(self, levels: int = 1) -> int:
        return int(self._nodes.size)

    @property
    def _few(self) -> bool:
        return self.levels.size < FEWEST_LEVELS

    @cached_property
    def _nodes(self) -> Array:
        """The levels from 0 to 1, shape (L + 2,)."""
        return np.concatenate([[0.0], self.levels, [1.0]])

    @cached_property
    def _edges(self) -> Array:
        """Redshifts of the nodes, shape (N, L + 2)."""
        values = self.values.astype(np.float64, copy=False)
        first, last = self.levels[:2], self.levels[-2:]
        low = (values[:, 1] - values[:, 0]) * (first[0] / (first[1] - first[0]))
        high = (values[:, -1] - values[:, -2]) * ((1.0 - last[1]) / (last[1] - last[0]))
        return np.column_stack([values[:, 0] - low, values, values[:, -1] + high])

    @cached_property
    def _widths(self) -> Array:
        return np.diff(self._edges, axis=1)

    @cached_property
    def _heights(self) -> Array:
        """Densities of the intervals, shape (N, L + 1); NaN throughout where one has no width."""
        masses = np.diff(self._nodes)
        filled = masses > 0.0
        flat = (self._widths[:, filled] == 0.0).any(axis=1)
        heights = np.zeros(self._widths.shape)
        np.divide(masses, self._widths, out=heights, where=filled & ~flat[:, None])
        heights[flat] = np.nan
        return heights

    def _locate(self, true: Array, side: str = "right") -> Ints:
        """Return the interval of each redshift, -1 below all of them and L + 1 above."""
        edges = self._edges
        passed = edges <= true[:, None] if side == "right" else edges < true[:, None]
        return np.count_nonzero(passed, axis=1) - 1

    def _level_in(self, interval: Ints, true: Array) -> Array:
        """Return the linear CDF, by the interval that a redshift lies in."""
        row, kept = np.arange(len(self)), np.clip(interval, 0, self._widths.shape[1] - 1)
        width = self._widths[row, kept]
        part = np.clip(true - self._edges[row, kept], 0.0, width)
        share = np.divide(part, width, out=np.ones(len(self)), where=width > 0.0)
        share = np.where(true < self._edges[:, 0], 0.0, share)
        low, high = self._nodes[kept], self._nodes[kept + 1]
        return self._where_defined(low + share * (high - low), true)

    def _cdf(self, true: Array) -> Array:
        right = self._level_in(self._locate(true), true)
        left = self._level_in(self._locate(true, "left"), true)
        return (left + right) / 2.0

    def _density(self, true: Array) -> Array:
        interval = self._locate(true)
        last = self._widths.shape[1] - 1
        inside = (true >= self._edges[:, 0]) & (true <= self._edges[:, -1])
        height = self._heights[np.arange(len(self)), np.clip(interval, 0, last)]
        nothing = 0.0 * self._heights[:, 0]  # NaN where a height is
        return self._where_defined(np.where(inside, height, nothing), true)

    def _square_integral(self) -> Array:
        return self._heights @ np.diff(self._nodes)

    def _crps(self, true: Array) -> Array:
        """Add up ``∫ F² = w (a² + a b + b²) / 3`` over intervals of width w, F from a to b."""
        low, high = self._edges[:, 0], self._edges[:, -1]
        inside = np.clip(true, low, high)
        last = self._widths.shape[1] - 1
        interval = np.clip(self._locate(inside), 0, last)
        row = np.arange(len(self))
        whole = np.einsum("nj,nj->n", self._widths, _weights(self._nodes)[interval])
        part = inside - self._edges[row, interval]
        level = self._level_in(interval, inside)
        start, end = self._nodes[interval], self._nodes[interval + 1]
        rest = self._widths[row, interval] - part
        split = part * _third(start, level) + rest * _third(1.0 - level, 1.0 - end)
        return self._where_defined(whole + split + np.abs(true - inside), true)

    def _quantiles(self, levels: Array) -> Array:
        interval = np.searchsorted(self._nodes, levels, side="left") - 1
        interval = np.clip(interval, 0, self._nodes.size - 2)
        mass = np.diff(self._nodes)[interval]
        share = np.divide(
            levels - self._nodes[interval], mass, out=np.zeros(levels.size), where=mass > 0.0
        )
        return self._edges[:, interval] + share * self._widths[:, interval]

    def _where_defined(self, values: Array, true: Array) -> Array:
        return np.where(np.isnan(true) | np.isnan(self._edges[:, 0]), np.nan, values)


def _third(low: Array, high: Array) -> Array:
    return (low**2 + low * high + high**2) / 3.0


def _weights(nodes: Array) -> Array:
    """Return what a unit of width adds to the CRPS, by the truth's interval; its own adds 0."""
    before, after = _third(nodes[:-1], nodes[1:]), _third(1.0 - nodes[:-1], 1.0 - nodes[1:])
    interval = np.arange(nodes.size - 1)
    split = interval[:, None]
    return np.where(interval < split, before, np.where(interval > split, after, 0.0))
