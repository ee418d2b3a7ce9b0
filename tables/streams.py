"""Read a file forwards, plain or gzip, so that every damage is named: cut short, corrupt, HTML."""

import gzip
import io
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from transferz.schemas import InputError

GZIP_MAGIC = b"\x1f\x8b"
PIECE = 1 << 20  # bytes read at a time where they are only passed over
WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title")


def unsound(path: Path, kind: str, reason: object) -> InputError:
    """Return the error for a file whose bytes are not what its kind prescribes."""
    return InputError(f"{path} is no sound {kind} file ({reason}); fetch it again")


class ByteStream(io.RawIOBase):
    """The bytes of a file, in order; those of a gzip file unpacked on the way.

    Parameters
    ----------
    path : Path
        The file. Gzip is told by its first bytes, not by its name.
    kind : str
        What it should be, for errors.

    Raises
    ------
    InputError
        If the file can't be read or is a web page; by the methods, if it is cut short or its
        gzip checksum fails.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self.position = 0
        try:
            self.size = path.stat().st_size
            self._file: BinaryIO = path.open("rb", buffering=0)
            self.packed = self._file.read(2) == GZIP_MAGIC
            self._file.seek(0)
        except OSError as error:
            raise self._unreadable(error) from error
        if self.packed:
            self._file = cast("BinaryIO", gzip.open(path, "rb"))  # noqa: SIM115 (closed by close)
        self._head = b""
        self._head = self._peek()
        if self._head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE):
            raise InputError(
                f"{path} is a web page, probably a login or an error page, where a {kind} file "
                "was expected; fetch it again"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def _peek(self) -> bytes:
        head = bytearray(512)
        return bytes(head[: self._fill(memoryview(head))])

    def _unreadable(self, error: OSError) -> InputError:
        reason = error.strerror or str(error)
        return InputError(
            f"{self.path} can't be read: {reason}; check its permissions and the disk"
        )

    def _fill(self, view: memoryview) -> int:
        """Read until the view is full or the file ends; return the number of bytes."""
        done = 0
        try:
            while done < len(view):
                count = self._file.readinto(view[done:])  # type: ignore[attr-defined]
                if not count:
                    break
                done += count
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise unsound(
                self.path, self.kind, f"gzip data damaged or cut short: {error}"
            ) from None
        except OSError as error:
            raise self._unreadable(error) from error
        return done

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the file goes; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        ready = min(len(self._head), len(view))
        view[:ready] = self._head[:ready]
        self._head = self._head[ready:]
        count = ready + self._fill(view[ready:])
        self.position += count
        return count

    def read_exactly(self, view: memoryview) -> None:
        """Fill the view; raise `InputError` where the file ends before."""
        needed = self.position + len(view)
        if self.readinto(view) < len(view):
            self.cut_short(needed)

    def push_back(self, data: bytes) -> None:
        """Put bytes in front of those still to be read."""
        self._head = data + self._head
        self.position -= len(data)

    def require(self, count: int) -> None:
        """Raise `InputError` where a plain file ends within the next `count` bytes."""
        needed = self.position + count
        if not self.packed and needed > self.size:
            self.position = self.size
            self.cut_short(needed)

    def cut_short(self, needed: int) -> None:
        """Raise the error for a file that ends too soon."""
        raise unsound(
            self.path, self.kind, f"cut short: {self.position:,} of at least {needed:,} bytes"
        )

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()
