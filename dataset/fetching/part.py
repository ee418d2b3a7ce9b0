"""A download under way: the bytes so far, and what is needed to go on after an interruption."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from transferz.schemas import InputError
from transferz.tables.files import replace_file
from transferz.tables.table import WEB_PAGE

CHUNK = 1 << 18

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

    def difference(self, digest: Digest) -> str:
        """Return what was expected and what was found instead; empty where all agrees."""
        return "; ".join(
            f"expected {name} {stated}, found {getattr(digest, name)}"
            for name in ("bytes", "md5", "sha256")
            if (stated := getattr(self, name)) not in (None, getattr(digest, name))
        )


def hash_stream(file: BinaryIO) -> Digest:
    """Return sha256, md5 and size of what is left of an open file, reading it once."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    while data := file.read(CHUNK):
        sha256.update(data)
        md5.update(data)
        size += len(data)
    return Digest(sha256.hexdigest(), md5.hexdigest(), size)


def wrong_type(head: bytes, name: str) -> str:
    """Say what is wrong with a file that is not what its name says.

    Parameters
    ----------
    head : bytes
        Its first bytes, 512 will do.
    name : str
        Its name.

    Returns
    -------
    str
        What it is instead; empty where nothing speaks against it.
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


class Part:
    """The unfinished download ``<name>.part``; only one process may hold it.

    Beside it lies ``<name>.part.json``: where the bytes came from, and the validator (ETag or date)
    by which that server recognises the version of the file that they belong to.

    Attributes
    ----------
    path : Path
        The file.
    file : binary file
        The same, open for reading and for writing at its end.
    resumed : bool
        Whether its bytes came over more than one connection.
    begun_anew : bool
        Whether a complete download was dropped, since it was not what was expected.
    whole : bool
        Whether the server has said a size, so that a download cut short would have been noticed.
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
        self._notes.write_text(notes, encoding="utf-8")

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
    """Open a download that is under way, or begin one.

    Parameters
    ----------
    folder : Path
        Where unfinished downloads lie; it is made.
    name : str
        The file's name once it is complete.

    Yields
    ------
    Part
        It stays in the folder unless it is moved.

    Raises
    ------
    InputError
        If another process is downloading the same file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.part"
    with path.open("ab+") as file:
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
