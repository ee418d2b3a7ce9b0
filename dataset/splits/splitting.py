"""Which split an object belongs to.

An object's split follows from its own hash (or block of sky, or published split), never from its
neighbours: it is the same in every config and version. Where different objects lie within the match
radius but in different splits, `transferz.dataset.sky.neighbours.drop_conflicts` leaves one of them
out.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from transferz.dataset.sky.positions import Floats, Positions
from transferz.dataset.splits.hashing import Hashes, as_arrow, hash_ids, hash_rows
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.catalogues import SPLITS

if TYPE_CHECKING:  # a bare training machine has no pandas
    import pandas as pd

Names = NDArray[np.str_]

_NAME = np.array(SPLITS).dtype
_HASHES = 1 << 64
_SUM_TOLERANCE = Fraction(1, 10**9)


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
