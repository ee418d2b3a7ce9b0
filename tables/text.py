"""Tables in text, as archives write them: parted by commas, semicolons, tabs, bars or blanks.

The names may stand in a comment line, units and dashes beneath; gzip and UTF-16 do not matter.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.csv as pacsv

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.table import ByteStream, Choose, TableFile, naming, unsound
from transferz.tables.text_rows import BLANKS, TextRows, split_line, utf8_reader

DELIMITERS = ",;\t|"
LINES_BELOW = 4  # names, units, dashes and a row

_RULE = re.compile(r"[\s,;|-]*-[\s,;|-]*")  # VizieR's line under names and units
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_VALUE = re.compile(rf"{_NUMBER.pattern}|[+-]?(nan|inf|infinity)|na|n/a|null", re.IGNORECASE)
_NUMBERED = re.compile(r"#\s*(\d+)\s+(\S+)")  # SExtractor's and BPZ's way to name columns
_BAD_ROW = re.compile(r"Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)
_IPAC = {"int", "long", "float", "double", "real", "char", "date", *"ilfdrc"}
_NO_UNIT = {"", "-", "--", "---", "none", "None"}
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

        Of an upstream table (`one_line`), `choose` tells the line of names. Of others, they are the
        first line that is no comment and holds no number, else a comment line above the rows
        with as many names as these have values. Where `names` are given, a line of names in the
        file is passed over.
        """
        comments, below = _first_lines(path)
        if len(below) > 1 and set(below[1].replace("|", " ").split()) <= _IPAC and "|" in below[1]:
            raise InputError(
                f"can't read {path}: it is an IPAC table, whose columns have fixed widths; get it "
                "as FITS, VOTable or CSV, as archives offer them too"
            )
        if one_line and choose and not names:
            header, delimiter, skipped = _find_upstream_names(comments, below, choose)
        else:
            header, delimiter, skipped = _find_names(comments, below, choose, names)
        units, more = _find_units(below[skipped:], header, delimiter)
        skipped += more
        row = split_line(below[skipped], delimiter) if below[skipped:] else header
        if len(row) != len(header) and not one_line and below[skipped].count('"') % 2 == 0:
            raise InputError(
                f"{path}: {len(header)} column names for rows of {len(row)} values; name all the "
                "columns with names=",
                names="--columns",
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
        with ByteStream(self.path, self._kind) as stream:
            for table in _regrouped(self._parsed(stream, columns), rows):
                yield table.rename_columns(list(columns))

    def _parsed(self, stream: ByteStream, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Parse whole rows, some at a time.

        Arrow gets a copy in memory of its own and calls nothing of ours: what its threads, which
        may outlive the interpreter, hold is never Python's.
        """
        numbers = [str(self.names.index(name)) for name in columns]  # for names: they may repeat
        convert = pacsv.ConvertOptions(
            include_columns=numbers,
            column_types=dict.fromkeys(numbers, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parse = pacsv.ParseOptions(
            delimiter=self.delimiter or "\t", newlines_in_values=not self.rows_are_lines
        )
        every, done = [str(number) for number in range(len(self.names))], 0
        pieces = TextRows(
            stream, self.delimiter, self.skipped, len(every), lines_only=self.rows_are_lines
        )
        for piece in pieces:
            copy = pa.BufferOutputStream()
            copy.write(piece)
            reading = pacsv.ReadOptions(column_names=every, block_size=len(piece) + 1)
            try:
                table = pacsv.read_csv(pa.BufferReader(copy.getvalue()), reading, parse, convert)
            except pa.ArrowException as error:
                raise self._bad_row(str(error)) from None
            done += len(table)
            yield from table.to_batches()
        if self.rows_are_lines and (done != pieces.lines or pieces.quotes % 2):
            marks = f"with {pieces.quotes:,} quotation marks"
            reason = f"{pieces.lines:,} lines {marks} make {done:,} rows"
            raise unsound(self.path, self._kind, reason)

    @property
    def _kind(self) -> str:
        return "CSV" if self.delimiter else "text"

    def _bad_row(self, message: str) -> InputError:
        """Say what Arrow found wrong."""
        if match := _BAD_ROW.search(message):
            expected, found, row = match.groups()
            return InputError(
                f"can't read {self.path}: a row has {found} values for {expected} columns: "
                f"'{row[:60]}'; where the file is cut short there, fetch it again, else mend that "
                "line or leave it out (a comment begins with #; a value that holds what parts "
                "columns stands in quotation marks)"
            )
        return not_utf8(self.path) if "UTF8" in message else unsound(self.path, self._kind, message)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    """Return the comment lines above the first other line, and that one and some that follow."""
    content, ended, below = b"", False, list[str]()
    with ByteStream(path, "CSV") as stream:
        read = utf8_reader(path, stream)
        while not ended and len(content) < limits.LINE_BYTES and len(below) < LINES_BELOW:
            more = read()
            content, ended = content + more, not more
            text = content.decode("utf-8", "replace")
            lines = text.split("\n")[: None if ended else -1]
            lines = [line.strip("\r") for line in lines if line.strip()]
            below = [line for line in lines if not _is_comment(line)][:LINES_BELOW]
    if not text.strip():
        raise unsound(path, "CSV", "it is empty")
    if "\r" in text and "\n" not in text:
        raise InputError(
            f"can't read {path}: its lines end in a carriage return alone, as old Macs' do; "
            "`tr '\\r' '\\n'` mends that"
        )
    if not ended and len(below) < 2:  # a line of names, and a row
        raise InputError(
            f"can't read {path}: no row ends within its first {len(content):,} bytes; take away "
            "comments above the rows, or write the table in another format"
        )
    if below and "\ufffd" in below[0]:
        raise not_utf8(path)
    first = next((number for number, line in enumerate(lines) if not _is_comment(line)), None)
    return [line.strip() for line in lines[:first]], below


def not_utf8(path: Path) -> InputError:
    """Return the error for text in an encoding that can't be told."""
    return InputError(
        f"can't read {path}: its text is neither UTF-8 nor UTF-16 with a byte-order mark; write it "
        "as UTF-8, as `iconv -f LATIN1 -t UTF-8` does"
    )


def _find_upstream_names(
    comments: Sequence[str], below: Sequence[str], choose: Choose
) -> tuple[list[str], str, int]:
    """Return what `_find_names` does: of all lines, the names are those that are looked for."""
    lines = [*map(_bare, comments), *below[:1]]
    marks = [_delimiter(line) for line in lines]
    headers = [split_line(line, mark) for line, mark in zip(lines, marks, strict=True)]
    best = max(range(len(lines)), key=lambda number: (choose(headers[number]), number))
    return headers[best], marks[best], int(best == len(comments))


def _bare(comment: str) -> str:
    return comment.lstrip("# ")


def _find_names(
    comments: Sequence[str],
    below: Sequence[str],
    choose: Choose | None,
    given: Sequence[str] | None,
) -> tuple[list[str], str, int]:
    """Return the names, what parts columns, and whether a line below the comments holds names."""
    bare = list(map(_bare, comments))
    if not below:
        mark = _delimiter(bare[-1])
        return list(given or split_line(bare[-1], mark)), mark, 0
    mark = _delimiter(*below[:2])
    cells = split_line(below[0], mark)
    is_row = any(map(_VALUE.fullmatch, cells))
    if given:
        return list(given), mark, int(not is_row)
    if not is_row or not comments:
        return cells, mark, 1
    numbered = [match for line in comments if (match := _NUMBERED.match(line))]
    if [int(match[1]) for match in numbered] == list(range(1, len(cells) + 1)):
        return [match[2] for match in numbered], mark, 0
    # parted as the rows are, or else in its own way; and of several the best, the first of these
    alike, own = (
        [split_line(line, way or _delimiter(line)) for line in bare] for way in (mark, None)
    )
    full = [names for names in (*alike, *own) if len(names) == len(cells)]
    return max(full, key=choose or naming(()), default=own[-1]), mark, 0


def _delimiter(line: str, below: str = "") -> str:
    """What parts a line's columns: that which gives as many in the next one, or gives most."""
    parted = {mark: len(split_line(line, mark)) for mark in DELIMITERS if mark in line}
    if below:
        agreeing = {mark: n for mark, n in parted.items() if len(split_line(below, mark)) == n}
        if not agreeing and len(split_line(line, BLANKS)) == len(split_line(below, BLANKS)) > 1:
            return BLANKS
        parted = agreeing or parted
    if parted:
        return max(parted, key=lambda mark: parted[mark])
    return BLANKS if len(split_line(line, BLANKS)) > 1 else ","


def _find_units(
    below: Sequence[str], names: Sequence[str], delimiter: str
) -> tuple[dict[str, str], int]:
    """Return the units that stand under the names, and how many lines these and dashes take."""
    rows = [[cell.strip("()[] ") for cell in split_line(line, delimiter)] for line in below[:2]]
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
