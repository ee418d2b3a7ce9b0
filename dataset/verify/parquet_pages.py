"""The page headers of a parquet file: whether each page carries the checksum that proves it.

pyarrow checks the checksums that are there and says nothing of those that are not, so the headers
are read here: Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/
thrift-compact-protocol.md), the struct ``PageHeader`` of parquet.thrift
(https://github.com/apache/parquet-format), whose field 3 is the page's compressed size and field
4 its CRC-32.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

_COMPRESSED_SIZE, _CRC = 3, 4  # fields of PageHeader

# Types of the compact protocol.
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    13
)
_MAX_DEPTH = 8  # of structs in a page header, by far


def columns_without_checksum(path: Path) -> list[str]:
    """Name the columns of a parquet file that have a page without a checksum.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the file can't be read.
    ValueError
        If a page header makes no sense.
    """
    meta = pq.read_metadata(path)
    found = []
    with path.open("rb") as file:
        for group in range(meta.num_row_groups):
            for number in range(meta.num_columns):
                column = meta.row_group(group).column(number)
                starts = (column.dictionary_page_offset, column.data_page_offset)
                file.seek(min(start for start in starts if start is not None))
                chunk = file.read(column.total_compressed_size)
                if not all(_has_checksums(chunk)):
                    found.append(column.path_in_schema)
    return list(dict.fromkeys(found))


def _has_checksums(chunk: bytes) -> Iterator[bool]:
    """Whether each page of a column chunk has a checksum."""
    at = 0
    while at < len(chunk):
        reader = _Compact(chunk, at)
        fields = reader.struct()
        size = fields.get(_COMPRESSED_SIZE)
        if size is None or size < 0:
            raise ValueError("a page header without a size")
        yield _CRC in fields
        at = reader.at + size


@dataclass(slots=True)
class _Compact:
    """Reads Thrift's compact protocol."""

    data: bytes
    at: int

    def struct(self, depth: int = 0) -> dict[int, int | None]:
        """Read a struct: its fields' ids, with the values of those that are integers."""
        if depth > _MAX_DEPTH:
            raise ValueError("a page header nested too deep")
        fields: dict[int, int | None] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> int | None:
        if kind in (_I16, _I32, _I64):
            return self._integer()
        if kind in (_BYTE, _DOUBLE):
            self._take(1 if kind == _BYTE else 8)
        elif kind == _BINARY:
            self._take(self._varint())
        elif kind in (_LIST, _SET):
            self._list(depth)
        elif kind == _STRUCT:
            self.struct(depth + 1)
        elif kind not in (_TRUE, _FALSE):  # a map: PageHeader has none
            raise ValueError(f"a page header with a field of type {kind}")
        return None

    def _list(self, depth: int) -> None:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        for _ in range(size):
            if head & 15 in (_TRUE, _FALSE):  # a byte each, in a list
                self._byte()
            else:
                self._value(head & 15, depth + 1)

    def _integer(self) -> int:
        """Read a signed integer, in zigzag."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("an integer of more than 64 bits in a page header")

    def _byte(self) -> int:
        self._take(1)
        return self.data[self.at - 1]

    def _take(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise ValueError("a page header that is cut short")
