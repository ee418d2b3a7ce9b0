"""Template-fit photometric redshifts: free amplitude, chi-square over models and redshifts."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.bands import Band
from transferz.photometry.likelihood import (
    DEFAULT_ERRORS,
    ErrorModel,
    Weighted,
    interval,
    second_minimum,
)
from transferz.photometry.stars import stellar_fluxes
from transferz.photometry.templates import ModelGrid

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int16]

__all__ = ["ErrorModel", "PhotoZ", "fit_stars", "fit_templates", "fluxes_at_redshift"]

CHUNK = 64
"""Galaxies per matrix product: working arrays of 64 x models stay in a core's cache."""

MAX_WORKERS = 4
TIE_DECIMALS = 6
"""Chi-squares that agree so far are equal and the first wins, whatever the processor's sums."""

CHI2_DECIMALS = 3
REDSHIFT_DECIMALS = 4
ITERATIONS = 5
LEAST_SIGNAL_TO_NOISE = 3.0
"""Fluxes below this many quoted errors say nothing about an offset of some per cent."""

LEAST_GALAXIES = 5
"""Bands with fewer usable galaxies keep the offset 1."""


@dataclass(frozen=True, slots=True)
class PhotoZ:
    """Result of a template fit: arrays of shape (N,), rounded so that processors agree.

    A galaxy without a usable band has NaN everywhere, `n_filters` 0 and `template` -1.

    Attributes
    ----------
    z_pdf, z_l68, z_u68 : ndarray
        Median and central 68 % interval of the redshift PDF, to 1e-4.
    z_min_chi2 : ndarray
        Grid redshift of least chi-square.
    z_second : ndarray
        Grid redshift of the second peak (see `transferz.photometry.likelihood`), NaN where none.
    chi2_best : ndarray
        Least chi-square over galaxy models, to 1e-3.
    n_filters : ndarray of int16
        Bands used.
    template : ndarray of int16
        Index of the best model in the grid.
    log_mass : ndarray
        log10 of the best model's stellar mass in solar masses, to 1e-4; NaN at redshift 0 and where
        the best amplitude is not positive.
    """

    z_pdf: Array
    z_l68: Array
    z_u68: Array
    z_min_chi2: Array
    z_second: Array
    chi2_best: Array
    n_filters: Integers
    template: Integers
    log_mass: Array


def _gain(photometry: Weighted, flux: Array, squared: Array, cross: Array, norm: Array) -> None:
    """Write into `cross` (M, N) by how much each model lowers chi-square, at its best amplitude.

    The gain is ``(sum w f m)^2 / sum w m^2`` where the amplitude is positive, else 0. `norm` is
    working space of the same shape.
    """
    np.matmul(flux, photometry.weighted_flux, out=cross)
    np.matmul(squared, photometry.weight, out=norm)
    np.maximum(cross, 0.0, out=cross)
    np.multiply(cross, cross, out=cross)
    np.divide(cross, norm, out=cross)


def chi2_by_redshift(photometry: Weighted, grid: ModelGrid) -> Array:
    """Return chi-square (N, Z), minimised over models and amplitude."""
    count, models = photometry.constant.size, grid.flux.shape[1]
    cross, norm = np.empty((models, count)), np.empty((models, count))
    gain = np.empty((grid.redshift.size, count))
    for number, (flux, squared) in enumerate(zip(grid.flux, grid.squared, strict=True)):
        _gain(photometry, flux, squared, cross, norm)
        np.maximum.reduce(cross, axis=0, out=gain[number])
    chi2 = np.ascontiguousarray((photometry.constant - gain).T)
    return np.maximum(np.round(chi2, TIE_DECIMALS), 0.0)


def _best_model(
    photometry: Weighted, grid: ModelGrid, at_z: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Array]:
    """Best model (N,) of each galaxy at a given index of the redshift grid, and its amplitude."""
    cross = np.einsum("nmb,bn->nm", grid.flux[at_z], photometry.weighted_flux)
    norm = np.einsum("nmb,bn->nm", grid.squared[at_z], photometry.weight)
    gain = np.round(np.maximum(cross, 0.0) ** 2 / norm, TIE_DECIMALS)
    model = gain.argmax(axis=1)
    rows = np.arange(model.size)
    return model, np.maximum(cross[rows, model], 0.0) / norm[rows, model]


def _log_mass(mass: Array) -> Array:
    """log10 of masses, NaN where there is none."""
    positive = np.isfinite(mass) & (mass > 0)
    return np.log10(np.where(positive, mass, np.nan))


def _fit_chunk(photometry: Weighted, grid: ModelGrid) -> PhotoZ:
    """Fit one chunk of galaxies."""
    with np.errstate(divide="ignore", invalid="ignore"):  # galaxies without bands
        chi2 = chi2_by_redshift(photometry, grid)
        fitted = photometry.n_filters > 0
        chi2[~fitted] = 0.0
        best = chi2.argmin(axis=1)
        model, amplitude = _best_model(photometry, grid, best)
        mass = amplitude * grid.mass_per_amplitude[best, model]
    low, median, high = interval(chi2, grid.redshift)
    result = PhotoZ(
        z_pdf=np.round(median, REDSHIFT_DECIMALS),
        z_l68=np.round(low, REDSHIFT_DECIMALS),
        z_u68=np.round(high, REDSHIFT_DECIMALS),
        z_min_chi2=grid.redshift[best],
        z_second=second_minimum(chi2, grid.redshift, best),
        chi2_best=np.round(chi2.min(axis=1), CHI2_DECIMALS),
        n_filters=photometry.n_filters,
        template=model.astype(np.int16),
        log_mass=np.round(_log_mass(mass), REDSHIFT_DECIMALS),
    )
    return _blank(result, ~fitted)


def _blank(result: PhotoZ, failed: npt.NDArray[np.bool_]) -> PhotoZ:
    """Mark the galaxies that had nothing to fit."""
    for name in PhotoZ.__dataclass_fields__:
        if name != "n_filters":
            getattr(result, name)[failed] = -1 if name == "template" else np.nan
    return result


def _workers() -> int:
    """Threads to use: the cores this process may run on, up to `MAX_WORKERS`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(available or 1, MAX_WORKERS)


def fit_templates(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    grid: ModelGrid,
    errors: ErrorModel = DEFAULT_ERRORS,
    chunk: int = CHUNK,
) -> PhotoZ:
    """Fit galaxy models with free, positive amplitude; flat prior in redshift.

    Parameters
    ----------
    flux, error : array_like, shape (N, B)
        Microjansky, quoted 1-sigma errors; bands in the order of ``grid.bands``. Negative fluxes
        are measurements. A band with NaN, or an error that is not positive, is left out.
    grid : ModelGrid
        From `transferz.photometry.templates.model_grid`.
    errors : ErrorModel
        Scaling and floors of the errors.
    chunk : int
        Galaxies per matrix product; sets memory and speed, not the result.

    Returns
    -------
    PhotoZ
        Arrays of shape (N,).

    Raises
    ------
    ValueError
        If the shapes disagree with each other or the grid, or `chunk` is not positive.

    Notes
    -----
    ``chi2 = sum w f^2 - (sum w f m)^2 / sum w m^2`` at the best amplitude, in double precision,
    with sums over bands as matrix products; chi-square at a redshift is the least over models and
    the PDF is ``exp(-chi2 / 2)``.
    """
    if chunk < 1:
        raise ValueError(f"chunk must be positive, not {chunk}")
    photometry = Weighted.of(flux, error, grid.bands, errors)
    starts = range(0, photometry.constant.size, chunk)
    with ThreadPoolExecutor(_workers()) as pool:
        parts = list(
            pool.map(lambda s: _fit_chunk(photometry.rows(slice(s, s + chunk)), grid), starts)
        )
    empty = _fit_chunk(photometry.rows(slice(0, 0)), grid) if not parts else None
    return _joined([empty] if empty is not None else parts)


def _joined(parts: Sequence[PhotoZ]) -> PhotoZ:
    """Concatenate results."""
    names = PhotoZ.__dataclass_fields__
    return PhotoZ(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def fluxes_at_redshift(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    redshift: npt.ArrayLike,
    grid: ModelGrid,
    errors: ErrorModel = DEFAULT_ERRORS,
    chunk: int = CHUNK,
) -> Array:
    """Return the best model's fluxes (N, B) at known redshifts (N,), microjansky.

    What offsets of bands are measured against. Arguments as in `fit_templates`; the grid redshift
    nearest to each is used. NaN where no band is usable.
    """
    photometry = Weighted.of(flux, error, grid.bands, errors)
    at_z = np.abs(np.asarray(redshift, float)[:, None] - grid.redshift).argmin(axis=1)
    fluxes = np.empty((at_z.size, len(grid.bands)))
    for start in range(0, at_z.size, chunk):
        rows = slice(start, start + chunk)
        with np.errstate(divide="ignore", invalid="ignore"):  # galaxies without bands
            model, amplitude = _best_model(photometry.rows(rows), grid, at_z[rows])
        fluxes[rows] = amplitude[:, None] * grid.flux[at_z[rows], model]
    return fluxes


def fit_stars(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    bands: Sequence[Band],
    errors: ErrorModel = DEFAULT_ERRORS,
) -> Array:
    """Return the least chi-square (N,) over star templates, amplitude free, to 1e-3.

    Fluxes and errors (N, B) as in `fit_templates`; NaN where no band is usable. Raises ValueError
    if the shapes disagree.
    """
    photometry = Weighted.of(flux, error, bands, errors)
    models = stellar_fluxes(bands)
    cross, norm = models @ photometry.weighted_flux, np.square(models) @ photometry.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (np.maximum(cross, 0.0) ** 2 / norm).max(axis=0)
    return np.round(photometry.constant - gain, CHI2_DECIMALS)


def fit_offsets(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    redshift: npt.ArrayLike,
    grid: ModelGrid,
    errors: ErrorModel = DEFAULT_ERRORS,
    iterations: int = ITERATIONS,
) -> Array:
    """Find the factors (B,) by which to multiply each band's fluxes so that templates fit best.

    The median over galaxies of known redshift (N,) of model flux over measured flux, as LePhare's
    and EAZY's zero-point offsets are; their geometric mean is 1, because a common factor is no
    colour. `iterations` rounds of fitting the models and taking medians; fluxes and errors (N, B)
    as in `fit_templates`.
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
