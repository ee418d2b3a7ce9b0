"""The rows of a text table out of its bytes: in UTF-8, whole, a few at a time, without comments."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.table import ByteStream, unsound

BLANKS = ""  # a delimiter: any number of them parts columns

_QUOTED = re.compile(r'"(?:[^"]|"")*"|\S+', re.ASCII)  # a cell between blanks
_QUOTED_BYTES = re.compile(_QUOTED.pattern.encode())
_COMMENT = re.compile(rb"^[ \t]*#", re.MULTILINE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return a line's cells; whatever the csv module can't take apart is parted all the same."""
    if delimiter == BLANKS:
        return [cell.strip('"') for cell in _QUOTED.findall(line.partition(" #")[0])]
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a carriage return within, or a cell of more than 128 kB
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def utf8_reader(path: Path, stream: ByteStream) -> Callable[[], bytes]:
    """Return what reads a stream's next block as UTF-8, without mark; nothing at the end.

    UTF-16 is told by its byte-order mark.
    """
    source = io.BufferedReader(stream, limits.BLOCK_BYTES)
    start = source.peek(3)
    if start.startswith(codecs.BOM_UTF8):
        source.read(len(codecs.BOM_UTF8))
    if start[:2] not in _UTF16:
        return lambda: source.read(limits.BLOCK_BYTES)
    recoded = codecs.EncodedFile(source, "utf-8", "utf-16")

    def read() -> bytes:
        try:
            block = recoded.read(limits.BLOCK_BYTES)
        except UnicodeError as error:
            raise unsound(path, "UTF-16 text", error) from None
        if not block and recoded.reader.bytebuffer:  # half a letter: a byte too few or too many
            raise unsound(path, "UTF-16 text", "it has an odd number of bytes")
        return block

    return read


class TextRows:
    """The rows of a text table, in pieces of a few whole ones; between cells, a tab for blanks.

    `skipped` lines, not counting comments and blank ones, come before the first row, which has as
    many cells as `width`. Where `lines_only`, a row is a line, and these are counted: `lines`, and
    `quotes`, the quotation marks in them.
    """

    def __init__(
        self, stream: ByteStream, delimiter: str, skipped: int, width: int, *, lines_only: bool
    ) -> None:
        self.lines = self.quotes = 0
        self._path, self._read = stream.path, utf8_reader(stream.path, stream)
        self._delimiter, self._skipped, self._width = delimiter, skipped, width
        self._lines_only = lines_only
        # Arrow's rule: a quotation mark opens a cell where it is its first byte, else it is text
        mark = re.escape(delimiter.encode())
        # (groups are atomic, not possessive: those match wrongly before Python 3.11.5)
        cell = rb'(?<![^%b\r\n])"[^"]*+(?>(?:""[^"]*+)*)"' % mark
        row = rb'(?>(?:[^"\n]++|%b|(?<=[^%b\r\n])")*)\n' % (cell, mark)
        self._row = re.compile(rb"[^\n]*\n" if lines_only else row)
        self._rows = re.compile(rb"(?>(?:%b)*)" % row)

    def __iter__(self) -> Iterator[bytes]:
        held, more = self._below_the_names(), b"\n"
        while more:
            more = self._read()
            held += more or b"\n"  # the last line's end may lack
            end = held.rfind(b"\n") + 1
            if b'"' in held and not self._lines_only and (whole := self._rows.match(held)):
                end = whole.end()
            piece, held = self._prepared(held[:end]), held[end:]
            if b"\0" in piece:
                raise unsound(self._path, "CSV", "it has zero bytes among its text")
            if len(held) > limits.LINE_BYTES or (held and not more):
                start = held[:60].decode(errors="replace").strip()
                raise InputError(
                    f"can't read {self._path}: a row of more than {limits.LINE_BYTES:,} bytes, or "
                    f"a quotation mark that none closes, from '{start}' on; mend that line"
                )
            if piece.strip():
                yield piece

    def _below_the_names(self) -> bytes:
        """Pass over comments, and the lines of names and units; return what is read beyond."""
        held, left = self._read(), self._skipped
        while True:
            line, end, rest = held.partition(b"\n")
            if not end and (more := self._read()):
                held += more
                continue
            holds = bool(line.strip()) and not line.lstrip().startswith(b"#")
            if not left and (holds or self._skipped or not held):
                return held
            left -= holds
            held = rest
            if not end:
                return b""

    def _prepared(self, rows: bytes) -> bytes:
        """Put tabs for blanks, leave comments out, and count."""
        if self._delimiter == BLANKS:
            rows = b"\n".join(map(self._tabbed, rows.split(b"\n")))
        elif b"#" in rows and _COMMENT.search(rows):
            rows = b"".join(row for row in self._row.findall(rows) if not self._is_comment(row))
        if self._lines_only and rows:
            letters = np.frombuffer(rows, "u1")
            ends = (letters == ord("\n")) | (letters == ord("\r"))
            self.quotes += int(np.count_nonzero(letters == ord('"')))
            self.lines += int(np.count_nonzero(np.concatenate([[True], ends[:-1]]) & ~ends))
        return rows

    def _is_comment(self, row: bytes) -> bool:
        """Whether a row of cells is a comment; one that could be a row as well is refused."""
        text = row.decode(errors="replace").strip()
        if not text.startswith("#"):
            return False
        if text.strip("#")[:1].strip():
            self._require_no_row(text, len(split_line(text, self._delimiter)))
        return True

    def _tabbed(self, line: bytes) -> bytes:
        cells = _QUOTED_BYTES.findall(line) if b'"' in line else line.split()
        if b"#" in line:
            if cells[0].startswith(b"#") and cells[0].strip(b"#"):
                self._require_no_row(line.decode(errors="replace"), len(cells))
            end = next((k for k, cell in enumerate(cells) if cell.startswith(b"#")), len(cells))
            cells = cells[:end]
        return b"\t".join(cells)

    def _require_no_row(self, line: str, cells: int) -> None:
        if cells == self._width:
            raise InputError(
                f"can't read {self._path}: '{line[:60]}' begins with # as a comment does, and "
                "holds as many values as a row; put a blank behind the # where it is a comment, "
                "another sign in its place where it is none"
            )
