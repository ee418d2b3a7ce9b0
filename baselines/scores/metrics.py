"""How good point forecasts are: the metrics of the paper, vectorised.

All take arrays whose last axis runs over galaxies and reduce that axis; leading axes (seeds, say)
stay. With ``dz = (z_pred - z_true) / (1 + z_true)``. Definitions: Soriano et al. 2024
(arXiv:2411.18054) and its follow-up (arXiv:2601.17222); the loss is Tanaka et al. 2018's.

Forecasts with a width: `per_galaxy` and `score_probability`, and the forms they take, all of
`transferz.baselines.scores.probability`.

The metrics of dz take `Residuals` in its place: then they share medians, distances and squares,
as `score` has them do, block of seeds by block of seeds.
"""

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.probability import PER_GALAXY as PER_GALAXY
from transferz.baselines.scores.probability import PROBABILITY_METRICS as PROBABILITY_METRICS
from transferz.baselines.scores.probability import GaussianMixture as GaussianMixture
from transferz.baselines.scores.probability import GridPDF as GridPDF
from transferz.baselines.scores.probability import Prediction as Prediction
from transferz.baselines.scores.probability import Quantiles as Quantiles
from transferz.baselines.scores.probability import Samples as Samples
from transferz.baselines.scores.probability import per_galaxy as per_galaxy
from transferz.baselines.scores.probability import pit_histogram as pit_histogram
from transferz.baselines.scores.probability import score_probability as score_probability
from transferz.baselines.scores.residuals import Array, Residuals, Scratch, row_blocks, share
from transferz.photometry.redshift_error import MAD_TO_SIGMA as MAD_TO_SIGMA
from transferz.photometry.redshift_error import OUTLIER_LIMIT as OUTLIER_LIMIT

CATASTROPHIC_LIMIT = 1.0
COSMOLOGICAL_RANGE = (0.3, 1.5)
"""True redshifts in which LSST's requirements are applied: open below, closed above."""

Errors = Array | Residuals


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


def bias(dz: Errors) -> Array:
    """Conventional bias, ``median(dz)``."""
    return _residuals(dz).median


def scatter(dz: Errors) -> Array:
    """Conventional scatter, ``1.4826 median(abs(dz - median(dz)))``."""
    return MAD_TO_SIGMA * _residuals(dz).mad


def bias_biweight(dz: Errors) -> Array:
    """Biweight location with c = 6 (Beers, Flynn & Gebhardt 1990).

    ``M + sum((dz - M) w) / sum(w)``, ``M = median(dz)``, ``w = (1 - u²)²`` where abs(u) < 1 and
    0 elsewhere, ``u = (dz - M) / (6 MAD)``; the median where MAD = 0.
    """
    return _residuals(dz).biweight_location


def scatter_biweight(dz: Errors) -> Array:
    """Square root of the biweight midvariance with c = 9 (Beers, Flynn & Gebhardt 1990).

    ``sqrt(N sum((dz - M)² (1 - u²)⁴)) / abs(sum((1 - u²) (1 - 5u²)))``, both sums where
    abs(u) < 1, ``u = (dz - M) / (9 MAD)``; 0 where MAD = 0.
    """
    return _residuals(dz).biweight_scale


def outlier_rate(dz: Errors) -> Array:
    """Conventional outlier rate, ``mean(abs(dz) > 0.15)``."""
    errors = _residuals(dz)
    return share(np.abs(errors.dz, out=errors.room()) > OUTLIER_LIMIT)


def outlier_rate_biweight(dz: Errors) -> Array:
    """``mean(abs(dz - bias_biweight) > 2 scatter_biweight)``."""
    errors = _residuals(dz)
    limit = 2.0 * errors.biweight_scale[..., None]
    distance = np.subtract(errors.dz, errors.biweight_location[..., None], out=errors.room())
    return share(np.abs(distance, out=distance) > limit)


def outlier_rate_3sigma(dz: Errors) -> Array:
    """LSST's outlier rate for point forecasts, ``mean(abs(dz - median(dz)) > 3 scatter)``.

    That the conventional median and scatter are the ones meant is our choice.
    """
    errors = _residuals(dz)
    return share(errors.distance > 3.0 * scatter(errors)[..., None])


def rmse(dz: Errors) -> Array:
    """Normalised root mean square, ``sqrt(mean(dz²))``."""
    return np.asarray(np.sqrt(_residuals(dz).square.mean(axis=-1)))


def loss(dz: Errors) -> Array:
    """Tanaka et al. 2018's loss, ``mean(1 - 1 / (1 + (dz / 0.15)²))``."""
    errors = _residuals(dz)
    term = np.multiply(errors.square, OUTLIER_LIMIT**-2, out=errors.room())
    term += 1.0
    np.divide(1.0, term, out=term)
    np.subtract(1.0, term, out=term)
    return np.asarray(term.mean(axis=-1))


def mse(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """Mean square of the plain difference, ``mean((z_pred - z_true)²)``."""
    difference = _difference(predicted, true)
    return np.asarray(np.square(difference, out=difference).mean(axis=-1))


def catastrophic_rate(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    """``mean(abs(z_pred - z_true) > 1)``."""
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
    scratch: Scratch | None = None,
) -> dict[str, Array]:
    """All metrics at once.

    Parameters
    ----------
    predicted : array_like, shape (..., N)
        Forecasts.
    true : array_like, shape (N,)
        True redshifts.
    names : collection of str
        Which metrics; all by default.
    scratch : Scratch, optional
        Worked in, so that repeated calls ask for no new memory.

    Returns
    -------
    dict
        Metric name -> array of the leading shape. NaN where N = 0, and for a row (a seed) of
        which any forecast is NaN: no metric counts a missing forecast as a good one.

    Raises
    ------
    ValueError
        Where the last axes differ.
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
    predicted: npt.NDArray[Any], true: Array, names: Collection[str], scratch: Scratch
) -> dict[str, Array]:
    """Score some rows, shape (rows, N)."""
    dz = scratch.array("dz", predicted.shape)
    errors = Residuals(dz, scratch)
    np.subtract(predicted, true, out=dz, dtype=np.float64)
    scores = {}
    if "catastrophic_rate" in names:
        beyond = np.abs(dz, out=errors.room()) > CATASTROPHIC_LIMIT
        scores["catastrophic_rate"] = share(beyond)
    if "mse" in names:
        scores["mse"] = np.square(dz, out=errors.room()).mean(axis=-1)
    dz /= 1.0 + true
    scores |= {name: metric(errors) for name, metric in ERROR_METRICS.items() if name in names}
    known = ~np.isnan(errors.median)
    return {name: np.where(known, values, np.nan) for name, values in scores.items()}


def in_cosmological_range(true: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Where ``0.3 < z_true <= 1.5``."""
    low, high = COSMOLOGICAL_RANGE
    redshift = single(true)
    return (redshift > low) & (redshift <= high)


def single(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Values in float32, as they are released: 0.3 is then equal to an edge at 0.3 (NEP 50)."""
    return np.asarray(values, dtype=np.float32)


def _residuals(dz: Errors) -> Residuals:
    return dz if isinstance(dz, Residuals) else Residuals(dz)


def _difference(predicted: npt.ArrayLike, true: npt.ArrayLike) -> Array:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(true, dtype=np.float64)
