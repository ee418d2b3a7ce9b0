"""Every parquet file of a release: columns, footer, values, content, index.

The checks take the name that reports give a file, and yield what is broken in it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.manifest import columns
from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.verify.findings import Broken, some
from transferz.schemas import INDEX, RELEASE, Column, SchemaError, Table
from transferz.schemas.survey.derived import CONTENT_KEY, votable_footer
from transferz.schemas.survey.files import INDEX_FILE, MANIFEST_FILE
from transferz.schemas.survey.frames import arrow_schema, check, to_frame

LABELS = ("redshift", "redshift_lo", "redshift_hi", "redshift_kind")
"""What the same object has otherwise in another config."""

KEPT = ("object_id", "ra", "dec", *LABELS, "cosmos_id", "specz_name", "group_id")
"""The columns that promises across files need."""

FACTS = ("dtype", "unit", "ucd")
"""What another declaration may not differ in; a better description is no other column."""

Declared = Mapping[str, Mapping[str, str]]


def check_declaration(stated: Declared) -> Iterator[Broken]:
    """Check the manifest's ``columns`` against those this package declares."""
    ours = columns()
    if list(stated) != list(ours):
        lacking = some(name for name in ours if name not in stated) or "none"
        beyond = some(name for name in stated if name not in ours) or "none"
        found = f"columns without {lacking}, with {beyond} more, or in another order"
        advice = "those of this package; a release of another version is checked by that version"
        yield Broken(MANIFEST_FILE, "declaration", found, advice)
    for name in (name for name in ours if name in stated):
        for fact in (fact for fact in FACTS if fact in stated[name]):
            if stated[name][fact] != ours[name][fact]:
                found = f"{fact} '{stated[name][fact]}' of column '{name}'"
                yield Broken(MANIFEST_FILE, "declaration", found, f"'{ours[name][fact]}'")


def declared_table(stated: Declared) -> Table:
    """Return a release's columns as its manifest states them, ours with our bounds."""
    ours = {name: RELEASE[name] for name in RELEASE.names}
    empty = Column("", dtype="string", unit="", description="")
    columns = []
    for name, facts in stated.items():
        declared: dict[str, Any] = {"name": name, **facts}
        columns.append(replace(ours.get(name, empty), **declared))
    return replace(RELEASE, columns=tuple(columns))


def check_columns(path: Path, name: str, table: Table) -> Iterator[Broken]:
    """Check a parquet file's columns, their types and order, against a declaration."""
    fields, declared = (
        [(field.name, str(field.type)) for field in schema]
        for schema in (pq.read_schema(path), arrow_schema(table))
    )
    types, wanted = dict(fields), dict(declared)
    for column, kind in wanted.items():
        if column not in types:
            yield Broken(name, "columns", f"no column '{column}'", kind)
        elif types[column] != kind:
            yield Broken(name, "columns", f"column '{column}' of type {types[column]}", kind)
    if more := [column for column in types if column not in wanted]:
        yield Broken(name, "columns", f"undeclared columns {some(more)}")
    if types == wanted and fields != declared:
        yield Broken(name, "columns", "the columns in another order, or one twice", some(wanted))


def check_footer(path: Path, name: str, table: Table) -> Iterator[Broken]:
    """Check what a parquet file's VOParquet footer says of its columns, against a declaration."""
    text = (pq.read_metadata(path).metadata or {}).get(CONTENT_KEY.encode(), b"").decode("utf-8")
    if not text:
        yield Broken(name, "footer", "none", "VOTable metadata of the columns")
        return
    fields, wanted = map(footer_fields, (text, votable_footer(table)[CONTENT_KEY]))
    if list(fields) != list(wanted):
        yield Broken(name, "footer", f"columns {some(fields)}", some(wanted))
    for column in (column for column in wanted if column in fields):
        for fact, value in wanted[column].items():
            if (stated := fields[column][fact]) != value:
                found = f"{fact} '{stated}' of column '{column}'"
                yield Broken(name, "footer", found, f"'{value}'")


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
    fields = {}
    for field in ET.fromstring(text).iterfind(".//{*}FIELD"):  # noqa: S314
        facts = {name: field.get(name, "") for name in ("datatype", "unit", "ucd")}
        facts["description"] = (field.findtext("{*}DESCRIPTION") or "").strip()
        fields[field.get("name", "")] = facts
    return fields


def check_values(tables: Iterable[pa.Table], name: str) -> Iterator[Broken]:
    """Check the rows of some splits of a config against their declared bounds."""
    try:
        check(to_frame(_together(tables), RELEASE), RELEASE)
    except SchemaError as error:
        yield Broken(name, "bounds", str(error))


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    """Rows of several files; whether nulls are allowed may differ in what the files state."""
    return pa.concat_tables(list(tables), promote_options="default")


def check_content(
    size: Mapping[str, Any], name: str, stated: Mapping[str, Any]
) -> Iterator[Broken]:
    """Check a split's ``rows``, ``bytes`` and ``content`` against those the manifest states."""
    for fact, value in size.items():
        if value != stated[fact]:
            yield Broken(name, "content", f"{fact} {value}", f"{stated[fact]}, by {MANIFEST_FILE}")


def check_counts(
    stated: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[Broken]:
    """Check the rows that the build counted, in the manifest's ``counts``, by config and split."""
    counted = stated["release"]["rows_out"]
    rows = {name: {s: size["rows"] for s, size in of.items()} for name, of in sizes.items()}
    for config in {**rows, **counted}:
        if counted.get(config) != rows.get(config):
            found = f"counts.release.rows_out of '{config}': {counted.get(config)}"
            yield Broken(MANIFEST_FILE, "content", found, str(rows.get(config)))


def check_index(release: Path, config: str, rows: pd.DataFrame) -> Iterator[Broken]:
    """Check a config's index against its rows, as `read_rows` gives them."""
    name = f"{config}/{INDEX_FILE}"
    index = read_table(release / name, INDEX).set_index("object_id")
    data = rows.drop_duplicates("object_id").set_index("object_id")
    if len(alone := index.index.symmetric_difference(data.index)):
        found = f"objects {some(alone)} in one of index and data alone"
        yield Broken(name, "index", found, "the same in both")
    common = index.index.intersection(data.index)
    for column in ("split", "row_hash"):
        stated, values = (of.loc[common, column].to_numpy(dtype=object) for of in (index, data))
        if (differs := common[stated != values]).size:
            found = f"another {column} than the data's for {differs.size:,} objects: "
            yield Broken(name, "index", found + some(differs))


def read_rows(tables: Mapping[str, pa.Table], splits: Iterable[str]) -> pd.DataFrame:
    """Return what promises across files need of a config.

    Parameters
    ----------
    tables : mapping
        The splits' rows by what reports call their files.
    splits : iterable of str
        Their names.

    Returns
    -------
    pandas.DataFrame
        The columns `KEPT`; ``row_hash`` of all columns and ``rest_hash`` of all but the labels,
        int64; ``split`` and ``file``, categories.
    """
    rows = _together(tables.values())
    rest = [column for column in rows.column_names if column not in LABELS]
    counts = [table.num_rows for table in tables.values()]
    kept = replace(RELEASE, columns=tuple(RELEASE[name] for name in KEPT))
    return to_frame(rows, kept).assign(
        row_hash=hash_rows(rows).view(np.int64),
        rest_hash=hash_rows(rows, rest).view(np.int64),
        split=pd.Categorical(np.repeat(list(splits), counts)),
        file=pd.Categorical(np.repeat(list(tables), counts)),
    )
