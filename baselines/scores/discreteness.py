"""Tell how discrete point forecasts are: whether many galaxies have the very same redshift.

Modes of densities on a grid lie on its points, and trees or template fits know few values; peaks at
single values then look like structure in the sky (asked for in RAIL's issue 108).
"""

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array, single

MOST_COMMON = 10
"""Values that `discreteness` counts the galaxies of (our choice)."""


def discreteness(predicted: npt.ArrayLike) -> dict[str, Array]:
    """Count different forecasts, and the galaxies on the most common of them.

    Parameters
    ----------
    predicted : array_like, shape (S, N)
        Redshifts of N galaxies, at least 1, by S seeds, without NaN; equal are those that are the
        same in float32.

    Returns
    -------
    dict
        Each of shape (S,):

        - ``distinct``: how many different values there are;
        - ``most_common``: share of galaxies on the 10 most common values; 10 / N where all differ.

    Examples
    --------
    >>> found = discreteness([[0.5] * 8 + list(range(12))])
    >>> found["distinct"].tolist(), found["most_common"].tolist()
    ([13.0], [0.85])
    """
    rows = single(predicted)
    counts = [np.unique(row, return_counts=True)[1] for row in rows]
    common = [np.sort(one)[-MOST_COMMON:].sum() / rows.shape[1] for one in counts]
    return {
        "distinct": np.array([one.size for one in counts], np.float64),
        "most_common": np.array(common),
    }
