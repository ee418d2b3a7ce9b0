"""A folder ready for Zenodo: the release in one archive, its pages, checksums, metadata.

Zenodo keeps no folders in a record, so the release goes there as one archive; the pages that a
visitor wants to see first lie beside it. Not croissant.json, though: its addresses are relative
and hold where the archive is unpacked. The layout is our choice.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferz.dataset.page.citation import datacite, read_citation
from transferz.dataset.verify.verifying import require_sound
from transferz.schemas.errors import InputError
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    MANIFEST_FILE,
    RELEASE_NAME,
    file_digest,
)
from transferz.tables.files import read_json, real_path, replace_directory, write_json

DATACITE_FILE = "datacite.json"
SHA256_FILE = "SHA256SUMS"
CHECKSUM_FILES = {SHA256_FILE: "sha256", "MD5SUMS": "md5"}  # md5 is what Zenodo shows
PAGES = (CARD_FILE, CITATION_FILE, MANIFEST_FILE)

_CHUNK = 1 << 20
_FILE_MODE = 0o100644 << 16  # a plain file that all may read, as zip has it
_UNIX = 3


def deposit(release: Path, out: Path) -> tuple[str, ...]:
    """Write a release as a folder ready to be uploaded to Zenodo.

    Returns the names of what lies beside the release's files, and was left out. The same release
    gives the same bytes on every machine. An older deposit in `out` is replaced as a whole. A
    ReleaseError says that the release breaks a promise, an InputError that `out` is something else
    than a deposit, was edited since, or can't be written.
    """
    _require_own(out, release)
    others = require_sound(release).others
    manifest = read_json(release / MANIFEST_FILE)
    name = archive_name(manifest["version"])
    with replace_directory(out) as folder:
        pack(release, manifest, folder / name)
        for page in PAGES:
            shutil.copyfile(release / page, folder / page)
        citation = read_citation(release / CITATION_FILE)
        write_json(folder / DATACITE_FILE, datacite(manifest, citation, name))
        _require_whole(folder / name, release, manifest)
        files = sorted(folder.iterdir())
        for sums, algorithm in CHECKSUM_FILES.items():
            lines = [f"{_digest(file, algorithm)}  {file.name}\n" for file in files]
            (folder / sums).write_text("".join(lines), encoding="utf-8")
    return others


def archive_name(version: str) -> str:
    """Return the archive's name; a plus sign, which a mock's version has, does not suit a URL."""
    return f"{RELEASE_NAME}-{version.replace('+', '-')}.zip"


def pack(release: Path, manifest: Mapping[str, Any], archive: Path) -> None:
    """Pack the files that a release's manifest lists, and itself, into a zip of one folder.

    They are dated as the release. Stored, not compressed: parquet is compressed already, and
    other versions of zlib would give other bytes.
    """
    year, month, day = (int(part) for part in manifest["date"].split("-"))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted([*manifest["files"], MANIFEST_FILE]):
            entry = zipfile.ZipInfo(f"{RELEASE_NAME}/{name}", (year, month, day, 0, 0, 0))
            entry.create_system, entry.external_attr = _UNIX, _FILE_MODE
            entry.file_size = (release / name).stat().st_size
            with (release / name).open("rb") as source, packed.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


def _require_whole(archive: Path, release: Path, manifest: Mapping[str, Any]) -> None:
    """Check what was packed against the manifest."""
    expected = {name: stated["sha256"] for name, stated in manifest["files"].items()}
    expected[MANIFEST_FILE] = file_digest(release / MANIFEST_FILE)["sha256"]
    with zipfile.ZipFile(archive) as packed:
        for name, sha256 in expected.items():
            with packed.open(f"{RELEASE_NAME}/{name}") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            if digest != sha256:
                raise InputError(
                    f"{name} changed while it was packed: expected sha256 {sha256}, found "
                    f"{digest}; run it again"
                )


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def _require_own(out: Path, release: Path) -> None:
    """Check that nothing but an older deposit would be replaced, as it was written."""
    place = real_path(out)
    if place.is_relative_to(real_path(release)):
        raise InputError(f"{out} lies in the release itself; name a folder outside {release}")
    if real_path(Path()).is_relative_to(place):
        raise InputError(
            f"{out} is or holds the folder that this runs in, and would be replaced as a whole; "
            "name a folder in it, or another one"
        )
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    listing = place / SHA256_FILE
    text = listing.read_text("utf-8", errors="replace") if listing.is_file() else ""
    pairs = (line.partition("  ") for line in text.splitlines())
    sums = {name: sha256 for sha256, _, name in pairs}
    names = {path.name for path in place.iterdir()} if place.is_dir() else set()
    if DATACITE_FILE not in sums or names != {*sums, *CHECKSUM_FILES}:
        raise InputError(
            f"{out} is there already and is no deposit of transferz; name a folder that is not "
            "there yet, or remove it first"
        )
    for name, sha256 in sums.items():
        if not (place / name).is_file() or _digest(place / name, "sha256") != sha256:
            raise InputError(
                f"{name} in {out} was changed since the deposit was written ({SHA256_FILE} tells), "
                "and would be replaced; keep it elsewhere, then remove the deposit"
            )
