"""Forecast densities by the regression of their coefficients: FlexCode, on XGBoost's trees."""

from types import MappingProxyType
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.methods.common import Floats, Inputs, Tuned, labels
from transferz.baselines.scores.probability import GridPDF, Prediction

FUNCTIONS, POINTS = 35, 301
"""Cosines of the basis, and redshifts of the grid."""

SHARPENINGS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
"""Powers of the density to choose from; it is scaled to an integral of 1 thereafter."""

FLOORS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of a density's peak below which it is cut to 0, to choose from."""


class FlexZBoost(Tuned):
    """Densities in a basis of cosines, each coefficient forecast by boosted trees.

    In a basis of orthonormal functions a density's coefficients are the functions' means, so each
    is a regression (Izbicki & Lee 2017). Which functions help, where small values are cut off and
    to which power densities are raised has the least CDE loss on the validation set. The point is
    the median. The algorithm is written out here, as the package `flexcode` needs a notebook's.
    """

    name = "FlexZBoost"
    package = "xgboost"
    summary = f"FlexCode with {FUNCTIONS} cosines, on XGBoost's trees"
    missing_magnitudes = True
    citation = "Izbicki & Lee 2017, EJS 11, 2800; Dalmasso et al. 2020, arXiv:1908.11523"
    settings = MappingProxyType({"n_estimators": 150, "max_depth": 6, "learning_rate": 0.1})

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Regress the coefficients, then choose what to make of them on the validation set."""
        self.inputs = Inputs(train)
        self.low, self.high = labels(train).min(), labels(train).max()
        self.grid = np.linspace(self.low, self.high, POINTS)
        self.model = self.library.XGBRegressor(
            random_state=seed, n_jobs=1, device="cpu", **self.settings
        ).fit(self.inputs(train), self._basis(labels(train))[:, 1:])

        # A function helps where its part of the CDE loss is below 0.
        true = np.clip(labels(validation), self.low, self.high)
        found = self.model.predict(self.inputs(validation)).astype(np.float64)
        loss = (found**2).mean(axis=0) - 2.0 * (found * self._basis(true)[:, 1:]).mean(axis=0)
        self.kept: npt.NDArray[np.bool_] = loss < 0.0
        raw = self._raw(found)
        choices = [(floor, power) for floor in FLOORS for power in SHARPENINGS]
        self.floor, self.power = min(
            choices, key=lambda choice: cde_loss(sharpened(raw, *choice), self.grid, true)
        )
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a density on a grid and its median for each galaxy."""
        if table.empty:
            return Prediction(np.empty(0))
        raw = self._raw(self.model.predict(self.inputs(table)).astype(np.float64))
        found = GridPDF(self.grid, sharpened(raw, self.floor, self.power))
        return Prediction(found.quantiles([0.5])[:, 0], distribution=found)

    def _basis(self, redshift: Floats) -> Floats:
        """Return the functions at redshifts (N,), shape (N, 35), orthonormal on the range."""
        share = (redshift - self.low) / (self.high - self.low)
        found = np.sqrt(2.0) * np.cos(np.pi * np.arange(FUNCTIONS) * share[:, None])
        found[:, 0] = 1.0
        return found

    def _raw(self, coefficients: Floats) -> Floats:
        """Return sums of the functions that help, shape (N, 301), 0 where they are negative."""
        basis = self._basis(self.grid)
        return np.maximum(1.0 + (coefficients * self.kept) @ basis[:, 1:].T, 1e-6)


def sharpened(density: Floats, floor: float, power: float) -> Floats:
    """Cut densities (N, G) off below a share of their peak, raise them to a power, and scale."""
    peak = density.max(axis=1, keepdims=True)
    shape = np.where(density < floor * peak, 0.0, density / peak) ** power
    return shape / shape.mean(axis=1, keepdims=True)


def cde_loss(density: Floats, grid: Floats, true: Floats) -> float:
    """Return the CDE loss of densities (N, G) of mean 1, up to a factor and a constant."""
    cell = np.rint((true - grid[0]) / (grid[1] - grid[0])).astype(np.int64)
    return float((density**2).mean() - 2.0 * density[np.arange(len(true)), cell].mean())
