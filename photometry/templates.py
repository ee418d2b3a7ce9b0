"""Galaxy spectra: the kcorrect basis that SkyPy ships, and the fit's templates drawn from it."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CONTINUUM_AND_LINES_HDU = 1
CONTINUUM_HDU = 2
WAVELENGTH_HDU = 11
SURVIVING_MASS_HDU = 17

REDDEST = 70_000.0
"""Angstrom; redder rest-frame light reaches no band that the fit uses."""

MIXING_WINDOW = (4000.0, 8000.0)
"""Rest-frame angstrom over which the fit's templates mix in equal parts of light (our choice)."""


@dataclass(frozen=True, slots=True)
class GalaxyTemplates:
    """Basis spectra per solar mass of stars formed, seen from 10 pc.

    Attributes
    ----------
    wavelength : ndarray, shape (L,)
        Rest-frame angstrom, uniform in its logarithm.
    continuum : ndarray, shape (T, L)
        Starlight, erg/s/cm2/angstrom at 10 pc.
    lines : ndarray, shape (T, L)
        Emission lines, same unit.
    surviving_mass : ndarray, shape (T,)
        Solar masses still in stars per solar mass formed.
    """

    wavelength: Array
    continuum: Array
    lines: Array
    surviving_mass: Array

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
        table = [hdus[number].data.astype(float) for number in _HDUS]
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


_HDUS = (CONTINUUM_AND_LINES_HDU, CONTINUUM_HDU, WAVELENGTH_HDU, SURVIVING_MASS_HDU)


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
