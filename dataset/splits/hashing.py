"""Hashes that never change, of ids, of rows, of whole tables, and the splits made of them.

They say whether two releases hold the same data, so their values are pinned by tests. Nothing here
depends on the platform or on the version of a package.

An object's split follows from its own hash (or block of sky, or published split), never from its
neighbours: it is the same in every config and version. Where different objects lie within the
match radius but in different splits, `transferz.dataset.sky.neighbours.drop_conflicts` leaves one
of them out.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from transferz.dataset.sky.positions import Floats, Positions
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.catalogues import SPLITS

if TYPE_CHECKING:  # a bare training machine has no pandas
    import pandas as pd


Hashes = NDArray[np.uint64]
Names = NDArray[np.str_]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))

# What a value is, for `hash_rows`: whole numbers are apart by sign, so that uint64 fits too.
_KINDS = ("null", "whole", "negative", "real", "text")
_NULL, _WHOLE, _NEGATIVE, _REAL, _TEXT = range(len(_KINDS))

_CONTENT_HEADER = b"transferz content 1\n"

_NAME = np.array(SPLITS).dtype
_HASHES = 1 << 64
_SUM_TOLERANCE = Fraction(1, 10**9)


def hash_ids(ids: ArrayLike, salt: str) -> Hashes:
    """Hash integers: output number `id` of a SplitMix64 stream that the salt seeds.

    ``mix(seed + id * gamma)`` with gamma and mix of SplitMix64 (Steele, Lea & Flood 2014,
    https://doi.org/10.1145/2660193.2660195); the seed is the first 8 bytes, little-endian, of
    sha256 of the salt. For one salt different ids never collide; the hashes (uint64) are uniform
    over all 64 bits. A negative id counts modulo 2**64. Raises `InputError` for ids that are no
    integers.
    """
    values = np.asarray(ids)
    if values.size == 0:
        return np.zeros(values.shape, dtype=np.uint64)
    if values.dtype.kind not in "iu":
        raise InputError(f"Ids to hash must be integers, found {values.dtype}; cast them to int64.")
    return _mix(values.astype(np.uint64) * _GAMMA + _seed(salt))


def hash_rows(frame: "pa.Table | pd.DataFrame", columns: Sequence[str] | None = None) -> Hashes:
    """Hash each row (to uint64) by its values and its columns' names: all columns, or those named.

    Equal whatever the order of rows or columns and however a value is stored. Numbers hash by
    value, not by type: ``1``, ``1.0`` and ``True`` are one (a null turns an integer column into
    floats in pandas); ``-0.0`` is ``0.0``; null, NaN and None are one. A float32 is the exact
    number it holds, so ``float32(0.1)`` differs from ``0.1``.

    Each value is turned into 64 bits (a whole number modulo 2**64, else the float64's pattern;
    of a string its blake2b digest of 8 bytes, little-endian) and hashed by `hash_ids` with the
    salt ``kind:column``, kind being null, whole, negative, real or text. The row's hash is
    SplitMix64's finaliser of their sum.

    Raises `InputError` if a column is missing, repeated, of mixed or of another type.
    """
    present = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    names = list(columns) if columns is not None else present
    if missing := sorted(set(names) - set(present)):
        raise InputError(f"Cannot hash rows: no column {missing}; the table has {present}.")
    if repeated := sorted({n for n in names if present.count(n) > 1 or names.count(n) > 1}):
        raise InputError(f"Cannot hash rows: column names occur more than once: {repeated}.")
    total = np.zeros(frame.num_rows if isinstance(frame, pa.Table) else len(frame), np.uint64)
    for name in names:
        code, kind = _encoded(as_arrow(frame[name], name), name)
        seeds = np.array([_seed(f"{kind}:{name}") for kind in _KINDS])
        total += _mix(code * _GAMMA + seeds[kind])
    return _mix(total)


def _seed(salt: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "little"))


def _mix(z: Hashes) -> Hashes:
    """SplitMix64's finaliser, a bijection of 64-bit integers."""
    z = (z ^ (z >> _SHIFTS[0])) * _MULTIPLIERS[0]
    z = (z ^ (z >> _SHIFTS[1])) * _MULTIPLIERS[1]
    return z ^ (z >> _SHIFTS[2])


def _encoded(array: pa.Array, name: str) -> tuple[Hashes, NDArray[np.uint8]]:
    """Return 64 bits per value and what kind of value they are."""
    code = np.zeros(len(array), np.uint64)
    kind = np.full(len(array), _NULL, np.uint8)
    if _is_text(array.type):
        encoded = array.fill_null("").dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
        unique = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
        code, kind[:] = unique[encoded.indices.to_numpy()], _TEXT
    elif pa.types.is_floating(array.type):
        values = _filled(array, np.nan).astype(np.float64)
        code, kind[:] = values.view(np.uint64).copy(), _REAL
        # A whole number that 64 bits hold is hashed as the integer it equals.
        is_whole = (values == np.trunc(values)) & (values >= -(2.0**63)) & (values < 2.0**64)
        whole = np.flatnonzero(is_whole & (values >= 0))
        negative = np.flatnonzero(is_whole & (values < 0))
        code[whole], kind[whole] = values[whole].astype(np.uint64), _WHOLE
        code[negative] = values[negative].astype(np.int64).view(np.uint64)
        kind[negative] = _NEGATIVE
        nan = np.flatnonzero(np.isnan(values))
        code[nan], kind[nan] = 0, _NULL
    elif pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        integers = _filled(array)
        code = integers.astype(np.uint64)
        kind[:] = np.where(integers < 0, np.uint8(_NEGATIVE), np.uint8(_WHOLE))
    elif not pa.types.is_null(array.type):
        raise _unknown_type(name, array.type)
    if array.null_count:
        null = array.is_null().to_numpy(zero_copy_only=False)
        code, kind = np.where(null, np.uint64(0), code), np.where(null, np.uint8(_NULL), kind)
    return code, kind


def content_hash(table: pa.Table) -> str:
    """Hash a table's column names, types and values, in their order: ``sha256:`` and 64 hex digits.

    The hash is logical: chunking, dictionary encoding, 32- or 64-bit string offsets, schema
    metadata, the bytes under a null and the parquet version behind the table change nothing.
    All NaN are one and ``-0.0`` is ``0.0``; null and NaN differ.

    What is hashed, little-endian: a header; the row count, names and types as JSON; then, for
    each column, one validity bit per row (padded to bytes) and the values with nulls blanked,
    strings as all their lengths in bytes (int64) followed by their UTF-8.

    Raises `InputError` if a column holds anything but booleans, integers, floats or strings.
    """
    columns = [(name, as_arrow(table.column(i), name)) for i, name in enumerate(table.column_names)]
    types = [[name, _type_name(array.type, name)] for name, array in columns]
    digest = hashlib.sha256(_CONTENT_HEADER)
    digest.update(json.dumps([table.num_rows, types]).encode())
    for _, array in columns:
        for part in _content(array):
            digest.update(np.ascontiguousarray(part).data)
    return f"sha256:{digest.hexdigest()}"


def as_arrow(column: Any, name: str) -> pa.Array:
    """Return a column as one arrow array: chunks joined, dictionary decoded, strings of one type.

    Of a pandas Series or a numpy array NaN and None become null. The name is for the `InputError`
    where values are of mixed types.
    """
    try:
        arrow = isinstance(column, pa.Array | pa.ChunkedArray)
        array = column if arrow else pa.array(column, from_pandas=True)
    except pa.ArrowException as error:
        raise InputError(f"Column '{name}' holds values of mixed types: {error}") from error
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.large_string()) if _is_text(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in text)


def _type_name(kind: pa.DataType, name: str) -> str:
    """Our own name of an arrow type, since arrow's might change."""
    if _is_text(kind):
        return "string"
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return str(np.dtype(kind.to_pandas_dtype()).name)
    raise _unknown_type(name, kind)


def _content(array: pa.Array) -> list[NDArray[Any]]:
    """Return validity, then values with nulls blanked, as little-endian arrays."""
    valid = np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    if _is_text(array.type):
        texts = array.fill_null("")
        lengths = _filled(pc.binary_length(texts)).astype("<i8")
        _, offsets, data = texts.buffers()
        first = np.frombuffer(offsets, dtype=np.int64)[texts.offset] if len(texts) else 0
        joined = np.frombuffer(data or b"", dtype=np.uint8)[first : first + lengths.sum()]
        return [valid, lengths, joined]
    values = _filled(array)
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)  # -0.0 + 0.0 is 0.0
        values[np.isnan(values)] = np.nan
    return [valid, values.astype(values.dtype.newbyteorder("<"), copy=False)]


def _filled(array: pa.Array, value: float = 0) -> NDArray[Any]:
    """Return the values of booleans (as 0 and 1) or numbers, nulls filled."""
    numbers = array.cast(pa.uint8()) if pa.types.is_boolean(array.type) else array
    filled = numbers.fill_null(value) if array.null_count else numbers
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def _unknown_type(name: str, kind: pa.DataType) -> InputError:
    return InputError(
        f"Column '{name}' is of type {kind}, which has no stable hash; convert it to booleans, "
        "integers, floats or strings."
    )


def split_by_hash(hashes: Hashes, fractions: Mapping[str, float]) -> Names:
    """Cut the range of a 64-bit hash into splits: return the name of each object's.

    An object goes to the first split whose cumulative fraction exceeds ``hash / 2**64``: splits in
    the order of `transferz.schemas.SPLITS`, whatever that of the mapping, sums in exact arithmetic
    on the fractions as written in decimal. The last split takes the rest; one that is left out or 0
    stays empty.

    Raises `InputError` if the hashes are not uint64; `ParameterError` if a name is unknown, a
    fraction is negative or not a number, or the sum is not 1 within 1e-9.
    """
    if np.asarray(hashes).dtype != np.uint64:
        raise InputError(f"Hashes must be uint64, found {np.asarray(hashes).dtype}.")
    exact = _exact_fractions(fractions)
    names = [name for name in SPLITS if exact.get(name, 0) > 0]
    cuts, total = [], Fraction(0)
    for name in names[:-1]:
        total += exact[name]
        cuts.append(min(math.ceil(total * _HASHES), _HASHES - 1))
    codes = np.searchsorted(np.array(cuts, dtype=np.uint64), hashes, side="right")
    return np.array(names, dtype=_NAME)[codes]


def split_by_sky_block(
    ra: Floats, dec: Floats, nside: int, salt: str, fractions: Mapping[str, float]
) -> Names:
    """Split whole blocks of sky: HEALPix pixels, nested, by the hash of the pixel's number.

    Positions are in degrees; `nside` is a power of two (64 gives blocks of 0.84 deg2). The
    fractions, as in `split_by_hash`, count blocks, so few blocks realise them coarsely.
    """
    from astropy_healpix import healpy

    if nside < 1 or nside & (nside - 1):
        raise ParameterError(f"nside must be a power of two, found {nside}.")
    sky = Positions(ra, dec, np.arange(len(ra)), "sky blocks")
    block = healpy.ang2pix(nside, sky.ra, sky.dec, nest=True, lonlat=True)
    return split_by_hash(hash_ids(np.asarray(block, dtype=np.int64), salt), fractions)


def split_published(
    published: ArrayLike, hashes: Hashes, fractions: Mapping[str, float], carve: float | None = None
) -> Names:
    """Keep published splits; carve a calibration split out of the published training split.

    An object that was published in ``train`` goes to ``calibration`` if its hash (uint64) lies in
    the last `carve` part of the range, by default the fraction of ``calibration``; everything else
    published stays where it was. An object without a published split (None, NaN) goes by
    `split_by_hash`.

    Raises `InputError` if a published split is unknown or there is not one entry per hash;
    `ParameterError` if the fractions are wrong or `carve` is not in [0, 1].
    """
    share = fractions.get("calibration", 0.0) if carve is None else carve
    texts = as_arrow(published, "published_split").cast(pa.string())  # all null has its own type
    names = texts.fill_null("").to_numpy(zero_copy_only=False)
    if unknown := sorted(set(names) - {"", *SPLITS}):
        raise InputError(f"Unknown published splits {unknown}; expected {list(SPLITS)} or null.")
    if len(names) != len(hashes):
        raise InputError(f"Found {len(names)} published splits for {len(hashes)} hashes.")
    if not 0 <= share <= 1:
        raise ParameterError(f"The part carved for 'calibration' must be in [0, 1], found {share}.")
    rest = float(1 - Fraction(repr(float(share))))
    carved = split_by_hash(hashes, {"train": rest, "calibration": share})
    own = np.where(names == "train", carved, names)
    return np.where(names == "", split_by_hash(hashes, fractions), own).astype(_NAME)


def object_keys(
    frame: "pa.Table | pd.DataFrame",
    id_column: str | None = None,
    columns: Sequence[str] | None = None,
) -> Hashes:
    """Return the key (uint64) that identifies each row's object: its id, else a hash of its values.

    `id_column` holds integers, null where an object has no id. The row's hash counts `columns`, by
    default all others; name them to keep keys when the table gains columns. Exact duplicates
    without an id share a key, so they go to one split. Raises `InputError` if a column is missing,
    or the ids are not integers.
    """
    present = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    values = [n for n in present if n != id_column] if columns is None else columns
    if id_column is None:
        return hash_rows(frame, values)
    if id_column not in present:
        raise InputError(f"No id column '{id_column}'; the table has {present}.")
    ids = as_arrow(frame[id_column], id_column)
    if not (pa.types.is_integer(ids.type) or pa.types.is_null(ids.type)):
        raise InputError(
            f"Id column '{id_column}' is of type {ids.type}, which cannot hold every 64-bit id; "
            "read it as (nullable) int64."
        )
    if not ids.null_count:
        return np.asarray(ids.to_numpy()).astype(np.uint64)
    missing = ids.is_null().to_numpy(zero_copy_only=False)
    own = np.zeros(len(ids), dtype=np.uint64)
    own[~missing] = ids.drop_null().to_numpy().astype(np.uint64)
    return np.where(missing, hash_rows(frame, values), own)


def _exact_fractions(fractions: Mapping[str, float]) -> dict[str, Fraction]:
    """Fractions as the decimals they are written as, checked."""
    if unknown := sorted(set(fractions) - set(SPLITS)):
        raise ParameterError(f"Unknown splits {unknown} in the fractions; expected {list(SPLITS)}.")
    for name, value in fractions.items():
        if not (math.isfinite(value) and value >= 0):
            raise ParameterError(
                f"The fraction of split '{name}' must be 0 or more, found {value}."
            )
    exact = {name: Fraction(repr(float(value))) for name, value in fractions.items()}
    total = sum(exact.values(), start=Fraction(0))
    if abs(total - 1) > _SUM_TOLERANCE:
        raise ParameterError(
            f"The fractions of the splits must sum to 1, found {float(total):.10g} from "
            f"{dict(fractions)}."
        )
    return exact
