"""A download under way: the bytes so far, and what is needed to go on after an interruption."""

import fcntl
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from transferz.schemas import InputError

CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Digest:
    """Hashes (hexadecimal) and size of a file's content."""

    sha256: str
    md5: str
    bytes: int


class Hasher:
    """Takes data piece by piece and gives their `Digest`."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.bytes = 0

    def update(self, data: bytes) -> None:
        """Take the next piece."""
        self._sha256.update(data)
        self._md5.update(data)
        self.bytes += len(data)

    def digest(self) -> Digest:
        """Return hashes and size of all pieces so far."""
        return Digest(self._sha256.hexdigest(), self._md5.hexdigest(), self.bytes)


def hash_file(path: Path) -> Digest:
    """Return sha256, md5 and size of a file, reading it once."""
    with path.open("rb") as file:
        return _hash(file).digest()


def hash_unpacked(path: Path) -> Digest:
    """Return sha256, md5 and size of what a gzip file holds, unpacked piece by piece.

    Raises
    ------
    OSError, EOFError, zlib.error
        If it can't be read, or is cut short or damaged.
    """
    with gzip.open(path, "rb") as file:
        return _hash(cast(BinaryIO, file)).digest()


def _hash(file: BinaryIO) -> Hasher:
    hasher = Hasher()
    while data := file.read(CHUNK):
        hasher.update(data)
    return hasher


class Part:
    """The file ``<name>.part`` in a folder, hashed as it grows; only one process may hold it.

    Beside it lies ``<name>.part.json``: where the bytes came from, and the validator (ETag or date)
    by which that server recognises the version of the file that they belong to.

    Attributes
    ----------
    path : Path
        The file.
    resumed : bool
        Whether its bytes came over more than one connection.
    discarded : bool
        Whether a complete download has been discarded.
    whole : bool
        Whether the server has said a size, so that a download cut short would have been noticed.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.resumed = False
        self.discarded = False
        self.whole = False
        self._notes = path.with_name(f"{path.name}.json")
        self._file = file
        file.seek(0)
        self._hasher = _hash(file)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._hasher.bytes

    def digest(self) -> Digest:
        """Return hashes and size of the bytes so far."""
        return self._hasher.digest()

    def head(self, count: int = 512) -> bytes:
        """Return the first bytes."""
        self._file.flush()
        with self.path.open("rb") as file:
            return file.read(count)

    def validator(self, url: str) -> str:
        """Return the validator of the bytes so far if they came from `url`, else nothing."""
        try:
            notes = json.loads(self._notes.read_text(encoding="utf-8"))
            return str(notes["validator"]) if notes["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def restart(self, url: str = "", validator: str = "") -> None:
        """Drop all bytes, then note where the new ones will come from."""
        self._file.truncate(0)
        self._file.flush()
        self._hasher = Hasher()
        self.resumed = False
        self.whole = False
        notes = json.dumps({"url": url, "validator": validator})
        self._notes.write_text(notes, encoding="utf-8")

    def discard(self) -> None:
        """Drop a complete download that is not what was expected."""
        self.restart()
        self.discarded = True

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._file.write(data)
        self._hasher.update(data)

    def move_to(self, target: Path) -> None:
        """Make the whole, checked file appear at `target`, all at once and for good."""
        self._file.flush()
        os.fsync(self._file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        _rename(self.path, target)
        self._notes.unlink(missing_ok=True)
        _sync_folder(target.parent)


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


def _rename(source: Path, target: Path) -> None:
    """Rename, also where the target is on another file system."""
    if source.stat().st_dev == target.parent.stat().st_dev:
        source.replace(target)
        return
    beside = target.with_name(f".{target.name}.partial")
    with source.open("rb") as old, beside.open("wb") as new:
        shutil.copyfileobj(old, new, CHUNK)
        new.flush()
        os.fsync(new.fileno())
    beside.replace(target)
    source.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
