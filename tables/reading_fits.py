"""FITS binary tables in chunks of rows. Needs astropy."""

import gzip
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from astropy.io import fits

from transferz.schemas.errors import InputError
from transferz.tables.cells import native
from transferz.tables.reading import TableFile, one_clear_error

RAW = "\N{WHITE SQUARE} row as it stands"
"""A column of `FitsFile`: the bytes of each row. No FITS column is called so: it is no ASCII."""

BLOCK = 2880
"""Bytes; headers and data of FITS fill whole blocks."""


@dataclass(frozen=True)
class FitsFile(TableFile):
    """The first binary table of a FITS file.

    Attributes
    ----------
    primary, header : astropy.io.fits.Header
        Of the file and of the table.
    plain : Path
        The file; where it is gzipped, a plain copy.
    start : int
        Byte where the table's rows begin.
    holder : object
        Keeps the plain copy until it is let go.
    """

    primary: fits.Header
    header: fits.Header
    plain: Path
    start: int
    holder: object

    @classmethod
    def open(cls, path: Path) -> "FitsFile":
        """Read the headers."""
        plain, holder = _unpacked(path)
        with warnings.catch_warnings(), fits.open(plain) as units:
            warnings.simplefilter("ignore")  # a file that is cut short is refused below
            tables = [unit for unit in units if isinstance(unit, fits.BinTableHDU)]
            if not tables:
                raise InputError(f"{path} holds no binary table")
            names, start = tuple(tables[0].columns.names), tables[0].fileinfo()["datLoc"]
            primary, header = units[0].header.copy(), tables[0].header.copy()
        end = start + header["NAXIS1"] * header["NAXIS2"]
        if (size := plain.stat().st_size) < end:
            raise InputError(f"{path} is cut short: its table ends at byte {end}, it at {size}")
        return cls(path, names, header["NAXIS2"], primary, header, plain, start, holder)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        with one_clear_error(self.path):
            return self._table(b"", columns).schema

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; `RAW` may be among the columns."""
        width, count = self.header["NAXIS1"], self.header["NAXIS2"]
        with one_clear_error(self.path), self.plain.open("rb") as file:
            file.seek(self.start)
            for first in range(0, count, rows):
                raw = file.read(width * min(rows, count - first))
                yield self._table(raw, columns)

    def heap(self) -> tuple[int, int]:
        """First byte and length of what columns of arrays of varying length point to."""
        table = self.header["NAXIS1"] * self.header["NAXIS2"]
        offset = self.header.get("THEAP", table)
        return self.start + offset, self.header["PCOUNT"] - (offset - table)

    def _table(self, raw: bytes, columns: Sequence[str]) -> pa.Table:
        data = self._decoded(raw) if set(columns) - {RAW} else None
        return pa.table({name: self._column(data, name, raw) for name in columns})

    def _decoded(self, raw: bytes) -> fits.BinTableHDU:
        """Some rows as a table of their own, which astropy reads as it reads any."""
        header = self.header.copy()
        header["NAXIS2"], header["PCOUNT"] = len(raw) // header["NAXIS1"], 0
        header.remove("THEAP", ignore_missing=True)
        return fits.BinTableHDU.fromstring(header.tostring().encode("ascii") + padded(raw))

    def _column(self, unit: fits.BinTableHDU | None, name: str, raw: bytes) -> pa.Array:
        if unit is None or name == RAW:
            width = self.header["NAXIS1"]
            buffers = [None, pa.py_buffer(raw)]
            return pa.Array.from_buffers(pa.binary(width), len(raw) // width, buffers)
        column = unit.columns[name]
        if column.format.lstrip("0123456789")[:1] in "PQCM":
            raise InputError(
                f"{self.path}: column '{name}' holds arrays of varying length or complex numbers "
                f"({column.format}); write a .fits file, which keeps them"
            )
        if column.format.endswith("L"):  # astropy takes a null, a zero byte, for "false"
            letters = np.asarray(unit.data)[name]
            return _nested(letters == ord("T"), letters.ravel() == 0)
        return _arrow(np.asarray(unit.data[name]), column)


def padded(data: bytes) -> bytes:
    """Fill up the last block with zeros."""
    return data + bytes(-len(data) % BLOCK)


def _unpacked(path: Path) -> tuple[Path, object]:
    """The file, or a plain copy of a gzipped one, which is deleted when the object is let go."""
    if not path.name.endswith(".gz"):
        return path, None
    holder = tempfile.NamedTemporaryFile(suffix=".fits")  # noqa: SIM115 (its end deletes it)
    with gzip.open(path, "rb") as packed:
        shutil.copyfileobj(packed, holder, BLOCK * 1024)
    holder.flush()
    return Path(holder.name), holder


def _arrow(values: npt.NDArray[Any], column: fits.Column) -> pa.Array:
    """One column: text decoded, TNULL as null."""
    if values.dtype.kind in "SU":
        return _nested(np.asarray(values.astype(str)), None)
    return _nested(native(values), _null(values, column))


def _nested(values: npt.NDArray[Any], null: npt.NDArray[np.bool_] | None) -> pa.Array:
    """An array of one or more dimensions; those beyond the first are lists of one length."""
    flat = values.ravel()
    nested = pa.array(flat.tolist() if flat.dtype.kind == "U" else flat, mask=null)
    nested = nested.cast(pa.string()) if flat.dtype.kind == "U" else nested
    for length in reversed(values.shape[1:]):
        nested = pa.FixedSizeListArray.from_arrays(nested, length)
    return nested


def _null(values: npt.NDArray[Any], column: fits.Column) -> npt.NDArray[np.bool_] | None:
    if column.null is None or values.dtype.kind not in "iu":
        return None
    return np.asarray(values.ravel() == column.null + (column.bzero or 0))
