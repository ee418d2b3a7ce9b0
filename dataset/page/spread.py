"""How far labels lie from references: the conventional bias, scatter and outlier rate."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OUTLIER = 0.15
"""abs(dz) beyond which a label is an outlier (the field's usual bound)."""

MAD_TO_SIGMA = 1.4826


class Spread(NamedTuple):
    """Of dz = (label - reference) / (1 + reference).

    Attributes
    ----------
    bias : float
        Median of dz.
    scatter : float
        1.4826 times the median absolute deviation from it.
    outliers : float
        Share of rows with abs(dz) > 0.15.
    """

    bias: float
    scatter: float
    outliers: float


def spread(labels: NDArray[Any], references: NDArray[Any]) -> Spread:
    """Measure how labels differ from references.

    Parameters
    ----------
    labels, references : float64 array (n,)
        Redshifts of the same galaxies, at least one.
    """
    dz = (labels - references) / (1 + references)
    bias = np.median(dz)
    scatter = MAD_TO_SIGMA * np.median(np.abs(dz - bias))
    return Spread(float(bias), float(scatter), float(np.mean(np.abs(dz) > OUTLIER)))
