"""Forecast with densities on a grid of redshifts, linear between its points.

The CDF is then quadratic in each cell, and its square is integrated exactly; a true redshift that
lies within a cell splits it. Nothing is snapped to grid points.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import (
    BLOCK,
    Distribution,
    Rows,
    as_table,
    refuse,
    unchecked,
)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GridPDF(Distribution):
    """Densities on one grid for all galaxies; 0 outside the grid.

    CDF, CRPS and quantiles are exact for the linear density, and for redshifts outside the grid.

    Parameters
    ----------
    grid : array_like, shape (G,)
        Redshifts, increasing, at least 2; spacings may differ.
    values : array_like, shape (N, G)
        Densities >= 0 of any normalisation, a row of NaN alone for a missing forecast. Kept as
        they are, float32 too, and not copied.

    Attributes
    ----------
    norm : ndarray, shape (N,)
        The values' integrals by the trapezoidal rule, by which they are divided in use.

    Raises
    ------
    ValueError
        Where the grid does not increase, shapes differ, a density is negative or not finite, or a
        row's integral is 0.

    Examples
    --------
    >>> triangle = GridPDF([0.0, 1.0, 2.0], [[0.0, 1.0, 0.0]])
    >>> triangle.cdf([0.5]), triangle.quantiles([0.5])
    (array([0.125]), array([[1.]]))
    """

    grid: Array
    values: npt.NDArray[Any]
    norm: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        grid = as_grid(self.grid)
        values = as_table(self.values, "values of the PDF", grid.size)
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "norm", integrals(grid, values))

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        kept = {"grid": self.grid, "values": self.values[rows], "norm": self.norm[rows]}
        return unchecked(type(self), **kept)

    def _width(self, levels: int = 1) -> int:
        return int(self.grid.size)

    @cached_property
    def normalised(self) -> Array:
        """The densities with an integral of 1, shape (N, G); a copy."""
        return np.divide(self.values, self.norm[:, None], dtype=np.float64)

    @cached_property
    def _widths(self) -> Array:
        return np.diff(self.grid)

    @cached_property
    def _masses(self) -> Array:
        """Probabilities of the cells, shape (N, G - 1)."""
        masses = np.add(self.normalised[:, 1:], self.normalised[:, :-1])
        masses *= self._widths / 2.0
        return masses

    @cached_property
    def _cumulative(self) -> Array:
        """The CDF at the grid's points, shape (N, G)."""
        cumulative = np.zeros((len(self), self.grid.size))
        np.cumsum(self._masses, axis=1, out=cumulative[:, 1:])
        return cumulative

    @cached_property
    def _steps(self) -> Array:
        """``h Δp / 3`` of the cells, h the cell's width, shape (N, G - 1)."""
        steps = np.subtract(self.normalised[:, 1:], self.normalised[:, :-1])
        steps *= self._widths / 3.0
        return steps

    @cached_property
    def _squares(self) -> Array:
        """``∫ p² dz`` and the part of ``∫ F² dz`` that has no F at grid points, shape (2, N)."""
        width = self._widths
        steps, masses = np.square(self._steps), np.square(self._masses)
        by_step = steps @ np.stack([0.75 / width, 0.075 * width], axis=1)
        by_mass = masses @ np.stack([1.0 / width, width / 12.0], axis=1)
        return (by_step + by_mass).T

    def _square_integral(self) -> Array:
        return self._squares[0]

    def _density(self, true: Array) -> Array:
        cell, part = self._locate(true)
        left, right = self._ends(cell)
        inside = (true >= self.grid[0]) & (true <= self.grid[-1])
        linear = left + (right - left) * (part / self._widths[cell])
        return np.where(inside | np.isnan(true), linear, 0.0 * self.norm)

    def _locate(self, true: Array) -> tuple[Ints, Array]:
        """Return each redshift's cell, and how far into it; those outside are moved to the edge."""
        inside = np.clip(true, self.grid[0], self.grid[-1])
        cell = np.searchsorted(self.grid, inside, side="right") - 1
        cell = np.clip(cell, 0, self.grid.size - 2)
        return cell, inside - self.grid[cell]

    def _ends(self, cell: Ints) -> tuple[Array, Array]:
        """Return densities on the left and on the right of a cell of each galaxy."""
        row = np.arange(len(self))
        left, right = self.values[row, cell], self.values[row, cell + 1]
        return left / self.norm, right / self.norm

    def _into(self, cell: Ints, part: Array) -> tuple[Array, Array]:
        """Return ``F`` that far into a cell, and ``∫ F dz`` from the cell's left."""
        left, right = self._ends(cell)
        slope = (right - left) / self._widths[cell]
        below = self._cumulative[np.arange(len(self)), cell]
        total = below + part * (left + part * (slope / 2.0))
        return total, part * (below + part * (left / 2.0 + part * (slope / 6.0)))

    def _cdf(self, true: Array) -> Array:
        cell, part = self._locate(true)
        total, _ = self._into(cell, part)
        return np.where(true >= self.grid[-1], 1.0 + 0.0 * self.norm, np.clip(total, 0.0, 1.0))

    def _crps(self, true: Array) -> Array:
        """Integrate, with n = (F_j + F_j+1) / 2, M = F_j+1 - F_j, d = Δp, h the width, each cell.

        ``∫ F² = h (n² + M² / 12 - h d n / 6 + h² d² / 120)``, and the same of F - 1 with n - 1:
        that in cells from the true redshift's on. Left of it in its own cell, the two differ by
        ``∫ (2 F - 1)``.
        """
        cell, part = self._locate(true)
        twice = np.add(self._cumulative[:, 1:], self._cumulative[:, :-1])
        twice -= _two_from(cell, self.grid.size - 1)
        integrand = np.subtract(twice, self._steps)
        integrand *= twice
        whole = integrand @ (self._widths / 4.0) + self._squares[1]
        _, area = self._into(cell, part)
        outside = np.abs(true - np.clip(true, self.grid[0], self.grid[-1]))
        return np.maximum(whole + (2.0 * area - part), 0.0) + outside

    def _quantiles(self, levels: Array) -> Array:
        """Bisect for the cells in which the CDF reaches the levels, and solve a parabola there."""
        shape = (len(self), levels.size)
        low, high = np.zeros(shape, np.int64), np.full(shape, self.grid.size - 1)
        while np.any(high - low > 1):
            middle = (low + high) // 2
            reached = np.take_along_axis(self._cumulative, middle, axis=1) >= levels
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        row, cell = np.arange(len(self))[:, None], np.minimum(low, self.grid.size - 2)
        left, right = self.normalised[row, cell], self.normalised[row, cell + 1]
        width = self._widths[cell]
        wanted = levels - self._cumulative[row, cell]
        root = np.sqrt(np.maximum(left**2 + 2.0 * wanted * (right - left) / width, 0.0))
        below = left + root
        part = np.divide(2.0 * wanted, below, out=0.0 * below, where=below > 0.0)
        return self.grid[cell] + np.clip(part, 0.0, width)


def _two_from(first: Ints, length: int) -> Array:
    """Return 2 from each row's `first` on and 0 before, shape (N, length)."""
    ramp = np.repeat([0.0, 2.0], length)
    windows = np.lib.stride_tricks.sliding_window_view(ramp, length)
    return windows[length - first]


def as_grid(grid: npt.ArrayLike) -> Array:
    """Return redshifts as float64, at least 2 and increasing; raise where they are not."""
    values = np.asarray(grid, np.float64)
    if values.ndim != 1 or values.size < 2 or not np.all(np.isfinite(values)):
        raise ValueError(
            f"grid: expected at least 2 finite redshifts, shape (G,); found {values.shape}"
        )
    if not np.all(np.diff(values) > 0.0):
        raise ValueError("grid: expected increasing redshifts; some do not increase")
    return values


def integrals(grid: Array, values: npt.NDArray[Any]) -> Array:
    """Integrate the rows by the trapezoidal rule, shape (N,); raise where that is impossible."""
    width = np.diff(grid)
    weights = np.zeros(grid.size)
    weights[1:] += width / 2.0
    weights[:-1] += width / 2.0
    norm, lowest = np.empty(len(values)), np.empty(len(values))
    step = max(1, BLOCK // grid.size)
    for start in range(0, len(values), step):
        block = np.asarray(values[start : start + step], np.float64)
        norm[start : start + step] = block @ weights
        lowest[start : start + step] = block.min(axis=1)
    unknown = np.flatnonzero(~np.isfinite(norm) | np.isnan(lowest))
    bad = np.zeros(len(values), bool)
    bad[unknown] = ~np.isnan(values[unknown]).all(axis=1)
    refuse(bad, "PDF", "holds NaN or infinity; a forecast that is missing is NaN throughout")
    refuse(lowest < 0.0, "PDF", "has a negative density; densities are >= 0")
    refuse(norm == 0.0, "PDF", "is 0 throughout and cannot be normalised")
    return norm
