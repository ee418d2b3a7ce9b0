"""From a file's values to the declared dtypes: what does not fit is refused, what lacks is null."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.photometry.flux import to_magnitude
from transferz.schemas import Column
from transferz.schemas.survey.catalogues import MISSING, UNMEASURED
from transferz.tables.columns import Field
from transferz.tables.texts import NO_TEXT, booleans, without

MAGNITUDE_DECIMALS = 4  # of a magnitude made from a flux: the same on every processor
EXACT = 2**53  # greatest integer up to which every integer has a float64 of its own


def typed(field: Field, values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Turn a file's values into the declared dtype, missing ones into nulls.

    Parameters
    ----------
    field : Field
        What they should be.
    values : ndarray
        Booleans or numbers in native byte order.
    missing : ndarray of bool, optional
        Rows without a value.

    Returns
    -------
    pyarrow.Array
        NaN, and upstream's sentinels where the column may have them, as nulls. Numbers that are
        all NaN may stand where text should: a column without any text.

    Raises
    ------
    InputError
        If a value does not fit: another kind, a fraction for an integer, an integer or a float
        out of the dtype's range, a number other than 0 and 1 for a boolean.
    SchemaError
        If an integer or a boolean is missing where none may be.
    """
    if missing is None:
        missing = np.zeros(len(values), bool)
    if values.dtype.kind not in "biuf":
        raise field.wrong(values.dtype.name)
    if field.column.dtype == "string":
        return _no_texts(field, values, missing)
    if field.column.dtype.startswith("float"):
        return _floats(field, values, missing)
    missing = missing | _nan(values) | _too_low(values, field.column)
    field.require_values(int(missing.sum()))
    values = np.where(missing, values.dtype.type(0), values) if missing.any() else values
    convert = _booleans if field.column.dtype == "bool" else _integers
    return pa.array(convert(field, values), mask=missing)


def _no_texts(field: Field, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    if values.dtype.kind != "f" or not (missing | _nan(values)).all():
        raise field.wrong(values.dtype.name)
    field.require_values(len(values))
    return pa.nulls(len(values), pa.string())


def _nan(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)


def _too_low(values: np.ndarray, column: Column) -> np.ndarray:
    """Where values lie below those that upstream gives to what it measured."""
    if column.missing_below is None or not column.nullable or values.dtype.kind == "b":
        return np.zeros(len(values), bool)
    return values < column.missing_below


def _floats(field: Field, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    if values.dtype.kind == "b":
        raise field.wrong("bool")
    if field.is_flux:
        values = np.round(to_magnitude(np.where(missing, np.nan, values)), MAGNITUDE_DECIMALS)
    with np.errstate(over="ignore"):
        floats = values.astype(field.column.dtype, copy=False)
    if floats.dtype.itemsize < values.dtype.itemsize:
        overflowed = np.isinf(floats) & np.isfinite(values)
        _require_all(field, values, missing | ~overflowed)
    missing = missing | np.isnan(floats) | sentinels(floats, field.column)
    return pa.array(floats, mask=missing)


def sentinels(values: np.ndarray, column: Column) -> np.ndarray:
    """Return where a float is upstream's -99, 99 or infinity for a value that lacks.

    99 counts in redshifts and magnitudes alone, all values below `Column.missing_below` where the
    column declares one, and nothing does in a column that must have a value in every row.
    """
    if not column.nullable:
        return np.zeros(len(values), bool)
    missing = np.isinf(values) | (values == MISSING) | _too_low(values, column)
    if column.ucd.startswith(("src.redshift", "phot.mag")):
        missing |= values == UNMEASURED
    return missing


def _integers(field: Field, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "b":
        raise field.wrong("bool")
    bounds = np.iinfo(field.column.dtype)
    if values.dtype.kind == "f":
        whole = (values == np.rint(values)) & (np.abs(values) <= EXACT)
        _require_all(field, values, whole)
    _require_all(field, values, (values >= bounds.min) & (values <= bounds.max))
    return values.astype(field.column.dtype, copy=False)


def _booleans(field: Field, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "b":
        return values
    _require_all(field, values, (values == 0) | (values == 1))
    return values == 1


def _require_all(field: Field, values: np.ndarray, good: np.ndarray) -> None:
    if not good.all():
        raise field.wrong(values[~good][0])


def typed_arrow(field: Field, values: pa.Array, missing: np.ndarray | None = None) -> pa.Array:
    """`typed` for Arrow values.

    Text that is blank, nan or null is a missing value, and text may spell a boolean.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        values = values.cast(pa.type_for_alias(field.column.dtype))
    if missing is not None and missing.any():
        values = pc.if_else(pa.array(missing), pa.scalar(None, values.type), values)
    if _is_text(values.type) and field.column.dtype == "string":
        return _strings(field, values)
    if _is_text(values.type) and field.column.dtype == "bool":
        values = booleans(field, values)
    return _numbers(field, values)


def _numbers(field: Field, values: pa.Array) -> pa.Array:
    kind = values.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise field.wrong(kind)
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if values.null_count:
        values = values.fill_null(pa.scalar(0).cast(kind))
    return typed(field, values.to_numpy(zero_copy_only=False), missing)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _strings(field: Field, values: pa.Array) -> pa.Array:
    texts = values.cast(pa.string())
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    texts = without(pc.if_else(blank, pa.scalar(None, pa.string()), texts), NO_TEXT)
    field.require_values(texts.null_count)
    return texts
