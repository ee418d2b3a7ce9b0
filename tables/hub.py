"""Releases on the Hugging Face Hub: named, found, fetched whole, checked, and kept.

A dataset repository holds a tag per version. Endpoint, token and offline mode are those of
`huggingface_hub`: ``HF_ENDPOINT``, ``HF_TOKEN`` or ``hf auth login``, ``HF_HUB_OFFLINE``. A release
is kept in ``<cache>/<org>/<name>/<version>/transferz``, which is there only once every file has
been checked; `datasets` caches by that last name, so that the bare name works afterwards.

The client is imported where it is asked, after `prepare` has set what it reads then. Its many
errors become ours, and no message repeats an address or a token: either may hold a secret.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from transferz.schemas.documents import MAX_JSON
from transferz.schemas.errors import ParameterError, ReleaseError, TransferZError
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

CACHE_VARIABLE = "TRANSFERZ_CACHE"
"""Environment variable that names the folder of fetched releases."""

REPEAT = (
    "this version is not tagged, so not published; run the same command again, what has arrived "
    "is not uploaded twice"
)

Token: TypeAlias = str | bool | None
"""As `huggingface_hub` takes it: a token, False for none, None for the one that it finds itself."""

_REFERENCE = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@v?(?P<version>\S+))?", re.ASCII)
_REFUSALS = (401, 403, 404, 412)  # statuses that a repeat does not cure
_TOKEN = re.compile(r"\b(hf|api)_\w{6,}|\beyJ[\w.-]+")  # the Hub's tokens, JSON web tokens


class Unreachable(ReleaseError):
    """The Hub did not answer, or not as a working server does; the text says why."""


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
        manifest = read_manifest(Path(folder))
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
    from huggingface_hub.utils import tqdm

    class Bounded(tqdm):  # type: ignore[misc]  # the one thing of a download that can be given
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


@contextlib.contextmanager
def asking(repo: str, *, writing: bool = False) -> Iterator[None]:
    """Turn the client's errors about a repository into ours.

    Of their text only what the server said is passed on, with anything like a token struck out.
    Where the block changes the repository (`writing`), the error says that repeating is safe.
    Raises `Unreachable` where the Hub did not answer, or not as a working server does; another
    ReleaseError where the answer is no, or something else went wrong on the way.
    """
    from huggingface_hub import errors

    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # its library's
    try:
        yield
    except TransferZError:
        raise
    except (http_error, errors.OIDCError, OSError, RuntimeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, http_error):
            cause = cause.__cause__  # the client wraps what goes wrong in its threads
        refused = isinstance(cause, errors.HfHubHTTPError) and (
            cause.response.status_code in _REFUSALS
        )
        kind, text = _explain(cause, repo)
        raise kind(f"{text}; {REPEAT}" if writing and not refused else text) from None


def _explain(error: BaseException, repo: str) -> tuple[type[ReleaseError], str]:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return Unreachable, "the Hub is not asked, because HF_HUB_OFFLINE is set"
    if isinstance(error, errors.HFValidationError):
        return ReleaseError, _absent(repo)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return ReleaseError, f"a file is missing in '{repo}': it holds no whole release there"
    if isinstance(error, errors.HfHubHTTPError):
        absent = isinstance(error, errors.RepositoryNotFoundError)
        said = clean(error.server_message or "no reason given")
        return _explain_answer(404 if absent else error.response.status_code, said, repo)
    numbered = isinstance(error, OSError) and error.errno is not None
    if numbered and not isinstance(error, ConnectionError):  # the disk's
        return ReleaseError, (
            f"{clean(error)}: free space, change the permissions, or name another folder for "
            f"fetched releases with {CACHE_VARIABLE}"
        )
    if isinstance(error, RuntimeError | ValueError | errors.OIDCError):
        return ReleaseError, f"{repo}: {clean(error)}"
    return Unreachable, (
        f"the Hub can't be reached ({type(error).__name__}): check the connection and HF_ENDPOINT"
    )


def _explain_answer(status: int, said: str, repo: str) -> tuple[type[ReleaseError], str]:
    if status == 404:
        return ReleaseError, _absent(repo)
    if status in (401, 403):
        return ReleaseError, (
            f"the Hub does not accept this login for '{repo}' (status {status}: {said}): log in "
            "with `hf auth login`, or set HF_TOKEN, with a token that has read access there and, "
            "to publish, write access"
        )
    if status == 412:
        return ReleaseError, (
            f"{repo} was changed by someone else meanwhile, and nothing was committed: run again, "
            "it is compared with what is there now"
        )
    if status == 429 or status >= 500:
        return Unreachable, f"the Hub answered with status {status} ({said})"
    return ReleaseError, (
        f"the Hub refused a request for '{repo}' with status {status} ({said}): check HF_TOKEN "
        "and HF_ENDPOINT"
    )


def _absent(repo: str) -> str:
    return (
        f"the Hub has no dataset repository '{repo}' that you may read: check the name, or, if it "
        "is private, log in with 'hf auth login' or set HF_TOKEN"
    )


def clean(error: object) -> str:
    """Return a client's or server's text on one line, with anything like a token struck out."""
    from huggingface_hub import errors, get_token

    text, token = " ".join(str(error).split()), None
    with contextlib.suppress(errors.OIDCError, OSError, RuntimeError):  # a token yet to be fetched
        token = get_token()
    return _TOKEN.sub("***", text.replace(token, "***") if token else text)


def prepare(endpoint: str | None) -> None:
    """Check what the client reads from the environment when it is imported, and set it before.

    The Hub's address is `endpoint`, by default that of ``HF_ENDPOINT``. Files go by the Hub's
    plain large file protocol, never by Xet, which the client takes by itself where it is
    installed: releases are of 10 to 100 MB, where Xet saves little, and what is promised of
    uploads that break off is tested with the former.
    """
    if endpoint := endpoint or os.environ.get("HF_ENDPOINT"):
        require_endpoint(endpoint)
        os.environ["HF_ENDPOINT"] = endpoint.rstrip("/")
    require_token(os.environ.get("HF_TOKEN", ""), "HF_TOKEN")
    os.environ["HF_HUB_DISABLE_XET"] = "1"


def require_endpoint(endpoint: str) -> None:
    """Check that an address is one that may be used, and shown in messages."""
    if fault := _fault(endpoint):
        raise ParameterError(
            f"the Hub's address (--endpoint, or HF_ENDPOINT) {fault}; write it as "
            "https://huggingface.co or http://host:port"
        )


def _fault(endpoint: str) -> str:
    if not (endpoint.isascii() and endpoint.isprintable()) or " " in endpoint:
        return "holds a space or a character that is not printable ASCII"
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is malformed"
    if parts.scheme not in ("http", "https") or not host:
        return "has no http:// or https:// with a host after it"
    if "@" in parts.netloc:
        return "holds a user name or password, which do not belong there: log in with a token"
    return "holds more than a host and a path" if parts.query or parts.fragment else ""


def require_token(token: str, name: str) -> None:
    """Check that a token can be sent: printable ASCII, as all of the Hub's are.

    White space around it and line ends are let pass, since the client drops them. `name` says
    where it is from.
    """
    bare = token.replace("\r", "").replace("\n", "").strip()
    if not (bare.isascii() and bare.isprintable()):
        raise ParameterError(
            f"{name} holds a character that is not printable ASCII, as no token of the Hub does: "
            "set it anew"
        )
