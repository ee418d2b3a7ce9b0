"""How good point forecasts are: the metrics of the paper, vectorised.

All take arrays whose last axis runs over galaxies and reduce that axis; leading axes (seeds, say)
stay. With ``dz = (z_pred - z_true) / (1 + z_true)``. Definitions: Soriano et al. 2024
(arXiv:2411.18054) and its follow-up (arXiv:2601.17222); the loss is Tanaka et al. 2018's.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

OUTLIER_LIMIT = 0.15
"""abs(dz) beyond which a forecast is an outlier; also the loss's width."""

CATASTROPHIC_LIMIT = 1.0
COSMOLOGICAL_RANGE = (0.3, 1.5)
"""True redshifts in which LSST's requirements are applied: open below, closed above."""

MAD_TO_SIGMA = 1.4826
BIWEIGHT_LOCATION_WIDTH = 6.0
BIWEIGHT_VARIANCE_WIDTH = 9.0


def normalised_error(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """``dz = (z_pred - z_true) / (1 + z_true)``.

    Parameters
    ----------
    predicted : array_like, shape (..., N)
        Forecasts, one row per seed for example.
    true : array_like, shape (N,) or (..., N)
        True redshifts, above -1.

    Returns
    -------
    ndarray, shape (..., N)
    """
    true = np.asarray(true, dtype=np.float64)
    return (np.asarray(predicted, dtype=np.float64) - true) / (1.0 + true)


def bias(dz: Array) -> Array:
    """Conventional bias, ``median(dz)``."""
    return np.asarray(np.median(dz, axis=-1))


def scatter(dz: Array) -> Array:
    """Conventional scatter, ``1.4826 median(abs(dz - median(dz)))``."""
    return MAD_TO_SIGMA * _deviation(dz)


def bias_biweight(dz: Array) -> Array:
    """Biweight location with c = 6 (Beers, Flynn & Gebhardt 1990).

    ``M + sum((dz - M) w) / sum(w)``, ``M = median(dz)``, ``w = (1 - u²)²`` where abs(u) < 1 and
    0 elsewhere, ``u = (dz - M) / (6 MAD)``; the median where MAD = 0.
    """
    median = np.median(dz, axis=-1, keepdims=True)
    weight = np.square(_biweight_base(dz, median, BIWEIGHT_LOCATION_WIDTH))
    shift = ((dz - median) * weight).sum(axis=-1)
    return np.asarray(median[..., 0] + _ratio(shift, weight.sum(axis=-1)))


def scatter_biweight(dz: Array) -> Array:
    """Square root of the biweight midvariance with c = 9 (Beers, Flynn & Gebhardt 1990).

    ``sqrt(N sum((dz - M)² (1 - u²)⁴)) / abs(sum((1 - u²) (1 - 5u²)))``, both sums where
    abs(u) < 1, ``u = (dz - M) / (9 MAD)``; 0 where MAD = 0.
    """
    median = np.median(dz, axis=-1, keepdims=True)
    base = _biweight_base(dz, median, BIWEIGHT_VARIANCE_WIDTH)  # 1 - u², 0 where abs(u) >= 1
    above = dz.shape[-1] * (np.square(dz - median) * base**4).sum(axis=-1)
    below = np.abs((base * (5.0 * base - 4.0)).sum(axis=-1))  # 1 - 5u² = 5 (1 - u²) - 4
    return _ratio(np.sqrt(above), below)


def outlier_rate(dz: Array) -> Array:
    """Conventional outlier rate, ``mean(abs(dz) > 0.15)``."""
    return np.asarray((np.abs(dz) > OUTLIER_LIMIT).mean(axis=-1))


def outlier_rate_biweight(dz: Array) -> Array:
    """``mean(abs(dz - bias_biweight) > 2 scatter_biweight)``."""
    return _beyond(dz, bias_biweight(dz), 2.0 * scatter_biweight(dz))


def outlier_rate_3sigma(dz: Array) -> Array:
    """LSST's outlier rate for point forecasts, ``mean(abs(dz - median(dz)) > 3 scatter)``.

    That the conventional median and scatter are the ones meant is our choice.
    """
    return _beyond(dz, bias(dz), 3.0 * scatter(dz))


def rmse(dz: Array) -> Array:
    """Normalised root mean square, ``sqrt(mean(dz²))``."""
    return np.asarray(np.sqrt(np.square(dz).mean(axis=-1)))


def loss(dz: Array) -> Array:
    """Tanaka et al. 2018's loss, ``mean(1 - 1 / (1 + (dz / 0.15)²))``."""
    return np.asarray((1.0 - 1.0 / (1.0 + np.square(dz / OUTLIER_LIMIT))).mean(axis=-1))


def mse(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """Mean square of the plain difference, ``mean((z_pred - z_true)²)``."""
    return np.asarray(np.square(_difference(predicted, true)).mean(axis=-1))


def catastrophic_rate(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """``mean(abs(z_pred - z_true) > 1)``."""
    return np.asarray((np.abs(_difference(predicted, true)) > CATASTROPHIC_LIMIT).mean(axis=-1))


ERROR_METRICS: MappingProxyType[str, Callable[[Array], Array]] = MappingProxyType(
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


def score(predicted: npt.ArrayLike, true: npt.ArrayLike) -> dict[str, Array]:
    """All metrics at once.

    Parameters
    ----------
    predicted : array_like, shape (..., N)
        Forecasts.
    true : array_like, shape (N,)
        True redshifts.

    Returns
    -------
    dict
        Metric name -> array of the leading shape. NaN where N = 0.

    Raises
    ------
    ValueError
        Where the last axes differ.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if true.ndim != 1 or predicted.shape[-1:] != true.shape:
        raise ValueError(
            f"predicted (..., N) and true (N,) differ: shapes {predicted.shape} and {true.shape}"
        )
    if true.size == 0:
        names = (*ERROR_METRICS, "mse", "catastrophic_rate")
        return {name: np.full(predicted.shape[:-1], np.nan) for name in names}
    dz = normalised_error(predicted, true)
    scores = {name: metric(dz) for name, metric in ERROR_METRICS.items()}
    scores["mse"] = mse(predicted, true)
    scores["catastrophic_rate"] = catastrophic_rate(predicted, true)
    return scores


def in_cosmological_range(true: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Where ``0.3 < z_true <= 1.5``."""
    low, high = COSMOLOGICAL_RANGE
    true = np.asarray(true, dtype=np.float64)
    return (low < true) & (true <= high)


def _difference(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(true, dtype=np.float64)


def _deviation(dz: Array) -> Array:
    """Median absolute deviation from the median."""
    centred = np.abs(dz - np.median(dz, axis=-1, keepdims=True))
    return np.asarray(np.median(centred, axis=-1))


def _biweight_base(dz: Array, median: Array, width: float) -> Array:
    """``1 - u²`` inside, 0 outside, for ``u = (dz - median) / (width MAD)``; 0 where MAD = 0."""
    scale = width * _deviation(dz)[..., None]
    u = np.divide(dz - median, scale, out=np.ones_like(dz), where=scale > 0)
    return 1.0 - np.square(np.clip(u, -1.0, 1.0))


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Array:
    """``above / below``, 0 where `below` is 0."""
    below = np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def _beyond(dz: Array, centre: Array, limit: Array) -> Array:
    return np.asarray((np.abs(dz - centre[..., None]) > limit[..., None]).mean(axis=-1))
