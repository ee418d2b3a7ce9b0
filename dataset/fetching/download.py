"""Download one large file: streamed beside, resumed where it broke off, checked, then renamed.

pooch (1.9) does not serve here: it begins each attempt anew and deletes what had come when the
connection broke, takes an early end of the connection for the file's, and follows redirects to
plain http. What is left of it, one hash checked before the renaming, is a few lines below.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests
from tqdm import tqdm

from transferz.dataset.fetching.web import (
    CHUNK,
    PARTIAL,
    RANGE_NOT_SATISFIABLE,
    PermanentFailure,
    TemporaryFailure,
    Web,
    require_plain,
    shown,
)
from transferz.schemas import InputError
from transferz.tables.files import replace_file
from transferz.tables.table import WEB_PAGE

PROGRESS = 1 << 20  # bytes that make a broken connection count as progress
SPARE = 64 << 20  # bytes to leave free on the disk
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")  # first byte and size
SIZE_UNKNOWN = "size unknown: its end can't be checked here"

SIGNATURES = {
    ".gz": b"\x1f\x8b",
    ".fits": b"SIMPLE  =",
    ".parquet": b"PAR1",
    ".hdf5": b"\x89HDF\r\n\x1a\n",
}


@dataclass(frozen=True, slots=True)
class Digest:
    """Hashes (hexadecimal) and size of a file's content."""

    sha256: str
    md5: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file beforehand, size and hashes (hexadecimal); None where nothing is."""

    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None

    @property
    def hashed(self) -> bool:
        """Whether a hash is known, so that no wrong byte can pass."""
        return bool(self.md5 or self.sha256)

    def difference(self, digest: Digest) -> str:
        """Return what was expected and what was found instead; empty where all agrees."""
        return "; ".join(
            f"expected {name} {stated}, found {getattr(digest, name)}"
            for name in ("bytes", "md5", "sha256")
            if (stated := getattr(self, name)) not in (None, getattr(digest, name))
        )


def hash_stream(file: BinaryIO, expected: int | None = None) -> Digest:
    """Return sha256, md5 and size of what is left of an open file, reading it once.

    Where so many bytes are `expected`, it is read no further than shows that there are more.
    """
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    while (expected is None or size <= expected) and (data := file.read(CHUNK)):
        sha256.update(data)
        md5.update(data)
        size += len(data)
    return Digest(sha256.hexdigest(), md5.hexdigest(), size)


def wrong_type(head: bytes, name: str) -> str:
    """Say what a file is instead of what its name says; empty where nothing speaks against that.

    `head` are its first bytes, 512 will do.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((*WEB_PAGE, b"<?xml")):
        return "it is a web page (of a login or an error, say), not data"
    if not head:
        return "it is empty"
    for ending, signature in SIGNATURES.items():
        if name.endswith(ending):
            return "" if head.startswith(signature) else f"it does not begin as {ending} files do"
    begins = [ending for ending, signature in SIGNATURES.items() if head.startswith(signature)]
    return f"it begins as {begins[0]} files do" if begins else ""


class Unavailable(InputError):
    """None of a file's addresses gave it."""


def download(
    urls: Sequence[str], target: Path, folder: Path, expected: Expected, web: Web
) -> Digest:
    """Fetch a file from the first of its addresses that gives it, whole and as expected.

    A broken connection is resumed where it broke off, also by a later run, if the server can send
    a part and the file has not changed there; meanwhile the part lies in `folder`. `target` appears
    only once all checks have passed; if nothing proves that it is whole, a note in `folder` says so
    (`is_unproven`) before it appears.

    Raises `Unavailable` if no address gave the file that was expected, another InputError if the
    disk is full, a folder can't be written, or another process downloads the same file.
    """
    name, failures = target.name, []
    try:
        with open_part(folder, name) as part:
            for url in urls:
                try:
                    digest = _from_one(url, part, name, expected, web)
                except PermanentFailure as failure:
                    failures.append(f"{shown(url)}: {failure}")
                    continue
                note = folder / f"{name}.unproven"
                note.unlink(missing_ok=True)
                if not (part.whole or expected.hashed or expected.bytes is not None):
                    with replace_file(note) as beside:
                        beside.write_text(digest.sha256, encoding="ascii")
                part.move_to(target)
                return digest
    except OSError as error:
        raise InputError(
            f"cannot write {error.filename or folder / name}: {error.strerror or error}; free "
            "space, change the permissions, or make a link from the data folder to another disk, "
            f"and run again: what has been downloaded is kept in {folder} and continued"
        ) from error
    raise Unavailable(
        f"{name} could not be fetched, and nothing was put in its place. {'; '.join(failures)}"
    )


def is_unproven(folder: Path, name: str, digest: Digest) -> bool:
    """Whether a file is a download that may have been cut short; if so, say it in one line.

    A server that says no size ends a file by closing the connection (or with a last chunk, which
    one that makes files on the fly may also send when it fails), so a cut can't be told from the
    end. The hash of such a file must not become the recorded one. The note ``<name>.unproven``
    holds it, so that a later run knows the file from one that a person put there.
    """
    note = folder / f"{name}.unproven"
    if not note.is_file() or note.read_text(encoding="ascii", errors="replace") != digest.sha256:
        return False
    sys.stderr.write(
        f"{name}: its hash is not recorded, since the server did not say its size and it may be "
        "cut short; delete the file and run again to fetch it anew\n"
    )
    return True


def _from_one(url: str, part: Part, name: str, expected: Expected, web: Web) -> Digest:
    before = 0

    def attempt() -> Digest:
        nonlocal before
        before = part.size
        # An earlier run may have stopped between the last byte and the renaming.
        sized = before and expected.bytes in (None, before)
        if not (sized and expected.hashed and not expected.difference(part.digest())):
            _transfer(url, part, name, expected, web)
        return _checked(part, name, expected)

    return web.persist(attempt, lambda: part.size - before >= PROGRESS)


def _checked(part: Part, name: str, expected: Expected) -> Digest:
    """Return the digest of a complete download; drop one that is not what was expected."""
    digest = part.digest()
    if expected.bytes is not None and digest.bytes < expected.bytes:
        raise TemporaryFailure(f"the file ended after {digest.bytes:,} of {expected.bytes:,} bytes")
    part.file.seek(0)
    wrong = wrong_type(part.file.read(512), name) or expected.difference(digest)
    if not wrong:
        return digest
    again = part.resumed and not part.begun_anew
    part.restart()
    part.begun_anew = True
    if again:  # the parts may not have belonged together
        raise TemporaryFailure(f"{wrong}; begun anew")
    raise PermanentFailure(
        f"{wrong}; the download was discarded (it was damaged on the way, or the file has changed "
        "upstream since)"
    )


def _transfer(url: str, part: Part, name: str, expected: Expected, web: Web) -> None:
    """Add what is missing to `part` (RFC 9110, sections 13 and 14)."""
    validator = part.validator(url)
    if part.size and not (validator or expected.hashed):
        part.restart()  # nothing would tell if the file had changed meanwhile
    headers = {"Range": f"bytes={part.size}-"} if part.size else {}
    headers |= {"If-Range": validator} if part.size and validator else {}
    with web.get(url, headers) as response:
        total = _begin(url, part, name, response, validator)
        if response.status_code == RANGE_NOT_SATISFIABLE:
            return  # nothing comes after our last byte
        if None not in (total, expected.bytes) and total != expected.bytes:
            raise PermanentFailure(
                f"expected a file of {expected.bytes:,} bytes, the server's has {total:,}"
            )
        total = expected.bytes if total is None else total
        most = web.retries.largest_file_bytes if total is None else total
        _require_space(part, total)
        size = f"{total / 1e6:,.1f} MB" if total is not None else SIZE_UNKNOWN
        whence = f", from byte {part.size:,}" if part.size else ""
        sys.stderr.write(f"fetching {name} ({size}{whence}) from {shown(url)}\n")
        with tqdm(
            desc=name, initial=part.size, total=total, unit="B", unit_scale=True, disable=None
        ) as bar:
            try:
                for data in web.body(response, most - part.size):
                    part.file.write(data)
                    bar.update(len(data))
            except PermanentFailure:
                part.restart()  # what came is the begin of another file
                raise
    if total is not None and part.size < total:
        raise TemporaryFailure(f"the connection broke after {part.size:,} of {total:,} bytes")
    sys.stderr.write(f"fetched {name}\n")


def _begin(
    url: str, part: Part, name: str, response: requests.Response, validator: str
) -> int | None:
    """Make `part` end where the response begins; return the size of the whole, if it is said."""
    headers = response.headers
    if not name.endswith(".gz"):  # of which some servers say so, as it is
        require_plain(response)
    ranged = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    total = int(ranged[2]) if ranged and ranged[2] != "*" else None
    if response.status_code == RANGE_NOT_SATISFIABLE:
        if total != part.size:
            part.restart()
            raise TemporaryFailure("the server's file is shorter than what came of it; begun anew")
    elif response.status_code == PARTIAL:
        current = _validator(response)
        starts_here = ranged is not None and ranged[1] == str(part.size)
        if not starts_here or (validator and current and current != validator):
            part.restart()
            raise TemporaryFailure("the server sent another part than was asked for; begun anew")
        part.resumed = True
    else:
        part.restart(url, _validator(response))
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
    part.whole = total is not None
    return total


def _validator(response: requests.Response) -> str:
    """Return what If-Range may carry: a strong ETag, else the date of the last change.

    That the date is precise enough to tell versions of these files apart is our assumption.
    """
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _require_space(part: Part, total: int | None) -> None:
    needed = 0 if total is None else total - part.size + SPARE
    free = shutil.disk_usage(part.path.parent).free
    if free < needed:
        raise InputError(
            f"{part.path}: {needed:,} bytes of disk space are needed, {free:,} are free; free "
            "space and run again, or make a link from the data folder to a larger disk"
        )


class Part:
    """The unfinished download ``<name>.part``; only one process may hold it.

    Beside it lies ``<name>.part.json``: where the bytes came from, and the validator (ETag or date)
    by which that server recognises the version of the file that they belong to.

    `file` is open for reading and for writing at its end. `resumed` tells that its bytes came over
    more than one connection; `begun_anew` that a complete download was dropped, since it was not
    what was expected; `whole` that the server has said a size, so that a download cut short would
    have been noticed.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.resumed = self.begun_anew = self.whole = False
        self._notes = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes so far."""
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size

    def digest(self) -> Digest:
        """Return hashes and size of the bytes so far."""
        self.file.seek(0)
        return hash_stream(self.file)

    def validator(self, url: str) -> str:
        """Return the validator of the bytes so far if they came from `url`, else nothing."""
        try:
            notes = json.loads(self._notes.read_text(encoding="utf-8"))
            return str(notes["validator"]) if notes["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def restart(self, url: str = "", validator: str = "") -> None:
        """Drop all bytes, then note where the new ones will come from."""
        self.file.truncate(0)
        self.resumed = self.whole = False
        notes = json.dumps({"url": url, "validator": validator})
        self._notes.unlink(missing_ok=True)  # a link in its place goes, not what it points to
        with replace_file(self._notes) as beside:
            beside.write_text(notes, encoding="utf-8")

    def move_to(self, target: Path) -> None:
        """Make the whole, checked file appear at `target`, all at once and for good."""
        self.file.flush()
        os.fsync(self.file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # another file system
                raise
            with replace_file(target) as beside:
                shutil.copyfile(self.path, beside)
            self.path.unlink()
        self._notes.unlink(missing_ok=True)


@contextmanager
def open_part(folder: Path, name: str) -> Iterator[Part]:
    """Open the download of the file `name` that is under way in a folder, or begin one.

    It stays there unless it is moved. An InputError says that another process is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.part"
    # A link that was put there is not followed: what it points to would be overwritten.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{path}: another process is downloading this file; wait until it has finished"
            ) from None
        try:
            yield Part(path, file)
        finally:
            if path.exists() and not path.stat().st_size:
                drop_part(folder, name)


def drop_part(folder: Path, name: str) -> None:
    """Remove an unfinished download, if there is one."""
    for ending in (".part", ".part.json"):
        (folder / f"{name}{ending}").unlink(missing_ok=True)
