"""Cut galaxies into the bins in which scores are given.

Bins of true redshift tell how good forecasts are of galaxies that lie there; on the sky nobody
knows which those are, so there are bins of predicted redshift too, in which each seed's own
forecast decides. Bins of magnitude and of colour need the bands i and g. All are open below and
closed above; the outermost have no end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import single

REDSHIFT_EDGES = (0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 2.0, 2.5, 3.0)
"""Of true and predicted redshift; 0.3 and 1.5 end the cosmological range (our choice)."""

I_MAGNITUDE_EDGES = (19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0)
"""Of the i magnitude; 25 is the depth of LSST's requirements (our choice)."""

COLOUR_EDGES = (0.5, 1.0, 1.5, 2.0, 2.5)
"""Of g - i (our choice)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin: its ends, None where it has none, and who is in it.

    `members` has shape (N,), or (S, N) where each seed's own forecasts decide. `middle` is their
    median, None where there are none.
    """

    low: float | None
    high: float | None
    members: npt.NDArray[np.bool_]
    middle: float | None

    @property
    def ends(self) -> dict[str, float | None]:
        """The ends and the middle, as entries have them."""
        return {"from": self.low, "to": self.high, "middle": self.middle}


def binnings(
    redshift: npt.ArrayLike,
    predicted: npt.ArrayLike,
    i_magnitude: npt.ArrayLike,
    g_magnitude: npt.ArrayLike | None = None,
) -> dict[str, list[Bin]]:
    """Put galaxies into bins of every kind that their bands allow.

    `redshift` (N,) is the true or label redshift, `predicted` (S, N) each seed's forecasts; AB
    magnitudes (N,) are NaN throughout without the band. Returns the bins ``true_redshift`` and
    ``predicted_redshift``, and ``i`` and ``g-i`` where there are the bands.
    """
    kinds = {
        "true_redshift": cut(redshift, REDSHIFT_EDGES),
        "predicted_redshift": cut(predicted, REDSHIFT_EDGES),
    }
    i = np.asarray(i_magnitude, np.float64)
    if np.isnan(i).all():
        return kinds
    kinds["i"] = cut(i, I_MAGNITUDE_EDGES)
    g = np.full(i.shape, np.nan) if g_magnitude is None else np.asarray(g_magnitude, np.float64)
    if not np.isnan(g).all():
        kinds["g-i"] = cut(g - i, COLOUR_EDGES)
    return kinds


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
