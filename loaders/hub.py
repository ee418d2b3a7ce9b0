"""Releases published to a dataset repository on the Hugging Face Hub, a tag each.

Endpoint, token and offline mode are those of `huggingface_hub`: ``HF_ENDPOINT``, ``HF_TOKEN`` or
``hf auth login``, ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from transferz.cache import Fetched, Source, cache_folder, cached_versions, kept, place
from transferz.connection import Unreachable as Unreachable  # `transferz.dataset` catches it
from transferz.connection import asking
from transferz.downloading import download
from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.versions import Version

TRANSFERZ_REPO: str | None = None
"""The repository that `load_dataset` takes releases from; None until one is published. The
environment variable of this name goes before it."""

_REFERENCE = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@v?(?P<version>\S+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A published release as a user writes it, ``org/name@1.0.0``.

    Attributes
    ----------
    repo : str
        Dataset repository, ``org/name``.
    version : Version or None
        None asks for the newest.
    """

    repo: str
    version: Version | None


def default_repo() -> str | None:
    """Return the repository to load from where the user names none."""
    return os.environ.get("TRANSFERZ_REPO") or TRANSFERZ_REPO


def parse_reference(text: str) -> Reference:
    """Read a reference to a published release.

    Parameters
    ----------
    text : str
        ``org/name`` or ``org/name@1.0.0``; the tag ``v1.0.0`` is taken too.

    Raises
    ------
    ReleaseError
        Where it is none.
    ParameterError
        Where what follows ``@`` is no version.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ReleaseError(
            f"'{text}' is neither a release directory nor a release on the Hub; write the latter "
            "as org/name or org/name@1.0.0"
        )
    return Reference(match["repo"], Version.parse(match["version"]) if match["version"] else None)


def published_versions(repo: str) -> list[Version]:
    """List the versions that a repository has tags for, the oldest first.

    Raises
    ------
    ReleaseError
        Where the repository can't be read; as `Unreachable` where the Hub does not answer.
    """
    from huggingface_hub import HfApi

    with asking(repo):
        tags = HfApi().list_repo_refs(repo, repo_type="dataset").tags
    versions = (Version.of_tag(tag.name) for tag in tags)
    return sorted(version for version in versions if version is not None)


def locate(text: str) -> Path:
    """Find a release by its directory or its name on the Hub.

    Parameters
    ----------
    text : str
        A release directory, or ``org/name[@version]``, which is fetched.

    Returns
    -------
    Path
        The release directory.

    Raises
    ------
    Unreachable
        Where the Hub does not answer and the cache does not have it.
    ReleaseError
        Where it is neither, or can't be fetched for another reason.
    """
    if text and (directory := Path(text).expanduser()).is_dir():
        return directory
    reference = parse_reference(text)
    return fetch_release(reference.repo, reference.version)


def fetch_release(repo: str, version: Version | None = None, *, cache: Path | None = None) -> Path:
    """Fetch a whole release, checked against its manifest, and say so on stderr.

    See `fetch` for parameters and errors.

    Returns
    -------
    Path
        The release directory, ``<cache>/<version>/transferz``.
    """
    fetched = fetch(repo, version, cache=cache)
    sys.stderr.write(f"{fetched}\n")
    return fetched.path


def fetch(repo: str, version: Version | None = None, *, cache: Path | None = None) -> Fetched:
    """Fetch a whole release, checked against its manifest.

    A version that is in the cache whole is not fetched again. Where one is asked for by its
    number the Hub is then not asked either: a published tag never moves.

    Parameters
    ----------
    repo : str
        Dataset repository, ``org/name``.
    version : Version, optional
        By default the newest; where the Hub can't be reached, the newest in the cache.
    cache : Path, optional
        Folder to keep releases in; by default `transferz.cache.cache_folder`.

    Returns
    -------
    Fetched
        Directory, source and how it was come by.

    Raises
    ------
    ReleaseError
        Where the repository or version is not there or not to be read, a file differs from the
        manifest, or there is neither a connection nor a copy in the cache.
    """
    cache = cache or cache_folder()
    found = look_up(repo, version, cache)
    return found if isinstance(found, Fetched) else download(found, cache=cache)


def look_up(repo: str, version: Version | None, cache: Path) -> Fetched | Source:
    """Find a release without fetching it.

    Takes and raises what `fetch` does.

    Returns
    -------
    Fetched or Source
        The former where it is in the cache, the latter where it is to be had from the Hub.
    """
    if version and (here := kept(cache, version, repo)):
        return Fetched(place(cache, version), here, "from cache")
    try:
        source = _published(repo, version)
    except Unreachable as error:
        return _offline(cache, repo, version, str(error))
    here = kept(cache, source.version, repo)
    return Fetched(place(cache, source.version), source, "from cache") if here == source else source


def _published(repo: str, version: Version | None) -> Source:
    """Find a version in a repository, the newest by default."""
    versions = published_versions(repo)
    if not versions:
        raise ReleaseError(f"{repo} has no published version: no tag such as v1.0.0")
    version = version or versions[-1]
    if version not in versions:
        there = ", ".join(map(str, versions))
        raise ReleaseError(f"{repo} has no version {version}; it has: {there}")
    return Source(repo, version.tag, _commit(repo, version.tag))


def _offline(cache: Path, repo: str, version: Version | None, reason: str) -> Fetched:
    """Make do with the cache; `fetch` has seen that it lacks the version that was asked for."""
    here = {} if version else cached_versions(cache, repo)
    if not here:
        wanted = f"version {version}" if version else "version"
        raise Unreachable(
            f"{reason}, and no {wanted} of {repo} is in {cache}; connect and try again, or name a "
            "release directory on this machine instead"
        )
    newest = max(here)
    return Fetched(place(cache, newest), here[newest], f"the newest in the cache: {reason}")


def _commit(repo: str, tag: str) -> str:
    """Return the commit that a tag stands for; an annotated tag is an object of its own."""
    from huggingface_hub import HfApi

    with asking(repo):
        return str(HfApi().dataset_info(repo, revision=tag).sha)
