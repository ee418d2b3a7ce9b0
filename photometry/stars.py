"""Schematic stellar spectra: Planck curves with the broadest features of real stars.

No library in use ships a stellar library, so these are our choice: the Balmer jump, metal lines
that eat the blue, titanium oxide and water bands, the H- opacity minimum at 1.6 micron. Their
strengths were set by eye to the colours of the Sun, of Vega and of SDSS M dwarfs, which they meet
to one or two tenths of a magnitude. They tell stars from galaxies; they measure no star.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from transferz.photometry.bands import HSC_BANDS, Band
from transferz.photometry.synthesis import band_fluxes

Array = npt.NDArray[np.float64]

TEMPERATURES = np.geomspace(2400.0, 30_000.0, 64)
METALLICITIES = (0.35, 1.0, 1.3)
"""Strength of the metal features relative to the Sun's neighbourhood: halo, disc, metal-rich."""

WAVELENGTH = np.geomspace(1500.0, 60_000.0, 4000)
SECOND_RADIATION_CONSTANT = 1.438777e8  # angstrom kelvin

TITANIUM_OXIDE = (
    # centre and width (angstrom), depth in magnitudes at full strength
    (3700.0, 350.0, 2.0),
    (4400.0, 300.0, 1.2),
    (4955.0, 200.0, 1.5),
    (5450.0, 250.0, 1.6),
    (5900.0, 160.0, 1.6),
    (6200.0, 180.0, 1.8),
    (6700.0, 180.0, 1.7),
    (7120.0, 150.0, 1.0),
    (7660.0, 180.0, 0.4),
    (8450.0, 130.0, 0.3),
)
WATER = (
    (11_400.0, 350.0, 0.1),
    (14_300.0, 800.0, 0.6),
    (17_500.0, 900.0, 0.35),
    (19_200.0, 900.0, 0.6),
    (27_000.0, 2500.0, 0.8),
)
METAL_LINES = 0.6
"""Magnitudes of blanketing at 2,900 angstrom in the Sun."""


@dataclass(frozen=True, slots=True)
class StellarTemplates:
    """Stellar spectra."""

    # (S,) effective temperature in kelvin; each metallicity's sequence in turn
    temperature: Array
    metallicity: Array  # (S,) strength of the metal features
    wavelength: Array  # (L,) angstrom, uniform in its logarithm
    spectrum: Array  # (S, L) f_lambda, arbitrary normalisation


def _bell(wavelength: Array, centre: float, width: float) -> Array:
    return np.exp(-0.5 * ((wavelength - centre) / width) ** 2)


def _bands(wavelength: Array, table: Sequence[tuple[float, float, float]]) -> Array:
    """Absorption in magnitudes of a table of molecular bands at full strength."""
    return np.sum(
        [depth * _bell(wavelength, centre, width) for centre, width, depth in table], axis=0
    )


def _balmer_strength(temperature: float) -> float:
    """Strength of neutral hydrogen's continuum features, 1 in an A0 star."""
    return float(np.exp(-((np.log(temperature / 9600.0) / 0.35) ** 2)))


def _absorption(temperature: float, metallicity: float, wavelength: Array) -> Array:
    """Departure from the Planck curve in magnitudes: positive absorbs."""
    metals = metallicity * METAL_LINES * np.clip((9000.0 - temperature) / 3200.0, 0.0, 1.5)
    blanketing = metals * np.clip(5600.0 / wavelength - 1.0, 0.0, 0.9) ** 1.1
    jump = 1.35 * _balmer_strength(temperature) * expit((3750.0 - wavelength) / 60.0)
    oxide = metallicity**0.3 * np.clip((4150.0 - temperature) / 1200.0, 0.0, 1.3)
    water = np.clip((3900.0 - temperature) / 1200.0, 0.0, 1.0)
    bump = 0.2 * np.clip((7500.0 - temperature) / 3000.0, 0.0, 0.7)
    return np.asarray(
        blanketing
        + jump
        + oxide * _bands(wavelength, TITANIUM_OXIDE)
        + water * _bands(wavelength, WATER)
        - bump * _bell(wavelength, 16_500.0, 2500.0)
    )


def stellar_spectrum(temperature: float, metallicity: float = 1.0) -> Array:
    """Return f_lambda (L,) on `WAVELENGTH` of a star of some kelvin; arbitrary normalisation.

    `metallicity` is the strength of the metal features; 1 for the Sun's neighbourhood.
    """
    # The Paschen continuum of A and F stars is as blue as a Planck curve half as hot again.
    colour_temperature = temperature * (1.0 + 0.45 * _balmer_strength(temperature))
    planck = WAVELENGTH**-5.0 / np.expm1(
        SECOND_RADIATION_CONSTANT / (WAVELENGTH * colour_temperature)
    )
    planck /= planck.max()
    return planck * 10.0 ** (-0.4 * _absorption(temperature, metallicity, WAVELENGTH))


@lru_cache(maxsize=1)
def stellar_templates() -> StellarTemplates:
    """Return star templates: 64 temperatures from 2,400 to 30,000 K at three metallicities."""
    pairs = [(t, m) for m in METALLICITIES for t in TEMPERATURES]
    return StellarTemplates(
        temperature=np.array([t for t, _ in pairs]),
        metallicity=np.array([m for _, m in pairs]),
        wavelength=WAVELENGTH,
        spectrum=np.stack([stellar_spectrum(t, m) for t, m in pairs]),
    )


def stellar_fluxes(bands: Sequence[Band], temperature: npt.ArrayLike | None = None) -> Array:
    """Return fluxes (N, B) of stars, in microjansky, with 1 microjansky in HSC i.

    Of stars of the Sun's neighbourhood with effective `temperature` (N,), 2,400 to 30,000 K,
    interpolated between templates, or of every template. Raises ValueError outside that range.
    """
    templates = stellar_templates()
    flux = band_fluxes(templates.wavelength, templates.spectrum, [*bands, HSC_BANDS["i"]])
    flux = flux[:, :-1] / flux[:, -1:]
    if temperature is None:
        return flux
    temperature = np.asarray(temperature, float)
    if not np.all((temperature >= TEMPERATURES[0]) & (temperature <= TEMPERATURES[-1])):
        raise ValueError(
            f"temperatures must lie between {TEMPERATURES[0]:g} and {TEMPERATURES[-1]:g} K"
        )
    disc = np.log(flux[templates.metallicity == 1.0])
    position = np.interp(np.log(temperature), np.log(TEMPERATURES), np.arange(TEMPERATURES.size))
    below = np.minimum(position.astype(int), TEMPERATURES.size - 2)
    fraction = (position - below)[:, None]
    return np.exp((1.0 - fraction) * disc[below] + fraction * disc[below + 1])
