"""Multiplicative offsets per band, fitted to galaxies of known redshift."""

import numpy as np
import numpy.typing as npt

from transferz.photometry.fit import fluxes_at_redshift
from transferz.photometry.measurements import DEFAULT_ERRORS, ErrorModel
from transferz.photometry.models import ModelGrid

Array = npt.NDArray[np.float64]

ITERATIONS = 5
LEAST_SIGNAL_TO_NOISE = 3.0
"""Fluxes below this many quoted errors say nothing about an offset of some per cent."""

LEAST_GALAXIES = 5
"""Bands with fewer usable galaxies keep the offset 1."""


def fit_offsets(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    redshift: npt.ArrayLike,
    grid: ModelGrid,
    errors: ErrorModel = DEFAULT_ERRORS,
    iterations: int = ITERATIONS,
) -> Array:
    """Factors by which to multiply each band's fluxes so that templates fit best.

    Parameters
    ----------
    flux, error : array_like, shape (N, B)
        Microjansky, as in `transferz.photometry.fit.fit_templates`.
    redshift : array_like, shape (N,)
        Known redshifts.
    grid : ModelGrid
        Models in the same bands.
    errors : ErrorModel
        Scaling and floors of the errors.
    iterations : int
        Rounds of fitting the models and taking medians.

    Returns
    -------
    ndarray, shape (B,)
        Median over galaxies of model flux over measured flux, as LePhare's and EAZY's zero-point
        offsets are; their geometric mean is 1, because a common factor is no colour.
    """
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    with np.errstate(invalid="ignore"):
        detected = (error > 0) & (flux >= LEAST_SIGNAL_TO_NOISE * error)
    offsets = np.ones(flux.shape[1])
    for _ in range(iterations):
        model = fluxes_at_redshift(flux * offsets, error * offsets, redshift, grid, errors)
        offsets = _median_ratio(model, flux, detected)
    return offsets


def _median_ratio(model: Array, flux: Array, detected: npt.NDArray[np.bool_]) -> Array:
    """Median of model over flux per band, divided by the geometric mean over fitted bands."""
    enough = detected.sum(axis=0) >= LEAST_GALAXIES
    ratio = np.divide(model, flux, where=detected, out=np.full_like(flux, np.nan))
    log_offsets = np.zeros(flux.shape[1])
    log_offsets[enough] = np.log(np.nanmedian(ratio[:, enough], axis=0))
    log_offsets[enough] -= log_offsets[enough].mean() if enough.any() else 0.0
    return np.exp(log_offsets)
