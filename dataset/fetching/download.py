"""Download one large file: streamed beside, resumed where it broke off, checked, then renamed."""

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from transferz.dataset.fetching.filetypes import wrong_type
from transferz.dataset.fetching.partial import CHUNK, Digest, Part, open_part
from transferz.dataset.fetching.progress import show_progress
from transferz.dataset.fetching.ranges import content_range, current_validator, range_headers
from transferz.dataset.fetching.transport import (
    PARTIAL,
    RANGE_NOT_SATISFIABLE,
    Refused,
    Temporary,
    Web,
)
from transferz.dataset.fetching.unproven import note_proof
from transferz.schemas import InputError

PROGRESS = 1 << 20  # bytes that make a broken connection count as progress
SPARE = 64 << 20  # bytes to leave free on the disk
REMEDIES = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EACCES: "change the permissions",
    errno.EPERM: "change the permissions",
    errno.EROFS: "make a link from the data folder to a disk that can be written",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has been downloaded.

    Attributes
    ----------
    digest : Digest
        Its hashes and size.
    whole : bool
        Whether its size or a hash was known, from the server or beforehand. Where neither was, the
        end of the connection was taken for the file's, and might have come too early.
    """

    digest: Digest
    whole: bool


class Unavailable(InputError):
    """None of a file's addresses gave it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file beforehand; None where nothing is.

    Attributes
    ----------
    bytes, md5, sha256
        Its size and hashes (hexadecimal).
    """

    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None

    @property
    def hashed(self) -> bool:
        """Whether a hash is known, so that no wrong byte can pass."""
        return bool(self.md5 or self.sha256)

    def difference(self, found: Digest) -> str:
        """Return what was expected and what was found instead; empty where all agrees."""
        return "; ".join(
            f"expected {name} {wanted}, found {getattr(found, name)}"
            for name in ("bytes", "md5", "sha256")
            if (wanted := getattr(self, name)) not in (None, getattr(found, name))
        )


def download(
    urls: Sequence[str], target: Path, folder: Path, expected: Expected, web: Web
) -> Fetched:
    """Fetch a file from the first of its addresses that gives it, whole and as expected.

    A broken connection is resumed where it broke off, also by a later run, if the server can send
    a part and the file has not changed there. `target` appears only once all checks have passed; if
    nothing proves that it is whole, a note in `folder` says so (`is_unproven`) before it appears.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the same file, the preferred first.
    target : Path
        Where it is to lie.
    folder : Path
        Where the unfinished download lies meanwhile.
    expected : Expected
        What is known of it.
    web : Web
        Asks the servers.

    Returns
    -------
    Fetched
        Hashes and size of the file, and whether it is proven to be whole.

    Raises
    ------
    Unavailable
        If no address gave the file that was expected.
    InputError
        If the disk is full, a folder can't be written, or another process downloads the same file.
    """
    try:
        with open_part(folder, target.name) as part:
            digest = _from_any(urls, part, target.name, expected, web)
            whole = part.whole or expected.hashed or expected.bytes is not None
            note_proof(folder, target.name, digest, whole)
            part.move_to(target)
    except OSError as error:
        raise _disk_error(error, target, folder) from error
    return Fetched(digest, whole)


def _disk_error(error: OSError, target: Path, folder: Path) -> InputError:
    remedy = REMEDIES.get(error.errno or 0, "mend that")
    return InputError(
        f"cannot write {error.filename or folder / target.name}: {error.strerror or error}; "
        f"{remedy} and run again: what has been downloaded is kept in {folder} and continued"
    )


def _from_any(urls: Sequence[str], part: Part, name: str, expected: Expected, web: Web) -> Digest:
    failures = []
    for url in urls:
        try:
            return _from_one(url, part, name, expected, web)
        except Refused as failure:
            failures.append(f"{url}: {failure}")
    raise Unavailable(
        f"{name} could not be fetched, and nothing was put in its place. {'; '.join(failures)}"
    )


def _from_one(url: str, part: Part, name: str, expected: Expected, web: Web) -> Digest:
    before = 0

    def attempt() -> Digest:
        nonlocal before
        before = part.size
        if not _is_complete(part, expected):
            _transfer(url, part, name, expected, web)
        return _checked(part, name, expected)

    return web.persist(attempt, lambda: part.size - before >= PROGRESS)


def _is_complete(part: Part, expected: Expected) -> bool:
    """Whether an earlier run stopped between the last byte and the renaming."""
    return expected.hashed and not expected.difference(part.digest())


def _checked(part: Part, name: str, expected: Expected) -> Digest:
    """Return the digest of a complete download; drop one that is not what was expected."""
    digest = part.digest()
    if expected.bytes is not None and digest.bytes < expected.bytes:
        raise Temporary(f"the file ended after {digest.bytes:,} of {expected.bytes:,} bytes")
    wrong = wrong_type(part.head(), name) or expected.difference(digest)
    if not wrong:
        return digest
    again = part.resumed and not part.discarded
    part.discard()
    if again:  # the parts may not have belonged together
        raise Temporary(f"{wrong}; begun anew")
    raise Refused(
        f"{wrong}; the download was discarded (it was damaged on the way, or the file has changed "
        "upstream since)"
    )


def _transfer(url: str, part: Part, name: str, expected: Expected, web: Web) -> None:
    """Add what is missing to `part`."""
    validator = part.validator(url)
    if part.size and not (validator or expected.hashed):
        part.restart()  # nothing would tell if the file had changed meanwhile
    with web.get(url, range_headers(part.size, validator)) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            _require_end(part, response)
            return
        total = _begin(url, part, name, response, validator)
        part.whole = total is not None
        _require_size(total, expected)
        total = expected.bytes if total is None else total
        _require_space(part, total)
        with show_progress(name, url, part.size, total) as bar:
            for data in response.raw.stream(CHUNK, decode_content=False):
                part.append(data)
                bar.update(len(data))
    if total is not None and part.size < total:
        raise Temporary(f"the connection broke after {part.size:,} of {total:,} bytes")


def _require_end(part: Part, response: requests.Response) -> None:
    """The server has nothing after our last byte: that was the end, or another file's."""
    if content_range(response)[1] != part.size:
        part.restart()
        raise Temporary("the server's file is shorter than what was downloaded of it; begun anew")
    part.whole = True


def _begin(
    url: str, part: Part, name: str, response: requests.Response, validator: str
) -> int | None:
    """Make `part` end where the response begins; return the size of the whole, if it is said."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity" and not name.endswith(".gz"):
        raise Refused(f"the server sent the file compressed ({encoding}) though asked not to")
    current = current_validator(response)
    if response.status_code != PARTIAL:
        part.restart(url, current)
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None
    start, total = content_range(response)
    if start != part.size or (validator and current and current != validator):
        part.restart()
        raise Temporary("the server sent another part of the file than was asked for; begun anew")
    part.resumed = True
    return total


def _require_size(total: int | None, expected: Expected) -> None:
    if None not in (total, expected.bytes) and total != expected.bytes:
        raise Refused(f"expected a file of {expected.bytes:,} bytes, the server's has {total:,}")


def _require_space(part: Part, total: int | None) -> None:
    if total is None:
        return
    needed, free = total - part.size + SPARE, shutil.disk_usage(part.path.parent).free
    if free < needed:
        raise InputError(
            f"{part.path}: {needed:,} bytes of disk space are needed, {free:,} are free; free "
            "space and run again, or make a link from the data folder to a larger disk"
        )
