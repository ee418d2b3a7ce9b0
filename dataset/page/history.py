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

_RELEASE = re.compile(r"\[(?P<version>\S+)\] - (?P<date>\S+)")


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
    _, *sections = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    released = (one for one in sections if not one.startswith("[Unreleased]"))
    found = [_entry(section, path) for section in released]
    versions = [Version.parse(one["version"]) for one in found]
    if versions != sorted(set(versions), reverse=True):
        raise ParameterError(
            f"{path}: expected each version once and the newest first, found "
            f"{', '.join(map(str, versions))}; reorder them"
        )
    return found


def _entry(section: str, path: Path) -> dict[str, Any]:
    title, _, body = section.partition("\n")
    match = _RELEASE.fullmatch(title.strip())
    if match is None or not (_is_version(match["version"]) and _is_date(match["date"])):
        raise ParameterError(
            f"{path}: expected a title '## [x.y.z] - YYYY-MM-DD', found '## {title}'; correct it"
        )
    _, *kinds = re.split(r"^### ", body, flags=re.MULTILINE)
    changes = dict(_changes(kind, title, path) for kind in kinds)
    if not changes:
        raise ParameterError(
            f"{path}: version {match['version']} says nothing; below its title write a kind of "
            "change, such as '### Added', and a list"
        )
    return {"version": match["version"], "date": match["date"], "changes": changes}


def _is_version(text: str) -> bool:
    """Whether a text is ``x.y.z``: the changelog holds for mock and real releases alike."""
    try:
        return not Version.parse(text).mock
    except ParameterError:
        return False


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _changes(section: str, title: str, path: Path) -> tuple[str, list[str]]:
    """One kind of change and the items of its list, each on one line."""
    kind, _, body = section.partition("\n")
    _, *items = re.split(r"^- ", body, flags=re.MULTILINE)
    if kind.strip() not in KINDS or not items:
        raise ParameterError(
            f"{path}: below '## {title}' expected one of {', '.join(KINDS)} and a list, found "
            f"'### {kind}'; correct it"
        )
    return kind.strip(), [" ".join(item.split()) for item in items]


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
    found = read_history(path)
    own = Version.parse(version)
    until = [one for one in found if Version.parse(one["version"]) <= own]
    if not until or until[0]["version"] != version:
        raise ParameterError(
            f"parameter 'release.version': {path} has no entry for {version}, its newest is "
            f"{found[0]['version'] if found else 'none'}; add '## [{version}] - YYYY-MM-DD' with "
            "what changes in it"
        )
    if until[0]["date"] != date:
        raise ParameterError(
            f"parameter 'release.date': {date} is not the date of {version} in {path}, which is "
            f"{until[0]['date']}; make them the same"
        )
    return until
