"""Labels of a release, for forecasts that name its galaxies by id."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.forecasts.arrays import as_forecasts
from transferz.baselines.forecasts.files import Given
from transferz.baselines.leaks.leaks import first_ids
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.benchmark.scores import TESTED
from transferz.schemas.errors import InputError
from transferz.schemas.survey.magnitudes import magnitude_name

TEST = "test"
Ints = npt.NDArray[np.int64]


def join_labels(
    given: Given, release: Release, config: str, path: Path, *, allow_missing: bool = False
) -> SetForecasts:
    """Put forecasts to the galaxies of a test split, by id.

    Parameters
    ----------
    given : Given
        With ids, in any order.
    release : Release
        Whose labels.
    config : str
        Whose test split.
    path : Path
        Where the forecasts are from, for messages.
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
    """
    assert given.identifiers is not None  # noqa: S101 (for mypy: who calls has seen to it)
    ids, label, i_mag = _test_split(release, config)
    values, counts = np.unique(given.identifiers, return_counts=True)
    _refuse(path, values[counts > 1], "are there more than once", "keep one row of each")
    _refuse_others(given.identifiers, ids, release, path)
    order = np.argsort(given.identifiers)
    place = np.searchsorted(given.identifiers, ids, sorter=order)
    row = order[np.minimum(place, order.size - 1)]
    there = given.identifiers[row] == ids
    point = np.where(there, given.point[:, row], np.nan)
    kept = np.flatnonzero(there)
    distribution = given.distribution
    found = as_forecasts(
        point[:, kept],
        label[kept],
        distribution=None if distribution is None else distribution.take(row[kept]),
        i_mag=i_mag[kept],
        object_id=ids[kept],
    )
    whole = _spread(found, kept, ids, label, i_mag)
    if not allow_missing:
        split = f"of the {ids.size:,} galaxies of {config}'s test split have no forecast"
        _refuse(path, ids[~whole.scored], split, "forecast all, or give --allow-missing")
    return whole


def _spread(
    found: SetForecasts,
    kept: Ints,
    ids: Ints,
    label: npt.NDArray[np.float32],
    i_mag: npt.NDArray[np.float32],
) -> SetForecasts:
    """The same for the whole split, NaN for the galaxies without a forecast."""

    def whole(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        wide = np.full((len(values), ids.size), np.nan, np.float32)
        wide[:, kept] = values
        return wide

    columns = {name: whole(values) for name, values in found.columns.items()}
    return SetForecasts(ids, label, i_mag, whole(found.point), columns)


def _refuse_others(found: Ints, ids: Ints, release: Release, path: Path) -> None:
    """Refuse ids that are not of a test split; those of the other config's are left out."""
    others = np.setdiff1d(found, ids)
    if not others.size:
        return
    for config, splits in release.files().items():
        for split in splits:
            known = read_rows(release, config, split, ["object_id"])["object_id"].to_numpy()
            shared = np.intersect1d(others, known)
            if split != TEST:
                what = f"are of {config}'s {split} split, and not to be scored"
                _refuse(path, shared, what, f"forecast its {TEST} split")
            others = np.setdiff1d(others, known) if split == TEST else others
    _refuse(path, others, f"are of no galaxy of {release}", "name the release that they are of")


def _test_split(
    release: Release, config: str
) -> tuple[Ints, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    names = ["object_id", "redshift", magnitude_name("i")]
    ids, label, i_mag = (column.to_numpy() for column in read_rows(release, config, TEST, names))
    return ids.astype(np.int64), label.astype(np.float32), i_mag.astype(np.float32)


def find_config(given: Given, release: Release) -> str:
    """Find the config whose test split the forecasts are of: that with the most of them.

    Raises
    ------
    InputError
        Where it is none.
    """
    assert given.identifiers is not None  # noqa: S101 (for mypy, as above)
    counts = {
        config: int(np.isin(_test_split(release, config)[0], given.identifiers).sum())
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


def _refuse(path: Path, identifiers: npt.NDArray[np.generic], fault: str, remedy: str) -> None:
    if count := len(identifiers):
        raise InputError(f"{path}: {count:,} ids {fault} ({first_ids(identifiers)}); {remedy}")
