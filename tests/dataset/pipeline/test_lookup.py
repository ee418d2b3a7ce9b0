"""Ids of 64 bits are looked up exactly, missing ones too."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.pipeline.lookup import look_up

HUGE = 43158322433012345  # two ids to a float

ids = st.integers(HUGE, HUGE + 50)


@given(st.lists(st.none() | ids), st.lists(ids, unique=True))
@settings(max_examples=100, deadline=None)
def test_it_is_what_a_dictionary_gives(wanted, known):
    values = pd.Series([number * 7 for number in known], index=known, dtype="Int64")
    found = look_up(pd.Series(wanted, dtype="Int64"), values)
    table = dict(zip(known, values, strict=True))
    expected = [pd.NA if one is None else table.get(one, pd.NA) for one in wanted]
    assert found.astype(object).tolist() == expected
    assert found.dtype == "Int64"


@pytest.mark.parametrize("dtype", ["string[pyarrow]", "Int64", "float32"])
def test_it_keeps_dtype_and_index(dtype):
    values = pd.Series([1, 2], index=[HUGE, HUGE + 1]).astype(dtype)
    wanted = pd.Series([HUGE + 1, HUGE + 2, HUGE], index=[5, 3, 9])
    found = look_up(wanted, values)
    assert found.dtype == dtype
    assert found.index.tolist() == [5, 3, 9]
    assert found.isna().tolist() == [False, True, False]
    assert found.iloc[0] == values.iloc[1]


def test_nothing_is_looked_up_in_nothing():
    found = look_up(pd.Series([HUGE, None], dtype="Int64"), pd.Series([], dtype="Int64"))
    assert found.isna().all()
    assert np.array_equal(found.index, [0, 1])
