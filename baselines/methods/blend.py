"""Forecast with the mean of boosted trees and a quantile forest."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from transferz.baselines.methods.common import Floats, labels
from transferz.baselines.methods.forest import QuantileForest
from transferz.baselines.methods.trees import MIDDLE

TREES, RATE = 400, 0.05


class BlendedTrees(QuantileForest):
    """Boosted trees and a quantile forest, whose errors differ, averaged in log(1 + z).

    Both learn from the training and the validation set, for nothing is left to choose: equal
    weights did best in cross-validation on real galaxies (docs/methods.md). The distribution is the
    forest's, moved so that its median is the mean of both.
    """

    name = "Blended trees"
    citation = f"{QuantileForest.citation}; Pedregosa et al. 2011, JMLR 12, 2825 (scikit-learn)"
    summary = f"Mean of {TREES} boosted trees (absolute error) and a quantile forest"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Grow both kinds of trees."""
        both = pd.concat([train, validation], ignore_index=True)
        super().fit(both, validation, seed=seed)
        self.boosted = HistGradientBoostingRegressor(
            loss="absolute_error",
            learning_rate=RATE,
            max_iter=TREES,
            early_stopping=False,
            random_state=seed,
        ).fit(self.inputs(both), np.log1p(labels(both)))
        return self

    def logarithms(self, table: pd.DataFrame) -> Floats:
        """Return quantiles of log(1 + z), shape (N, 11)."""
        forest = super().logarithms(table)
        moved = 0.5 * (self.boosted.predict(self.inputs(table)) - forest[:, MIDDLE])
        return forest + moved[:, None]
