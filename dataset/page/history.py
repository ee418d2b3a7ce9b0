"""The dataset's versions and what changed in each: CHANGELOG.md, read and checked."""

import datetime
import re
from pathlib import Path
from typing import Any

from transferz.schemas import ParameterError
from transferz.schemas.survey.versions import Version
from transferz.tables.files import require_file

CHANGELOG_FILE = Path("dataset") / "CHANGELOG.md"

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The kinds of change that Keep a Changelog 1.1.0 knows."""

_TITLE = re.compile(r"\[(?P<version>\S+)\] - (?P<date>\S+)")


def history_of(version: str, date: str, path: Path = CHANGELOG_FILE) -> list[dict[str, Any]]:
    """Return what the changelog says of a version and of those before it.

    Parameters
    ----------
    version : str
        ``x.y.z``, the one that is built.
    date : str
        Its date, ``YYYY-MM-DD``.
    path : Path
        The dataset's changelog.

    Returns
    -------
    list of dict
        As `read_history` gives them, the version's own entry first.

    Raises
    ------
    ParameterError
        If the version has no entry, or one of another date.
    """
    history = read_history(path)
    own = Version.parse(version)
    until = [entry for entry in history if Version.parse(entry["version"]) <= own]
    if not until or until[0]["version"] != version:
        raise ParameterError(
            f"parameter 'release.version': {path} has no entry for {version}, its newest is "
            f"{history[0]['version'] if history else 'none'}; add '## [{version}] - YYYY-MM-DD' "
            "with what changes in it"
        )
    if until[0]["date"] != date:
        raise ParameterError(
            f"parameter 'release.date': {date} is not the date of {version} in {path}, which is "
            f"{until[0]['date']}; make them the same"
        )
    return until


def read_history(path: Path = CHANGELOG_FILE) -> list[dict[str, Any]]:
    """Read the dataset's changelog.

    Parameters
    ----------
    path : Path
        In the form of Keep a Changelog: ``## [x.y.z] - YYYY-MM-DD``, below it ``### Added`` or
        another of `KINDS`, below that a list.

    Returns
    -------
    list of dict
        Newest first: ``version`` (``x.y.z``), ``date`` and ``changes``, which has the list's
        items by kind.

    Raises
    ------
    ParameterError
        If the file is not of that form, or its versions are not in descending order.
    InputError
        If it is not there.
    """
    require_file(path, "run this from the project's root")
    _, *sections = _parted("## ", path.read_text(encoding="utf-8"))
    history = [_entry(one, path) for one in sections if not one.startswith("[Unreleased]")]
    versions = [Version.parse(entry["version"]) for entry in history]
    if versions != sorted(set(versions), reverse=True):
        raise ParameterError(
            f"{path}: expected each version once and the newest first, found "
            f"{', '.join(map(str, versions))}; reorder them"
        )
    return history


def _parted(mark: str, text: str) -> list[str]:
    """Cut a text before every line that begins with a mark; the marks are left out."""
    return re.split(rf"^{mark}", text, flags=re.MULTILINE)


def _entry(section: str, path: Path) -> dict[str, Any]:
    """One version: its number, its date and its changes, an item on one line."""
    title, _, body = section.partition("\n")
    match = _TITLE.fullmatch(title.strip())
    if match is None or not _is_dated_version(match["version"], match["date"]):
        raise ParameterError(
            f"{path}: expected a title '## [x.y.z] - YYYY-MM-DD', found '## {title}'; correct it"
        )
    changes = {}
    for part in _parted("### ", body)[1:]:
        kind, _, listed = part.partition("\n")
        _, *items = _parted("- ", listed)
        if kind.strip() not in KINDS or not items:
            raise ParameterError(
                f"{path}: below '## {title}' expected one of {', '.join(KINDS)} and a list, found "
                f"'### {kind}'; correct it"
            )
        changes[kind.strip()] = [" ".join(item.split()) for item in items]
    if not changes:
        raise ParameterError(
            f"{path}: version {match['version']} says nothing; below its title write a kind of "
            "change, such as '### Added', and a list"
        )
    return {"version": match["version"], "date": match["date"], "changes": changes}


def _is_dated_version(version: str, date: str) -> bool:
    """Whether it is ``x.y.z``, of mock and real releases alike, and a day of the calendar."""
    try:
        real = not Version.parse(version).mock
        return real and datetime.date.fromisoformat(date).isoformat() == date
    except (ParameterError, ValueError):
        return False
