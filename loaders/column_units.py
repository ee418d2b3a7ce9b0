"""The units of a dataset's columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from transferz.manifest import read_manifest
from transferz.releases import Release, release_at
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.column import Column
from transferz.schemas.survey.release import INDEX, RELEASE

if TYPE_CHECKING:
    from transferz.rows import Data

DECLARED: dict[str, Column] = {column.name: column for column in (*INDEX, *RELEASE)}
"""What is known of a column by its name alone."""


def units(data: Data) -> dict[str, str]:
    """Return the unit of every column.

    It is the one that travels with the column (``id`` of its `datasets` feature, through
    selecting, mapping and renaming), else the one that the column's name is declared with.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, or a release directory.

    Returns
    -------
    dict
        Column -> unit as astropy spells it, such as ``"mag(AB)"`` or ``"deg"``; ``""`` where it
        has none or none is known. Of several splits, all columns of all of them.

    Raises
    ------
    ReleaseError
        Where the directory holds no release.
    ParameterError
        Where `data` is something else, or a column has different units in two splits.

    Examples
    --------
    >>> units(load_dataset("transferz"))["i_cmodel_mag"]  # doctest: +SKIP
    'mag(AB)'
    """
    if isinstance(data, Release | str | os.PathLike):
        columns = read_manifest(release_at(data).path).get("columns", {})
        return {name: column["unit"] for name, column in columns.items()}
    if isinstance(data, Mapping):
        return _shared({split: units(part) for split, part in data.items()})
    return {name: unit_of(name, feature) for name, feature in _features(data).items()}


def unit_of(name: str, feature: object = None) -> str:
    """Return the unit of one column by its feature, else by its name."""
    known = getattr(feature, "id", None)
    if known is not None:
        return str(known)
    return DECLARED[name].unit if name in DECLARED else ""


def _shared(parts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The units of several splits as one."""
    found: dict[str, str] = {}
    for split, known in parts.items():
        for name, unit in known.items():
            if found.setdefault(name, unit) != unit:
                raise ParameterError(
                    f"column '{name}' of split '{split}' has the unit '{unit}', and '{found[name]}'"
                    " in the splits before it; convert one split at a time"
                )
    return found


def _features(data: Any) -> Mapping[str, object]:
    require_dataset(data)
    if data.features is not None:
        return dict(data.features)
    return dict.fromkeys(next(iter(data.take(1)), {}))  # a stream after map(): its first row shows


def require_dataset(data: object) -> None:
    """Check that something is a dataset of `datasets`, a stream or not.

    Raises
    ------
    ParameterError
        Naming what it is.
    """
    if not (hasattr(data, "features") and hasattr(data, "with_format")):
        raise ParameterError(
            "expected a dataset as transferz.load_dataset returns it, or a release directory, "
            f"found {type(data).__module__.split('.')[0]}'s {type(data).__name__}; a table becomes "
            "a dataset by datasets.Dataset.from_pandas or datasets.Dataset(pyarrow_table)"
        )
