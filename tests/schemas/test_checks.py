"""A failed check says table, column, rule, how many rows, first values and ids."""

import numpy as np
import pytest

from transferz.schemas import RELEASE, SchemaError
from transferz.schemas.survey.frames import check, to_frame


@pytest.fixture
def frame(release_table):
    return to_frame(release_table, RELEASE)


def test_sound_rows_pass_unchanged(frame):
    before = frame.copy()
    assert check(frame, RELEASE) is frame
    assert frame.equals(before)


def spoil(frame, column, value, rows=1):
    spoilt = frame.copy()
    spoilt.loc[spoilt.index[:rows], column] = value
    return spoilt


CASES = [
    ("ra", 400.0, 7, "'ra': rule '<= 360' broken in 7 rows, first 400.0"),
    ("dec", -91.0, 1, "'dec': rule '>= -90' broken in 1 rows, first -91.0"),
    ("redshift", np.nan, 2, "'redshift': rule 'no missing values' broken in 2 rows"),
    ("redshift_kind", "guessed", 1, "'redshift_kind': rule 'one of photometric"),
]


@pytest.mark.parametrize(("column", "value", "rows", "message"), CASES)
def test_broken_rule_names_what_broke_it(frame, column, value, rows, message):
    with pytest.raises(SchemaError) as error:
        check(spoil(frame, column, value, rows), RELEASE, source="some/file.parquet")
    text = str(error.value)
    assert message in text
    assert text.startswith("table 'release' (some/file.parquet) breaks its schema")
    assert f"(object_id {frame['object_id'].iloc[0]})" in text


def test_at_most_five_offenders_are_named(frame):
    with pytest.raises(SchemaError) as error:
        check(spoil(frame, "ra", 400.0, rows=9), RELEASE)
    assert str(error.value).count("(object_id") == 5


def test_repeated_id_is_found(frame):
    frame.loc[frame.index[1], "object_id"] = frame.loc[frame.index[0], "object_id"]
    with pytest.raises(SchemaError, match=r"'object_id': rule 'unique values' broken in 2 rows"):
        check(frame, RELEASE)


def test_missing_and_extra_columns_are_named(frame):
    with pytest.raises(SchemaError, match="missing columns: dec"):
        check(frame.drop(columns="dec"), RELEASE)
    with pytest.raises(SchemaError, match="undeclared columns: colour"):
        check(frame.assign(colour=1.0), RELEASE)


def test_wrong_dtype_is_named(frame):
    with pytest.raises(SchemaError, match=r"'ra': expected dtype.'float64'., found float32"):
        check(frame.astype({"ra": "float32"}), RELEASE)


def test_every_broken_rule_is_reported_at_once(frame):
    with pytest.raises(SchemaError) as error:
        check(spoil(spoil(frame, "ra", 400.0), "dec", 100.0), RELEASE)
    assert "'ra'" in str(error.value) and "'dec'" in str(error.value)
