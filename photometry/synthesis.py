"""Synthetic AB photometry of redshifted spectra, as sparse weights over wavelength; distances."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.interpolate import CubicSpline

from transferz.photometry.absorption import igm_transmission
from transferz.photometry.bands import Band, transmission
from transferz.photometry.flux import SPEED_OF_LIGHT, UJY_PER_CGS

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HUBBLE_CONSTANT, MATTER_DENSITY = 70.0, 0.3  # km/s/Mpc; flat
TEN_PARSEC_IN_MPC = 1e-5
REDSHIFT_MAX, NODES = 12.0, 1201  # of the spline of distances
LOG_STEP_TOLERANCE = 1e-3
"""Relative departure from a uniform step in ln(wavelength) that single precision explains."""


def log_step(wavelength: Array) -> float:
    """Return the step of a grid uniform in ln(wavelength).

    Raises ValueError if the grid is not uniform and increasing in its logarithm.
    """
    steps = np.diff(np.log(wavelength))
    mean = float(steps.mean())
    if mean <= 0 or np.abs(steps - mean).max() > LOG_STEP_TOLERANCE * mean:
        raise ValueError("wavelengths must increase in equal steps of their logarithm")
    return mean


def _band_weights(
    wavelength: Array, step: float, band: Band, redshift: float
) -> tuple[Integers, Array]:
    """Indices into `wavelength` and weights of one band; see `flux_weights`."""
    curve_wavelength, response = transmission(band)
    start = np.log(wavelength[0] * (1.0 + redshift))
    low = int(np.ceil((np.log(curve_wavelength[0]) - start) / step))
    high = int(np.floor((np.log(curve_wavelength[-1]) - start) / step))
    index = np.arange(low, high + 1)
    observed = np.exp(start + step * index)
    weight = np.interp(observed, curve_wavelength, response)
    # Samples outside the spectrum count in the norm: the source sends no light there.
    weight *= observed**2 * UJY_PER_CGS / (SPEED_OF_LIGHT * weight.sum() * (1.0 + redshift))
    weight *= igm_transmission(observed, redshift)
    inside = (index >= 0) & (index < wavelength.size)
    return index[inside], weight[inside]


def flux_weights(
    wavelength: Array, bands: Sequence[Band], redshift: float = 0.0
) -> sparse.csr_array:
    """Return weights (B, L) that turn rest-frame spectra into band fluxes.

    Times f_lambda in erg/s/cm2/angstrom at some distance they give f_nu in microjansky, were the
    source moved to `redshift` with its bolometric flux kept: multiply by
    ``(distance / luminosity distance)^2``. The mean is photon-weighted
    (``int f_nu R dln(nu) / int R dln(nu)``), and the IGM absorbs. `wavelength` (L,) is rest-frame
    angstrom; ValueError where it is not uniform in its logarithm.
    """
    step = log_step(wavelength)
    parts = [_band_weights(wavelength, step, band, redshift) for band in bands]
    ends = np.concatenate([[0], np.cumsum([index.size for index, _ in parts])])
    columns = np.concatenate([index for index, _ in parts])
    values = np.concatenate([weight for _, weight in parts])
    return sparse.csr_array((values, columns, ends), shape=(len(parts), wavelength.size))


def band_fluxes(
    wavelength: Array, spectra: Array, bands: Sequence[Band], redshift: float = 0.0
) -> Array:
    """Return the band fluxes (T, B) of spectra (T, L), microjansky; see `flux_weights`."""
    return fluxes_by_redshift(wavelength, spectra, bands, np.array([redshift]))[0]


def fluxes_by_redshift(
    wavelength: Array, spectra: Array, bands: Sequence[Band], redshifts: Array
) -> Array:
    """Return `band_fluxes` at many redshifts: shape (Z, T, B), microjansky."""
    columns = np.ascontiguousarray(spectra.T)  # once: the product wants it so
    fluxes = np.empty((len(redshifts), len(spectra), len(bands)))
    for flux, redshift in zip(fluxes, redshifts, strict=True):
        flux[:] = (flux_weights(wavelength, bands, float(redshift)) @ columns).T
    return fluxes


@lru_cache(maxsize=1)
def _comoving_distance() -> CubicSpline:
    """Comoving distance in Mpc as a spline in ln(1 + z): astropy, once per node."""
    from astropy.cosmology import FlatLambdaCDM

    log_stretch = np.linspace(0.0, np.log1p(REDSHIFT_MAX), NODES)
    cosmology = FlatLambdaCDM(H0=HUBBLE_CONSTANT, Om0=MATTER_DENSITY)
    return CubicSpline(log_stretch, cosmology.comoving_distance(np.expm1(log_stretch)).value)


def luminosity_distance(redshift: npt.ArrayLike) -> Array:
    """Return luminosity distances in Mpc, to a relative 1e-8, for redshifts from 0 to 12.

    Raises ValueError outside that range.
    """
    redshift = np.asarray(redshift, float)
    if not np.all((redshift >= 0) & (redshift <= REDSHIFT_MAX)):
        raise ValueError(f"redshifts must lie between 0 and {REDSHIFT_MAX:g}")
    return np.asarray((1.0 + redshift) * _comoving_distance()(np.log1p(redshift)))


def dimming(redshift: npt.ArrayLike) -> Array:
    """Return the flux at a redshift over that at 10 pc: ``(10 pc / d_L)^2``; infinite at z = 0."""
    with np.errstate(divide="ignore"):
        return np.square(TEN_PARSEC_IN_MPC / luminosity_distance(redshift))
