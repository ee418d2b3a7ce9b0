"""Check what a method forecasts, put it in order, and score its distributions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.calling import MethodError, failure
from transferz.baselines.benchmark.forecasts import FLAG
from transferz.baselines.forecasts.qp import as_distribution
from transferz.baselines.scores.probability import (
    PER_GALAXY,
    Prediction,
    missing_forecasts,
    per_galaxy,
)
from transferz.schemas.errors import InputError
from transferz.schemas.survey.quantities import FORECAST
from transferz.tables.printing import first_few

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def as_prediction(made: Any, what: str) -> Prediction:
    """Return what `predict` returned as a `Prediction`: a bare array is one of points alone.

    A MethodError that begins with `what` says that it is neither.
    """
    if isinstance(made, Prediction):
        return made
    try:
        return Prediction(made)
    except InputError as error:
        raise MethodError(
            f"{what} returned {type(made).__name__}; expected a Prediction (from "
            "transferz.baselines.benchmark import Prediction) or an array of one redshift per "
            f"galaxy: {str(error).removeprefix('Prediction: ')}"
        ) from error


def check_prediction(
    prediction: Prediction, identifiers: Ints, redshift: Floats, what: str
) -> tuple[Floats, dict[str, Floats]]:
    """Check a method's forecasts, put them in order and score their distributions.

    The N galaxies that were asked for have ids and labels of shape (N,). Returned are points, NaN
    where the forecast is missing, each of `PER_GALAXY` (nothing for point forecasts), and `FLAG`
    where the method gives one, all of shape (N,). A MethodError that begins with `what` says what
    is wrong: another length, a galaxy that comes twice or was not asked for, no forecast at all.
    """
    size = len(identifiers)
    point, stated, row = points_in_order(prediction, identifiers, what)
    try:
        distribution = as_distribution(prediction.distribution)
    except InputError as error:
        raise failure(what, error) from error

    columns: dict[str, Floats] = {}
    missing = FORECAST.is_missing(point)
    if distribution is not None:
        columns = {name: np.full(size, np.nan) for name in PER_GALAXY}
        try:
            ordered = distribution if row is None else distribution.take(row)
            scores = per_galaxy(ordered, redshift[stated], identifiers[stated])
        except (Exception, SystemExit) as error:  # of a distribution that is not ours
            raise failure(f"{what}: scoring its distribution", error) from error
        for name, values in scores.items():
            columns[name][stated] = values
        missing[stated] |= missing_forecasts(ordered, scores)
    if prediction.flag is not None:
        columns[FLAG] = np.full(size, np.nan)
        columns[FLAG][stated] = prediction.flag if row is None else prediction.flag[row]
    if missing.all() and size:
        raise MethodError(f"{what} returned no forecast: all {size:,} are missing or NaN")
    return np.where(missing, np.nan, point), columns


def points_in_order(
    prediction: Prediction, identifiers: Ints, what: str
) -> tuple[Floats, npt.NDArray[np.bool_], Ints | None]:
    """Check whose forecasts these are, and return the points of those asked for.

    With them come which galaxies the method has a row for, and which of its rows; None where these
    are the galaxies in their order. The errors are as of `check_prediction`.
    """
    size, point = len(identifiers), prediction.point
    try:
        ids = prediction.galaxies(identifiers)
    except InputError as error:
        raise failure(what, error) from error
    stated = np.ones(size, dtype=bool)  # which galaxies the method has a row for
    row: Ints | None = None
    if ids is not None:
        different, counts = np.unique(ids, return_counts=True)
        refuse(different[counts > 1], what, "forecast more than once", "forecast each once")
        unknown = ids[~np.isin(ids, identifiers)]
        refuse(unknown, what, "that were not asked for", "forecast those of the table alone")
        stated, order = np.isin(identifiers, ids), np.argsort(ids)
        row = order[np.searchsorted(ids, identifiers[stated], sorter=order)]
        point = np.full(size, np.nan)
        point[stated] = prediction.point[row]
    elif len(prediction) != size:
        raise MethodError(
            f"{what} returned {len(prediction):,} forecasts for {size:,} galaxies; "
            "return one per row, NaN where there is none, which a benchmark takes with "
            "allow_missing=True, or name the galaxies by object_id",
            allow_missing="--allow-missing",
        )
    return point, stated, row


def require_all(point: npt.NDArray[np.floating[Any]], identifiers: Ints, what: str) -> None:
    """Raise a MethodError where galaxies, of ids of shape (N,), have no forecast: NaN as point."""
    refuse(
        identifiers[np.isnan(point)],
        what,
        f"of {len(identifiers):,} without a forecast (none is given, or NaN, or a sentinel: "
        f"{FORECAST})",
        "forecast all, or score the others with allow_missing=True",
        allow_missing="--allow-missing",
    )


def refuse(identifiers: Ints, what: str, fault: str, remedy: str, **options: str) -> None:
    """Raise a MethodError that counts these galaxies, if there are any, and names the first.

    `options` are those of a `TransferZError`.
    """
    if count := len(identifiers):
        text = f"{what}: {count:,} galaxies {fault} (object_id {first_few(identifiers)}); {remedy}"
        raise MethodError(text, **options)
