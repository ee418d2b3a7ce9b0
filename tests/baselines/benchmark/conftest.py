"""Methods to run: a plain one, and some that cheat or fail."""

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark import GaussianMixture, Prediction, magnitudes
from transferz.releases import find_release


class Linear:
    """Least squares on magnitudes, with noise of its seed."""

    train = "combo"
    version = "2"

    def fit(self, train, validation, *, seed):
        self.weights, *_ = np.linalg.lstsq(design(train), train["redshift"], rcond=None)
        self.noise = 0.01 * np.random.default_rng(seed).normal()

    def predict(self, table):
        return Prediction(design(table) @ self.weights + self.noise)


class Wide(Linear):
    """The same with a width."""

    name = "Linear with a width"

    def predict(self, table):
        point = super().predict(table).point[:, None]
        widths = np.full_like(point, 0.1)
        return Prediction(point[:, 0], mixture=GaussianMixture(np.ones_like(point), point, widths))


class Calibrated(Linear):
    """Intervals as wide as the calibration set asks for."""

    def calibrate(self, calibration):
        self.seen = calibration["config"].unique().tolist()
        residual = calibration["redshift"] - Linear.predict(self, calibration).point
        self.ends = np.quantile(residual, [0.05, 0.16, 0.84, 0.95])

    def predict(self, table):
        point = super().predict(table).point
        return Prediction(
            point, levels=[0.05, 0.16, 0.84, 0.95], quantiles=point[:, None] + self.ends
        )


def design(table: pd.DataFrame) -> np.ndarray:
    return np.column_stack([magnitudes(table), np.ones(len(table))])


@pytest.fixture
def release(tiny_release):
    return find_release(tiny_release)


@pytest.fixture(name="Linear")
def _linear():
    return Linear


@pytest.fixture(name="Wide")
def _wide():
    return Wide


@pytest.fixture(name="Calibrated")
def _calibrated():
    return Calibrated
