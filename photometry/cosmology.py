"""The flat cosmology of COSMOS2020: H0 = 70 km/s/Mpc, matter density 0.3."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

Array = npt.NDArray[np.float64]

HUBBLE_CONSTANT = 70.0
MATTER_DENSITY = 0.3
TEN_PARSEC_IN_MPC = 1e-5
REDSHIFT_MAX = 12.0
NODES = 1201


@lru_cache(maxsize=1)
def _comoving_distance() -> CubicSpline:
    """Comoving distance in Mpc as a spline in ln(1 + z): astropy, once per node."""
    from astropy.cosmology import FlatLambdaCDM

    log_stretch = np.linspace(0.0, np.log1p(REDSHIFT_MAX), NODES)
    cosmology = FlatLambdaCDM(H0=HUBBLE_CONSTANT, Om0=MATTER_DENSITY)
    return CubicSpline(log_stretch, cosmology.comoving_distance(np.expm1(log_stretch)).value)


def luminosity_distance(redshift: npt.ArrayLike) -> Array:
    """Luminosity distance in Mpc, to a relative 1e-8, for redshifts from 0 to 12.

    Raises
    ------
    ValueError
        If a redshift is outside 0 to 12.
    """
    redshift = np.asarray(redshift, float)
    if not np.all((redshift >= 0) & (redshift <= REDSHIFT_MAX)):
        raise ValueError(f"redshifts must lie between 0 and {REDSHIFT_MAX:g}")
    return np.asarray((1.0 + redshift) * _comoving_distance()(np.log1p(redshift)))


def dimming(redshift: npt.ArrayLike) -> Array:
    """Flux at a redshift relative to the flux at 10 pc: ``(10 pc / d_L)^2``; infinite at z = 0."""
    with np.errstate(divide="ignore"):
        return np.square(TEN_PARSEC_IN_MPC / luminosity_distance(redshift))
