"""How far redshifts lie from references: bias, scatter and outlier rate, as the field defines them.

The release's card, the comparison of releases, the mock's report and the benchmark's metrics all
take the two constants from here. `redshift_error` is for one array; the benchmark's own functions
work on many seeds at once.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

OUTLIER_LIMIT = 0.15
"""abs(dz) beyond which a redshift is an outlier (the field's usual bound)."""

MAD_TO_SIGMA = 1.4826
"""What makes a median absolute deviation the standard deviation of a normal distribution."""


class RedshiftError(NamedTuple):
    """Statistics of ``dz = (redshift - reference) / (1 + reference)``.

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


def redshift_error(redshifts: npt.NDArray[Any], references: npt.NDArray[Any]) -> RedshiftError:
    """Measure how redshifts differ from references.

    Parameters
    ----------
    redshifts, references : float64 array (n,)
        Redshifts of the same galaxies, at least one.

    Examples
    --------
    >>> redshift_error(np.array([0.5, 1.5]), np.array([0.5, 1.0]))
    RedshiftError(bias=0.125, scatter=0.185325, outliers=0.5)
    """
    dz = (redshifts - references) / (1 + references)
    bias = np.median(dz)
    scatter = MAD_TO_SIGMA * np.median(np.abs(dz - bias))
    outliers = np.mean(np.abs(dz) > OUTLIER_LIMIT)
    return RedshiftError(float(bias), float(scatter), float(outliers))
