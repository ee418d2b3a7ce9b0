"""Fit templates to HSC grizy alone, with the fitter that labels the mock."""

from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.methods.common import (
    Deterministic,
    Floats,
    labels,
    require_bands,
    validation_loss,
)
from transferz.baselines.scores.probability import Prediction
from transferz.photometry.bands import HSC_BANDS
from transferz.photometry.fit import CHUNK, chi2_by_redshift, fit_offsets
from transferz.photometry.flux import MAGNITUDE_PER_RELATIVE_ERROR, to_flux
from transferz.photometry.likelihood import DEFAULT_ERRORS, Weighted, interval
from transferz.photometry.templates import model_grid
from transferz.schemas.survey.columns import ERRORS, MAGNITUDES

REDSHIFT_MAX = 6.0
"""End of the redshift grid, as of the fit that labels the mock."""

LEAST_ERROR = 1e-4
"""Magnitudes: HSC's errors are written to this digit, and 0 where they are smaller."""

OFFSET_GALAXIES = 10_000
"""Training galaxies at most that offsets are fitted to (our choice)."""


class TemplateFit(Deterministic):
    """Template-fit photo-z from grizy: free amplitude, a flat prior in redshift.

    The point is the median of the PDF, as for the mock's labels. Offsets of the bands are fitted to
    the training set and kept where they lower the loss (Tanaka et al. 2018) on the validation set;
    nothing else is learned. A missing band is left out; without any there is no forecast.
    """

    name = "Template fit, grizy"
    train = "combo"
    version = "1"
    citation = "Arnouts et al. 1999, MNRAS 310, 540; Ilbert et al. 2006, A&A 457, 841 (the method)"
    description = "This project's template fit, flat prior in redshift, on HSC grizy alone"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Compute the models and fit the bands' offsets; the seed has no influence.

        Raises
        ------
        InputError
            Where a table lacks a band of HSC's grizy, or its errors.
        """
        self.grid = model_grid(tuple(HSC_BANDS.values()), REDSHIFT_MAX)
        thinned = train.iloc[:: -(-len(train) // OFFSET_GALAXIES)]
        fitted = fit_offsets(*fluxes(thinned), labels(thinned), self.grid)

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
        flux, error = fluxes(table)
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


def fluxes(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return fluxes and their errors in microjansky, both (N, 5), of HSC's grizy magnitudes.

    Raises
    ------
    InputError
        Where a magnitude or its error is absent from the table.
    """
    require_bands(
        table,
        (*MAGNITUDES, *ERRORS),
        "the template fit works for HSC's grizy alone, whose filter curves it has, and needs "
        "magnitudes and errors of all five bands under the release's names",
    )
    flux = to_flux(table[[*MAGNITUDES]].to_numpy(np.float64))
    relative = np.maximum(table[[*ERRORS]].to_numpy(np.float64), LEAST_ERROR)
    return flux, flux * relative / MAGNITUDE_PER_RELATIVE_ERROR
