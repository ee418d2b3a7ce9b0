"""Forecasts put to the true redshifts that they are scored against.

Those come with the forecasts, in arrays or in the same file, or are a release's labels, by id.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import FLAG, SetForecasts
from transferz.baselines.benchmark.scoring import score_set
from transferz.baselines.benchmark.tables import G_BAND, I_BAND, scored_configs
from transferz.baselines.forecasts.columns import OPTIONS
from transferz.baselines.forecasts.files import FileForecasts, Truth
from transferz.baselines.forecasts.qp import as_distribution
from transferz.baselines.scores.probability import Distribution, missing_forecasts, per_galaxy
from transferz.baselines.scores.probability.arrays import as_flags, as_numbers, row_labels
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.errors import InputError
from transferz.schemas.survey.quantities import FORECAST, LABEL, MAGNITUDE
from transferz.tables.printing import first_few

TEST = "test"


def score_forecasts(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    *,
    distribution: Distribution | None = None,
    i_mag: npt.ArrayLike | None = None,
    flag: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Score forecasts as ``transferz score`` does.

    Parameters
    ----------
    predicted : array_like, shape (N,) or (S, N)
        Redshifts, perhaps a row per seed. Where one is no value, by
        `transferz.schemas.survey.quantities.FORECAST` (NaN, -1, -99 ...), the galaxy is left out.
    true : array_like, shape (N,)
        True redshifts.
    distribution : Distribution, optional
        Of the N galaxies, as of `transferz.baselines.scores.probability`; for one row of
        `predicted`. Where it is missing, the point does not count either.
    i_mag : array_like, shape (N,), optional
        i magnitudes, for LSST's range, which galaxies without one are not in.
    flag : array_like, shape (N,), optional
        How little each galaxy's forecasts are to be trusted: the larger, the less.

    Returns
    -------
    dict
        ``n``, ``completeness``, ``ranges`` (each with ``n``, ``metrics``: ``mean``, ``spread`` and
        ``error``, ``requirements``), ``pit``, ``bins``, ``tomography``, ``discreteness``, ``risk``.

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
    return score_set(
        as_forecasts(predicted, true, distribution=distribution, i_mag=i_mag, flag=flag)
    )


def as_forecasts(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    *,
    distribution: Distribution | None = None,
    i_mag: npt.ArrayLike | None = None,
    object_id: npt.ArrayLike | None = None,
    flag: npt.ArrayLike | None = None,
) -> SetForecasts:
    """Put forecasts together for scoring; takes and raises what `score_forecasts` does.

    `object_id` has ids, shape (N,); row numbers by default.

    Examples
    --------
    >>> as_forecasts([0.5, 1.2], [0.4, 1.1], object_id=[7, 9]).object_id
    array([7, 9])
    """
    parts: dict[str, Any] = {"predicted": predicted, "true": true}
    parts |= {"i_mag": i_mag, "object_id": object_id, "flag": flag}
    _require_one_order({name: one for name, one in parts.items() if np.ndim(one) == 1})
    redshift = _real(true, "true")
    point = np.atleast_2d(_real(predicted, "predicted"))
    size = redshift.size
    _require(redshift.ndim == 1 and point.shape[1:] == (size,), "predicted", point.shape, size)
    _require_truth(redshift, "true")
    ids = np.asarray(np.arange(size) if object_id is None else object_id, np.int64)
    point = FORECAST.without_missing(point)
    columns: dict[str, npt.NDArray[np.float32]] = {}
    if (distribution := as_distribution(distribution)) is not None:
        _require(len(distribution) == size, "distribution", len(distribution), size)
        if len(point) > 1:
            raise InputError(f"{len(point)} seeds with one distribution; give those of one seed")
        scores = per_galaxy(distribution, redshift.astype(np.float64), ids)
        columns = {name: values[None].astype(np.float32) for name, values in scores.items()}
        point = np.where(missing_forecasts(distribution, scores), np.float32(np.nan), point)
    if flag is not None:
        try:
            flags = as_flags(flag, np.isnan(point).all(axis=0))
        except ValueError as error:
            raise InputError(str(error)) from None
        columns[FLAG] = np.tile(flags.astype(np.float32), (len(point), 1))
    magnitude = _real(np.full(size, np.nan) if i_mag is None else i_mag, "i_mag")
    magnitude = MAGNITUDE.without_missing(magnitude)
    for name, values in (("i_mag", magnitude), ("object_id", ids)):
        _require(values.shape == (size,), name, values.shape, size)
    return SetForecasts(ids, redshift, magnitude, point, columns)


def _require_one_order(columns: Mapping[str, Any]) -> None:
    """Refuse columns of pandas whose rows are in different orders."""
    try:
        row_labels(columns)
    except ValueError as error:
        raise InputError(str(error)) from None


def _real(values: npt.ArrayLike, what: str) -> npt.NDArray[np.float32]:
    """Return numbers as float32, of whatever kind of array, NaN where one is masked or null."""
    try:
        return as_numbers(values, what).astype(np.float32)
    except ValueError as error:
        raise InputError(str(error)) from None


def _require_truth(true: npt.NDArray[Any], what: str, remedy: str = "leave them out") -> None:
    """Refuse true redshifts of which one is no value, and none at all."""
    missing = LABEL.is_missing(true)
    if not missing.size:
        raise InputError(f"{what}: there is no galaxy to score")
    if missing.any():
        raise InputError(
            f"{what}: {np.count_nonzero(missing):,} of {missing.size:,} rows have no true redshift "
            f"({LABEL}); {remedy}",
            **OPTIONS,
        )


def _require(fits: bool, what: str, found: object, size: int) -> None:
    if not fits:
        raise InputError(
            f"{what}: expected one value for each of {size} true redshifts, found {found}"
        )


def use_own_labels(given: FileForecasts, *, allow_missing: bool = False) -> SetForecasts:
    """Put forecasts to the true redshifts in the same file.

    Rows without a true redshift are left out. Raises an InputError where one or a forecast is
    missing, and may not be.
    """
    assert given.true is not None  # noqa: S101 (for mypy: without ids it is there)
    known = ~LABEL.is_missing(given.true)
    if not allow_missing or not known.any():
        _require_truth(given.true, str(given.path), "leave them out, or give allow_missing=True")
    given = _take(given, known)
    assert given.true is not None  # noqa: S101 (for mypy)
    forecasts = as_forecasts(given.point, given.true, **_further(given))
    if (missing := np.count_nonzero(~forecasts.scored)) and not allow_missing:
        raise InputError(
            f"{given.path}: {missing:,} of {given.true.size:,} rows have no forecast (none is "
            f"given, or NaN, or a sentinel: {FORECAST}); forecast all, or give allow_missing=True",
            **OPTIONS,
        )
    return forecasts


def join_labels(
    given: FileForecasts, release: Release, config: str, *, allow_missing: bool = False
) -> SetForecasts:
    """Put forecasts to all galaxies of a config's test split, by id; NaN where one has none.

    The ids are in any order; where there are none, the forecasts are in that of the split. Raises
    an InputError where an id comes twice, is of another split or of no galaxy of the release, or a
    forecast is missing and may not be.
    """
    bands = {band.name: band.magnitude for band in release.bands() if band.name in (I_BAND, G_BAND)}
    split = read_rows(release, config, TEST, ["object_id", "redshift", *bands.values()])
    ids, label = split["object_id"].to_numpy(), split["redshift"].to_numpy().astype(np.float32)
    i_mag, g_mag = (
        split[bands[name]].to_numpy().astype(np.float32)
        if name in bands
        else np.full(ids.size, np.nan, np.float32)
        for name in (I_BAND, G_BAND)
    )
    whose = f"the {ids.size:,} galaxies of {config}'s test split"
    if given.object_id is None:
        _require_as_many(given, ids.size, whose)
        given = replace(given, object_id=ids)
    else:
        _refuse_others(given, np.setdiff1d(given.object_id, ids), release)
    joined = _join(given, ids, label, i_mag, whose, allow_missing=allow_missing)
    return replace(joined, g_mag=g_mag)


def join_truth(given: FileForecasts, truth: Truth, *, allow_missing: bool = False) -> SetForecasts:
    """Put forecasts to the true redshifts in a further file, by id, or in order without ids.

    Galaxies without a true redshift are left out. Raises an InputError where one is, or a forecast
    is missing, and may not be; an id is not in both files, or comes twice; or there are no ids.
    """
    if truth.object_id is None:
        _require_as_many(given, truth.redshift.size, f"the rows of {truth.path}")
        own = replace(given, path=truth.path, true=truth.redshift, i_mag=truth.i_mag)
        return use_own_labels(own, allow_missing=allow_missing)
    if given.object_id is None:
        raise InputError(
            f"{given.path}: which column holds the ids? Name it with identifier=, or give "
            f"truth={truth.path} in_order=True where the rows of both are the same galaxies",
            **OPTIONS,
        )
    values, counts = np.unique(truth.object_id, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{truth.path}: {np.count_nonzero(counts > 1):,} ids are there more than once "
            f"({first_few(values[counts > 1])}); keep one row of each"
        )
    others = np.setdiff1d(given.object_id, truth.object_id)
    _refuse(given, others, f"are not in {truth.path}", "give a file with all their redshifts")
    known = ~LABEL.is_missing(truth.redshift)
    if not allow_missing or not known.any():
        _require_truth(
            truth.redshift, str(truth.path), "leave them out, or give allow_missing=True"
        )
    i_mag = np.full(known.size, np.nan) if truth.i_mag is None else truth.i_mag
    kept = np.isin(given.object_id, truth.object_id[known])
    return _join(
        _take(given, kept),
        truth.object_id[known],
        truth.redshift[known].astype(np.float32),
        MAGNITUDE.without_missing(i_mag[known].astype(np.float32)),
        f"the {np.count_nonzero(known):,} galaxies of {truth.path}",
        allow_missing=allow_missing,
    )


def _further(given: FileForecasts) -> dict[str, Any]:
    """What a file has of the galaxies besides points, as `as_forecasts` takes it."""
    return {"distribution": given.distribution, "i_mag": given.i_mag, "flag": given.flag}


def _take(given: FileForecasts, rows: npt.NDArray[Any]) -> FileForecasts:
    single = {name: getattr(given, name) for name in ("object_id", "true", "i_mag", "flag")}
    taken: dict[str, Any] = {
        name: None if values is None else values[rows] for name, values in single.items()
    }
    distribution = None if given.distribution is None else given.distribution.take(rows)
    return replace(given, point=given.point[:, rows], distribution=distribution, **taken)


def _require_as_many(given: FileForecasts, size: int, whose: str) -> None:
    if (found := given.point.shape[1]) != size:
        raise InputError(
            f"{given.path} has {found:,} rows, {whose} are {size:,}: they can't be in the same "
            "order; join them by ids, with identifier=, or write a row for each, NaN where there "
            "is no forecast; either way, give allow_missing=True too where some have none",
            **OPTIONS,
        )


def _join(
    given: FileForecasts,
    ids: npt.NDArray[np.int64],
    label: npt.NDArray[np.float32],
    i_mag: npt.NDArray[np.float32],
    whose: str,
    *,
    allow_missing: bool,
) -> SetForecasts:
    """Put forecasts to galaxies with these different ids; NaN where one has none."""
    assert given.object_id is not None  # noqa: S101 (for mypy: who calls has seen to it)
    values, counts = np.unique(given.object_id, return_counts=True)
    _refuse(given, values[counts > 1], "are there more than once", "keep one row of each")

    # The row of the file for each galaxy of the split that has one.
    order = np.argsort(given.object_id)
    place = np.searchsorted(given.object_id, ids, sorter=order)
    row = order[np.minimum(place, order.size - 1)]
    kept = np.flatnonzero(given.object_id[row] == ids)
    given = replace(_take(given, row[kept]), i_mag=i_mag[kept].astype(np.float64))
    forecasts = as_forecasts(given.point, label[kept], object_id=ids[kept], **_further(given))

    def spread(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The same for the whole split, NaN for the galaxies without a forecast."""
        whole = np.full((len(values), ids.size), np.nan, np.float32)
        whole[:, kept] = values
        return whole

    columns = {name: spread(values) for name, values in forecasts.columns.items()}
    whole = SetForecasts(ids, label, i_mag, spread(forecasts.point), columns)
    if not allow_missing:
        fault = f"of {whose} have no forecast"
        _refuse(given, ids[~whole.scored], fault, "forecast all, or give allow_missing=True")
    return whole


def find_configs(given: FileForecasts, release: Release) -> list[str]:
    """Find the configs whose test splits the forecasts are of: first that with the most of them.

    Each holds galaxies that are in none of those before it. An InputError says that there is none.
    """
    assert given.object_id is not None  # noqa: S101 (for mypy, as above)
    held = {
        config: np.intersect1d(_split_ids(release, config, TEST), given.object_id)
        for config in scored_configs(release)
        if TEST in release.files().get(config, {})
    }
    chosen: list[str] = []
    for config in sorted(held, key=lambda name: -held[name].size):
        before = np.concatenate([np.empty(0, np.int64), *(held[name] for name in chosen)])
        if np.setdiff1d(held[config], before).size:
            chosen.append(config)
    if not chosen:
        raise InputError(
            f"none of the ids is of a galaxy in a test split of {release}; name the release that "
            "they are of, or the column of the true redshifts with true=",
            **OPTIONS,
        )
    return chosen


def _split_ids(release: Release, config: str, split: str) -> npt.NDArray[np.int64]:
    ids: npt.NDArray[np.int64] = read_rows(release, config, split, ["object_id"])[0].to_numpy()
    return ids


def _refuse_others(given: FileForecasts, others: npt.NDArray[np.int64], release: Release) -> None:
    """Refuse ids that are not of a test split; those of the other config's are left out."""
    for config, splits in release.files().items() if others.size else ():
        for split in splits:
            known = _split_ids(release, config, split)
            if split == TEST:
                others = np.setdiff1d(others, known)
            else:
                fault = f"are of {config}'s {split} split, and not to be scored"
                _refuse(given, np.intersect1d(others, known), fault, f"forecast its {TEST} split")
    _refuse(given, others, f"are of no galaxy of {release}", "name the release that they are of")


def _refuse(given: FileForecasts, ids: npt.NDArray[np.int64], fault: str, remedy: str) -> None:
    if len(ids):
        said = f"{given.path}: {len(ids):,} ids {fault} ({first_few(ids)}); {remedy}"
        raise InputError(said, **OPTIONS)
