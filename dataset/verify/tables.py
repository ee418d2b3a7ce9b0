"""Every parquet file of a release: pages, columns, values, content, index."""

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
from transferz.dataset.verify.parquet_pages import columns_without_checksum
from transferz.dataset.verify.report import Broken, some
from transferz.schemas import INDEX, RELEASE, Column, SchemaError, Table
from transferz.schemas.survey.checks import check
from transferz.schemas.survey.files import INDEX_FILE, MANIFEST_FILE
from transferz.schemas.survey.frames import arrow_schema, to_frame

LABELS = ("redshift", "redshift_lo", "redshift_hi", "redshift_kind")
"""What the same object has otherwise in another config."""

KEPT = ("object_id", "ra", "dec", *LABELS, "cosmos_id", "specz_name", "group_id")
"""The columns that promises across files need."""

FACTS = ("dtype", "unit", "ucd")
"""What another declaration may not differ in; a better description is no other column."""

Declared = Mapping[str, Mapping[str, str]]


def check_declaration(stated: Declared) -> Iterator[Broken]:
    """Check the manifest's columns against those this package declares.

    Parameters
    ----------
    stated : mapping
        The manifest's ``columns``.
    """
    ours = columns()
    if list(stated) != list(ours):
        lacking, beyond = [n for n in ours if n not in stated], [n for n in stated if n not in ours]
        found = f"columns without {some(lacking) or 'none'}, with {some(beyond) or 'none'} more"
        yield Broken(MANIFEST_FILE, "declaration", f"{found}, or in another order", _ADVICE)
    for name in (name for name in ours if name in stated):
        for fact in (fact for fact in FACTS if fact in stated[name]):
            if stated[name][fact] != ours[name][fact]:
                found = f"{fact} '{stated[name][fact]}' of column '{name}'"
                yield Broken(MANIFEST_FILE, "declaration", found, f"'{ours[name][fact]}'")


_ADVICE = "those of this package; a release of another version is checked by that version"


def declared_table(stated: Declared) -> Table:
    """Return a release's columns as its manifest states them.

    Parameters
    ----------
    stated : mapping
        The manifest's ``columns``.

    Returns
    -------
    Table
        With our bounds, where the column is ours.
    """
    return replace(RELEASE, columns=tuple(_declared(name, one) for name, one in stated.items()))


def _declared(name: str, stated: Mapping[str, str]) -> Column:
    if name not in RELEASE.names:
        return Column(name, **{"description": "", **stated})  # type: ignore[arg-type]
    return replace(RELEASE[name], **stated)  # type: ignore[arg-type]


def check_pages(path: Path, name: str) -> Iterator[Broken]:
    """Check that every page has a checksum; that it is right shows when the data are read."""
    if bare := columns_without_checksum(path):
        yield Broken(name, "page_checksums", f"pages without one in columns {some(bare)}")


def check_columns(path: Path, name: str, table: Table) -> Iterator[Broken]:
    """Check a file's columns, their types and order.

    Parameters
    ----------
    path : Path
        The parquet file.
    name : str
        What reports call it.
    table : Table
        The declaration.
    """
    found = [(field.name, str(field.type)) for field in pq.read_schema(path)]
    wanted = [(field.name, str(field.type)) for field in arrow_schema(table)]
    if found == wanted:
        return
    here, there = dict(found), dict(wanted)
    for one in there:
        if one not in here:
            yield Broken(name, "columns", f"no column '{one}'", f"{there[one]}")
        elif here[one] != there[one]:
            yield Broken(name, "columns", f"column '{one}' of type {here[one]}", there[one])
    if more := [one for one in here if one not in there]:
        yield Broken(name, "columns", f"undeclared columns {some(more)}")
    if sorted(here.items()) == sorted(there.items()):
        yield Broken(name, "columns", "the columns in another order, or one twice", some(there))


def check_values(tables: Iterable[pa.Table], name: str) -> Iterator[Broken]:
    """Check rows against their declared bounds.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Splits of one config.
    name : str
        What reports call their file.
    """
    try:
        check(to_frame(_together(tables), RELEASE), RELEASE)
    except SchemaError as error:
        yield Broken(name, "bounds", str(error))


def _together(tables: Iterable[pa.Table]) -> pa.Table:
    """Rows of several files; whether nulls are allowed may differ in what the files state."""
    return pa.concat_tables(list(tables), promote_options="default")


def check_content(
    found: Mapping[str, Any], name: str, stated: Mapping[str, Any]
) -> Iterator[Broken]:
    """Check what a split holds against what the manifest states of it.

    Parameters
    ----------
    found : mapping
        ``rows``, ``bytes`` and ``content`` of the rows.
    name : str
        What reports call their file.
    stated : mapping
        The same in the manifest.
    """
    for fact, value in found.items():
        if value != stated[fact]:
            yield Broken(name, "content", f"{fact} {value}", f"{stated[fact]}, by {MANIFEST_FILE}")


def check_counts(
    stated: Mapping[str, Any], rows: Mapping[str, Mapping[str, int]]
) -> Iterator[Broken]:
    """Check the rows that the build counted when it wrote them.

    Parameters
    ----------
    stated : mapping
        The manifest's ``counts``.
    rows : mapping
        Rows of the data by config and split.
    """
    counted = stated["release"]["rows_out"]
    for config in {**rows, **counted}:
        if counted.get(config) != rows.get(config):
            found = f"counts.release.rows_out of '{config}': {counted.get(config)}"
            yield Broken(MANIFEST_FILE, "content", found, str(rows.get(config)))


def check_index(release: Path, config: str, rows: pd.DataFrame) -> Iterator[Broken]:
    """Check a config's index against its rows.

    Parameters
    ----------
    release : Path
        The release directory.
    config : str
        The config.
    rows : pandas.DataFrame
        As `read_rows` gives them.
    """
    name = f"{config}/{INDEX_FILE}"
    index = read_table(release / name, INDEX).set_index("object_id")
    data = rows.drop_duplicates("object_id").set_index("object_id")
    if len(alone := index.index.symmetric_difference(data.index)):
        found = f"objects {some(alone)} in one of index and data alone"
        yield Broken(name, "index", found, "the same in both")
    common = index.index.intersection(data.index)
    for column in ("split", "row_hash"):
        here, there = (one.loc[common, column].to_numpy(dtype=object) for one in (index, data))
        if (differs := common[here != there]).size:
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
    kept = replace(RELEASE, columns=tuple(RELEASE[one] for one in KEPT))
    return to_frame(rows, kept).assign(
        row_hash=hash_rows(rows).view(np.int64),
        rest_hash=hash_rows(rows, rest).view(np.int64),
        split=pd.Categorical(np.repeat(list(splits), counts)),
        file=pd.Categorical(np.repeat(list(tables), counts)),
    )
