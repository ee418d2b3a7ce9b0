"""Spectroscopic surveys: their targets, the redshifts they measure, and what goes wrong."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from transferz.dataset.mock.noise import generator
from transferz.dataset.mock.population import (
    LIMIT_MARGIN,
    Galaxies,
    PopulationParams,
    Rows,
    galaxy_fluxes,
    sample_galaxies,
)
from transferz.dataset.mock.quasars import QuasarParams, draw_redshifts, quasar_grid
from transferz.dataset.mock.sky import ARCSEC, power_law_magnitudes
from transferz.dataset.pipeline.params import Params
from transferz.photometry.flux import to_magnitude
from transferz.photometry.grid import BasisGrid
from transferz.schemas import BANDS, ERRORS, MAGNITUDES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

OVERSAMPLING = 2.5  # candidates per row wanted: the redshift distribution chooses among them
REDSHIFT_DECIMALS = 5
NO_VALUE = -99.0


class SpectroscopicSurvey(Params):
    """One entry of ``mock.galaxiesml.surveys``."""

    share: float = Field(gt=0.0)  # of the candidates
    # targets that the mock sky holds per square degree, roughly: sets the area simulated
    density_deg2: float = Field(gt=0.0)
    kind: Literal["all", "blue", "red", "quasars"]  # which population it targets
    band: Literal["g", "r", "i", "z", "y"]  # HSC band of the magnitude limit
    # brightest and faintest target, AB
    magnitude_range: list[float] = Field(min_length=2, max_length=2)
    redshift_range: list[float] = Field(min_length=2, max_length=2)  # of its targets
    # where it observed: names of ``mock.galaxiesml.fields``
    fields: list[str] = Field(min_length=1)
    redshift_error: float = Field(gt=0.0)  # typical error over 1 + z


@dataclass(frozen=True, slots=True)
class Targets(Rows):
    """Galaxies and quasars that a survey may observe."""

    survey: Integers  # (N,) index into the surveys, in their order
    redshift: Floats  # (N,) true redshift
    flux: Floats  # (N, 5) true grizy fluxes before the Milky Way's dust, uJy


def draw_targets(
    surveys: dict[str, SpectroscopicSurvey],
    rows: int,
    population: PopulationParams,
    quasars: QuasarParams,
    grid: BasisGrid,
    seed: int,
) -> Targets:
    """Draw the candidates of all surveys, each from a sky of its own.

    About `OVERSAMPLING` times as many as the `rows` wanted in the end.
    """
    total = sum(survey.share for survey in surveys.values())
    parts = []
    for index, (name, survey) in enumerate(surveys.items()):
        count = round(OVERSAMPLING * rows * survey.share / total)
        if survey.kind == "quasars":
            redshift, flux = _quasar_targets(survey, count, quasars, grid, seed, name)
        else:
            redshift, flux = _galaxy_targets(survey, count, population, grid, seed, name)
        wanted = generator(seed, "targets", name).permutation(len(redshift))[:count]
        survey_index = np.full(len(wanted), index, np.intp)
        parts.append(Targets(survey_index, redshift[wanted], flux[wanted]))
    return Targets.joined(parts)


def _galaxy_targets(
    survey: SpectroscopicSurvey,
    count: int,
    population: PopulationParams,
    grid: BasisGrid,
    seed: int,
    name: str,
) -> tuple[Floats, Floats]:
    low, high = survey.redshift_range
    drawn = sample_galaxies(
        population,
        count / survey.density_deg2,
        survey.magnitude_range[1] + LIMIT_MARGIN,
        seed,
        "spectroscopy",
        name,
        redshift_range=(low, high),
    )
    galaxies = _of_kind(drawn, survey.kind)
    flux = galaxy_fluxes(galaxies, grid)
    magnitude = to_magnitude(flux[:, BANDS.index(survey.band)])
    inside = (magnitude > survey.magnitude_range[0]) & (magnitude < survey.magnitude_range[1])
    return galaxies.redshift[inside], flux[inside]


def _of_kind(galaxies: Galaxies, kind: str) -> Galaxies:
    if kind == "all":
        return galaxies
    return galaxies.take(galaxies.blue == (kind == "blue"))


def _quasar_targets(
    survey: SpectroscopicSurvey,
    count: int,
    quasars: QuasarParams,
    grid: BasisGrid,
    seed: int,
    name: str,
) -> tuple[Floats, Floats]:
    rng = generator(seed, "spectroscopy", name)
    redshift = draw_redshifts(count, quasars, rng)
    redshift = redshift[
        (redshift > survey.redshift_range[0]) & (redshift < survey.redshift_range[1])
    ]
    magnitude = power_law_magnitudes(len(redshift), survey.magnitude_range, quasars.slope, rng)
    ebv = rng.exponential(quasars.ebv_tail, len(redshift))
    return redshift, quasar_grid(grid.bands).fluxes(redshift, ebv, magnitude)


def choose(
    targets: Targets, rows: int, quantiles: dict[float, float], rng: np.random.Generator
) -> Targets:
    """Choose `rows` targets, in random order, whose redshifts have the given quantiles.

    `quantiles` maps the share of galaxies below a redshift, from 0 to 1, to that redshift. Fewer
    targets come back where a redshift bin runs out of candidates.
    """
    shares, edges = np.array(list(quantiles)), np.array(list(quantiles.values()))
    quotas = np.round(rows * np.diff(shares)).astype(int)
    shuffled = rng.permutation(len(targets))
    bins = np.digitize(targets.redshift[shuffled], edges) - 1
    chosen = [shuffled[bins == k][:quota] for k, quota in enumerate(quotas)]
    return targets.take(rng.permutation(np.concatenate(chosen)))


def measure_redshifts(
    redshift: Floats, error: Floats, wrong_fraction: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Measure true redshifts (N,): ``specz_redshift`` and ``specz_redshift_err``.

    `error` (N,) is the typical error over 1 + z of each one's survey. A share `wrong_fraction` has
    its lines mistaken for others: their redshift is that of another object.
    """
    quoted = error * (1.0 + redshift) * 10.0 ** rng.normal(0.0, 0.15, len(redshift))
    measured = redshift + quoted * rng.normal(size=len(redshift))
    wrong = rng.random(len(redshift)) < wrong_fraction
    measured = np.where(wrong, rng.permutation(measured), measured)
    return pd.DataFrame(
        {
            "specz_redshift": np.round(measured, REDSHIFT_DECIMALS),
            "specz_redshift_err": np.round(quoted, 6),
        }
    )


class DefectParams(Params):
    """Section ``mock.galaxiesml.defects``: share of rows for each of GalaxiesML's cuts to find."""

    redshift: float = Field(ge=0.0, lt=0.5)  # stars, and redshifts beyond 4
    error: float = Field(ge=0.0, lt=0.5)  # errors of zero, missing, or too large
    insecure: float = Field(ge=0.0, lt=0.5)  # not secure by the homogenised flag
    photometry: float = Field(ge=0.0, lt=0.5)  # A magnitude is missing
    magnitude: float = Field(ge=0.0, lt=0.5)  # no i magnitude in the compilation
    same_name: float = Field(ge=0.0, lt=0.5)  # A neighbour carries the same spec-z name
    several: float = Field(ge=0.0, lt=0.5)  # the object is listed again with another redshift
    wrong: float = Field(ge=0.0, lt=0.5)  # secure but wrong redshifts; no cut finds them


def spoil(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """Make rows that GalaxiesML's cuts are to find; see `DefectParams`.

    Changes some rows and adds others; ``redshift_true`` is NaN for stars.
    """
    rows = rows.reset_index(drop=True)
    rows = _spoil_redshifts(rows, params, rng)
    rows = _spoil_photometry(rows, params, rng)
    return pd.concat(
        [rows, _same_name(rows, params, rng), _several(rows, params, rng)], ignore_index=True
    )


def _some(rows: pd.DataFrame, fraction: float, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    return np.flatnonzero(rng.random(len(rows)) < fraction)


def _spoil_redshifts(
    rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator
) -> pd.DataFrame:
    redshift = rows["specz_redshift"].to_numpy(copy=True)
    error = rows["specz_redshift_err"].to_numpy(copy=True)
    truth = rows["redshift_true"].to_numpy(copy=True)
    secure = rows["specz_flag_homogeneous"].to_numpy(copy=True)
    stars, far = np.array_split(_some(rows, params.redshift, rng), 2)
    redshift[stars] = np.round(rng.normal(0.0, 5e-4, len(stars)), 5)
    truth[stars] = np.nan
    redshift[far] = np.round(rng.uniform(4.0, 9.9, len(far)), 5)
    for bad, value in zip(
        np.array_split(rng.permutation(_some(rows, params.error, rng)), 4),
        (0.0, NO_VALUE, 1.5, 0.04),
        strict=True,
    ):
        error[bad] = value
    insecure = _some(rows, params.insecure, rng)
    secure[insecure] = False
    guessed = insecure[: len(insecure) // 2]
    redshift[guessed] = rng.permutation(redshift[guessed])
    return rows.assign(
        specz_redshift=redshift,
        specz_redshift_err=error,
        specz_flag_homogeneous=secure,
        redshift_true=truth,
    )


def _spoil_photometry(
    rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator
) -> pd.DataFrame:
    rows = rows.copy()
    lost = _some(rows, params.photometry, rng)
    column = rng.integers(len(BANDS), size=len(lost))
    for k, (magnitude, error) in enumerate(zip(MAGNITUDES, ERRORS, strict=True)):
        rows.loc[lost[column == k], [magnitude, error]] = np.nan
    rows.loc[_some(rows, params.magnitude, rng), "specz_mag_i"] = NO_VALUE
    return rows


def _same_name(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """Neighbours, 0.6 to 1.5 arcsec away, that carry the spec-z name of a row."""
    copies = rows.iloc[_some(rows, params.same_name, rng)]
    angle = rng.uniform(0.0, 2 * np.pi, len(copies))
    distance = rng.uniform(0.6, 1.5, len(copies)) * ARCSEC
    fainter = rng.uniform(0.3, 2.0, len(copies))
    moved = copies.assign(
        object_id=copies["object_id"] + (1 << 30),
        ra=np.mod(np.round(copies["ra"] + distance * np.cos(angle), 7), 360.0),
        dec=np.round(copies["dec"] + distance * np.sin(angle), 7),
        redshift_true=rng.permutation(copies["redshift_true"]),
    )
    for magnitude, error in zip(MAGNITUDES, ERRORS, strict=True):
        moved[magnitude] = np.round(moved[magnitude] + fainter, 4)
        moved[error] = np.round(moved[error] * 10.0 ** (0.4 * fainter), 4)
    return moved


def _several(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """The same objects again under another spec-z name, with another redshift."""
    copies = rows.iloc[_some(rows, params.several, rng)]
    other = copies["specz_redshift"].to_numpy() + rng.normal(0.0, 2e-3, len(copies))
    return copies.assign(specz_name=copies["specz_name"] + "_B", specz_redshift=np.round(other, 5))
