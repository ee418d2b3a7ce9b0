"""Galaxies told again by their magnitudes, as far as the digits of these tell galaxies apart.

Ids can be renumbered and positions be absent, but magnitudes that are equal to the last digit in
all bands are no chance: unless there are few digits, few bands and many galaxies.
"""

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.schemas.errors import InputError

DIGITS = 4
"""Decimals up to which magnitudes may be called rounded."""

FLOAT32_STEP = 2.0**-19
"""Of magnitudes from 16 to 32."""

PROBED = 4096
"""Test galaxies at most by which the expected chance is found (our choice)."""

FACTOR, SIGMAS = 2.0, 3.0
"""How many times the expected number, and standard deviations more, are no chance (our choice)."""

TELLING = 3
"""Magnitudes that tell a galaxy by their last digit (our choice)."""

Floats = npt.NDArray[np.float64]


def refuse_shared(
    learned: pd.DataFrame, tested: pd.DataFrame, bands: Sequence[str], name: str, test_name: str
) -> None:
    """Refuse galaxies to learn from that have the very magnitudes of galaxies to test on.

    Magnitudes are compared to the digits of whichever table has fewer; of test galaxies with fewer
    than `TELLING` of them nothing is said. The InputError says how many
    are the same, and calls the two tables `name` and `test_name`. Where so many are so by chance, a
    line on stderr says that magnitudes tell nothing.
    """
    ours, theirs = (one[list(bands)].to_numpy(np.float64) for one in (learned, tested))
    theirs = theirs[np.isfinite(theirs).sum(axis=1) >= min(TELLING, len(bands))]
    steps = np.array([max(step(ours[:, k]), step(theirs[:, k])) for k in range(len(bands))])
    ours, theirs = (_in_steps(values, steps) for values in (ours, theirs))
    keys = [str(k) for k in range(len(bands))]
    different = pd.DataFrame(ours, columns=keys).drop_duplicates()
    shared = len(pd.DataFrame(theirs, columns=keys).merge(different, on=keys))
    if not shared:
        return
    digits = f"rounded to {steps.max():g} mag" if steps.any() else "the same"
    chance = expected_by_chance(ours, theirs)
    if shared > FACTOR * chance + SIGMAS * np.sqrt(chance):
        expected = f"; {chance:,.0f} would be by chance" if chance >= 0.5 else ""
        raise InputError(
            f"{name}: {shared:,} of the {len(tested):,} galaxies of {test_name} are learned "
            f"from under another id: the magnitudes are {digits}{expected}; leave them out of one "
            "of the two"
        )
    sys.stderr.write(
        f"{name}: {shared:,} of the {len(tested):,} galaxies of {test_name} have the magnitudes of "
        f"a galaxy learned from, {digits}; about as many ({chance:,.0f}) have so by chance, so "
        "that magnitudes can't tell whether they are the same: ids and positions can\n"
    )


def step(values: Floats) -> float:
    """Return the step that numbers are rounded to, such as 0.01; 0 where they are not."""
    values = values[np.isfinite(values)]
    for digits in range(DIGITS + 1):
        # float32 holds a magnitude of 30 to 2e-6
        if np.allclose(values, values.round(digits), rtol=0.0, atol=4e-6):
            return float(10.0**-digits)
    return 0.0


def _in_steps(values: Floats, steps: Floats) -> Floats:
    """Count magnitudes in steps of each band; float32's own are the steps of those of none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        counted = np.rint(values / steps)
    return np.where(steps > 0.0, counted, values.astype(np.float32) / FLOAT32_STEP)


def expected_by_chance(ours: Floats, theirs: Floats) -> float:
    """Return how many of theirs have the numbers of one of ours if all are different galaxies.

    Magnitudes in steps have shape (N, B). The galaxies of the cells around a cell, at most one step
    away in each band, say how many are to be expected within it; those that lack a band are left
    out.
    """
    from scipy.spatial import cKDTree

    ours, theirs = (one[np.isfinite(one).all(axis=1)] for one in (ours, theirs))
    if not (len(ours) and len(theirs)):
        return 0.0
    probed = theirs[:: -(-len(theirs) // PROBED)]
    tree = cKDTree(ours)
    around, within = (
        tree.query_ball_point(probed, reach, p=np.inf, return_length=True) for reach in (1.5, 0.5)
    )
    expected = (around - within) / (3.0 ** ours.shape[1] - 1.0)
    return float((1.0 - np.exp(-expected)).sum() * len(theirs) / len(probed))
