"""Whether grids and the densities on them can be used."""

from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.probability.distribution import BLOCK, refuse
from transferz.baselines.scores.residuals import Array


def as_grid(grid: npt.ArrayLike) -> Array:
    """Redshifts as float64, at least 2 and increasing; raise where they are not."""
    values = np.asarray(grid, np.float64)
    if values.ndim != 1 or values.size < 2 or not np.all(np.isfinite(values)):
        raise ValueError(
            f"grid: expected at least 2 finite redshifts, shape (G,); found {values.shape}"
        )
    if not np.all(np.diff(values) > 0.0):
        raise ValueError("grid: expected increasing redshifts; some do not increase")
    return values


def integrals(grid: Array, values: npt.NDArray[Any]) -> Array:
    """Integrals of the rows by the trapezoidal rule, shape (N,); raise where there is none."""
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
