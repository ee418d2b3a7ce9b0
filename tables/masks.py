"""Masks in columns of their own, as astropy puts them into parquet and HDF5."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from transferz.tables.table import TableFile

MASK = ".mask"
"""Ends the name of a column that is true where another has no value, whatever stands there."""


@dataclass(frozen=True)
class MaskedColumns(TableFile):
    """A table whose columns are null where its columns of masks say so; these stay, too.

    `masks` has the name of the mask of each column that has one.
    """

    inner: TableFile
    masks: Mapping[str, str]

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        return self.inner.schema(columns)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`."""
        schema = self.schema(columns)
        masks = {name: self.masks[name] for name in columns if name in self.masks}
        needed = tuple(dict.fromkeys([*columns, *masks.values()]))
        for chunk in self.inner.chunks(needed, rows):
            arrays = [
                pc.if_else(chunk[masks[name]], pa.scalar(None, chunk[name].type), chunk[name])
                if name in masks
                else chunk[name]
                for name in columns
            ]
            yield pa.table(arrays, schema=schema)


def with_masks(table: TableFile) -> TableFile:
    """Return a table with its masks applied, if it has any."""
    names = set(table.names)
    masks = {name: f"{name}{MASK}" for name in table.names if f"{name}{MASK}" in names}
    kinds = table.schema(tuple(masks.values()))
    masks = {name: mask for name, mask in masks.items() if kinds.field(mask).type == pa.bool_()}
    if not masks:
        return table
    stored = table.path, table.names, table.rows
    return MaskedColumns(*stored, table, masks, units=table.units, notes=table.notes)
