"""Which methods are the best by a metric, which are as good, and which may be.

A method is not held against the one that happens to have the best value, which luck chose too,
but against every other: what may be the best is what none is shown to beat (Gupta 1965; Hsu 1984).
So one method that is known badly, from few seeds say, takes no mark from the others.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.paired import SIGNIFICANCE


class Mark(StrEnum):
    """What a method's value is, among those that were compared, as tables write it."""

    BEST = "*"
    EQUAL = "="
    OPEN = "~"
    WORSE = ""
    UNKNOWN = "?"


def standing(
    losses: Sequence[float],
    difference: npt.ArrayLike,
    half: npt.ArrayLike,
    p: npt.ArrayLike,
    margin: float,
) -> list[Mark]:
    """Mark K methods by their losses and by how all pairs of them differ.

    Parameters
    ----------
    losses : sequence of float, length K
        Less is better.
    difference, half, p : array_like, shape (K, K)
        Loss of the row's method less that of the column's, half the width of the difference's 95 %
        interval, and its two-sided p-value; NaN where a pair has none. Diagonals are not read.
    margin : float
        A loss that is larger by no more than this is as good.

    Returns
    -------
    list of Mark
        `BEST` is the least loss. `WORSE` is a method that another is shown to beat: the truly best
        method is called so with a chance of 5 % at most. `EQUAL` is one whose loss is shown to
        exceed that of no other by more than the margin: where it does, it is called so with a
        chance of 5 % at most. Nobody knows of the others, `OPEN`. No method is `EQUAL` below one
        that is not.

    Examples
    --------
    >>> difference = [[0.0, -0.01, -0.5], [0.01, 0.0, -0.5], [0.5, 0.5, 0.0]]
    >>> half, p = [[0.02] * 3] * 3, [[1.0, 0.3, 1e-9], [0.3, 1.0, 1e-9], [1e-9, 1e-9, 1.0]]
    >>> [str(mark) for mark in standing([0.2, 0.21, 0.7], difference, half, p, margin=0.05)]
    ['*', '=', '']
    """
    count = len(losses)
    gap, reach, chance = (np.array(each, np.float64) for each in (difference, half, p))
    for each, of_itself in ((gap, 0.0), (reach, 0.0), (chance, 1.0)):
        np.fill_diagonal(each, of_itself)
    # Bonferroni over those that may beat it; two-sided p, since a bias near 0 is a folded one.
    beaten = ((gap > 0.0) & (chance * (count - 1) < SIGNIFICANCE)).any(axis=1)
    near = (gap + reach <= margin).all(axis=1)  # of all others: no correction is needed
    marks = [Mark.WORSE if worse else Mark.OPEN for worse in beaten]
    for place, method in enumerate(np.argsort(losses, kind="stable")):
        if place and not near[method]:
            break
        marks[method] = Mark.EQUAL if place else Mark.BEST
    return marks
