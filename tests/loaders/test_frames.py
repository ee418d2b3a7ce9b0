"""to_pandas: the schema's dtypes, the dataset's rows."""

import numpy as np
import pandas as pd
import pytest

import transferz
from transferz.schemas import RELEASE, ParameterError
from transferz.schemas.checks import check
from transferz.schemas.frames import pandas_dtype


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
