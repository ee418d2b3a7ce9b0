"""Look values up by 64-bit ids that may be missing, without a detour through floats."""

import numpy as np
import pandas as pd

ABSENT = -1


def look_up(ids: pd.Series, values: pd.Series) -> pd.Series:
    """Return the value of each id.

    An id has more digits than a float holds, and pandas (before version 3) maps nullable
    integers through floats: neighbouring ids would share a value.

    Parameters
    ----------
    ids : pandas.Series of int64 or Int64
        Missing ones have no value.
    values : pandas.Series
        By a unique integer index.

    Returns
    -------
    pandas.Series
        Of the dtype of `values` where that has a missing value, by the index of `ids`.
    """
    known = ids.notna().to_numpy()
    rows = np.full(len(ids), ABSENT, dtype=np.int64)
    index = pd.Index(values.index.to_numpy(dtype="int64"))
    rows[known] = index.get_indexer(ids.array[known].astype("int64"))
    return pd.Series(values.array.take(rows, allow_fill=True), index=ids.index)
