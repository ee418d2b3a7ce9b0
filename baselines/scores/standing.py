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


def standing(losses: Sequence[float], pairs: npt.ArrayLike, margin: float) -> list[Mark]:
    """Mark K methods by their losses and by how all pairs of them differ.

    Parameters
    ----------
    losses : sequence of float, length K
        Less is better.
    pairs : array_like, shape (K, K, 3)
        Loss of the row's method less that of the column's, half the width of the difference's 95 %
        interval, and its two-sided p-value; NaN where a pair has none. The diagonal is not read.
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
    >>> near, far = (0.01, 0.02, 0.3), (0.5, 0.02, 1e-9)
    >>> less, least, none = (-0.01, 0.02, 0.3), (-0.5, 0.02, 1e-9), (0.0, 0.0, 1.0)
    >>> pairs = [[none, less, least], [near, none, least], [far, far, none]]
    >>> [str(mark) for mark in standing([0.2, 0.21, 0.7], pairs, margin=0.05)]
    ['*', '=', '']
    """
    count = len(losses)
    values = np.array(pairs, np.float64).reshape(count, count, 3)
    values[np.arange(count), np.arange(count)] = (0.0, 0.0, 1.0)
    difference, half, p = np.moveaxis(values, -1, 0)
    # Bonferroni over those that may beat it; two-sided p, since a bias near 0 is a folded one.
    beaten = np.any((difference > 0.0) & (p * (count - 1) < SIGNIFICANCE), axis=1).tolist()
    # Of all others, whichever is the best: no correction is needed.
    near = np.all(difference + half <= margin, axis=1).tolist()
    marks = [Mark.WORSE if worse else Mark.OPEN for worse in beaten]
    for place, method in enumerate(np.argsort(losses, kind="stable")):
        if place and not near[method]:
            break
        marks[method] = Mark.EQUAL if place else Mark.BEST
    return marks
