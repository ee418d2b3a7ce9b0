"""Forecast quantiles with a forest that keeps its leaves' galaxies (package quantile-forest)."""

from types import MappingProxyType
from typing import Self

import numpy as np
import pandas as pd

from transferz.baselines.methods.common import Floats, Inputs, Tuned, labels
from transferz.baselines.methods.trees import LEVELS, MIDDLE, spread
from transferz.baselines.scores.probability import Prediction

LEAST_GAP = 0.001
"""Of neighbouring quantiles, in units of 1 + z (our choice)."""


class QuantileForest(Tuned):
    """Extremely randomised trees whose leaves keep the redshifts of their galaxies.

    A galaxy's quantiles are those of the galaxies that share its leaves, the point their median.
    Settings are arguments of the constructor; those below were chosen on validation sets alone by
    ``benchmarks/tuning.py``.
    """

    name = "Quantile forest"
    package = "quantile_forest"
    summary = "Extremely randomised trees, 11 quantiles"
    missing_magnitudes = True
    citation = "Meinshausen 2006, JMLR 7, 983; Johnson 2024, JOSS 9, 5976 (quantile-forest)"
    settings = MappingProxyType({"n_estimators": 200, "min_samples_leaf": 2, "max_features": 1.0})

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Grow the trees; the validation set is not used."""
        self.inputs = Inputs(train)
        self.model = self.library.ExtraTreesQuantileRegressor(
            random_state=seed, n_jobs=1, **self.settings
        ).fit(self.inputs.filled(train), np.log1p(labels(train)))
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast quantiles and their median for each galaxy."""
        if table.empty:
            return Prediction(np.empty(0), levels=LEVELS, quantiles=np.empty((0, len(LEVELS))))
        values = spread(np.expm1(self.logarithms(table)), LEAST_GAP)
        return Prediction(values[:, MIDDLE], levels=LEVELS, quantiles=values)

    def logarithms(self, table: pd.DataFrame) -> Floats:
        """Return quantiles of log(1 + z), shape (N, 11)."""
        found: Floats = self.model.predict(self.inputs.filled(table), quantiles=list(LEVELS))
        return found
