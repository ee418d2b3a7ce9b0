"""What a declaration becomes elsewhere: Hugging Face features, Croissant fields, Markdown tables.

``python -m transferz.schemas.survey.derived docs/columns.md`` writes the reference of all tables.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferz import schemas
from transferz.schemas.survey.column import Column, Table


def feature_list(table: Table) -> list[dict[str, str]]:
    """Return a table's features as a card's front matter lists them.

    A column's unit is the feature's ``id``, which `datasets` keeps as ``Value.id`` through
    loading, selecting, mapping and renaming: units travel that way.

    Parameters
    ----------
    table : Table
        The declaration.

    Returns
    -------
    list of dict
        ``name``, ``dtype`` and, where the column has a unit, ``id``: the unit as astropy spells
        it. ``datasets.Features._from_yaml_list`` reads it.
    """
    return [
        {"name": column.name, "dtype": column.dtype} | ({"id": column.unit} if column.unit else {})
        for column in table
    ]


DATA_TYPES = {
    "bool": "sc:Boolean",
    "int16": "cr:Int16",
    "int64": "cr:Int64",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
    "string": "sc:Text",
}
"""Croissant's names of our dtypes."""

UCD_STANDARD = "https://www.ivoa.net/documents/UCD1+/"


def column_fields(table: Table, record_set: str, file_set: str) -> list[dict[str, Any]]:
    """Return a Croissant ``Field`` for every column of a table.

    Croissant 1.1 has no property of its own for a unit, but lets a field carry those of other
    vocabularies ("Using External Vocabularies"). We take schema.org's, its default vocabulary:
    ``unitText`` (the unit as astropy spells it), ``minValue``, ``maxValue``, and the UCD as an
    ``additionalProperty``. ``equivalentProperty`` is not it: that names what the field's values
    mean, by a URL, and neither our units nor UCDs have one.

    Parameters
    ----------
    table : Table
        The declaration.
    record_set : str
        The ``@id`` of the record set.
    file_set : str
        The ``@id`` of the parquet files that hold the columns.
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
                "dataType": DATA_TYPES[column.dtype],
                **{name: value for name, value in described.items() if value is not None},
                "source": {"fileSet": {"@id": file_set}, "extract": {"column": column.name}},
            }
        )
    return fields


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

The parquet files `<config>/<split>-*.parquet`, the same columns in every config.

{release}

`<config>/index.parquet`: {index_description}.

{index}

In a mock's raw files: {truth_description}. Config `truth` has it as `redshift`.

{truth}

## Catalogues, as ingested

Names and units are ours; "may be null" and the bounds are wide, because cuts come later.

{catalogues}

## Between stages

{stages}
"""

SECTION = """\
### `{name}`

{description}.

{table}"""


def reference() -> str:
    """Return the column reference of all tables, as Markdown."""
    catalogues = [schemas.COSMOS2020, schemas.HSC, schemas.GALAXIESML, schemas.TRANSFERZ]
    between = [schemas.SELECTED, schemas.SPECTROSCOPIC, schemas.MATCHED]
    between += [schemas.PAIRS, schemas.ASSIGNED, schemas.REMOVED]
    sections = (
        "\n\n".join(
            SECTION.format(
                name=table.name, description=table.description, table=column_table(table)
            )
            for table in tables
        )
        for tables in (catalogues, between)
    )
    of_index, of_truth = (  # each to stand inside a sentence
        table.description[0].lower() + table.description[1:]
        for table in (schemas.INDEX, schemas.TRUTH)
    )
    return PAGE.format(
        release=column_table(schemas.RELEASE),
        index=column_table(schemas.INDEX),
        index_description=of_index,
        truth=column_table(schemas.TRUTH),
        truth_description=of_truth,
        catalogues=next(sections),
        stages=next(sections),
    )


def column_table(table: Table, *, brief: bool = False) -> str:
    """Return a table's columns as a Markdown table, one row each.

    Parameters
    ----------
    table : Table
        The declaration.
    brief : bool
        Leave UCD and values out, so that the description has room on a narrow page.

    Returns
    -------
    str
        Name, type and whether it may be null, unit, UCD, bounds or allowed values, description.
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


def main(argv: Sequence[str]) -> int:
    """Write the reference to the file named, or else to standard output."""
    if argv:
        Path(argv[0]).write_text(reference(), encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(reference())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
