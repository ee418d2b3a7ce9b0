"""A table's columns as fields of a Croissant record set, derived from the declaration."""

from typing import Any

from transferz.schemas.survey.column import Column, Table

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
    return [_field(column, record_set, file_set) for column in table]


def _field(column: Column, record_set: str, file_set: str) -> dict[str, Any]:
    described = {
        "unitText": column.unit or None,
        "minValue": column.minimum,
        "maxValue": column.maximum,
        "additionalProperty": _ucd(column.ucd) if column.ucd else None,
    }
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column.name}",
        "name": column.name,
        "description": column.description,
        "dataType": DATA_TYPES[column.dtype],
        **{name: value for name, value in described.items() if value is not None},
        "source": {"fileSet": {"@id": file_set}, "extract": {"column": column.name}},
    }


def _ucd(ucd: str) -> dict[str, str]:
    return {"@type": "sc:PropertyValue", "propertyID": UCD_STANDARD, "name": "UCD", "value": ucd}
