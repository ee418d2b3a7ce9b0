"""The same table in pandas and in Arrow: dtypes and schemas derived from its declaration."""

from typing import TYPE_CHECKING

from transferz.schemas.errors import SchemaError
from transferz.schemas.survey.column import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def pandas_dtype(column: Column) -> str:
    """Return the pandas dtype of a column, one that can hold nulls where the column may."""
    if column.dtype == "string":
        return "string[pyarrow]"
    if column.nullable and column.dtype.startswith("int"):
        return column.dtype.capitalize()
    if column.nullable and column.dtype == "bool":
        return "boolean"
    return column.dtype


def arrow_schema(table: Table) -> "pa.Schema":
    """Return the table's Arrow schema; each field carries unit, UCD and description."""
    import pyarrow as pa

    return pa.schema([_arrow_field(column) for column in table])


def _arrow_field(column: Column) -> "pa.Field":
    import pyarrow as pa

    notes = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
    kind = pa.bool_() if column.dtype == "bool" else pa.type_for_alias(column.dtype)
    return pa.field(column.name, kind, nullable=column.nullable, metadata=notes)


def to_frame(arrow: "pa.Table", table: Table) -> "pd.DataFrame":
    """Turn an Arrow table with (at least) the table's columns into a typed frame.

    Parameters
    ----------
    arrow : pyarrow.Table
        Columns in any order.
    table : Table
        What they should be.

    Returns
    -------
    pandas.DataFrame
        The table's columns in its order, with `pandas_dtype` each.

    Raises
    ------
    SchemaError
        If an integer, boolean or string column has nulls that it may not have. (In a float column
        they become NaN, which `transferz.schemas.survey.checks.check` reports with the rows' ids.)
    """
    import pandas as pd

    return pd.DataFrame({column.name: _series(arrow[column.name], column) for column in table})


def _series(values: "pa.ChunkedArray", column: Column) -> "pd.Series":
    import pandas as pd

    if values.null_count and not column.nullable and not column.dtype.startswith("float"):
        raise SchemaError(
            f"column '{column.name}': expected a value in every row, "
            f"found {values.null_count} missing; fill them or drop the rows upstream"
        )
    dtype = pd.api.types.pandas_dtype(pandas_dtype(column))
    if isinstance(dtype, pd.api.extensions.ExtensionDtype):
        return pd.Series(dtype.__from_arrow__(values))
    return values.to_pandas().astype(dtype)


def to_arrow(frame: "pd.DataFrame", table: Table) -> "pa.Table":
    """Turn a frame into an Arrow table of exactly the declared schema; NaN becomes null."""
    import pyarrow as pa

    return pa.Table.from_pandas(
        frame.loc[:, list(table.names)],
        schema=arrow_schema(table),
        preserve_index=False,
    ).replace_schema_metadata(None)
