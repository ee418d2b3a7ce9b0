"""Chance: a generator per purpose, and what measuring does to a flux.

Heavy-tailed noise, calibration errors, the dust of the Milky Way.
"""

import contextlib
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from transferz.photometry.bands import Band, effective_wavelength
from transferz.photometry.flux import to_flux

Floats = npt.NDArray[np.float64]

MILKY_WAY_RV = 3.1
DUST_MAP_PERIOD = 0.7  # degrees; of the waves that make up the E(B-V) map


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a generator (PCG64) of its own for a named purpose, as in ``("hsc", "noise")``.

    Streams of different names are independent, so that a change in how one part of the mock draws
    its numbers leaves the other parts as they were.
    """
    return np.random.default_rng([seed, crc32("/".join(purpose).encode())])


@contextlib.contextmanager
def global_seed(seed: int, *purpose: str) -> Iterator[None]:
    """Seed numpy's global generator inside the block and put its state back afterwards.

    SkyPy draws from ``np.random``; nothing else in this package does.
    """
    state = np.random.get_state()  # noqa: NPY002 (SkyPy's own source of numbers)
    np.random.seed(generator(seed, *purpose).integers(2**32))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def one_sigma(depth: npt.ArrayLike, sigmas: float = 5.0) -> Floats:
    """Return the 1-sigma flux error, uJy, that goes with a limiting AB magnitude at `sigmas`."""
    return to_flux(depth) / sigmas


def heavy_tailed(
    shape: tuple[int, ...], degrees_of_freedom: float, rng: np.random.Generator
) -> Floats:
    """Draw Student-t deviates scaled to unit variance (`degrees_of_freedom` > 2)."""
    scale = np.sqrt((degrees_of_freedom - 2.0) / degrees_of_freedom)
    return np.asarray(rng.standard_t(degrees_of_freedom, shape) * scale)


def factors(scatter_mag: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw flux factors whose scatter is normal in magnitudes."""
    return 10.0 ** (-0.4 * rng.normal(0.0, scatter_mag, shape))


def extinction_coefficients(bands: Sequence[Band]) -> Floats:
    """Return A / E(B-V) of the Milky Way in each band, shape (B,).

    The law of Cardelli, Clayton & Mathis (1989) with R_V = 3.1 at the band's effective wavelength;
    it meets the values that go with COSMOS2020's HSC bands to 1 %. Zero beyond 3.3 micron, where
    the law ends.
    """
    from sedpy.attenuation import cardelli

    wavelength = np.array([effective_wavelength(band) for band in bands])
    return np.asarray(cardelli(wavelength, tau_v=MILKY_WAY_RV, R_v=MILKY_WAY_RV))


def dust_map(ra: Floats, dec: Floats, mean: float, contrast: float) -> Floats:
    """Return a smooth E(B-V) at positions (N,), mag: `mean` x (1 +- `contrast`)."""
    wave = 2 * np.pi / DUST_MAP_PERIOD
    ripple = np.sin(wave * (ra + 0.6 * dec)) + np.sin(wave * (1.7 * dec - 0.4 * ra))
    return np.asarray(mean * (1.0 + 0.5 * contrast * ripple))


def dim(flux: Floats, ebv: Floats, coefficients: Floats) -> Floats:
    """Return fluxes (N, B) behind the Milky Way's dust: E(B-V) (N,), A / E(B-V) (B,)."""
    return np.asarray(flux * 10.0 ** (-0.4 * ebv[:, None] * coefficients))
