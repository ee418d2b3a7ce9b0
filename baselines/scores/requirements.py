"""Judge whether a method meets LSST's requirements on photometric redshifts.

The limits are those of the LSST Science Requirements Document as Soriano et al. 2024
(arXiv:2411.18054) quote them. LSST states them for galaxies of i < 25 at 0.3 < z < 3.0; the
paper's group applies them at 0.3 < z <= 1.5. Both are given.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import single

LIMITS: MappingProxyType[str, float] = MappingProxyType(
    {"bias": 0.003, "scatter": 0.02, "outlier_rate_3sigma": 0.10}
)
"""Metric -> what its absolute value must stay below."""

LSST_RANGE = (0.3, 3.0)
"""True redshifts, open at both ends."""

LSST_DEPTH = 25.0
"""i magnitude, open."""


def in_lsst_range(true: npt.ArrayLike, i_magnitude: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Say where ``0.3 < z_true < 3.0`` and ``i < 25``.

    Examples
    --------
    >>> in_lsst_range([0.2, 0.5, 0.5], [22.0, 22.0, 25.5])
    array([False,  True, False])
    """
    low, high = LSST_RANGE
    redshift = single(true)
    return (redshift > low) & (redshift < high) & (single(i_magnitude) < LSST_DEPTH)


def verdicts(metrics: Mapping[str, Mapping[str, Any]], seeds: int) -> dict[str, dict[str, Any]]:
    """Judge a method by the mean over so many `seeds`.

    `metrics` holds, by metric, ``mean``, ``spread`` over seeds and ``error`` over galaxies, as
    `transferz.baselines.scores.bootstrap.summary` has them. Returned is, by metric, a `verdict`.
    """
    return {name: verdict(metrics[name], limit, seeds) for name, limit in LIMITS.items()}


def verdict(summed: Mapping[str, Any], limit: float, seeds: int) -> dict[str, Any]:
    """Judge one metric, summed up as of `verdicts`, by its limit.

    Returned are ``value``, ``limit``, ``met``, ``error`` and ``sure``. `error` is that of the mean:
    the error over galaxies and spread / sqrt(seeds), added in quadrature. `sure` says that the
    value is further from the limit than its error. Where there is no galaxy to judge by, `value`
    and `error` are None and nothing is met or sure.

    >>> found = verdict({"mean": -0.004, "spread": None, "error": 0.002}, 0.003, seeds=1)
    >>> found["met"], found["sure"]
    (False, False)
    """
    value, error = summed["mean"], summed["error"]
    if value is None or error is None:
        return {"value": value, "limit": limit, "met": False, "error": None, "sure": False}
    error = math.hypot(error, (summed["spread"] or 0.0) / math.sqrt(seeds))
    return {
        "value": value,
        "limit": limit,
        "met": abs(value) < limit,
        "error": error,
        "sure": abs(abs(value) - limit) > error,
    }
