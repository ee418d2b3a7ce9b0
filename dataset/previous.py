"""The release that a new one follows: what changed since, and whether the version says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from transferz.dataset.manifest import columns
from transferz.dataset.release_params import ReleaseParams
from transferz.dataset.versions import (
    Snapshot,
    compare,
    compared_columns,
    read_indices,
    read_snapshot,
    require_step,
)
from transferz.schemas.versions import Version


def read_previous(params: ReleaseParams) -> Snapshot | None:
    """Read the release that a new one follows, where one is named.

    Parameters
    ----------
    params : ReleaseParams
        It names the previous release.

    Raises
    ------
    ReleaseError
        If it can't be had.
    """
    if params.previous is None:
        return None
    from transferz.hub import locate

    return read_snapshot(locate(params.previous))


def changes_since(
    old: Snapshot | None, version: str, configs: Path, *, mock: bool
) -> dict[str, Any]:
    """Compare configs that were just written with the previous release.

    Parameters
    ----------
    old : Snapshot or None
        The previous release, as `read_previous` reads it.
    version : str
        ``x.y.z`` of the new one.
    configs : Path
        The directory that holds the new configs.
    mock : bool
        Whether the new release is a mock.

    Returns
    -------
    dict
        Empty without a previous release; else ``previous`` (its version), ``changes`` in words and
        ``differences`` in numbers (`Changes.summary`).

    Raises
    ------
    ReleaseError
        If one is a mock and the other is not, or the new version contradicts what changed.
    """
    if old is None:
        return {}
    number = replace(Version.parse(version), mock=mock)
    new = Snapshot(configs, number, compared_columns(columns()), read_indices(configs))
    changes = compare(old, new)
    require_step(old, new, changes)
    return {
        "previous": str(old.version),
        "changes": str(changes),
        "differences": changes.summary(),
    }
