"""The true redshifts that forecasts are scored against: the file's own, or a release's by id."""

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.forecasts.arrays import as_forecasts, require_truth
from transferz.baselines.forecasts.files import FileForecasts
from transferz.baselines.leaks.leaks import first_ids
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.benchmark.scores import TESTED
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import magnitude_name

TEST = "test"


def use_own_labels(given: FileForecasts, *, allow_missing: bool = False) -> SetForecasts:
    """Put forecasts to the true redshifts in the same file.

    Parameters
    ----------
    given : FileForecasts
        With true redshifts.
    allow_missing : bool
        Whether rows may lack a forecast.

    Raises
    ------
    InputError
        Where a true redshift is missing, or a forecast is and may not be.
    """
    assert given.true is not None  # noqa: S101 (for mypy: without ids it is there)
    require_truth(given.true, str(given.path))
    forecasts = as_forecasts(
        given.point, given.true, distribution=given.distribution, i_mag=given.i_mag
    )
    if (missing := np.count_nonzero(~forecasts.scored)) and not allow_missing:
        raise InputError(
            f"{given.path}: {missing:,} of {given.true.size:,} rows have no forecast (NaN, "
            "or a sentinel such as -99); forecast all, or give --allow-missing"
        )
    return forecasts


def join_labels(
    given: FileForecasts, release: Release, config: str, *, allow_missing: bool = False
) -> SetForecasts:
    """Put forecasts to the galaxies of a test split, by id.

    Parameters
    ----------
    given : FileForecasts
        With ids, in any order.
    release : Release
        Whose labels.
    config : str
        Whose test split.
    allow_missing : bool
        Whether galaxies of the split may lack a forecast.

    Returns
    -------
    SetForecasts
        Of all galaxies of the split; NaN where one has no forecast.

    Raises
    ------
    InputError
        Where an id comes twice, is of another split or of no galaxy of the release, or a forecast
        is missing and may not be.
    ReleaseError
        Where the release has no such split, or a file is damaged.
    """
    assert given.object_id is not None  # noqa: S101 (for mypy: who calls has seen to it)
    names = ["object_id", "redshift", magnitude_name("i")]
    split = read_rows(release, config, TEST, names)
    ids = split["object_id"].to_numpy()
    label, i_mag = (split[name].to_numpy().astype(np.float32) for name in names[1:])
    values, counts = np.unique(given.object_id, return_counts=True)
    _refuse(given, values[counts > 1], "are there more than once", "keep one row of each")
    _refuse_others(given, np.setdiff1d(given.object_id, ids), release)

    # The row of the file for each galaxy of the split that has one.
    order = np.argsort(given.object_id)
    place = np.searchsorted(given.object_id, ids, sorter=order)
    row = order[np.minimum(place, order.size - 1)]
    kept = np.flatnonzero(given.object_id[row] == ids)
    distribution = given.distribution
    forecasts = as_forecasts(
        given.point[:, row[kept]],
        label[kept],
        distribution=None if distribution is None else distribution.take(row[kept]),
        i_mag=i_mag[kept],
        object_id=ids[kept],
    )

    def spread(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The same for the whole split, NaN for the galaxies without a forecast."""
        whole = np.full((len(values), ids.size), np.nan, np.float32)
        whole[:, kept] = values
        return whole

    columns = {name: spread(values) for name, values in forecasts.columns.items()}
    whole = SetForecasts(ids, label, i_mag, spread(forecasts.point), columns)
    if not allow_missing:
        fault = f"of the {ids.size:,} galaxies of {config}'s test split have no forecast"
        _refuse(given, ids[~whole.scored], fault, "forecast all, or give --allow-missing")
    return whole


def find_config(given: FileForecasts, release: Release) -> str:
    """Find the config whose test split the forecasts are of: that with the most of them.

    Raises
    ------
    InputError
        Where it is none.
    """
    assert given.object_id is not None  # noqa: S101 (for mypy, as above)
    counts = {
        config: int(np.isin(_split_ids(release, config, TEST), given.object_id).sum())
        for config in TESTED
        if TEST in release.files().get(config, {})
    }
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        raise InputError(
            f"none of the ids is of a galaxy in a test split of {release}; name the release that "
            "they are of, or the column of the true redshifts with --true"
        )
    return best


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
        raise InputError(f"{given.path}: {len(ids):,} ids {fault} ({first_ids(ids)}); {remedy}")
