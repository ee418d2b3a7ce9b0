"""From a file's values to the declared dtypes: what does not fit is refused, what lacks is null."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.dataset.sources.columns import Field
from transferz.photometry.flux import to_magnitude
from transferz.schemas import Column

MISSING = -99.0  # upstream's "no value", beside NaN
UNMEASURED = 99.0  # the same, for redshifts and magnitudes
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
        NaN, and upstream's sentinels where the column may have them, as nulls.

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
    if values.dtype.kind not in "biuf" or field.column.dtype == "string":
        raise field.wrong(values.dtype.name)
    if field.column.dtype.startswith("float"):
        return _floats(field, values, missing)
    missing = missing | (np.isnan(values) if values.dtype.kind == "f" else False)
    field.require_values(int(missing.sum()))
    values = np.where(missing, values.dtype.type(0), values) if missing.any() else values
    convert = _booleans if field.column.dtype == "bool" else _integers
    return pa.array(convert(field, values), mask=missing)


def _floats(field: Field, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    if values.dtype.kind == "b":
        raise field.wrong("bool")
    if field.is_flux:
        values = np.round(to_magnitude(np.where(missing, np.nan, values)), MAGNITUDE_DECIMALS)
    with np.errstate(over="ignore"):
        floats = values.astype(field.column.dtype, copy=False)
    if floats.dtype.itemsize < values.dtype.itemsize:
        _require_all(field, values, missing | np.isfinite(floats) | ~np.isfinite(values))
    missing = missing | np.isnan(floats) | sentinels(floats, field.column)
    return pa.array(floats, mask=missing)


def sentinels(values: np.ndarray, column: Column) -> np.ndarray:
    """Return where a float is upstream's -99, 99 or infinity for a value that lacks.

    99 counts in redshifts and magnitudes alone, and nothing does in a column that must have a
    value in every row.
    """
    if not column.nullable:
        return np.zeros(len(values), bool)
    missing = np.isinf(values) | (values == MISSING)
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


def typed_arrow(field: Field, values: pa.Array) -> pa.Array:
    """`typed` for Arrow values; an empty string is a missing one."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if field.column.dtype == "string":
        return _strings(field, values)
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise field.wrong(kind)
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if values.null_count:
        values = values.fill_null(pa.scalar(0).cast(kind))
    return typed(field, values.to_numpy(zero_copy_only=False), missing)


def _strings(field: Field, values: pa.Array) -> pa.Array:
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise field.wrong(values.type)
    texts = values.cast(pa.string())
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    field.require_values(texts.null_count)
    return texts
