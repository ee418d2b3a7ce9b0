"""Ask a forecast of any form the same questions, block of galaxies by block.

A forecast of which any value is missing, by the rules of `transferz.schemas.survey.quantities`, is
a missing one: all that is asked of it is NaN.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.arrays import IN_ORDER, as_numbers, row_labels
from transferz.schemas.survey.quantities import Quantity

BLOCK = 2**16
"""Values worked on at a time, but at least a whole row (our choice: a processor's cache)."""

LEAST_WIDTH = 0.01
"""No density is above ``1 / LEAST_WIDTH``, where quantiles or samples coincide or nearly do: nobody
knows a photometric redshift more finely, and numbers of few digits tie (our choice)."""

Rows = slice | npt.NDArray[np.int64] | npt.NDArray[np.bool_]
F = TypeVar("F")


class Distribution(ABC):
    """The forecasts of N galaxies, in any form.

    Redshifts are of shape (N,), one for each galaxy; where one is NaN, so is the answer. This class
    checks them, and asks the private method of the same name, which a subclass has, of as many
    galaxies at a time as `BLOCK` holds. In `Prediction`, anything with the public methods serves.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, rows: Rows) -> Self:
        """Return some of the galaxies; `rows` is a slice, a mask or indices."""

    def remarks(self) -> list[str]:
        """Say what can't be scored of such forecasts, or only so, a line each."""
        return []

    @property
    @abstractmethod
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which galaxies have no forecast, shape (N,)."""

    @abstractmethod
    def _width(self, levels: int = 1) -> int:
        """Say how many values a galaxy takes; `levels` quantiles at a time."""

    def _pair_width(self) -> int:
        """Say how many values a galaxy takes in `square_integral`."""
        return self._width()

    def _crps_width(self) -> int:
        """Say how many values a galaxy takes in `crps`."""
        return self._width()

    def cdf(self, redshift: npt.ArrayLike) -> Array:
        """Return the probability to lie at or below a redshift, shape (N,)."""
        return self._by_block(redshift, self._width(), lambda part, true: part._cdf(true))

    def density(self, redshift: npt.ArrayLike) -> Array:
        """Return the probability density at a redshift, shape (N,)."""
        return self._by_block(redshift, self._width(), lambda part, true: part._density(true))

    def square_integral(self) -> Array:
        """Return ``∫ p(z)² dz``, shape (N,)."""
        return self._by_block(0.0, self._pair_width(), lambda part, _: part._square_integral())

    def crps(self, redshift: npt.ArrayLike) -> Array:
        """Return ``∫ (F(z) - [z >= redshift])² dz``, shape (N,), in redshift."""
        return self._by_block(redshift, self._crps_width(), lambda part, true: part._crps(true))

    def quantiles(self, levels: npt.ArrayLike) -> Array:
        """Return redshifts below which the probabilities `levels` (L,) lie, shape (N, L)."""
        wanted = as_levels(levels)
        width = self._width(wanted.size)
        return self._by_block(0.0, width, lambda part, _: part._quantiles(wanted))

    def mean(self) -> Array:
        """Return ``∫ z p(z) dz``, shape (N,)."""
        mean = self._by_block(0.0, self._width(), lambda part, _: part._mean())
        return np.where(self.missing, np.nan, mean)

    def std(self) -> Array:
        """Return the standard deviation, ``sqrt(∫ (z - mean)² p(z) dz)``, shape (N,)."""
        std = self._by_block(0.0, self._width(), lambda part, _: part._std())
        return np.where(self.missing, np.nan, std)

    def _by_block(
        self, redshift: npt.ArrayLike, width: int, compute: Callable[[Any, Array], Array]
    ) -> Array:
        """Compute at one redshift of each galaxy, from `width` values a galaxy, and join."""
        true = per_row(redshift, len(self))
        parts = [compute(part, true[rows]) for rows, part in blocks(self, width)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def blocks(distribution: Distribution, width: int) -> Iterator[tuple[slice, Distribution]]:
    """Cut into blocks of galaxies that `BLOCK` holds, at `width` values a galaxy."""
    step = max(1, BLOCK // max(1, width))
    size = len(distribution)
    if size <= step:  # itself, so that what it has computed and kept is used
        yield slice(None), distribution
        return
    for start in range(0, size, step):
        rows = slice(start, min(start + step, size))
        yield rows, distribution.take(rows)


def unchecked(kind: type[F], **fields: Any) -> F:
    """Build a frozen dataclass from fields that were checked before."""
    made = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def per_row(redshift: npt.ArrayLike, size: int) -> Array:
    """Return `size` redshifts as float64, one for each galaxy; a single one serves them all."""
    values = np.asarray(redshift, np.float64)
    if values.shape not in ((), (size,)):
        raise ValueError(f"expected {size} redshifts, shape ({size},); found shape {values.shape}")
    return np.broadcast_to(values, (size,))


def as_levels(levels: npt.ArrayLike) -> Array:
    """Return probabilities, shape (L,), within [0, 1]."""
    values = np.atleast_1d(as_numbers(levels, "levels").astype(np.float64))
    if values.ndim != 1 or not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError(f"levels are probabilities in [0, 1], shape (L,); found {values}")
    return values


def as_table(values: npt.ArrayLike, what: str, columns: int | None = None) -> npt.NDArray[Any]:
    """Return floats, one row a galaxy, not copied where they are floats already."""
    if row_labels({what: values}) is not None:
        raise ValueError(f"{what}: its rows have an index other than 0, 1, 2 ...; {IN_ORDER}")
    table = as_numbers(values, what)
    if table.dtype.kind != "f" or table.dtype.itemsize < 4:  # half precision is for storage
        table = table.astype(np.float64)
    wanted = "G" if columns is None else str(columns)
    if table.ndim != 2 or (columns is not None and table.shape[1] != columns) or not table.shape[1]:
        raise ValueError(
            f"{what}: expected one row per galaxy, shape (N, {wanted}); found {table.shape}"
        )
    return table


def blank_missing(table: npt.NDArray[Any], kind: Quantity) -> npt.NDArray[Any]:
    """Return a table with NaN throughout each row of which any value is missing."""
    return blank(table, which_rows(table, lambda v: np.asarray(kind.is_missing(v).any(axis=1))))


def blank(table: npt.NDArray[Any], rows: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return a table with NaN throughout some rows; itself where there is none."""
    return np.where(rows[:, None], table.dtype.type(np.nan), table) if rows.any() else table


def which_rows(
    table: npt.NDArray[Any], rule: Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]]
) -> npt.NDArray[np.bool_]:
    """Ask a rule of all rows, block by block."""
    step = max(1, BLOCK // table.shape[1])
    chosen = np.zeros(len(table), bool)
    for start in range(0, len(table), step):
        chosen[start : start + step] = rule(table[start : start + step])
    return chosen


def refuse(bad: npt.ArrayLike, what: str, why: str) -> None:
    """Raise an error that names the first bad row and counts them, if there is any."""
    if np.any(bad):
        first, count = int(np.argmax(bad)), int(np.sum(bad))
        others = f" (and {count - 1} more)" if count > 1 else ""
        raise ValueError(f"{what}: row {first}{others} {why}")
