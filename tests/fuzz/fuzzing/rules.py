"""The documented rules for upstream values, written a second time: plain Python, value by value."""

import math

import numpy as np

from transferz.schemas import Column, Table

MISSING, UNMEASURED = -99.0, 99.0
ZERO_POINT = 23.9  # AB magnitude of 1 uJy
NO_TEXT = ("", "nan", "NaN", "null", "NULL")
NO_NUMBER = (*NO_TEXT, "None", "NA", "N/A", "#N/A")
TRUE = ("True", "true", "TRUE", "t", "T", "1", "1.0")
FALSE = ("False", "false", "FALSE", "f", "F", "0", "0.0")


class MustRefuse(Exception):
    """Nobody should take these bytes for the catalogue; the text is the reason."""


def find_column(
    column: Column, names: list[str], any_case: bool = False
) -> tuple[str, bool] | None:
    """The file's name of a column, and whether it is a flux that stands in for a magnitude."""
    ours = [(name, name in column.upstream_flux) for name in column.upstream + column.upstream_flux]
    for name, is_flux in ours:
        if names.count(name) > 1:
            raise MustRefuse(f"two columns {name}")
        if name in names:
            return name, is_flux
    for name, is_flux in ours if any_case else ():
        alike = [one for one in names if one.lower() == name.lower()]
        if len(alike) == 1:
            return alike[0], is_flux
    if column.upstream:
        raise MustRefuse(f"no column {column.upstream}")
    return None


def null_flag(name: str, names: list[str]) -> str | None:
    """The file's column that says where another one has no value."""
    found = [one for one in names if one.lower() == f"{name}_isnull".lower()]
    if len(found) > 1:
        raise MustRefuse(f"several columns {found}")
    return found[0] if found else None


def declared_value(column: Column, value, is_flux: bool = False):
    """A file's value as our column holds it; None where there is none."""
    value = _plain(value)
    if value is None:
        return None
    if column.dtype == "string":
        if not isinstance(value, str):
            raise MustRefuse(f"{value!r} for text")
        return None if value.strip() in NO_TEXT else value
    if column.dtype == "bool" and isinstance(value, str):
        return boolean_text(value)
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


def boolean_text(text: str) -> bool | None:
    """What a text says of yes or no."""
    text = text.strip(" \t")
    if text not in (*NO_NUMBER, *TRUE, *FALSE):
        raise MustRefuse(f"{text!r} for a boolean")
    return None if text in NO_NUMBER else text in TRUE


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
    return None if _too_low(column, value) else int(value)


def _too_low(column: Column, value: float) -> bool:
    return column.nullable and column.missing_below is not None and value < column.missing_below


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
    lacks = (column.nullable and value in sentinels) or _too_low(column, value)
    return None if lacks else value


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
