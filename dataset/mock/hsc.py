"""The mock's HSC photometry: cModel magnitudes, flags and detections of its own."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from transferz.dataset.mock.noise import (
    extinction_coefficients,
    factors,
    generator,
    heavy_tailed,
    one_sigma,
)
from transferz.dataset.mock.sky import ARCSEC, BrightStars, Window
from transferz.dataset.mock.sources import STAR, Sources
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import HSC_BANDS
from transferz.photometry.flux import magnitude_error, to_flux, to_magnitude
from transferz.schemas import BANDS, HSC, error_name, magnitude_name
from transferz.schemas.survey.paper import PIXEL_FLAGS

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

I_BAND = BANDS.index("i")
MAGNITUDE_DECIMALS = 4
POSITION_DECIMALS = 7
TRACT_SHIFT, PATCH_SHIFT = 42, 32  # of an object id: tract, patch and running number
PATCHES = 9  # a tract has 9 x 9 patches


class HscParams(Params):
    """Section ``mock.hsc``."""

    depths: dict[str, float]  # band to 5-sigma depth, AB
    detection_sigmas: float = Field(gt=0.0)  # least signal to noise in i
    noise_scale: float = Field(gt=0.0)  # true noise over quoted noise
    # log10 of the noise grows by this per magnitude brighter than 24 (larger galaxies), up to
    # `growth_max`
    growth_per_mag: float = Field(ge=0.0)
    growth_max: float = Field(ge=1.0)
    degrees_of_freedom: float = Field(gt=2.0)  # of the noise's Student-t tails
    # errors of each band of a source, of all its bands together, and of a band in a field, mag
    flux_jitter: float = Field(ge=0.0)
    common_jitter: float = Field(ge=0.0)
    zero_point_scatter: float = Field(ge=0.0)
    # systematic offset of HSC from COSMOS2020 in RA and Dec
    offset_arcsec: list[float] = Field(min_length=2, max_length=2)
    # per axis for bright sources; fainter ones have it grow as noise over flux
    astrometric_scatter_arcsec: float = Field(ge=0.0)
    blend_arcsec: float = Field(ge=0.0)  # pairs nearer than this are one HSC source
    # sources lost; sources that a second, non-primary detection repeats; false detections
    missing_fraction: float = Field(ge=0.0, lt=1.0)
    duplicate_fraction: float = Field(ge=0.0, lt=1.0)
    junk_fraction: float = Field(ge=0.0, lt=1.0)
    # share of failed cModel fits per band, and of each pixel flag per band
    failed_fraction: float = Field(ge=0.0, lt=1.0)
    flagged_fraction: float = Field(ge=0.0, lt=1.0)
    # number per square degree and radius of spots with fewer than three visits in a band
    shallow_spots_deg2: float = Field(ge=0.0)
    shallow_radius_arcsec: float = Field(ge=0.0)


@dataclass(frozen=True, slots=True)
class CModel:
    """cModel photometry in grizy as catalogued: NaN where the flux is not positive."""

    # (N, 5) AB mag and its quoted 1-sigma error
    magnitude: Floats
    sigma: Floats
    detected: Bools  # (N,) bright enough in i
    scatter_arcsec: Floats  # (N,) 1-sigma position error per axis

    def columns(self) -> dict[str, Floats]:
        """Return the columns of the schema, each (N,)."""
        table = {magnitude_name(b): self.magnitude[:, k] for k, b in enumerate(BANDS)}
        return table | {error_name(b): self.sigma[:, k] for k, b in enumerate(BANDS)}


def zero_points(params: HscParams, rng: np.random.Generator) -> Floats:
    """Draw the flux factors (5,) by which a field's calibration is off."""
    return factors(params.zero_point_scatter, (len(BANDS),), rng)


def measure(
    flux: Floats, params: HscParams, calibration: Floats, rng: np.random.Generator
) -> CModel:
    """Measure cModel photometry of total grizy fluxes (N, 5) behind the Milky Way's dust, uJy.

    `calibration`, (5,) or (N, 5), comes from `zero_points`.
    """
    sigma = one_sigma([params.depths[band] for band in BANDS])
    size = 10.0 ** (params.growth_per_mag * (24.0 - to_magnitude(flux[:, I_BAND])))
    quoted = sigma * np.clip(size, 1.0, params.growth_max)[:, None]
    jitter = factors(params.flux_jitter, flux.shape, rng)
    common = factors(params.common_jitter, (len(flux), 1), rng)
    tails = heavy_tailed(flux.shape, params.degrees_of_freedom, rng)
    measured = flux * calibration * jitter * common + params.noise_scale * quoted * tails
    signal = measured[:, I_BAND] / quoted[:, I_BAND]
    scatter = np.hypot(params.astrometric_scatter_arcsec, 0.3 / np.maximum(signal, 1.0))
    return CModel(
        np.round(to_magnitude(measured), MAGNITUDE_DECIMALS),
        np.round(magnitude_error(measured, quoted), MAGNITUDE_DECIMALS),
        signal > params.detection_sigmas,
        scatter,
    )


@dataclass(frozen=True, slots=True)
class HscField:
    """The HSC table of the COSMOS field, or of a tile of it."""

    # columns of `transferz.schemas.HSC` under their upstream names, and extinctions ``a_<band>``
    table: pd.DataFrame
    # (N,) row of each object in the sources; -1 for false detections
    source: npt.NDArray[np.intp]


def observe(
    sources: Sources,
    flux: Floats,
    window: Window,
    stars: BrightStars,
    params: HscParams,
    tract: int,
    seed: int,
    field_seed: int,
) -> HscField:
    """Make the HSC table of a tile of the COSMOS field from N sources as HSC resolves them.

    `flux` (N, 5) are their grizy fluxes, uJy; the surroundings of bright `stars` are flagged; the
    `tract`, or the next for a second detection, is part of every object id. `seed` is the tile's;
    the calibration is the whole field's, of `field_seed`.
    """
    rng = generator(seed, "hsc", "photometry")
    zero_points(params, rng)  # a field of one tile has its calibration from the same stream
    calibration = zero_points(params, generator(field_seed, "hsc", "photometry"))
    photometry = measure(flux, params, calibration, rng)
    seen = photometry.detected & (rng.random(len(sources)) >= params.missing_fraction)
    table = pd.DataFrame(photometry.columns())
    ra, dec = _astrometry(sources, photometry, params, rng)
    table = table.assign(ra=ra, dec=dec, i_extendedness_value=_extendedness(sources, flux, rng))
    ebv = sources.ebv[:, None] * extinction_coefficients(list(HSC_BANDS.values()))
    table[[f"a_{band}" for band in BANDS]] = np.round(ebv, 4)
    table["source"] = np.arange(len(sources))
    rows = pd.concat(
        [
            table[seen].assign(isprimary=True),
            _duplicates(table[seen], params, rng),
            _junk(table[seen], window, params, rng),
        ],
        ignore_index=True,
    )
    rows = rows.assign(**_flags(rows, window, stars, params, generator(seed, "hsc", "flags")))
    second = tract + 1 * ~rows["isprimary"].to_numpy()  # the overlapping tract's detection
    rows["object_id"] = object_ids(second, rows["ra"].to_numpy(), rows["dec"].to_numpy(), window)
    rows = rows.sort_values("object_id", ignore_index=True)
    extinctions = [f"a_{band}" for band in BANDS]
    names = [column.upstream[0] for column in HSC]
    return HscField(rows[[*names, *extinctions]], rows["source"].to_numpy(np.intp))


def object_ids(
    tract: int | npt.NDArray[np.int64],
    ra: npt.NDArray[np.float64],
    dec: npt.NDArray[np.float64],
    window: Window,
) -> npt.NDArray[np.int64]:
    """Return an id (N,) for each object, packed as HSC packs them; they differ within a tract.

    Positions are in degrees; the tract's patches divide the `window`.
    """
    across = (ra - window.ra_min) / (window.ra_max - window.ra_min)
    along = (dec - window.dec_min) / (window.dec_max - window.dec_min)
    cells = [np.clip((PATCHES * x).astype(np.int64), 0, PATCHES - 1) for x in (across, along)]
    high = (np.asarray(tract, np.int64) << TRACT_SHIFT) + (
        (cells[0] * PATCHES + cells[1]) << PATCH_SHIFT
    )
    order = np.lexsort([ra, dec, high])
    starts = np.flatnonzero(np.diff(high[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order)) - np.repeat(starts, counts)
    return np.asarray(high + number + 1)


def _astrometry(
    sources: Sources, photometry: CModel, params: HscParams, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Positions (N,) as measured: scatter and a systematic offset, degrees."""
    scatter = rng.normal(0.0, photometry.scatter_arcsec, (2, len(sources)))
    shift = (scatter + np.array(params.offset_arcsec)[:, None]) * ARCSEC
    ra = sources.ra + shift[0] / np.cos(np.radians(sources.dec))
    return np.round(ra, POSITION_DECIMALS), np.round(sources.dec + shift[1], POSITION_DECIMALS)


def _extendedness(sources: Sources, flux: Floats, rng: np.random.Generator) -> Floats:
    """1 for extended, 0 for point sources; the classes mix beyond i of about 24."""
    magnitude = to_magnitude(flux[:, I_BAND])
    error = 0.5 / (1.0 + np.exp(-2.5 * (magnitude - 25.0)))
    point = (sources.kind == STAR) | (sources.radius < 0.15)
    mistaken = rng.random(len(sources)) < np.where(point, error, 0.2 * error)
    return np.where(point ^ mistaken, 0.0, 1.0)


def _duplicates(seen: pd.DataFrame, params: HscParams, rng: np.random.Generator) -> pd.DataFrame:
    """Second detections of some sources where tracts overlap: slightly other values."""
    again = seen[rng.random(len(seen)) < params.duplicate_fraction].copy()
    for band in BANDS:
        change = rng.normal(0.0, 0.3, len(again)) * again[error_name(band)]
        again[magnitude_name(band)] = np.round(again[magnitude_name(band)] + change, 4)
    shift = rng.normal(0.0, 0.02 * ARCSEC, (2, len(again)))
    moved = {"ra": np.round(again["ra"] + shift[0], 7), "dec": np.round(again["dec"] + shift[1], 7)}
    return again.assign(isprimary=False, **moved)


def _junk(
    seen: pd.DataFrame, window: Window, params: HscParams, rng: np.random.Generator
) -> pd.DataFrame:
    """False detections: satellite trails, haloes of stars; photometry of nothing."""
    count = rng.poisson(params.junk_fraction * len(seen))
    ra, dec = window.positions(count, rng)
    magnitude = rng.uniform(22.0, 26.0, (count, 1)) + rng.normal(0.0, 0.8, (count, len(BANDS)))
    sigma = one_sigma([params.depths[band] for band in BANDS])
    error = np.round(magnitude_error(to_flux(magnitude), sigma), MAGNITUDE_DECIMALS)
    photometry = CModel(np.round(magnitude, 4), error, np.ones(count, bool), np.zeros(count))
    extinctions = {f"a_{band}": seen[f"a_{band}"].median() for band in BANDS}
    return pd.DataFrame(photometry.columns()).assign(
        ra=np.round(ra, POSITION_DECIMALS),
        dec=np.round(dec, POSITION_DECIMALS),
        i_extendedness_value=1.0,
        isprimary=True,
        source=-1,
        **extinctions,
    )


def _flags(
    rows: pd.DataFrame,
    window: Window,
    stars: BrightStars,
    params: HscParams,
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.generic]]:
    """Visits, failed fits and pixel flags of each band, each (N,)."""
    ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    halo, centre = stars.cover(ra, dec, window), stars.cover(ra, dec, window, 0.3)
    edge = np.zeros(len(rows), dtype=np.bool_)
    certain = {"bright_object": halo, "bright_objectcenter": centre, "edge": edge}
    flags: dict[str, npt.NDArray[np.generic]] = {}
    for band in BANDS:
        flags[f"{band}_inputcount_value"] = _visits(ra, dec, window, params, rng)
        flags[f"{band}_cmodel_flag"] = rng.random(len(rows)) < params.failed_fraction
        for flag in PIXEL_FLAGS:
            by_chance = rng.random(len(rows)) < params.flagged_fraction
            flags[f"{band}_pixelflags_{flag}"] = certain.get(flag, edge) | by_chance
    return flags


def _visits(
    ra: Floats, dec: Floats, window: Window, params: HscParams, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Number of visits (N,) in one band: a pointing pattern with a few shallow spots."""
    spots = rng.poisson(params.shallow_spots_deg2 * window.area_deg2)
    centres = window.positions(spots, rng)
    radius = np.full(spots, params.shallow_radius_arcsec * ARCSEC)
    shallow = BrightStars(*centres, np.zeros(spots), radius).cover(ra, dec, window)
    pointing = 4 + np.floor(3 * np.mod(7.0 * ra + 5.0 * dec, 1.0)).astype(np.int64)
    return np.where(shallow, 2, pointing)
