"""Checking the files of a release against its manifest."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.files import CARD_FILE, HIDDEN_CARD, MANIFEST_FILE, file_digest


def require_no_others(names: Iterable[str], files: Mapping[str, Any], source: str) -> None:
    """Check that no file that `datasets` could read is there beside those of the manifest.

    Files elsewhere, such as a licence at the top, do no harm, and neither do hidden ones.

    Parameters
    ----------
    names : iterable of str
        The paths of the files that are there, inside the release.
    files : mapping
        Those that the manifest names.
    source : str
        What the release is called in messages.

    Raises
    ------
    ReleaseError
        Naming the first that is in a folder of the release and not in its manifest.
    """
    folders = {name.split("/")[0] for name in files if "/" in name}
    for name in sorted(set(names) - files.keys()):
        first, *others = name.split("/")
        visible = not any(part.startswith(".") for part in others)
        if name == HIDDEN_CARD or (first in folders and others and visible):
            raise ReleaseError(
                f"{source} holds {name!r}, which its {MANIFEST_FILE} does not name: datasets could "
                "take it for rows of the release; delete it, or take another copy of the release"
            )


def require_listed(release: Path, manifest: Mapping[str, Any], config: str) -> None:
    """Check that a config's folder holds the files that the manifest names, and no others.

    Parameters
    ----------
    release : Path
        The release directory.
    manifest : mapping
        As `transferz.manifest.read_manifest` gives it; one without ``files`` passes.
    config : str
        Whose files are looked at.

    Raises
    ------
    ReleaseError
        Naming the first file that is missing or should not be there.
    """
    if (files := manifest.get("files")) is None:
        return
    paths = [*(release / config).rglob("*"), release / HIDDEN_CARD]
    there = [path.relative_to(release).as_posix() for path in paths if path.is_file()]
    require_no_others(there, files, str(release))
    for name in files:
        if name.startswith(f"{config}/") and name not in there:
            raise ReleaseError(
                f"{release / name} is missing, which {MANIFEST_FILE} names: build or fetch the "
                "release again"
            )


def require_config(
    release: Path, manifest: Mapping[str, Any], config: str, *, digests: bool = False
) -> None:
    """Check a config's files, and the card, as `require_listed` does, and their sizes.

    Parameters
    ----------
    digests : bool
        Check their sha256 too, for which all of them are read.

    Raises
    ------
    ReleaseError
        Naming the first file that is missing, differs or should not be there.
    """
    require_listed(release, manifest, config)
    for name, stated in manifest.get("files", {}).items():
        if name == CARD_FILE or name.startswith(f"{config}/"):
            _require_same(release / name, stated, digests)


def _require_same(path: Path, stated: Mapping[str, Any], digest: bool) -> None:
    size = path.stat().st_size if path.is_file() else 0
    if size != stated["bytes"] or (digest and file_digest(path) != stated):
        found = f"{size} bytes" if size != stated["bytes"] else "others"
        raise ReleaseError(
            f"{path} is damaged or was edited: expected {stated['bytes']} bytes with sha256 "
            f"{stated['sha256'][:16]}…, as {MANIFEST_FILE} says, found {found}; build or fetch the "
            "release again"
        )


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
