"""The documented rules for upstream values, written a second time: plain Python, value by value."""

import math

import numpy as np

from transferz.schemas import Column, Table

MISSING, UNMEASURED = -99.0, 99.0
ZERO_POINT = 23.9  # AB magnitude of 1 uJy


class MustRefuse(Exception):
    """Nobody should take these bytes for the catalogue; the text is the reason."""


def find_column(column: Column, names: list[str]) -> tuple[str, bool] | None:
    """The file's name of a column, and whether it is a flux that stands in for a magnitude."""
    for name in (*column.upstream, *column.upstream_flux):
        if name in names:
            if names.count(name) > 1:
                raise MustRefuse(f"two columns {name}")
            return name, name in column.upstream_flux
    if column.upstream:
        raise MustRefuse(f"no column {column.upstream}")
    return None


def declared_value(column: Column, value, is_flux: bool = False):
    """A file's value as our column holds it; None where there is none."""
    value = _plain(value)
    if value is None:
        return None
    if column.dtype == "string":
        if not isinstance(value, str):
            raise MustRefuse(f"{value!r} for text")
        return value or None
    if isinstance(value, str | bytes | list | dict):
        raise MustRefuse(f"{value!r} for {column.dtype}")
    if column.dtype == "bool":
        return _boolean(value)
    if isinstance(value, bool):
        raise MustRefuse(f"{value!r} for {column.dtype}")
    return (
        _float(column, value, is_flux)
        if column.dtype.startswith("float")
        else _integer(column, value)
    )


def _plain(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _boolean(value) -> bool:
    if value not in (0, 1):
        raise MustRefuse(f"{value!r} for a boolean")
    return bool(value)


def _integer(column: Column, value) -> int:
    bits = int(column.dtype.removeprefix("int"))
    if isinstance(value, float) and (math.isinf(value) or abs(value) > 2**53):
        raise MustRefuse(f"{value!r} for {column.dtype}")
    if value != int(value) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise MustRefuse(f"{value!r} for {column.dtype}")
    return int(value)


def _float(column: Column, value: float, is_flux: bool):
    value = float(value)
    if is_flux:
        if not value > 0 or math.isinf(value):
            return None
        value = float(np.round(ZERO_POINT - 2.5 * math.log10(value), 4))
    if column.dtype == "float32":
        with np.errstate(over="ignore"):
            single = float(np.float32(value))
        if math.isinf(single) and not math.isinf(value):
            raise MustRefuse(f"{value!r} for float32")
        value = single
    sentinels = [MISSING, math.inf, -math.inf]
    if column.ucd.startswith(("src.redshift", "phot.mag")):
        sentinels.append(UNMEASURED)
    return None if column.nullable and value in sentinels else value


def check_promises(rows: dict[str, list], table: Table) -> None:
    """What every accepted table must keep."""
    if not rows[table.key]:
        raise MustRefuse("no rows")
    for column in table:
        values = [value for value in rows[column.name] if value is not None]
        if not column.nullable and len(values) < len(rows[column.name]):
            raise MustRefuse(f"{column.name} lacks values")
        if column.unique and len(set(values)) < len(values):
            raise MustRefuse(f"{column.name} repeats values")
        if column.categories and not set(values) <= set(column.categories):
            raise MustRefuse(f"{column.name} outside its categories")
        if column.dtype.startswith("float") and any(map(math.isinf, values)):
            raise MustRefuse(f"{column.name} is infinite")
        if column.minimum is not None and any(v < column.minimum for v in values):
            raise MustRefuse(f"{column.name} below its minimum")
        if column.maximum is not None and any(v > column.maximum for v in values):
            raise MustRefuse(f"{column.name} above its maximum")
