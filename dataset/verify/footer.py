"""What a parquet file says of its columns in its VOParquet footer, against the declaration."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from transferz.dataset.verify.report import Broken, some
from transferz.schemas import Column, Table
from transferz.schemas.survey.votable import (
    CONTENT_KEY,
    DATATYPES,
    votable_description,
    votable_unit,
)


def check_footer(path: Path, name: str, table: Table) -> Iterator[Broken]:
    """Check what a file's VOParquet footer says of its columns.

    Parameters
    ----------
    path : Path
        The parquet file.
    name : str
        What reports call it.
    table : Table
        The declaration.
    """
    text = (pq.read_metadata(path).metadata or {}).get(CONTENT_KEY.encode(), b"").decode("utf-8")
    if not text:
        yield Broken(name, "footer", "none", "VOTable metadata of the columns")
        return
    found, wanted = footer_fields(text), {one.name: _field(one) for one in table}
    if list(found) != list(wanted):
        yield Broken(name, "footer", f"columns {some(found)}", some(wanted))
    for column in (one for one in wanted if one in found):
        for fact, value in wanted[column].items():
            if (here := found[column][fact]) != value:
                yield Broken(name, "footer", f"{fact} '{here}' of column '{column}'", f"'{value}'")


def _field(column: Column) -> dict[str, str]:
    return {
        "datatype": DATATYPES[column.dtype],
        "unit": votable_unit(column.unit),
        "ucd": column.ucd,
        "description": votable_description(column),
    }


def footer_fields(text: str) -> dict[str, dict[str, str]]:
    """Read the columns of a VOTable without data.

    Parameters
    ----------
    text : str
        The XML.

    Returns
    -------
    dict
        ``datatype``, ``unit``, ``ucd`` and ``description`` by column; empty where not given.

    Raises
    ------
    ValueError, xml.etree.ElementTree.ParseError
        If it is no such XML.
    """
    if "<!" in text:  # entities could blow it up, and we write no comments
        raise ValueError("XML with declarations")
    found = {}
    for field in ET.fromstring(text).iterfind(".//{*}FIELD"):  # noqa: S314
        facts = {name: field.get(name, "") for name in ("datatype", "unit", "ucd")}
        facts["description"] = (field.findtext("{*}DESCRIPTION") or "").strip()
        found[field.get("name", "")] = facts
    return found
