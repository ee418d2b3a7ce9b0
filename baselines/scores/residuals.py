"""The errors of point forecasts, and what several metrics need of them, each computed once."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BIWEIGHT_LOCATION_WIDTH = 6.0
BIWEIGHT_VARIANCE_WIDTH = 9.0

BLOCK = 2**17
"""Errors worked on at a time, but at least a whole row (our choice: near a processor's cache)."""

COUNTED_ROW_BY_ROW = 512
"""From this length on, counting in each row by itself is faster than along an axis (measured)."""


class Scratch:
    """Arrays by name, used again for block after block: fresh memory costs more than the sums."""

    def __init__(self) -> None:
        self._flat: dict[str, Array] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return an array of this shape that holds anything."""
        size = math.prod(shape)
        if name not in self._flat or self._flat[name].size < size:
            self._flat[name] = np.empty(size)
        return self._flat[name][:size].reshape(shape)


class Residuals:
    """Normalised errors ``dz``, whose medians, distances and squares the metrics share.

    Everything is computed when it is first asked for, and kept.

    Parameters
    ----------
    dz : ndarray, shape (..., N)
        ``(z_pred - z_true) / (1 + z_true)``, N at least 1.
    scratch : Scratch, optional
        Whose arrays to fill; the residuals that it was lent to before are void then.
    """

    def __init__(self, dz: Array, scratch: Scratch | None = None) -> None:
        self.dz = dz
        self._scratch = scratch or Scratch()

    def room(self, name: str = "passing") -> Array:
        """An array to work in, shape (..., N)."""
        return self._scratch.array(name, self.dz.shape)

    @cached_property
    def median(self) -> Array:
        """Median of dz, shape (...)."""
        return exact_median(self.dz, self.room())

    @cached_property
    def centred(self) -> Array:
        """``dz - median``, shape (..., N)."""
        return np.subtract(self.dz, self.median[..., None], out=self.room("centred"))

    @cached_property
    def distance(self) -> Array:
        """``abs(dz - median)``, shape (..., N)."""
        return np.abs(self.centred, out=self.room("distance"))

    @cached_property
    def mad(self) -> Array:
        """Median absolute deviation from the median, shape (...)."""
        return exact_median(self.distance, self.room())

    @cached_property
    def square(self) -> Array:
        """``dz²``, shape (..., N)."""
        return np.square(self.dz, out=self.room("square"))

    @cached_property
    def square_distance(self) -> Array:
        """``(dz - median)²``, shape (..., N)."""
        return np.square(self.centred, out=self.room("square_distance"))

    @cached_property
    def biweight_location(self) -> Array:
        """Biweight location with c = 6, shape (...); see `transferz.baselines.scores.metrics`."""
        weight = self._biweight_base(BIWEIGHT_LOCATION_WIDTH)
        np.square(weight, out=weight)
        total = weight.sum(axis=-1)
        weight *= self.centred
        return self.median + self._where_spread(weight.sum(axis=-1), total)

    @cached_property
    def biweight_scale(self) -> Array:
        """Root of the biweight midvariance with c = 9, shape (...); see there too."""
        base = self._biweight_base(BIWEIGHT_VARIANCE_WIDTH)
        total = base.sum(axis=-1)
        np.square(base, out=base)
        below = np.abs(5.0 * base.sum(axis=-1) - 4.0 * total)  # 1 - 5u² = 5 (1 - u²) - 4
        np.square(base, out=base)
        base *= self.square_distance
        return self._where_spread(np.sqrt(base.shape[-1] * base.sum(axis=-1)), below)

    def _biweight_base(self, width: float) -> Array:
        """``1 - u²`` inside, 0 outside: ``u = (dz - median) / (width MAD)``. Void where MAD = 0."""
        scale = np.square(width * self.mad)[..., None]
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        base = np.multiply(self.square_distance, inverse, out=self.room())
        np.clip(base, 0.0, 1.0, out=base)
        return np.subtract(1.0, base, out=base)

    def _where_spread(self, above: Array, below: Array) -> Array:
        """``above / below``; 0 where MAD or `below` is 0."""
        there = (self.mad != 0) & (below != 0)
        return np.divide(above, below, out=np.zeros_like(below), where=there)


def exact_median(values: Array, room: Array | None = None) -> Array:
    """Median over the last axis, as ``numpy.median`` has it, by one selection.

    Several times faster: asked for one position only, numpy selects with vector instructions.

    Parameters
    ----------
    values : ndarray, shape (..., N)
        N at least 1. A NaN makes the median NaN.
    room : ndarray, shape (..., N), optional
        Overwritten.

    Returns
    -------
    ndarray, shape (...)
    """
    half = values.shape[-1] // 2
    parted = np.empty(values.shape) if room is None else room
    np.copyto(parted, values)
    parted.partition(half, axis=-1)
    median = parted[..., half]
    if values.shape[-1] % 2 == 0:
        median = (parted[..., :half].max(axis=-1) + median) / 2.0
    broken = np.isnan(parted[..., half:].max(axis=-1))  # NaNs are sorted to the end
    return np.asarray(np.where(broken, np.nan, median))


def share(chosen: npt.NDArray[np.bool_]) -> Array:
    """Share of the chosen over the last axis."""
    if chosen.ndim < 2 or chosen.shape[-1] < COUNTED_ROW_BY_ROW:
        return np.asarray(np.count_nonzero(chosen, axis=-1) / chosen.shape[-1])
    counts = [np.count_nonzero(row) for row in chosen.reshape(-1, chosen.shape[-1])]
    return np.reshape(counts, chosen.shape[:-1]) / chosen.shape[-1]


def row_blocks(rows: int, length: int) -> Iterator[slice]:
    """Slices that cut `rows` rows of `length` values into blocks of about `BLOCK` values."""
    step = max(1, BLOCK // max(1, length))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))
