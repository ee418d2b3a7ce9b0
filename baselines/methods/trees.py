"""Forecast with gradient-boosted trees on magnitudes and colours."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_pinball_loss

from transferz.baselines.benchmark.tables import band_columns
from transferz.baselines.methods.common import (
    Deterministic,
    Floats,
    features,
    labels,
    scale,
    validation_loss,
)
from transferz.baselines.methods.conformal import SplitConformal, SplitConformalByMagnitude
from transferz.baselines.scores.probability import Prediction, Quantiles, pit_ks

MAX_TREES, RATE = 1000, 0.05
POINT_LOSSES = ("squared_error", "absolute_error")

LEVELS = (0.02, 0.05, 0.1, 0.16, 0.3, 0.5, 0.7, 0.84, 0.9, 0.95, 0.98)
"""Quantiles that `QuantileTrees` forecast, the ends of the scored intervals too (our choice)."""

MIDDLE = LEVELS.index(0.5)

GAPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
"""Least differences of neighbouring quantiles, in units of 1 + z, to choose from (our choice)."""

CITATION = "Pedregosa et al. 2011, JMLR 12, 2825 (scikit-learn); Ke et al. 2017 (LightGBM)"


class BoostedTrees(Deterministic):
    """Gradient-boosted trees; their loss and number have the least validation loss.

    A missing magnitude (NaN) is information to them, in training and after.
    """

    name = "Gradient-boosted trees"
    missing_magnitudes = True
    citation = CITATION
    description = "scikit-learn's HistGradientBoostingRegressor on magnitudes and colours"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Grow trees for each loss and keep the better; the seed has no influence."""
        self.bands = band_columns(train)
        learned, held_out = ((features(t, self.bands), labels(t)) for t in (train, validation))
        grown = [Boosted(learned, held_out, validation_loss, loss=kind) for kind in POINT_LOSSES]
        self.trees = min(grown, key=lambda trees: trees.loss)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a point for each galaxy."""
        return Prediction(self.trees.predict(features(table, self.bands)))


class QuantileTrees(Deterministic):
    """Gradient-boosted trees for each of 11 quantiles; the point is the median.

    Each quantile's number of trees has the least pinball loss on the validation set. Trees grown
    apart give quantiles that cross or nearly coincide; those are moved away from the median until
    they are some least difference apart, the one that brings the PITs of the validation set
    nearest to uniform (our choice). A missing magnitude (NaN) is information to them.
    """

    name = "Gradient-boosted quantiles"
    missing_magnitudes = True
    citation = CITATION
    description = "scikit-learn's HistGradientBoostingRegressor for each of 11 quantiles"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Grow trees for each quantile; the seed has no influence."""
        self.bands = band_columns(train)
        learned, held_out = ((features(t, self.bands), labels(t)) for t in (train, validation))

        def grow(level: float) -> Boosted:
            def pinball_loss(predicted: Floats, true: Floats) -> float:
                return float(mean_pinball_loss(true, predicted, alpha=level))

            return Boosted(learned, held_out, pinball_loss, loss="quantile", quantile=level)

        self.trees = [grow(level) for level in LEVELS]
        values, true = self._crossing(validation), labels(validation)

        def unevenness(gap: float) -> float:
            return float(pit_ks(Quantiles(np.array(LEVELS), spread(values, gap)).cdf(true)))

        self.gap = min(GAPS, key=unevenness)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast quantiles and their median for each galaxy."""
        values = spread(self._crossing(table), self.gap)
        return Prediction(values[:, MIDDLE], levels=LEVELS, quantiles=values)

    def _crossing(self, table: pd.DataFrame) -> Floats:
        """Return quantiles as the trees have them, shape (N, 11)."""
        inputs = features(table, self.bands)
        return np.column_stack([trees.predict(inputs) for trees in self.trees])


class ConformalTrees(SplitConformal):
    """Gradient-boosted trees with intervals from the calibration split."""

    around = BoostedTrees
    name = "Gradient-boosted trees, conformal"
    description = "Intervals z_pred ± q (1 + z_pred) from the calibration split"


class ConformalTreesByMagnitude(SplitConformalByMagnitude):
    """Gradient-boosted trees with intervals from calibration galaxies of like i magnitude."""

    around = BoostedTrees
    name = "Gradient-boosted trees, conformal by magnitude"
    description = "Intervals z_pred ± q (1 + z_pred), calibrated in bins of i magnitude"


class Boosted:
    """Trees, and after how many of them to stop: where validation galaxies have the least loss.

    Sets are features (N, F) and redshifts (N,); `measure` takes predicted and true redshifts, and
    `settings` are those of scikit-learn's HistGradientBoostingRegressor. The least loss over
    numbers of trees is `loss`, the number that has it `count`.
    """

    def __init__(
        self,
        training: tuple[Floats, Floats],
        validation: tuple[Floats, Floats],
        measure: Callable[[Floats, Floats], float],
        **settings: Any,
    ) -> None:
        self.model = HistGradientBoostingRegressor(
            learning_rate=RATE, early_stopping=False, random_state=0, max_iter=MAX_TREES, **settings
        ).fit(*training)
        inputs, true = validation
        losses = [measure(predicted, true) for predicted in self.model.staged_predict(inputs)]
        self.loss, self.count = min(losses), int(np.argmin(losses)) + 1

    def predict(self, inputs: Floats) -> Floats:
        """Forecast with the first `count` trees, shape (N,)."""
        if not len(inputs):
            return np.empty(0)
        return next(islice(self.model.staged_predict(inputs), self.count - 1, None))


def spread(values: Floats, gap: float) -> Floats:
    """Move quantiles (N, 11) away from the median to be at least ``gap (1 + median)`` apart."""
    upper, lower = values[:, MIDDLE:], values[:, MIDDLE::-1]
    least = gap * scale(values[:, MIDDLE])[:, None] * np.arange(MIDDLE + 1)
    upper = np.maximum.accumulate(upper - least, axis=1) + least
    lower = np.minimum.accumulate(lower + least, axis=1) - least
    return np.column_stack([lower[:, :0:-1], upper])
