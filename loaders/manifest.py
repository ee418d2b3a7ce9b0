"""Reading a release's manifest, and checking files against it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferz.schemas import RELEASE
from transferz.schemas.errors import ReleaseError
from transferz.schemas.files import MANIFEST_FILE, RELEASE_NAME, file_digest, self_digest
from transferz.schemas.versions import Version

_FILE_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
"""No part of a file's path may be ``..``, hidden or absolute, whoever wrote the manifest."""


def read_manifest(release: Path) -> dict[str, Any]:
    """Read the manifest in a release directory.

    Raises
    ------
    ReleaseError
        Where there is none, or it is no JSON object.
    """
    path = release / MANIFEST_FILE
    if not path.is_file():
        raise ReleaseError(
            f"{release} is an unfinished release, or none: it has no {MANIFEST_FILE}; "
            "run 'make repro'"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} can't be read as JSON: {error}; run 'make repro'") from None
    if not isinstance(manifest, dict):
        raise ReleaseError(f"{path} holds no JSON object: not a transferz release manifest")
    return manifest


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
    if not isinstance(files, dict) or manifest.get("sha256") != self_digest(manifest):
        raise ReleaseError(
            f"{MANIFEST_FILE} of {source} does not match its own sha256: it was damaged or edited "
            "after the release was made; nothing was kept"
        )
    if (manifest.get("name"), manifest.get("version")) != (RELEASE_NAME, str(version)):
        raise ReleaseError(
            f"{source} holds '{manifest.get('name')}' {manifest.get('version')}, "
            f"expected '{RELEASE_NAME}' {version}; its tag names another release"
        )
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            raise ReleaseError(
                f"{MANIFEST_FILE} of {source} names a file '{name}', which is no plain path inside "
                "the release; nothing was fetched"
            )
    return files


def require_files(release: Path, files: Mapping[str, Any], source: str) -> None:
    """Check every file's size and sha256 against the manifest.

    Raises
    ------
    ReleaseError
        Naming the first file that is missing or differs.
    """
    for name, stated in files.items():
        path = release / name
        found = file_digest(path) if path.is_file() else None
        if found != stated:
            what = (
                f"{found['bytes']} bytes with sha256 {found['sha256'][:16]}…"
                if found
                else "no file"
            )
            raise ReleaseError(
                f"{name} of {source} is damaged: expected {stated['bytes']} bytes with sha256 "
                f"{stated['sha256'][:16]}…, as {MANIFEST_FILE} says, found {what}; nothing was "
                "kept: try again, and if it stays so, tell the publisher"
            )


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
        f"{column.name} ('{stated[column.name]['unit']}', expected '{column.unit}')"
        for column in RELEASE
        if column.name in stated and stated[column.name]["unit"] != column.unit
    ]
    if differing:
        raise ReleaseError(
            f"{source} has columns in other units than this version of transferz declares: "
            f"{', '.join(differing)}; install the version of transferz that the release was made "
            "with, or load the directory by datasets.load_dataset as it is"
        )
