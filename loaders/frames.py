"""A release as a pandas table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from transferz.rows import DECLARED, one_table, table_units
from transferz.schemas.survey.columns import Column, Dtype
from transferz.schemas.survey.frames import pandas_dtype

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from transferz.rows import Data


def to_pandas(data: Data, *, config: str | None = None, split: str | None = None) -> pd.DataFrame:
    """Return a dataset as a pandas table.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
    config : str, optional
        Of a release directory; ``"transferz"`` by default.
    split : str, optional
        One split of a directory or DatasetDict. Several are put in one table with a column
        ``split``.

    Returns
    -------
    pandas.DataFrame, shape (n, columns)
        Columns with the dtypes that the schema declares: integers that may be missing are
        ``Int64``, strings ``string``, a missing float is NaN. ``frame.attrs["units"]`` maps each
        column to its unit.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split, or can't be read.
    ParameterError
        Where `data`, `config` or `split` does not fit, or splits differ in columns, types or units.

    Examples
    --------
    >>> frame = to_pandas(load_dataset(split="test"))  # doctest: +SKIP
    >>> frame.attrs["units"]["ra"]  # doctest: +SKIP
    'deg'
    """
    import pandas as pd

    table = one_table(data, config=config, split=split)
    frame = pd.DataFrame({name: _series(table[name], name) for name in table.column_names})
    frame.attrs["units"] = table_units(data, split, table.column_names)
    return frame


def _series(values: pa.ChunkedArray, name: str) -> pd.Series:
    """The schema's dtype for this type of values; any other type as pandas has it."""
    import pandas as pd

    kind = str(values.type).removeprefix("large_")
    if kind not in get_args(Dtype):  # floats are called otherwise in Arrow, and need no other dtype
        return values.to_pandas()
    nullable = values.null_count > 0 or (name in DECLARED and DECLARED[name].nullable)
    dtype = pd.api.types.pandas_dtype(
        pandas_dtype(Column(name, cast(Dtype, kind), "", nullable=nullable))
    )
    if isinstance(dtype, pd.api.extensions.ExtensionDtype):
        return pd.Series(dtype.__from_arrow__(values))
    return values.to_pandas().astype(dtype)
