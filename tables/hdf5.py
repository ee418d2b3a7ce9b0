"""HDF5: a group of datasets, one for each column, or a dataset whose rows have fields.

A file may point to others: links, raw data or virtual datasets elsewhere. One that does is refused,
for what is read must come from the file that is named.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from transferz.schemas.errors import InputError
from transferz.tables.cells import nested
from transferz.tables.table import (
    Choose,
    TableFile,
    one_clear_error,
    require_plausible,
    the_one_meant,
    unsound,
)

INDEX = "_i_"  # begins the names of PyTables' groups of indices
ABOUT = "__table_column_meta__"  # ends the name of astropy's remarks on a table


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open a file as an `h5py.File`; one that points to another file is an `InputError`."""
    import h5py

    def linked(place: str, link: Any) -> str | None:
        return None if isinstance(link, h5py.HardLink | h5py.SoftLink) else place

    def stored(place: str, item: Any) -> str | None:
        elsewhere = isinstance(item, h5py.Dataset) and (item.is_virtual or item.external)
        return place if elsewhere else None

    with one_clear_error(path, "HDF5"), h5py.File(path, "r") as file:
        if place := file.visititems_links(linked) or file.visititems(stored):
            raise InputError(
                f"can't read {path}: '{place}' in it is kept in another file, which is not read; "
                "write all of it into one file"
            )
        yield file


@dataclass(frozen=True)
class Hdf5Table(TableFile):
    """A group of HDF5 datasets, one for each column, or one dataset whose rows have fields.

    `place` is that of the group or dataset in the file. Of the datasets, only those are read that
    are asked for: a file may hold images, too.
    """

    place: str

    @classmethod
    def open(cls, path: Path, choose: Choose) -> Self:
        """Look through the file for tables; of several, `choose` decides."""
        import h5py

        tables: dict[str, tuple[str, ...]] = {}

        def look(place: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                names = item.dtype.names or ()
            else:
                members = {name: item.get(name) for name in item}
                names = [
                    name
                    for name, member in members.items()
                    if isinstance(member, h5py.Dataset)
                    and not member.dtype.names
                    and not name.endswith(ABOUT)
                ]
            if names and f"/{INDEX}" not in f"/{place}":
                tables[place] = tuple(names)

        with open_hdf5(path) as file:
            look("/", file)
            file.visititems(look)
            if not tables:
                raise unsound(path, "HDF5", "it holds no table")
            number = the_one_meant(path, tables, choose)
            place, names = list(tables.items())[number]
            lengths = {_shape(file[place], name)[:1] for name in names}
            rows = lengths.pop() if len(lengths) == 1 else ()
            notes = tuple(str(text) for pair in file.attrs.items() for text in pair)
            count = rows[0] if rows else None
            return cls(path, names, count, place, units=_units(file[place], names), notes=notes)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`; a dataset of several dimensions gives lists."""
        with open_hdf5(self.path) as file:
            arrays = [self._read(file[self.place], name, slice(0, 0)) for name in columns]
        return pa.schema(zip(columns, (array.type for array in arrays), strict=True))

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        with open_hdf5(self.path) as file:
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
                require_plausible(self.path, name, _claimed_bytes(item, name))
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
            raise InputError(
                f"{self.path}: column '{name}' holds {kind}, expected numbers or text; leave it out"
            )
        return nested(values)


def _shape(item: Any, name: str) -> tuple[int, ...]:
    """The shape of a column: of a dataset in a group, or of a field of a dataset."""
    stored = item if getattr(item, "dtype", None) is not None else item[name]
    return tuple(stored.shape or ())


def _claimed_bytes(item: Any, name: str) -> int:
    """Bytes of a column, or of one of the pieces that it is packed in, by what the file says."""
    stored = item if getattr(item, "dtype", None) is not None else item[name]
    return stored.dtype.itemsize * max(math.prod(stored.shape), math.prod(stored.chunks or ()))


def _units(item: Any, names: Sequence[str]) -> dict[str, str]:
    """The attribute ``unit`` or ``units`` of each dataset in a group."""
    if getattr(item, "dtype", None) is not None:
        return {}
    about = {name: item[name].attrs for name in names}
    units = {name: attrs.get("unit", attrs.get("units", "")) for name, attrs in about.items()}
    return {name: str(unit) for name, unit in units.items() if str(unit)}
