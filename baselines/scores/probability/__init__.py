"""Forecasts with a width: how a method hands them in, and how good they are.

A method returns a `Prediction`: a point, and at most one of samples, quantiles, a PDF on a grid or
a Gaussian mixture. `per_galaxy` scores each galaxy, `score_probability` sums galaxies up.
"""

from transferz.baselines.scores.probability.distribution import Distribution
from transferz.baselines.scores.probability.mixture import GaussianMixture, Samples
from transferz.baselines.scores.probability.piecewise import GridPDF, Quantiles
from transferz.baselines.scores.probability.prediction import Prediction
from transferz.baselines.scores.probability.scores import (
    PER_GALAXY,
    PROBABILITY_METRICS,
    SUMMED,
    missing_forecasts,
    per_galaxy,
    pit_ad,
    pit_cvm,
    pit_histogram,
    pit_ks,
    score_probability,
)

__all__ = [
    "PER_GALAXY",
    "PROBABILITY_METRICS",
    "SUMMED",
    "Distribution",
    "GaussianMixture",
    "GridPDF",
    "Prediction",
    "Quantiles",
    "Samples",
    "missing_forecasts",
    "per_galaxy",
    "pit_ad",
    "pit_cvm",
    "pit_histogram",
    "pit_ks",
    "score_probability",
]
