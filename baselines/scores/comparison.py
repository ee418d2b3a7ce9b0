"""Two methods on the same galaxies: how many times larger the errors of one are."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from transferz.baselines.scores.bootstrap import DRAWS, Draws, ratio, replicate
from transferz.baselines.scores.evaluation import Forecasts, range_masks
from transferz.baselines.scores.truth import HEADLINES, finite


def compare(
    above: Forecasts,
    below: Forecasts,
    names: Sequence[str] = HEADLINES,
    draws: Draws = DRAWS,
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Ratios of one method's metrics to another's.

    Parameters
    ----------
    above, below : Forecasts
        Of two methods, for the same galaxies in the same order.
    names : sequence of str
        Metrics to compare.
    draws : Draws
        Resamples of galaxies; its seed draws seeds too.

    Returns
    -------
    dict
        Range (as of `evaluate`) -> metric -> ``value``, ``error``, ``low`` and ``high`` of
        `transferz.baselines.scores.bootstrap.ratio`; None where it is no number.

    Raises
    ------
    ValueError
        Where the galaxies are not the same.
    """
    if not np.array_equal(above.redshift, below.redshift):
        raise ValueError("the two methods' forecasts are not for the same galaxies")
    return {
        part: _compare(above.take(rows), below.take(rows), names, draws)
        for part, rows in range_masks(above).items()
    }


def _compare(
    above: Forecasts, below: Forecasts, names: Sequence[str], draws: Draws
) -> dict[str, dict[str, Any]]:
    ups, downs = (
        replicate(one.predicted, one.redshift, names, draws=draws) for one in (above, below)
    )
    intervals = {name: asdict(ratio(ups, downs, name, draws.seed)) for name in names}
    return {
        name: {key: finite(number) for key, number in interval.items()}
        for name, interval in intervals.items()
    }
