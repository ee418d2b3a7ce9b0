"""Each artefact of the built release says of every column what `schemas` declares."""

import json

import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from transferz.dataset.pipeline.tables import read_table
from transferz.schemas import CONFIGS, INDEX, RELEASE
from transferz.schemas.survey.derived import (
    column_fields,
    feature_list,
    longest_strings,
    votable_description,
    votable_footer,
)
from transferz.schemas.survey.files import CARD_FILE, CROISSANT_FILE, MANIFEST_FILE, index_file


def files(release):
    """Every parquet file with its declaration."""
    paths = sorted(release.glob("*/*.parquet"))
    assert {path.parent.name for path in paths} == set(CONFIGS)
    indices = [(index_file(release, config), INDEX) for config in CONFIGS]
    return [*((path, RELEASE) for path in paths), *indices]


def test_every_parquet_file_keeps_the_checks_and_carries_the_footer(built):
    for path, table in files(built.release):
        assert len(read_table(path, table)) > 0
        rows = pq.read_table(path)
        assert [field.name for field in rows.schema] == list(table.names)
        footer = {key.decode(): value.decode() for key, value in rows.schema.metadata.items()}
        assert footer == votable_footer(table, longest_strings(rows))


def test_astropy_returns_every_unit_and_ucd_of_every_file(built):
    for path, table in files(built.release):
        found = Table.read(path, format="parquet.votable")
        stated = [
            (str(column.unit or ""), column.meta.get("ucd", ""), column.description)
            for column in found.itercols()
        ]
        assert stated == [
            (column.unit.replace("mag(AB)", "mag"), column.ucd, votable_description(column))
            for column in table
        ]


def test_the_card_has_the_features_and_a_row_per_column(built):
    text = (built.release / CARD_FILE).read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert [one["config_name"] for one in front["dataset_info"]] == list(CONFIGS)
    assert all(one["features"] == feature_list(RELEASE) for one in front["dataset_info"])
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    for column in RELEASE:
        [cells] = [one for one in lines if f"`{column.name}`" in one and column.description in one]
        assert column.unit in cells


@pytest.mark.parametrize("config", CONFIGS)
def test_croissant_has_a_field_per_column(built, config):
    document = json.loads((built.release / CROISSANT_FILE).read_text(encoding="utf-8"))
    [found] = [one for one in document["recordSet"] if one["@id"] == config]
    assert found["field"][1:] == column_fields(RELEASE, config, f"{config}-files")


def test_the_manifest_has_type_and_unit_of_every_column(built):
    columns = json.loads((built.release / MANIFEST_FILE).read_text(encoding="utf-8"))["columns"]
    stated = {name: (facts["dtype"], facts["unit"]) for name, facts in columns.items()}
    assert stated == {column.name: (column.dtype, column.unit) for column in RELEASE}
