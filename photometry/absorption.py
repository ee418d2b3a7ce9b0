"""What absorbs light on its way: dust in the galaxy, neutral hydrogen between the galaxies.

Dust follows Calzetti's starburst law or an SMC-like extinction, both from sedpy; the intergalactic
medium follows Madau (1995).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DustLaw = Literal["calzetti", "smc"]

DUST_LAWS: tuple[DustLaw, ...] = ("calzetti", "smc")
"""The laws in the order of the integer codes that `transferz.photometry.grid` takes."""

CALZETTI_RV = 4.05
"""A_V / E(B-V), Calzetti et al. 2000, ApJ 533, 682, eq. 4."""

SMC_RV = 2.93
"""A_V / E(B-V) of the Small Magellanic Cloud, Pei 1992, ApJ 395, 130, table 2."""

BLUE_LIMIT = 1000.0
"""Angstrom; blueward of it, where the laws were not measured, k is held constant (our choice)."""


def reddening_curve(law: DustLaw, wavelength: npt.ArrayLike) -> Array:
    """Return the attenuation ``k = A / E(B-V)``, never negative, at rest-frame angstrom.

    Calzetti et al. 2000, eq. 4, or the SMC fit of Pei 1992, table 4. Raises ValueError for another
    `law`.
    """
    from sedpy import attenuation

    clipped = np.maximum(np.atleast_1d(np.asarray(wavelength, float)), BLUE_LIMIT)
    if law == "calzetti":
        curve = CALZETTI_RV * attenuation.calzetti(clipped, tau_v=1.0, R_v=CALZETTI_RV)
    elif law == "smc":
        curve = SMC_RV * attenuation.smc(clipped, tau_v=1.0)
    else:
        raise ValueError(f"unknown dust law '{law}'; use one of {', '.join(DUST_LAWS)}")
    return np.asarray(curve, float).reshape(np.shape(wavelength))


def attenuate(law: DustLaw, wavelength: npt.ArrayLike, ebv: float) -> Array:
    """Return the fraction of the light that passes: ``10^(-0.4 E(B-V) k)``.

    Takes rest-frame angstrom and E(B-V) in magnitudes. Negative values make a spectrum bluer, which
    the already reddened kcorrect templates need.
    """
    return np.power(10.0, -0.4 * ebv * reddening_curve(law, wavelength))


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
    """Return the mean transmission of the intergalactic medium towards a source, between 0 and 1.

    `wavelength` is observed, in angstrom. Line blanketing of the first four Lyman lines (eqs. 12,
    15) and photoelectric absorption (approximation of footnote 3 to eq. 16).
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
