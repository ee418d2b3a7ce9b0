"""A table's declaration as VOTable metadata, and the parquet footer that carries it (VOParquet).

The convention is the IVOA Note "Parquet in the VO" 1.0 (2025-01-14): a VOTable document without
data, under two keys of the file's metadata. Readers that do not know it see plain parquet.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import TYPE_CHECKING

from transferz.schemas.survey.column import Column, Table

if TYPE_CHECKING:
    import pyarrow as pa

VERSION_KEY = "IVOA.VOTable-Parquet.version"
CONTENT_KEY = "IVOA.VOTable-Parquet.content"

LENGTH_KEY = "table::len::{name}"
"""Where astropy's parquet reader looks up how long a column's strings are; without it, the reader
fails on a null."""

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""Of VOTable 1.3 and of every later 1.x."""

DATATYPES = {
    "bool": "boolean",
    "int16": "short",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "string": "unicodeChar",
}
"""VOTable's names of our dtypes."""

_COORDINATES = {"ID": "icrs", "system": "ICRS"}
_UNITS = {"mag(AB)": "mag"}


def votable_unit(unit: str) -> str:
    """Return a unit as VOTable and FITS spell it.

    Neither has AB magnitudes: ``mag(AB)`` is ``mag`` there. Their zero point is then said in the
    description (`votable_description`).

    Parameters
    ----------
    unit : str
        As astropy spells it.
    """
    return _UNITS.get(unit, unit)


def votable_description(column: Column) -> str:
    """Return a column's description, with what `votable_unit` drops of its unit."""
    dropped = "; AB system" if column.unit == "mag(AB)" else ""
    return column.description + dropped


def votable_footer(table: Table, longest: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return the key-value pairs of a parquet file that describe its columns.

    The same declaration gives the same bytes: no clock, no version of any software.

    Parameters
    ----------
    table : Table
        The declaration of the file's columns, in the file's order.
    longest : mapping of str to int, optional
        Characters of each string column's longest value, by `longest_strings`. A column that is
        not in it has the length of its longest category, or 1.
    """
    lengths = {column.name: _longest_category(column) for column in table} | dict(longest or {})
    strings = {column.name: lengths[column.name] for column in table if column.dtype == "string"}
    hints = {LENGTH_KEY.format(name=name): str(length) for name, length in strings.items()}
    return {VERSION_KEY: "1.0", CONTENT_KEY: votable_document(table, strings)} | hints


def longest_strings(rows: "pa.Table") -> dict[str, int]:
    """Return the characters of the longest value of every string column.

    At least 4, because astropy's parquet reader makes the text ``None`` of a null.

    Parameters
    ----------
    rows : pyarrow.Table
        All rows of a file.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    longest = {name: pc.max(pc.utf8_length(rows[name])).as_py() or 0 for name in names}
    return {name: max(length, len("None")) for name, length in longest.items()}


def votable_document(table: Table, longest: Mapping[str, int]) -> str:
    """Return a VOTable (1.4) that describes a table's columns and holds no rows.

    Not written by `astropy.io.votable`, which puts its own version in a comment and a row count
    of 0 in the table.

    Parameters
    ----------
    table : Table
        The declaration.
    longest : mapping of str to int
        Characters of each string column's longest value. Given as a number because astropy's
        reader can't join a column of unknown length to its data.
    """
    root = ET.Element("VOTABLE", {"version": "1.4", "xmlns": NAMESPACE})
    resource = ET.SubElement(root, "RESOURCE")
    if any(_frame(column) for column in table):
        ET.SubElement(resource, "COOSYS", _COORDINATES)
    element = ET.SubElement(resource, "TABLE", {"name": table.name})
    ET.SubElement(element, "DESCRIPTION").text = table.description
    for column in table:
        _add_field(element, column, longest.get(column.name, 1))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _longest_category(column: Column) -> int:
    return max(map(len, column.categories), default=1)


def _frame(column: Column) -> str:
    """The coordinate system of a position, by reference; all of ours are ICRS."""
    return _COORDINATES["ID"] if column.ucd.startswith("pos.eq.") else ""


def _add_field(element: ET.Element, column: Column, length: int) -> None:
    attributes = {
        "name": column.name,
        "datatype": DATATYPES[column.dtype],
        "arraysize": f"{length}*" if column.dtype == "string" else "",
        "unit": votable_unit(column.unit),
        "ucd": column.ucd,
        "ref": _frame(column),
    }
    given = {name: value for name, value in attributes.items() if value}
    field = ET.SubElement(element, "FIELD", given)
    ET.SubElement(field, "DESCRIPTION").text = votable_description(column)
    bounds = {"MIN": column.minimum, "MAX": column.maximum}
    if column.categories or any(bound is not None for bound in bounds.values()):
        values = ET.SubElement(field, "VALUES")
        for tag, bound in bounds.items():
            if bound is not None:  # with all its digits, as the datatype is written
                whole = column.dtype.startswith("int")
                spelt = str(int(bound)) if whole else repr(float(bound))
                ET.SubElement(values, tag, {"value": spelt})
        for category in column.categories:
            ET.SubElement(values, "OPTION", {"name": category, "value": category})
