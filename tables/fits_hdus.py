"""Walk through a FITS file forwards: each header, parsed by astropy, its data, and its checksums.

The standard is FITS 4.0 (Pence et al. 2010). The data are not read through `astropy.io.fits`, which
maps the file: the pages of a map count as memory in use, and a gzip file can't be mapped.
"""

import contextlib
import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferz.tables.table import ByteStream, unsound

BLOCK = 2880  # bytes; headers and data fill whole blocks
CARD = 80
END = b"END".ljust(CARD)
MAX_BLOCKS = 10_000  # of a header; far above any real one
MAX_COLUMNS = 999  # by the standard
MAX_ROW_BYTES = 1 << 28
BUFFER_BYTES = 1 << 22  # read at a time: fits the processor's cache
ALL_ONES = 0xFFFFFFFF

FORMATS = {
    "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "L": "S1", "X": "u1",
}  # fmt: skip
"""NumPy's name of a TFORM code that we read, strings (A) aside."""
BYTES = {code: np.dtype(name).itemsize for code, name in FORMATS.items()} | {
    "A": 1, "C": 8, "M": 16, "P": 8, "Q": 16,
}  # fmt: skip
_ASCII = bytes(byte if byte < 0x80 else ord("?") for byte in range(256))
_TFORM = re.compile(r"(\d*)([A-Z])")
_TDIM = re.compile(r"\(\s*\d+\s*(,\s*\d+\s*)*\)")


class HeaderError(ValueError):
    """A header that breaks the standard, or data that are not what it promises."""


def card(header: Any, key: str, default: Any = None) -> Any:
    """Return a keyword's value, `default` where the header lacks it.

    A damaged card, or several of the name, are a `HeaderError`.
    """
    if key in header and header.count(key) > 1:
        raise HeaderError(f"it has {header.count(key)} cards {key}")
    try:
        return header.get(key, default)
    except Exception as error:
        raise HeaderError(f"bad {key} card: {error}") from error


def count(header: Any, key: str, default: int | None = None) -> int:
    """Return a keyword's value, which must be an integer of at least 0."""
    value = card(header, key, default)
    if type(value) is not int or value < 0:
        raise HeaderError(f"{key} is {value!r}, not a count")
    return value


def is_table(header: Any) -> bool:
    """Whether the data are a binary table, and no compressed image or table in the guise of one."""
    compressed = any(card(header, key) is True for key in ("ZIMAGE", "ZTABLE"))
    return str(card(header, "XTENSION", "")).strip() == "BINTABLE" and not compressed


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a binary table: its TTYPE, TUNIT, letter and count of TFORM, and so on.

    The value is ``scale * stored + zero``; the stored integer `null` means no value (whatever
    TNULL says, as it matters only where the column is read).
    """

    name: str
    unit: str
    code: str
    repeat: int
    shape: tuple[int, ...]  # of what a row holds, beyond one value: TDIM in NumPy's order
    offset: int  # bytes from the start of a row
    scale: float
    zero: float
    null: int | None

    @property
    def bytes(self) -> int:
        """Bytes in a row."""
        return -(-self.repeat // 8) if self.code == "X" else self.repeat * BYTES[self.code]

    @property
    def stored(self) -> np.dtype[Any]:
        """How a row's bytes lie in the file."""
        if self.code == "X":
            return np.dtype(("u1", (self.bytes,)))
        width = self.repeat // math.prod(self.shape) if self.code == "A" else 0
        return np.dtype((f"S{width}" if width else FORMATS[self.code], self.shape))


def table_columns(header: Any) -> list[TableColumn]:
    """Return the columns of a binary table, which must fill its rows exactly, in their order."""
    fields, row_bytes, offset = count(header, "TFIELDS"), count(header, "NAXIS1"), 0
    if fields > MAX_COLUMNS:
        raise HeaderError(f"TFIELDS is {fields:,}; a table has at most {MAX_COLUMNS} columns")
    columns = []
    for number in range(1, fields + 1):
        columns.append(_column(header, number, offset))
        offset += columns[-1].bytes
    shape = count(header, "NAXIS"), card(header, "BITPIX"), count(header, "GCOUNT")
    count(header, "PCOUNT")  # must be there
    if offset != row_bytes or offset > MAX_ROW_BYTES or shape != (2, 8, 1):
        raise HeaderError(f"its columns take {offset:,} bytes, its rows {row_bytes:,}")
    return columns


def _column(header: Any, number: int, offset: int) -> TableColumn:
    form = str(card(header, f"TFORM{number}", "")).strip()
    match = _TFORM.match(form)
    if not match or match[2] not in BYTES:
        raise HeaderError(f"TFORM{number} is {form!r}")
    scale, zero = card(header, f"TSCAL{number}", 1.0), card(header, f"TZERO{number}", 0.0)
    for key, value in (("TSCAL", scale), ("TZERO", zero)):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise HeaderError(f"{key}{number} is {value!r}, not a number")
    code, repeat = match[2], int(match[1] or 1)
    name, unit = (str(card(header, f"{key}{number}", "")).strip() for key in ("TTYPE", "TUNIT"))
    shape = _shape(code, repeat, str(card(header, f"TDIM{number}", "")).strip())
    null = card(header, f"TNULL{number}")
    return TableColumn(name, unit, code, repeat, shape, offset, float(scale), float(zero), null)


def _shape(code: str, repeat: int, dimensions: str) -> tuple[int, ...]:
    """Read TDIM, whose first number is a text's width; what does not fit the count is ignored."""
    sizes = [int(size) for size in re.findall(r"\d+", dimensions)]
    if _TDIM.fullmatch(dimensions) and math.prod(sizes) == repeat > 1:
        return tuple(reversed(sizes[1:] if code == "A" else sizes))
    return () if repeat == 1 or code == "A" else (repeat,)


def _data_bytes(header: Any) -> int:
    """Return the size of the data after a header, without the padding to whole blocks."""
    axes = [count(header, f"NAXIS{k + 1}") for k in range(min(count(header, "NAXIS"), 999))]
    bits = card(header, "BITPIX")
    if bits not in (8, 16, 32, 64, -32, -64):
        raise HeaderError(f"BITPIX is {bits!r}")
    elements = math.prod(axes) if axes else 0
    return abs(bits) // 8 * count(header, "GCOUNT", 1) * (count(header, "PCOUNT", 0) + elements)


class OnesComplementSum:
    """Sum of big-endian 32-bit words, each carry added back at the low end (section 4.4.2.7).

    `astropy.io.fits` computes the same over an HDU in memory; this one takes the bytes as they
    pass. `value` is the sum so far.
    """

    def __init__(self) -> None:
        self.value = self._seen = 0

    def add(self, data: memoryview | bytes) -> None:
        """Add the bytes that follow those already seen."""
        front = self._seen % 4  # zeros in place of a word's other bytes leave the sum as it is
        head = min(-front % 4, len(data))
        whole = head + (len(data) - head) // 4 * 4
        first, last = bytes(front) + bytes(data[:head]), bytes(data[whole:])
        for words in (first.ljust(4, b"\0"), data[head:whole], last.ljust(4, b"\0")):
            self.value += int(np.frombuffer(words, ">u4").sum(dtype=np.uint64))
        while self.value > ALL_ONES:
            self.value = (self.value & ALL_ONES) + (self.value >> 32)
        self._seen += len(data)


@functools.lru_cache(maxsize=4)  # opening a table and reading it parse the same few headers
def _parse(content: bytes) -> Any:
    """Parse a header; whoever changes it changes a copy."""
    from astropy.io import fits

    try:
        return fits.Header.fromstring(content.translate(_ASCII).decode("ascii"))
    except Exception as error:  # astropy raises many kinds at damaged headers
        raise HeaderError(f"bad header: {error}") from error


class Hdu:
    """One header, whose bytes are `content`, and its data, which may be read once, forwards.

    The stream stands behind the header. In `header`, an `astropy.io.fits.Header`, bytes that are no
    ASCII are question marks: harmless in a comment (µ, say), and where they matter no longer what
    the keyword or value was.
    """

    def __init__(self, stream: ByteStream, content: bytes, *, check: bool) -> None:
        self.header = _parse(content)
        self._stream, self._content = stream, content
        self._left = _data_bytes(self.header)
        self._padding = -self._left % BLOCK
        sums = ("DATASUM", "CHECKSUM") if check else ()
        promises = {key: str(card(self.header, key, "")).strip() for key in sums}
        self._promises = {key: value for key, value in promises.items() if value}
        self._sum = OnesComplementSum()
        stream.require(self._left)

    def read(self, view: memoryview) -> None:
        """Fill the view with the next bytes of data."""
        self._stream.read_exactly(view)
        self._left -= len(view)
        if self._promises:
            self._sum.add(view)

    def skip(self, size: int) -> None:
        """Pass over data."""
        if not self._promises:
            self._stream.skip(size)
            self._left -= size
            return
        buffer = memoryview(bytearray(min(size, BUFFER_BYTES)))
        for start in range(0, size, BUFFER_BYTES):
            self.read(buffer[: min(size - start, BUFFER_BYTES)])

    def finish(self) -> None:
        """Pass over what was not read and over the padding, and check the sums.

        The last padding of a file may lack, or a part of it: it holds but zeros. Without a sum it
        is there as a whole or not at all: else bytes may have been lost or added above, and all
        values behind them are wrong.
        """
        self.skip(self._left)
        padding = bytearray(self._padding)
        size = self._stream.readinto(padding)
        zeros = not padding.strip(b"\0 ")
        if "DATASUM" not in self.header and (0 < size < self._padding or not zeros):
            found = f"{size} bytes" + ("" if zeros else ", not all of them zero")
            raise HeaderError(
                f"bytes of its data were lost or added: after them, expected {self._padding} zeros "
                f"that fill a block of {BLOCK} bytes, found {found}"
            )
        if self._promises:
            self._sum.add(memoryview(padding))
            self._check_sums()

    def _check_sums(self) -> None:
        if expected := self._promises.get("DATASUM"):
            if not expected.isdecimal():
                raise HeaderError(f"DATASUM is {expected!r}, not a number")
            if int(expected) != self._sum.value:
                raise HeaderError(f"DATASUM is {expected}, the sum of its data {self._sum.value}")
        if "CHECKSUM" in self._promises:
            self._sum.add(self._content)  # the order of whole words does not matter
            if self._sum.value != ALL_ONES:
                raise HeaderError("its bytes do not sum to what CHECKSUM promises")


@contextlib.contextmanager
def open_fits(path: Path, *, check: bool = True) -> Iterator[Iterator[Hdu]]:
    """Open a file and give its HDUs one after the other, each checked before the next.

    Without `check` that is left to who reads the data: they are passed over. A file that is cut
    short, breaks the standard, or whose data do not match their checksums is an `InputError`.
    """
    with ByteStream(path, "FITS") as stream, sound_fits(path):
        yield walk(stream, check=check)


@contextlib.contextmanager
def sound_fits(path: Path) -> Iterator[None]:
    """Make an `InputError` of what is wrong with a header or its data."""
    try:
        yield
    except HeaderError as error:
        raise unsound(path, "FITS", error) from error


def walk(stream: ByteStream, *, check: bool) -> Iterator[Hdu]:
    """Yield a stream's HDUs as `open_fits` does; a `HeaderError` says what is wrong with one."""
    content = _read_header(stream, b"SIMPLE  =")
    while content:
        hdu = Hdu(stream, content, check=check)
        if card(hdu.header, "SIMPLE", True) is not True:
            raise HeaderError(f"SIMPLE is {card(hdu.header, 'SIMPLE')!r}, not T")
        yield hdu
        hdu.finish()
        content = _read_header(stream, b"XTENSION=")


def _read_header(stream: ByteStream, start: bytes) -> bytes:
    """Read a header's blocks; nothing where the file ends, or holds but zeros, in its place."""
    block = bytearray(BLOCK)
    size = stream.readinto(block)
    if start != b"SIMPLE  =" and not any(block[:size]):
        return b""
    if not block.startswith(start):
        raise HeaderError(f"expected '{start.decode()}', found {bytes(block[:20])!r}")
    content = bytearray()
    for _ in range(MAX_BLOCKS):
        if size < BLOCK:
            stream.cut_short(stream.position + BLOCK - size)
        content += block
        if END in (bytes(block[i : i + CARD]) for i in range(0, BLOCK, CARD)):
            return bytes(content)
        size = stream.readinto(block)
    raise HeaderError("a header without END")
