"""What a declaration becomes elsewhere: features, Croissant fields, Markdown tables, VOTable.

``python -m transferz.schemas.survey.derived docs/columns.md`` writes the reference of all tables.
A parquet file's footer carries the VOTable by the convention of the IVOA Note "Parquet in the VO"
1.0 (2025-01-14): a document without data, under two keys of the file's metadata. Readers that do
not know it see plain parquet.
"""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz import schemas
from transferz.schemas.survey.columns import Column, Table

if TYPE_CHECKING:
    import pyarrow as pa


DTYPE_NAMES = {
    "bool": ("sc:Boolean", "boolean"),
    "int16": ("cr:Int16", "short"),
    "int64": ("cr:Int64", "long"),
    "float32": ("cr:Float32", "float"),
    "float64": ("cr:Float64", "double"),
    "string": ("sc:Text", "unicodeChar"),
}
"""Our dtypes as Croissant and as VOTable call them."""

UCD_STANDARD = "https://www.ivoa.net/documents/UCD1+/"

VERSION_KEY = "IVOA.VOTable-Parquet.version"
CONTENT_KEY = "IVOA.VOTable-Parquet.content"

LENGTH_KEY = "table::len::{name}"
"""Where astropy's parquet reader looks up how long a column's strings are; without it, the reader
fails on a null."""

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""Of VOTable 1.3 and of every later 1.x."""

_COORDINATES = {"ID": "icrs", "system": "ICRS"}

_TITLES = ["Column", "Type", "Unit", "UCD", "Values", "Description"]
_BRIEF = ["Column", "Type", "Unit", "Description"]

PAGE = """\
# Columns

Every column of every table, as the project declares it: what the files are checked against, and
what units, UCDs and descriptions elsewhere are made from.

<!-- Made by `python -m transferz.schemas.survey.derived docs/columns.md`: do not edit. -->

Units are spelt as astropy spells them. In VOTable and FITS `mag(AB)` is `mag`, because neither has
the former; the description says "AB system" there. UCDs are the IVOA's names of quantities
(UCD1+). A column "may be null" where a row can lack it. Bounds are included.

A release's parquet files carry all this in their footers (the IVOA's VOParquet convention): TOPCAT
shows it, and so does `Table.read(file, format="parquet.votable")` in astropy. That reader turns an
integer column with nulls into floats and a null text into `None`; the files that
`transferz export` writes keep both.

## A release

The parquet files `<config>/<split>-*.parquet`, the same columns in every config. These are of the
paper's surveys; the bands and names of the [others](#other-surveys) differ.

{release}

`_index/<config>.index`, parquet too, where no reader of folders or of `*.parquet` takes it for
data: {index_description}.

{index}

In a mock's raw files: {truth_description}. Config `truth` has it as `redshift`.

{truth}

## Catalogues, as ingested

Names and units are ours; "may be null" and the bounds are wide, because cuts come later.

{catalogues}

## Between stages

{stages}

## A compilation of redshifts

What `transferz specz` writes: {specz_description}.

{specz}

## Other surveys

{others}
"""

SURVEY = """\
### `{name}`: a release

{title}.

{release}
"""


def feature_list(table: Table) -> list[dict[str, str]]:
    """Return a table's features as a card's front matter lists them, for `datasets`.

    A column's unit, as astropy spells it, is the feature's ``id``, which `datasets` keeps as
    ``Value.id`` through loading, selecting, mapping and renaming: units travel that way.
    """
    return [
        {"name": column.name, "dtype": column.dtype} | ({"id": column.unit} if column.unit else {})
        for column in table
    ]


def column_fields(table: Table, record_set: str, file_set: str) -> list[dict[str, Any]]:
    """Return a Croissant ``Field`` for every column of a table.

    `record_set` and `file_set` are the ``@id`` of the record set and of the parquet files that hold
    the columns. Croissant 1.1 has no property of its own for a unit, but lets a field carry those
    of other vocabularies ("Using External Vocabularies"). We take schema.org's, its default
    vocabulary: ``unitText`` (the unit as astropy spells it), ``minValue``, ``maxValue``, and the
    UCD as an ``additionalProperty``. ``equivalentProperty`` is not it: that names what the field's
    values mean, by a URL, and neither our units nor UCDs have one.
    """
    fields = []
    for column in table:
        ucd = {"@type": "sc:PropertyValue", "propertyID": UCD_STANDARD, "name": "UCD"}
        described = {
            "unitText": column.unit or None,
            "minValue": column.minimum,
            "maxValue": column.maximum,
            "additionalProperty": ucd | {"value": column.ucd} if column.ucd else None,
        }
        fields.append(
            {
                "@type": "cr:Field",
                "@id": f"{record_set}/{column.name}",
                "name": column.name,
                "description": column.description,
                "dataType": DTYPE_NAMES[column.dtype][0],
                **{name: value for name, value in described.items() if value is not None},
                "source": {"fileSet": {"@id": file_set}, "extract": {"column": column.name}},
            }
        )
    return fields


def reference() -> str:
    """Return the column reference of all tables, as Markdown."""
    catalogues = [schemas.COSMOS2020, schemas.HSC, schemas.GALAXIESML, schemas.TRANSFERZ]
    between = [schemas.SELECTED, schemas.SPECTROSCOPIC, schemas.MATCHED]
    between += [schemas.PAIRS, schemas.ASSIGNED, schemas.REMOVED]
    of_index, of_truth, of_specz = (  # each to stand inside a sentence
        table.description[0].lower() + table.description[1:]
        for table in (schemas.INDEX, schemas.TRUTH, schemas.SPECZ)
    )
    return PAGE.format(
        release=column_table(schemas.RELEASE),
        index=column_table(schemas.INDEX),
        index_description=of_index,
        truth=column_table(schemas.TRUTH),
        truth_description=of_truth,
        catalogues=_sections(catalogues),
        stages=_sections(between),
        specz=column_table(schemas.SPECZ),
        specz_description=of_specz,
        others=_other_surveys(),
    )


def _other_surveys() -> str:
    """The release and the own catalogues of each survey whose columns are not the paper's."""
    from transferz.schemas.survey.survey import find_survey, surveys  # not in every install

    others = [one for one in map(find_survey, surveys()) if one.release != schemas.RELEASE]
    papers = (schemas.HSC, schemas.GALAXIESML)  # taken over, and shown above
    return "\n\n".join(
        SURVEY.format(name=one.name, title=one.title, release=column_table(one.release))
        + f"\n{_sections([table for table in one.tables.values() if table not in papers])}"
        for one in others
    )


def _sections(tables: Sequence[Table]) -> str:
    return "\n\n".join(
        f"### `{table.name}`\n\n{table.description}.\n\n{column_table(table)}" for table in tables
    )


def column_table(table: Table, *, brief: bool = False) -> str:
    """Return a table's columns as a Markdown table, one row each.

    It says name, type and whether it may be null, unit, UCD, bounds or allowed values, description;
    `brief` leaves UCD and values out, so that the description has room on a narrow page.
    """
    titles = _BRIEF if brief else _TITLES
    lines = [titles, ["---"] * len(titles)]
    for column in table:
        cells = {
            "Column": f"`{column.name}`",
            "Type": column.dtype + (", may be null" if column.nullable else ""),
            "Unit": column.unit,
            "UCD": f"`{column.ucd}`" if column.ucd else "",
            "Values": _values(column),
            "Description": column.description,
        }
        lines.append([cells[title].replace("|", r"\|") for title in titles])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _values(column: Column) -> str:
    """Which values are allowed, in words; empty where all are."""
    if column.categories:
        return ", ".join(f"`{category}`" for category in column.categories)
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        bounds = [f"{low:g} to {high:g}"]
    elif low is not None:
        bounds = [f"≥ {low:g}"]
    else:
        bounds = [f"≤ {high:g}"] if high is not None else []
    return ", ".join(bounds + ["unique"] * column.unique)


def votable_unit(unit: str) -> str:
    """Return a unit, in astropy's spelling, as VOTable and FITS spell it.

    Neither has AB magnitudes: ``mag(AB)`` is ``mag`` there. Their zero point is then said in the
    description (`votable_description`).
    """
    return "mag" if unit == "mag(AB)" else unit


def votable_description(column: Column) -> str:
    """Return a column's description, with what `votable_unit` drops of its unit."""
    return column.description + ("; AB system" if column.unit == "mag(AB)" else "")


def votable_footer(table: Table, longest: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return the key-value pairs of a parquet file that describe its columns, in the file's order.

    The same declaration gives the same bytes: no clock, no version of any software. `longest` holds
    the characters of each string column's longest value, by `longest_strings`; a column that is not
    in it has the length of its longest category, or 1.
    """
    strings = {
        column.name: (longest or {}).get(column.name, max(map(len, column.categories), default=1))
        for column in table
        if column.dtype == "string"
    }
    hints = {LENGTH_KEY.format(name=name): str(length) for name, length in strings.items()}
    return {VERSION_KEY: "1.0", CONTENT_KEY: votable_document(table, strings)} | hints


def longest_strings(rows: "pa.Table") -> dict[str, int]:
    """Return the characters of the longest value of every string column, of all rows of a file.

    At least 4, because astropy's parquet reader makes the text ``None`` of a null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    longest = {name: pc.max(pc.utf8_length(rows[name])).as_py() or 0 for name in names}
    return {name: max(length, len("None")) for name, length in longest.items()}


def votable_document(table: Table, longest: Mapping[str, int]) -> str:
    """Return a VOTable (1.4) that describes a table's columns and holds no rows.

    Not written by `astropy.io.votable`, which puts its own version in a comment and a row count
    of 0 in the table. `longest` gives the characters of each string column's longest value, because
    astropy's reader can't join a column of unknown length to its data.
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


def _frame(column: Column) -> str:
    """The coordinate system of a position, by reference; all of ours are ICRS."""
    return _COORDINATES["ID"] if column.ucd.startswith("pos.eq.") else ""


def _add_field(element: ET.Element, column: Column, length: int) -> None:
    attributes = {
        "name": column.name,
        "datatype": DTYPE_NAMES[column.dtype][1],
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


def main(argv: Sequence[str]) -> int:
    """Write the reference to the file named, or else to standard output."""
    if argv:
        Path(argv[0]).write_text(reference(), encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(reference())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
