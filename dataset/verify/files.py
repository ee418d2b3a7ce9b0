"""The files of a release against its manifest, and the manifest against itself.

What lies beside the release's files and does no harm, such as a clone's ``.git``, is told apart.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transferz.dataset.pipeline.params import MAX_RADIUS_ARCSEC
from transferz.dataset.verify.findings import Broken, Finding, safely, some
from transferz.schemas import SPLITS, ReleaseError
from transferz.schemas.survey.columns import Dtype
from transferz.schemas.survey.described import bands_of, configs_of
from transferz.schemas.survey.documents import parse_json, read_bytes
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    FIRST_INDEX_FILE,
    HATS_FOLDER,
    HATS_SUFFIX,
    INDEX_FILE,
    MANIFEST_FILE,
    SHARD,
    Version,
    added_files,
    damage,
    file_digest,
    json_text,
    self_digest,
)
from transferz.schemas.survey.survey import NAME, seek_survey
from transferz.tables.hats.reading import (
    CATALOGUE,
    COLLECTION,
    COMMON,
    DATASET,
    METADATA,
    PARTITIONS,
)

_OF_CATALOGUE = "|".join(
    [
        *map(re.escape, (*CATALOGUE, PARTITIONS, "skymap.fits", "point_map.fits")),
        *(re.escape(f"{DATASET}/{name}") for name in (METADATA, COMMON)),
        rf"{DATASET}/Norder=\d+/Dir=\d+/Npix=\d+{re.escape(HATS_SUFFIX)}",
    ]
)
"""The names of files in a HATS catalogue, or in its margin."""

_PAGES = "|".join(map(re.escape, (CARD_FILE, CITATION_FILE, CROISSANT_FILE)))


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)


class _Whole(_Entry):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Split(_Whole):
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    content: str


class _File(_Whole):
    sha256: str
    bytes: int = Field(ge=0)


class _Column(_Whole):
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
    survey: str = Field(pattern=NAME)
    mock: bool
    date: str
    columns: dict[str, _Column]
    content: dict[str, dict[str, _Split]]
    counts: dict[str, Any]
    sources: dict[str, str]
    hats: Literal["", "_hats"] = ""
    parameters: _Parameters
    template: str = ""
    files: dict[str, _File]
    sha256: str


def read_manifest(release: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Read a release's manifest, empty if it can't be used, and say what is broken in it."""
    path, content = release / MANIFEST_FILE, dict[str, Any]()
    findings = list(safely(MANIFEST_FILE, "manifest", _check_manifest, path, content))
    return ({} if findings else content), findings


def _check_manifest(path: Path, content: dict[str, Any]) -> Iterator[Broken]:
    """Check that a manifest is one, is its own bytes, has its own hash, and is of its shape.

    What it says is put into `content`.
    """
    if problem := _not_a_file(path):
        yield Broken(MANIFEST_FILE, "manifest", problem)
        return
    data = read_bytes(path)
    try:
        stated = parse_json(data)
    except ValueError as error:
        cause = damage(path, {"bytes": len(data), "sha256": ""})
        found = cause or f"what can't be read as JSON ({error})"
        yield Broken(MANIFEST_FILE, "manifest", found, "a JSON object")
        return
    if not isinstance(stated, dict):
        yield Broken(MANIFEST_FILE, "manifest", type(stated).__name__, "a JSON object")
    elif (own := json_text(stated).encode()) != data:
        cause = damage(path, {"bytes": len(own), "sha256": hashlib.sha256(own).hexdigest()})
        found = cause or "other white space, order or spelling"
        yield Broken(MANIFEST_FILE, "manifest", found, "its own")
    elif (digest := self_digest(stated)) != stated.get("sha256"):
        expected = f"the {stated['sha256']} it states" if "sha256" in stated else "an entry sha256"
        yield Broken(MANIFEST_FILE, "manifest", f"sha256 {digest}", expected)
    else:
        content |= stated
        yield from _check_shape(content)


def _check_shape(content: Mapping[str, Any]) -> Iterator[Broken]:
    try:
        shape = ManifestShape.model_validate(content)
    except ValidationError as error:
        for problem in error.errors()[:5]:
            where = ".".join(map(str, problem["loc"]))
            yield Broken(MANIFEST_FILE, "manifest", f"entry '{where}': {problem['msg']}")
        return
    mocks = {Version.parse(shape.version).mock, shape.mock}
    if survey := seek_survey(shape.survey):
        mocks.add(survey.mock)
    if len(mocks) > 1:
        found = f"version {shape.version}, survey {shape.survey}, mock {shape.mock}"
        yield Broken(MANIFEST_FILE, "manifest", found, "all of them of a mock, or none")
    if "object_id" not in shape.columns:
        yield Broken(MANIFEST_FILE, "manifest", "columns without object_id", "it in every release")
    try:
        bands_of(content), configs_of(content)
    except ReleaseError as error:
        yield Broken(MANIFEST_FILE, "manifest", str(error))


def check_files(release: Path, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that the files that a manifest lists are there, unchanged, and no data were added."""
    listed = manifest["files"]
    layout = _layout(manifest)
    for name, stated in listed.items():
        yield from safely(name, "files", _check_file, release, name, stated, layout)
    others = _others(release, listed)
    for name in others:
        if name in _folders(listed):
            yield Broken(name, "files", "a link in the place of a folder", "the folder itself")
    for name in added_files(others, listed):
        found = "what the manifest does not list, among the data"
        yield Broken(name, "files", found, "nothing: delete it, or move it out of the release")


def _layout(manifest: Mapping[str, Any]) -> re.Pattern[str]:
    """The names that a release's files have, and had in the first major version."""
    configs = "|".join(map(re.escape, configs_of(manifest).values()))
    index_files = [INDEX_FILE]
    if Version.parse(manifest["version"]).major < 2:
        index_files.append(FIRST_INDEX_FILE)
    indices = (
        re.escape(name).replace(re.escape("{config}"), f"(?:{configs})") for name in index_files
    )
    data = rf"(?:{configs})/(?:{'|'.join(SPLITS)}){SHARD}"
    hats = rf"{HATS_FOLDER}/({configs})/(?:{COLLECTION}|\1(?:_\d+arcs)?/(?:{_OF_CATALOGUE}))"
    return re.compile("|".join([_PAGES, r"figures/[\w-]+\.png", *indices, data, hats]), re.ASCII)


def _check_file(
    release: Path, name: str, stated: Mapping[str, Any], layout: re.Pattern[str]
) -> Iterator[Broken]:
    path = release / name
    if _leads_out(name) or not path.parent.resolve().is_relative_to(release.resolve()):
        yield Broken(name, "files", "a name that leads out of the release", "one inside it")
    elif not layout.fullmatch(name):
        yield Broken(name, "files", "a file that is no part of a release", "none")
    elif problem := _not_a_file(path):
        yield Broken(name, "files", problem, "a file")
    elif (size := path.stat().st_size) != stated["bytes"]:
        wanted = f"{stated['bytes']:,} bytes"
        cause = damage(path, stated) if size <= 2 * stated["bytes"] + 1024 else ""
        yield Broken(name, "files", cause or f"{size:,} bytes", wanted)
    elif (digest := file_digest(path)["sha256"]) != stated["sha256"]:
        yield Broken(name, "files", f"sha256 {digest}", stated["sha256"])


def other_files(release: Path, listed: Mapping[str, Any]) -> list[str]:
    """List what lies beside a release's files and does no harm; a folder ends in a slash.

    Such are a clone's ``.git``, a Finder's ``.DS_Store``, the notes of the Hub's client, a licence.
    """
    others = _others(release, listed)
    return sorted(set(others) - set(added_files(others, listed)) - _folders(listed))


def _folders(listed: Mapping[str, Any]) -> set[str]:
    """The folders that listed files lie in, however deep."""
    return {parent.as_posix() for name in listed for parent in PurePosixPath(name).parents}


def _others(release: Path, listed: Mapping[str, Any]) -> list[str]:
    """All that is there and not listed; of a folder that holds nothing listed its name alone."""
    used, others = _folders(listed), []
    for folder, folders, names in os.walk(release):  # links are not followed
        place = Path(folder).relative_to(release)
        for name in list(folders):
            path = (place / name).as_posix()
            if (release / path).is_symlink():
                others.append(path)
            elif path not in used:
                others.append(f"{path}/")
                folders.remove(name)
        others += [(place / name).as_posix() for name in names]
    return [name for name in others if name not in listed and name != MANIFEST_FILE]


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    odd = not name or path.is_absolute() or "\\" in name or "\0" in name
    return odd or ".." in path.parts or str(path) != name


def _not_a_file(path: Path) -> str:
    """What is there instead of a file, or a link to one; empty if there is one.

    Links to files are how DVC (``cache.type``) and the Hub's client keep them. What such a link
    leads to is read only if it is a plain file of the right size.
    """
    link = path.is_symlink()
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        gone = "a link to what is not there (get it anew; where DVC made it, `dvc checkout` does)"
        return gone if link else "nothing"
    if stat.S_ISREG(mode):
        return ""
    what = "a directory" if stat.S_ISDIR(mode) else "a special file"
    return f"a link to {what}" if link else what


def check_configs(
    present: Mapping[str, Any], manifest: Mapping[str, Any], expected: Mapping[str, str]
) -> Iterator[Broken]:
    """Check which configs have data files: `present`, config -> splits, against `expected`.

    The latter holds role -> config; that a manifest names them so is checked too.
    """
    if (stated := configs_of(manifest)) != dict(expected):
        found = f"configs by role: {stated or 'none'}"
        yield Broken(MANIFEST_FILE, "configs", found, str(dict(expected)))
    if set(present) != set(expected.values()):
        wanted = ", ".join(expected.values())
        yield Broken(MANIFEST_FILE, "configs", some(present) or "none", wanted)
    content = manifest["content"]
    for config in {**present, **content}:
        splits, stated_splits = list(present.get(config, {})), list(content.get(config, {}))
        if splits != stated_splits:
            found = f"files of config '{config}' for {some(splits) or 'no split'}"
            yield Broken(MANIFEST_FILE, "configs", found, some(stated_splits) or "no split")
