"""What every format shares: what a table in a file offers, and the file's bytes read forwards.

Whatever is wrong with a file's bytes is named: cut short, damaged, packed badly, a web page.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import stat
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from transferz.schemas.errors import InputError, TransferZError
from transferz.tables.printing import SHOWN, first_few

CHUNK_ROWS = 100_000
BLOCK_BYTES = 1 << 18  # of text that is parsed at once, of a parquet column
LINE_BYTES = 1 << 20  # of text: of a row, and of what comes before the first one

FREE_BYTES = 1 << 26
MOST_TIMES = 32
"""A column takes no more bytes than its file times this, or `FREE_BYTES`: what claims to does not
hold what people measure."""

WHOLE_FREE = 1 << 24
WHOLE_TIMES = 16
"""A packed file that is read whole unpacks to no more than its size times this, or `WHOLE_FREE`."""

UNPACKED_FREE = 1 << 28
UNPACKED_TIMES = 200
"""A packed file unpacks to no more than its size times this, or `UNPACKED_FREE` bytes."""

Choose = Callable[[Sequence[str]], float]
"""Of the columns' names: how well they are what is looked for, from 0 (not at all) to 1 (all)."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class TableFile(ABC):
    """A table in a file, of the columns `names`.

    `rows` is their number where the file says so before it is read. `units` gives the unit, as the
    file spells it, of each column that has one. `notes` is what the file says of itself: FITS
    keywords, comments above the names, metadata. With `text`, every cell is given as text, as it
    stands in the file.
    """

    path: Path
    names: tuple[str, ...]
    rows: int | None
    units: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    text: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse names that a terminal obeys: commands print names, and write them into files."""
        for number, name in enumerate(self.names, 1):
            if _CONTROL.search(name):
                raise InputError(
                    f"{self.path}: the name of column {number}, {name!r}, holds control "
                    "characters; rename it"
                )

    def wrong(self, name: str, what: str) -> InputError:
        """Return the error for a column that does not hold what it should."""
        return InputError(
            f"{self.path}: column '{name}': {what}; fetch the file again or write it anew"
        )

    @abstractmethod
    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return what chunks of some columns are made of."""

    @abstractmethod
    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time.

        An `InputError` says where they can't be read, or the file is damaged, if only behind the
        table.
        """


def require_package(what: Path | str, package: str, kind: str, install: str = "") -> None:
    """Raise `InputError` where the package that a format needs is not installed.

    `what` is the file, or the function, that needs it; `install` is what to install, where that is
    more than the package.
    """
    if find_spec(package) is None:
        remedy = f"pip install {install or package}"
        raise InputError(f"{what}: {kind} needs the package '{package}': {remedy}")


def require_columns(path: Path | str, available: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise `InputError` where a table does not have each column, once."""
    for name in wanted:
        if name not in available:
            raise InputError(f"{path} has no column '{name}'; it has: {', '.join(available)}")
        if list(available).count(name) > 1:
            raise InputError(f"{path} has more than one column '{name}'")


def require_plausible(path: Path, name: str, claimed: int) -> None:
    """Raise `InputError` where a column claims far more bytes than its file has."""
    size = path.stat().st_size
    if claimed > max(FREE_BYTES, MOST_TIMES * size):
        raise InputError(
            f"can't read {path}: column '{name}' claims {claimed:,} bytes in a file of {size:,}, "
            "more than a table of measurements does; write the file anew, without packing"
        )


def naming(wanted: Sequence[str]) -> Choose:
    """Return a choice of the table that has most of some columns, whatever their case."""
    meant = {name.casefold() for name in wanted}
    return lambda names: len(meant & {name.casefold() for name in names}) / max(1, len(meant))


def the_one_meant(path: Path, tables: Mapping[str, Sequence[str]], choose: Choose) -> int:
    """Return the number of the one of a file's tables that is what is looked for, or comes nearest.

    `tables` has the columns' names of each by its place in the file. An `InputError` names those
    that are as good as one another.
    """
    scores = [choose(names) for names in tables.values()]
    if scores.count(best := max(scores)) == 1:
        return scores.index(best)
    alike = [place for place, score in zip(tables, scores, strict=True) if score == best]
    each = "; ".join(f"{place} ({first_few(tables[place])})" for place in alike[:SHOWN])
    raise InputError(
        f"{path} holds {len(alike)} tables, and which is meant can't be told by their columns: "
        f"{each}; write the one that is meant to a file of its own"
    )


def _open_zstd(path: Path, _mode: str) -> pa.NativeFile:
    return pa.CompressedInputStream(pa.OSFile(os.fsencode(path)), "zstd")


PACKINGS: Mapping[bytes, tuple[str, Callable[..., Any]]] = MappingProxyType(
    {
        b"\x1f\x8b": ("gzip", gzip.open),
        b"BZh": ("bzip2", bz2.open),
        b"\xfd7zXZ\0": ("xz", lzma.open),
        b"\x28\xb5\x2f\xfd": ("zstd", _open_zstd),
    }
)
"""First bytes of a packed file to the packing's name and what opens it."""

WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title")
PIECE = 1 << 22  # bytes read at a time where they are only passed over


def unsound(path: Path, kind: str, reason: object) -> InputError:
    """Return the error for a file whose bytes are not what its kind prescribes."""
    return InputError(
        f"can't read {path}: it is no sound {kind} file ({reason}); fetch it again or write it anew"
    )


@contextlib.contextmanager
def one_clear_error(path: Path, kind: str = "table") -> Iterator[None]:
    """Turn whatever a library raises at a damaged file into one `InputError`."""
    try:
        yield
    except TransferZError:
        raise
    except MemoryError:
        raise InputError(
            f"can't read {path}: it needs more memory than there is; take a format that is read in "
            "parts: FITS, parquet, HDF5 or CSV"
        ) from None
    except Exception as error:  # each library has its own kinds, h5py and astropy many
        reason = error.__cause__ or error if isinstance(error, SystemError) else error
        raise unsound(path, kind, " ".join(str(reason).split())) from None


class ByteStream(io.RawIOBase):
    """The bytes of a file, in order; those of a packed file unpacked on the way.

    `packing` is the name of one of `PACKINGS`, told by the file's first bytes, empty for a plain
    file; `position` counts the bytes read so far; `kind` says in errors what the file should be. A
    file that is missing is an `InputError`; so is, when it is read, one that is cut short or whose
    packing is damaged.
    """

    def __init__(self, path: Path, kind: str = "table") -> None:
        self.path, self.kind, self.packing, self.position = path, kind, "", 0
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode):  # opening a pipe would wait for ever
                folder = stat.S_ISDIR(about.st_mode)
                raise self._unreadable("Is a directory" if folder else "it is no regular file")
            self.size = about.st_size
            self._file: BinaryIO = path.open("rb", buffering=0)
            start = self._file.read(max(map(len, PACKINGS)))
            self._file.seek(0)
        except OSError as error:
            raise self._unreadable(error.strerror or error) from error
        for magic, (name, opener) in PACKINGS.items():
            if start.startswith(magic):
                self._file.close()
                self.packing, self._file = name, opener(path, "rb")

    def _unreadable(self, reason: object) -> InputError:
        return InputError(
            f"no table at {self.path}: it can't be read: {reason}; check its name, its "
            "permissions and the disk"
        )

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the file goes; return the number of bytes."""
        view, done = memoryview(buffer).cast("B"), 0
        try:
            while done < len(view) and (count := self._file.readinto(view[done:])):  # type: ignore[attr-defined]
                done += count
        except OSError as error:
            if error.errno is not None:  # else the packing's reader complains
                raise self._unreadable(error.strerror) from error
            raise self._damaged(error) from None
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise self._damaged(error) from None
        self.position += done
        if self.packing and self.position > max(UNPACKED_FREE, UNPACKED_TIMES * self.size):
            raise InputError(
                f"can't read {self.path}: its {self.size:,} bytes unpack to more than "
                f"{UNPACKED_TIMES} times as many; unpack it first, where that is right"
            )
        return done

    def _damaged(self, error: Exception) -> InputError:
        return unsound(self.path, self.kind, f"{self.packing} data damaged or cut short: {error}")

    def read_exactly(self, view: memoryview) -> None:
        """Fill the view; raise `InputError` where the file ends before."""
        needed = self.position + len(view)
        if self.readinto(view) < len(view):
            self.cut_short(needed)

    def skip(self, count: int) -> None:
        """Pass over bytes; raise `InputError` where the file ends before."""
        self.require(count)
        if not self.packing:
            self._file.seek(self.position + count)
            self.position += count
            return
        buffer = memoryview(bytearray(min(count, PIECE)))
        while count:
            self.read_exactly(buffer[: min(count, len(buffer))])
            count -= min(count, len(buffer))

    def require(self, count: int) -> None:
        """Raise `InputError` where a plain file ends within the next `count` bytes."""
        needed = self.position + count
        if not self.packing and needed > self.size:
            self.position = self.size
            self.cut_short(needed)

    def cut_short(self, needed: int) -> None:
        """Raise the error for a file that ends too soon."""
        raise unsound(
            self.path, self.kind, f"cut short: {self.position:,} of at least {needed:,} bytes"
        )

    def close(self) -> None:
        """Close the file."""
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()


def first_bytes(path: Path, count: int = 4096) -> tuple[bytes, str]:
    """Return how a file begins, unpacked, and its packing; a web page is an `InputError`."""
    with ByteStream(path) as stream:
        head, packing = stream.read(count) or b"", stream.packing
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE):
        raise InputError(
            f"can't read {path}: {path} is a web page, probably a login or an error page, where a "
            "table was expected; fetch it again"
        )
    return head, packing
