"""What a method returned, checked: one forecast for each galaxy that was asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.loading import MethodError
from transferz.baselines.leaks.leaks import first_ids
from transferz.baselines.scores.probability import PER_GALAXY, Distribution, Prediction, per_galaxy
from transferz.tables.cells import is_missing

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Forecasts in the order of the galaxies that were asked for.

    Attributes
    ----------
    point : ndarray, shape (N,)
        Redshifts; NaN where there is none.
    there : ndarray of bool, shape (N,)
        Which galaxies the method has a row for.
    distribution : Distribution or None
        Of those, in order.
    """

    point: Floats
    there: Mask
    distribution: Distribution | None

    def per_galaxy(self, redshift: Floats) -> dict[str, Floats]:
        """Scores of each distribution, shape (N,); empty for point forecasts.

        Parameters
        ----------
        redshift : ndarray, shape (N,)
            The labels.
        """
        if self.distribution is None:
            return {}
        found = per_galaxy(self.distribution, redshift[self.there])
        whole = {name: np.full(self.point.shape, np.nan) for name in PER_GALAXY}
        for name, values in found.items():
            whole[name][self.there] = values
        return whole


def align(prediction: Any, identifiers: Ints, what: str) -> Aligned:
    """Check what `predict` returned, and put it in order.

    Parameters
    ----------
    prediction : Prediction
        With as many points as galaxies, or with ids.
    identifiers : ndarray of int64, shape (N,)
        The galaxies that were asked for.
    what : str
        The method and its call, for messages.

    Raises
    ------
    MethodError
        Where it is no `Prediction`, has another length, names a galaxy twice or one that was not
        asked for.
    """
    if not isinstance(prediction, Prediction):
        raise MethodError(
            f"{what} returned {type(prediction).__name__}; expected a Prediction: "
            "from transferz.baselines.benchmark import Prediction"
        )
    if prediction.object_id is None:
        if len(prediction) != len(identifiers):
            raise MethodError(
                f"{what} returned {len(prediction):,} forecasts for {len(identifiers):,} galaxies; "
                "return one per row, NaN where there is none, or name the galaxies by object_id"
            )
        there = np.ones(len(identifiers), dtype=bool)
        return Aligned(prediction.point, there, prediction.distribution)
    return _by_id(prediction, prediction.object_id, identifiers, what)


def _by_id(prediction: Prediction, found: Ints, identifiers: Ints, what: str) -> Aligned:
    _refuse(_repeated(found), what, "forecast more than once", "forecast each once")
    unknown = found[~np.isin(found, identifiers)]
    _refuse(unknown, what, "that were not asked for", "forecast those of the table alone")
    order = np.argsort(found)
    place = np.searchsorted(found, identifiers, sorter=order)
    there = np.isin(identifiers, found)
    row = order[place[there]]
    point = np.full(len(identifiers), np.nan)
    point[there] = prediction.point[row]
    whole = prediction.distribution
    return Aligned(point, there, None if whole is None else whole.take(row))


def require_complete(
    point: Floats, scores: dict[str, Floats], identifiers: Ints, what: str, *, allow_missing: bool
) -> Floats:
    """Return the points, NaN where the forecast is missing; refuse any such unless allowed.

    Parameters
    ----------
    point : ndarray, shape (N,)
        Redshifts, NaN where there is none.
    scores : dict
        What `Aligned.per_galaxy` gave: a distribution of which nothing is known is missing too.
    identifiers : ndarray of int64, shape (N,)
        The galaxies.
    what : str
        The method and its call, for messages.
    allow_missing : bool
        Whether some may be missing; never all.

    Raises
    ------
    MethodError
        Where some are missing, or all.
    """
    missing = is_missing(point)
    if scores:
        missing = missing | np.all([np.isnan(values) for values in scores.values()], axis=0)
    if missing.all() and len(missing):
        raise MethodError(f"{what} returned no forecast: all {len(point):,} are missing or NaN")
    if not allow_missing:
        _refuse(
            identifiers[missing],
            what,
            f"of {len(point):,} without a forecast (missing, NaN or a sentinel such as -99)",
            "forecast all, or score the others with --allow-missing",
        )
    return np.where(missing, np.nan, point)


def _repeated(identifiers: Ints) -> Ints:
    values, counts = np.unique(identifiers, return_counts=True)
    return values[counts > 1]


def _refuse(identifiers: Ints, what: str, fault: str, remedy: str) -> None:
    if count := len(identifiers):
        first = first_ids(identifiers)
        raise MethodError(f"{what}: {count:,} galaxies {fault} (object_id {first}); {remedy}")
