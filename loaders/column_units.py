"""The units of a dataset's columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.manifest import read_manifest
from transferz.releases import Release, read_release
from transferz.schemas.column import Column
from transferz.schemas.errors import ParameterError
from transferz.schemas.release import INDEX, RELEASE

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
        has none or none is known. Of several splits, all columns.

    Raises
    ------
    ReleaseError
        Where the directory holds no release.
    ParameterError
        Where `data` is something else.

    Examples
    --------
    >>> units(load_dataset("transferz"))["i_cmodel_mag"]  # doctest: +SKIP
    'mag(AB)'
    """
    if isinstance(data, Release | str | os.PathLike):
        release = data if isinstance(data, Release) else read_release(Path(data))
        columns = read_manifest(release.path).get("columns", {})
        return {name: column["unit"] for name, column in columns.items()}
    if isinstance(data, Mapping):
        return {name: unit for part in data.values() for name, unit in units(part).items()}
    return {name: unit_of(name, feature) for name, feature in _features(data).items()}


def unit_of(name: str, feature: object = None) -> str:
    """Return the unit of one column by its feature, else by its name."""
    known = getattr(feature, "id", None)
    if known is not None:
        return str(known)
    return DECLARED[name].unit if name in DECLARED else ""


def _features(data: Any) -> Mapping[str, object]:
    if getattr(data, "features", None) is not None:
        return dict(data.features)
    if hasattr(data, "take"):  # a stream after map(): its columns show in its first row
        return dict.fromkeys(next(iter(data.take(1)), {}))
    raise ParameterError(
        "expected a dataset as transferz.load_dataset returns it, or a release directory, found "
        f"{type(data).__name__}"
    )
