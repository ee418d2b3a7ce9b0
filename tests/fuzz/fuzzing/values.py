"""Small tables of legal values for every upstream catalogue, under upstream names."""

import numpy as np

from transferz.schemas import Column, Table

NAMES = ("zCOSMOS_12", "DEEP2, field 1", "NA", "3D-HST É7", 'a "quoted" one', "VVDS-0226")


def table_of(table: Table, rows: int, rng: np.random.Generator, *, spelling: int = 0):
    """Legal values of every column that a file must have, and some that it need not.

    `spelling` picks among a column's upstream names; negative counts from the last.
    """
    values = {}
    for column in table:
        if column.upstream:
            names = column.upstream
            name = names[
                max(spelling, -len(names)) if spelling < 0 else min(spelling, len(names) - 1)
            ]
            values[name] = _values(column, table, rows, rng)
    values["unread_number"] = rng.normal(size=rows)
    values["unread_text"] = np.array([f"note {k}" for k in rng.integers(0, 9, rows)])
    return values


def with_null_flags(columns: dict, rng: np.random.Generator) -> dict:
    """Add flags of missing values to some magnitudes and counts, with placeholders where true."""
    flagged = {}
    for name, values in columns.items():
        flagged[name] = values
        if name.endswith(("mag", "inputcount_value")):
            gone = rng.random(len(values)) < 0.2
            flagged[name] = np.where(gone, values.dtype.type(7), values)
            flagged[f"{name}_isnull"] = gone
    return flagged


def _values(column: Column, table: Table, rows: int, rng: np.random.Generator):
    if column.name == table.key:
        return rng.choice(np.arange(10**6, 10**6 + 50 * rows), rows, replace=False)
    if column.dtype == "bool":
        return rng.random(rows) < 0.3
    if column.dtype == "string":
        return np.array([f"{NAMES[k % len(NAMES)]} {k}" for k in rng.permutation(rows)])
    if column.dtype.startswith("int"):
        return rng.integers(max(column.minimum or 0, 0), 3, rows).astype("int16")
    return _floats(column, rows, rng)


def _floats(column: Column, rows: int, rng: np.random.Generator):
    if column.name.endswith("_mag") or column.name.startswith("i_mag"):
        low, high = 19.0, 27.0
    else:
        low = 0.0 if column.minimum is None else column.minimum
        high = 3.0 if column.maximum is None else column.maximum
    values = np.round(rng.uniform(low, high, rows), 5)
    if column.name == "dec" and column.minimum == -90.0:
        values = np.round(rng.uniform(1.7, 2.7, rows), 5)
    if column.name == "ra" and column.maximum == 360.0:
        values = np.round(rng.uniform(149.5, 150.5, rows), 5)
    if column.nullable:
        values[rng.random(rows) < 0.08] = np.nan
        values[rng.random(rows) < 0.05] = -99.0
    if column.missing_below is not None:
        values[rng.random(rows) < 0.1] = column.missing_below - rng.choice([9.99, 99.9, 1.0])
    if column.nullable and column.ucd.startswith(("src.redshift", "phot.mag")):
        values[rng.random(rows) < 0.05] = 99.0
    return values.astype("float64" if column.dtype == "float64" else "float32")
