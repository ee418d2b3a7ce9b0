"""The data of a release: each parquet file, and what rows promise across files.

First the checks of one file or split: columns, footer, values, content, index. Then those of the
rows of all configs: one split per object, nothing near in two, unions, truth. All yield what is
broken.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.manifest import columns
from transferz.dataset.pipeline.params import SplitParams
from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.sky.neighbours import group_ids, pairs_within
from transferz.dataset.sky.positions import Positions
from transferz.dataset.splits.hashing import hash_ids, hash_rows, split_by_hash, split_by_sky_block
from transferz.dataset.verify.findings import Broken, some
from transferz.schemas import INDEX, RELEASE, Column, SchemaError, Table
from transferz.schemas.survey.derived import CONTENT_KEY, longest_strings, votable_footer
from transferz.schemas.survey.files import MANIFEST_FILE, index_file
from transferz.schemas.survey.frames import arrow_schema, check, to_frame

LABELS = ("redshift", "redshift_lo", "redshift_hi", "redshift_kind")
"""What the same object has otherwise in another config."""

FACTS = ("dtype", "unit", "ucd")
"""What another declaration may not differ in; a better description is no other column."""

Rows = Mapping[str, pd.DataFrame]
"""config -> rows, as `read_rows` gives them, of all splits."""

Parameters = Mapping[str, Any]
"""The manifest's ``parameters``."""

KINDS = {"transferz": "photometric", "galaxiesml": "spectroscopic", "truth": "true"}
"""The configs whose labels are all of one kind."""

Declared = Mapping[str, Mapping[str, str]]


def check_declaration(stated: Declared, *, to_the_letter: bool) -> Iterator[Broken]:
    """Check the manifest's ``columns`` against those this package declares.

    Descriptions may be others, unless all is to be the same `to_the_letter`.
    """
    ours = columns()
    if list(stated) != list(ours):
        lacking = some(name for name in ours if name not in stated) or "none"
        beyond = some(name for name in stated if name not in ours) or "none"
        found = f"columns without {lacking}, with {beyond} more, or in another order"
        advice = "those of this package; a release of another version is checked by that version"
        yield Broken(MANIFEST_FILE, "declaration", found, advice)
    for name in (name for name in ours if name in stated):
        facts = (*FACTS, "description") if to_the_letter else FACTS
        for fact in (fact for fact in facts if fact in stated[name]):
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


def check_index(release: Path, config: str, rows: pd.DataFrame) -> Iterator[Broken]:
    """Check a config's index against its rows, as `read_rows` gives them."""
    path = index_file(release, config)
    name = path.relative_to(release).as_posix()
    index = read_table(path, INDEX).set_index("object_id")
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
    """Return the rows of a config, and what promises across files need beside them.

    `tables` has the rows of each of `splits`, by what reports call their files. Added are
    ``row_hash`` of all columns and ``rest_hash`` of all but the labels, int64, and ``split`` and
    ``file``, categories.
    """
    rows = _together(tables.values())
    rest = [column for column in rows.column_names if column not in LABELS]
    counts = [table.num_rows for table in tables.values()]
    return to_frame(rows, RELEASE).assign(
        row_hash=hash_rows(rows).view(np.int64),
        rest_hash=hash_rows(rows, rest).view(np.int64),
        split=pd.Categorical(np.repeat(list(splits), counts)),
        file=pd.Categorical(np.repeat(list(tables), counts)),
    )


def check_unique(rows: Rows, _: Parameters) -> Iterator[Broken]:
    """Check that an object occurs once in a config, and that a file's rows ascend."""
    for config, table in rows.items():
        for file, part in table.groupby("file", observed=True):
            if not part["object_id"].is_monotonic_increasing:
                found = "rows in another order than their ids'"
                yield Broken(str(file), "unique_ids", found, "ascending ids")
        repeated = table["object_id"].duplicated(keep=False)
        for file, part in table.loc[repeated].groupby("file", observed=True):
            ids = part["object_id"].unique()
            found = f"{len(ids):,} objects more than once in config '{config}': {some(ids)}"
            yield Broken(str(file), "unique_ids", found)


def check_own_split(rows: Rows, parameters: Parameters) -> Iterator[Broken]:
    """Check that every object is in the split that the manifest's parameters give it.

    By scheme ``published`` a split is what its source published, which no row shows: only the
    authors' own table may have it.
    """
    params = SplitParams.model_validate(parameters["split"])
    if params.scheme == "published":
        found = "split.scheme 'published' in a release that is not the authors' own table"
        yield Broken(MANIFEST_FILE, "own_split", found, "hash or sky_block, which can be checked")
        return
    for config, table in rows.items():
        wanted = _own_split(table, rows["galaxiesml"], params)
        wrong = table["split"].to_numpy(dtype=object) != wanted
        yield from _per_file(table, wrong, "own_split", f"of config '{config}' in another split")


def _own_split(rows: pd.DataFrame, spectroscopic: pd.DataFrame, params: SplitParams) -> Any:
    if params.scheme == "hash":
        hashes = hash_ids(rows["object_id"].to_numpy(), params.salt)
        return split_by_hash(hashes, params.fractions).astype(object)
    position = spectroscopic.drop_duplicates("object_id").set_index("object_id")[["ra", "dec"]]
    position = position.reindex(rows["object_id"]).set_axis(rows.index)  # it decides, where it is
    ra, dec = (position[name].fillna(rows[name]).to_numpy() for name in ("ra", "dec"))
    names = split_by_sky_block(ra, dec, params.sky_block_nside, params.salt, params.fractions)
    return names.astype(object)


def _per_file(
    rows: pd.DataFrame, wrong: Any, promise: str, what: str, expected: str = ""
) -> Iterator[Broken]:
    """One finding for each file that has wrong rows."""
    for file, part in rows.loc[wrong].groupby("file", observed=True):
        found = f"{len(part):,} objects {what}: {some(part['object_id'])}"
        yield Broken(str(file), promise, found, expected)


def check_one_split(rows: Rows, _: Parameters) -> Iterator[Broken]:
    """Check that an object is in one split, whatever the config."""
    together = pd.concat(rows.values(), ignore_index=True)
    codes = pd.Series(pd.factorize(together["split"])[0], together.index)
    by_object = codes.groupby(together["object_id"])
    differs = by_object.transform("min") != by_object.transform("max")
    yield from _per_file(together, differs, "one_split", "that are in another split elsewhere")


def check_apart(rows: Rows, parameters: Parameters) -> Iterator[Broken]:
    """Check that no two objects within the match radius, and no group, are in two splits."""
    radius = parameters["match"]["radius_arcsec"]
    objects = _located(rows)
    sky = Positions(objects["ra"], objects["dec"], np.arange(len(objects)), "the release's rows")
    pairs = pairs_within(sky, radius)
    ids, split = objects["object_id"].to_numpy(), objects["split"].to_numpy(dtype=object)
    near = (split[pairs.i] != split[pairs.j]) & (ids[pairs.i] != ids[pairs.j])
    for i, j in list(zip(pairs.i[near], pairs.j[near], strict=True))[:20]:
        found = f"object {ids[i]} within {radius:g} arcsec of {ids[j]} of {objects['file'].iloc[j]}"
        yield Broken(str(objects["file"].iloc[i]), "apart", found, "such pairs in one split")
    together = pd.concat(rows.values(), ignore_index=True)
    splits = together.groupby("group_id")["split"].transform("nunique")
    yield from _per_file(together, splits > 1, "apart", "of groups that are in several splits")


def _located(rows: Rows) -> pd.DataFrame:
    """Rows with a position; those of one object at one place once."""
    names = ["object_id", "ra", "dec", "split", "file"]
    together = pd.concat([table[names] for table in rows.values()], ignore_index=True)
    together = together.drop_duplicates(["object_id", "ra", "dec", "split"])
    return together.dropna(subset=["ra", "dec"]).reset_index(drop=True)


def check_groups(rows: Rows, parameters: Parameters) -> Iterator[Broken]:
    """Check ``group_id`` by computing it anew from the positions."""
    together = pd.concat(rows.values(), ignore_index=True)
    places = together.drop_duplicates(["object_id", "ra", "dec"])
    ids, ra, dec = (places[name].to_numpy() for name in ("object_id", "ra", "dec"))
    group = pd.Series(group_ids(ids, ra, dec, parameters["match"]["radius_arcsec"]), index=ids)
    wanted = group[~group.index.duplicated()].reindex(together["object_id"]).to_numpy()
    wrong = together["group_id"].to_numpy() != wanted
    yield from _per_file(together, wrong, "groups", "with another group_id than their positions'")


def check_labels(rows: Rows, _: Parameters) -> Iterator[Broken]:
    """Check that configs of one kind of label have no other."""
    for config in (name for name in KINDS if name in rows):
        wrong = rows[config]["redshift_kind"] != KINDS[config]
        what = f"whose redshift_kind is not '{KINDS[config]}'"
        yield from _per_file(rows[config], wrong.to_numpy(dtype=bool), "labels", what)


def check_combo(rows: Rows, _: Parameters) -> Iterator[Broken]:
    """Check that ``combo`` is what the other configs make it."""
    spectroscopic, photometric = rows["galaxiesml"], rows["transferz"]
    both = np.zeros(len(photometric), dtype=bool)
    for name in ("object_id", "cosmos_id", "specz_name"):  # how the two name one galaxy
        both |= photometric[name].isin(spectroscopic[name].dropna()).to_numpy(dtype=bool)
    union = pd.concat([spectroscopic, photometric.loc[~both]], ignore_index=True)
    yield from _same_rows(rows["combo"], union, "row_hash", "combo")


def _same_rows(
    rows: pd.DataFrame, wanted: pd.DataFrame, values: str, promise: str, *, all_of_them: bool = True
) -> Iterator[Broken]:
    """Check rows against those they should be, by id and by a hash of their values."""
    source = wanted.drop_duplicates("object_id").set_index("object_id")[values]
    more = ~rows["object_id"].isin(source.index)
    yield from _per_file(rows, more, promise, "that should not be there")
    if all_of_them and (lacking := source.index.difference(rows["object_id"])).size:
        lost = wanted.loc[wanted["object_id"].isin(lacking)]
        yield from _per_file(lost, slice(None), promise, f"that {promise} lacks")
    shared = rows.loc[~more]
    differs = source.reindex(shared["object_id"]).to_numpy() != shared[values].to_numpy()
    yield from _per_file(shared, differs, promise, "with other values than in their own config")


def check_truth(rows: Rows, _: Parameters) -> Iterator[Broken]:
    """Check a mock's ``truth``: released objects, but for the label as they are elsewhere."""
    truth = rows["truth"]
    released = pd.concat([rows["galaxiesml"], rows["transferz"]], ignore_index=True)
    yield from _same_rows(truth, released, "rest_hash", "truth", all_of_them=False)
    first, *others = (truth[name].to_numpy() for name in LABELS[:3])
    wrong = np.logical_or.reduce([first != other for other in others])
    yield from _per_file(truth, wrong, "truth", "whose interval is not their redshift")


ROW_CHECKS: dict[str, Callable[[Rows, Parameters], Iterator[Broken]]] = {
    "unique_ids": check_unique,
    "own_split": check_own_split,
    "one_split": check_one_split,
    "apart": check_apart,
    "groups": check_groups,
    "labels": check_labels,
    "combo": check_combo,
    "truth": check_truth,
}
"""The checks of what rows promise together, by promise."""
