"""Open a table of any format, told by the file's content.

Parquet, HDF5, VOTable and ECSV are read here by their libraries; `fits` and `text` read the others.
"""

import codecs
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.cells import TEXT, guess_types, nested, typed
from transferz.tables.fits import FitsTable
from transferz.tables.table import (
    CHUNK_ROWS,
    ByteStream,
    Choose,
    TableFile,
    first_bytes,
    one_clear_error,
    require_package,
    unsound,
)
from transferz.tables.text import TextTable

PARQUET, HDF5 = b"PAR1", b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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
    file that is missing, none of these, or damaged is an `InputError`.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str, optional
        All the columns' names, for a text table without a line of names, or one that lacks some.
        A line of names is told from a row by the numbers that a row holds.
    choose : callable, optional
        Says of columns' names, from 0 to 1, how well they are those looked for: it decides between
        several tables in a file. The first is taken without it.
    one_line : bool
        Whether to refuse a text table in which a row is not one line (a quotation mark too many
        joins rows).

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
    head, packing = first_bytes(path)
    take = choose or (lambda names: 1.0)
    if packing and head.startswith((PARQUET, HDF5)):
        raise InputError(f"can't read {path}: it is packed by {packing}; unpack it first")
    if head.startswith(PARQUET):
        return ParquetTable.open(path)
    if head.startswith(HDF5):
        require_package(path, "h5py", "HDF5")
        return Hdf5Table.open(path, take)
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
class ParquetTable(TableFile):
    """A parquet file, read a few pages at a time, each page's checksum verified."""

    stored: pa.Schema

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the footer."""
        with one_clear_error(path, "parquet"), pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            notes = [text.decode() for pair in (metadata.metadata or {}).items() for text in pair]
            units = {
                field.name: field.metadata[b"unit"].decode()
                for field in schema
                if field.metadata and b"unit" in field.metadata
            }
            names, rows = tuple(schema.names), metadata.num_rows
            return cls(path, names, rows, schema, units=units, notes=tuple(notes))

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`: the types that are stored, text and lists in their plain form."""
        fields = [self.stored.field(self.names.index(name)) for name in columns]
        plain = [field.with_type(_plain(field.type)) for field in fields]
        return pa.schema(plain, self.stored.metadata)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; a chunk never goes beyond a row group."""
        schema, done = self.schema(columns), 0
        with (
            one_clear_error(self.path, "parquet"),
            pq.ParquetFile(
                self.path,
                buffer_size=limits.BLOCK_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
            ) as file,
        ):
            for group in range(file.num_row_groups):  # one by one: across them less is checked
                for batch in file.iter_batches(rows, row_groups=[group], columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns)).cast(schema)
                    done += len(batch)
            if columns and done != file.metadata.num_rows:
                reason = f"{done:,} rows where {file.metadata.num_rows:,} are announced"
                raise unsound(self.path, "parquet", reason)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The form that all of our readers know of what newer Arrow holds in several."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


@dataclass(frozen=True)
class Hdf5Table(TableFile):
    """A group of HDF5 datasets, one for each column, or one dataset whose rows have fields.

    `place` is that of the group or dataset in the file. Of the datasets, only those are read that
    are asked for: a file may hold images, too.
    """

    place: str

    @classmethod
    def open(cls, path: Path, choose: Choose) -> Self:
        """Look through the file for the group that is all that is looked for, or the best."""
        import h5py

        tables: list[tuple[float, str, tuple[str, ...]]] = []

        def look(place: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                names = item.dtype.names or ()
            else:
                members = {name: item.get(name) for name in item}
                names = [
                    name
                    for name, member in members.items()
                    if isinstance(member, h5py.Dataset) and not member.dtype.names
                ]
            if names:
                tables.append((choose(names), place, tuple(names)))

        with one_clear_error(path, "HDF5"), h5py.File(path, "r") as file:
            look("/", file)
            file.visititems(look)
            if not tables:
                raise unsound(path, "HDF5", "it holds no table")
            _, place, names = max(tables, key=lambda table: table[0])
            lengths = {_shape(file[place], name)[:1] for name in names}
            rows = lengths.pop() if len(lengths) == 1 else ()
            notes = tuple(str(text) for pair in file.attrs.items() for text in pair)
            count = rows[0] if rows else None
            return cls(path, names, count, place, units=_units(file[place]), notes=notes)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`; a dataset of several dimensions gives lists."""
        import h5py

        with one_clear_error(self.path, "HDF5"), h5py.File(self.path, "r") as file:
            arrays = [self._read(file[self.place], name, slice(0, 0)) for name in columns]
        return pa.schema(zip(columns, (array.type for array in arrays), strict=True))

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        import h5py

        with one_clear_error(self.path, "HDF5"), h5py.File(self.path, "r") as file:
            item = file[self.place]
            shapes = {name: _shape(item, name) for name in columns}
            total = next(iter(shapes.values()))[:1]
            for name, shape in shapes.items():
                if not shape:
                    raise self.wrong(name, "expected one value in each row, found a single one")
                if shape[:1] != total:
                    raise self.wrong(
                        name, f"expected {total[0]:,} rows as in others, found {shape[0]:,} rows"
                    )
            for start in range(0, total[0], rows):
                piece = slice(start, min(start + rows, total[0]))
                arrays = [self._read(item, name, piece) for name in columns]
                yield pa.table(arrays, names=list(columns))

    def _read(self, item: Any, name: str, piece: slice) -> pa.Array:
        import h5py

        if isinstance(item, h5py.Dataset):
            kind, values = item.dtype[name].base, item.fields(name)[piece]
        else:
            kind = item[name].dtype
            values = item[name][piece] if item[name].shape else np.empty(0, kind)
        if h5py.check_string_dtype(kind):
            texts = [text.decode().rstrip() for text in values.ravel()]
            return nested(np.array(texts, dtype=object).reshape(values.shape), pa.string())
        if kind.kind not in "biuf":
            raise self.wrong(name, f"expected numbers or text, found {kind}")
        return nested(values)


def _shape(item: Any, name: str) -> tuple[int, ...]:
    """The shape of a column: of a dataset in a group, or of a field of a dataset."""
    stored = item if getattr(item, "dtype", None) is not None else item[name]
    return tuple(stored.shape or ())


def _units(item: Any) -> dict[str, str]:
    """The attribute ``unit`` or ``units`` of each dataset in a group."""
    if getattr(item, "dtype", None) is not None:
        return {}
    units = {name: item[name].attrs.get("unit", item[name].attrs.get("units", "")) for name in item}
    return {name: str(unit) for name, unit in units.items() if str(unit)}


@dataclass(frozen=True)
class MarkedTable(TableFile):
    """A table of a VOTable or ECSV file: whole in memory, as they can't be read in parts."""

    whole: Any

    @classmethod
    def open_votable(cls, path: Path, choose: Choose) -> Self:
        """Read a VOTable: of several tables, the first that is all that is looked for, or the best.

        A null text comes as the empty one: astropy makes no difference between them.
        """
        from astropy.io import votable

        with one_clear_error(path, "VOTable"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that break the standard in harmless ways
            with ByteStream(path, "VOTable") as stream:
                document = votable.parse(io.BytesIO(stream.read()), verify="ignore")
            tables = list(document.iter_tables())
            if not tables:
                raise unsound(path, "VOTable", "it holds no table")
            names = [[field.name for field in table.fields] for table in tables]
            best = max(range(len(tables)), key=lambda k: choose(names[k]))
            infos = [info for resource in document.resources for info in resource.infos]
            notes = [f"{info.name}: {info.value}" for info in infos]
            return cls._of(path, tables[best].to_table(use_names_over_ids=True), notes)

    @classmethod
    def open_ecsv(cls, path: Path) -> Self:
        """Read an ECSV file."""
        from astropy.table import Table

        with one_clear_error(path, "ECSV"), ByteStream(path, "ECSV") as stream:
            text = stream.read().decode("utf-8")
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
