"""Fluxes and magnitudes: AB system, microjansky as the working unit.

Measured fluxes may be negative. They stay fluxes here: nothing is clipped, and only
`to_magnitude` has no number for them.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

AB_ZEROPOINT_UJY = 23.9
"""AB magnitude of 1 microjansky, as COSMOS2020 rounds it (exactly 23.8999...: 3631 Jy is 0 mag)."""

AB_ZEROPOINT_CGS = 48.6
"""AB magnitude is ``-2.5 log10(f_nu) - 48.6`` with f_nu in erg/s/cm2/Hz (Oke & Gunn 1983)."""

UJY_PER_CGS = 1e29
"""Microjansky in 1 erg/s/cm2/Hz; with it the two zero points agree exactly."""

UJY_PER_MJY = 1e3
"""Microjansky in 1 millijansky."""

SPEED_OF_LIGHT = 2.99792458e18
"""Angstrom per second."""

MAGNITUDE_PER_RELATIVE_ERROR = 2.5 / np.log(10.0)


def to_magnitude(flux: npt.ArrayLike) -> Array:
    """Return AB magnitudes of fluxes in microjansky: ``23.9 - 2.5 log10(flux)``.

    NaN where the flux is NaN, zero or negative.

    Examples
    --------
    >>> to_magnitude([1.0, 100.0, -1.0])
    array([23.9, 18.9,  nan])
    """
    flux = np.asarray(flux, float)
    positive = np.where(flux > 0, flux, np.nan)
    return AB_ZEROPOINT_UJY - 2.5 * np.log10(positive)


def to_flux(magnitude: npt.ArrayLike) -> Array:
    """Flux in microjansky of an AB magnitude; NaN stays NaN."""
    return np.power(10.0, -0.4 * (np.asarray(magnitude, float) - AB_ZEROPOINT_UJY))


def magnitude_error(flux: npt.ArrayLike, flux_error: npt.ArrayLike) -> Array:
    """Return first-order 1-sigma errors of magnitudes; NaN where the flux is not positive.

    Flux and error are in one and the same unit.
    """
    flux = np.asarray(flux, float)
    positive = np.where(flux > 0, flux, np.nan)
    return MAGNITUDE_PER_RELATIVE_ERROR * np.asarray(flux_error, float) / positive


def cgs_to_ujy(flux: npt.ArrayLike) -> Array:
    """Microjansky from erg/s/cm2/Hz."""
    return np.asarray(flux, float) * UJY_PER_CGS


def ujy_to_cgs(flux: npt.ArrayLike) -> Array:
    """erg/s/cm2/Hz from microjansky."""
    return np.asarray(flux, float) / UJY_PER_CGS


def mjy_to_ujy(flux: npt.ArrayLike) -> Array:
    """Microjansky from millijansky."""
    return np.asarray(flux, float) * UJY_PER_MJY


def ujy_to_mjy(flux: npt.ArrayLike) -> Array:
    """Millijansky from microjansky."""
    return np.asarray(flux, float) / UJY_PER_MJY
