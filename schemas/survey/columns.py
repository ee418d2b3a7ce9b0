"""What a column and a table are, which every check and artefact derives from; shared columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

BANDS = ("g", "r", "i", "z", "y")
"""The HSC broad bands, blue to red."""

MAGNITUDE_RANGE = (0.0, 50.0)
"""Magnitudes (AB) and their errors lie between; what is beyond stands for none (our choice)."""

TYPICAL_MAGNITUDES = (10.0, 35.0)
"""The median magnitude of a deep catalogue lies in here; that of a flux does not (our choice)."""

RA, DEC = "ra", "dec"
"""The columns of positions, ICRS, deg."""

WHOLE_SKY = ((0.0, 360.0), (-90.0, 90.0))
"""Range of right ascension and of declination, deg."""

Dtype = Literal["bool", "int16", "int64", "float32", "float64", "string"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, declared once.

    Attributes
    ----------
    description : str
        One line for a person who has not seen the column before.
    unit, ucd : str
        As astropy spells it, and the IVOA's Unified Content Descriptor (UCD1+); empty where none
        fits.
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
    missing_below, missing_above : float or None
        Values beyond stand for a missing one upstream (LePhare has several such sentinels).
    sentinels : tuple of float
        Values that do so too, beside those of every catalogue.
    upstream, upstream_flux : tuple of str
        Names of the column in the upstream files, newest first, empty where we make it; and of a
        flux in µJy from which a magnitude is computed where a file has none of them.
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
    missing_above: float | None = None
    sentinels: tuple[float, ...] = ()
    upstream: tuple[str, ...] = ()
    upstream_flux: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A named set of columns, in the order in which they are written.

    `key` is the column that identifies a row, `description` says what a row is.
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


def magnitude_name(band: str) -> str:
    """Return the name of the cModel magnitude column of an HSC band."""
    return f"{band}_cmodel_mag"


def error_name(band: str) -> str:
    """Return the name of the column with the 1-sigma error of `magnitude_name`."""
    return f"{band}_cmodel_magsigma"


MAGNITUDES = tuple(magnitude_name(band) for band in BANDS)
ERRORS = tuple(error_name(band) for band in BANDS)


def magnitude_column(
    name: str, description: str, ucd: str = "", *, nullable: bool = False, **upstream: Any
) -> Column:
    """Declare a magnitude; `ucd` is the word of its band.

    Where it is `nullable`, in upstream tables, it may be missing or, where a fit failed, absurd.
    `upstream` says how a file has it.
    """
    return Column(
        name,
        "float32",
        description,
        unit="mag(AB)",
        ucd=";".join(filter(None, ("phot.mag", ucd))),
        minimum=None if nullable else MAGNITUDE_RANGE[0],
        maximum=None if nullable else MAGNITUDE_RANGE[1],
        nullable=nullable,
        typical=TYPICAL_MAGNITUDES if nullable else None,
        **upstream,
    )


def error_column(
    name: str, description: str, ucd: str = "", *, nullable: bool = False, **upstream: Any
) -> Column:
    """Declare the 1-sigma error of a magnitude, as `magnitude_column` does that."""
    return Column(
        name,
        "float32",
        description,
        unit="mag",
        ucd=";".join(filter(None, ("stat.error;phot.mag", ucd))),
        minimum=None if nullable else MAGNITUDE_RANGE[0],
        nullable=nullable,
        **upstream,
    )


def position_columns(
    ra: str = "ra",
    dec: str = "dec",
    *,
    field: tuple[tuple[float, float], tuple[float, float]] = WHOLE_SKY,
    nullable: bool = False,
) -> tuple[Column, ...]:
    """Declare right ascension and declination by their upstream names.

    `field` is the range of each that holds all positions, deg; `nullable` says whether a source may
    give none.
    """
    note = "; null where the source gives none" if nullable else ""
    return tuple(
        Column(
            name,
            "float64",
            f"{words} (ICRS){note}",
            unit="deg",
            ucd=f"pos.eq.{name};meta.main",
            minimum=low,
            maximum=high,
            nullable=nullable,
            upstream=(theirs,),
        )
        for name, words, theirs, (low, high) in (
            ("ra", "Right ascension", ra, field[0]),
            ("dec", "Declination", dec, field[1]),
        )
    )
