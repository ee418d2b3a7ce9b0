"""Open a table of any format, told by the file's content.

VOTable and ECSV are read here by astropy; modules of their own read the others.
"""

import codecs
import html
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.cells import TEXT, guess_types, nested, typed
from transferz.tables.fits import FitsTable
from transferz.tables.hats.reading import HatsTable, is_hats
from transferz.tables.hdf5 import Hdf5Table
from transferz.tables.masks import with_masks
from transferz.tables.parquet import ParquetTable
from transferz.tables.table import (
    CHUNK_ROWS,
    ByteStream,
    Choose,
    TableFile,
    first_bytes,
    naming,
    one_clear_error,
    require_columns,
    require_package,
    the_one_meant,
    unsound,
)
from transferz.tables.text import TextTable

PARQUET, HDF5 = b"PAR1", b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TAG = re.compile(
    rb"<(?:[^\s<>/!?:]+:)?(TABLE|STREAM)(?:\s+[^\s=<>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*"
)  # of a VOTable
KINDS = "FITS, parquet, HDF5, VOTable, ECSV, CSV or text with columns parted by blanks"


def open_table(
    path: Path,
    names: Sequence[str] | None = None,
    *,
    choose: Choose | None = None,
    one_line: bool = False,
) -> TableFile:
    r"""Open a table of any format. What it is, its content says, not its name.

    The file is FITS, parquet, HDF5, VOTable, ECSV, or text with columns parted by commas,
    semicolons, tabs, bars or blanks; all but parquet and HDF5 may be packed by gzip, bzip2 or xz. A
    folder is a HATS collection or catalogue. What is missing, none of these, or damaged is an
    `InputError`.

    Parameters
    ----------
    path : Path
        The file, or the folder of a HATS collection.
    names : sequence of str, optional
        All the columns' names, for a text table without a line of names, or one that lacks some.
        A line of names is told from a row by the numbers that a row holds.
    choose : callable, optional
        Says of columns' names, from 0 to 1, how well they are those looked for: it decides between
        several tables in a file. Where it does not, or without it, such a file is an `InputError`.
    one_line : bool
        Whether a text table is an upstream one, whose columns are known: `choose` alone tells the
        line of names then, and a row that is not one line (a quotation mark too many joins rows)
        is refused.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "galaxies.dat"
    ...     _ = path.write_text("id  i_mag\n43158605133375001  22.5\n")
    ...     read_whole(open_table(path), ["id", "i_mag"]).to_pylist()
    [{'id': 43158605133375001, 'i_mag': 22.5}]
    """
    if is_hats(path):
        return with_masks(HatsTable.open(path))
    head, packing = first_bytes(path)
    take = choose or naming(())
    if packing and head.startswith((PARQUET, HDF5)):
        raise InputError(f"can't read {path}: it is packed by {packing}; unpack it first")
    if head.startswith(PARQUET):
        return with_masks(ParquetTable.open(path))
    if head.startswith(HDF5):
        require_package(path, "h5py", "HDF5")
        return with_masks(Hdf5Table.open(path, take))
    if head.startswith(b"SIMPL"):
        require_package(path, "astropy", "FITS")
        return FitsTable.open(path, take)
    if b"<VOTABLE" in head:
        require_package(path, "astropy", "VOTable")
        return MarkedTable.open_votable(path, take)
    if head.startswith(b"# %ECSV"):
        require_package(path, "astropy", "ECSV")
        return MarkedTable.open_ecsv(path)
    if head.startswith(ZIP) or (b"\0" in head and not head.startswith(UTF16)):
        what = "a zip archive or a workbook" if head.startswith(ZIP) else f"binary ({head[:12]!r})"
        raise InputError(f"can't read {path}: expected {KINDS}, found {what}; write one of these")
    return TextTable.open(path, choose, names, one_line=one_line)


def read_whole(table: TableFile, columns: Sequence[str]) -> pa.Table:
    """Read some columns of all rows; in a text table, what is spelt as a number is one."""
    chunks = list(table.chunks(columns, CHUNK_ROWS))
    whole = pa.concat_tables([table.schema(columns).empty_table(), *chunks])
    return typed(whole, guess_types([whole], columns)) if table.text else whole


@dataclass(frozen=True)
class MarkedTable(TableFile):
    """A table of a VOTable or ECSV file: whole in memory, as they can't be read in parts."""

    whole: Any

    @classmethod
    def open_votable(cls, path: Path, choose: Choose) -> Self:
        """Read a VOTable. Of several tables, `choose` decides.

        A null text comes as the empty one: astropy makes no difference between them.
        """
        from astropy.io import votable

        with one_clear_error(path, "VOTable"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that break the standard in harmless ways
            content = _all_bytes(path, "VOTable")
            _require_whole(path, content)
            document = votable.parse(io.BytesIO(content), verify="ignore")
            tables = list(document.iter_tables())
            if not tables:
                raise unsound(path, "VOTable", "it holds no table")
            names = [[field.name for field in table.fields] for table in tables]
            places = [f"table {k}" for k in range(1, len(tables) + 1)]
            best = the_one_meant(path, dict(zip(places, names, strict=True)), choose)
            twice = [name for name in names[best] if names[best].count(name) > 1]
            require_columns(path, names[best], twice[:1])
            infos = [info for resource in document.resources for info in resource.infos]
            notes = [f"{info.name}: {info.value}" for info in infos]
            return cls._of(path, tables[best].to_table(use_names_over_ids=True), notes)

    @classmethod
    def open_ecsv(cls, path: Path) -> Self:
        """Read an ECSV file."""
        from astropy.table import Table

        with one_clear_error(path, "ECSV"):
            text = _all_bytes(path, "ECSV").decode("utf-8")
            whole = Table.read(text, format="ascii.ecsv")
        return cls._of(path, whole, [f"{key}: {value}" for key, value in whole.meta.items()])

    @classmethod
    def _of(cls, path: Path, whole: Any, notes: Sequence[str]) -> Self:
        units = {name: str(whole[name].unit) for name in whole.colnames if whole[name].unit}
        names = tuple(whole.colnames)
        return cls(path, names, len(whole), whole, units=units, notes=tuple(notes))

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        return pa.schema([(name, self._column(name, slice(None)).type) for name in columns])

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        schema = self.schema(columns)
        for start in range(0, len(self.whole), rows):
            arrays = [self._column(name, slice(start, start + rows)) for name in columns]
            yield pa.table(arrays, names=list(columns)).cast(schema)

    def _column(self, name: str, piece: slice) -> pa.Array:
        values = self.whole[name][piece]
        values = np.ma.MaskedArray(values, mask=getattr(values, "mask", False))
        if values.dtype.kind in "SU":
            return nested(values.astype(str).astype(object), TEXT)
        if values.dtype.kind == "O":
            return pa.array([None if value is np.ma.masked else value for value in values])
        if values.dtype.kind not in "biuf":
            raise InputError(
                f"{self.path}: column '{name}' holds {values.dtype}, which is no table's: leave it "
                "out"
            )
        return nested(values)


def _all_bytes(path: Path, kind: str) -> bytes:
    """Read a file's bytes, unpacked, for astropy to hold as a table."""
    with ByteStream(path, kind) as stream:
        most = max(limits.WHOLE_FREE, limits.WHOLE_TIMES * stream.size)
        content = stream.read(most + 1 if stream.packing else stream.size) or b""
    if stream.packing and len(content) > most:
        raise InputError(
            f"can't read {path}: its {stream.size:,} bytes of {kind} unpack to more than {most:,}; "
            "unpack it first, where that is right"
        )
    return content


def _require_whole(path: Path, content: bytes) -> None:
    """Refuse a VOTable whose data lie elsewhere, or that claims more rows than it has bytes.

    astropy would fetch the data, and make room for the rows.
    """
    for match in _TAG.finditer(content):
        tag = " ".join(html.unescape(match[0].decode("utf-8", "replace")).split())
        if match[1] == b"STREAM" and "href" in tag:
            raise InputError(
                f"can't read {path}: its data lie elsewhere ({tag[:80]}); write them into the file"
            )
        rows = re.search(r"nrows\s*=\s*.(\d+)", tag)
        if rows and int(rows[1][:20]) > len(content):
            raise unsound(path, "VOTable", f"{len(content):,} bytes for {rows[1][:20]} rows")
    if b"<!ENTITY" in content:
        raise unsound(path, "VOTable", "it declares entities, as no VOTable does")
