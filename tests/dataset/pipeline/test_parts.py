"""Tables that are read and written in parts: the same rows, checks and bytes as when whole."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from transferz.dataset.pipeline.tables import read_parts, read_table, write_parts, write_table
from transferz.schemas import Column, InputError, SchemaError, Table

TABLE = Table(
    "things",
    (
        Column("id", "int64", "Identifier", unique=True),
        Column("flux", "float32", "Flux", maximum=9.0),
        Column("name", "string", "Name", nullable=True),
    ),
    key="id",
)
ROWS = pd.DataFrame(
    {
        "id": np.arange(100),
        "flux": np.linspace(0, 9, 100).astype("float32"),
        "name": pd.array([None, "a"] * 50, dtype="string[pyarrow]"),
    }
)


@pytest.fixture
def path(tmp_path):
    write_table(ROWS, tmp_path / "whole.parquet", TABLE)
    groups = tmp_path / "groups.parquet"
    pq.write_table(pq.read_table(tmp_path / "whole.parquet"), groups, row_group_size=30)
    return groups


def test_parts_are_the_row_groups_of_the_whole(path):
    parts = list(read_parts(path, TABLE))
    assert [len(part) for part in parts] == [30, 30, 30, 10]
    joined = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(joined, read_table(path, TABLE))
    some = pd.concat(read_parts(path, TABLE, ["flux", "id"]), ignore_index=True)
    pd.testing.assert_frame_equal(some, joined[["id", "flux"]])


def test_no_rows_are_one_part(tmp_path):
    write_table(ROWS.iloc[:0], tmp_path / "t.parquet", TABLE)
    (part,) = read_parts(tmp_path / "t.parquet", TABLE, ["name"])
    assert (len(part), list(part), str(part["name"].dtype)) == (0, ["name"], "string")


def test_what_is_written_in_parts_is_the_same_file(path, tmp_path):
    write_parts(read_parts(path, TABLE), tmp_path / "again.parquet", TABLE)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("first", [10, 9])
def test_parts_out_of_order_are_refused(tmp_path, first):
    """Equal ids too: none may be in two parts."""
    with pytest.raises(InputError, match=f"not in the order of 'id': {first} comes after 10"):
        write_parts([ROWS[:11], ROWS[first:]], tmp_path / "t.parquet", TABLE)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"flux": 9.5}, SchemaError, "rule '<= 9' broken in 1 rows, first 9.5"),
        ({"id": None}, SchemaError, "column 'id': expected a value in every row, found 1 missing"),
    ],
)
def test_a_part_is_checked(path, change, error, said):
    rows = pq.read_table(path).to_pylist()
    pq.write_table(
        pq.read_table(path).from_pylist([*rows[:99], rows[99] | change], None),
        path,
        row_group_size=30,
    )
    parts = read_parts(path, TABLE)
    with pytest.raises(error, match=said):
        list(parts)


def test_a_file_that_is_no_table_or_lacks_a_column_is_named(path, tmp_path):
    pq.write_table(pq.read_table(path).drop_columns("flux"), tmp_path / "less.parquet")
    with pytest.raises(InputError, match="missing flux; rebuild it"):
        list(read_parts(tmp_path / "less.parquet", TABLE, ["flux"]))
    whole = tmp_path / "whole.parquet"
    data = bytearray(whole.read_bytes())
    data[100] ^= 255  # of a page, which has a checksum
    for damaged in (data, data[:200]):
        whole.write_bytes(damaged)
        with pytest.raises(InputError, match="no sound parquet file"):
            list(read_parts(whole, TABLE))
    with pytest.raises(InputError, match="is missing; run the stage before"):
        list(read_parts(tmp_path / "none.parquet", TABLE))
