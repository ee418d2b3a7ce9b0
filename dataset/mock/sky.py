"""Where the objects lie: the COSMOS window, clustered positions, bright stars and their masks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.cosmology import FlatLambdaCDM
from pydantic import Field
from scipy.spatial import cKDTree

from transferz.dataset.pipeline.params import Params

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ARCSEC = 1.0 / 3600.0  # degrees
COSMOS_RA, COSMOS_DEC = (149.397, 150.786), (1.603, 2.816)
"""Extent of COSMOS2020 FARMER, degrees."""


class ClusteringParams(Params):
    """Section ``mock.sky.clustering``: a Neyman-Scott process in redshift order."""

    # share of galaxies placed around another one of nearly the same redshift
    satellite_fraction: float = Field(ge=0.0, lt=1.0)
    # median comoving dispersion of satellites about their centre, per axis
    radius_mpc: float = Field(gt=0.0)
    # of its logarithm: a mixture of dispersions falls off like a power law
    radius_scatter: float = Field(ge=0.0, le=2.0)
    # satellites choose a centre with probability ~ rank^-slope; larger: richer groups
    richness_slope: float = Field(ge=0.0)
    # how many galaxies, next in redshift, a satellite chooses its centre among
    neighbours: int = Field(ge=1)


class MaskParams(Params):
    """Section ``mock.sky.masks``: discs about bright stars and the edge of UltraVISTA."""

    star_density: float = Field(ge=0.0)  # masked stars per square degree
    # their brightest and faintest i magnitude; counts grow as 10^(0.25 i)
    magnitude_range: list[float] = Field(min_length=2, max_length=2)
    radius_arcsec: float = Field(gt=0.0)  # HSC mask radius at the faintest of them
    radius_slope: float = Field(ge=0.0)  # log10 of the radius grows by this much per magnitude
    # radius of those masks over that of HSC
    supcam_scale: float = Field(gt=0.0)
    uvista_scale: float = Field(gt=0.0)
    # share of the window, at its eastern edge, that UltraVISTA did not observe
    uvista_edge_fraction: float = Field(ge=0.0, lt=1.0)
    # number of ultra-deep UltraVISTA stripes over the window; as many deep ones lie between
    deep_stripes: int = Field(ge=1)


class SkyParams(Params):
    """Section ``mock.sky``."""

    # RA and Dec of the window's centre, degrees
    centre: list[float] = Field(min_length=2, max_length=2)
    clustering: ClusteringParams  # of the galaxies
    masks: MaskParams  # of the COSMOS2020 catalogue


@dataclass(frozen=True, slots=True)
class Window:
    """A patch of sky between two meridians and two parallels."""

    # degrees; `ra_max` exceeds 360 where the patch crosses RA 0
    ra_min: float
    ra_max: float
    # degrees
    dec_min: float
    dec_max: float

    @property
    def cos_dec(self) -> float:
        """Cosine of the middle declination."""
        return float(np.cos(np.radians((self.dec_min + self.dec_max) / 2)))

    @property
    def area_deg2(self) -> float:
        """Area on the sphere, square degrees."""
        sines = np.sin(np.radians([self.dec_min, self.dec_max]))
        return float((self.ra_max - self.ra_min) * np.degrees(sines[1] - sines[0]))

    def positions(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return `count` positions of constant density: RA (not wrapped), Dec, degrees."""
        sines = np.sin(np.radians([self.dec_min, self.dec_max]))
        ra = rng.uniform(self.ra_min, self.ra_max, count)
        return ra, np.degrees(np.arcsin(rng.uniform(sines[0], sines[1], count)))

    def fold(self, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        """Bring positions that left the window back in at the opposite edge."""
        width, height = self.ra_max - self.ra_min, self.dec_max - self.dec_min
        folded_ra = self.ra_min + np.mod(ra - self.ra_min, width)
        return folded_ra, self.dec_min + np.mod(dec - self.dec_min, height)

    def plane(self, ra: Floats, dec: Floats) -> Floats:
        """Return tangent-plane coordinates (N, 2), degrees; good to 1e-4 over a degree."""
        return np.column_stack([(ra - self.ra_min) * self.cos_dec, dec - self.dec_min])


def cosmos_window(centre: list[float], area_deg2: float) -> Window:
    """Return a window about `centre`: a square, or a wider one where the field is not so high.

    Raises
    ------
    ValueError
        If it does not lie within the COSMOS field.
    """
    side = np.sqrt(area_deg2) / 2
    half = min(side, COSMOS_DEC[1] - centre[1], centre[1] - COSMOS_DEC[0])
    half_ra = side * (side / half) / np.cos(np.radians(centre[1]))
    window = Window(centre[0] - half_ra, centre[0] + half_ra, centre[1] - half, centre[1] + half)
    inside = (
        COSMOS_RA[0] <= window.ra_min
        and window.ra_max <= COSMOS_RA[1]
        and COSMOS_DEC[0] <= window.dec_min
        and window.dec_max <= COSMOS_DEC[1]
    )
    if not inside:
        raise ValueError(
            f"a window of {area_deg2:g} deg2 about RA {centre[0]:g}, Dec {centre[1]:g} leaves the "
            f"COSMOS field (RA {COSMOS_RA[0]}-{COSMOS_RA[1]}, Dec {COSMOS_DEC[0]}-{COSMOS_DEC[1]})"
        )
    return window


def clustered_positions(
    redshift: Floats,
    window: Window,
    params: ClusteringParams,
    cosmology: FlatLambdaCDM,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Place galaxies so that those of like redshift sit together: RA and Dec (N,), degrees.

    A share of the galaxies are satellites: each picks a centre among the galaxies next to it in
    redshift, preferring those of high random rank, and lies about it with a normal scatter of
    given comoving size (after Neyman & Scott 1952; the numbers are our choice). What leaves the
    window comes in at the opposite edge.
    """
    count = len(redshift)
    ra, dec = window.positions(count, rng)
    order = np.argsort(redshift, kind="stable")
    satellite = rng.random(count) < params.satellite_fraction
    centres, satellites = order[~satellite], order[satellite]
    if not len(centres) or not len(satellites):
        return ra, dec
    chosen = centres[_choose_centres(redshift, centres, satellites, params, rng)]
    scatter = _angular_size(redshift[chosen], params.radius_mpc, cosmology)
    scatter *= np.exp(params.radius_scatter * rng.normal(size=len(satellites)))
    ra[satellites] = ra[chosen] + rng.normal(0.0, scatter) / window.cos_dec
    dec[satellites] = dec[chosen] + rng.normal(0.0, scatter)
    return window.fold(ra, dec)


def _choose_centres(
    redshift: Floats,
    centres: npt.NDArray[np.intp],
    satellites: npt.NDArray[np.intp],
    params: ClusteringParams,
    rng: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """Index into `centres` for each satellite: blocks of neighbours in redshift, ranked at random.

    Within a block the centre of rank k is chosen with probability ~ (k + 1)^-slope.
    """
    block = min(params.neighbours, len(centres))
    nearest = np.searchsorted(redshift[centres], redshift[satellites])
    start = np.minimum(nearest // block * block, len(centres) - block)
    weights = (1.0 + np.arange(block)) ** -params.richness_slope
    rank = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(len(satellites)))
    return start + np.minimum(rank, block - 1)


def _angular_size(redshift: Floats, size_mpc: float, cosmology: FlatLambdaCDM) -> Floats:
    """Angle of a comoving length, degrees; interpolated on a redshift grid."""
    grid = np.linspace(0.01, max(0.02, float(redshift.max())), 400)
    distance = cosmology.comoving_distance(grid).to_value("Mpc")
    return np.degrees(size_mpc / np.interp(redshift, grid, distance))


@dataclass(frozen=True, slots=True)
class BrightStars:
    """Stars bright enough to spoil their surroundings."""

    # (K,) degrees
    ra: Floats
    dec: Floats
    magnitude: Floats  # (K,) i magnitude
    radius: Floats  # (K,) HSC mask radius, degrees

    def cover(self, ra: Floats, dec: Floats, window: Window, scale: float = 1.0) -> Bools:
        """Say which positions lie within `scale` times a star's mask radius."""
        covered = np.zeros(len(ra), dtype=np.bool_)
        tree = cKDTree(window.plane(ra, dec))
        discs = tree.query_ball_point(window.plane(self.ra, self.dec), scale * self.radius)
        for inside in discs:
            covered[inside] = True
        return covered


def bright_stars(window: Window, params: MaskParams, rng: np.random.Generator) -> BrightStars:
    """Draw the stars that are masked: at least one, so that a small window has a mask too."""
    count = max(1, rng.poisson(params.star_density * window.area_deg2))
    ra, dec = window.positions(count, rng)
    magnitude = power_law_magnitudes(count, params.magnitude_range, 0.25, rng)
    growth = params.radius_slope * (params.magnitude_range[1] - magnitude)
    return BrightStars(ra, dec, magnitude, params.radius_arcsec * ARCSEC * 10.0**growth)


def power_law_magnitudes(
    count: int, limits: list[float], slope: float, rng: np.random.Generator
) -> Floats:
    """Draw magnitudes (count,) between two limits from counts that grow as 10^(slope m)."""
    ends = 10.0 ** (slope * np.asarray(limits))
    return np.asarray(np.log10(rng.uniform(ends[0], ends[1], count)) / slope)


@dataclass(frozen=True, slots=True)
class MaskFlags:
    """COSMOS2020's mask flags; 0 is clean."""

    # (N,) 1 where the named data are spoilt; combined: any of the three
    hsc: npt.NDArray[np.int16]
    supcam: npt.NDArray[np.int16]
    uvista: npt.NDArray[np.int16]
    combined: npt.NDArray[np.int16]
    udeep: npt.NDArray[np.int16]  # (N,) 1 outside UltraVISTA's ultra-deep stripes


def mask_flags(
    ra: Floats, dec: Floats, window: Window, stars: BrightStars, params: MaskParams
) -> MaskFlags:
    """Work out the mask flags at positions (N,), degrees."""
    across = (ra - window.ra_min) / (window.ra_max - window.ra_min)
    hsc = stars.cover(ra, dec, window)
    supcam = stars.cover(ra, dec, window, params.supcam_scale)
    near_star = stars.cover(ra, dec, window, params.uvista_scale)
    uvista = near_star | (across > 1.0 - params.uvista_edge_fraction)
    deep = np.floor(across * 2 * params.deep_stripes) % 2 == 1
    flags = (hsc, supcam, uvista, hsc | supcam | uvista, deep)
    return MaskFlags(*(flag.astype(np.int16) for flag in flags))
