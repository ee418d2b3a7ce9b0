"""to_pandas: the schema's dtypes, the dataset's rows."""

import datasets
import numpy as np
import pandas as pd
import pytest
from datasets import Value

import transferz
from transferz.schemas import RELEASE, ParameterError
from transferz.schemas.survey.frames import check, pandas_dtype


def test_dtypes_are_the_schemas_and_units_are_in_attrs(loaded, tiny_release):
    for data in (loaded["test"], tiny_release):
        split = "test" if data is tiny_release else None
        frame = transferz.to_pandas(data, split=split)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
            column.name: str(pd.api.types.pandas_dtype(pandas_dtype(column))) for column in RELEASE
        }
        assert frame.attrs["units"] == {column.name: column.unit for column in RELEASE}
        pd.testing.assert_frame_equal(check(frame, RELEASE, source="a test"), frame)
    assert frame["specz_name"].isna().all()


def test_several_splits_are_one_table(loaded):
    frame = transferz.to_pandas(loaded)
    assert frame["split"].value_counts(sort=False).to_dict() == {
        split: len(data) for split, data in loaded.items()
    }
    assert frame["object_id"].tolist() == [i for data in loaded.values() for i in data["object_id"]]
    named = loaded["test"].add_column("split", ["x"] * 70)
    with pytest.raises(ParameterError, match="has a column 'split'"):
        transferz.to_pandas(type(loaded)(test=named))


def test_splits_that_differ_are_refused_by_name(loaded):
    test = loaded["test"].select(range(3))
    other_unit = test.cast_column("ra", Value("float64", id="rad"))
    for changed, words in (
        (test.rename_column("ra", "x"), r"'ra' is in only one of the splits 'a' and 'b'"),
        (test.cast_column("ra", Value("float32")), r"'ra' of split 'b' is float, and double"),
        (other_unit, r"'ra' of split 'b' has the unit 'rad', and 'deg'"),
    ):
        both = datasets.DatasetDict(a=test, b=changed)
        for convert in (transferz.to_pandas, transferz.to_astropy):
            with pytest.raises(ParameterError, match=words):
                convert(both)
            assert len(convert(both, split="b")) == 3
    both = datasets.DatasetDict(a=test, b=other_unit)
    assert transferz.to_pandas(both, split="b").attrs["units"]["ra"] == "rad"
    assert str(transferz.to_astropy(both, split="b")["ra"].unit) == "rad"
    with pytest.raises(ParameterError, match="the unit 'rad'"):
        transferz.units(both)
    turned = test.select_columns(test.column_names[::-1])
    assert len(transferz.to_pandas(datasets.DatasetDict(a=test, b=turned))) == 6


def test_nulls_stay_nulls_and_integers_exact(loaded):
    exact = 2**62 + 1
    rows = (
        loaded["test"]
        .select(range(3))
        .map(
            lambda row, k: {"cosmos_id": None if k else exact, "redshift_lo": None if k else 0.5},
            with_indices=True,
        )
    )
    frame = transferz.to_pandas(rows.rename_column("cosmos_id", "own_id"))
    assert frame["own_id"].dtype == "Int64"
    assert frame["own_id"][0] == exact and frame["own_id"].isna().tolist() == [False, True, True]
    assert frame["redshift_lo"].dtype == np.float32
    assert frame["redshift_lo"].isna().tolist() == [False, True, True]
