"""COSMOS2020's photometry: fluxes in apertures, their errors, and what is missing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from transferz.dataset.mock.noise import factors, generator, heavy_tailed, one_sigma
from transferz.dataset.mock.sky import MaskFlags
from transferz.dataset.mock.sources import Sources
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import Band, band
from transferz.photometry.fit import ErrorModel

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FLUX_DECIMALS = 4  # uJy; a hundredth of the deepest band's error
MAGNITUDE_DECIMALS = 4
APERTURES = {"APER2": 1.0, "APER3": 1.5}
"""Aperture name to radius, arcsec."""

AUTO_FRACTION = 0.96  # of the light in a Kron-like aperture
TOTAL_OFFSET_SCATTER = 0.02  # mag
RADIUS_SCATTER = 0.03  # of ln radius, for bright sources
PIXEL_ARCSEC = 0.15  # of COSMOS2020's mosaics


class TemplateParams(Params):
    """Section ``mock.cosmos2020.fit.templates``."""

    # number of spectra; fewer leave a larger mismatch between galaxies and templates
    count: int = Field(ge=1, le=100)
    # Calzetti colour excesses that each is tried with, mag
    ebv: list[float] = Field(min_length=1)


class TemplateFitParams(Params):
    """Section ``mock.cosmos2020.fit``."""

    templates: TemplateParams  # what is fitted
    # see `transferz.photometry.fit.ErrorModel`
    error_scale: float = Field(gt=0.0)
    optical_floor: float = Field(ge=0.0)
    infrared_floor: float = Field(ge=0.0)
    redshift_max: float = Field(gt=0.0, le=10.0)  # end of the fit's redshift grid

    @property
    def errors(self) -> ErrorModel:
        """What the fit does to the quoted errors."""
        return ErrorModel(self.error_scale, self.optical_floor, self.infrared_floor)


class Cosmos2020Params(Params):
    """Section ``mock.cosmos2020``."""

    # band to 5-sigma depth, AB, in a 2 arcsec aperture (IRAC: total); the bands of the catalogue
    depths: dict[str, float] = Field(min_length=5)
    ultradeep_gain: float = Field(ge=0.0)  # UltraVISTA's stripes are deeper by this, mag
    # depth lost from the 2 to the 3 arcsec aperture, mag
    larger_aperture_loss: float = Field(ge=0.0)
    # half-light radius of the homogenised point-spread function
    seeing_arcsec: float = Field(gt=0.0)
    zero_point_scatter: float = Field(ge=0.0)  # per band, mag
    # per band and source, mag: errors of matching point-spread functions and the like
    flux_jitter: float = Field(ge=0.0)
    noise_scale: float = Field(gt=0.0)  # true noise over quoted noise
    degrees_of_freedom: float = Field(gt=2.0)  # of the noise's Student-t tails
    # share of the values of each Suprime-Cam and IRAC band that are missing
    unobserved_fraction: float = Field(ge=0.0, lt=1.0)
    # share of sources that are not in the catalogue
    missing_fraction: float = Field(ge=0.0, lt=1.0)
    astrometric_scatter_arcsec: float = Field(ge=0.0)  # per axis
    fit: TemplateFitParams  # the template fit

    @property
    def bands(self) -> tuple[Band, ...]:
        """The catalogue's bands, in order."""
        return tuple(band(name) for name in self.depths)


@dataclass(frozen=True, slots=True)
class Photometry:
    """Aperture photometry, as catalogued: uJy, rounded, NaN where not observed."""

    # per aperture: ``APER2``, ``APER3``, ``AUTO``
    flux: dict[str, Floats]
    error: dict[str, Floats]
    total_offset: dict[str, Floats]  # aperture to total correction, mag; negative
    radius_pixels: Floats  # (N,) half-light radius as measured

    def total(self, aperture: str) -> tuple[Floats, Floats]:
        """Return total fluxes and errors (N, B): the aperture's, scaled by its offset."""
        scale = 10.0 ** (-0.4 * self.total_offset[aperture])[:, None]
        return self.flux[aperture] * scale, self.error[aperture] * scale


def zero_points(params: Cosmos2020Params, rng: np.random.Generator) -> Floats:
    """Draw the flux factors (B,) by which the catalogue's calibration is off."""
    return factors(params.zero_point_scatter, (len(params.depths),), rng)


def measure(
    sources: Sources, flags: MaskFlags, params: Cosmos2020Params, seed: int, field_seed: int
) -> Photometry:
    """Measure the photometry of N `sources` in the B bands of `params`.

    Depth and coverage of UltraVISTA depend on the sources' mask `flags`. `seed` is the tile's; the
    calibration is the whole field's, of `field_seed`.
    """
    rng = generator(seed, "cosmos2020", "photometry")
    zero_points(params, rng)  # a field of one tile has its calibration from the same stream
    bias = zero_points(params, generator(field_seed, "cosmos2020", "photometry"))
    shape = sources.flux.shape
    total = sources.flux * bias * factors(params.flux_jitter, shape, rng)
    total[_unobserved(flags, params, shape, rng)] = np.nan
    sigma = _sigma(flags, params)
    effective = np.hypot(sources.radius, params.seeing_arcsec)
    share = {name: 1.0 - 0.5 ** (radius / effective) ** 2 for name, radius in APERTURES.items()}
    share["AUTO"] = np.full(len(sources), AUTO_FRACTION)
    error = {"APER2": sigma, "APER3": sigma * 10.0 ** (0.4 * params.larger_aperture_loss)}
    error["AUTO"] = sigma * np.maximum(1.0, 2.5 * effective)[:, None]
    noise = _nested_noise(error, params, rng)
    offsets = {
        name: 2.5 * np.log10(share[name]) + rng.normal(0.0, TOTAL_OFFSET_SCATTER, len(sources))
        for name in APERTURES
    }
    signal = sources.flux / sigma
    radius = _measured_radius(effective, signal.max(axis=1), rng)
    return Photometry(
        {k: np.round(total * share[k][:, None] + noise[k], FLUX_DECIMALS) for k in error},
        {
            k: np.where(np.isnan(total), np.nan, np.round(v, FLUX_DECIMALS))
            for k, v in error.items()
        },
        {name: np.round(values, MAGNITUDE_DECIMALS) for name, values in offsets.items()},
        radius,
    )


def _measured_radius(effective: Floats, signal: Floats, rng: np.random.Generator) -> Floats:
    """FLUX_RADIUS (N,) in pixels: the fainter a source, the less certain its size."""
    scatter = RADIUS_SCATTER + 1.0 / np.maximum(signal, 2.0)
    return np.round(effective / PIXEL_ARCSEC * np.exp(scatter * rng.normal(size=len(signal))), 3)


def _sigma(flags: MaskFlags, params: Cosmos2020Params) -> Floats:
    """Quoted 1-sigma errors (N, B) in the 2 arcsec aperture, uJy."""
    sigma = np.tile(one_sigma(list(params.depths.values())), (len(flags.udeep), 1))
    vista = np.array([name.startswith("UVISTA") for name in params.depths])
    deeper = np.where(flags.udeep == 0, 10.0 ** (-0.4 * params.ultradeep_gain), 1.0)
    sigma[:, vista] *= deeper[:, None]
    return sigma


def _unobserved(
    flags: MaskFlags, params: Cosmos2020Params, shape: tuple[int, ...], rng: np.random.Generator
) -> Bools:
    """Which values (N, B) are missing."""
    names = np.array(list(params.depths))
    patchy = np.array([name.startswith(("SC_", "IRAC")) for name in names])
    vista = np.array([name.startswith("UVISTA") for name in names])
    lost = (rng.random(shape) < params.unobserved_fraction) & patchy
    return np.asarray(lost | (vista & (flags.uvista[:, None] == 1)))


def _nested_noise(
    error: dict[str, Floats], params: Cosmos2020Params, rng: np.random.Generator
) -> dict[str, Floats]:
    """True noise (N, B) per aperture; a larger aperture holds the noise of the smaller one."""
    noise: dict[str, Floats] = {}
    before = sofar = np.zeros(())
    for name, sigma in error.items():
        extra = np.sqrt(np.maximum(sigma**2 - before**2, 0.0))
        tails = heavy_tailed(sigma.shape, params.degrees_of_freedom, rng)
        sofar = sofar + params.noise_scale * extra * tails
        noise[name], before = sofar, sigma
    return noise
