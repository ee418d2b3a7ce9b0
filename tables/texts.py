"""From text to values: booleans, numbers and ids as archives spell them, and what means nothing."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.tables.columns import Field

BLANKS = " \t"  # around a value, where a table is padded
NO_TEXT = ("", "nan", "NaN", "null", "NULL")  # but not NA, which may be somebody's name
NO_NUMBER = (*NO_TEXT, "None", "NA", "N/A", "#N/A")  # nor a boolean
TRUE = ("True", "true", "TRUE", "t", "T", "1", "1.0")
FALSE = ("False", "false", "FALSE", "f", "F", "0", "0.0")

_INTEGER = r"^-?[0-9]+(\.0+)?$"
_UNPARSED = re.compile(r"Failed to parse string: '(.*)' as", re.DOTALL)


def parse(field: Field, texts: pa.Array, missing: np.ndarray | None = None) -> pa.Array:
    """Turn the cells of a text column into what they spell.

    Parameters
    ----------
    field : Field
        What they should be.
    texts : pyarrow.Array
        Strings; blanks around them do not count.
    missing : ndarray of bool, optional
        Rows whose text means nothing, whatever it says.

    Returns
    -------
    pyarrow.Array
        Strings, booleans, int64 for identifiers, float64 for other numbers: an identifier never
        passes through a float, but may end in ``.0``. Null where nothing stands.

    Raises
    ------
    InputError
        If a cell spells something else.
    """
    texts = pc.utf8_trim(texts, characters=BLANKS)
    if missing is not None:
        texts = pc.if_else(pa.array(missing), pa.scalar(None, texts.type), texts)
    if field.column.dtype == "string":
        return without(texts, NO_TEXT)
    if field.column.dtype == "bool":
        return booleans(field, texts)
    texts = without(texts, NO_NUMBER)
    return _integers(field, texts) if field.column.dtype == "int64" else _cast(field, texts, "f8")


def without(texts: pa.Array, nothing: tuple[str, ...]) -> pa.Array:
    """Make texts that stand for nothing null."""
    none = pc.is_in(texts, pa.array(nothing, texts.type))
    return pc.if_else(none, pa.scalar(None, texts.type), texts)


def booleans(field: Field, texts: pa.Array) -> pa.Array:
    """Turn the archives' spellings of true and false into booleans, of nothing into null.

    Raises
    ------
    InputError
        If a text spells neither.
    """
    texts = without(pc.utf8_trim(texts, characters=BLANKS), NO_NUMBER)
    true, false = (pc.is_in(texts, pa.array(words, texts.type)) for words in (TRUE, FALSE))
    _require_all(field, texts, pc.or_(true, false))
    return pc.if_else(texts.is_null(), pa.scalar(None, pa.bool_()), true)


def _integers(field: Field, texts: pa.Array) -> pa.Array:
    _require_all(field, texts, pc.match_substring_regex(texts, _INTEGER))
    return _cast(field, pc.replace_substring_regex(texts, r"\.0+$", ""), "i8")


def _cast(field: Field, texts: pa.Array, kind: str) -> pa.Array:
    try:
        return texts.cast(pa.type_for_alias(kind))
    except pa.ArrowInvalid as error:
        match = _UNPARSED.search(str(error))
        raise field.wrong(f"'{match[1]}'" if match else error) from None


def _require_all(field: Field, texts: pa.Array, good: pa.Array) -> None:
    """Refuse the first text that is not good; a null is."""
    bad = texts.filter(pc.invert(pc.or_kleene(good, texts.is_null())))
    if len(bad):
        raise field.wrong(f"'{bad[0]}'")
