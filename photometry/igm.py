"""Absorption by intergalactic hydrogen (Madau 1995, ApJ 441, 18)."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LYMAN_LIMIT = 911.75
"""Angstrom."""

LYMAN_SERIES: tuple[tuple[float, float], ...] = (
    (1215.67, 0.0036),
    (1025.72, 1.7e-3),
    (972.537, 1.2e-3),
    (949.743, 9.3e-4),
)
"""Rest wavelength, angstrom, and coefficient A_j of Lyman alpha to delta (Madau 1995, eq. 15)."""


def igm_transmission(wavelength: npt.ArrayLike, redshift: float) -> Array:
    """Mean transmission of the intergalactic medium towards a source.

    Parameters
    ----------
    wavelength : array_like
        Observed angstrom.
    redshift : float
        Of the source, not negative.

    Returns
    -------
    ndarray
        Between 0 and 1, shape of `wavelength`.

    Notes
    -----
    Line blanketing of the first four Lyman lines (eqs. 12, 15) and photoelectric absorption
    (approximation of footnote 3 to eq. 16).
    """
    observed = np.asarray(wavelength, float)
    if np.all(observed > LYMAN_SERIES[0][0] * (1.0 + redshift)):  # redward of Lyman alpha
        return np.ones_like(observed)
    return np.exp(-_line_blanketing(observed, redshift) - _photoelectric(observed, redshift))


def _line_blanketing(observed: Array, redshift: float) -> Array:
    """Optical depth of the Lyman series, eqs. 12 and 15."""
    depth = np.zeros_like(observed)
    for rest, strength in LYMAN_SERIES:
        absorbed = observed <= rest * (1.0 + redshift)
        depth += np.where(absorbed, strength * (observed / rest) ** 3.46, 0.0)
    return depth


def _photoelectric(observed: Array, redshift: float) -> Array:
    """Optical depth of the Lyman continuum, footnote 3."""
    absorber = np.maximum(observed / LYMAN_LIMIT, 1.0)
    source = 1.0 + redshift
    depth = (
        0.25 * absorber**3 * (source**0.46 - absorber**0.46)
        + 9.4 * absorber**1.5 * (source**0.18 - absorber**0.18)
        - 0.7 * absorber**3 * (absorber**-1.32 - source**-1.32)
        - 0.023 * (source**1.68 - absorber**1.68)
    )
    return np.where(absorber < source, np.maximum(depth, 0.0), 0.0)
