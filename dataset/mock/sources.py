"""All sources of the mock COSMOS field, as the telescope would see them without noise."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.spatial import cKDTree

from transferz.dataset.mock.noise import dim, dust_map, extinction_coefficients, generator
from transferz.dataset.mock.population import (
    COSMOLOGY,
    LIMIT_MARGIN,
    Galaxies,
    PopulationParams,
    Rows,
    galaxy_fluxes,
    sample_galaxies,
)
from transferz.dataset.mock.quasars import QuasarParams, draw_redshifts, quasar_grid
from transferz.dataset.mock.sky import (
    ARCSEC,
    SkyParams,
    Window,
    clustered_positions,
    power_law_magnitudes,
)
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import HSC_BANDS, Band
from transferz.photometry.flux import to_flux, to_magnitude
from transferz.photometry.grid import BasisGrid
from transferz.photometry.stars import stellar_fluxes

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

GALAXY, STAR, ACTIVE = 0, 1, 2
"""Kinds of sources: active is a galaxy or quasar with an active nucleus."""


class StarParams(Params):
    """Section ``mock.stars``."""

    density_deg2: float = Field(ge=0.0)  # stars per square degree in the magnitude range
    # their i magnitudes; counts grow as 10^(slope i)
    magnitude_range: list[float] = Field(min_length=2, max_length=2)
    slope: float = Field(gt=0.0)
    dwarf_fraction: float = Field(ge=0.0, le=1.0)  # share of M dwarfs
    # mean (kelvin) and scatter in ln T of the M dwarfs, and of the other stars
    dwarf_temperature: list[float] = Field(min_length=2, max_length=2)
    other_temperature: list[float] = Field(min_length=2, max_length=2)


class SizeParams(Params):
    """Section ``mock.sizes``: half-light radii, lognormal about a power law in flux."""

    radius_arcsec: float = Field(gt=0.0)  # median at i = 23
    slope: float = Field(le=0.0)  # of log10 radius with magnitude; the bright are larger
    scatter_dex: float = Field(ge=0.0)  # of the radius

    def draw(self, magnitude: Floats, rng: np.random.Generator) -> Floats:
        """Draw half-light radii, arcsec, shape of `magnitude`, between 0.1 and 4."""
        log_radius = np.log10(self.radius_arcsec) + self.slope * (magnitude - 23.0)
        scattered = log_radius + rng.normal(0.0, self.scatter_dex, len(magnitude))
        return np.clip(10.0**scattered, 0.1, 4.0)


@dataclass(frozen=True, slots=True)
class Sources(Rows):
    """Sources on the sky."""

    # (N,) degrees
    ra: Floats
    dec: Floats
    redshift: Floats  # (N,) true redshift; NaN for stars
    kind: npt.NDArray[np.int64]  # (N,) `GALAXY`, `STAR` or `ACTIVE`
    xray: npt.NDArray[np.bool_]  # (N,) found by an X-ray survey
    radius: Floats  # (N,) half-light radius, arcsec; 0 for point sources
    ebv: Floats  # (N,) Milky Way E(B-V), mag
    flux: Floats  # (N, B) uJy, all of the light, behind the Milky Way's dust


@dataclass(frozen=True, slots=True)
class FieldModel:
    """What is needed to make sources: the parameter sections and the flux grids."""

    seed: int  # the mock's seed
    i_limit: float  # faintest true HSC i magnitude
    # parameter sections
    population: PopulationParams
    quasars: QuasarParams
    stars: StarParams
    sizes: SizeParams
    sky: SkyParams
    grid: BasisGrid  # galaxy fluxes in the bands wanted
    ebv: float  # mean E(B-V) of the Milky Way
    ebv_contrast: float  # its relative variation over the field

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of the fluxes, in order."""
        return self.grid.bands

    @property
    def i_band(self) -> int:
        """Column of HSC i."""
        return self.bands.index(HSC_BANDS["i"])


def observe_field(model: FieldModel, window: Window) -> Sources:
    """Make every source of a field down to the limiting magnitude, ordered by declination.

    Galaxies, active galaxies, quasars and stars; none is blended yet.
    """
    parts = [_galaxies(model, window), _quasars(model, window), _stars(model, window)]
    sources = Sources.joined(parts)
    bright = to_magnitude(sources.flux[:, model.i_band]) < model.i_limit
    sources = sources.take(bright)
    ebv = dust_map(sources.ra, sources.dec, model.ebv, model.ebv_contrast)
    flux = dim(sources.flux, ebv, extinction_coefficients(model.bands))
    return replace(sources, ebv=ebv, flux=flux).take(np.argsort(sources.dec, kind="stable"))


def _galaxies(model: FieldModel, window: Window) -> Sources:
    limit = model.i_limit + LIMIT_MARGIN
    drawn = sample_galaxies(
        model.population, window.area_deg2, limit, model.seed, "cosmos", "galaxies"
    )
    galaxies, flux = _brighter(drawn, galaxy_fluxes(drawn, model.grid), model)
    rng = generator(model.seed, "cosmos", "galaxies")
    ra, dec = clustered_positions(galaxies.redshift, window, model.sky.clustering, COSMOLOGY, rng)
    magnitude = to_magnitude(flux[:, model.i_band])
    active = rng.random(len(galaxies)) < model.quasars.active_fraction
    flux[active] += _nuclei(model, galaxies.redshift[active], magnitude[active], rng)
    return Sources(
        ra=ra,
        dec=dec,
        redshift=galaxies.redshift,
        kind=np.where(active, ACTIVE, GALAXY),
        xray=active & (rng.random(len(galaxies)) < model.quasars.xray_fraction),
        radius=model.sizes.draw(magnitude, rng),
        ebv=np.zeros(len(galaxies)),
        flux=flux,
    )


def _brighter(galaxies: Galaxies, flux: Floats, model: FieldModel) -> tuple[Galaxies, Floats]:
    bright = to_magnitude(flux[:, model.i_band]) < model.i_limit
    return galaxies.take(bright), flux[bright]


def _nuclei(
    model: FieldModel, redshift: Floats, host_magnitude: Floats, rng: np.random.Generator
) -> Floats:
    """Fluxes (N, B) of active nuclei in hosts of given HSC i magnitude."""
    mean, scatter = model.quasars.contrast_dex
    magnitude = host_magnitude - 2.5 * rng.normal(mean, scatter, len(redshift))
    ebv = rng.exponential(model.quasars.ebv_tail, len(redshift))
    return quasar_grid(model.bands).fluxes(redshift, ebv, magnitude)


def _quasars(model: FieldModel, window: Window) -> Sources:
    params, rng = model.quasars, generator(model.seed, "cosmos", "quasars")
    count = rng.poisson(params.density_deg2 * window.area_deg2)
    magnitude = power_law_magnitudes(count, params.magnitude_range, params.slope, rng)
    redshift = draw_redshifts(count, params, rng)
    ebv = rng.exponential(params.ebv_tail, count)
    ra, dec = window.positions(count, rng)
    return Sources(
        ra=ra,
        dec=dec,
        redshift=redshift,
        kind=np.full(count, ACTIVE),
        xray=rng.random(count) < params.xray_fraction,
        radius=np.zeros(count),
        ebv=np.zeros(count),
        flux=quasar_grid(model.bands).fluxes(redshift, ebv, magnitude),
    )


def _stars(model: FieldModel, window: Window) -> Sources:
    params, rng = model.stars, generator(model.seed, "cosmos", "stars")
    count = rng.poisson(params.density_deg2 * window.area_deg2)
    magnitude = power_law_magnitudes(count, params.magnitude_range, params.slope, rng)
    dwarf = rng.random(count) < params.dwarf_fraction
    mean = np.where(dwarf, params.dwarf_temperature[0], params.other_temperature[0])
    scatter = np.where(dwarf, params.dwarf_temperature[1], params.other_temperature[1])
    temperature = np.clip(mean * np.exp(rng.normal(0.0, scatter)), 2500.0, 20_000.0)
    ra, dec = window.positions(count, rng)
    return Sources(
        ra=ra,
        dec=dec,
        redshift=np.full(count, np.nan),
        kind=np.full(count, STAR),
        xray=np.zeros(count, dtype=np.bool_),
        radius=np.zeros(count),
        ebv=np.zeros(count),
        flux=stellar_fluxes(model.bands, temperature) * to_flux(magnitude)[:, None],
    )


def blend(sources: Sources, window: Window, radius_arcsec: float, i_band: int) -> Integers:
    """Find which of N sources a catalogue can't tell apart.

    A source nearer than `radius_arcsec` to a brighter one, by the flux in column `i_band`, is lost
    in it.

    Returns
    -------
    (N,) ndarray of int
        Row of the source that each one is seen as; its own where it stands alone.
    """
    tree = cKDTree(window.plane(sources.ra, sources.dec))
    pairs = tree.query_pairs(radius_arcsec * ARCSEC, output_type="ndarray")
    brightness = sources.flux[:, i_band]
    swap = brightness[pairs[:, 0]] < brightness[pairs[:, 1]]
    brighter = np.where(swap, pairs[:, 1], pairs[:, 0])
    fainter = np.where(swap, pairs[:, 0], pairs[:, 1])
    seen_as = np.arange(len(sources))
    order = np.lexsort([brighter, brightness[brighter]])  # the brightest neighbour is written last
    seen_as[fainter[order]] = brighter[order]
    while np.any(seen_as[seen_as] != seen_as):  # chains
        seen_as = seen_as[seen_as]
    return seen_as


def merge(sources: Sources, seen_as: Integers, i_band: int) -> tuple[Sources, Integers]:
    """Add up the light of sources that are seen as one, and move it to its centre.

    `seen_as` comes from `blend`; the flux in column `i_band` weighs the positions.

    Returns
    -------
    merged : Sources
        M sources with the brightest member's redshift, kind and size.
    rows : (M,) ndarray of int
        The brightest member's row in `sources`.
    """
    flux = np.zeros_like(sources.flux)
    np.add.at(flux, seen_as, sources.flux)
    weight = sources.flux[:, i_band] / flux[seen_as, i_band]
    ra, dec = sources.ra.copy(), sources.dec.copy()
    np.add.at(ra, seen_as, weight * (sources.ra - sources.ra[seen_as]))
    np.add.at(dec, seen_as, weight * (sources.dec - sources.dec[seen_as]))
    rows = np.flatnonzero(seen_as == np.arange(len(sources)))
    return replace(sources, ra=ra, dec=dec, flux=flux).take(rows), rows
