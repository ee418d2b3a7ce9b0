"""Read CSV as archives write it: comments, a header that may begin with #, units, any delimiter."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from transferz.schemas import Table
from transferz.tables.columns import (
    Field,
    decode_chunk,
    empty_chunk,
    find_fields,
    stored_fields,
)
from transferz.tables.streams import ByteStream, unsound
from transferz.tables.texts import parse
from transferz.tables.values import typed_arrow

BLOCK_BYTES = 1 << 24  # of text, parsed at a time
PREAMBLE_BYTES = 1 << 20  # within which the first row must begin
DELIMITERS = ",;\t|"

_BOM = b"\xef\xbb\xbf"
_RULE = re.compile(rb"[\s,;|-]*-[\s,;|-]*")  # VizieR's line under names and units


@dataclass(frozen=True, slots=True)
class Header:
    """The columns' names and what stands between them."""

    names: list[str]
    delimiter: str


def read_csv(path: Path, table: Table, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.Table]:
    """Read the declared columns from a CSV file.

    Parameters
    ----------
    path : Path
        The file, plain or gzip. The names may stand in a comment line (HSC's archive) or under
        comment lines, with units and dashes beneath (VizieR).
    table : Table
        The columns to read and what they should be.
    block_bytes : int
        Text parsed at a time.

    Yields
    ------
    pyarrow.Table
        Chunks of the table's columns.

    Raises
    ------
    InputError
        If the file lacks a column or repeats it, rows are ragged, a row is not one line (a
        quotation mark too many joins lines), or a value is not of the declared type.
    """
    with ByteStream(path, "CSV") as stream:
        header = _read_header(stream, table)
        fields = find_fields(header.names, table, path)
        if not _rows_follow(stream):
            yield empty_chunk(table, fields)
            return
        counted, rows = _CountedLines(stream), 0
        try:
            with _open(counted, header, fields, block_bytes) as reader:
                for batch in reader:
                    yield decode_chunk(table, fields, partial(_decode, batch, header))
                    rows += len(batch)
            if rows != counted.lines or counted.quotes % 2:
                marks = f"with {counted.quotes:,} quotation marks"
                raise unsound(path, "CSV", f"{counted.lines:,} lines {marks} make {rows:,} rows")
        except pa.ArrowException as error:
            raise unsound(path, "CSV", error) from error


def _decode(
    batch: pa.RecordBatch, header: Header, field: Field, missing: np.ndarray | None
) -> pa.Array:
    texts = batch[_number(header, field)]
    return typed_arrow(field, parse(field, texts, missing), missing)


def _number(header: Header, field: Field) -> str:
    """Columns get their numbers for names: those that we don't need may repeat."""
    return str(header.names.index(field.name))


def preamble(stream: ByteStream) -> tuple[list[bytes], bytes]:
    """Split a file's beginning into its first lines, up to the first that is no comment, and rest.

    Returns
    -------
    list of bytes, bytes
        The comment lines and the line after them, without their ends, blank ones left out; what
        follows. Tabs at a line's start and end are cells.
    """
    rest = stream.read(PREAMBLE_BYTES).removeprefix(_BOM)
    lines: list[bytes] = []
    while rest and not (lines and not _is_comment(lines[-1])):
        line, _, rest = rest.partition(b"\n")
        lines += [line.rstrip(b"\r\n")] if line.strip() else []
    return lines, rest


def _is_comment(line: bytes) -> bool:
    return line.lstrip().startswith(b"#")


def _read_header(stream: ByteStream, table: Table) -> Header:
    """Read up to the first row: the header is the line that holds most of the table's names."""
    lines, rest = preamble(stream)
    wanted = {name for column in table for name in (*column.upstream, *column.upstream_flux)}
    try:
        headers = [_split(line.decode()) for line in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise unsound(stream.path, stream.kind, error) from error
    if not headers:
        raise unsound(stream.path, stream.kind, "it is empty")
    shared = [len(wanted & set(header.names)) for header in headers]
    best = max(range(len(headers)), key=lambda k: (shared[k], k))
    rows_below = best == len(lines) - 1 or _is_comment(lines[-1])  # else the last line is a row
    first_row = b"" if rows_below else lines[-1] + b"\n"
    stream.push_back(_without_units(first_row + rest, headers[best]))
    return headers[best]


def _split(line: str) -> Header:
    text = line.lstrip("# ")
    delimiter = max(DELIMITERS, key=text.count)
    names = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    return Header([name.strip() for name in names], delimiter)


def _without_units(rows: bytes, header: Header) -> bytes:
    """Drop VizieR's two lines under the names: units, where there are any, and dashes."""
    first, _, after_first = rows.partition(b"\n")
    second, _, after_second = after_first.partition(b"\n")
    if _is_rule(second, header):
        return after_second
    return after_first if _is_rule(first, header) else rows


def _is_rule(line: bytes, header: Header) -> bool:
    """Whether a line holds dashes under every name."""
    delimiters = line.count(header.delimiter.encode())
    return delimiters == len(header.names) - 1 and bool(_RULE.fullmatch(line))


def _rows_follow(stream: ByteStream) -> bool:
    head = stream.read(PREAMBLE_BYTES)
    stream.push_back(head)
    return bool(head.strip())


class _CountedLines(io.RawIOBase):
    """Passes a stream on and counts its quotation marks, and its lines without blank ones."""

    def __init__(self, stream: ByteStream) -> None:
        self.lines = self.quotes = 0
        self._stream, self._ended = stream, True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._stream.readinto(buffer)
        data = np.frombuffer(buffer, "u1", count)
        self.quotes += int(np.count_nonzero(data == ord('"')))
        ends = (data == ord("\n")) | (data == ord("\r"))
        before = np.concatenate([[self._ended], ends[:-1]]) if count else ends
        self.lines += int(np.count_nonzero(before & ~ends))
        self._ended = bool(ends[-1]) if count else self._ended
        return count


def _open(
    stream: io.RawIOBase, header: Header, fields: Sequence[Field], block_bytes: int
) -> pacsv.CSVStreamingReader:
    """Open the columns as text."""
    numbers = [_number(header, field) for field in stored_fields(fields)]
    return pacsv.open_csv(
        io.BufferedReader(stream, PREAMBLE_BYTES),
        read_options=pacsv.ReadOptions(
            column_names=[str(k) for k in range(len(header.names))], block_size=block_bytes
        ),
        parse_options=pacsv.ParseOptions(delimiter=header.delimiter),
        convert_options=pacsv.ConvertOptions(
            include_columns=numbers,
            column_types=dict.fromkeys(numbers, pa.string()),
            strings_can_be_null=False,
        ),
    )


def says_mock(path: Path) -> bool:
    """Whether a comment line above the names says MOCK."""
    with ByteStream(path, "CSV") as stream:
        return any(_is_comment(line) and b"MOCK" in line for line in preamble(stream)[0])
