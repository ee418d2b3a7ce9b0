"""Forecast as somebody would who has seen the training set and no photometry."""

from typing import Self

import numpy as np
import pandas as pd

from transferz.baselines.methods.common import Deterministic, labels
from transferz.baselines.scores.probability import Prediction

SAMPLES = 199
"""Quantiles that stand for the training set's redshifts (our choice)."""


class TrainingMedian(Deterministic):
    """The median redshift of the training set for every galaxy: the scale of knowing nothing.

    Its distribution is that of the training set's redshifts, the same for every galaxy too.
    """

    name = "Training median"
    citation = ""
    description = "The training set's median redshift for all; the distribution is its redshifts'"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Learn the redshifts' distribution; the seed has no influence."""
        levels = np.arange(1, SAMPLES + 1) / (SAMPLES + 1)
        self.samples = np.quantile(labels(train), levels)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast the same for each galaxy."""
        samples = np.broadcast_to(self.samples, (len(table), SAMPLES))
        return Prediction(np.full(len(table), np.median(self.samples)), samples=samples)
