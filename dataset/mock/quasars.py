"""Quasars: a composite spectrum and its band fluxes.

The composite is a power law with broad and narrow lines whose strengths are those of the SDSS
composite (Vanden Berk et al. 2001, AJ 122, 549, tables 2 and 5), plus hot dust beyond 1 micron.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pydantic import Field

from transferz.dataset.pipeline.params import Params
from transferz.photometry.absorption import attenuate
from transferz.photometry.bands import HSC_BANDS, Band
from transferz.photometry.flux import to_flux
from transferz.photometry.synthesis import band_fluxes

Floats = npt.NDArray[np.float64]

BLUE_SLOPE = -1.56  # f_lambda ~ lambda^slope, 1300-5000 angstrom
DUST_FROM, DUST_SLOPE = 10_000.0, -0.6  # hot dust lifts the near infrared (our choice)
LINES = (
    (1033.03, 9.77, 7.76),
    (1216.25, 92.91, 19.46),
    (1396.76, 8.13, 14.25),
    (1546.15, 23.78, 14.33),
    (1637.84, 5.5, 19.0),
    (1905.97, 21.19, 23.58),
    (2800.26, 32.28, 34.95),
    (4102.73, 5.05, 18.62),
    (4346.42, 12.62, 20.32),
    (4853.13, 46.21, 40.44),
    (4960.36, 3.5, 3.85),
    (5008.22, 13.23, 6.04),
    (6564.93, 194.52, 47.39),
)
"""Rest wavelength, equivalent width and Gaussian sigma of the lines, angstrom."""

REDSHIFTS = np.arange(0.0, 6.01, 0.02)
EBV = np.linspace(0.0, 0.6, 7)


class QuasarParams(Params):
    """Section ``mock.quasars``."""

    # quasars that outshine their host, per square degree, brighter than the range's end
    density_deg2: float = Field(ge=0.0)
    # of their i magnitudes; counts grow as 10^(slope i)
    magnitude_range: list[float] = Field(min_length=2, max_length=2)
    slope: float = Field(gt=0.0)
    # of their normal redshift distribution, cut to 0.3-5
    redshift_mean: float = Field(gt=0.0)
    redshift_scatter: float = Field(gt=0.0)
    # share of the other galaxies that have an active nucleus
    active_fraction: float = Field(ge=0.0, le=1.0)
    # mean and scatter of log10 of the ratio of nucleus to host in HSC i
    contrast_dex: list[float] = Field(min_length=2, max_length=2)
    # mean of the exponential colour excess of a nucleus (SMC-like law), mag
    ebv_tail: float = Field(ge=0.0, le=0.2)
    # share of active galaxies and quasars that an X-ray survey finds
    xray_fraction: float = Field(ge=0.0, le=1.0)


def composite_spectrum() -> tuple[Floats, Floats]:
    """Return rest wavelength (L,), angstrom, and f_lambda (L,) of arbitrary normalisation."""
    wavelength = np.geomspace(300.0, 60_000.0, 6000)
    continuum = (wavelength / 3000.0) ** BLUE_SLOPE
    dust = (wavelength / DUST_FROM) ** (DUST_SLOPE - BLUE_SLOPE)
    spectrum = continuum * np.where(wavelength > DUST_FROM, dust, 1.0)
    for centre, width, sigma in LINES:
        offset = (wavelength - centre) / sigma
        spectrum += (
            (centre / 3000.0) ** BLUE_SLOPE
            * width
            / (np.sqrt(2 * np.pi) * sigma)
            * np.exp(-0.5 * offset**2)
        )
    return wavelength, spectrum


class QuasarGrid:
    """Band fluxes of the composite on a grid of redshift and E(B-V), 1 uJy in HSC i.

    Parameters
    ----------
    bands : sequence of Band
        B bands.
    """

    def __init__(self, bands: Sequence[Band]) -> None:
        self.bands = tuple(bands)
        wavelength, spectrum = composite_spectrum()
        dusty = np.array([spectrum * attenuate("smc", wavelength, ebv) for ebv in EBV])
        fluxes = np.array(
            [band_fluxes(wavelength, dusty, (*bands, HSC_BANDS["i"]), z) for z in REDSHIFTS]
        )
        self._fluxes = fluxes[..., :-1] / fluxes[..., -1:]  # (Z, E, B)

    def fluxes(self, redshift: Floats, ebv: Floats, magnitude_i: Floats) -> Floats:
        """Return fluxes (N, B), uJy, of quasars (N,) of given HSC i magnitude.

        Interpolates linearly in redshift and E(B-V); both are clipped to the grid.
        """
        z, e = redshift / (REDSHIFTS[1] - REDSHIFTS[0]), ebv / (EBV[1] - EBV[0])
        iz = np.clip(z.astype(int), 0, len(REDSHIFTS) - 2)
        ie = np.clip(e.astype(int), 0, len(EBV) - 2)
        wz, we = np.clip(z - iz, 0.0, 1.0)[:, None], np.clip(e - ie, 0.0, 1.0)[:, None]
        grid = self._fluxes
        low = (1 - we) * grid[iz, ie] + we * grid[iz, ie + 1]
        high = (1 - we) * grid[iz + 1, ie] + we * grid[iz + 1, ie + 1]
        unit = (1 - wz) * low + wz * high
        return unit * to_flux(magnitude_i)[:, None]


@lru_cache(maxsize=4)
def quasar_grid(bands: tuple[Band, ...]) -> QuasarGrid:
    """Return the grid of `bands`; computed once."""
    return QuasarGrid(bands)


def draw_redshifts(count: int, params: QuasarParams, rng: np.random.Generator) -> Floats:
    """Draw quasar redshifts (count,) between 0.3 and 5."""
    drawn = rng.normal(params.redshift_mean, params.redshift_scatter, count)
    return np.where((drawn > 0.3) & (drawn < 5.0), drawn, rng.uniform(0.3, 3.0, count))
