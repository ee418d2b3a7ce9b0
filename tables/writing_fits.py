"""FITS binary tables written chunk by chunk: the number of rows is put in at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, as_type
from transferz.tables.reading import TableFile
from transferz.tables.reading_fits import BLOCK, RAW, FitsFile

COPY_BYTES = 1 << 24
OWN = ("CHECKSUM", "DATASUM", "THEAP")  # true of the file that is read only

FORMATS = {
    pa.bool_(): ("L", "u1"),
    pa.uint8(): ("B", "u1"),
    pa.int8(): ("I", ">i2"),
    pa.int16(): ("I", ">i2"),
    pa.uint16(): ("J", ">i4"),
    pa.int32(): ("J", ">i4"),
    pa.uint32(): ("K", ">i8"),
    pa.int64(): ("K", ">i8"),
    pa.uint64(): ("K", ">i8"),
    pa.float16(): ("E", ">f4"),
    pa.float32(): ("E", ">f4"),
    pa.float64(): ("D", ">f8"),
}
"""Arrow's types to FITS' code and the bytes in the file: the narrowest signed type that holds all
values and a null."""


class _Rows:
    """A FITS file with one table, whose header is written again when the rows are counted."""

    def __init__(self, path: Path, primary: fits.Header, header: fits.Header) -> None:
        self._header, self.rows = header, 0
        self._header["NAXIS2"] = 0
        self.file = path.open("wb")
        self.file.write(primary.tostring().encode("ascii"))
        self._place = self.file.tell()
        self.file.write(self._header.tostring().encode("ascii"))

    def append(self, rows: npt.NDArray[np.uint8]) -> None:
        """Append rows, shape (N, NAXIS1), of bytes."""
        self.file.write(rows.tobytes())
        self.rows += len(rows)

    def close(self) -> None:
        self.file.write(bytes(-self.file.tell() % BLOCK))
        self._header["NAXIS2"] = self.rows
        self.file.seek(self._place)
        self.file.write(self._header.tostring().encode("ascii"))
        self.file.close()


class FitsCopy:
    """A FITS table with columns added: its rows' bytes and its header's cards stay as they are.

    Of the input's other units, only the first one's header is kept.
    """

    def __init__(self, path: Path, table: FitsFile, added: pa.Schema, note: str) -> None:
        self._table = table
        header, fields = table.header.copy(), table.header["TFIELDS"]
        for key in OWN:
            header.remove(key, ignore_missing=True)
        for number, name in enumerate(added.names, start=fields + 1):
            header[f"TTYPE{number}"], header[f"TFORM{number}"] = name, "D"
        header["TFIELDS"] = fields + len(added)
        header["NAXIS1"] += 8 * len(added)
        header["PCOUNT"] = table.heap()[1]
        header.add_history(note)
        self._rows = _Rows(path, _primary(table.primary), header)

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """As `Writer.write`; the chunk is the column `RAW`."""
        raw = _bytes_of(chunk[RAW])
        values = np.column_stack([column.to_numpy() for column in added.columns])
        extra = values.astype(">f8").view(np.uint8)
        self._rows.append(np.concatenate([raw, extra], axis=1))

    def close(self) -> None:
        """As `Writer.close`."""
        start, left = self._table.heap()
        with self._table.plain.open("rb") as file:
            file.seek(start)
            while left > 0 and (part := file.read(min(left, COPY_BYTES))):
                self._rows.file.write(part)
                left -= len(part)
        self._rows.close()


def _primary(header: fits.Header) -> fits.Header:
    """The first header, where it has no data of its own; else a bare one."""
    kept = header.copy() if header.get("NAXIS") == 0 else fits.PrimaryHDU().header
    for key in OWN:
        kept.remove(key, ignore_missing=True)
    return kept


def _bytes_of(raw: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    whole = raw.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    width = whole.type.byte_width
    cells = np.frombuffer(whole.buffers()[1] or b"", dtype=np.uint8)
    return cells[whole.offset * width : (whole.offset + len(whole)) * width].reshape(-1, width)


@dataclass(frozen=True, slots=True)
class _Field:
    """A column: its type here, FITS' code for it, and how it lies in the file."""

    name: str
    kind: pa.DataType
    code: str
    stored: str

    @property
    def null(self) -> int | None:
        """What stands for a null among whole numbers: the least one, as in our exports."""
        return int(np.iinfo(self.stored).min) if self.stored[1] == "i" else None

    def encode(self, column: pa.ChunkedArray, path: Path) -> npt.NDArray[Any]:
        """Turn values into those of the file."""
        cells = _cast(column, self.kind, self.name, path)
        if self.kind == pa.bool_():
            return _truth(cells)
        if self.kind == TEXT:
            return np.array([text or "" for text in cells.to_pylist()], dtype=self.stored)
        if pa.types.is_floating(self.kind):
            return np.asarray(cells.to_numpy(), dtype=self.stored)
        if self.kind == pa.uint8() and cells.null_count:
            raise InputError(
                f"{path}: column '{self.name}' is uint8 with nulls, which FITS can't hold; write "
                ".parquet"
            )
        whole = _cast(cells, pa.int64(), self.name, path)
        return np.asarray(pc.fill_null(whole, self.null or 0).to_numpy())


def _truth(cells: pa.ChunkedArray) -> npt.NDArray[Any]:
    """FITS writes T, F or, for a null, a zero byte."""
    letters = pc.if_else(cells, ord("T"), ord("F"))
    return np.asarray(pc.fill_null(letters, 0).to_numpy())


class FitsWriter:
    """A FITS table from one of another format."""

    def __init__(
        self,
        path: Path,
        table: TableFile,
        kinds: pa.Schema,
        added: pa.Schema,
        note: str,
        rows: int,
    ) -> None:
        self._path = table.path
        _require_names([*kinds.names, *added.names], table.path)
        widths = _widths(table, [field.name for field in kinds if _as_text(field.type)], rows)
        self._fields = [
            _field(one.name, one.type, widths.get(one.name, 0)) for one in (*kinds, *added)
        ]
        self._dtype = np.dtype([(f"f{k}", one.stored) for k, one in enumerate(self._fields)])
        self._rows = _Rows(path, fits.PrimaryHDU().header, _header(self._fields, note))

    def write(self, chunk: pa.Table, added: pa.Table) -> None:
        """As `Writer.write`."""
        rows = np.empty(len(chunk), self._dtype)
        columns = [*chunk.columns, *added.columns]
        for number, (field, column) in enumerate(zip(self._fields, columns, strict=True)):
            rows[f"f{number}"] = field.encode(column, self._path)
        self._rows.append(rows.view(np.uint8).reshape(len(rows), self._dtype.itemsize))

    def close(self) -> None:
        """As `Writer.close`."""
        self._rows.close()


def _require_names(names: Sequence[str], path: Path) -> None:
    """FITS tells no names apart by their case, and holds ASCII."""
    seen: dict[str, str] = {}
    for name in names:
        if not name.isascii():
            raise InputError(f"{path}: column '{name}' has no ASCII name, as FITS needs; rename it")
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise InputError(
                f"{path}: FITS does not tell columns '{other}' and '{name}' apart; rename one"
            )


def _header(fields: Sequence[_Field], note: str) -> fits.Header:
    columns = [fits.Column(one.name, one.code, null=one.null) for one in fields]
    header = fits.BinTableHDU.from_columns(columns, nrows=0).header.copy()
    header.add_history(note)
    return header


def _field(name: str, kind: pa.DataType, width: int) -> _Field:
    if _as_text(kind):
        return _Field(name, TEXT, f"{width}A", f"S{width}")
    return _Field(name, kind, *FORMATS[kind])


def _as_text(kind: pa.DataType) -> bool:
    return kind not in FORMATS


def _widths(table: TableFile, names: Sequence[str], rows: int) -> dict[str, int]:
    """Bytes of the longest text of each column, 1 at least."""
    widths = dict.fromkeys(names, 1)
    for chunk in table.chunks(names, rows) if names else ():
        for name in names:
            cells = _cast(chunk[name], TEXT, name, table.path)
            if pc.all(pc.string_is_ascii(cells)).as_py() is False:
                raise InputError(
                    f"{table.path}: column '{name}' holds text that is not ASCII, all that FITS "
                    "holds; write .csv or .parquet"
                )
            widths[name] = max(widths[name], pc.max(pc.binary_length(cells)).as_py() or 0)
    return widths


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, path: Path) -> pa.ChunkedArray:
    try:
        return as_type(column, kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: column '{name}' ({column.type}) can't go into FITS: {error}; write .parquet"
        ) from None
