"""The mock's GalaxiesML: HSC photometry and spectroscopic redshifts over several fields."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from transferz.dataset.mock.hsc import HscField, HscParams, measure, object_ids, zero_points
from transferz.dataset.mock.noise import dim, dust_map, extinction_coefficients
from transferz.dataset.mock.population import COSMOLOGY
from transferz.dataset.mock.sky import ARCSEC, ClusteringParams, Window, clustered_positions
from transferz.dataset.mock.sources import STAR, Sources
from transferz.dataset.mock.spectroscopy import (
    DefectParams,
    SpectroscopicSurvey,
    Targets,
    measure_redshifts,
)
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import HSC_BANDS
from transferz.photometry.flux import to_magnitude
from transferz.schemas import BANDS, ERRORS, GALAXIESML, MAGNITUDES

Floats = npt.NDArray[np.float64]

I_BAND = BANDS.index("i")
PUBLISHED_ROWS = {"training": 204_573, "validation": 40_914, "testing": 40_914}
"""Rows of the published splits (Do et al. 2024); the mock keeps their proportions."""

NAMES = [column.upstream[0] for column in GALAXIESML if column.upstream]


class FieldParams(Params):
    """One entry of ``mock.galaxiesml.fields``: a patch of the HSC survey."""

    # ends, degrees; the first RA is larger than the second where the field crosses RA 0
    ra: list[float] = Field(min_length=2, max_length=2)
    dec: list[float] = Field(min_length=2, max_length=2)
    tract: int = Field(gt=0, lt=2**20)  # HSC tract number, part of every object id
    ebv: float = Field(ge=0.0)  # mean E(B-V) of the Milky Way, mag

    @property
    def window(self) -> Window:
        """The patch."""
        end = self.ra[1] + 360.0 if self.ra[1] < self.ra[0] else self.ra[1]
        return Window(self.ra[0], end, self.dec[0], self.dec[1])


class SharedParams(Params):
    """Section ``mock.galaxiesml.shared``: rows in the COSMOS field, from the HSC table there."""

    rows: int = Field(ge=0)  # how many, where the field has as many
    bright_limit: float  # i limit of the bright part
    deep_fraction: float = Field(ge=0.0, le=1.0)  # share of the deep part, down to `deep_limit`
    deep_limit: float  # i limit of it
    # share that carries another object id at the same position
    other_id_fraction: float = Field(ge=0.0, le=1.0)
    redshift_error: float = Field(gt=0.0)  # typical error over 1 + z


class GalaxiesMLParams(Params):
    """Section ``mock.galaxiesml``."""

    rows: int = Field(ge=100)  # before GalaxiesML's own cuts, the COSMOS field left aside
    # share of galaxies below, to redshift, from 0 to 1
    quantiles: dict[float, float] = Field(min_length=2)
    fields: dict[str, FieldParams]  # where the surveys observed
    surveys: dict[str, SpectroscopicSurvey]  # what they targeted
    shared: SharedParams  # the COSMOS field
    defects: DefectParams  # rows for the cuts to find

    @model_validator(mode="after")
    def _fields_exist(self) -> "GalaxiesMLParams":
        for name, survey in self.surveys.items():
            unknown = set(survey.fields) - set(self.fields)
            if unknown:
                raise ValueError(f"survey {name} names unknown fields: {', '.join(unknown)}")
        return self


def observe(
    targets: Targets,
    params: GalaxiesMLParams,
    hsc: HscParams,
    clustering: ClusteringParams,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Place targets in their surveys' fields and measure them.

    Returns GalaxiesML's upstream columns and ``redshift_true``; what HSC does not detect is left
    out.
    """
    field_of = _choose_fields(targets, params, rng)
    parts = [
        _observe_field(targets.take(field_of == k), name, params, hsc, clustering, rng)
        for k, name in enumerate(params.fields)
    ]
    rows = pd.concat(parts, ignore_index=True)
    names = np.array(list(params.surveys))[rows["survey"]]
    errors = np.array([survey.redshift_error for survey in params.surveys.values()])
    truth = rows["redshift_true"].to_numpy()
    redshifts = measure_redshifts(truth, errors[rows["survey"]], params.defects.wrong, rng)
    number = pd.Series(rng.permutation(len(rows))).astype(str).str.zfill(7)
    return rows.assign(specz_name=names + "_" + number, specz_flag_homogeneous=True, **redshifts)


def _choose_fields(
    targets: Targets, params: GalaxiesMLParams, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Field index (N,) of each target: its survey's fields, by area."""
    names, draws = list(params.fields), rng.random(len(targets))
    field_of = np.empty(len(targets), np.intp)
    for k, survey in enumerate(params.surveys.values()):
        area = np.cumsum([params.fields[name].window.area_deg2 for name in survey.fields])
        own = targets.survey == k
        places = np.searchsorted(area / area[-1], draws[own])
        indices = np.array([names.index(name) for name in survey.fields])
        field_of[own] = indices[np.minimum(places, len(indices) - 1)]
    return field_of


def _observe_field(
    targets: Targets,
    name: str,
    params: GalaxiesMLParams,
    hsc: HscParams,
    clustering: ClusteringParams,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """HSC positions, ids and photometry of one field's targets."""
    field = params.fields[name]
    ra, dec = clustered_positions(targets.redshift, field.window, clustering, COSMOLOGY, rng)
    ebv = dust_map(ra, dec, field.ebv, 0.3)
    flux = dim(targets.flux, ebv, extinction_coefficients(list(HSC_BANDS.values())))
    photometry = measure(flux, hsc, zero_points(hsc, rng), rng)
    magnitude = to_magnitude(targets.flux[:, I_BAND]) + rng.normal(0.0, 0.1, len(targets))
    rows = pd.DataFrame(photometry.columns()).assign(
        object_id=object_ids(field.tract, ra, dec, field.window),
        ra=np.mod(np.round(ra, 7), 360.0),
        dec=np.round(dec, 7),
        specz_mag_i=np.round(magnitude, 3),
        survey=targets.survey,
        redshift_true=targets.redshift,
    )
    return rows[photometry.detected]


def shareable(field: HscField, sources: Sources, params: SharedParams) -> pd.DataFrame:
    """Return the rows of an HSC table that GalaxiesML may hold, and ``redshift_true``."""
    real = field.table["isprimary"].to_numpy() & (field.source >= 0)
    real[real] = sources.kind[field.source[real]] != STAR
    real &= field.table["i_cmodel_mag"].to_numpy() < max(params.bright_limit, params.deep_limit)
    columns = ["object_id", "ra", "dec", *MAGNITUDES, *ERRORS]
    return field.table.loc[real, columns].assign(redshift_true=sources.redshift[field.source[real]])


def share(rows: pd.DataFrame, params: SharedParams, rng: np.random.Generator) -> pd.DataFrame:
    """Choose among the `shareable` rows of the COSMOS field: the objects that both samples hold."""
    magnitude = rows["i_cmodel_mag"].to_numpy()
    bright = np.flatnonzero(magnitude < params.bright_limit)
    deep = np.flatnonzero((magnitude >= params.bright_limit) & (magnitude < params.deep_limit))
    deep_rows = round(params.rows * params.deep_fraction)
    chosen = np.concatenate(
        [rng.permutation(bright)[: params.rows - deep_rows], rng.permutation(deep)[:deep_rows]]
    )
    rows = rows.iloc[chosen].reset_index(drop=True)
    error = np.full(len(chosen), params.redshift_error)
    return _reidentify(rows, params.other_id_fraction, rng).assign(
        specz_name=[f"COSMOS_{number:07d}" for number in range(len(chosen))],
        specz_flag_homogeneous=True,
        specz_mag_i=np.round(magnitude[chosen] + rng.normal(0.0, 0.1, len(chosen)), 3),
        **measure_redshifts(rows["redshift_true"].to_numpy(), error, 0.0, rng),
    )


def _reidentify(rows: pd.DataFrame, fraction: float, rng: np.random.Generator) -> pd.DataFrame:
    """Give some rows the id and position of another detection of the same galaxy."""
    other = rng.random(len(rows)) < fraction
    shift = rng.normal(0.0, 0.03 * ARCSEC, (2, len(rows))) * other
    return rows.assign(
        object_id=rows["object_id"] + other * (2 << 30),  # a running number HSC never reaches
        ra=np.round(rows["ra"] + shift[0], 7),
        dec=np.round(rows["dec"] + shift[1], 7),
    )


def published_files(rows: pd.DataFrame, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Deal the rows out at random, in the proportions of the published splits.

    Returns
    -------
    dict of str to pandas.DataFrame
        The upstream columns by upstream file name.
    """
    shuffled = rows.iloc[rng.permutation(len(rows))][NAMES]
    share = np.cumsum(list(PUBLISHED_ROWS.values())) / sum(PUBLISHED_ROWS.values())
    ends = np.round(share * len(rows)).astype(int)
    return {
        f"galaxiesml/5x127x127_{split}_with_morphology.csv": shuffled.iloc[start:end]
        for split, start, end in zip(PUBLISHED_ROWS, [0, *ends[:-1]], ends, strict=True)
    }
