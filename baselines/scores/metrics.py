"""Score point forecasts with the metrics of the paper, vectorised.

All metrics take arrays whose last axis runs over galaxies and reduce that axis; leading axes (such
as seeds) stay. Most are functions of ``dz = (z_pred - z_true) / (1 + z_true)``. Definitions:
Soriano et al. 2024 (arXiv:2411.18054) and its follow-up (arXiv:2601.17222); the loss is Tanaka et
al. 2018's.

`score` computes all of them, block of seeds by block of seeds. The metrics then take `Residuals`
in the place of dz, so that they share medians, distances and squares.
"""

import math
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from transferz.photometry.redshift_error import MAD_TO_SIGMA as MAD_TO_SIGMA
from transferz.photometry.redshift_error import OUTLIER_LIMIT as OUTLIER_LIMIT

Array = npt.NDArray[np.float64]
Errors: TypeAlias = "Array | Residuals"

LOSS_WIDTH = 0.15
"""abs(dz) at which Tanaka et al. 2018's loss is 1/2; the networks' own training loss states it anew
(`transferz.baselines.networks.network.TANAKA_WIDTH`), since changing that retrains them."""

CATASTROPHIC_LIMIT = 1.0
COSMOLOGICAL_RANGE = (0.3, 1.5)
"""True redshifts in which LSST's requirements are applied: open below, closed above."""

BIWEIGHT_LOCATION_WIDTH = 6.0
BIWEIGHT_VARIANCE_WIDTH = 9.0

BLOCK = 2**17
"""Errors worked on at a time, but at least a whole row (our choice: near a processor's cache)."""

COUNTED_ROW_BY_ROW = 512
"""From this length on, counting in each row by itself is faster than along an axis (measured)."""


def normalised_error(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """Return ``dz = (z_pred - z_true) / (1 + z_true)``, shape (..., N).

    `predicted` has shape (..., N), one row per seed for example; `true` (N,) or (..., N), above -1.

    Examples
    --------
    >>> normalised_error([0.55, 1.0], [0.5, 1.0]).round(4)
    array([0.0333, 0.    ])
    """
    true = np.asarray(true, dtype=np.float64)
    return (np.asarray(predicted, dtype=np.float64) - true) / (1.0 + true)


def bias(dz: Errors) -> Array:
    """Return the conventional bias, ``median(dz)``.

    Examples
    --------
    >>> float(bias(np.array([-0.01, 0.02, 0.5])))
    0.02
    """
    return _residuals(dz).median


def scatter(dz: Errors) -> Array:
    """Return the conventional scatter, ``1.4826 median(abs(dz - median(dz)))``.

    Examples
    --------
    >>> scatter(np.array([-0.01, 0.02, 0.5])).round(4)
    np.float64(0.0445)
    """
    return MAD_TO_SIGMA * _residuals(dz).mad


def bias_biweight(dz: Errors) -> Array:
    """Return the biweight location with c = 6 (Beers, Flynn & Gebhardt 1990).

    ``M + sum((dz - M) w) / sum(w)``, ``M = median(dz)``, ``w = (1 - u²)²`` where abs(u) < 1 and
    0 elsewhere, ``u = (dz - M) / (6 MAD)``; the median where MAD = 0.

    Examples
    --------
    >>> bias_biweight(np.array([-0.01, 0.02, 0.5])).round(4)  # the outlier has no weight
    np.float64(0.0054)
    """
    return _residuals(dz).biweight_location


def scatter_biweight(dz: Errors) -> Array:
    """Return the square root of the biweight midvariance with c = 9 (Beers et al. 1990).

    ``sqrt(N sum((dz - M)² (1 - u²)⁴)) / abs(sum((1 - u²) (1 - 5u²)))``, both sums where
    abs(u) < 1, ``u = (dz - M) / (9 MAD)``; 0 where MAD = 0.

    Examples
    --------
    >>> scatter_biweight(np.array([-0.01, 0.02, 0.5])).round(4)
    np.float64(0.0263)
    """
    return _residuals(dz).biweight_scale


def outlier_rate(dz: Errors) -> Array:
    """Return the conventional outlier rate, ``mean(abs(dz) > 0.15)``.

    Examples
    --------
    >>> float(outlier_rate(np.array([-0.01, 0.02, 0.5, 0.1])))
    0.25
    """
    errors = _residuals(dz)
    return share(np.abs(errors.dz, out=errors.room()) > OUTLIER_LIMIT)


def outlier_rate_biweight(dz: Errors) -> Array:
    """Return ``mean(abs(dz - bias_biweight) > 2 scatter_biweight)``.

    Examples
    --------
    >>> float(outlier_rate_biweight(np.array([-0.01, 0.02, 0.5, 0.1])))
    0.25
    """
    errors = _residuals(dz)
    limit = 2.0 * errors.biweight_scale[..., None]
    distance = np.subtract(errors.dz, errors.biweight_location[..., None], out=errors.room())
    return share(np.abs(distance, out=distance) > limit)


def outlier_rate_3sigma(dz: Errors) -> Array:
    """Return LSST's outlier rate for point forecasts, ``mean(abs(dz - median(dz)) > 3 scatter)``.

    That the conventional median and scatter are the ones meant is our choice.

    Examples
    --------
    >>> float(outlier_rate_3sigma(np.array([-0.01, 0.02, 0.5, 0.1])))
    0.25
    """
    errors = _residuals(dz)
    return share(errors.distance > 3.0 * scatter(errors)[..., None])


def rmse(dz: Errors) -> Array:
    """Return the normalised root mean square, ``sqrt(mean(dz²))``.

    Examples
    --------
    >>> float(rmse(np.array([0.3, -0.4, 0.0, 0.0])))
    0.25
    """
    return np.asarray(np.sqrt(_residuals(dz).square.mean(axis=-1)))


def loss(dz: Errors) -> Array:
    """Return Tanaka et al. 2018's loss, ``mean(1 - 1 / (1 + (dz / 0.15)²))``.

    Examples
    --------
    >>> float(loss(np.array([0.15, -0.15])))
    0.5
    """
    errors = _residuals(dz)
    term = np.multiply(errors.square, LOSS_WIDTH**-2, out=errors.room())
    term += 1.0
    np.divide(1.0, term, out=term)
    np.subtract(1.0, term, out=term)
    return np.asarray(term.mean(axis=-1))


def mse(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """Return the mean square of the plain difference, ``mean((z_pred - z_true)²)``.

    Examples
    --------
    >>> float(mse([0.5, 2.0], [0.5, 1.0]))
    0.5
    """
    return np.asarray(np.square(_difference(predicted, true)).mean(axis=-1))


def catastrophic_rate(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """Return the share of plain differences beyond 1, ``mean(abs(z_pred - z_true) > 1)``.

    Examples
    --------
    >>> float(catastrophic_rate([0.5, 2.5], [0.5, 1.0]))
    0.5
    """
    return share(np.abs(_difference(predicted, true)) > CATASTROPHIC_LIMIT)


ERROR_METRICS: MappingProxyType[str, Callable[[Errors], Array]] = MappingProxyType(
    {
        "bias": bias,
        "scatter": scatter,
        "outlier_rate": outlier_rate,
        "rmse": rmse,
        "loss": loss,
        "bias_biweight": bias_biweight,
        "scatter_biweight": scatter_biweight,
        "outlier_rate_biweight": outlier_rate_biweight,
        "outlier_rate_3sigma": outlier_rate_3sigma,
    }
)
"""Metrics of dz, in the order of tables."""

METRICS = (*ERROR_METRICS, "mse", "catastrophic_rate")
"""Names of all metrics, in the order of tables."""


def score(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    names: Collection[str] = METRICS,
    scratch: "Scratch | None" = None,
) -> dict[str, Array]:
    """Compute all metrics at once.

    Parameters
    ----------
    predicted : array_like, shape (..., N)
        Forecasts.
    true : array_like, shape (N,)
        True redshifts.
    names : collection of str
        Which metrics; all by default.
    scratch : Scratch, optional
        Memory to work in, so that repeated calls ask for none anew.

    Returns
    -------
    dict
        Metric name -> array of the leading shape. NaN where N = 0, and for a row (a seed) of
        which any forecast is NaN: no metric counts a missing forecast as a good one.

    Raises
    ------
    ValueError
        Where the last axes differ.

    Examples
    --------
    >>> scores = score([[0.5, 0.9, 2.0], [0.4, 0.8, 1.1]], [0.4, 0.8, 1.1])  # two seeds
    >>> scores["catastrophic_rate"].tolist(), scores["rmse"].round(3).tolist()
    ([0.0, 0.0], [0.253, 0.0])
    """
    predicted, true = np.asarray(predicted), np.asarray(true, np.float64)
    if true.ndim != 1 or predicted.shape[-1:] != true.shape:
        raise ValueError(
            f"predicted (..., N) and true (N,) differ: shapes {predicted.shape} and {true.shape}"
        )
    scores = {name: np.full(predicted.shape[:-1], np.nan) for name in METRICS if name in names}
    if predicted.size == 0:
        return scores
    rows, scratch = predicted.reshape(-1, true.size), scratch or Scratch()
    for block in row_blocks(len(rows), true.size):
        for name, values in _score_block(rows[block], true, scores, scratch).items():
            scores[name].reshape(-1)[block] = values
    return scores


def _score_block(
    predicted: npt.NDArray[Any], true: Array, names: Collection[str], scratch: "Scratch"
) -> dict[str, Array]:
    """Score some seeds' forecasts, shape (rows, N)."""
    dz = scratch.array("dz", predicted.shape)
    errors = Residuals(dz, scratch)
    np.subtract(predicted, true, out=dz, dtype=np.float64)  # the plain difference at first
    scores = {}
    if "catastrophic_rate" in names:
        scores["catastrophic_rate"] = share(np.abs(dz, out=errors.room()) > CATASTROPHIC_LIMIT)
    if "mse" in names:
        scores["mse"] = np.square(dz, out=errors.room()).mean(axis=-1)
    dz /= 1.0 + true
    scores |= {name: metric(errors) for name, metric in ERROR_METRICS.items() if name in names}
    complete = ~np.isnan(errors.median)
    return {name: np.where(complete, values, np.nan) for name, values in scores.items()}


def in_cosmological_range(true: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Say where ``0.3 < z_true <= 1.5``."""
    low, high = COSMOLOGICAL_RANGE
    redshift = single(true)
    return (redshift > low) & (redshift <= high)


def single(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return values in float32, as they are released: 0.3 then equals an edge at 0.3 (NEP 50)."""
    return np.asarray(values, dtype=np.float32)


class Scratch:
    """Arrays by name, used again for block after block: fresh memory costs more than the sums."""

    def __init__(self) -> None:
        self._flat: dict[str, Array] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return an array of this shape that holds anything."""
        size = math.prod(shape)
        if name not in self._flat or self._flat[name].size < size:
            self._flat[name] = np.empty(size)
        return self._flat[name][:size].reshape(shape)


class Residuals:
    """Normalised errors `dz`, shape (..., N), whose medians, distances and squares are shared.

    Everything is computed when a metric first asks for it, and kept. N is at least 1. The arrays
    are those of `scratch`, if given; the residuals that it was lent to before are void then.
    """

    def __init__(self, dz: Array, scratch: Scratch | None = None) -> None:
        self.dz = dz
        self._scratch = scratch or Scratch()

    def room(self, name: str = "passing") -> Array:
        """Return an array to work in, shape (..., N)."""
        return self._scratch.array(name, self.dz.shape)

    @cached_property
    def median(self) -> Array:
        """Median of dz, shape (...)."""
        return exact_median(self.dz, self.room())

    @cached_property
    def centred(self) -> Array:
        """``dz - median``, shape (..., N)."""
        return np.subtract(self.dz, self.median[..., None], out=self.room("centred"))

    @cached_property
    def distance(self) -> Array:
        """``abs(dz - median)``, shape (..., N)."""
        return np.abs(self.centred, out=self.room("distance"))

    @cached_property
    def mad(self) -> Array:
        """Median absolute deviation from the median, shape (...)."""
        return exact_median(self.distance, self.room())

    @cached_property
    def square(self) -> Array:
        """``dz²``, shape (..., N)."""
        return np.square(self.dz, out=self.room("square"))

    @cached_property
    def square_distance(self) -> Array:
        """``(dz - median)²``, shape (..., N)."""
        return np.square(self.centred, out=self.room("square_distance"))

    @cached_property
    def biweight_location(self) -> Array:
        """What `bias_biweight` returns, shape (...)."""
        weight = self._biweight_base(BIWEIGHT_LOCATION_WIDTH)
        np.square(weight, out=weight)
        total = weight.sum(axis=-1)
        weight *= self.centred
        return self.median + self._where_spread(weight.sum(axis=-1), total)

    @cached_property
    def biweight_scale(self) -> Array:
        """What `scatter_biweight` returns, shape (...)."""
        base = self._biweight_base(BIWEIGHT_VARIANCE_WIDTH)
        total = base.sum(axis=-1)
        np.square(base, out=base)
        below = np.abs(5.0 * base.sum(axis=-1) - 4.0 * total)  # 1 - 5u² = 5 (1 - u²) - 4
        np.square(base, out=base)
        base *= self.square_distance
        return self._where_spread(np.sqrt(base.shape[-1] * base.sum(axis=-1)), below)

    def _biweight_base(self, width: float) -> Array:
        """Return 1 - u² inside, 0 outside; u = (dz - median) / (width MAD). Void where MAD = 0."""
        scale = np.square(width * self.mad)[..., None]
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        base = np.multiply(self.square_distance, inverse, out=self.room())
        np.clip(base, 0.0, 1.0, out=base)
        return np.subtract(1.0, base, out=base)

    def _where_spread(self, above: Array, below: Array) -> Array:
        """Return ``above / below``; 0 where MAD or `below` is 0."""
        spread = (self.mad != 0) & (below != 0)
        return np.divide(above, below, out=np.zeros_like(below), where=spread)


def exact_median(values: Array, room: Array | None = None) -> Array:
    """Return the median over the last axis, as ``numpy.median`` has it, by one selection.

    Several times faster: asked for one position only, numpy selects with vector instructions. A NaN
    makes the median NaN. `room`, of the shape of `values`, is overwritten.
    """
    half = values.shape[-1] // 2
    parted = np.empty(values.shape) if room is None else room
    np.copyto(parted, values)
    parted.partition(half, axis=-1)
    median = parted[..., half]
    if values.shape[-1] % 2 == 0:
        median = (parted[..., :half].max(axis=-1) + median) / 2.0
    broken = np.isnan(parted[..., half:].max(axis=-1))  # NaNs are sorted to the end
    return np.asarray(np.where(broken, np.nan, median))


def share(chosen: npt.NDArray[np.bool_]) -> Array:
    """Return the share of the chosen over the last axis."""
    if chosen.ndim < 2 or chosen.shape[-1] < COUNTED_ROW_BY_ROW:
        return np.asarray(np.count_nonzero(chosen, axis=-1) / chosen.shape[-1])
    counts = [np.count_nonzero(row) for row in chosen.reshape(-1, chosen.shape[-1])]
    return np.reshape(counts, chosen.shape[:-1]) / chosen.shape[-1]


def row_blocks(rows: int, length: int) -> Iterator[slice]:
    """Cut `rows` rows of `length` values into blocks of about `BLOCK` values, as slices."""
    step = max(1, BLOCK // max(1, length))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _residuals(dz: Errors) -> Residuals:
    return dz if isinstance(dz, Residuals) else Residuals(dz)


def _difference(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(true, dtype=np.float64)
