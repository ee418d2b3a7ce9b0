"""Forecast with quantiles, or with densities on a grid of redshifts.

Between quantiles the CDF is linear; between the points of a grid it is quadratic, the density being
linear, and its square is integrated exactly. A true redshift that lies within a cell splits it:
nothing is snapped to grid points.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.arrays import as_numbers
from transferz.baselines.scores.probability.distribution import (
    BLOCK,
    LEAST_WIDTH,
    Distribution,
    Rows,
    as_levels,
    as_table,
    blank,
    blank_missing,
    blocks,
    per_row,
    refuse,
    unchecked,
    which_rows,
)
from transferz.schemas.survey.quantities import DENSITY, DRAW

FEWEST_LEVELS = 5
"""With fewer levels nothing but those very quantiles is known (our choice)."""

SAME_LEVEL = 1e-6

ROUNDING, TINY = 1e-6, 1e-12
"""A density this far below 0, as a share of the row's highest or at all, is rounding's (our
choice)."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Quantiles(Distribution):
    """Redshifts below which given probabilities lie; the CDF is linear between them.

    Beyond the outermost levels, the density goes on as in the outermost interval until the
    probability is used up (our choice). Where quantiles coincide, the CDF jumps: it counts as the
    middle of the jump there. The density then takes the interval to be wider, by `LEAST_WIDTH`
    times its probability, half of it to either side, and the others to be moved by as much. With
    fewer than 5 levels everything is NaN, but the quantiles at those levels.

    Parameters
    ----------
    levels : array_like, shape (L,)
        Probabilities in [0, 1], increasing.
    values : array_like, shape (N, L)
        Redshifts, not decreasing; where any of a row is missing (NaN, a sentinel), so is the
        forecast.

    Raises
    ------
    ValueError
        Where levels do not increase, shapes differ, or a row decreases.

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
        values = blank_missing(as_table(self.values, "quantiles", levels.size), DRAW)
        crossing = which_rows(values, lambda v: np.asarray((np.diff(v, axis=1) < 0.0).any(axis=1)))
        refuse(crossing, "quantiles", "decreases with level; sort its values")
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        return unchecked(type(self), levels=self.levels, values=self.values[rows])

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which galaxies have no forecast, shape (N,)."""
        return np.isnan(self.values[:, 0])

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
    def _lacking(self) -> Array:
        """How much too narrow the intervals are for a density, shape (N, L + 1)."""
        return np.maximum(LEAST_WIDTH * np.diff(self._nodes) - self._widths, 0.0)

    @cached_property
    def _widened(self) -> Array:
        """Redshifts of the nodes with no interval too narrow for a density, shape (N, L + 2)."""
        if not self._lacking.any():
            return self._edges
        moved = np.zeros(self._edges.shape)
        np.cumsum(self._lacking, axis=1, out=moved[:, 1:])
        return self._edges + (moved - moved[:, -1:] / 2.0)  # as much to the left as to the right

    @cached_property
    def _heights(self) -> Array:
        """Densities of the intervals, shape (N, L + 1)."""
        masses, widths = np.diff(self._nodes), np.diff(self._widened, axis=1)
        return np.divide(masses, widths, out=np.zeros(widths.shape), where=masses > 0.0)

    def remarks(self) -> list[str]:
        """Say what can't be scored of such forecasts, or only so, a line each."""
        given, said = self.levels, []
        shown = ", ".join(f"{level:g}" for level in given)
        if self._few:
            said.append(
                f"{given.size} quantiles (levels {shown}): of fewer than {FEWEST_LEVELS}, only "
                "the intervals between those very levels are scored, at 0.16 and 0.84 (68 %) or "
                "0.05 and 0.95 (90 %); CRPS, CDE loss, log score and PIT are left out"
            )
        elif given[0] > 0.05 + SAME_LEVEL or given[-1] < 0.95 - SAME_LEVEL:
            said.append(
                f"quantiles from level {given[0]:g} to {given[-1]:g}: beyond these, what the 90 % "
                "interval and the other scores need is extrapolated"
            )
        tied = 0 if self._few else np.count_nonzero((self._lacking > 0.0).any(axis=1))
        if tied:
            said.append(
                f"{tied:,} of {len(self):,} forecasts have quantiles that coincide or nearly do: "
                f"their densities are held to {1.0 / LEAST_WIDTH:g} at most"
            )
        return said

    def _locate(self, true: Array, side: str = "right", edges: Array | None = None) -> Ints:
        """Return the interval of each redshift, -1 below all of them and L + 1 above."""
        edges = self._edges if edges is None else edges
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
        edges = self._widened
        interval, last = self._locate(true, edges=edges), self._widths.shape[1] - 1
        inside = (true >= edges[:, 0]) & (true <= edges[:, -1])
        height = self._heights[np.arange(len(self)), np.clip(interval, 0, last)]
        nothing = 0.0 * self._heights[:, 0]  # NaN where a height is
        return self._where_defined(np.where(inside, height, nothing), true)

    def on_grid(self, grid: npt.ArrayLike) -> Array:
        """Return the probability densities at redshifts, shape (G,), that all galaxies share.

        They increase; the densities, shape (N, G), are those that `density` has.

        Examples
        --------
        >>> Quantiles([0.1, 0.3, 0.5, 0.7, 0.9], [[0.1, 0.3, 0.5, 0.7, 0.9]]).on_grid([0.5, 1.5])
        array([[1., 0.]])
        """
        wanted = as_grid(grid)
        densities = np.empty((len(self), wanted.size))
        if self._few:
            densities[:] = np.nan
            return densities
        for rows, _ in blocks(self, self._width()):
            densities[rows] = self.take(rows)._on_grid(wanted)
        return densities

    def _on_grid(self, grid: Array) -> Array:
        """Repeat each height as often as its interval holds redshifts; the last holds its end."""
        first = np.searchsorted(grid, self._widened)
        first[:, -1] = np.searchsorted(grid, self._widened[:, -1], side="right")
        counts = np.column_stack([first, np.full(len(self), grid.size)])
        counts[:, 1:] -= first
        heights = np.pad(self._heights, ((0, 0), (1, 1)))
        densities = np.repeat(heights.ravel(), counts.ravel()).reshape(len(self), grid.size)
        densities[self.missing] = np.nan
        return densities

    def _square_integral(self) -> Array:
        return self._heights @ np.diff(self._nodes)

    def _mean(self) -> Array:
        return (self._edges[:, 1:] + self._edges[:, :-1]) @ (np.diff(self._nodes) / 2.0)

    def _std(self) -> Array:
        apart = self._edges - self._mean()[:, None]
        return np.sqrt(_third(apart[:, :-1], apart[:, 1:]) @ np.diff(self._nodes))

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


@dataclass(frozen=True, eq=False)
class GridPDF(Distribution):
    """Densities on one grid for all galaxies; 0 outside the grid.

    CDF, CRPS and quantiles are exact for the linear density, and for redshifts outside the grid.

    Parameters
    ----------
    grid : array_like, shape (G,)
        Redshifts, increasing, at least 2; spacings may differ.
    values : array_like, shape (N, G)
        Densities >= 0 of any normalisation; a negative one that rounding explains is taken for 0.
        Where any of a row is missing (NaN, a sentinel), or all are 0, so is the forecast. Kept as
        they are otherwise, float32 too, and not copied.

    Attributes
    ----------
    norm : ndarray, shape (N,)
        The values' integrals by the trapezoidal rule, by which they are divided in use.

    Raises
    ------
    ValueError
        Where the grid does not increase, shapes differ, or a density is negative.

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
        values, norm = with_integrals(grid, as_table(self.values, "values of the PDF", grid.size))
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "norm", norm)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies."""
        kept = {"grid": self.grid, "values": self.values[rows], "norm": self.norm[rows]}
        return unchecked(type(self), **kept)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which galaxies have no forecast, shape (N,)."""
        return np.isnan(self.norm)

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

    def mode(self) -> Array:
        """Return the point of the grid where the density is highest, the first of several, (N,).

        >>> GridPDF([0.0, 1.0, 2.0], [[0.0, 1.0, 3.0]]).mode()
        array([2.])
        """
        return np.where(self.missing, np.nan, self.grid[self.values.argmax(axis=1)])

    @cached_property
    def _moment_weights(self) -> Array:
        """What a density at a point of the grid adds to the mean and to the mean square, (G, 2)."""
        left, width = self.grid[:-1], self._widths
        weights = np.zeros((self.grid.size, 2))
        weights[:-1, 0] += left * width / 2.0 + width**2 / 6.0
        weights[1:, 0] += left * width / 2.0 + width**2 / 3.0
        weights[:-1, 1] += left**2 * width / 2.0 + left * width**2 / 3.0 + width**3 / 12.0
        weights[1:, 1] += left**2 * width / 2.0 + left * width**2 * 2.0 / 3.0 + width**3 / 4.0
        return weights

    def _mean(self) -> Array:
        return self.normalised @ self._moment_weights[:, 0]

    def _std(self) -> Array:
        mean, square = (self.normalised @ self._moment_weights).T
        return np.sqrt(np.maximum(square - np.square(mean), 0.0))

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
    values = as_numbers(grid, "grid").astype(np.float64)
    if values.ndim != 1 or values.size < 2 or not np.all(np.isfinite(values)):
        raise ValueError(
            f"grid: expected at least 2 finite redshifts, shape (G,); found {values.shape}"
        )
    if not np.all(np.diff(values) > 0.0):
        raise ValueError("grid: expected increasing redshifts; some do not increase")
    return values


def with_integrals(grid: Array, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Array]:
    """Return densities as they are used, and the integrals of the rows by the trapezoidal rule.

    Missing forecasts are NaN in both, and slightly negative densities 0; others raise.
    """
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

    # Few rows, if any, need a second look.
    odd = np.flatnonzero(~np.isfinite(norm) | ~(lowest >= 0.0))
    if odd.size:
        rows = np.asarray(values[odd], np.float64)
        rows[~np.isfinite(rows).all(axis=1) | DENSITY.is_missing(rows).all(axis=1)] = np.nan
        with np.errstate(invalid="ignore"):
            rounding = np.maximum(ROUNDING * rows.max(axis=1), TINY)
            bad = np.zeros(len(values), bool)
            bad[odd] = rows.min(axis=1) < -rounding
        refuse(bad, "PDF", "has a negative density; densities are >= 0")
        rows = np.where(rows < 0.0, 0.0, rows)
        values = np.array(values)
        values[odd], norm[odd] = rows, rows @ weights
    nothing = norm == 0.0
    return blank(values, nothing), np.where(nothing, np.nan, norm)
