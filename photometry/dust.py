"""Dust attenuation: Calzetti's starburst law and an SMC-like extinction, from sedpy."""

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
    """Attenuation in magnitudes per unit E(B-V).

    Parameters
    ----------
    law : {"calzetti", "smc"}
        Calzetti et al. 2000, eq. 4, or the SMC fit of Pei 1992, table 4.
    wavelength : array_like
        Rest-frame angstrom.

    Returns
    -------
    ndarray
        ``k(wavelength) = A(wavelength) / E(B-V)``, never negative.

    Raises
    ------
    ValueError
        If the law is unknown.
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
    """Fraction of the light that passes: ``10^(-0.4 E(B-V) k)``.

    Parameters
    ----------
    law : {"calzetti", "smc"}
        See `reddening_curve`.
    wavelength : array_like
        Rest-frame angstrom.
    ebv : float
        E(B-V) in magnitudes. Negative values make a spectrum bluer, which the already reddened
        kcorrect templates need.
    """
    return np.power(10.0, -0.4 * ebv * reddening_curve(law, wavelength))
