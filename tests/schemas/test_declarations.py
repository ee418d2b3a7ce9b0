"""Every declared column is complete, and its unit and UCD are real."""

import pyarrow as pa
import pytest
from astropy import units
from astropy.io.votable.ucd import parse_ucd

from transferz import schemas
from transferz.photometry.bands import HSC_BANDS, effective_wavelength
from transferz.schemas.survey import paper
from transferz.schemas.survey.frames import arrow_schema, pandas_dtype, to_arrow, to_frame

TABLES = [value for value in vars(paper).values() if isinstance(value, schemas.Table)]
UCD_RANGES = {
    "em.opt.B": (4000, 5000),
    "em.opt.V": (5000, 6000),
    "em.opt.R": (6000, 7500),
    "em.opt.I": (7500, 10_000),
    "em.IR.NIR": (10_000, 50_000),
}
"""In angstrom, as the UCD1+ controlled vocabulary (IVOA, 1.5) words them."""

COLUMNS = [(table.name, column) for table in TABLES for column in table]


def test_every_table_is_exported():
    assert {table.name for table in TABLES} >= {
        *("cosmos2020", "hsc", "galaxiesml", "selected", "matched", "split", "release")
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_names_are_unique_and_key_is_declared(table):
    assert len(set(table.names)) == len(table.names)
    assert not table[table.key].nullable


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda x: getattr(x, "name", x))
def test_unit_and_ucd_are_valid(table, column):
    units.Unit(column.unit)
    if column.ucd:
        parse_ucd(column.ucd, check_controlled_vocabulary=True, has_colon=False)
    assert column.description


@pytest.mark.parametrize("band", schemas.BANDS)
def test_the_ucd_of_a_band_is_that_of_its_effective_wavelength(band):
    for name in (schemas.magnitude_name(band), schemas.error_name(band)):
        low, high = UCD_RANGES[schemas.RELEASE[name].ucd.split(";")[-1]]
        assert low <= effective_wavelength(HSC_BANDS[band]) < high


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_arrow_schema_carries_the_words(table):
    schema = arrow_schema(table)
    assert tuple(schema.names) == table.names
    for field, column in zip(schema, table, strict=True):
        assert field.nullable == column.nullable
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"description"].decode() == column.description


def test_nulls_survive_the_way_to_pandas_and_back(release_table):
    frame = to_frame(release_table, schemas.RELEASE)
    assert frame["cosmos_id"].isna().any() and frame["cosmos_id"].dtype == "Int64"
    assert to_arrow(frame, schemas.RELEASE).equals(release_table)


def test_null_in_a_boolean_column_is_refused_not_read_as_false():
    table = schemas.Table("flags", (schemas.Column("bad", "bool", "a flag"),), key="bad")
    with pytest.raises(schemas.SchemaError, match="'bad': expected a value in every row"):
        to_frame(pa.table({"bad": pa.array([True, None])}), table)


def test_large_ids_stay_exact():
    column = schemas.Column("id", "int64", "an id", nullable=True)
    table = schemas.Table("ids", (column,), key="id")
    ids = pa.table({"id": pa.array([43158322433012345, None], pa.int64())})
    assert pandas_dtype(column) == "Int64"
    assert to_frame(ids, table)["id"].iloc[0] == 43158322433012345
