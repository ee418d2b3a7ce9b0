"""Fit templates to a release's bands, with the fitter that labels the mock.

`TemplateFit` is the method of the benchmark.
"""

from collections.abc import Mapping, Sequence
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
from transferz.photometry.bands import HSC_BANDS, SURVEY_BANDS, Band
from transferz.photometry.fit import CHUNK, chi2_by_redshift, fit_offsets
from transferz.photometry.flux import MAGNITUDE_PER_RELATIVE_ERROR, to_flux
from transferz.photometry.likelihood import DEFAULT_ERRORS, Weighted, interval
from transferz.photometry.templates import shared_grid
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.columns import magnitude_name

REDSHIFT_MAX = 6.0
"""End of the redshift grid, as of the fit that labels the mock."""

LEAST_ERROR = 1e-4
"""Magnitudes: HSC's errors are written to this digit, and 0 where they are smaller."""

HSC_COLUMNS = {magnitude_name(letter): band for letter, band in HSC_BANDS.items()}
"""Magnitudes whose bands are known by the columns' names alone."""

NAMED = {f"{survey}-{x}": band for survey, own in SURVEY_BANDS.items() for x, band in own.items()}
"""Filters by survey and band, such as ``des-g``."""

NAME_THEM = (
    f"name them with filters=SURVEY ({', '.join(SURVEY_BANDS)}) where its bands have that survey's "
    "names, or one for each band, such as lsst-u or euclid-VIS, with filters=[...]"
)
OPTIONS = {"bands": "--bands", "filters": "--set filters="}

OFFSET_GALAXIES = 10_000
"""Training galaxies at most that offsets are fitted to (our choice)."""


class TemplateFit(Deterministic):
    """Template-fit photo-z from a few bands: free amplitude, a flat prior in redshift.

    The bands' filter curves are those of `filters`, else those that the release names; tables that
    name none have HSC's columns. `filters` is a survey of `SURVEY_BANDS`, whose bands the columns
    are called by (``g`` or ``g_mag``), or has a filter for each band, in the columns' order: one of
    `NAMED`, or a curve such as ``speclite:panstarrs-w``. What is neither is a `ParameterError`.

    The point is the median of the PDF, as for the mock's labels. Offsets of the bands are fitted to
    the training set and kept where they lower the loss (Tanaka et al. 2018) on the validation set;
    nothing else is learned. A missing band is left out; without any there is no forecast.
    """

    name = "Template fit, grizy"
    missing_magnitudes = True
    citation = "Arnouts et al. 1999, MNRAS 310, 540; Ilbert et al. 2006, A&A 457, 841 (the method)"
    description = "This project's template fit, flat prior in redshift, on HSC grizy alone"

    def __init__(self, filters: str | Sequence[str] | None = None) -> None:
        self.filters = filters
        for name in filters if isinstance(filters, list | tuple) else filter(None, [filters]):
            known = name in NAMED or (name is filters and name in SURVEY_BANDS)
            if not known and ":" not in str(name):
                raise ParameterError(
                    f"filters: expected a survey ({', '.join(SURVEY_BANDS)}), or a list with "
                    f"one of {', '.join(NAMED)} for each band, found {name!r}"
                )

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Compute the models and fit the bands' offsets; the seed has no influence.

        An `InputError` says where a band has no filter curve, or a table lacks one or its errors.
        """
        self.bands = (
            fitted_bands(train) if self.filters is None else named_bands(train, self.filters)
        )
        thinned = train.iloc[:: -(-len(train) // OFFSET_GALAXIES)]
        known = (*fluxes(thinned, self.bands), labels(thinned))  # looked at before any computing
        try:
            self.grid = shared_grid(tuple(self.bands.values()), REDSHIFT_MAX)
        except ValueError as error:
            raise InputError(f"the template fit can't use these bands: {error}") from None
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
            f"{', '.join(unknown)}; name the other bands with bands="
            if len(unknown) < len(columns)
            else "the template fit needs filter curves, and the release names none of its bands'; "
            f"{NAME_THEM}",
            **OPTIONS,
        )
    return {name: Band(name, curves[name]) for name in columns}


def named_bands(table: pd.DataFrame, filters: str | Sequence[str]) -> dict[str, Band]:
    """Return a training table's bands with the filters that a user has named for them."""
    columns = band_columns(table)
    if isinstance(filters, str) and filters in SURVEY_BANDS:
        filters = [f"{filters}-{name.removesuffix(MAGNITUDE_END)}" for name in columns]
    chosen = [filters] if isinstance(filters, str) else filters
    curves = [NAMED[name].curve if name in NAMED else name for name in chosen]
    if len(curves) != len(columns) or not all(":" in curve for curve in curves):
        raise InputError(
            f"the template fit needs a filter for each of {', '.join(columns)}, found "
            f"{', '.join(chosen)}; name one for each with filters=[...], of {', '.join(NAMED)}",
            **OPTIONS,
        )
    return {name: Band(name, curve) for name, curve in zip(columns, curves, strict=True)}


def fluxes(table: pd.DataFrame, bands: Mapping[str, Band]) -> tuple[Floats, Floats]:
    """Return fluxes and their errors in microjansky, both (N, B), of magnitudes in B bands."""
    columns, errors = list(bands), list(map(error_name, bands))
    why = "the template fit needs magnitudes and errors of all bands that it has filter curves of"
    if bands is HSC_COLUMNS:
        why = (
            "the template fit knows HSC's grizy by the release's names, with their errors; other "
            f"bands' filters are not known: {NAME_THEM}"
        )
    require_bands(table, (*columns, *errors), why, **OPTIONS)
    return as_fluxes(table[columns].to_numpy(np.float64), table[errors].to_numpy(np.float64))


def as_fluxes(magnitude: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Turn AB magnitudes and their errors into fluxes and theirs, microjansky."""
    flux = to_flux(magnitude)
    return flux, flux * np.maximum(error, LEAST_ERROR) / MAGNITUDE_PER_RELATIVE_ERROR
