"""The files of a release against its manifest, and the manifest against itself."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transferz.dataset.pipeline.params import MAX_RADIUS_ARCSEC
from transferz.dataset.verify.findings import Broken, safely, some
from transferz.schemas import CONFIGS, SPLITS
from transferz.schemas.survey.columns import Dtype
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    SHARD,
    file_digest,
    json_text,
    self_digest,
)
from transferz.schemas.survey.manifest import SURVEYS
from transferz.schemas.survey.versions import Version
from transferz.tables.files import read_json

TOLERATED = (".gitattributes", ".cache/huggingface/")
"""What the Hub adds to a repository and its client to a download."""

_PAGES = "|".join(map(re.escape, (CARD_FILE, CITATION_FILE, CROISSANT_FILE)))
_DATA = rf"{re.escape(INDEX_FILE)}|(?:{'|'.join(SPLITS)}){SHARD}"
_LAYOUT = re.compile(rf"{_PAGES}|figures/[\w-]+\.png|(?:{'|'.join(CONFIGS)})/(?:{_DATA})", re.ASCII)
"""The names that a release's files have."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)


class _Split(_Entry):
    rows: int
    bytes: int
    content: str


class _File(_Entry):
    sha256: str
    bytes: int


class _Column(_Entry):
    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: Dtype
    unit: str
    ucd: str = ""
    description: str = ""


class _MatchParameters(_Entry):
    radius_arcsec: float = Field(gt=0, le=MAX_RADIUS_ARCSEC)


class _SplitParameters(_Entry):
    scheme: str


class _Parameters(_Entry):
    match: _MatchParameters
    split: _SplitParameters


class ManifestShape(_Entry):
    """What a manifest must hold for a release to be checked against it."""

    name: Literal["transferz"]
    version: str
    survey: str
    mock: bool
    date: str
    columns: dict[str, _Column]
    content: dict[str, dict[str, _Split]]
    counts: dict[str, Any]
    sources: dict[str, str]
    parameters: _Parameters
    template: str = ""
    files: dict[str, _File]
    sha256: str


def read_manifest(release: Path) -> tuple[dict[str, Any], list[Broken]]:
    """Read a release's manifest and check it against itself.

    Returns
    -------
    manifest : dict
        Empty if it can't be used.
    broken : list of Broken
    """
    path = release / MANIFEST_FILE
    broken = list(safely(MANIFEST_FILE, "manifest", _check_manifest, path))
    return ({} if broken else read_json(path)), broken


def _check_manifest(path: Path) -> Iterator[Broken]:
    """Check that a manifest is one, is its own bytes, has its own hash, and is of its shape."""
    if problem := _not_a_file(path):
        yield Broken(MANIFEST_FILE, "manifest", problem)
        return
    data = path.read_bytes()
    content = json.loads(data.decode("utf-8"))
    if not isinstance(content, dict):
        yield Broken(MANIFEST_FILE, "manifest", type(content).__name__, "a JSON object")
    elif json_text(content).encode() != data:
        yield Broken(MANIFEST_FILE, "manifest", "other white space, order or spelling", "its own")
    elif (digest := self_digest(content)) != content.get("sha256"):
        stated = f"the {content['sha256']} it states" if "sha256" in content else "an entry sha256"
        yield Broken(MANIFEST_FILE, "manifest", f"sha256 {digest}", stated)
    else:
        yield from _check_shape(content)


def _check_shape(content: Mapping[str, Any]) -> Iterator[Broken]:
    try:
        shape = ManifestShape.model_validate(content)
    except ValidationError as error:
        for problem in error.errors()[:5]:
            where = ".".join(map(str, problem["loc"]))
            yield Broken(MANIFEST_FILE, "manifest", f"entry '{where}': {problem['msg']}")
        return
    mocks = {Version.parse(shape.version).mock, shape.mock, shape.survey == "mock"}
    if len(mocks) > 1 or shape.survey not in SURVEYS:
        found = f"version {shape.version}, survey {shape.survey}, mock {shape.mock}"
        yield Broken(MANIFEST_FILE, "manifest", found, "all of them of a mock, or none")


def check_files(release: Path, listed: Mapping[str, Mapping[str, Any]]) -> Iterator[Broken]:
    """Check that the listed files are there, unchanged, and no others.

    Parameters
    ----------
    release : Path
        The release directory.
    listed : mapping
        The manifest's ``files``: ``sha256`` and ``bytes`` by the file's name.
    """
    for name, stated in listed.items():
        yield from safely(name, "files", _check_file, release, name, stated)
    present = set()
    for folder, folders, names in os.walk(release):  # links are not followed
        links = (one for one in folders if Path(folder, one).is_symlink())
        present |= {Path(folder, one).relative_to(release).as_posix() for one in (*names, *links)}
    for name in sorted(present - set(listed) - {MANIFEST_FILE}):
        if name != TOLERATED[0] and not name.startswith(TOLERATED[1]):
            yield Broken(name, "files", "a file that the manifest does not list", "none")


def _check_file(release: Path, name: str, stated: Mapping[str, Any]) -> Iterator[Broken]:
    if _leads_out(name) or not (release / name).parent.resolve().is_relative_to(release.resolve()):
        yield Broken(name, "files", "a name that leads out of the release", "one inside it")
    elif not _LAYOUT.fullmatch(name):
        yield Broken(name, "files", "a file that is no part of a release", "none")
    elif problem := _not_a_file(release / name):
        yield Broken(name, "files", problem, "a file")
    elif (size := (release / name).stat().st_size) != stated["bytes"]:
        yield Broken(name, "files", f"{size:,} bytes", f"{stated['bytes']:,}")
    elif (digest := file_digest(release / name)["sha256"]) != stated["sha256"]:
        yield Broken(name, "files", f"sha256 {digest}", stated["sha256"])


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    odd = not name or path.is_absolute() or "\\" in name or "\0" in name
    return odd or ".." in path.parts or str(path) != name


def _not_a_file(path: Path) -> str:
    """What is there instead of a plain file; empty if it is one."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    kinds = {stat.S_IFREG: "", stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link"}
    return kinds.get(stat.S_IFMT(mode), "a special file")


def check_configs(
    present: Mapping[str, Any], manifest: Mapping[str, Any], expected: tuple[str, ...]
) -> Iterator[Broken]:
    """Check which configs there are.

    Parameters
    ----------
    present : mapping
        The configs and splits that have data files.
    manifest : mapping
        The release's manifest.
    expected : tuple of str
        The configs of such a release.
    """
    if set(present) != set(expected):
        yield Broken(MANIFEST_FILE, "configs", some(present) or "none", ", ".join(expected))
    content = manifest["content"]
    for config in {**present, **content}:
        splits, stated = list(present.get(config, {})), list(content.get(config, {}))
        if splits != stated:
            found = f"files of config '{config}' for {some(splits) or 'no split'}"
            yield Broken(MANIFEST_FILE, "configs", found, some(stated) or "no split")
