"""What a method returned, checked: one forecast for each galaxy that was asked for."""

from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.loading import MethodError
from transferz.baselines.scores.probability import PER_GALAXY, Prediction, per_galaxy
from transferz.tables.cells import is_missing
from transferz.tables.printing import first_few

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def check_prediction(
    prediction: Any, identifiers: Ints, redshift: Floats, what: str, *, allow_missing: bool = False
) -> tuple[Floats, dict[str, Floats]]:
    """Check what `predict` returned, put it in order and score its distributions.

    Parameters
    ----------
    prediction : Prediction
        With as many points as galaxies, or with ids.
    identifiers : ndarray of int64, shape (N,)
        The galaxies that were asked for.
    redshift : ndarray, shape (N,)
        Their labels.
    what : str
        The method and its call, for messages.
    allow_missing : bool
        Whether some forecasts may be missing; never all.

    Returns
    -------
    point : ndarray, shape (N,)
        Redshifts; NaN where the forecast is missing.
    columns : dict of str to ndarray, shape (N,)
        Each of `PER_GALAXY`; empty for point forecasts.

    Raises
    ------
    MethodError
        Where it is no `Prediction`, has another length, names a galaxy twice or one that was not
        asked for, or forecasts are missing.
    """
    if not isinstance(prediction, Prediction):
        raise MethodError(
            f"{what} returned {type(prediction).__name__}; expected a Prediction: "
            "from transferz.baselines.benchmark import Prediction"
        )
    size, point, distribution = len(identifiers), prediction.point, prediction.distribution
    stated = np.ones(size, dtype=bool)  # which galaxies the method has a row for
    if (ids := prediction.object_id) is not None:
        different, counts = np.unique(ids, return_counts=True)
        _refuse(different[counts > 1], what, "forecast more than once", "forecast each once")
        unknown = ids[~np.isin(ids, identifiers)]
        _refuse(unknown, what, "that were not asked for", "forecast those of the table alone")
        stated, order = np.isin(identifiers, ids), np.argsort(ids)
        row = order[np.searchsorted(ids, identifiers[stated], sorter=order)]
        point = np.full(size, np.nan)
        point[stated] = prediction.point[row]
        distribution = None if distribution is None else distribution.take(row)
    elif len(prediction) != size:
        raise MethodError(
            f"{what} returned {len(prediction):,} forecasts for {size:,} galaxies; "
            "return one per row, NaN where there is none, or name the galaxies by object_id"
        )

    columns: dict[str, Floats] = {}
    missing = is_missing(point)
    if distribution is not None:
        columns = {name: np.full(size, np.nan) for name in PER_GALAXY}
        for name, values in per_galaxy(distribution, redshift[stated]).items():
            columns[name][stated] = values
        # A distribution of which nothing is known is missing too.
        missing = missing | np.all([np.isnan(values) for values in columns.values()], axis=0)
    if missing.all() and size:
        raise MethodError(f"{what} returned no forecast: all {size:,} are missing or NaN")
    if not allow_missing:
        _refuse(
            identifiers[missing],
            what,
            f"of {size:,} without a forecast (missing, NaN or a sentinel such as -99)",
            "forecast all, or score the others with --allow-missing",
        )
    return np.where(missing, np.nan, point), columns


def _refuse(identifiers: Ints, what: str, fault: str, remedy: str) -> None:
    if count := len(identifiers):
        first = first_few(identifiers)
        raise MethodError(f"{what}: {count:,} galaxies {fault} (object_id {first}); {remedy}")
