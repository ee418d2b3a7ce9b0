"""Walk through a FITS file forwards: each header, its data, and whether they are sound."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from transferz.tables.fits_header import (
    BLOCK,
    CARD,
    END,
    MAX_BLOCKS,
    HeaderError,
    card,
    data_bytes,
    parse_header,
)
from transferz.tables.fits_sums import OnesComplementSum, failed_sum, has_sums
from transferz.tables.streams import ByteStream, unsound

BUFFER_BYTES = 1 << 22  # read at a time: fits the processor's cache


class Hdu:
    """One header and its data, which may be read once, forwards.

    Parameters
    ----------
    stream : ByteStream
        Stands behind the header.
    content : bytes
        The header.

    Attributes
    ----------
    header : astropy.io.fits.Header
        Parsed.
    """

    def __init__(self, stream: ByteStream, content: bytes) -> None:
        self.header = parse_header(content)
        self._stream, self._content = stream, content
        self._left = data_bytes(self.header)
        self._padding = -self._left % BLOCK
        self._sum = OnesComplementSum() if has_sums(self.header) else None
        stream.require(self._left)

    def read(self, view: memoryview) -> None:
        """Fill the view with the next bytes of data."""
        self._stream.read_exactly(view)
        self._left -= len(view)
        if self._sum:
            self._sum.add(view)

    def finish(self) -> None:
        """Pass over what was not read and over the padding, and check the sums.

        The last padding of a file may lack, or a part of it: it holds but zeros.
        """
        buffer = memoryview(bytearray(min(self._left, BUFFER_BYTES)))
        while self._left:
            self.read(buffer[: min(self._left, len(buffer))])
        padding = bytearray(self._padding)
        self._stream.readinto(padding)
        if self._sum:
            self._sum.add(memoryview(padding))
        failure = self._sum and failed_sum(self.header, self._content, self._sum.value)
        if failure:
            raise HeaderError(failure)


def walk(stream: ByteStream) -> Iterator[Hdu]:
    """Yield the HDUs of a file one after the other, each checked before the next.

    Raises
    ------
    HeaderError
        If the file breaks the standard or its data do not match their checksums.
    InputError
        If the file is cut short.
    """
    content = _read_header(stream, b"SIMPLE  =")
    while content:
        hdu = Hdu(stream, content)
        if card(hdu.header, "SIMPLE", True) is not True:
            raise HeaderError(f"SIMPLE is {card(hdu.header, 'SIMPLE')!r}, not T")
        yield hdu
        hdu.finish()
        content = _read_header(stream, b"XTENSION=")


@contextlib.contextmanager
def open_fits(path: Path) -> Iterator[Iterator[Hdu]]:
    """Open a file and give its HDUs; what is wrong with them is an `InputError`."""
    with ByteStream(path, "FITS") as stream:
        try:
            yield walk(stream)
        except HeaderError as error:
            raise unsound(path, stream.kind, error) from error


def _read_header(stream: ByteStream, start: bytes) -> bytes:
    """Read a header's blocks; nothing where the file ends, or holds but zeros, in its place."""
    block = bytearray(BLOCK)
    found = stream.readinto(block)
    if start != b"SIMPLE  =" and not any(block[:found]):
        return b""
    if not block.startswith(start):
        raise HeaderError(f"expected '{start.decode()}', found {bytes(block[:20])!r}")
    content = bytearray()
    for _ in range(MAX_BLOCKS):
        if found < BLOCK:
            stream.cut_short(stream.position + BLOCK - found)
        content += block
        if END in (bytes(block[i : i + CARD]) for i in range(0, BLOCK, CARD)):
            return bytes(content)
        found = stream.readinto(block)
    raise HeaderError("a header without END")
