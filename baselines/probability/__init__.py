"""Forecasts with a width: how a method hands them in, and how good they are.

A method returns a `Prediction`: a point, and at most one of samples, quantiles, a PDF on a grid or
a Gaussian mixture. `per_galaxy` scores each galaxy, `score_probability` sums galaxies up.
"""

from transferz.baselines.probability.distribution import Distribution
from transferz.baselines.probability.grid import GridPDF
from transferz.baselines.probability.mixture import GaussianMixture
from transferz.baselines.probability.prediction import Prediction
from transferz.baselines.probability.quantiles import Quantiles
from transferz.baselines.probability.samples import Samples
from transferz.baselines.probability.scores import (
    PER_GALAXY,
    PROBABILITY_METRICS,
    per_galaxy,
    score_probability,
)
from transferz.baselines.probability.uniformity import pit_ad, pit_cvm, pit_histogram, pit_ks

__all__ = [
    "PER_GALAXY",
    "PROBABILITY_METRICS",
    "Distribution",
    "GaussianMixture",
    "GridPDF",
    "Prediction",
    "Quantiles",
    "Samples",
    "per_galaxy",
    "pit_ad",
    "pit_cvm",
    "pit_histogram",
    "pit_ks",
    "score_probability",
]
