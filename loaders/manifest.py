"""Reading a release's manifest, and checking what it says."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transferz.schemas import RELEASE
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE, RELEASE_NAME, self_digest
from transferz.schemas.survey.versions import Version

SURVEYS = ("cosmos2020", "authors", "mock")  # real before mock

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_FILE_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
"""No part of a file's path may be ``..``, hidden or absolute, whoever wrote the manifest."""


def read_manifest(release: Path) -> dict[str, Any]:
    """Read the manifest in a release directory.

    Raises
    ------
    ReleaseError
        Where there is none, it is no JSON object, or an entry that is read here is missing or of
        another shape: what is returned can be used and shown without looking at it again.
    """
    path = release / MANIFEST_FILE
    if not path.is_file():
        raise ReleaseError(
            f"{release} is an unfinished release, or none: it has no {MANIFEST_FILE}; "
            "run 'make repro'"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{path} can't be read as JSON: {error}; run 'make repro'") from None
    if not isinstance(manifest, dict):
        raise ReleaseError(f"{path} holds no JSON object: not a transferz release manifest")
    if fault := _fault(manifest):
        raise ReleaseError(f"{path} {fault}: not a transferz release manifest")
    return manifest


def _fault(manifest: Mapping[str, Any]) -> str:
    """Say what is wrong with the shape of a manifest; nothing where it is sound."""
    for name, fits in _SHAPES.items():
        if name in manifest and not fits(manifest[name]):
            return f"has another '{name}' than a release's"
    missing = [name for name in ("version", "survey", "mock") if name not in manifest]
    return f"has no entry '{missing[0]}'" if missing else ""


def _is_version(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Version.parse(value))
    except ParameterError:
        return False


def _is_digest(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"sha256", "bytes"}
        and isinstance(value["sha256"], str)
        and _SHA256.fullmatch(value["sha256"]) is not None
        and type(value["bytes"]) is int
    )


def _all_named(value: object, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(
        _NAME.fullmatch(name) and isinstance(one, dict) and fits(one) for name, one in value.items()
    )


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "version": _is_version,
    "survey": lambda survey: survey in SURVEYS,
    "mock": lambda mock: isinstance(mock, bool),
    "columns": lambda columns: _all_named(columns, lambda one: isinstance(one.get("unit"), str)),
    "content": lambda content: _all_named(
        content, lambda splits: all(map(_NAME.fullmatch, splits))
    ),
    "files": lambda files: isinstance(files, dict) and all(map(_is_digest, files.values())),
}
"""Entry -> whether it has the shape that loading relies on."""


def listed_files(manifest: Mapping[str, Any], version: Version, source: str) -> dict[str, Any]:
    """Return the files that a manifest from elsewhere names, once it is seen to be sound.

    Parameters
    ----------
    manifest : mapping
        As read.
    version : Version
        What its release must be.
    source : str
        Where it is from, for messages.

    Returns
    -------
    dict
        Path inside the release -> ``sha256`` and ``bytes``; no path leads out of the release.

    Raises
    ------
    ReleaseError
        Where the manifest does not match its own hash, is another release's, or names a file by
        an unsafe path.
    """
    files = manifest.get("files")
    if not isinstance(files, dict) or not _is_sealed(manifest):
        raise ReleaseError(
            f"{MANIFEST_FILE} of {source} does not match its own sha256: it was damaged or edited "
            "after the release was made; nothing was kept"
        )
    if (manifest.get("name"), manifest.get("version")) != (RELEASE_NAME, str(version)):
        raise ReleaseError(
            f"{source} holds {manifest.get('name')!r} {manifest.get('version')}, "
            f"expected '{RELEASE_NAME}' {version}; its tag names another release"
        )
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            raise ReleaseError(
                f"{MANIFEST_FILE} of {source} names a file {name!r}, which is no plain path inside "
                "the release; nothing was fetched"
            )
    return files


def _is_sealed(manifest: Mapping[str, Any]) -> bool:
    try:
        return bool(manifest.get("sha256") == self_digest(manifest))
    except UnicodeEncodeError:  # half a character: no file holds it
        return False


def require_units(manifest: Mapping[str, Any], source: str) -> None:
    """Check that a release's columns have the units that this package declares.

    Numbers in another unit look right and are wrong, so that is an error and no warning. Columns
    that only one side knows are no error: versions of the package and the data differ.

    Raises
    ------
    ReleaseError
        Naming every column whose unit differs.
    """
    stated = manifest.get("columns", {})
    differing = [
        f"{column.name} ({stated[column.name]['unit']!r}, expected '{column.unit}')"
        for column in RELEASE
        if column.name in stated and stated[column.name]["unit"] != column.unit
    ]
    if differing:
        raise ReleaseError(
            f"{source} has columns in other units than this version of transferz declares: "
            f"{', '.join(differing)}; install the version of transferz that the release was made "
            "with, or load the directory by datasets.load_dataset as it is"
        )
