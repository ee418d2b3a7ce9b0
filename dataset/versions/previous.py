"""The release that a new one follows: a gate for the new version's number.

What is compared is said on stderr and goes into no output: a build gives the same bytes whether or
not the previous release can be had.
"""

import sys
from dataclasses import replace
from pathlib import Path

from transferz.dataset.pipeline.manifest import columns
from transferz.dataset.versions.diff import (
    Snapshot,
    compared_columns,
    diff,
    read_indices,
    read_snapshot,
    require_step,
)
from transferz.schemas import ParameterError
from transferz.schemas.survey.versions import Version
from transferz.tables.hub import Unreachable, locate, parse_reference


def read_previous(previous: str | None, built: Path, *, mock: bool) -> Snapshot | None:
    """Read the release that a new one follows, where one is named.

    Parameters
    ----------
    previous : str or None
        A directory, or ``org/name@x.y.z`` on the Hub.
    built : Path
        The directory of the release that is built.
    mock : bool
        Whether that is a mock.

    Returns
    -------
    Snapshot or None
        None where none is named. None too, which is said on stderr, where the Hub does not answer
        and the cache lacks it, and where one on the Hub is a mock and the new one is not or the
        other way round: parameters are those of all surveys. `transferz publish` compares again.

    Raises
    ------
    ParameterError
        If it lies in the release that is built.
    ReleaseError
        If the Hub has no such release, or what is there is none.
    """
    if previous is None:
        return None
    if not Path(previous).expanduser().is_dir():
        version = parse_reference(previous).version
        if version is not None and version.mock != mock:
            _say_not_compared(previous, "one is a mock, the other is not")
            return None
    try:
        path = locate(previous)
    except Unreachable as reason:
        _say_not_compared(previous, str(reason))
        return None
    if path.resolve().is_relative_to(built.resolve()):
        raise ParameterError(
            f"parameter 'release.previous': {previous} lies in {built}, which this build replaces; "
            "name a copy elsewhere"
        )
    return read_snapshot(path)


def _say_not_compared(previous: str, reason: str) -> None:
    sys.stderr.write(
        f"not compared with {previous}: {reason}; `transferz publish` compares again\n"
    )


def require_successor(old: Snapshot | None, version: str, configs: Path, *, mock: bool) -> None:
    """Compare configs that were just written with the previous release; say what was found.

    Parameters
    ----------
    old : Snapshot or None
        The previous release, as `read_previous` reads it; None compares with nothing.
    version : str
        ``x.y.z`` of the new one.
    configs : Path
        The directory that holds the new configs.
    mock : bool
        Whether the new release is a mock.

    Raises
    ------
    ReleaseError
        If one is a mock and the other is not, or the new version contradicts what changed.
    """
    if old is None:
        return
    number = replace(Version.parse(version), mock=mock)
    new = Snapshot(configs, number, compared_columns(columns()), read_indices(configs))
    changes = diff(old, new)
    require_step(old, new, changes)
    sys.stderr.write(f"follows {old.version}: {changes}\n")
