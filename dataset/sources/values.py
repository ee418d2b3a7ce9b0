"""From a file's values to the declared dtypes: what does not fit is refused, what lacks is null."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.dataset.sources.fields import Field
from transferz.photometry.flux import to_magnitude
from transferz.schemas import Column
from transferz.schemas.survey.catalogues import MISSING, UNMEASURED
from transferz.tables.cells import EMPTY, is_text, plain

MAGNITUDE_DECIMALS = 4  # of a magnitude made from a flux: the same on every processor
EXACT = 2**53  # greatest integer up to which every integer has a float64 of its own

PADDING = " \t"  # around a value
NO_TEXT = ("", "nan", "NaN", "null", "NULL")  # but not NA, which may be somebody's name
NO_NUMBER = (*NO_TEXT, *EMPTY)  # nor a boolean
TRUE = ("True", "true", "TRUE", "t", "T", "1", "1.0")
FALSE = ("False", "false", "FALSE", "f", "F", "0", "0.0")

_UNPARSED = re.compile(r"Failed to parse string: '(.*)' as", re.DOTALL)


def declared_values(
    field: Field, values: pa.ChunkedArray, missing: np.ndarray | None = None, *, spelt: bool = False
) -> pa.Array:
    """Turn a file's values into the dtype that a field's column declares, missing ones into nulls.

    Null are NaN, text that is blank, nan or null, upstream's sentinels where the column may have
    them, and the rows that `missing` marks, whatever stands there. `spelt` says that all cells of
    the file are text, which may spell numbers. Numbers that are all NaN may stand where text
    should: a column without any text. A boolean may be a number or spelt.

    Raises
    ------
    InputError
        If a value does not fit: another kind, a fraction for an integer, an integer or a float
        out of the dtype's range, a whole number that has been a float too small to hold it.
    SchemaError
        If an integer, a boolean or a text is missing where none may be.
    """
    dtype, array = field.column.dtype, _joined(plain(values))
    if pa.types.is_null(array.type):
        array = array.cast(pa.type_for_alias(dtype))
    if missing is not None and missing.any():
        array = pc.if_else(pa.array(missing), pa.scalar(None, array.type), array)
    if is_text(array.type):
        if spelt:
            array = pc.utf8_trim(array, characters=PADDING)
        if dtype == "string":
            return _texts(field, array)
        if dtype == "bool":
            array = _spelt_booleans(field, array)
        elif spelt:
            array = _spelt_numbers(field, array)
    kind = array.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        if pa.types.is_nested(kind):
            raise field.wrong(f"lists ({kind})", "one value in each row")
        raise field.wrong(kind)
    gaps = array.is_null().to_numpy(zero_copy_only=False)
    if array.null_count:
        array = array.fill_null(pa.scalar(0).cast(kind))
    return _declared_numbers(field, array.to_numpy(zero_copy_only=False), gaps)


def _joined(values: pa.ChunkedArray) -> pa.Array:
    """The chunks as one array: a single one, the usual case, without a copy."""
    if values.num_chunks == 1:
        return values.chunk(0)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)


def _texts(field: Field, texts: pa.Array) -> pa.Array:
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    texts = _without(pc.if_else(blank, pa.scalar(None, pa.string()), texts), NO_TEXT)
    field.require_values(texts.null_count)
    return texts


def _without(texts: pa.Array, nothing: tuple[str, ...]) -> pa.Array:
    """Make texts that stand for nothing null."""
    none = pc.is_in(texts, pa.array(nothing, texts.type))
    return pc.if_else(none, pa.scalar(None, texts.type), texts)


def _spelt_booleans(field: Field, texts: pa.Array) -> pa.Array:
    texts = _without(pc.utf8_trim(texts, characters=PADDING), NO_NUMBER)
    true, false = (pc.is_in(texts, pa.array(words, texts.type)) for words in (TRUE, FALSE))
    _require_spelling(field, texts, pc.or_(true, false))
    return pc.if_else(texts.is_null(), pa.scalar(None, pa.bool_()), true)


def _spelt_numbers(field: Field, texts: pa.Array) -> pa.Array:
    """Read int64 exactly, other numbers as float64; ``3.0`` is whole where no float is inexact."""
    texts, whole = _without(texts, NO_NUMBER), field.column.dtype == "int64"
    if whole:
        pointed = pc.match_substring_regex(texts, r"^-?[0-9]{1,15}\.0+$")
        _require_spelling(
            field, texts, pc.or_(pointed, pc.match_substring_regex(texts, r"^-?[0-9]+$"))
        )
        texts = pc.replace_substring_regex(texts, r"\.0+$", "")
    try:
        return texts.cast(pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid as error:
        match = _UNPARSED.search(str(error))
        raise field.wrong(f"'{match[1]}'" if match else error) from None


def _require_spelling(field: Field, texts: pa.Array, good: pa.Array) -> None:
    """Refuse the first text that is not good; a null is."""
    bad = texts.filter(pc.invert(pc.or_kleene(good, texts.is_null())))
    if len(bad):
        raise field.wrong(f"'{bad[0]}'")


def _declared_numbers(field: Field, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    """Turn booleans or numbers into what the column declares."""
    column = field.column
    nan = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    if column.dtype == "string":
        if values.dtype.kind != "f" or not (missing | nan).all():
            raise field.wrong(values.dtype.name)
        field.require_values(len(values))
        return pa.nulls(len(values), pa.string())
    if values.dtype.kind == "b" and column.dtype != "bool":
        raise field.wrong("bool")
    if column.dtype.startswith("float"):
        return _floats(field, values, missing)
    missing = missing | nan | _beyond(values, column)
    field.require_values(int(missing.sum()))
    values = np.where(missing, values.dtype.type(0), values) if missing.any() else values
    if column.dtype != "bool":
        return pa.array(_integers(field, values), mask=missing)
    if values.dtype.kind != "b":
        _require_all(field, values, (values == 0) | (values == 1))
    return pa.array(values == 1, mask=missing)


def _floats(field: Field, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    if field.is_flux:
        values = np.round(to_magnitude(np.where(missing, np.nan, values)), MAGNITUDE_DECIMALS)
    with np.errstate(over="ignore"):
        floats = values.astype(field.column.dtype, copy=False)
    if floats.dtype.itemsize < values.dtype.itemsize:
        overflowed = np.isinf(floats) & np.isfinite(values)
        _require_all(field, values, missing | ~overflowed)
    missing = missing | np.isnan(floats) | _sentinels(floats, field.column)
    return pa.array(floats, mask=missing)


def _sentinels(values: np.ndarray, column: Column) -> np.ndarray:
    """Return where a float is upstream's -99, 99 or infinity for a value that lacks.

    99 counts in redshifts and magnitudes alone, all values beyond `Column.missing_below` and
    `missing_above` and the column's own `sentinels` where it declares them, and nothing does in a
    column that must have a value in every row.
    """
    if not column.nullable:
        return np.zeros(len(values), bool)
    missing = np.isinf(values) | (values == MISSING) | _beyond(values, column)
    if column.ucd.startswith(("src.redshift", "phot.mag")):
        missing |= values == UNMEASURED
    return missing


def _beyond(values: np.ndarray, column: Column) -> np.ndarray:
    """Where values are none of those that upstream gives to what it measured."""
    missing = np.zeros(len(values), bool)
    if not column.nullable or values.dtype.kind == "b":
        return missing
    if column.missing_below is not None:
        missing |= values < column.missing_below
    if column.missing_above is not None:
        missing |= values > column.missing_above
    for sentinel in column.sentinels:
        missing |= values == values.dtype.type(sentinel)
    return missing


def _integers(field: Field, values: np.ndarray) -> np.ndarray:
    bounds = np.iinfo(field.column.dtype)
    if values.dtype.kind == "f":
        whole = (values == np.rint(values)) & (np.abs(values) <= EXACT)
        _require_all(field, values, whole)
    _require_all(field, values, (values >= bounds.min) & (values <= bounds.max))
    return values.astype(field.column.dtype, copy=False)


def _require_all(field: Field, values: np.ndarray, good: np.ndarray) -> None:
    if not good.all():
        raise field.wrong(values[~good][0])
