"""A release's version and files: how they are written, and the manifest that vouches for them."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.catalogues import SPLITS
from transferz.schemas.survey.described import bands_of
from transferz.schemas.survey.documents import parse_json, read_bytes
from transferz.schemas.survey.release import KNOWN_CONFIGS

RELEASE_NAME = "transferz"
"""Every release directory's name: `datasets` caches by it, so the bare name works afterwards."""

MANIFEST_FILE = "MANIFEST.json"
CARD_FILE = "README.md"
CROISSANT_FILE = "croissant.json"
CITATION_FILE = "CITATION.cff"
INDEX_FOLDER = "_index"
INDEX_FILE = INDEX_FOLDER + "/{config}.index"
"""Of each config: parquet with a row per object, for comparing versions; not a split. Its folder
and its name are such that no reader takes it for data: neither one of a folder, which passes over
what begins with ``_``, nor one of ``*.parquet`` at any depth."""

FIRST_INDEX_FILE = "{config}/index.parquet"
"""Where it was before 2.0.0: readers of the folder took it for rows."""

READ_FIRST = (".huggingface.yaml", "dataset_infos.json", f"{RELEASE_NAME}.py")
"""What `datasets`, of one version or another, reads over the card where it is there; no release has
any of them."""

HATS_FOLDER = "_hats"
"""Where a release may have each config a second time, as a HATS collection of the config's name:
passed over, as the index is, by readers of folders."""

HATS_SUFFIX = ".pq"
"""Ends the names of leaves there, which readers of ``*.parquet`` at any depth pass over so."""

SPLIT_FILE = "{split}-00000-of-00001.parquet"

SHARD = r"-\d{5}-of-\d{5}\.parquet"
"""Pattern of what follows the split in the name of a data file."""

SURVEYS = ("cosmos2020", "authors", "mock")
"""The surveys of the paper, real before mock."""

UNITS = dict.fromkeys(("ra", "dec"), "deg") | dict.fromkeys(
    ("object_id", "redshift", "redshift_lo", "redshift_hi", "redshift_kind", "group_id"), ""
)
"""Of the columns that every release has, but for its magnitudes."""

SURVEY_NAME = re.compile(r"[a-z][a-z0-9_]*")

MOCK = "mock"
MOCK_WARNING = "MOCK: every galaxy in this table is simulated; never use it for science."
_NUMBER = "(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:\+({MOCK}))?")
_DATA_FILE = re.compile(rf"(?P<config>\w[\w.-]*)/(?P<split>[a-z_]+){SHARD}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_FILE_NAME = re.compile(r"\w[\w.=-]*(/\w[\w.=-]*)*", re.ASCII)
"""No part of a file's path may be ``..``, hidden or absolute, whoever wrote the manifest."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """``major.minor.patch`` of a release, by Croissant's rule; a mock's ends in ``+mock``.

    MAJOR: rows changed, dropped or moved, or files; MINOR: additions; PATCH: the same data.
    """

    major: int
    minor: int
    patch: int
    mock: bool = False

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version as it is written; `ParameterError` if it is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ParameterError(
                f"'{text[:60]}' is no version of a release; write it as 1.0.0, "
                f"a mock's as 1.0.0+{MOCK}"
            )
        major, minor, patch, mock = match.groups()
        return cls(int(major), int(minor), int(patch), mock is not None)

    @classmethod
    def of_tag(cls, tag: str) -> "Version | None":
        """Read the version that a repository's tag stands for; None if it stands for none."""
        match = _VERSION.fullmatch(tag.removeprefix("v"))
        return cls.parse(match[0]) if match and tag.startswith("v") else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"+{MOCK}" if self.mock else "")

    @property
    def tag(self) -> str:
        """The tag of the release in a repository, such as ``v1.0.0``."""
        return f"v{self}"


def is_mock_name(survey: str) -> bool:
    """Whether a survey of this name has simulated galaxies: those of no other begins so."""
    return survey.split("_")[0] == MOCK


def data_files(release: Path) -> dict[str, dict[str, list[Path]]]:
    """List the data files that are in a release's folders, as `named_files` does."""
    names = (path.relative_to(release).as_posix() for path in release.glob("*/*.parquet"))
    return {
        config: {split: [release / name for name in files] for split, files in splits.items()}
        for config, splits in named_files(names).items()
    }


def named_files(names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Pick a release's data files out of paths inside it: config -> split -> paths in shard order.

    Configs and splits are in the card's order, the default config first.
    """
    by_config: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        if match := _DATA_FILE.fullmatch(name):
            by_config.setdefault(match["config"], {}).setdefault(match["split"], []).append(name)
    return {
        config: {split: by_config[config][split] for split in _ordered(by_config[config], SPLITS)}
        for config in _ordered(by_config, KNOWN_CONFIGS)
    }


def by_preference(surveys: Mapping[str, bool]) -> list[str]:
    """Order surveys as a release is looked for: real ones before mocks, those of the paper first.

    `surveys` says of each name whether it is a mock.

    Examples
    --------
    >>> by_preference({"des": False, "mock": True, "authors": False, "cosmos2020": False})
    ['cosmos2020', 'authors', 'des', 'mock']
    """
    first = _ordered(surveys, SURVEYS)
    return sorted(first, key=lambda name: surveys[name])


def index_file(release: Path, config: str) -> Path:
    """Return the path of a config's index; of a release of before 2.0.0 where it was then."""
    first = release / FIRST_INDEX_FILE.format(config=config)
    return first if first.is_file() else release / INDEX_FILE.format(config=config)


def _ordered(names: Iterable[str], order: tuple[str, ...]) -> list[str]:
    rank = {name: position for position, name in enumerate(order)}
    return sorted(names, key=lambda name: (rank.get(name, len(order)), name))


def json_text(content: Mapping[str, Any]) -> str:
    """Return JSON that a person can read and that repeats byte for byte."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def self_digest(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 (hexadecimal) of a manifest's text with its own ``sha256`` blanked.

    The text is that of `json_text`: a manifest file with any other byte is not this manifest.
    """
    return hashlib.sha256(json_text({**manifest, "sha256": ""}).encode()).hexdigest()


def file_digest(path: Path) -> dict[str, Any]:
    """Return a file's ``sha256`` (hexadecimal) and size in ``bytes``."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def read_manifest(release: Path, source: str | None = None) -> dict[str, Any]:
    """Read the manifest in a release directory, whose entries can then be used without a check.

    A ReleaseError says that there is none, that it is no JSON object, that an entry that is read
    here is missing or of another shape, or that it was changed since it was sealed. `source` is
    where a fetched one is from, for messages.
    """
    path = release / MANIFEST_FILE
    named = f"{MANIFEST_FILE} of {source}" if source else str(path)
    if not path.is_file():
        raise ReleaseError(
            f"{release} is an unfinished release, or none: it has no {MANIFEST_FILE}; "
            "run 'make repro'"
        )
    try:
        manifest = parse_json(read_bytes(path))
    except OSError as error:
        raise ReleaseError(
            f"{named} can't be read: {error.strerror}; change its permissions, or look at the disk"
        ) from None
    except ValueError as error:
        raise ReleaseError(f"{named} can't be read as JSON: {error}; run 'make repro'") from None
    if not isinstance(manifest, dict):
        raise ReleaseError(f"{named} holds no JSON object: not a transferz release manifest")
    for name, has_its_shape in _SHAPES.items():
        if name in manifest and not has_its_shape(manifest[name]):
            raise ReleaseError(
                f"{named} has another '{name}' than a release's: not a transferz release manifest"
            )
    for name in ("version", "survey", "mock"):
        if name not in manifest:
            raise ReleaseError(f"{named} has no entry '{name}': not a transferz release manifest")
    if "sha256" in manifest and not _is_sealed(manifest):
        raise ReleaseError(
            f"{named} does not match its own sha256: it was damaged or edited after the release "
            "was made; fetch the release again, or build it again by 'make repro'"
        )
    return manifest


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
        _NAME.fullmatch(name) and isinstance(entry, dict) and fits(entry)
        for name, entry in value.items()
    )


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "version": _is_version,
    "survey": lambda survey: isinstance(survey, str) and bool(SURVEY_NAME.fullmatch(survey)),
    "mock": lambda mock: isinstance(mock, bool),
    "columns": lambda columns: _all_named(columns, lambda fact: isinstance(fact.get("unit"), str)),
    "content": lambda content: _all_named(
        content, lambda splits: all(map(_NAME.fullmatch, splits))
    ),
    "files": lambda files: isinstance(files, dict) and all(map(_is_digest, files.values())),
}
"""Entry -> whether it has the shape that loading relies on."""


def listed_files(manifest: Mapping[str, Any], version: Version, source: str) -> dict[str, Any]:
    """Return the files that a manifest from elsewhere names, once it is seen to be sound.

    They map path inside the release -> ``sha256`` and ``bytes``; no path leads out of the
    release. A ReleaseError says that the manifest does not match its own hash, is not that of
    `version`, or names a file by an unsafe path. `source` is where it is from, for messages.
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

    Numbers in another unit look right and are wrong, so that is an error and no warning; it
    names every such column. Columns that are of some surveys alone have the unit that they say.
    """
    stated, units = manifest.get("columns", {}), dict(UNITS)
    for band in bands_of(manifest):
        units |= {band.magnitude: "mag(AB)", band.error: "mag"}
    differing = [
        f"{name} ({stated[name]['unit']!r}, expected '{unit}')"
        for name, unit in units.items()
        if name in stated and stated[name]["unit"] != unit
    ]
    if differing:
        raise ReleaseError(
            f"{source} has columns in other units than this version of transferz declares: "
            f"{', '.join(differing)}; install the version of transferz that the release was made "
            "with, or load the directory by datasets.load_dataset as it is"
        )


def added_files(names: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return those files that `datasets` could read as a release's and that it does not name.

    They are those in a folder of data, and those of `READ_FIRST`; what else lies beside a release,
    such as a licence at the top, other figures or hidden files, does no harm. `names` are the paths
    of the files that are there, inside the release, `files` those that the manifest names.
    """
    listed = set(files)
    folders = {name.split("/")[0] for name in listed if name.endswith(".parquet")}

    def disturbs(name: str) -> bool:
        first, *below = name.split("/")
        is_hidden = any(part.startswith(".") for part in below)
        return name in READ_FIRST or (first in folders and bool(below) and not is_hidden)

    return [name for name in sorted(set(names) - listed) if disturbs(name)]


def require_no_others(names: Iterable[str], files: Mapping[str, Any], source: str) -> None:
    """Check that no file that `datasets` could read is there beside those of the manifest.

    `names` and `files` are those of `added_files`; `source` is the release's name in messages.
    """
    for name in added_files(names, files):
        raise ReleaseError(
            f"{source} holds {name!r}, which its {MANIFEST_FILE} does not name: datasets could "
            "take it for rows of the release; delete it, or take another copy of the release"
        )


def require_listed(release: Path, manifest: Mapping[str, Any], config: str) -> None:
    """Check that a config's folder holds the files that the manifest names, and no others."""
    files = manifest.get("files", {})
    paths = [*(release / config).rglob("*"), *(release / name for name in READ_FIRST)]
    names = [path.relative_to(release).as_posix() for path in paths if path.is_file()]
    require_no_others(names, files, str(release))
    for name in files:
        if name.startswith(f"{config}/") and name not in names:
            raise ReleaseError(
                f"{release / name} is missing, which {MANIFEST_FILE} names: build or fetch the "
                "release again"
            )


def require_intact(release: Path, paths: Iterable[Path], manifest: Mapping[str, Any]) -> None:
    """Raise a ReleaseError unless each of a release's files has the bytes that the manifest states.

    Where a file is not in the manifest, the error says so.
    """
    for path in paths:
        stated = manifest["files"].get(path.relative_to(release).as_posix())
        if fault := file_fault(path, stated) if stated else f"is not in {MANIFEST_FILE}":
            raise ReleaseError(f"{path} {fault}; build or fetch the release again")


def file_fault(path: Path, stated: Mapping[str, Any]) -> str:
    """Say in what a file differs from what the manifest states of it; empty where in nothing.

    The file may be missing. Where its size is right it is read for its sha256.
    """
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size == stated["bytes"] and file_digest(path) == stated:
        return ""
    if cause := damage(path, stated):
        return f"is {cause}"
    return (
        f"is damaged or was edited: expected {stated['bytes']} bytes with sha256 "
        f"{stated['sha256'][:16]}…, as {MANIFEST_FILE} says, found "
        f"{f'{size} bytes' if size != stated['bytes'] else 'others'}"
    )


_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_TEXT = 1 << 26  # bytes in which other line ends are looked for


def damage(path: Path, stated: Mapping[str, Any]) -> str:
    """Name what commonly makes a file another, and the remedy, where it is that; else empty.

    `stated` is what the manifest says of the file, which is there.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
        rest = file.read() if stated["bytes"] < size <= _LONGEST_TEXT else b""
    if start == _POINTER:
        return (
            "a pointer of git-lfs in place of the file: `git lfs pull` in the clone brings the file"
        )
    if hashlib.sha256((start + rest).replace(b"\r\n", b"\n")).hexdigest() == stated["sha256"]:
        return (
            "the file with Windows' line ends (CRLF), as git makes them by core.autocrlf: clone "
            "it anew with `git clone -c core.autocrlf=false`"
        )
    return ""


def is_whole(release: Path) -> bool:
    """Whether the manifest and every file that it names are here, byte for byte.

    All are read: a disk or a hand may have changed them since they came.
    """
    try:
        manifest = read_manifest(release)
        files = manifest["files"]
        return _is_sealed(manifest) and not any(
            file_fault(release / name, files[name]) for name in files
        )
    except (OSError, ReleaseError, KeyError):
        return False
