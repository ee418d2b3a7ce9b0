"""Features, Croissant fields and the column reference say what the declarations say."""

from pathlib import Path

import pytest
from datasets import Features, Value

from transferz.schemas import RELEASE, Column, Table
from transferz.schemas.survey.derived import (
    DTYPE_NAMES,
    column_fields,
    column_table,
    feature_list,
    main,
    reference,
)

ROOT = Path(__file__).parents[2]


def test_datasets_reads_the_features_with_their_units():
    features = Features._from_yaml_list(feature_list(RELEASE))
    assert list(features) == list(RELEASE.names)
    for column in RELEASE:
        assert features[column.name] == Value(column.dtype, id=column.unit or None)


def test_every_column_is_a_croissant_field_with_unit_bounds_and_ucd():
    fields = column_fields(RELEASE, "combo", "files")
    assert [field["@id"] for field in fields] == [f"combo/{name}" for name in RELEASE.names]
    for field, column in zip(fields, RELEASE, strict=True):
        assert field["dataType"] == DTYPE_NAMES[column.dtype][0]
        assert field["description"] == column.description
        assert field.get("unitText", "") == column.unit
        assert (field.get("minValue"), field.get("maxValue")) == (column.minimum, column.maximum)
        assert field.get("additionalProperty", {}).get("value", "") == column.ucd


@pytest.mark.parametrize("brief", [False, True])
def test_the_column_table_has_a_row_per_column_with_its_unit(brief):
    rows = column_table(RELEASE, brief=brief).splitlines()[2:]
    for row, column in zip(rows, RELEASE, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert (cells[0], cells[2], cells[-1]) == (
            f"`{column.name}`",
            column.unit,
            column.description,
        )


def test_the_column_table_tells_bounds_categories_and_uniqueness():
    columns = (
        Column("a", "int64", "one | two", minimum=0, unique=True),
        Column("b", "float32", "b", minimum=-0.5, maximum=2.0, nullable=True),
        Column("c", "string", "c", categories=("x", "y")),
    )
    lines = column_table(Table("t", columns, key="a")).splitlines()
    assert lines[2] == r"| `a` | int64 |  |  | ≥ 0, unique | one \| two |"
    assert lines[3] == "| `b` | float32, may be null |  |  | -0.5 to 2 | b |"
    assert lines[4] == "| `c` | string |  |  | `x`, `y` | c |"


def test_the_documented_columns_are_in_step_with_the_declarations():
    found = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    assert found == reference(), (
        "docs/columns.md is out of step: python -m transferz.schemas.survey.derived docs/columns.md"
    )


def test_the_reference_goes_to_a_file_or_to_standard_output(tmp_path, capsys):
    assert main([str(tmp_path / "columns.md")]) == main([]) == 0
    assert (tmp_path / "columns.md").read_text(encoding="utf-8") == capsys.readouterr().out
