"""Parquet and HDF5, whose columns are read by themselves, in chunks of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables import table as limits
from transferz.tables.cells import nested
from transferz.tables.streams import one_clear_error, unsound
from transferz.tables.table import Choose, TableFile


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

    Of the datasets, only those are read that are asked for: a file may hold images, too.

    Attributes
    ----------
    place : str
        Of the group or dataset in the file.
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
                    raise self._wrong(name, "expected one value in each row, found a single one")
                if shape[:1] != total:
                    raise self._wrong(
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
            raise self._wrong(name, f"expected numbers or text, found {kind}")
        return nested(values)

    def _wrong(self, name: str, what: str) -> InputError:
        return InputError(
            f"{self.path}: column '{name}': {what}; fetch the file again or write it anew"
        )


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
