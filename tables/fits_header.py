"""What a FITS header says of the bytes after it (FITS standard 4.0, Pence et al. 2010)."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK = 2880  # bytes; headers and data fill whole blocks
CARD = 80
END = b"END".ljust(CARD)
MAX_BLOCKS = 10_000  # of a header; far above any real one
MAX_ROW_BYTES = 1 << 28

FORMATS = {
    "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "L": "S1", "X": "u1",
}  # fmt: skip
"""NumPy's name of a TFORM code that we read, strings (A) aside."""
BYTES = {code: np.dtype(name).itemsize for code, name in FORMATS.items()} | {
    "A": 1, "C": 8, "M": 16, "P": 8, "Q": 16,
}  # fmt: skip
_ASCII = bytes(byte if byte < 0x80 else ord("?") for byte in range(256))
_TFORM = re.compile(r"(\d*)([A-Z])")


class HeaderError(ValueError):
    """A header that breaks the standard; its text is the reason."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a binary table.

    Attributes
    ----------
    name : str
        TTYPE.
    code : str
        Letter of TFORM.
    repeat : int
        Count of TFORM.
    offset : int
        Bytes from the start of a row.
    scale, zero : float
        TSCAL and TZERO: the value is ``scale * stored + zero``.
    null : int or None
        TNULL: the stored integer that means no value. What else the header may say here matters
        only where the column is read: see `require_integer_null`.
    """

    name: str
    code: str
    repeat: int
    offset: int
    scale: float
    zero: float
    null: int | None

    @property
    def bytes(self) -> int:
        """Bytes in a row."""
        return -(-self.repeat // 8) if self.code == "X" else self.repeat * BYTES[self.code]

    def require_integer_null(self) -> None:
        """Raise `HeaderError` where TNULL is there but no integer."""
        if self.null is not None and type(self.null) is not int:
            raise HeaderError(f"TNULL of column {self.name} is {self.null!r}, not an integer")

    @property
    def readable(self) -> bool:
        """Whether a row holds one boolean, number or string, in the row itself."""
        if self.code == "A":
            return self.repeat > 0
        return self.code in FORMATS and self.repeat == 1

    @property
    def format(self) -> str:
        """The NumPy dtype of a stored value."""
        return f"S{self.repeat}" if self.code == "A" else FORMATS[self.code]


def parse_header(content: bytes) -> Any:
    """Return the `astropy.io.fits.Header` of whole header blocks.

    Bytes that are no ASCII become question marks: harmless in a comment (µ, say), and where they
    matter no longer what the keyword or value was.

    Raises
    ------
    HeaderError
        If astropy can't make sense of it.
    """
    from astropy.io import fits

    try:
        return fits.Header.fromstring(content.translate(_ASCII).decode("ascii"))
    except Exception as error:  # astropy raises many kinds at damaged headers
        raise HeaderError(f"bad header: {error}") from error


def card(header: Any, key: str, default: Any = None) -> Any:
    """Return a keyword's value, `default` where the header lacks it.

    Raises
    ------
    HeaderError
        If the card is damaged, or there are several.
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


def data_bytes(header: Any) -> int:
    """Return the size of the data after a header, without the padding to whole blocks."""
    axes = [count(header, f"NAXIS{k + 1}") for k in range(min(count(header, "NAXIS"), 999))]
    bits = card(header, "BITPIX")
    if bits not in (8, 16, 32, 64, -32, -64):
        raise HeaderError(f"BITPIX is {bits!r}")
    elements = math.prod(axes) if axes else 0
    return abs(bits) // 8 * count(header, "GCOUNT", 1) * (count(header, "PCOUNT", 0) + elements)


def is_table(header: Any) -> bool:
    """Whether the data are a binary table, and no compressed image or table in the guise of one."""
    compressed = any(card(header, key) is True for key in ("ZIMAGE", "ZTABLE"))
    return str(card(header, "XTENSION", "")).strip() == "BINTABLE" and not compressed


def table_columns(header: Any) -> list[TableColumn]:
    """Return the columns of a binary table, where they lie in a row.

    Raises
    ------
    HeaderError
        If they do not fill the row exactly.
    """
    row_bytes, offset = count(header, "NAXIS1"), 0
    columns = []
    for number in range(1, count(header, "TFIELDS") + 1):
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
    scale, zero = (_number(header, f"{key}{number}", default) for key, default in _SCALING)
    null = card(header, f"TNULL{number}")
    name = str(card(header, f"TTYPE{number}", "")).strip()
    return TableColumn(name, match[2], int(match[1] or 1), offset, scale, zero, null)


_SCALING = (("TSCAL", 1.0), ("TZERO", 0.0))


def _number(header: Any, key: str, default: float) -> float:
    value = card(header, key, default)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise HeaderError(f"{key} is {value!r}, not a number")
    return float(value)
