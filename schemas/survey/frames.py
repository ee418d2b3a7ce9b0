"""A table in pandas and in Arrow: dtypes, conversion and checks, derived from its declaration."""

from functools import lru_cache
from typing import TYPE_CHECKING

from transferz.schemas.errors import SchemaError
from transferz.schemas.survey.columns import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pandera
    import pyarrow as pa

SHOWN = 5  # offending values named in an error

_RULES = {
    "not_nullable": "no missing values",
    "field_uniqueness": "unique values",
    "column_in_dataframe": "missing columns",
    "column_in_schema": "undeclared columns",
    "column_ordered": "columns out of order",
}
"""pandera's names for its own rules, in a reader's words."""


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

    fields = []
    for column in table:
        kind = pa.bool_() if column.dtype == "bool" else pa.type_for_alias(column.dtype)
        notes = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
        fields.append(pa.field(column.name, kind, nullable=column.nullable, metadata=notes))
    return pa.schema(fields)


def to_frame(arrow: "pa.Table", table: Table) -> "pd.DataFrame":
    """Turn an Arrow table with (at least) the table's columns into a typed frame, in its order.

    Each column gets its `pandas_dtype`. Raises `SchemaError` if an integer, boolean or string
    column has nulls that it may not have. (In a float column they become NaN, which `check` reports
    with the rows' ids.)
    """
    import pandas as pd

    return pd.DataFrame({column.name: to_series(arrow[column.name], column) for column in table})


def to_series(values: "pa.ChunkedArray", column: Column) -> "pd.Series":
    """Turn one column into a series of its `pandas_dtype`; raises what `to_frame` does."""
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

    names, schema = list(table.names), arrow_schema(table)
    arrow = pa.Table.from_pandas(frame.loc[:, names], schema=schema, preserve_index=False)
    return arrow.replace_schema_metadata(None)


@lru_cache
def pandera_schema(table: Table) -> "pandera.DataFrameSchema":
    """Build the table's pandera schema: strict, with no other columns and exact dtypes.

    Each column's metadata holds its unit and UCD.
    """
    import pandera.pandas as pandera

    columns = {
        column.name: pandera.Column(
            pandas_dtype(column),
            checks=_value_checks(column),
            nullable=column.nullable,
            unique=column.unique,
            description=column.description,
            metadata={"unit": column.unit, "ucd": column.ucd},
        )
        for column in table
    }
    return pandera.DataFrameSchema(columns, name=table.name, strict=True, ordered=True)


def _value_checks(column: Column) -> "list[pandera.Check]":
    from pandera.pandas import Check

    checks = []
    if column.dtype.startswith("float"):
        checks.append(Check(lambda values: abs(values) != float("inf"), error="finite"))
    if column.minimum is not None:
        checks.append(Check.ge(column.minimum, error=f">= {column.minimum:g}"))
    if column.maximum is not None:
        checks.append(Check.le(column.maximum, error=f"<= {column.maximum:g}"))
    if column.categories:
        allowed = ", ".join(column.categories)
        checks.append(Check.isin(column.categories, error=f"one of {allowed}"))
    return checks


def check(frame: "pd.DataFrame", table: Table, *, source: str = "") -> "pd.DataFrame":
    """Return the frame unchanged if it keeps its declaration.

    `source` is the file or stage the rows come from, named in the error: a `SchemaError` that names
    the table, and for each broken rule the column, the number of rows and the first offending
    values with their ids.
    """
    import pandera.errors

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        where = f" ({source})" if source else ""
        rules = errors.failure_cases.groupby(["column", "check"], sort=False, dropna=False)
        findings = "; ".join(
            _finding(str(column), _RULES.get(str(rule), str(rule)), rows, frame, table)
            for (column, rule), rows in rules
        )
        raise SchemaError(f"table '{table.name}'{where} breaks its schema: {findings}") from None
    return frame


def _finding(
    column: str, rule: str, failures: "pd.DataFrame", frame: "pd.DataFrame", table: Table
) -> str:
    """Say in one phrase how a rule is broken."""
    first = failures.head(SHOWN)
    if failures["index"].isna().all():  # about the column as a whole
        values = ", ".join(map(str, first["failure_case"]))
        if column == table.name:
            return f"{rule}: {values}"
        return f"column '{column}': expected {rule}, found {values}"
    ids = frame[table.key] if table.key in frame else {row: row for row in first["index"]}
    shown = ", ".join(
        f"{value} ({table.key} {ids.get(row)})"
        for value, row in zip(first["failure_case"], first["index"], strict=True)
    )
    return f"column '{column}': rule '{rule}' broken in {len(failures)} rows, first {shown}"
