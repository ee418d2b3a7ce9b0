"""Forecast with the k nearest neighbours in magnitudes and colours."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from transferz.baselines.benchmark.tables import band_columns
from transferz.baselines.methods.common import (
    Deterministic,
    Floats,
    complete_features,
    labels,
    validation_loss,
)
from transferz.baselines.scores.probability import Prediction, Samples

NEIGHBOUR_COUNTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
FEWEST_SAMPLES = 5
"""Of a distribution: fewer neighbours say little of its width (our choice)."""


class Nearest(Deterministic):
    """The mean redshift of the k nearest neighbours in standardised magnitudes and colours.

    k, and whether neighbours count alike or by their inverse distance, are those of least loss
    (Tanaka et al. 2018) on the validation set. The distribution is a sample: the redshifts of the
    nearest neighbours, as many as have the least mean CRPS on the validation set.
    """

    name = "k-nearest neighbours"
    citation = "Pedregosa et al. 2011, JMLR 12, 2825 (scikit-learn)"
    description = "Mean and sample of the nearest neighbours' redshifts; magnitudes and colours"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Keep the training set and choose the numbers of neighbours; the seed has no influence.

        An `InputError` says where a magnitude is missing.
        """
        self.bands = band_columns(train)
        training_features = complete_features(train, self.bands, self.name)
        self.scaler = StandardScaler().fit(training_features)
        self.search = NearestNeighbors().fit(self.scaler.transform(training_features))
        self.redshift = labels(train)

        # What is best on the validation set: numbers of neighbours, and their weights.
        true = labels(validation)
        counts = [count for count in NEIGHBOUR_COUNTS if count <= len(self.redshift)]
        distance, redshift = self._neighbours(validation, counts[-1])

        def point_loss(choice: tuple[int, str]) -> float:
            count, weights = choice
            point = weighted_mean(distance[:, :count], redshift[:, :count], weights)
            return validation_loss(point, true)

        def crps(count: int) -> float:
            return float(Samples(redshift[:, :count]).crps(true).mean())

        choices = [(count, weights) for count in counts for weights in ("uniform", "distance")]
        self.count, self.weights = min(choices, key=point_loss)
        enough = [count for count in counts if count >= FEWEST_SAMPLES]
        self.sample_count = min(enough or counts[-1:], key=crps)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast; raises an `InputError` where a magnitude is missing."""
        distance, redshift = self._neighbours(table, max(self.count, self.sample_count))
        point = weighted_mean(distance[:, : self.count], redshift[:, : self.count], self.weights)
        return Prediction(point, samples=redshift[:, : self.sample_count])

    def _neighbours(self, table: pd.DataFrame, count: int) -> tuple[Floats, Floats]:
        """Return distances and redshifts of the nearest, nearest first, both (N, count)."""
        if table.empty:
            return np.empty((0, count)), np.empty((0, count))
        positions = self.scaler.transform(complete_features(table, self.bands, self.name))
        distance, rows = self.search.kneighbors(positions, n_neighbors=count)
        return distance, self.redshift[rows]


def weighted_mean(distance: Floats, redshift: Floats, weights: str) -> Floats:
    """Return the mean redshift, shape (N,), of neighbours (N, K), as scikit-learn's regressor does.

    With ``weights="distance"`` they count by their inverse distance; where some are at distance 0,
    those alone count.
    """
    if weights == "uniform":
        return redshift.mean(axis=1)
    with np.errstate(divide="ignore"):
        weight = 1.0 / distance
    same = np.isinf(weight)
    weight = np.where(same.any(axis=1, keepdims=True), same, weight)
    return np.asarray((weight * redshift).sum(axis=1) / weight.sum(axis=1))
