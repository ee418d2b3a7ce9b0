"""The VOParquet footer: valid VOTable, read back by astropy, the same bytes for the same table."""

import io
import warnings
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import votable
from astropy.table import Table as AstropyTable
from astropy.units import Unit
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from transferz.dataset.pipeline.tables import write_table
from transferz.dataset.splits.hashing import content_hash
from transferz.schemas import INDEX, RELEASE, Column, Table
from transferz.schemas.survey.derived import (
    CONTENT_KEY,
    DTYPE_NAMES,
    VERSION_KEY,
    longest_strings,
    votable_description,
    votable_document,
    votable_footer,
    votable_unit,
)
from transferz.schemas.survey.frames import to_frame

XSD = Path(votable.__file__).parent / "data" / "VOTable.v1.4.xsd"


def read(path):
    """What astropy's VOParquet reader makes of a file; a warning is a failure."""
    with warnings.catch_warnings(action="error"):
        return AstropyTable.read(path, format="parquet.votable")


@pytest.fixture
def described(tmp_path, release_table):
    path = tmp_path / "rows.parquet"
    write_table(to_frame(release_table, RELEASE), path, RELEASE, described=True)
    return path


@pytest.mark.parametrize("table", [RELEASE, INDEX], ids=lambda table: table.name)
def test_the_document_obeys_the_schema_of_votable_and_names_every_column(table):
    document = votable_footer(table)[CONTENT_KEY].encode()
    etree.XMLSchema(etree.parse(XSD)).assertValid(etree.fromstring(document))
    fields = votable.parse(io.BytesIO(document), verify="exception").get_first_table().fields
    assert [field.name for field in fields] == list(table.names)


def test_units_are_those_that_votable_knows():
    for column in [*RELEASE, *INDEX]:
        Unit(votable_unit(column.unit), format="vounit", parse_strict="raise")
        lost = votable_unit(column.unit) != column.unit
        assert lost == votable_description(column).endswith("AB system")


def test_astropy_reads_unit_ucd_and_description_of_every_column(described):
    table = read(described)
    assert table.colnames == list(RELEASE.names)
    for column in RELEASE:
        found = table[column.name]
        assert str(found.unit or "") == votable_unit(column.unit)
        assert found.meta.get("ucd", "") == column.ucd
        assert found.description == votable_description(column)
    assert table.meta["description"] == RELEASE.description


def test_positions_are_in_a_declared_coordinate_system():
    document = votable_document(RELEASE, {})
    table = votable.parse(io.BytesIO(document.encode())).get_first_table()
    frames = {field.name: field.ref for field in table.fields if field.ref}
    assert frames == {"ra": "icrs", "dec": "icrs"}
    assert "COOSYS" in document and "COOSYS" not in votable_document(INDEX, {})


def test_a_file_with_a_footer_holds_the_same_rows_and_repeats(described, tmp_path, release_table):
    frame = to_frame(release_table, RELEASE)
    again, plain = tmp_path / "again.parquet", tmp_path / "plain.parquet"
    write_table(frame, again, RELEASE, described=True)
    write_table(frame, plain, RELEASE)
    assert described.read_bytes() == again.read_bytes()
    rows, bare = pq.read_table(described), pq.read_table(plain)
    assert rows.equals(bare) and content_hash(rows) == content_hash(bare)
    pd.testing.assert_frame_equal(pd.read_parquet(described), pd.read_parquet(plain))
    assert pq.read_metadata(plain).metadata is None
    assert pq.read_metadata(described).metadata[VERSION_KEY.encode()] == b"1.0"


def test_datasets_reads_a_file_with_a_footer(described, tmp_path, release_table):
    from datasets import Dataset

    found = Dataset.from_parquet(str(described), cache_dir=str(tmp_path / "cache"))
    assert found.data.table.to_pylist() == release_table.to_pylist()


def test_strings_of_any_length_and_nulls_do_not_stop_astropy(tmp_path):
    columns = (Column("key", "int64", "a key"), Column("name", "string", "a name", nullable=True))
    table = Table("names", columns, key="key")
    for names in ([None, None], ["", None], ["b", "Œuvre №1"]):
        rows = pa.table({"key": [1, 2], "name": pa.array(names, pa.string())})
        path = tmp_path / "names.parquet"
        write_table(to_frame(rows, table), path, table, described=True)
        assert read(path)["name"].tolist() == [str(name) for name in names]
    assert longest_strings(rows) == {"name": len("Œuvre №1")}


@pytest.mark.parametrize(
    ("dtype", "low", "high", "said"),
    [
        ("int64", -2_000_000, 9_007_199_254_740_991, ("-2000000", "9007199254740991")),
        ("int16", 0, 30_000.0, ("0", "30000")),
        ("float64", 0.0001234567, 1_234_567.5, ("0.0001234567", "1234567.5")),
        ("float32", 0, 360, ("0.0", "360.0")),
    ],
)
def test_bounds_keep_their_digits_and_are_integers_where_the_column_is(dtype, low, high, said):
    column = Column("c", dtype, "c", minimum=low, maximum=high)
    document = votable_document(Table("t", (column,), key="c"), {})
    root = etree.fromstring(document.encode())
    assert tuple(one.get("value") for one in root.iter("{*}MIN", "{*}MAX")) == said
    field = votable.parse(io.BytesIO(document.encode())).get_first_table().fields[0]
    assert (field.values.min, field.values.max) == (low, high)  # noqa: PD011 (not pandas)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)


@settings(deadline=None, max_examples=40)
@given(dtype=st.sampled_from(sorted(DTYPE_NAMES)), texts=st.lists(TEXT, min_size=2, max_size=4))
def test_any_declaration_is_read_back_as_it_was_made(dtype, texts):
    """Whatever a description or category holds, markup included."""
    description, *categories = texts
    allowed = tuple(categories) if dtype == "string" else ()
    column = Column("c", dtype, description, unit="deg", ucd="meta.code", categories=allowed)
    document = votable_document(Table("t", (column,), key="c"), {"c": 3})
    field = votable.parse(io.BytesIO(document.encode())).get_first_table().fields[0]
    assert (field.name, field.datatype) == ("c", DTYPE_NAMES[dtype][1])
    assert (field.description, str(field.unit), field.ucd) == (description, "deg", "meta.code")
    assert [value for _, value in field.values.options] == list(allowed)  # noqa: PD011 (not pandas)
