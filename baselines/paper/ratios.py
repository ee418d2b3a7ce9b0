"""How many times smaller than NN-Base's the errors of the other baselines are."""

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.leaderboard.entries import Run
from transferz.baselines.paper.tables import PaperTable
from transferz.baselines.scores.bootstrap import Interval, Replicates, ratio
from transferz.baselines.scores.metrics import (
    OUTLIER_LIMIT,
    Array,
    in_cosmological_range,
    normalised_error,
    rmse,
)
from transferz.schemas.benchmark.scores import COSMOLOGICAL, NONE, RANGES, SETS, Config, Metric

REFERENCE, SHOWN = "nn_base", "nn_tl"
Mask = npt.NDArray[np.bool_]

COMPARED: MappingProxyType[Metric, str] = MappingProxyType(
    {"bias": "abs(bias)", "rmse": "RMS", "catastrophic_rate": "catastrophic rate"}
)

PUBLISHED: MappingProxyType[Metric, float] = MappingProxyType(
    {"bias": 5.0, "rmse": 1.5, "catastrophic_rate": 1.3}
)
"""Of NN-TL and of NN-Combo, on the real GalaxiesML (Soriano et al. 2024, abstract)."""

PUBLISHED_NAME = "NN-TL and NN-Combo, Soriano et al. 2024"
PUBLISHED_ON: Config = "galaxiesml"

NOTES = (
    "Each is the value of NN-Base divided by that of the baseline, of means over seeds: above 1 "
    "the baseline is better. In brackets the 68 % interval, from resampling galaxies and seeds."
)
SHARED = "RMS without shared outliers"
SHARED_NOTES = (
    "Shared outliers are the {count} galaxies whose dz, the median over seeds, is beyond 0.15 for "
    "every baseline; they hold {share:.0f} % of NN-TL's sum of squared dz. They are found on the "
    "very forecasts that are scored: a look behind the RMS, no score."
)
OPPOSITE = "The paper finds the opposite here, without a number: both have worse RMS and bias."


def ratio_table(runs: Sequence[Run], config: Config, release: str) -> PaperTable | None:
    """Tabulate NN-Base's errors at 0.3 < z <= 1.5 over those of the others.

    Parameters
    ----------
    runs : sequence of Run
        The baselines.
    config : str
        Whose test split.
    release : str
        What the caption calls the release; of a mock, that it is one.

    Returns
    -------
    PaperTable or None
        None where NN-Base or all others are missing.
    """
    found = ratios(runs, config)
    if not found:
        return None
    titles = {run.key: run.entry.method.name for run in runs}
    shared = shared_outliers(runs, config)
    trimmed = rms_ratios(runs, config, ~shared)
    rows = [
        (titles[method], *(interval_text(one[metric]) for metric in COMPARED), trimmed[method])
        for method, one in found.items()
    ]
    held = 100 * share(runs, config, shared)
    notes = [NOTES, SHARED_NOTES.format(count=shared.sum(), share=held)]
    if config == PUBLISHED_ON:
        published = (f"{PUBLISHED[metric]:g}" for metric in COMPARED)
        rows.append((PUBLISHED_NAME, *published, NONE))
    else:
        notes.append(OPPOSITE)
    return PaperTable(
        label=f"ratios-{config}",
        caption=f"How many times smaller than NN-Base's, on the {SETS[config]} test split at "
        f"{RANGES[COSMOLOGICAL]}; {release}",
        header=("Baseline", *COMPARED.values(), SHARED),
        rows=tuple(rows),
        notes=" ".join(notes),
    )


def ratios(runs: Sequence[Run], config: Config) -> dict[str, dict[Metric, Interval]]:
    """Compare every baseline with NN-Base, galaxy by galaxy.

    Returns
    -------
    dict
        method -> metric -> NN-Base's value over the method's; empty where NN-Base is missing.
    """
    scored = {run.key: _replicate(run, config) for run in runs}
    base = scored.pop(REFERENCE, None)
    if base is None:
        return {}
    return {
        method: {metric: ratio(base, one, metric) for metric in COMPARED}
        for method, one in scored.items()
    }


def shared_outliers(runs: Sequence[Run], config: Config) -> Mask:
    """Find the galaxies at 0.3 < z <= 1.5 that no baseline gets right.

    Returns
    -------
    ndarray of bool, shape (N,)
        Where abs(dz), dz being the median over seeds, is beyond the outlier limit for all.
    """
    found = [np.median(_errors(run, config), axis=0) for run in runs]
    return np.logical_and.reduce([np.abs(dz) > OUTLIER_LIMIT for dz in found])


def rms_ratios(runs: Sequence[Run], config: Config, rows: Mask) -> dict[str, str]:
    """Write NN-Base's RMS over every baseline's, means over seeds, of some galaxies."""
    values = {run.key: rmse(_errors(run, config)[:, rows]).mean() for run in runs}
    return {method: f"{values[REFERENCE] / value:.2f}" for method, value in values.items()}


def share(runs: Sequence[Run], config: Config, rows: Mask) -> float:
    """Share of NN-TL's (or the last baseline's) sum of dz² that some galaxies hold."""
    named = {run.key: run for run in runs}
    square = np.square(_errors(named.get(SHOWN, runs[-1]), config)).sum(axis=0)
    return float(square[rows].sum() / square.sum())


def _errors(run: Run, config: Config) -> Array:
    tested = _tested(run, config)
    return normalised_error(tested.point, tested.redshift)


def _replicate(run: Run, config: Config) -> Replicates:
    return _tested(run, config).replicate_points(tuple(COMPARED))


def _tested(run: Run, config: Config) -> SetForecasts:
    """Return the forecasts at 0.3 < z <= 1.5."""
    tested = run.forecasts[config]
    return tested.take(in_cosmological_range(tested.redshift))


def interval_text(one: Interval) -> str:
    """Write a ratio with its interval; a dash where it is 0 to 0."""
    if math.isnan(one.value):
        return NONE
    return f"{_number(one.value)} ({_number(one.low)} to {_number(one.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "unbounded"
