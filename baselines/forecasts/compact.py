"""Keep the density of a galaxy's redshift in a few bytes, in a column of any table.

A value of S bytes holds K = S - 3 quantiles, of levels that K alone decides: where the lowest lies,
and a byte for the step from each to the next. The steps are a table of 256, twelve to a factor of
two, so that narrow densities are kept as finely as wide ones, and quantiles can't cross. All that
is needed to read a value is in it; docs/pdfs.md has the layout for readers in other languages.

Shapes: N galaxies, S bytes a galaxy, K levels.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transferz.baselines.scores.probability.distribution import Distribution, unchecked
from transferz.baselines.scores.probability.piecewise import Quantiles
from transferz.baselines.scores.probability.prediction import Prediction
from transferz.schemas.errors import InputError

VERSION = 1
"""The first byte of every value. What it stands for never changes: another layout is another."""

FEWEST, MOST = 8, 128
"""Bytes a value may have: 5 quantiles, of fewer of which nothing else is known, to 125."""

KEY = b"transferz_pdf"
"""Of the column's metadata in Arrow and parquet."""

SUFFIX = "quant"
"""How a column's name ends: qp's name of the form, as in Rubin's ``<code>_<form>``."""

HEADER = 4
"""Bytes before the steps: the version, the check, and two for the lowest quantile."""

LOW, UNITS = -1.0, 4096
"""The lowest quantile is ``LOW + k / UNITS``, k from 1 to 65,535: exact in binary, and never -1,
9.999 or another number that stands for no redshift."""

HIGH = 15.0
"""What a density has above is put there, and what it has below -1 at the least redshift."""

STEPS = np.concatenate([[0.0], 16.0 * np.exp2((np.arange(1, 256) - 255) / 12.0)])
"""The step that each byte stands for: none, then 6.8e-6 to 16 in steps of 6 %."""

OVERSHOT = 0.25
"""A quantile is put at most this share of the next step too high: then every step leads up, and the
error of one does not go on to those after a gap between two peaks (our choice)."""

SLACK = 1e-9
"""Above which a quantile is too high, and not so by rounding: what was decoded is encoded to the
same bytes."""

_BETWEEN = (STEPS[1:] + STEPS[:-1]) / 2.0

_ARROW = (pa.Array, pa.ChunkedArray)

Bytes = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]


def levels_of(size: int) -> Array:
    """Return the levels of the quantiles in values of so many bytes, shape (K,).

    They are ``e + (1 - 2 e) (u + sin²(π u / 2)) / 2``, with K numbers u from 0 to 1, evenly, and
    e = 1 / 4 K: symmetric, and 2.6 times as dense at the ends as in the middle (our choice: of what
    was tried, that loses least CRPS). An InputError says that no value has so many bytes.

    Examples
    --------
    >>> levels_of(8).round(3)
    array([0.05 , 0.228, 0.5  , 0.772, 0.95 ])
    """
    if not FEWEST <= size <= MOST:
        raise InputError(f"a density takes {FEWEST} to {MOST} bytes; found {size}")
    count = size - HEADER + 1
    u, end = np.linspace(0.0, 1.0, count), 0.25 / count
    return end + (1.0 - 2.0 * end) * (u + np.square(np.sin(np.pi / 2.0 * u))) / 2.0


def pdf_field(method: str, size: int) -> pa.Field:
    """Return the column that holds a method's densities at `size` bytes a galaxy.

    Its metadata say how it is read, for people; `decode_pdfs` does not need them.
    """
    said = {
        "encoding": "transferz quantile steps",
        "version": VERSION,
        "bytes": size,
        "levels": levels_of(size).tolist(),
    }
    kind, metadata = pa.binary(size), {KEY: json.dumps(said).encode()}
    return pa.field(f"{method}_{SUFFIX}", kind, metadata=metadata)


def encode_pdfs(forecasts: Prediction | Distribution, size: int) -> pa.FixedSizeBinaryArray:
    """Put the densities of N galaxies into bytes.

    Parameters
    ----------
    forecasts : Prediction or Distribution
        Of any form that tells quantiles.
    size : int
        Bytes a galaxy, 8 to 128. See docs/pdfs.md for what is lost at each.

    Returns
    -------
    pyarrow.FixedSizeBinaryArray, length N
        Null where there is no forecast.

    Raises
    ------
    InputError
        Where `size` is another, a prediction has a point alone, or quantiles are not told (of
        fewer than 5 levels).

    Examples
    --------
    >>> from transferz.baselines.scores.probability import GaussianMixture
    >>> mixture = GaussianMixture([[0.7, 0.3]], means=[[0.5, 2.0]], sigmas=[[0.1, 0.2]])
    >>> column = encode_pdfs(mixture, 40)
    >>> column.type, decode_pdfs(column).quantiles([0.5]).round(3)
    (FixedSizeBinaryType(fixed_size_binary[40]), array([[0.557]]))
    """
    levels = levels_of(size)
    if isinstance(forecasts, Prediction):
        if forecasts.distribution is None:
            raise InputError("expected densities; found points alone, which have none")
        forecasts = forecasts.distribution
    quick = getattr(forecasts, "near_quantiles", forecasts.quantiles)
    quantiles = np.asarray(quick(levels), np.float64)
    unknown = np.isnan(quantiles).any(axis=1)
    known = ~np.asarray(getattr(forecasts, "missing", unknown))
    _refuse(known & unknown, f"has no quantiles but its own, and {levels.size} others are kept")
    values = np.zeros((len(quantiles), size), np.uint8)
    values[known] = _steps(np.clip(quantiles[known], LOW + 1.0 / UNITS, HIGH), size)
    bitmap = pa.py_buffer(np.packbits(known, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(values)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(values), buffers)


def _steps(quantiles: Array, size: int) -> Bytes:
    """Encode quantiles (N, K): each step is taken from where the one before has led."""
    values = np.empty((len(quantiles), size), np.uint8)
    gaps = np.diff(quantiles, axis=1)
    room = SLACK + OVERSHOT * np.column_stack([gaps, np.full(len(gaps), np.inf)])
    start = np.rint((quantiles[:, 0] - LOW) * UNITS)
    start -= (LOW + start / UNITS - quantiles[:, 0] > room[:, 0]) & (start > 1.0)
    start = np.minimum(start, 2**16 - 1)
    place = LOW + start / UNITS
    for k in range(1, quantiles.shape[1]):
        wanted = quantiles[:, k] - place
        code = np.searchsorted(_BETWEEN, wanted)
        code -= (STEPS[code] - wanted > room[:, k]) & (code > 0)
        place = place + STEPS[code]
        values[:, HEADER + k - 1] = code
    values[:, 0] = VERSION
    values[:, 2:HEADER] = start.astype("<u2")[:, None].view(np.uint8)
    values[:, 1] = _check(values)
    return values


def _check(values: Bytes) -> Bytes:
    """Return the second byte: the others' sum, each times an odd number, so that all count."""
    weights = 2 * np.arange(values.shape[1], dtype=np.uint8) + np.uint8(1)
    weights[1] = 0
    return values @ weights  # of bytes, so modulo 256


def decode_pdfs(column: Any) -> Quantiles:
    """Return the densities that are in a column of bytes.

    Parameters
    ----------
    column : array_like of bytes, length N, or of uint8, shape (N, S)
        As pyarrow, pandas, lsdb, NumPy or FITS have it; null, None or NaN where there is none.

    Returns
    -------
    Quantiles
        Of N galaxies, NaN where there is none. `transferz.baselines.forecasts.to_qp` makes a qp
        ensemble of the same column.

    Raises
    ------
    InputError
        Where values are of several lengths, of another version, or damaged.

    Examples
    --------
    >>> decode_pdfs([bytes.fromhex("01215e15a5a2a2a6"), None]).quantiles([0.5]).round(2)
    array([[0.5],
           [nan]])
    """
    values, known = _as_bytes(column)
    levels = levels_of(values.shape[1])
    version = values[:, 0]
    other = f"is not of version {VERSION} of the encoding, the one that this transferz reads"
    _refuse(known & (version != VERSION), f"{other}; or it is damaged, or something else")
    _refuse(known & (values[:, 1] != _check(values)), "is damaged; write the column again")
    places = np.empty((len(values), levels.size))
    places[:, 0] = LOW + (values[:, 2] + 256.0 * values[:, 3]) / UNITS
    places[:, 1:] = STEPS[values[:, HEADER:]]
    np.cumsum(places, axis=1, out=places)
    places[~known] = np.nan
    return unchecked(Quantiles, levels=levels, values=places)


def _as_bytes(column: Any) -> tuple[Bytes, npt.NDArray[np.bool_]]:
    """Return a column's bytes, shape (N, S), and which rows have any, shape (N,)."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "u" and column.ndim == 2 and column.dtype.itemsize == 1:
        return np.ascontiguousarray(column), np.ones(len(column), np.bool_)
    if kind in "SV" and kind:  # NumPy's own drops zeros at the end of each
        flat = np.ascontiguousarray(column).view(np.uint8)
        return flat.reshape(len(column), column.dtype.itemsize), np.ones(len(column), np.bool_)
    try:
        array = column if isinstance(column, _ARROW) else pa.array(column, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        return _of_arrow(array)
    except (pa.ArrowException, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a column of bytes, as encode_pdfs makes; {reason}") from None


def _of_arrow(array: pa.Array) -> tuple[Bytes, npt.NDArray[np.bool_]]:
    known = array.is_valid().to_numpy(zero_copy_only=False)
    if not pa.types.is_fixed_size_binary(array.type):
        nothing = array.null_count == len(array)  # pandas then takes them for numbers
        array = (pa.nulls(len(array)) if nothing else array).cast(pa.large_binary())
        lengths = np.unique(pc.binary_length(array.drop_null()).to_numpy())
        if lengths.size > 1:
            raise InputError(f"expected values of one length; found {lengths.tolist()} bytes")
        array = array.cast(pa.binary(int(lengths[0]) if lengths.size else FEWEST))
    size = array.type.byte_width
    data = np.frombuffer(array.buffers()[1], np.uint8)
    return data[size * array.offset :][: size * len(array)].reshape(len(array), size), known


def _refuse(bad: npt.NDArray[np.bool_], why: str) -> None:
    """Raise an error that names the first bad row and counts them, if there is any."""
    if bad.any():
        count = np.count_nonzero(bad)
        others = f" (and {count - 1:,} more)" if count > 1 else ""
        raise InputError(f"the density of row {int(bad.argmax()):,}{others} {why}")
