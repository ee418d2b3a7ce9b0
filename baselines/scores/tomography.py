"""Score n(z), the distribution of true redshifts, of galaxies in bins of forecast redshift.

Weak lensing asks for the mean true redshift of each such bin, and gets it from the forecasts: as
the mean of the points, or as that of the stacked densities. Both are held against the labels, in
LSST's and Euclid's bins and to their requirements; docs/numbers.md has the formulas and sources.

Shapes: S seeds, N galaxies, B bins.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.bootstrap import DRAWS, Draws, Ints, Replicates
from transferz.baselines.scores.metrics import OUTLIER_LIMIT, Array, normalised_error, single
from transferz.schemas.benchmark.scores import Tomography

OUTSIDE = -1
"""The number of a galaxy that is in no bin."""


class Bins(NamedTuple):
    """How many bins of equal number, and what abs(mean's bias) / (1 + mean) must stay below."""

    number: int
    limit: float


TOMOGRAPHIES: MappingProxyType[Tomography, Bins] = MappingProxyType(
    {"lsst": Bins(5, 0.001), "euclid": Bins(10, 0.002)}
)
"""LSST's source bins and requirement of ten years' data; that of the first year's is twice as large
(DESC Science Requirements Document, arXiv:1809.01669). Euclid's bins (Blanchard et al. 2020,
arXiv:1910.09273) and requirement (Laureijs et al. 2011, arXiv:1110.3193)."""

POINTS = ("bias_points", "width_points")
STACKED = ("bias_stacked", "width_stacked")


def sort_into_bins(predicted: npt.ArrayLike, bins: int | Sequence[float]) -> tuple[Ints, Array]:
    """Sort galaxies into bins by each seed's own forecasts.

    Parameters
    ----------
    predicted : array_like, shape (S, N)
        Redshifts without NaN, N at least 1.
    bins : int or sequence of float
        How many bins of equal number, or increasing edges, B + 1. Bins are open below and closed
        above. Galaxies of the same forecast share a bin, so that ties make numbers differ.

    Returns
    -------
    numbers : ndarray of int, shape (S, N)
        Each galaxy's bin, from 0; `OUTSIDE` beyond edges that are given.
    edges : ndarray, shape (S, B + 1)
        Redshifts; of bins of equal number the outermost are infinite.

    Examples
    --------
    >>> numbers, edges = sort_into_bins([[0.9, 0.1, 0.5, 0.6]], 2)
    >>> numbers.tolist(), edges.tolist()
    ([[1, 0, 0, 1]], [[-inf, 0.5, inf]])
    >>> sort_into_bins([[0.9, 0.1, 0.5, 0.6]], [0.2, 0.5, 0.8])[0].tolist()
    [[-1, -1, 0, 1]]
    """
    points = single(predicted)
    seeds, size = points.shape
    if isinstance(bins, int):
        # The k-th edge is the least forecast that k / B of the galaxies do not exceed.
        places = [-(-size * k // bins) - 1 for k in range(1, bins)]
        inner = np.sort(points, axis=1)[:, places]
        ends = np.full((seeds, 1), np.inf, points.dtype)
        edges = np.concatenate([-ends, inner, ends], axis=1)
    else:
        edges = np.tile(np.asarray(bins, points.dtype), (seeds, 1))
    rows = zip(edges, points, strict=True)
    numbers = np.stack([np.searchsorted(edge, row, side="left") for edge, row in rows]) - 1
    return np.where(numbers < edges.shape[1] - 1, numbers, OUTSIDE), edges.astype(np.float64)


def score_bins(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    numbers: Ints,
    count: int,
    moments: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    *,
    draws: Draws = DRAWS,
) -> list[Replicates]:
    """Score n(z) of each bin, and of resamples of its galaxies.

    Parameters
    ----------
    predicted : array_like, shape (S, N)
        Redshifts.
    true : array_like, shape (N,)
        True redshifts.
    numbers : ndarray of int, shape (S, N)
        Each galaxy's bin, as `sort_into_bins` has them; resamples keep their galaxies' bins.
    count : int
        How many bins there are, B.
    moments : tuple of two array_like, shape (S, N), optional
        Mean and standard deviation of each galaxy's density.

    Returns
    -------
    list of Replicates, length B
        With M and W, mean and standard deviation (ddof 0) of true redshifts in the bin:

        - ``mean``, ``width``: M and W, in redshift;
        - ``bias_points``: (mean of the points - M) / (1 + M);
        - ``width_points``: standard deviation of the points, in redshift;
        - ``bias_stacked``, ``width_stacked``: the same of the mean density of the bin's galaxies,
          with `moments` only: its mean is that of their means, its mean square that of their means
          squared and variances;
        - ``outlier_rate``: share with abs(dz) > 0.15.

        NaN where a bin is empty.

    Examples
    --------
    >>> point, true = [[0.1, 0.3, 0.9, 1.1]], [0.2, 0.4, 0.9, 1.1]
    >>> low, high = score_bins(point, true, np.array([[0, 0, 1, 1]]), 2)
    >>> low.scores["bias_points"].round(4), high.scores["bias_points"].round(4)
    (array([-0.0769]), array([0.]))
    """
    points, label = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    given = None if moments is None else [np.asarray(one, np.float64) for one in moments]
    scores, resampled = [], []
    for seed, point in enumerate(points):
        order = np.argsort(numbers[seed], kind="stable")
        ends = np.searchsorted(numbers[seed][order], np.arange(count + 1))
        outlier = np.abs(normalised_error(point, label)) > OUTLIER_LIMIT
        sums = [np.ones_like(label), label, label**2, point, point**2, outlier]
        if given is not None:
            mean, std = given[0][seed], given[1][seed]
            sums += [mean, mean**2 + std**2]
        summed = np.stack(sums, axis=1)[order]
        own = [slice(ends[k], ends[k + 1]) for k in range(count)]

        def drawn(weights: Array, summed: Array = summed, own: list[slice] = own) -> Array:
            return np.stack([weights[rows] @ summed[rows] for rows in own])

        scores.append(drawn(np.ones(label.size)))
        made = [drawn(counts[order].astype(np.float64)) for counts in draws.counts(label.size)]
        resampled.append(np.stack(made))
    whole = _of_sums(np.stack(scores))  # each (S, B)
    many = _of_sums(np.stack(resampled, axis=1))  # each (R, S, B)
    return [
        Replicates(
            {name: values[..., k] for name, values in whole.items()},
            {name: values[..., k] for name, values in many.items()},
        )
        for k in range(count)
    ]


def _of_sums(sums: Array) -> dict[str, Array]:
    """Turn the sums over each bin, shape (..., B, 6) or with moments (..., B, 8), into scores."""
    size = np.where(sums[..., :1] > 0.0, sums[..., :1], np.nan)
    mean, square, point, point_square, outlier, *stacked = np.moveaxis(sums[..., 1:] / size, -1, 0)

    def width(first: Array, second: Array) -> Array:
        return np.sqrt(np.maximum(second - first**2, 0.0))

    found = {"mean": mean, "width": width(mean, square)}
    for names, of in ((POINTS, (point, point_square)), (STACKED, stacked)):
        if of:
            found |= zip(names, ((of[0] - mean) / (1.0 + mean), width(*of)), strict=True)
    return found | {"outlier_rate": outlier}
