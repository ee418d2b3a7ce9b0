"""VOTable and ECSV, read by astropy: whole, as these formats can't be read in parts."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from transferz.schemas.errors import InputError
from transferz.tables.cells import TEXT, nested
from transferz.tables.streams import ByteStream, one_clear_error, unsound
from transferz.tables.table import Choose, TableFile


@dataclass(frozen=True)
class MarkedTable(TableFile):
    """A table of a VOTable or ECSV file, in memory.

    Attributes
    ----------
    whole : astropy.table.Table
        Its columns.
    """

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
