"""Scores of forecasts in arrays, with error bars and verdicts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.scoring import score_set
from transferz.baselines.scores.probability import Distribution, per_galaxy
from transferz.schemas.errors import InputError
from transferz.tables.cells import is_missing


def score_forecasts(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    *,
    distribution: Distribution | None = None,
    i_mag: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Score forecasts as ``transferz score`` does.

    Parameters
    ----------
    predicted : array_like, shape (N,) or (S, N)
        Redshifts, perhaps a row per seed. NaN, or a sentinel such as -99, is no forecast: those
        galaxies are left out.
    true : array_like, shape (N,)
        True redshifts.
    distribution : Distribution, optional
        Of the N galaxies, as of `transferz.baselines.scores.probability`; for one row of
        `predicted`. Where it is missing, the point does not count either.
    i_mag : array_like, shape (N,), optional
        i magnitudes, for LSST's range.

    Returns
    -------
    dict
        ``n``, ``completeness``, ``ranges`` (each with ``n``, ``metrics``: ``mean``, ``spread`` and
        ``error``, ``requirements``), ``pit`` and ``bins``.

    Raises
    ------
    InputError
        Where shapes differ, a true redshift is missing, or all forecasts are.

    Examples
    --------
    >>> import numpy as np
    >>> true = np.linspace(0.1, 2.0, 50)
    >>> scores = score_forecasts(true + 0.01 * (1.0 + true), true)
    >>> round(scores["ranges"]["all"]["metrics"]["bias"]["mean"], 4)
    0.01
    """
    return score_set(as_forecasts(predicted, true, distribution=distribution, i_mag=i_mag))


def as_forecasts(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    *,
    distribution: Distribution | None = None,
    i_mag: npt.ArrayLike | None = None,
    object_id: npt.ArrayLike | None = None,
) -> SetForecasts:
    """Put forecasts together for scoring; takes and raises what `score_forecasts` does.

    Parameters
    ----------
    object_id : array_like of int, shape (N,), optional
        Ids; row numbers by default.
    """
    redshift = np.asarray(true, np.float32)
    point = np.atleast_2d(np.asarray(predicted, np.float32))
    size = redshift.size
    _require(redshift.ndim == 1 and point.shape[1:] == (size,), "predicted", point.shape, size)
    require_truth(redshift, "true")
    point = np.where(is_missing(point), np.float32(np.nan), point)
    columns: dict[str, npt.NDArray[np.float32]] = {}
    if distribution is not None:
        _require(len(distribution) == size, "distribution", len(distribution), size)
        if len(point) > 1:
            raise InputError(f"{len(point)} seeds with one distribution; give those of one seed")
        scores = per_galaxy(distribution, redshift.astype(np.float64))
        columns = {name: values[None].astype(np.float32) for name, values in scores.items()}
        missing = np.all([np.isnan(values) for values in columns.values()], axis=0)
        point = np.where(missing, np.nan, point)
    magnitude = np.asarray(np.full(size, np.nan) if i_mag is None else i_mag, np.float32)
    magnitude = np.where(is_missing(magnitude), np.float32(np.nan), magnitude)
    ids = np.asarray(np.arange(size) if object_id is None else object_id, np.int64)
    for name, values in (("i_mag", magnitude), ("object_id", ids)):
        _require(values.shape == (size,), name, values.shape, size)
    return SetForecasts(ids, redshift, magnitude, point, columns)


def require_truth(true: npt.NDArray[Any], what: str) -> None:
    """Check that there are true redshifts, and that each is one.

    Raises
    ------
    InputError
        Where one is NaN, a sentinel such as -99, or at most -1, or there is none at all.
    """
    missing = is_missing(true) | ~(true > -1.0)
    if not missing.size:
        raise InputError(f"{what}: there is no galaxy to score")
    if missing.any():
        raise InputError(
            f"{what}: {np.count_nonzero(missing):,} of {missing.size:,} rows have no true redshift "
            "(NaN, a sentinel such as -99, or at most -1); leave them out"
        )


def _require(fits: bool, what: str, found: object, size: int) -> None:
    if not fits:
        raise InputError(
            f"{what}: expected one value for each of {size} true redshifts, found {found}"
        )
