"""Galaxies and quasars with known redshift: luminosity functions, spectra and dust."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import astropy.units as u
import numpy as np
import numpy.typing as npt
from astropy.cosmology import FlatLambdaCDM
from pydantic import Field, model_validator

from transferz.dataset.mock.noise import generator, global_seed
from transferz.dataset.pipeline.params import Params
from transferz.photometry.absorption import DUST_LAWS
from transferz.photometry.bands import Band
from transferz.photometry.grid import BasisGrid
from transferz.photometry.synthesis import HUBBLE_CONSTANT, MATTER_DENSITY

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COSMOLOGY = FlatLambdaCDM(H0=HUBBLE_CONSTANT, Om0=MATTER_DENSITY)
REDSHIFT_STEP = 0.05  # of the grid on which SkyPy integrates the luminosity function
TEMPLATES = 5  # of the kcorrect basis
LIMIT_MARGIN = 1.5  # mag; SkyPy's limit lies so much fainter than ours: it knows no K-correction


class LuminosityFunction(Params):
    """A Schechter function in Bessell B whose parameters are given at a few redshifts."""

    alpha: float = Field(gt=-2.0, lt=2.0)  # faint-end slope
    # nodes; between them M* and log10 phi* are linear, beyond them constant
    redshift: list[float] = Field(min_length=1)
    m_star: list[float]  # characteristic absolute magnitude at the nodes (AB)
    phi_star: list[float]  # normalisation at the nodes, Mpc^-3

    @model_validator(mode="after")
    def _same_length(self) -> "LuminosityFunction":
        if not len(self.redshift) == len(self.m_star) == len(self.phi_star):
            raise ValueError("redshift, m_star and phi_star need one value per node each")
        if np.any(np.diff(self.redshift) <= 0) or min(self.phi_star) <= 0:
            raise ValueError("redshift must increase and phi_star must be positive")
        return self

    def at(self, redshift: Floats) -> tuple[Floats, Floats]:
        """Return M* and phi* (Mpc^-3) at each redshift, both of the shape of `redshift`."""
        m_star = np.interp(redshift, self.redshift, self.m_star)
        log_phi = np.interp(redshift, self.redshift, np.log10(self.phi_star))
        return m_star, 10.0**log_phi


class Dust(Params):
    """Colour excess E(B-V) added to the template spectra: normal + exponential tail + trend."""

    # of the normal part, mag. Negative values make a spectrum bluer than the basis can be.
    mean: float
    scatter: float = Field(ge=0.0)
    tail: float = Field(ge=0.0)  # mean of the exponential part, mag
    per_redshift: float  # trend with redshift up to `redshift_max`, mag
    redshift_max: float = Field(ge=0.0)  # where that trend ends


class GalaxyType(Params):
    """One of the two populations."""

    luminosity_function: LuminosityFunction  # how many there are
    # Dirichlet parameters of the template coefficients at redshift 0 and 1, and weights (Herbel et
    # al. 2017, eq. 3.9).
    alpha0: list[float] = Field(min_length=TEMPLATES, max_length=TEMPLATES)
    alpha1: list[float] = Field(min_length=TEMPLATES, max_length=TEMPLATES)
    weight: list[float] = Field(min_length=TEMPLATES, max_length=TEMPLATES)
    dust: Dust  # colour excess


class PopulationParams(Params):
    """Section ``mock.population``."""

    redshift_max: float = Field(gt=0.0, le=7.0)  # of the luminosity functions' grid
    counts: float = Field(gt=0.0)  # factor on every phi*
    # the two populations
    blue: GalaxyType
    red: GalaxyType
    evolution_end: float = Field(ge=0.0)  # redshift beyond which the Dirichlet parameters stay
    line_scatter_dex: float = Field(ge=0.0)  # scatter of the emission lines' strength
    ebv_range: list[float] = Field(min_length=2, max_length=2)  # bounds of E(B-V), mag
    # share of galaxies with Calzetti's attenuation; the others have an SMC-like law
    calzetti_fraction: float = Field(ge=0.0, le=1.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays with one row per object: the fields of the classes made of it."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """Return the rows that an index or mask picks."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of several, one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class Galaxies(Rows):
    """Galaxies and what their spectra are made of."""

    redshift: Floats  # (N,) true redshift
    magnitude_b: Floats  # (N,) absolute Bessell B magnitude (AB), dust included
    blue: Bools  # (N,) which of the two populations
    fractions: Floats  # (N, 5) share of each kcorrect template; rows sum to 1
    ebv: Floats  # (N,) colour excess, mag
    calzetti: Bools  # (N,) Calzetti's attenuation law, else SMC-like
    lines: Floats  # (N,) factor on the emission lines


def sample_galaxies(
    params: PopulationParams,
    area_deg2: float,
    magnitude_limit: float,
    seed: int,
    *purpose: str,
    redshift_range: tuple[float, float] | None = None,
) -> Galaxies:
    """Draw the galaxies of a patch of sky: by population, then in SkyPy's order.

    `magnitude_limit` is the faintest absolute B magnitude plus distance modulus (no K-correction,
    as SkyPy has it); `purpose` names this draw, and other names give other galaxies;
    `redshift_range` is by default 0 to ``params.redshift_max``.
    """
    low, high = redshift_range or (0.0, params.redshift_max)
    steps = max(2, round((high - low) / REDSHIFT_STEP) + 1)
    grid = np.linspace(max(low, 1e-3), high, steps)
    drawn = [
        _sample_type(params, kind, name, grid, area_deg2, magnitude_limit, seed, purpose)
        for name, kind in (("blue", params.blue), ("red", params.red))
    ]
    return Galaxies.joined(drawn)


def _sample_type(
    params: PopulationParams,
    kind: GalaxyType,
    name: str,
    grid: Floats,
    area_deg2: float,
    magnitude_limit: float,
    seed: int,
    purpose: tuple[str, ...],
) -> Galaxies:
    m_star, phi_star = kind.luminosity_function.at(grid)
    alpha = kind.luminosity_function.alpha
    schechter_lf, dirichlet_coefficients = _skypy()
    with global_seed(seed, *purpose, name):
        redshift, magnitude = schechter_lf(
            grid,
            m_star,
            phi_star * params.counts,
            alpha,
            magnitude_limit,
            area_deg2 * u.deg**2,
            COSMOLOGY,
        )
        age = np.minimum(redshift, params.evolution_end)
        alphas = np.asarray(kind.alpha0), np.asarray(kind.alpha1)
        fractions = dirichlet_coefficients(age, *alphas, weight=np.asarray(kind.weight))
    rng = generator(seed, *purpose, name, "dust")
    count = len(redshift)
    return Galaxies(
        redshift=redshift,
        magnitude_b=magnitude,
        blue=np.full(count, name == "blue"),
        fractions=fractions,
        ebv=_colour_excess(kind.dust, redshift, params.ebv_range, rng),
        calzetti=rng.random(count) < params.calzetti_fraction,
        lines=10.0 ** rng.normal(0.0, params.line_scatter_dex, count),
    )


def _skypy() -> tuple[Callable[..., tuple[Floats, Floats]], Callable[..., Floats]]:
    """SkyPy's samplers, imported when they are needed and without its deprecation warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skypy.galaxies import schechter_lf
        from skypy.galaxies.spectrum import dirichlet_coefficients
    return schechter_lf, dirichlet_coefficients


def _colour_excess(
    dust: Dust, redshift: Floats, bounds: list[float], rng: np.random.Generator
) -> Floats:
    """E(B-V) of each galaxy, mag, shape of `redshift`."""
    normal = rng.normal(dust.mean, dust.scatter, len(redshift))
    tail = rng.exponential(dust.tail, len(redshift))
    trend = dust.per_redshift * np.minimum(redshift, dust.redshift_max)
    return np.clip(normal + tail + trend, bounds[0], bounds[1])


def galaxy_fluxes(galaxies: Galaxies, grid: BasisGrid) -> Floats:
    """Return the galaxies' band fluxes (N, B) in uJy, as they reach the Milky Way."""
    law = np.where(galaxies.calzetti, DUST_LAWS.index("calzetti"), DUST_LAWS.index("smc"))
    dust = (galaxies.ebv, law, galaxies.lines)
    unscaled = grid.absolute_magnitude(galaxies.fractions, *dust)
    scale = 10.0 ** (0.4 * (unscaled - galaxies.magnitude_b))
    return grid.fluxes(galaxies.redshift, galaxies.fractions * scale[:, None], *dust)


def subgrid(grid: BasisGrid, bands: Sequence[Band]) -> BasisGrid:
    """Return the part of a grid that belongs to some of its bands, in their order."""
    columns = [grid.bands.index(band) for band in bands]
    nodes = grid.observed
    observed = replace(nodes, values=nodes.values[..., columns], curve=nodes.curve[..., columns])
    return replace(grid, bands=tuple(bands), observed=observed)
