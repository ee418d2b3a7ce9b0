"""Releases on the Hugging Face Hub: named, found, fetched whole, checked, and kept.

A dataset repository holds a tag per version. Endpoint, token and offline mode are those of
`huggingface_hub`: ``HF_ENDPOINT``, ``HF_TOKEN`` or ``hf auth login``, ``HF_HUB_OFFLINE``. A release
is kept in ``<cache>/<org>/<name>/<version>/transferz``, which is there only once every file has
been checked; `datasets` caches by that last name, so that the bare name works afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.documents import MAX_JSON
from transferz.schemas.survey.files import (
    MANIFEST_FILE,
    RELEASE_NAME,
    Version,
    file_fault,
    is_whole,
    listed_files,
    read_manifest,
    require_no_others,
)
from transferz.tables.files import write_json
from transferz.tables.hub_client import CACHE_VARIABLE, Token, Unreachable, asking

_REFERENCE = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@v?(?P<version>\S+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A published release as a user writes it: ``org/name@1.0.0``, or no version for the newest."""

    repo: str
    version: Version | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.version.tag}" if self.version else self.repo


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release from the Hub that is on this machine, in the directory `path` (absolute).

    `note` says how it was come by, such as ``"from cache"``.
    """

    path: Path
    reference: Reference
    note: str

    def __str__(self) -> str:
        return f"{self.reference} on the Hub ({self.note}): {self.path}"


def parse_reference(text: str) -> Reference:
    """Read a reference to a published release, ``org/name`` or ``org/name@1.0.0``.

    The tag ``v1.0.0`` is taken too. A ReleaseError says that the text is no reference, a
    ParameterError that what follows ``@`` is no version.

    Examples
    --------
    >>> parse_reference("org/transferz@1.2.0").version.minor
    2
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ReleaseError(
            f"'{text}' is neither a release directory nor a release on the Hub; write the latter "
            "as org/name or org/name@1.0.0"
        )
    return Reference(match["repo"], Version.parse(match["version"]) if match["version"] else None)


def locate(text: str) -> Path:
    """Find a release by its directory or its name on the Hub, from where it is fetched.

    What is fetched is said on stderr. Raises `Unreachable` where the Hub does not answer and the
    cache does not have it, another ReleaseError where it is neither or can't be fetched.
    """
    if text and (directory := Path(text).expanduser()).is_dir():
        return directory
    fetched = fetch(parse_reference(text))
    sys.stderr.write(f"{fetched}\n")
    return fetched.path


def fetch(reference: Reference, *, cache: Path | None = None) -> Fetched:
    """Fetch a whole release, checked against its manifest.

    A version that is in the cache whole is not fetched again. Where one is asked for by its
    number the Hub is then not asked either: a published tag never moves. Without a number it is
    the newest; where the Hub can't be reached, the newest in the cache (by default
    `cache_folder`). A ReleaseError says that the repository or version is not there or not to be
    read, that a file differs from the manifest, or that there is neither connection nor copy.
    """
    found = look_up(reference, cache=cache)
    return found if isinstance(found, Fetched) else download(found, cache=cache)


def look_up(
    reference: Reference, *, cache: Path | None = None, token: Token = None
) -> Fetched | Reference:
    """Find a release as `fetch` does, but fetch nothing.

    Returns what is in the cache, else the release's reference, with a version.
    """
    cache, repo = cache or cache_folder(), reference.repo
    if reference.version and is_whole(release := _place(cache, reference)):
        return Fetched(release, reference, "from cache")
    try:
        versions = published_versions(repo, token=token)
    except Unreachable as reason:
        kept = None if reference.version else _newest_kept(cache, repo)
        if kept is None:
            wanted = f"version {reference.version}" if reference.version else "version"
            raise Unreachable(
                f"{reason}, and no {wanted} of {repo} is whole in {cache}; connect and try again, "
                "or name a release directory on this machine instead"
            ) from None
        newest = Reference(repo, kept)
        return Fetched(_place(cache, newest), newest, f"the newest in the cache: {reason}")
    if not versions:
        raise ReleaseError(f"{repo} has no published version: no tag such as v1.0.0")
    published = Reference(repo, reference.version or versions[-1])
    if published.version not in versions:
        listed = ", ".join(map(str, versions))
        raise ReleaseError(f"{repo} has no version {published.version}; it has: {listed}")
    release = _place(cache, published)
    return Fetched(release, published, "from cache") if is_whole(release) else published


def published_versions(repo: str, *, token: Token = None) -> list[Version]:
    """List the versions that a repository has tags for, the oldest first."""
    from huggingface_hub import HfApi

    with asking(repo):
        tags = HfApi(token=token).list_repo_refs(repo, repo_type="dataset").tags
    return sorted(version for tag in tags if (version := Version.of_tag(tag.name)))


def published_manifest(reference: Reference, *, token: Token = None) -> tuple[dict[str, Any], str]:
    """Fetch the manifest alone of a release that is read where it is; return it and its commit.

    A ReleaseError says that it can't be had, is not sound, or does not name all that is there.
    """
    try:
        with asking(reference.repo):
            return _manifest_and_commit(reference, token)
    except Unreachable as reason:
        raise ReleaseError(f"can't read {reference}: {reason}") from None


def _manifest_and_commit(reference: Reference, token: Token) -> tuple[dict[str, Any], str]:
    """Fetch a release's manifest, and check it and the names of the files beside it."""
    from huggingface_hub import HfApi, hf_hub_download

    version = cast(Version, reference.version)  # `look_up` found it
    info = HfApi(token=token).dataset_info(reference.repo, revision=version.tag)
    commit = str(info.sha)
    with tempfile.TemporaryDirectory() as folder:
        hf_hub_download(
            reference.repo,
            MANIFEST_FILE,
            repo_type="dataset",
            revision=commit,
            local_dir=folder,
            token=token,
            tqdm_class=_bounded(MAX_JSON, reference),
        )
        manifest = read_manifest(Path(folder), str(reference))
    files = listed_files(manifest, version, str(reference))
    require_no_others([file.rfilename for file in info.siblings or ()], files, str(reference))
    return manifest, commit


def download(reference: Reference, *, cache: Path | None = None, token: Token = None) -> Fetched:
    """Download a release that `look_up` found beside its place, check it, then put it there.

    What a broken or killed download has brought stays beside, and the next one goes on. Raises
    `Unreachable` where it breaks off, another ReleaseError where a file differs from the
    manifest or is not named there, or the cache can't be written.
    """
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    release = _place(cache or cache_folder(), reference)
    try:
        with asking(reference.repo):
            release.parent.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(release.with_name(".lock")):
                if is_whole(release):  # another process was faster
                    return Fetched(release, reference, "from cache")
                _bring(reference, release, token)
    except Unreachable as reason:
        raise Unreachable(
            f"fetching {reference} broke off: {reason}; run it again, it goes on where it was"
        ) from None
    return Fetched(release, reference, "fetched")


def _bring(reference: Reference, release: Path, token: Token) -> None:
    from huggingface_hub import snapshot_download

    manifest, commit = _manifest_and_commit(reference, token)
    staging = release.with_name(f".{commit[:12]}.partial")  # only ever files of one commit
    for left in release.parent.glob(".*.partial"):
        if left.is_symlink():  # not ours: what it points to would be written
            left.unlink()
        elif left != staging:  # of a tag that has moved since
            shutil.rmtree(left)
    stated = sum(int(facts["bytes"]) for facts in manifest["files"].values())
    snapshot_download(
        reference.repo,
        repo_type="dataset",
        revision=commit,
        allow_patterns=list(manifest["files"]),
        local_dir=staging,
        token=token,
        tqdm_class=_bounded(stated, reference),
    )
    for name, facts in manifest["files"].items():
        if fault := file_fault(staging / name, facts):
            shutil.rmtree(staging)
            raise ReleaseError(
                f"{name} of {reference} {fault}; nothing was kept: try again, and if it stays so, "
                "tell the publisher"
            )
    write_json(staging / MANIFEST_FILE, manifest)
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # the library's notes on the download
    if release.exists():  # not whole
        shutil.rmtree(release)
    staging.rename(release)


def _bounded(most: int, reference: Reference) -> Any:
    """Return a progress bar that ends a download once more than so many bytes have come."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Bounded(tqdm):  # the one thing of a download that can be given
        came = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.came += int(n or 0)
            if self.came > most:
                raise ReleaseError(
                    f"the Hub sent more than the {most:,} bytes that {reference} may have; nothing "
                    "more was read: try again, and if it stays so, tell the publisher"
                )
            return cast("bool | None", super().update(n))

    return Bounded


def cache_folder() -> Path:
    """Return the folder of fetched releases.

    ``TRANSFERZ_CACHE``, else ``$XDG_CACHE_HOME/transferz``, else ``~/.cache/transferz``.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / RELEASE_NAME


def _place(cache: Path, reference: Reference) -> Path:
    """Return where a version's release lies in the cache."""
    return cache / reference.repo / str(reference.version) / RELEASE_NAME


def _newest_kept(cache: Path, repo: str) -> Version | None:
    """Find the newest version of a repository that is here whole."""
    versions = []
    for release in (cache / repo).glob(f"*/{RELEASE_NAME}"):
        with contextlib.suppress(ParameterError):
            versions.append(Version.parse(release.parent.name))
    for version in sorted(versions, reverse=True):
        if is_whole(_place(cache, Reference(repo, version))):
            return version
    return None
