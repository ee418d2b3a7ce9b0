"""The template fit's models: galaxy templates behind dust, on a grid of redshifts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.absorption import DustLaw, attenuate
from transferz.photometry.bands import Band
from transferz.photometry.synthesis import dimming, fluxes_by_redshift
from transferz.photometry.templates import fit_coefficients, galaxy_basis

Array = npt.NDArray[np.float64]

REDSHIFT_STEP = 0.01

FLUX_FLOOR = 1e-12
"""Least flux of a model relative to its brightest band: keeps sums over few bands above zero."""


@dataclass(frozen=True, slots=True)
class DustGrid:
    """Dust that the fit tries on every template.

    Attributes
    ----------
    law : {"calzetti", "smc"}
        Attenuation law.
    ebv : tuple of float
        Values of E(B-V). Negative ones undo some of the dust that the basis already contains.
    """

    law: DustLaw = "calzetti"
    ebv: tuple[float, ...] = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


DEFAULT_DUST = (DustGrid(),)


@dataclass(frozen=True, slots=True)
class ModelGrid:
    """Fluxes of M models (template x dust) at Z redshifts in B bands; build with `model_grid`.

    Attributes
    ----------
    bands : tuple of Band
        In the order of the fluxes' last axis.
    redshift : ndarray, shape (Z,)
        The grid, from 0.
    flux, squared : ndarray, shape (Z, M, B)
        Model fluxes, each model's brightest band 1, and their squares.
    mass_per_amplitude : ndarray, shape (Z, M)
        Solar masses in stars of a galaxy whose brightest band has 1 microjansky.
    """

    bands: tuple[Band, ...]
    redshift: Array
    flux: Array
    squared: Array
    mass_per_amplitude: Array


def _model_spectra(coefficients: Array, dust: Sequence[DustGrid]) -> tuple[Array, Array]:
    """Spectra (M, L) at 10 pc per solar mass formed, and stellar masses (M,) of the same."""
    basis = galaxy_basis()
    spectra = coefficients @ basis.total
    screens = [
        attenuate(grid.law, basis.wavelength, ebv)
        for number, grid in enumerate(dust)
        for ebv in grid.ebv
        if ebv or number == 0  # without dust the laws coincide
    ]
    return (
        np.concatenate([spectra * screen for screen in screens]),
        np.tile(basis.stellar_mass(coefficients), len(screens)),
    )


def model_grid(
    bands: Sequence[Band],
    redshift_max: float = 6.0,
    redshift_step: float = REDSHIFT_STEP,
    dust: Sequence[DustGrid] = DEFAULT_DUST,
    coefficients: Array | None = None,
) -> ModelGrid:
    """Compute the fluxes of all models on redshifts from 0 to `redshift_max` (a few seconds).

    Parameters
    ----------
    bands : sequence of Band
        B bands.
    redshift_max, redshift_step : float
        Of the grid.
    dust : sequence of DustGrid
        Dust laws and amounts.
    coefficients : ndarray, shape (T, 5), optional
        Templates as mixtures of the basis spectra; by default those of `fit_coefficients`.

    Returns
    -------
    ModelGrid
        Model number ``screen * T + template``: screens in the order of `dust`.

    Raises
    ------
    ValueError
        If there is no band, or the redshift grid is empty.
    """
    if not bands:
        raise ValueError("a template fit needs at least one band")
    if not 0 < redshift_step <= redshift_max:
        raise ValueError(f"no redshifts from 0 to {redshift_max:g} in steps of {redshift_step:g}")
    redshift = np.round(np.arange(round(redshift_max / redshift_step) + 1) * redshift_step, 6)
    wavelength = galaxy_basis().wavelength
    templates = fit_coefficients() if coefficients is None else coefficients
    spectra, mass = _model_spectra(templates, dust)
    flux = fluxes_by_redshift(wavelength, spectra, bands, redshift)
    peak = flux.max(axis=2, keepdims=True)
    flux = np.maximum(flux / peak, FLUX_FLOOR)
    mass_per_amplitude = mass / (peak[..., 0] * dimming(redshift)[:, None])
    return ModelGrid(tuple(bands), redshift, flux, np.square(flux), mass_per_amplitude)
