"""Forecast a Gaussian with a Gaussian process on some of the training galaxies."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

from transferz.baselines.benchmark.tables import band_columns
from transferz.baselines.methods.common import Floats, complete_features, labels
from transferz.baselines.scores.probability import GaussianMixture, Prediction

KNOWN, TUNED = 3000, 500
"""Training galaxies that forecasts are made from, and that the kernel is fitted to (our choice)."""


class GaussianProcess:
    """A Gaussian process of log(1 + z) in a magnitude and the colours of neighbouring bands.

    Its kernel is Matérn's with ν = 3/2 and a length per feature, and white noise. The lengths have
    the largest marginal likelihood of `TUNED` galaxies, drawn by the seed as the `KNOWN` are. The
    Gaussian in log(1 + z) is taken for one in z, of 1 + z times its width.
    """

    name = "Gaussian process"
    train = ""  # all that there is
    version = "1"
    citation = "Rasmussen & Williams 2006; Pedregosa et al. 2011 (scikit-learn)"
    description = f"Matérn 3/2 kernel on {KNOWN} training galaxies; a magnitude and colours"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Fit the kernel; the validation set is not used."""
        self.bands = band_columns(train)
        rows = np.random.default_rng(seed).permutation(len(train))[:KNOWN]
        features, target = self._features(train)[rows], np.log1p(labels(train))[rows]
        self.scaler = StandardScaler().fit(features)
        features = self.scaler.transform(features)
        lengths = np.full(features.shape[1], 3.0)
        kernel = ConstantKernel() * Matern(lengths, (0.1, 1e3), nu=1.5) + WhiteKernel(0.05)
        tuned = GaussianProcessRegressor(kernel, normalize_y=True).fit(
            features[:TUNED], target[:TUNED]
        )
        self.process = GaussianProcessRegressor(tuned.kernel_, optimizer=None, normalize_y=True)
        self.process.fit(features, target)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a Gaussian for each galaxy; an `InputError` where a magnitude is missing."""
        if table.empty:
            return Prediction(np.empty(0))
        features = self.scaler.transform(self._features(table))
        mean, sigma = self.process.predict(features, return_std=True)
        point = np.expm1(mean)
        gaussian = GaussianMixture(
            np.ones((len(point), 1)), point[:, None], (sigma * (1.0 + point))[:, None]
        )
        return Prediction(point, mixture=gaussian)

    def _features(self, table: pd.DataFrame) -> Floats:
        """Return the magnitude of the middle band and the colours of neighbours, shape (N, B)."""
        features, count = complete_features(table, self.bands, self.name), len(self.bands)
        return features[:, [count // 2, *range(count, 2 * count - 1)]]
