"""Fit templates, with the fitter that labels the mock: to a release's bands, to real COSMOS2020.

`TemplateFit` is the method of the benchmark. `evaluate` measures how good the mock's template fit
is on real photometry with known redshifts: COSMOS2020's, or a release's. Two layouts of extracts
are read, told apart by their columns: LePhare's (``f_<filter>``, ``ferr_<filter>`` in
erg/s/cm2/Hz, ``zspec``) and CIGALE's (``<filter>``, ``<filter>_err`` in mJy, ``redshift``). Bands
without a filter curve (the narrow bands, F814W, ...) are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.tables import CURVES, MAGNITUDE_END, band_columns, error_name
from transferz.baselines.methods.common import (
    Deterministic,
    Floats,
    labels,
    require_bands,
    validation_loss,
)
from transferz.baselines.scores.probability import Prediction
from transferz.dataset.splits.hashing import hash_ids
from transferz.photometry.bands import FIT_BANDS, HSC_BANDS, SUPRIME_INTERMEDIATE, Band
from transferz.photometry.fit import CHUNK, chi2_by_redshift, fit_offsets, fit_templates
from transferz.photometry.flux import MAGNITUDE_PER_RELATIVE_ERROR, UJY_PER, to_flux
from transferz.photometry.likelihood import DEFAULT_ERRORS, Weighted, interval
from transferz.photometry.redshift_error import redshift_error
from transferz.photometry.templates import ModelGrid, model_grid, shared_grid
from transferz.releases import find_release
from transferz.rows import read_rows
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import magnitude_name
from transferz.schemas.survey.described import SPECTROSCOPIC
from transferz.schemas.survey.quantities import FLUX, LABEL, MAGNITUDE, MAGNITUDE_ERROR
from transferz.tables.cells import as_floats
from transferz.tables.reading import open_table, read_whole

REDSHIFT_MAX = 6.0
"""End of the redshift grid, as of the fit that labels the mock."""

LEAST_ERROR = 1e-4
"""Magnitudes: HSC's errors are written to this digit, and 0 where they are smaller."""

HSC_COLUMNS = {magnitude_name(letter): band for letter, band in HSC_BANDS.items()}
"""Magnitudes whose bands are known by the columns' names alone."""

OFFSET_GALAXIES = 10_000
"""Training galaxies at most that offsets are fitted to (our choice)."""

COSMOS_REDSHIFT_MAX = 10.0
"""End of the redshift grid on COSMOS2020 photometry, as its own."""

FOLDS = 5
FOLD_SALT = "template fit folds"
AS_IT_IS = "as it is"
WITH_OFFSETS = f"offsets, {FOLDS}-fold"

SELECTED_ABOVE = 2.0
"""A table whose every redshift exceeds this was selected on redshift, and is said to be."""


class TemplateFit(Deterministic):
    """Template-fit photo-z from a few bands: free amplitude, a flat prior in redshift.

    The bands' filter curves are those that the release names; tables that name none have HSC's
    columns.

    The point is the median of the PDF, as for the mock's labels. Offsets of the bands are fitted to
    the training set and kept where they lower the loss (Tanaka et al. 2018) on the validation set;
    nothing else is learned. A missing band is left out; without any there is no forecast.
    """

    name = "Template fit, grizy"
    missing_magnitudes = True
    citation = "Arnouts et al. 1999, MNRAS 310, 540; Ilbert et al. 2006, A&A 457, 841 (the method)"
    description = "This project's template fit, flat prior in redshift, on HSC grizy alone"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Compute the models and fit the bands' offsets; the seed has no influence.

        An `InputError` says where a band has no filter curve, or a table lacks one or its errors.
        """
        self.bands = fitted_bands(train)
        thinned = train.iloc[:: -(-len(train) // OFFSET_GALAXIES)]
        known = (*fluxes(thinned, self.bands), labels(thinned))  # looked at before any computing
        try:
            self.grid = shared_grid(tuple(self.bands.values()), REDSHIFT_MAX)
        except ValueError as error:
            raise InputError(f"the template fit can't use the release's bands: {error}") from None
        fitted = fit_offsets(*known, self.grid)

        def offsets_loss(offsets: Floats) -> float:
            median, _ = self._median_and_pdf(validation, offsets)
            forecast = np.isfinite(median)
            return validation_loss(median[forecast], labels(validation)[forecast])

        self.offsets = min([np.ones(len(fitted)), fitted], key=offsets_loss)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast each galaxy's PDF and its median; raises as `fit` does."""
        median, pdf = self._median_and_pdf(table, self.offsets)
        return Prediction(median, grid=self.grid.redshift, pdf=pdf)

    def _median_and_pdf(
        self, table: pd.DataFrame, offsets: Floats
    ) -> tuple[Floats, npt.NDArray[np.float32]]:
        """Return medians (N,) and PDFs (N, Z), not normalised; NaN where no band is usable."""
        flux, error = fluxes(table, self.bands)
        photometry = Weighted.of(flux * offsets, error * offsets, self.grid.bands, DEFAULT_ERRORS)
        median = np.full(len(flux), np.nan)
        pdf = np.full((len(flux), self.grid.redshift.size), np.nan, np.float32)
        for start in range(0, len(flux), CHUNK):
            rows = slice(start, start + CHUNK)
            with np.errstate(divide="ignore", invalid="ignore"):  # galaxies without bands
                chi2 = chi2_by_redshift(photometry.rows(rows), self.grid)
            pdf[rows] = np.exp(-0.5 * (chi2 - chi2.min(axis=1, keepdims=True)))
            median[rows] = interval(chi2, self.grid.redshift)[1]
        missing = photometry.n_filters == 0
        median[missing], pdf[missing] = np.nan, np.nan
        return median, pdf

    @classmethod
    def describe_for(cls, task: Any) -> dict[str, str]:
        """Say what it is called on the data of a task."""
        if set(task.bands) == set(HSC_COLUMNS):
            return {}
        named = "".join(name.removesuffix(MAGNITUDE_END) for name in task.bands)
        return {
            "name": f"Template fit, {named}",
            "description": f"This project's template fit, flat prior in redshift, on {named} alone",
        }


def fitted_bands(table: pd.DataFrame) -> dict[str, Band]:
    """Return the bands with their filter curves, by a training table's columns of magnitudes."""
    if CURVES not in table.attrs:
        return HSC_COLUMNS
    curves, columns = table.attrs[CURVES], band_columns(table)
    if unknown := [name for name in columns if name not in curves]:
        raise InputError(
            f"the template fit needs filter curves, and the release names none of "
            f"{', '.join(unknown)}; name the other bands with --bands"
            if len(unknown) < len(columns)
            else "the template fit needs filter curves, and the release names none of its bands'"
        )
    return {name: Band(name, curves[name]) for name in columns}


def fluxes(table: pd.DataFrame, bands: Mapping[str, Band]) -> tuple[Floats, Floats]:
    """Return fluxes and their errors in microjansky, both (N, B), of magnitudes in B bands."""
    columns, errors = list(bands), list(map(error_name, bands))
    why = "the template fit needs magnitudes and errors of all bands that it has filter curves of"
    if bands is HSC_COLUMNS:
        why = (
            "the template fit works for HSC's grizy alone, whose filter curves it has, and needs "
            "magnitudes and errors of all five bands under the release's names"
        )
    require_bands(table, (*columns, *errors), why)
    return _fluxes(table[columns].to_numpy(np.float64), table[errors].to_numpy(np.float64))


def _fluxes(magnitude: Floats, error: Floats) -> tuple[Floats, Floats]:
    flux = to_flux(magnitude)
    return flux, flux * np.maximum(error, LEAST_ERROR) / MAGNITUDE_PER_RELATIVE_ERROR


@dataclass(frozen=True, slots=True)
class FluxLayout:
    """How an extract names and scales its fluxes.

    `redshift` is the column of spectroscopic ones; `flux` and `error` the format of the columns'
    names, with ``{}`` for the filter; `ujy_per_unit` the microjansky in 1 of their unit; `filters`
    holds the table's filter names by COSMOS2020's band names.
    """

    redshift: str
    flux: str
    error: str
    ujy_per_unit: float
    filters: dict[str, str]

    def bands(self, columns: Sequence[str]) -> tuple[Band, ...]:
        """Return the bands that a table with these columns holds; none if it has another layout."""
        if not {self.redshift, "id"} <= set(columns):
            return ()
        return tuple(
            band
            for band in FIT_BANDS
            if band.name in self.filters and {*self.columns(band.name)} <= set(columns)
        )

    def columns(self, name: str) -> tuple[str, str]:
        """Return the columns of a band's flux and error."""
        filter_name = self.filters[name]
        return self.flux.format(filter_name), self.error.format(filter_name)


LEPHARE = FluxLayout(
    redshift="zspec",
    flux="f_{}",
    error="ferr_{}",
    ujy_per_unit=UJY_PER["cgs"],
    filters={
        "CFHT_u": "cosmos/u_cfht.lowres",
        "CFHT_ustar": "cosmos/u_new.pb",
        **{f"HSC_{letter}": f"hsc/{letter}HSC.pb" for letter in "grizy"},
        **{f"UVISTA_{letter}": f"vista/{letter}.lowres" for letter in "YJH"},
        "UVISTA_Ks": "vista/K.lowres",
        **{name: f"cosmos/{curve}.lowres" for name, curve in SUPRIME_INTERMEDIATE},
        **{f"IRAC_CH{number}": f"cosmos/irac_ch{number}.lowres" for number in (1, 2)},
    },
)

CIGALE = FluxLayout(
    redshift="redshift",
    flux="{}",
    error="{}_err",
    ujy_per_unit=UJY_PER["mjy"],
    filters={
        "CFHT_u": "cfht.megacam.u",
        "CFHT_ustar": "cfht.megacam.u_1",
        # Named suprime, but deeper than it: HSC, as far as we can tell.
        **{f"HSC_{letter}": f"subaru.suprime.{letter}" for letter in "griz"},
        "HSC_y": "subaru.suprime.Y",
        **{f"UVISTA_{name}": f"paranal.vircam.{name}" for name in ("Y", "J", "H", "Ks")},
        **{name: f"subaru.suprime.{curve}" for name, curve in SUPRIME_INTERMEDIATE},
        **{f"SC_{letter}": f"subaru.suprime.{letter}" for letter in "BV"},
        **{f"SC_{letter}p": f"subaru.suprime.{letter}+" for letter in "riz"},
        **{f"IRAC_CH{number}": f"spitzer.irac.I{number}" for number in (1, 2)},
    },
)

LAYOUTS = (LEPHARE, CIGALE)


@dataclass(frozen=True, slots=True)
class Extract:
    """Galaxies with photometry in B bands and a spectroscopic redshift.

    Folds are drawn from `identifiers` (N,). Fluxes and errors (N, B) are in microjansky, NaN where
    missing. Upper limits, so many as `limits` says, have flux 0 and their 1-sigma value as error.
    Of the table, `left_out` rows have no redshift or id; `columns` says which were taken.
    """

    identifiers: npt.NDArray[np.int64]
    redshift: Floats
    bands: tuple[Band, ...]
    flux: Floats
    error: Floats
    limits: int
    left_out: int = 0
    columns: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFitQuality:
    """Quality of the template fit on one table.

    `photometry` is either as it is or with offsets per band fitted by cross-validation: `offsets`
    then holds the mean over folds of the factor on each band. With ``dz = (z_phot - z_spec) /
    (1 + z_spec)``, scatter is 1.4826 median(abs(dz - median(dz))), outlier rate the share of
    abs(dz) > 0.15, bias the median. Values that are `missing`, `negative` fluxes and upper `limits`
    are counted over all galaxies and bands; `left_out` are rows without a redshift or id,
    and `columns` says which were taken.
    """

    photometry: str
    galaxies: int
    bands: int
    redshift_range: tuple[float, float]
    scatter: float
    outlier_rate: float
    bias: float
    missing: int
    negative: int
    limits: int
    left_out: int = 0
    columns: str = ""
    offsets: dict[str, float] = field(default_factory=dict)


def evaluate(path: Path) -> list[TemplateFitQuality]:
    """Fit templates to galaxies and compare with their spectroscopic redshifts.

    The path is that of a table, or of a release's directory. Returns two: with the photometry as it
    is, and with cross-validated offsets.
    """
    if path.is_dir():
        extract, redshift_max = read_release_extract(path), REDSHIFT_MAX
    else:
        extract, redshift_max = read_extract(path), COSMOS_REDSHIFT_MAX
    try:
        grid = model_grid(extract.bands, redshift_max)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    factors = cross_validated_offsets(extract, grid)
    scaled = replace(extract, flux=extract.flux * factors, error=extract.error * factors)
    means = factors.mean(axis=0)
    offsets = {band.name: round(float(f), 3) for band, f in zip(grid.bands, means, strict=True)}
    return [
        _quality(AS_IT_IS, extract, grid, {}),
        _quality(WITH_OFFSETS, scaled, grid, offsets),
    ]


def read_release_extract(path: Path) -> Extract:
    """Read the spectroscopic test split of a release, in the bands whose filter curves it names.

    A ReleaseError says that there is none, an `InputError` that it names no curve.
    """
    release = find_release(path)
    config = release.config(SPECTROSCOPIC, "the template fit is scored against")
    bands = [band for band in release.bands() if band.curve]
    if not bands:
        raise InputError(f"{path}: the template fit needs filter curves, and it names no band's")
    names = [name for band in bands for name in (band.magnitude, band.error)]
    table = read_rows(release, config, "test", ["object_id", "redshift", *names])
    release.announce()
    columns = [table[name].to_numpy().astype(np.float64) for name in names]
    magnitude = MAGNITUDE.without_missing(np.column_stack(columns[0::2]))
    error = MAGNITUDE_ERROR.without_missing(np.column_stack(columns[1::2]))
    flux, flux_error = _fluxes(magnitude, error)
    return Extract(
        identifiers=table["object_id"].to_numpy(),
        redshift=table["redshift"].to_numpy().astype(np.float64),
        bands=tuple(Band(band.name, band.curve) for band in bands),
        flux=flux,
        error=flux_error,
        limits=0,
        columns=f"object_id, redshift; magnitudes and errors: {', '.join(names)}",
    )


def read_extract(path: Path) -> Extract:
    """Read a table, of any format, in either layout: its rows with a spectroscopic redshift.

    A negative error marks an upper limit (CIGALE's convention) and becomes a measurement of 0 with
    that error. An `InputError` says where the file is missing, no table, in neither layout, or
    holds no usable row.
    """
    table = open_table(path)
    layout = next((layout for layout in LAYOUTS if layout.bands(table.names)), None)
    if layout is None:
        expected = " or ".join(
            f"'id', '{layout.redshift}' and fluxes such as '{layout.columns('HSC_i')[0]}' with "
            f"errors '{layout.columns('HSC_i')[1]}'"
            for layout in LAYOUTS
        )
        raise InputError(f"{path} is no known COSMOS2020 extract: expected columns {expected}")
    bands = layout.bands(table.names)
    for name in layout.filters:  # a band must not go by a name that is misspelt or there twice
        held = [table.names.count(column) for column in layout.columns(name)]
        if any(held) and held != [1, 1]:
            flux, error = layout.columns(name)
            raise InputError(
                f"{path}: expected '{flux}' and '{error}' once each, found them {held[0]} and "
                f"{held[1]} times; leave both out or give both"
            )
    columns = [name for band in bands for name in layout.columns(band.name)]
    rows = read_whole(table, ["id", layout.redshift, *columns])
    identifiers, redshift = (as_floats(rows, name, path) for name in ("id", layout.redshift))
    kept = np.isfinite(identifiers) & ~LABEL.is_missing(redshift)
    if not kept.any():
        raise InputError(f"{path}: none of its {len(kept)} rows has a redshift")
    numbers = np.column_stack([as_floats(rows, name, path)[kept] for name in columns])
    numbers = FLUX.without_missing(numbers) * layout.ujy_per_unit
    flux, error = numbers[:, 0::2], numbers[:, 1::2]
    limit = error < 0
    return Extract(
        identifiers=identifiers[kept].astype(np.int64),
        redshift=redshift[kept],
        bands=bands,
        flux=np.where(limit & np.isfinite(flux), 0.0, flux),
        error=np.abs(error),
        limits=int(np.count_nonzero(limit)),
        left_out=int(np.count_nonzero(~kept)),
        columns=f"id, {layout.redshift}; fluxes and errors: {', '.join(columns)}",
    )


def cross_validated_offsets(extract: Extract, grid: ModelGrid) -> Floats:
    """Return factors (N, B) on each galaxy's fluxes, fitted to the galaxies of the other folds.

    A galaxy's fold is the salted hash of its id, modulo 5.
    """
    fold = hash_ids(extract.identifiers, FOLD_SALT) % np.uint64(FOLDS)
    factors = np.ones_like(extract.flux)
    for number in range(FOLDS):
        others = fold != number
        factors[~others] = fit_offsets(
            extract.flux[others], extract.error[others], extract.redshift[others], grid
        )
    return factors


def _quality(
    photometry: str, extract: Extract, grid: ModelGrid, offsets: dict[str, float]
) -> TemplateFitQuality:
    fitted = fit_templates(extract.flux, extract.error, grid).z_pdf
    forecast = np.isfinite(fitted)
    error = redshift_error(fitted[forecast], extract.redshift[forecast])
    return TemplateFitQuality(
        photometry=photometry,
        galaxies=int(forecast.sum()),
        bands=len(extract.bands),
        redshift_range=(float(extract.redshift.min()), float(extract.redshift.max())),
        scatter=round(error.scatter, 4),
        outlier_rate=round(error.outliers, 4),
        bias=round(error.bias, 4),
        missing=int(np.count_nonzero(np.isnan(extract.flux))),
        negative=int(np.count_nonzero(extract.flux < 0)),
        limits=extract.limits,
        left_out=extract.left_out,
        columns=extract.columns,
        offsets=offsets,
    )


def format_table(rows: Sequence[TemplateFitQuality]) -> str:
    """Lay out results as a text table, one line per row, and say what the reader must know."""
    lines = ["photometry         galaxies  bands  spec-z        scatter  outliers     bias"]
    for row in rows:
        low, high = row.redshift_range
        lines.append(
            f"{row.photometry:<17}  {row.galaxies:8d}  {row.bands:5d}  {low:5.2f}-{high:5.2f}"
            f"  {row.scatter:8.4f}  {row.outlier_rate:8.2%}  {row.bias:+.4f}"
        )
    for row in rows[:1]:
        lines.append(f"columns: {row.columns}")
        lines.append(
            f"{row.missing} values missing, {row.negative} negative fluxes, "
            f"{row.limits} upper limits"
        )
        if row.left_out:
            lines.append(f"{row.left_out} rows without a redshift or id left out ({LABEL})")
        if row.redshift_range[0] > SELECTED_ABOVE:
            absent = "low-redshift galaxies taken for distant ones are absent"
            lines.append(f"selected on redshift: {absent}")
    return "\n".join(lines)
