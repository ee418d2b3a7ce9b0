"""FITS binary tables, read and written in chunks of rows. Needs astropy, for the headers alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, as_type
from transferz.tables.fits_hdus import (
    BLOCK,
    BUFFER_BYTES,
    FORMATS,
    Hdu,
    HeaderError,
    TableColumn,
    count,
    is_table,
    open_fits,
    sound_fits,
    table_columns,
)
from transferz.tables.table import (
    Choose,
    TableFile,
    require_columns,
    the_one_meant,
)

RAW = "\N{WHITE SQUARE} row as it stands"
"""A column of `FitsTable`: the bytes of each row. No FITS column is called so: it is no ASCII."""

KINDS = {"TABLE": "an ASCII table", "BINTABLE": "a compressed image or table"}
TEXT_BYTES = 1 << 26  # of the widest column, held at a time
OWN = ("CHECKSUM", "DATASUM", "THEAP")  # true of the file that is read only

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FitsTable(TableFile):
    """A binary table of a FITS file: unit `number` of it, from 0.

    `columns` says how its columns are stored; `primary` and `header`, of type
    `astropy.io.fits.Header`, are the file's and the table's.
    """

    number: int
    columns: tuple[TableColumn, ...]
    primary: Any
    header: Any

    @classmethod
    def open(cls, path: Path, choose: Choose) -> Self:
        """Read all headers; of several tables, `choose` decides."""
        tables, primary, notes, kinds = list[Self](), None, list[str](), list[str]()
        with open_fits(path, check=False) as hdus:
            for number, hdu in enumerate(hdus):
                primary = primary or hdu.header
                notes += hdu.header.keys()
                if not is_table(hdu.header):
                    kinds.append(KINDS.get(str(hdu.header.get("XTENSION")).strip(), "an image"))
                    continue
                columns = tuple(table_columns(hdu.header))
                names = tuple(column.name for column in columns)
                units = {column.name: column.unit for column in columns if column.unit}
                rows = count(hdu.header, "NAXIS2")
                stored = (number, columns, primary, hdu.header)
                tables.append(cls(path, names, rows, *stored, units=units, notes=tuple(notes)))
        if not tables:
            packed = "; what `fpack` packed, `funpack` unpacks" if "ZCMPTYPE" in notes else ""
            raise InputError(
                f"can't read {path}: it holds no binary table, but {', '.join(kinds)}; write the "
                f"table as a binary one, or as CSV{packed}"
            )
        places = {f"unit {table.number}": table.names for table in tables}
        return tables[the_one_meant(path, places, choose)]

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: TSCAL and TZERO applied, unsigned integers as such."""
        with sound_fits(self.path):
            fields = [self._field(name) for name in columns]
            arrays = [self._decode(field, _empty(field, 0)) for field in fields]
        return pa.schema(zip(columns, (array.type for array in arrays), strict=True))

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; `RAW` may be among the columns. The whole file is checked."""
        with open_fits(self.path) as hdus:
            for number, hdu in enumerate(hdus):
                if number == self.number:
                    yield from self._read(hdu, columns, rows)

    def copy_heap(self, target: BinaryIO) -> None:
        """Copy what columns of arrays of varying length point to, from the end of the rows on."""
        with open_fits(self.path) as hdus:
            hdu = next(hdu for number, hdu in enumerate(hdus) if number == self.number)
            end = self.header["NAXIS1"] * self.header["NAXIS2"]
            gap = self.header.get("THEAP", end) - end
            hdu.skip(end + gap)
            left = self.header["PCOUNT"] - gap
            while left > 0:
                piece = bytearray(min(left, BUFFER_BYTES))
                hdu.read(memoryview(piece))
                target.write(piece)
                left -= len(piece)

    def _field(self, name: str) -> TableColumn:
        require_columns(self.path, self.names, [name])
        field = self.columns[self.names.index(name)]
        if field.code not in FORMATS and field.code != "A":
            kind = "complex numbers" if field.code in "CM" else "arrays of varying length"
            raise InputError(
                f"{self.path}: column '{name}' holds {kind} (TFORM {field.repeat}{field.code}), "
                "which an output in .fits keeps and nothing else: leave the column out, or give "
                "its arrays one length"
            )
        if not field.repeat:
            raise InputError(f"{self.path}: column '{name}' holds nothing (TFORM 0{field.code})")
        if field.null is not None and type(field.null) is not int:
            raise HeaderError(f"TNULL of column {name} is {field.null!r}, not an integer")
        return field

    def _read(self, hdu: Hdu, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read whole rows, a buffer at a time, and keep what is asked for of each."""
        fields = {name: self._field(name) for name in columns if name != RAW}
        width, total = count(self.header, "NAXIS1"), self.rows or 0
        widest = max([field.bytes for field in fields.values()], default=1)
        rows = max(1, min(rows, TEXT_BYTES // widest))
        layout = np.dtype(
            {
                "names": list(fields),
                "formats": [field.stored for field in fields.values()],
                "offsets": [field.offset for field in fields.values()],
                "itemsize": width,
            }
        )
        step = rows if RAW in columns else max(1, BUFFER_BYTES // max(1, width))

        def take(size: int) -> pa.Table:  # a function of its own, so that nothing of it stays
            kept = {name: _empty(field, size) for name, field in fields.items()}
            buffer = bytearray(min(step, size) * width)
            for first in range(0, size, step):
                filled = memoryview(buffer)[: min(step, size - first) * width]
                hdu.read(filled)
                block = np.frombuffer(filled, layout)
                for name, values in kept.items():
                    values[first : first + len(block)] = block[name]
            return pa.table(
                {
                    name: _raw_rows(buffer, width)
                    if name == RAW
                    else self._decode(fields[name], kept[name])
                    for name in columns
                }
            )

        for start in range(0, total, rows):
            yield take(min(rows, total - start))

    def _decode(self, field: TableColumn, stored: Array) -> pa.Array:
        """Turn stored values into those they stand for: lists where a row holds several."""
        flat, missing = stored.reshape(-1), None
        if field.code == "A":
            values = self._texts(field, flat)
        elif field.code == "L":
            if (odd := ~np.isin(flat, [b"T", b"F", b""])).any():
                found = bytes(flat[odd][0])
                raise self.wrong(field.name, f"expected a FITS logical, T or F, found {found!r}")
            values = pa.array(flat == b"T", mask=flat == b"")
        elif field.code == "X":
            bits = np.unpackbits(stored, axis=1)[:, : field.repeat]
            values = pa.array(bits.reshape(-1).astype(bool))
        else:
            if field.null is not None and flat.dtype.kind != "f":
                missing = flat == field.null
            values = pa.array(_scaled(field, flat), mask=missing)
        for length in reversed(field.shape):
            values = pa.FixedSizeListArray.from_arrays(values, length)
        return values

    def _texts(self, field: TableColumn, values: Array) -> pa.Array:
        """Strings without their trailing blanks."""
        raw = _raw_rows(values.tobytes(), values.dtype.itemsize).cast(pa.binary())
        try:
            texts = pc.ascii_rtrim(raw.cast(TEXT), " \0")
            good = not pc.any(pc.match_substring_regex(texts, "[^ -~]")).as_py()
        except pa.ArrowInvalid:  # no UTF-8
            good = False
        if not good:
            what = "expected text, found bytes that are not printable ASCII"
            raise self.wrong(field.name, what)
        return texts


def _empty(field: TableColumn, rows: int) -> Array:
    """Room for stored values, in this machine's byte order."""
    return np.empty((rows, *field.stored.shape), field.stored.base.newbyteorder("="))


def _raw_rows(data: bytes | bytearray, width: int) -> pa.Array:
    buffers = [None, pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(width), len(data) // width, buffers)


def _scaled(field: TableColumn, values: Array) -> Array:
    """Apply TSCAL and TZERO; exactly for the standard's unsigned and signed-byte conventions.

    64-bit integers that are scaled otherwise are a `HeaderError`.
    """
    if (field.scale, field.zero) == (1.0, 0.0):
        return values
    kind, size = values.dtype.kind, values.dtype.itemsize
    convention = {"i": 2.0 ** (8 * size - 1), "u": -128.0}.get(kind)
    if (field.scale, field.zero) == (1.0, convention):
        other = np.dtype(f"{'iu'[kind == 'i']}{size}")  # the same bits but for the sign's
        flipped: Array = values.view(other) ^ np.array(1 << (8 * size - 1), f"u{size}").view(other)
        return flipped
    if field.code == "K":  # inexact as floats, and astropy fails at them
        raise HeaderError(
            f"column {field.name}: 64-bit integers with TSCAL {field.scale:g} and "
            f"TZERO {field.zero:g}"
        )
    return values.astype(np.float64) * field.scale + field.zero


# --- writing

STORED = {
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
values and a null. All other types are written as text."""


class _FitsRows:
    """A FITS file with one table, whose header is written again when the rows are counted."""

    def __init__(self, path: Path, primary: Any, header: Any, cards: Mapping[str, str]) -> None:
        from astropy.io import fits

        # a first unit with data of its own can't be kept without them
        primary = primary.copy() if primary.get("NAXIS") == 0 else fits.PrimaryHDU().header
        for key in OWN:
            primary.remove(key, ignore_missing=True)
            header.remove(key, ignore_missing=True)
        for key, value in cards.items():
            if key in ("HISTORY", "COMMENT"):
                for line in value.split("\n"):
                    header.add_history(line) if key == "HISTORY" else header.add_comment(line)
            else:
                header[key] = value
        self._header, self._count = header, 0
        header["NAXIS2"] = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(primary.tostring().encode("ascii"))
        self._place = self._file.tell()
        self._file.write(header.tostring().encode("ascii"))

    def _append(self, rows: Array) -> None:
        self._file.write(rows.tobytes())
        self._count += len(rows)

    def close(self) -> None:
        """Fill the last block, and write the header again, now that the rows are counted."""
        self._file.write(bytes(-self._file.tell() % BLOCK))
        self._header["NAXIS2"] = self._count
        self._file.seek(self._place)
        self._file.write(self._header.tostring().encode("ascii"))
        self._file.close()


class FitsCopy(_FitsRows):
    """A FITS table with columns added: its rows' bytes and its header's cards stay as they are.

    Of the input's other units, only the first one's header is kept.
    """

    def __init__(self, path: Path, table: FitsTable, added: pa.Schema, note: str) -> None:
        self._table, header = table, table.header.copy()
        for number, name in enumerate(added.names, start=header["TFIELDS"] + 1):
            header[f"TTYPE{number}"], header[f"TFORM{number}"] = name, "D"
        header["TFIELDS"] += len(added)
        header["NAXIS1"] += 8 * len(added)
        self._has_heap = header["PCOUNT"] > 0
        end = table.header["NAXIS1"] * table.header["NAXIS2"]
        header["PCOUNT"] -= header.get("THEAP", end) - end
        super().__init__(path, table.primary, header, {"HISTORY": note})

    def write(self, rows: pa.Table) -> None:
        """Write rows: the column `RAW`, and those that are added to it."""
        raw, *added = rows.columns
        whole, width = raw.combine_chunks(), raw.type.byte_width
        cells = np.frombuffer(whole.buffers()[1] or b"", np.uint8)
        cells = cells[whole.offset * width : (whole.offset + len(whole)) * width]
        extra = [column.to_numpy().astype(">f8").view(np.uint8) for column in added]
        parts = [cells.reshape(-1, width), *(values.reshape(-1, 8) for values in extra)]
        self._append(np.concatenate(parts, axis=1))

    def close(self) -> None:
        """Copy what columns of arrays of varying length point to, and close the file."""
        if self._has_heap:
            self._table.copy_heap(self._file)
        super().close()


class FitsWriter(_FitsRows):
    """A FITS table written chunk by chunk to `path`; `source` names whose rows they are, in errors.

    `chunks` are the rows to come, for the widths of columns of text. `cards` are further ones of
    the table's header; the values of ``HISTORY`` and ``COMMENT`` are lines. A name that is no ASCII
    or differs from another by case alone, and text that is no ASCII, are an `InputError`; so is,
    when it is written, a value that FITS can't hold.
    """

    def __init__(
        self,
        path: Path,
        source: Path,
        schema: pa.Schema,
        chunks: Iterable[pa.Table],
        cards: Mapping[str, str],
    ) -> None:
        from astropy.io import fits

        widths = _text_widths(chunks, schema, source)
        _require_names(schema.names, source)
        self._source, self._schema = source, schema
        codes = [STORED.get(f.type) or (f"{widths[f.name]}A", f"S{widths[f.name]}") for f in schema]
        self._dtype = np.dtype([(f"f{k}", stored) for k, (_, stored) in enumerate(codes)])
        columns = [
            fits.Column(name, code, null=_null(stored))
            for name, (code, stored) in zip(schema.names, codes, strict=True)
        ]
        header = fits.BinTableHDU.from_columns(columns, nrows=0).header.copy()
        super().__init__(path, fits.PrimaryHDU().header, header, cards)

    def write(self, rows: pa.Table) -> None:
        """Write rows, of the schema's columns."""
        stored = np.empty(len(rows), self._dtype)
        for number, (field, column) in enumerate(zip(self._schema, rows.columns, strict=True)):
            stored[f"f{number}"] = self._encode(field, column, self._dtype[number])
        self._append(stored)

    def _encode(self, field: pa.Field, column: pa.ChunkedArray, stored: np.dtype[Any]) -> Array:
        if stored.kind == "S":
            texts = _cast(column, TEXT, field.name, self._source).to_pylist()
            return np.array([text or "" for text in texts], dtype=stored)
        cells = _cast(column, field.type, field.name, self._source)
        if field.type == pa.bool_():  # T, F or, for a null, a zero byte
            letters = pc.if_else(cells, ord("T"), ord("F"))
            return np.asarray(pc.fill_null(letters, 0).to_numpy())
        if stored.kind == "f":
            return np.asarray(cells.to_numpy(), dtype=stored)
        whole, null = _cast(cells, pa.int64(), field.name, self._source), _null(stored.str)
        if null is None and whole.null_count:
            raise InputError(
                f"{self._source}: column '{field.name}' is uint8 with nulls, which FITS can't "
                "hold; write .parquet"
            )
        if null is not None and pc.any(pc.equal(whole, null)).as_py():
            raise InputError(
                f"{self._source}: column '{field.name}' holds {null}, which stands for a null in "
                "our FITS files; write .parquet"
            )
        return np.asarray(pc.fill_null(whole, null or 0).to_numpy())


def _text_widths(chunks: Iterable[pa.Table], schema: pa.Schema, source: Path) -> dict[str, int]:
    """Return the bytes of the longest text of each column that is written as text, at least 1."""
    widths = {field.name: 1 for field in schema if field.type not in STORED}
    for chunk in chunks if widths else ():
        for name in widths:
            cells = _cast(chunk[name], TEXT, name, source)
            if pc.all(pc.string_is_ascii(cells)).as_py() is False:
                odd = cells.filter(pc.invert(pc.string_is_ascii(cells)))[0]
                raise InputError(
                    f"{source}: column '{name}' holds text that is not ASCII, all that FITS "
                    f"holds: found '{odd}'; write another format"
                )
            widths[name] = max(widths[name], pc.max(pc.binary_length(cells)).as_py() or 0)
    return widths


def _null(stored: str) -> int | None:
    """What stands for a null among whole numbers: the least one; among bytes there is none."""
    return int(np.iinfo(stored).min) if np.dtype(stored).kind == "i" else None


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


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, path: Path) -> pa.ChunkedArray:
    try:
        return as_type(column, kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: column '{name}' ({column.type}) can't go into FITS: {error}; write .parquet"
        ) from None
