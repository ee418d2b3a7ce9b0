"""Conversions of streams that were filtered, mapped or renamed: rows, types and units stay."""

import datasets
import numpy as np
import pytest

import transferz
from transferz import rows
from transferz.schemas import ParameterError


@pytest.fixture
def stream(loaded, monkeypatch):
    """Seventy rows whose names are missing but for the last: types that a batch does not show."""
    monkeypatch.setattr(rows, "BATCH_ROWS", 20)
    test = loaded["test"]
    named = test.remove_columns("specz_name").add_column(
        "specz_name", [None] * 69 + ["survey"], feature=test.features["specz_name"]
    )
    return named.to_iterable_dataset(num_shards=2), named


TRANSFORMS = {
    "filter": lambda data: data.filter(lambda row: row["redshift"] < 1.5),
    "rename": lambda data: data.rename_column("ra", "longitude"),
    "map": lambda data: data.map(lambda row: {"redshift": row["redshift"] + 1, "colour": 0.5}),
    "map, then filter": lambda data: data.map(lambda row: {"colour": 0.5}).filter(
        lambda row: row["redshift"] < 1.5
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transformed_stream_is_what_the_dataset_is(name, stream):
    """The dataset that is not streamed, with the same done to it, is the judge."""
    streamed, whole = (TRANSFORMS[name](data) for data in stream)
    ours, expected = transferz.to_pandas(streamed), transferz.to_pandas(whole)
    assert ours.attrs == expected.attrs
    assert ours[expected.columns].equals(expected)
    assert dict(ours.dtypes) == dict(expected.dtypes)
    table, judge = transferz.to_astropy(streamed), transferz.to_astropy(whole)
    assert {one: table[one].info.dtype for one in judge.colnames} == {
        one: judge[one].info.dtype for one in judge.colnames
    }
    for mine, theirs in zip(transferz.to_torch(streamed), transferz.to_torch(whole), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_release_streamed_and_filtered_is_converted(tiny_release):
    """Shards in files, every ``specz_name`` missing."""
    streamed = transferz.load_dataset(path=tiny_release, split="test", streaming=True)
    near = streamed.filter(lambda row: row["redshift"] < 1)
    frame = transferz.to_pandas(near)
    assert len(frame) == len(list(near)) and str(frame["specz_name"].dtype).startswith("string")
    assert transferz.units(near) == transferz.units(streamed)


def test_a_filter_that_leaves_no_row_leaves_the_columns(stream):
    none = stream[0].filter(lambda row: False)
    assert transferz.to_pandas(none).columns.tolist() == stream[1].column_names
    assert transferz.to_torch(none).features.shape == (0, 5)
    with pytest.raises(ParameterError, match="no rows, and without rows no columns"):
        transferz.to_pandas(stream[0].map(lambda row: {"a": 1}).filter(lambda row: False))


def test_types_of_new_columns_may_show_late_but_must_agree():
    def changing(values):
        data = datasets.Dataset.from_dict({"k": list(range(len(values)))}).to_iterable_dataset()
        return data.map(lambda row: {"new": values[row["k"]], "redshift": row["k"]})

    frame = transferz.to_pandas(changing([None, 1, 2.5]))
    assert frame["new"].tolist()[1:] == [1.0, 2.5] and frame["redshift"].dtype == np.int64
    with pytest.raises(ParameterError, match=r"can't be made a table.*one type"):
        transferz.to_pandas(changing([1, "a"]))
