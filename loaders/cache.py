"""Releases kept on this machine: ``<cache>/<version>/transferz/`` and where each came from."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from transferz.manifest import read_manifest
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE, RELEASE_NAME
from transferz.schemas.survey.versions import Version

CACHE_VARIABLE = "TRANSFERZ_CACHE"
"""Environment variable that names the folder of fetched releases."""

SOURCE_FILE = "source.json"
"""Beside each fetched release: the repository, tag and commit that it is a copy of."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fetched release came from.

    Attributes
    ----------
    repo : str
        Dataset repository on the Hub, ``org/name``.
    tag : str
        The version's tag, such as ``v1.0.0``.
    commit : str
        What the tag pointed to.
    """

    repo: str
    tag: str
    commit: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.tag}"

    @property
    def version(self) -> Version:
        """The version that the tag stands for."""
        return Version.parse(self.tag.removeprefix("v"))


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release that was fetched, now or earlier.

    Attributes
    ----------
    path : Path
        Its directory, absolute.
    source : Source
        What it is a copy of.
    note : str
        What the user should know of how it was come by, such as ``"from cache"``.
    """

    path: Path
    source: Source
    note: str

    def __str__(self) -> str:
        return f"{self.source} on the Hub ({self.note}): {self.path}"


def cache_folder() -> Path:
    """Return the folder of fetched releases.

    ``TRANSFERZ_CACHE``, else ``$XDG_CACHE_HOME/transferz``, else ``~/.cache/transferz``.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / RELEASE_NAME


def place(cache: Path, version: Version) -> Path:
    """Return the directory of a version's release in the cache."""
    return cache / str(version) / RELEASE_NAME


def source_of(cache: Path, version: Version) -> Source | None:
    """Say what the cached release of a version is a copy of; None where there is none."""
    release = place(cache, version)
    if not (release / MANIFEST_FILE).is_file():
        return None
    try:
        note = json.loads((release.parent / SOURCE_FILE).read_text(encoding="utf-8"))
        source = Source(str(note["repo"]), str(note["tag"]), str(note["commit"]))
    except (OSError, ValueError, KeyError, TypeError):  # killed before the note was written
        return None
    return source if source.tag == version.tag else None


def kept(cache: Path, version: Version, repo: str) -> Source | None:
    """Return the source of a cached version if it is whole and of that repository, else None."""
    source = source_of(cache, version)
    here = source is not None and source.repo == repo and is_whole(place(cache, version))
    return source if here else None


def cached_versions(cache: Path, repo: str) -> dict[Version, Source]:
    """List the versions of a repository that are here whole, the oldest first."""
    found = {}
    for folder in cache.glob("*/"):
        with contextlib.suppress(ParameterError):
            version = Version.parse(folder.name)
            if (source := kept(cache, version, repo)) is not None:
                found[version] = source
    return dict(sorted(found.items()))


def is_whole(release: Path) -> bool:
    """Whether every file that the manifest names is here with its size.

    The bytes were checked when they came; this finds what was deleted or cut short since.
    """
    try:
        files = read_manifest(release)["files"]
        return all((release / name).stat().st_size == files[name]["bytes"] for name in files)
    except (OSError, ReleaseError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def locked(cache: Path, version: Version) -> Iterator[None]:
    """Let one process at a time change a version's place in the cache; others wait.

    Raises
    ------
    ReleaseError
        Where the cache can't be written, also by what the block does.
    """
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    folder = cache / str(version)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(folder / ".lock"):
            yield
    except OSError as error:
        raise ReleaseError(
            f"can't keep a release in {folder}: {error.strerror or error}; free space, change the "
            f"permissions, or name another folder with {CACHE_VARIABLE}"
        ) from None


@contextlib.contextmanager
def adopt(cache: Path, source: Source) -> Iterator[Path]:
    """Yield a directory to download into; it becomes its version's release when the block ends.

    Where the block raises, what was in the cache stays as it was, and what was downloaded is
    deleted. For use in `locked`.

    Yields
    ------
    Path
        Beside the release: empty, or as a killed process left it. Then it holds files of the same
        commit, and the download can go on.
    """
    release = place(cache, source.version)
    staging = release.parent / f".{source.commit[:12]}.partial"
    try:
        staging.mkdir(exist_ok=True)
        yield staging
        _swap(staging, release, source)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, release: Path, source: Source) -> None:
    """Put the new release in place; without its note it does not count as there."""
    note, old = release.parent / SOURCE_FILE, release.parent / ".old"
    note.unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    if release.exists():
        release.rename(old)
    staging.rename(release)
    beside = note.with_suffix(".partial")
    beside.write_text(json.dumps(asdict(source), indent=2) + "\n", encoding="utf-8")
    beside.replace(note)
    shutil.rmtree(old, ignore_errors=True)
