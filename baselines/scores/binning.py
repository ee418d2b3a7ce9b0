"""Cut galaxies into the bins in which scores are given.

Bins of true redshift tell how good forecasts are of galaxies that lie there; on the sky nobody
knows which those are, so there are bins of predicted redshift too, in which each seed's own
forecast decides. Bins of magnitude and of colour need HSC's bands. All are open below and closed
above; the outermost have no end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array, single
from transferz.schemas.survey.magnitudes import magnitude_name

REDSHIFT_EDGES = (0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 2.0, 2.5, 3.0)
"""Of true and predicted redshift; 0.3 and 1.5 end the cosmological range (our choice)."""

I_MAGNITUDE_EDGES = (19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0)
"""Of the i magnitude; 25 is the depth of LSST's requirements (our choice)."""

COLOUR_EDGES = (0.5, 1.0, 1.5, 2.0, 2.5)
"""Of g - i (our choice)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin.

    Attributes
    ----------
    low, high : float or None
        Its ends; None where it has none.
    members : ndarray of bool, shape (N,) or (S, N)
        Which galaxies are in it; for each seed, where its forecasts decide.
    middle : float or None
        Median of the members, None where there is none.
    """

    low: float | None
    high: float | None
    members: npt.NDArray[np.bool_]
    middle: float | None


def binnings(
    redshift: npt.ArrayLike,
    predicted: npt.ArrayLike,
    magnitudes: npt.ArrayLike,
    bands: Sequence[str],
) -> dict[str, list[Bin]]:
    """Put galaxies into bins of every kind that the bands allow.

    Parameters
    ----------
    redshift : array_like, shape (N,)
        True (or label) redshifts.
    predicted : array_like, shape (S, N)
        Forecasts of each seed.
    magnitudes : array_like, shape (N, B)
        AB magnitudes.
    bands : sequence of str
        Their columns' names.

    Returns
    -------
    dict of str to list of Bin
        ``true_redshift`` and ``predicted_redshift``; ``i`` and ``g-i`` where `find_band` finds
        the bands.
    """
    kinds = {
        "true_redshift": cut(redshift, REDSHIFT_EDGES),
        "predicted_redshift": cut(predicted, REDSHIFT_EDGES),
    }
    g, i = (find_band(magnitudes, bands, band) for band in "gi")
    if i is not None:
        kinds["i"] = cut(i, I_MAGNITUDE_EDGES)
    if g is not None and i is not None:
        kinds["g-i"] = cut(g - i, COLOUR_EDGES)
    return kinds


def find_band(magnitudes: npt.ArrayLike, bands: Sequence[str], band: str) -> Array | None:
    """Return the magnitudes, shape (N,), of the column named as HSC's is, or by the bare letter."""
    for name in (magnitude_name(band), band):
        if name in bands:
            return np.asarray(magnitudes, dtype=np.float64)[:, list(bands).index(name)]
    return None


def cut(values: npt.ArrayLike, edges: Sequence[float]) -> list[Bin]:
    """Cut values, shape (N,) or (S, N), into bins at these edges; NaN is in none.

    Examples
    --------
    >>> [(b.low, b.high, int(b.members.sum())) for b in cut([0.1, 0.5, 0.7], (0.5, 1.0))]
    [(None, 0.5, 2), (0.5, 1.0, 1), (1.0, None, 0)]
    """
    released, bins = single(values), []
    for low, high in pairwise((None, *edges, None)):
        members = ~np.isnan(released)
        if low is not None:
            members &= released > low
        if high is not None:
            members &= released <= high
        middle = float(np.median(released[members])) if members.any() else None
        bins.append(Bin(low, high, members, middle))
    return bins
