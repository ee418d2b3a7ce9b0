"""FITS checksums: the 32-bit ones'-complement sum of an HDU (FITS standard 4.0, section 4.4.2.7).

`astropy.io.fits` computes the same over an HDU in memory; this one takes the bytes as they pass.
"""

from typing import Any

import numpy as np

from transferz.tables.fits_header import HeaderError, card

ALL_ONES = 0xFFFFFFFF
WORD = 4  # bytes


class OnesComplementSum:
    """Sum of big-endian 32-bit words, each carry added back at the low end.

    Attributes
    ----------
    value : int
        The sum so far; the bytes seen must make whole words by then.
    """

    def __init__(self) -> None:
        self.value = 0
        self._rest = b""

    def add(self, data: memoryview) -> None:
        """Add the bytes that follow those already seen."""
        if self._rest:
            head = min(WORD - len(self._rest), len(data))
            self._rest += bytes(data[:head])
            data = data[head:]
            if len(self._rest) < WORD:
                return
            self._add_words(self._rest)
        whole = len(data) // WORD * WORD
        self._rest = bytes(data[whole:])
        self._add_words(data[:whole])

    def _add_words(self, data: bytes | memoryview) -> None:
        words = np.frombuffer(data, ">u4").sum(dtype=np.uint64)
        self.value = add(self.value, int(words))


def add(first: int, second: int) -> int:
    """Return the ones'-complement sum of two sums."""
    total = first + second
    while total > ALL_ONES:
        total = (total & ALL_ONES) + (total >> 32)
    return total


def failed_sum(header: Any, header_bytes: bytes, data_sum: int) -> str:
    """Say which of a header's checksums the HDU fails, if any.

    Parameters
    ----------
    header : astropy.io.fits.Header
        With DATASUM and CHECKSUM, or without.
    header_bytes : bytes
        The header as it stands in the file.
    data_sum : int
        The sum of the data, with padding.

    Returns
    -------
    str
        A phrase for the error; empty where nothing is wrong.

    Raises
    ------
    HeaderError
        If DATASUM is no number.
    """
    expected = str(card(header, "DATASUM", "")).strip()
    if expected:
        if not expected.isdecimal():
            raise HeaderError(f"DATASUM is {expected!r}, not a number")
        if int(expected) != data_sum:
            return f"DATASUM is {expected}, the sum of its data {data_sum}"
    whole = OnesComplementSum()
    whole.add(memoryview(header_bytes))
    if str(card(header, "CHECKSUM", "")).strip() and add(whole.value, data_sum) != ALL_ONES:
        return "its bytes do not sum to what CHECKSUM promises"
    return ""


def has_sums(header: Any) -> bool:
    """Whether a header promises anything about its bytes."""
    return any(str(card(header, key, "")).strip() for key in ("DATASUM", "CHECKSUM"))
