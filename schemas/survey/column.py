"""What a column and a table are: the declarations that every check and artefact derives from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Dtype = Literal["bool", "int16", "int64", "float32", "float64", "string"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, declared once.

    Attributes
    ----------
    name : str
        Our name for it.
    dtype : str
        Arrow type name: ``bool``, ``int16``, ``int64``, ``float32``, ``float64`` or ``string``.
    description : str
        One line for a person who has not seen the column before.
    unit : str
        Unit as astropy spells it; empty where the quantity has none.
    ucd : str
        IVOA Unified Content Descriptor (UCD1+), empty where none fits.
    minimum, maximum : float or None
        Closed bounds on the values.
    categories : tuple of str
        The allowed values of a categorical column; empty allows all.
    nullable : bool
        Whether a value may be missing (null, or NaN in a float column).
    unique : bool
        Whether a value may occur only once.
    typical : tuple of float or None
        Closed interval in which the median of a whole upstream table lies. A median elsewhere
        means another quantity or unit, such as a flux in place of a magnitude.
    missing_below : float or None
        Values below stand for a missing one upstream (LePhare has several such sentinels).
    upstream : tuple of str
        Names the column has in the upstream files, newest first; empty where we make it.
    upstream_flux : tuple of str
        Names of a flux in µJy from which a magnitude is computed where the file has no column
        of `upstream`.
    """

    name: str
    dtype: Dtype
    description: str
    unit: str = ""
    ucd: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    nullable: bool = False
    unique: bool = False
    typical: tuple[float, float] | None = None
    missing_below: float | None = None
    upstream: tuple[str, ...] = ()
    upstream_flux: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A named set of columns.

    Attributes
    ----------
    name : str
        What errors and documents call the table.
    columns : tuple of Column
        In the order in which they are written.
    key : str
        The column that identifies a row.
    description : str
        What a row is.
    """

    name: str
    columns: tuple[Column, ...]
    key: str
    description: str = ""

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table '{self.name}' declares no column '{name}'")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)
