"""Galaxy spectra, and the models that the template fit makes of them.

The kcorrect basis that SkyPy ships, mixtures of it as templates, and their fluxes behind dust on
a grid of redshifts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.photometry.absorption import DustLaw, attenuate
from transferz.photometry.bands import Band
from transferz.photometry.synthesis import dimming, fluxes_by_redshift

Array = npt.NDArray[np.float64]

HDUS = (1, 2, 11, 17)  # of the file: continuum and lines, continuum, wavelength, surviving mass

REDDEST = 70_000.0
"""Angstrom; redder rest-frame light reaches no band that the fit uses."""

MIXING_WINDOW = (4000.0, 8000.0)
"""Rest-frame angstrom over which the fit's templates mix in equal parts of light (our choice)."""

REDSHIFT_STEP = 0.01

FLUX_FLOOR = 1e-12
"""Least flux of a model relative to its brightest band: keeps sums over few bands above zero."""


@dataclass(frozen=True, slots=True)
class GalaxyTemplates:
    """Basis spectra per solar mass of stars formed, seen from 10 pc."""

    wavelength: Array  # (L,) rest-frame angstrom, uniform in its logarithm
    continuum: Array  # (T, L) starlight, erg/s/cm2/angstrom at 10 pc
    lines: Array  # (T, L) emission lines, same unit
    surviving_mass: Array  # (T,) solar masses still in stars per solar mass formed

    @property
    def total(self) -> Array:
        """Continuum plus lines, shape (T, L)."""
        return self.continuum + self.lines

    def stellar_mass(self, coefficients: npt.ArrayLike) -> Array:
        """Return solar masses still in stars (...), of those formed in each template (..., T)."""
        return np.asarray(coefficients, float) @ self.surviving_mass


@lru_cache(maxsize=1)
def galaxy_basis() -> GalaxyTemplates:
    """Return the five kcorrect templates (Blanton & Roweis 2007, AJ 133, 734) that SkyPy ships.

    They are non-negative mixtures of stellar populations (Bruzual & Charlot 2003, Chabrier mass
    function) behind dust, smoothed to 300 km/s. Lines are the difference of the file's spectra with
    and without them.
    """
    from astropy.io import fits

    with fits.open(_kcorrect_file()) as hdus:
        table = [hdus[number].data.astype(float) for number in HDUS]
    total, continuum, wavelength, surviving_mass = table
    blue = wavelength <= REDDEST
    continuum = np.clip(continuum[:, blue], 0.0, None)
    return GalaxyTemplates(
        wavelength=wavelength[blue],
        continuum=continuum,
        lines=np.clip(total[:, blue] - continuum, 0.0, None),
        surviving_mass=surviving_mass,
    )


def _kcorrect_file() -> Path:
    """Path of the file inside the installed SkyPy, found without importing it (a second saved)."""
    spec = find_spec("skypy")
    if spec is None or spec.origin is None:
        raise ValueError("the galaxy templates need the package skypy: pip install skypy")
    return Path(spec.origin).parent / "data" / "kcorrect" / "k_nmf_derived.default.fits"


@lru_cache(maxsize=1)
def fit_coefficients() -> Array:
    """Return the mixtures (31, 5) of the basis that the template fit tries.

    Solar masses formed per basis template, adding up to 1: every non-empty subset of the five
    spectra, mixed in equal parts of their light in `MIXING_WINDOW`. Our choice: it spans the basis
    evenly, and needs no random draw.
    """
    basis = galaxy_basis()
    low, high = MIXING_WINDOW
    window = (basis.wavelength >= low) & (basis.wavelength <= high)
    light = (basis.total * basis.wavelength)[:, window].sum(axis=1)
    count = light.size
    subsets = [s for size in range(1, count + 1) for s in combinations(range(count), size)]
    shares = np.zeros((len(subsets), count))
    for row, subset in zip(shares, subsets, strict=True):
        row[list(subset)] = 1.0
    mixtures = shares / light
    return mixtures / mixtures.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class DustGrid:
    """Dust that the fit tries on every template."""

    law: DustLaw = "calzetti"  # attenuation law
    # values of E(B-V). Negative ones undo some of the dust that the basis already contains.
    ebv: tuple[float, ...] = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


DEFAULT_DUST = (DustGrid(),)


@dataclass(frozen=True, slots=True)
class ModelGrid:
    """Fluxes of M models (template x dust) at Z redshifts in B bands; build with `model_grid`."""

    bands: tuple[Band, ...]  # in the order of the fluxes' last axis
    redshift: Array  # (Z,) the grid, from 0
    # (Z, M, B) model fluxes, each model's brightest band 1, and their squares
    flux: Array
    squared: Array
    # (Z, M) solar masses in stars of a galaxy whose brightest band has 1 microjansky
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


@lru_cache(maxsize=4)
def shared_grid(bands: tuple[Band, ...], redshift_max: float) -> ModelGrid:
    """Return `model_grid` of some bands, computed once for all who ask; not to be written to."""
    return model_grid(bands, redshift_max)


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
