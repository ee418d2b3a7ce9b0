"""Tables in text, as archives write them: parted by commas, semicolons, tabs, bars or blanks.

The names may stand in a comment line, units and dashes beneath; gzip and UTF-16 do not matter.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.table import ByteStream, Choose, TableFile, unsound

PREAMBLE_BYTES = 1 << 20  # within which the first row must begin
DELIMITERS = ",;\t|"
BLANKS = ""  # any number of them parts columns

_RULE = re.compile(r"[\s,;|-]*-[\s,;|-]*")  # VizieR's line under names and units
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_NUMBERED = re.compile(r"#\s*(\d+)\s+(\S+)")  # SExtractor's and BPZ's way to name columns
_QUOTED = re.compile(r'"(?:[^"]|"")*"|\S+')
_QUOTED_BYTES = re.compile(_QUOTED.pattern.encode())
_NO_UNIT = {"", "-", "--", "---", "none", "None", "[-]"}
_UNITS = {
    "mag", "deg", "degree", "degrees", "rad", "h", "hour", "arcsec", "Jy", "mJy", "uJy", "µJy",
    "nJy", "ABmag", "mag(AB)", "pix", "pixel", "km/s", "erg/s/cm2/Hz", "erg/s/cm^2/Hz",
}  # fmt: skip
"""What the cells of a line of units may be, for the line to be taken for one."""


@dataclass(frozen=True)
class TextTable(TableFile):
    """A table in text. Its cells are text; null where nothing stands.

    `delimiter` parts columns, `BLANKS` standing for blanks; `skipped` lines, not counting blank
    ones, come before the first row; with `one_line`, each row must be one line, with no quotation
    mark too many.
    """

    text = True
    delimiter: str
    skipped: int
    one_line: bool

    @classmethod
    def open(
        cls, path: Path, choose: Choose | None, names: Sequence[str] | None, *, one_line: bool
    ) -> Self:
        """Read up to the first row; parameters are those of `reading.open_table`.

        `choose` tells the line of names by the names that are looked for. Without it, the names are
        the first line that is no comment and holds no number, else a comment line above the rows
        with as many names as these have values. Where `names` are given, a line of names in the
        file is passed over.
        """
        comments, below = _first_lines(path)
        try:
            header, delimiter, skipped = _find_names(comments, below, choose, names)
        except csv.Error as error:
            raise unsound(path, "CSV", error) from error
        units, more = _find_units(below[skipped:], header, delimiter)
        skipped += more
        row = _split(below[skipped], delimiter) if below[skipped:] else header
        if len(row) != len(header) and not choose and below[skipped].count('"') % 2 == 0:
            raise InputError(
                f"{path}: {len(header)} column names for rows of {len(row)} values; name all the "
                "columns with --columns"
            )
        parting = (delimiter, skipped, one_line)
        return cls(path, tuple(header), None, *parting, units=units, notes=tuple(comments))

    @property
    def rows_are_lines(self) -> bool:
        """Whether no cell may hold the end of a line."""
        return self.one_line or self.delimiter == BLANKS

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: text, null where a cell is empty."""
        return pa.schema([(name, pa.string()) for name in columns])

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; comment lines among the rows are passed over."""
        kind, comments, done = "CSV" if self.delimiter else "text", 0, 0

        def judge(row: Any) -> str:
            nonlocal comments
            is_comment = _is_comment(row.text or "")
            comments += is_comment
            return "skip" if is_comment else "error"

        numbers = [str(self.names.index(name)) for name in columns]  # for names: they may repeat
        convert = pacsv.ConvertOptions(
            include_columns=numbers,
            column_types=dict.fromkeys(numbers, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parse = pacsv.ParseOptions(
            delimiter=self.delimiter or "\t",
            newlines_in_values=not self.rows_are_lines,
            invalid_row_handler=judge,
        )
        every = [str(number) for number in range(len(self.names))]
        reading = pacsv.ReadOptions(column_names=every, block_size=limits.BLOCK_BYTES)
        with ByteStream(self.path, kind) as stream:
            feed = _Feed(stream, self)
            if not feed.rows_follow():
                return
            try:
                with pacsv.open_csv(pa.PythonFile(feed, "r"), reading, parse, convert) as batches:
                    for table in _regrouped(batches, rows):
                        done += len(table)
                        yield table.rename_columns(list(columns))
            except pa.ArrowException as error:
                raise unsound(self.path, kind, error) from error
        if self.rows_are_lines and (done + comments != feed.lines or feed.quotes % 2):
            marks = f"with {feed.quotes:,} quotation marks"
            raise unsound(self.path, kind, f"{feed.lines:,} lines {marks} make {done:,} rows")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    """Return the comment lines above the first other line, and that one and some that follow."""
    with ByteStream(path, "CSV") as stream:
        content = _utf8(stream).read(PREAMBLE_BYTES).removeprefix(codecs.BOM_UTF8)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError as error:
        raise unsound(path, "CSV", error) from error
    if not text.strip():
        raise unsound(path, "CSV", "it is empty")
    comments, below = [], list[str]()
    for line in text.split("\n"):
        if not line.strip():
            continue
        if not _is_comment(line):
            below.append(line.rstrip("\r"))
        elif not below:
            comments.append(line.strip())
        if len(below) == 4:
            break
    if len(content) == PREAMBLE_BYTES and len(below) < 2:
        raise unsound(path, "CSV", "no row begins within its first 1,048,576 bytes")
    return comments, below


def _utf8(stream: ByteStream) -> Any:
    """The stream's text in UTF-8; UTF-16 is told by its byte-order mark."""
    reader = io.BufferedReader(stream, limits.BLOCK_BYTES)
    is_utf16 = reader.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return codecs.EncodedFile(reader, "utf-8", "utf-16") if is_utf16 else reader


def _find_names(
    comments: Sequence[str],
    below: Sequence[str],
    choose: Choose | None,
    given: Sequence[str] | None,
) -> tuple[list[str], str, int]:
    """Return the names, what parts columns, and whether a line below the comments holds names."""
    bare = [line.lstrip("# ") for line in comments]
    if choose and not given:
        lines = [*bare, *below[:1]]
        marks = [_delimiter(line) for line in lines]
        headers = [_split(line, mark) for line, mark in zip(lines, marks, strict=True)]
        best = max(range(len(lines)), key=lambda number: (choose(headers[number]), number))
        return headers[best], marks[best], int(best == len(bare))
    if not below:
        mark = _delimiter(bare[-1])
        return list(given or _split(bare[-1], mark)), mark, 0
    mark = _delimiter(*below[:2])
    cells = _split(below[0], mark)
    is_row = any(map(_NUMBER.fullmatch, cells))
    if given:
        return list(given), mark, int(not is_row)
    if not is_row or not comments:
        return cells, mark, 1
    numbered = [match for line in comments if (match := _NUMBERED.match(line))]
    if [int(match[1]) for match in numbered] == list(range(1, len(cells) + 1)):
        return [match[2] for match in numbered], mark, 0
    above = [_split(line, _delimiter(line)) for line in bare]
    return next((names for names in above if len(names) == len(cells)), above[-1]), mark, 0


def _delimiter(line: str, below: str = "") -> str:
    """What parts a line's columns: that which gives as many in the next one, or gives most."""
    parted = {mark: len(_split(line, mark)) for mark in DELIMITERS if mark in line}
    if below:
        agreeing = {mark: n for mark, n in parted.items() if len(_split(below, mark)) == n}
        if not agreeing and len(line.split()) == len(below.split()) > 1:
            return BLANKS
        parted = agreeing or parted
    if parted:
        return max(parted, key=lambda mark: parted[mark])
    return BLANKS if len(line.split()) > 1 else ","


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == BLANKS:
        return [cell.strip('"') for cell in _QUOTED.findall(line.partition(" #")[0])]
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    return [cell.strip() for cell in cells]


def _find_units(
    below: Sequence[str], names: Sequence[str], delimiter: str
) -> tuple[dict[str, str], int]:
    """Return the units that stand under the names, and how many lines these and dashes take."""
    rows = [_split(line, delimiter) for line in below[:2]]
    full = [len(row) == len(names) for row in rows]
    ruled = [k for k, line in enumerate(below[:2]) if full[k] and _RULE.fullmatch(line)]
    is_units = full == [True, True] and set(rows[0]) <= _UNITS | _NO_UNIT
    if is_units:  # with a number below one at least
        is_units = any(a in _UNITS and _NUMBER.fullmatch(b) for a, b in zip(*rows, strict=True))
    taken = ruled[0] + 1 if ruled else int(is_units)
    units = zip(names, rows[0] if taken else (), strict=False)
    return {name: unit for name, unit in units if unit.strip("-") not in _NO_UNIT}, taken


def _regrouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Join and cut batches to tables of so many rows; the last may be shorter."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + len(rest) >= rows:
            yield pa.Table.from_batches([*held, rest.slice(0, rows - count)])
            rest, held, count = rest.slice(rows - count), [], 0
        held.append(rest)
        count += len(rest)
    if count:
        yield pa.Table.from_batches(held)


class _Feed:
    """What Arrow's parser reads: the rows in UTF-8, a tab for blanks between cells.

    Where each row must be one line, it counts `lines`, those that are not blank, and `quotes`, the
    quotation marks.
    """

    closed = False

    def __init__(self, stream: ByteStream, table: TextTable) -> None:
        self.lines = self.quotes = 0
        self._table, self._source = table, _utf8(stream)
        self._ended, self._line_ended, self._tail = False, True, b""
        start = self._source.read(limits.BLOCK_BYTES).removeprefix(codecs.BOM_UTF8)
        left = table.skipped
        while True:  # pass over comments, blank lines, and those of names and units
            line, end, rest = start.partition(b"\n")
            if not end and (more := self._source.read(limits.BLOCK_BYTES)):
                start += more
                continue
            is_comment = line.lstrip().startswith(b"#")
            if line.strip() and not left and (table.skipped or not is_comment):
                break
            left -= bool(line.strip()) and not is_comment
            start = rest
            if not end:
                break
        self._ready = self._prepared(start)

    def rows_follow(self) -> bool:
        """Whether anything but blanks is left."""
        while not self._ready.strip() and not self._ended:
            self._ready = self._more(PREAMBLE_BYTES)
        return bool(self._ready.strip())

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        while len(self._ready) < size and not self._ended:
            self._ready += self._more(size)
        data, self._ready = self._ready[:size], self._ready[size:]
        if data and self._table.rows_are_lines:
            self._count(data)
        return data

    def _more(self, size: int) -> bytes:
        data = self._source.read(size)
        self._ended = not data
        return self._prepared(data)

    def _prepared(self, data: bytes) -> bytes:
        """Put tabs for blanks, and leave comments out, in the lines that are whole."""
        if self._table.delimiter:
            return data
        data = self._tail + data
        end = len(data) if self._ended else data.rfind(b"\n") + 1
        data, self._tail = data[:end], data[end:]
        if len(self._tail) > PREAMBLE_BYTES:
            raise unsound(self._table.path, "text", "a line of more than 1 MB")
        return b"\n".join(map(self._tabbed, data.split(b"\n")))

    def _tabbed(self, line: bytes) -> bytes:
        cells = _QUOTED_BYTES.findall(line) if b'"' in line else line.split()
        if b"#" in line:
            glued = cells[0].startswith(b"#") and cells[0].strip(b"#")
            if glued and len(cells) == len(self._table.names):
                raise unsound(
                    self._table.path,
                    "text",
                    f"'{line.decode(errors='replace')[:60]}' begins with # as a comment does, and "
                    "holds as many values as a row",
                )
            end = next((k for k, cell in enumerate(cells) if cell.startswith(b"#")), len(cells))
            cells = cells[:end]
        return b"\t".join(cells)

    def _count(self, data: bytes) -> None:
        letters = np.frombuffer(data, "u1")
        self.quotes += int(np.count_nonzero(letters == ord('"')))
        ends = (letters == ord("\n")) | (letters == ord("\r"))
        before = np.concatenate([[self._line_ended], ends[:-1]])
        self.lines += int(np.count_nonzero(before & ~ends))
        self._line_ended = bool(ends[-1])
