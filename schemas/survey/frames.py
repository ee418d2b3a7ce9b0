"""The same table in pandas and in Arrow: dtypes and schemas derived from its declaration."""

from functools import lru_cache
from typing import TYPE_CHECKING

from transferz.schemas.errors import SchemaError
from transferz.schemas.survey.column import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


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
        they become NaN, which `transferz.schemas.survey.frames.check` reports with the rows' ids.)
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


SHOWN = 5  # offending values named in an error


@lru_cache
def pandera_schema(table: Table) -> "pa.DataFrameSchema":
    """Build the table's pandera schema; each column's metadata holds its unit and UCD.

    Parameters
    ----------
    table : Table
        The declaration.

    Returns
    -------
    pandera.pandas.DataFrameSchema
        Strict: no other columns, exact dtypes.
    """
    import pandera.pandas as pa

    columns = {column.name: _pandera_column(column) for column in table}
    return pa.DataFrameSchema(columns, name=table.name, strict=True, ordered=True)


def _pandera_column(column: Column) -> "pa.Column":
    import pandera.pandas as pa

    return pa.Column(
        pandas_dtype(column),
        checks=_pandera_checks(column),
        nullable=column.nullable,
        unique=column.unique,
        description=column.description,
        metadata={"unit": column.unit, "ucd": column.ucd},
    )


def _pandera_checks(column: Column) -> "list[pa.Check]":
    import pandera.pandas as pa

    checks = []
    if column.dtype.startswith("float"):
        checks.append(pa.Check(lambda values: abs(values) != float("inf"), error="finite"))
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum, error=f">= {column.minimum:g}"))
    if column.maximum is not None:
        checks.append(pa.Check.le(column.maximum, error=f"<= {column.maximum:g}"))
    if column.categories:
        allowed = ", ".join(column.categories)
        checks.append(pa.Check.isin(column.categories, error=f"one of {allowed}"))
    return checks


def check(frame: "pd.DataFrame", table: Table, *, source: str = "") -> "pd.DataFrame":
    """Return the frame unchanged if it keeps its declaration.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows to check.
    table : Table
        Their declaration.
    source : str
        The file or stage they come from, named in the error.

    Returns
    -------
    pandas.DataFrame
        `frame`.

    Raises
    ------
    SchemaError
        Names the table, and for each broken rule the column, the number of rows and the first
        offending values with their ids.
    """
    import pandera.errors

    try:
        pandera_schema(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        where = f" ({source})" if source else ""
        findings = "; ".join(_findings(errors.failure_cases, frame, table))
        raise SchemaError(f"table '{table.name}'{where} breaks its schema: {findings}") from None
    return frame


def _findings(failures: "pd.DataFrame", frame: "pd.DataFrame", table: Table) -> list[str]:
    """One phrase per broken rule."""
    rules = failures.groupby(["column", "check"], sort=False, dropna=False)
    return [_finding(str(key[0]), str(key[1]), rows, frame, table) for key, rows in rules]


def _finding(
    column: str, rule: str, rows: "pd.DataFrame", frame: "pd.DataFrame", table: Table
) -> str:
    rule = _RULES.get(rule, rule)
    if rows["index"].isna().all():  # about the column as a whole
        found = ", ".join(map(str, rows["failure_case"].head(SHOWN)))
        if column == table.name:
            return f"{rule}: {found}"
        return f"column '{column}': expected {rule}, found {found}"
    first = rows.head(SHOWN)
    shown = ", ".join(
        _offender(value, row, frame, table)
        for value, row in zip(first["failure_case"], first["index"], strict=True)
    )
    return f"column '{column}': rule '{rule}' broken in {len(rows)} rows, first {shown}"


def _offender(value: object, row: object, frame: "pd.DataFrame", table: Table) -> str:
    identity = frame[table.key].get(row) if table.key in frame else row
    return f"{value} ({table.key} {identity})"


_RULES = {
    "not_nullable": "no missing values",
    "field_uniqueness": "unique values",
    "column_in_dataframe": "missing columns",
    "column_in_schema": "undeclared columns",
    "column_ordered": "columns out of order",
}
"""pandera's names for its own rules, in a reader's words."""
