"""The data of a release, file by file: columns, footer, values, content, index.

All checks yield what is broken. What rows promise across files is looked at in `promises`.
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
from transferz.schemas import Column, SchemaError, Table
from transferz.schemas.survey.derived import CONTENT_KEY, longest_strings, votable_footer
from transferz.schemas.survey.described import HSC_BANDS, bands_of
from transferz.schemas.survey.files import MANIFEST_FILE, index_file
from transferz.schemas.survey.frames import arrow_schema, check, to_frame
from transferz.schemas.survey.survey import Survey, find_survey

LABELS = ("redshift", "redshift_lo", "redshift_hi", "redshift_kind")
"""What the same object has otherwise in another config."""

FACTS = ("dtype", "unit", "ucd")
"""What another declaration may not differ in; a better description is no other column."""

Manifest = Mapping[str, Any]
"""What a release says of itself, checked to be of the shape of one."""

ADVICE = "those of this package; a release of another version is checked by that version"


def check_declaration(
    manifest: Manifest, survey: Survey, *, to_the_letter: bool
) -> Iterator[Broken]:
    """Check the manifest's ``columns`` and ``bands`` against those this package declares.

    Descriptions may be others, unless all is to be the same `to_the_letter`.
    """
    stated, ours = manifest["columns"], columns(survey.release)
    if list(stated) != list(ours):
        lacking = some(name for name in ours if name not in stated) or "none"
        beyond = some(name for name in stated if name not in ours) or "none"
        found = f"columns without {lacking}, with {beyond} more, or in another order"
        yield Broken(MANIFEST_FILE, "declaration", found, ADVICE)
    for name in (name for name in ours if name in stated):
        facts = (*FACTS, "description") if to_the_letter else FACTS
        for fact in (fact for fact in facts if fact in stated[name]):
            if stated[name][fact] != ours[name][fact]:
                found = f"{fact} '{stated[name][fact]}' of column '{name}'"
                yield Broken(MANIFEST_FILE, "declaration", found, f"'{ours[name][fact]}'")
    bands, our_bands = list(bands_of(manifest)), list(survey.described_bands)
    if not to_the_letter:  # another filter curve is a better word for the same band
        bands, our_bands = ([replace(one, curve="") for one in of] for of in (bands, our_bands))
    if bands != our_bands:
        found = f"bands {', '.join(f'{one.name} ({one.magnitude} {one.curve})' for one in bands)}"
        yield Broken(MANIFEST_FILE, "declaration", found, ADVICE)


def declared_table(manifest: Manifest, survey: Survey | None) -> Table:
    """Return a release's columns as its manifest states them, with the survey's bounds.

    Without a survey the bounds are those of the columns that every release has; what else there is
    may be null.
    """
    table = (survey or find_survey("cosmos2020")).release
    known = {column.name: column for column in table}
    for band in bands_of(manifest) if survey is None else ():
        known[band.magnitude] = table[HSC_BANDS[0].magnitude]
        known[band.error] = table[HSC_BANDS[0].error]
    empty = Column("", dtype="string", unit="", description="", nullable=survey is None)
    declared = [
        replace(known.get(name, empty), **{"name": name, **facts})
        for name, facts in manifest["columns"].items()
    ]
    return replace(table, columns=tuple(declared))


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


def check_footer(
    path: Path, name: str, table: Table, *, to_the_letter: bool = False
) -> Iterator[Broken]:
    """Check what a parquet file's VOParquet footer says of its columns, against a declaration.

    Where all is to be the same `to_the_letter`, as this package writes it.
    """
    metadata = pq.read_metadata(path).metadata or {}
    entries = {key.decode("utf-8"): value.decode("utf-8") for key, value in metadata.items()}
    if not (text := entries.get(CONTENT_KEY, "")):
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
    if to_the_letter and fields == wanted:
        texts = [column.name for column in table if column.dtype == "string"]
        own = votable_footer(table, longest_strings(pq.read_table(path, columns=texts)))
        if differing := sorted(
            key for key in {**own, **entries} if own.get(key) != entries.get(key)
        ):
            found = f"other entries, or other ones: {some(differing)}"
            yield Broken(name, "footer", found, "those that this package writes")


def footer_fields(text: str) -> dict[str, dict[str, str]]:
    """Read the columns of a VOTable without data, which is XML.

    Of each column ``datatype``, ``unit``, ``ucd`` and ``description``, empty where not given. Text
    that is no such XML raises `ValueError` or `xml.etree.ElementTree.ParseError`.
    """
    if "<!" in text:  # entities could blow it up, and we write no comments
        raise ValueError("XML with declarations")
    fields = {}
    for field in ET.fromstring(text).iterfind(".//{*}FIELD"):  # noqa: S314
        facts = {name: field.get(name, "") for name in ("datatype", "unit", "ucd")}
        facts["description"] = (field.findtext("{*}DESCRIPTION") or "").strip()
        fields[field.get("name", "")] = facts
    return fields


def check_values(tables: Iterable[pa.Table], name: str, table: Table) -> Iterator[Broken]:
    """Check the rows of some splits of a config against the bounds that `table` declares."""
    try:
        check(to_frame(_together(tables), table), table)
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


def check_index(release: Path, config: str, rows: pd.DataFrame, table: Table) -> Iterator[Broken]:
    """Check a config's index, whose columns `table` declares, against rows by `read_rows`."""
    path = index_file(release, config)
    name = path.relative_to(release).as_posix()
    index = read_table(path, table).set_index("object_id")
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


def read_rows(tables: Mapping[str, pa.Table], splits: Iterable[str], table: Table) -> pd.DataFrame:
    """Return the rows of a config, and what promises across files need beside them.

    `tables` has the rows of each of `splits`, by what reports call their files, `table` declares
    their columns. Added are
    ``row_hash`` of all columns and ``rest_hash`` of all but the labels, int64, and ``split`` and
    ``file``, categories.
    """
    rows = _together(tables.values())
    rest = [column for column in rows.column_names if column not in LABELS]
    counts = [part.num_rows for part in tables.values()]
    return to_frame(rows, table).assign(
        row_hash=hash_rows(rows).view(np.int64),
        rest_hash=hash_rows(rows, rest).view(np.int64),
        split=pd.Categorical(np.repeat(list(splits), counts)),
        file=pd.Categorical(np.repeat(list(tables), counts)),
    )
