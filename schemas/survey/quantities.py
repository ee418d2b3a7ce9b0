"""What is no value, by kind of quantity: declared once, for every command and function.

A number is no value where it is not finite, where the quantity can't be so (a magnitude of 99, a
redshift of -9), or where it is one of the numbers that catalogues write for "none" and no
measurement gives. What is merely odd is kept: a forecast of -0.02 or 14 is a forecast, and counts.
Upstream catalogues, whose sentinels are known column by column, are read by `Column` instead.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import MAGNITUDE_RANGE, TYPICAL_MAGNITUDES

NINES = (-9.0, -9.9, -9.99, -9.999, -9.9999, -99.0, -99.9, -99.99, -999.0, -999.9, -9999.0)
"""What catalogues write for no value in place of a number that is never negative."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of quantity: where its values lie, and which numbers stand for none.

    Attributes
    ----------
    name : str
        What one value is called in messages.
    low, high : float
        Values lie between them; the ends themselves are none, but `low` where it is `reached`.
    reached : bool
        Whether a value may be equal to `low`.
    sentinels : tuple of float
        Numbers between the ends that stand for no value, told as float32.

    Examples
    --------
    >>> FORECAST.is_missing([0.7, -0.02, -1.0, -9.99, np.nan, 99.0]).tolist()
    [False, False, True, True, True, True]
    >>> print(LABEL)
    a true redshift lies above -0.01 and below 30, and is not 0, 9.99, 9.999 or 9.9999
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    reached: bool = False
    sentinels: tuple[float, ...] = ()

    def is_missing(self, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return where numbers of any shape are no value of this kind."""
        numbers = np.asarray(values)
        above = numbers >= self.low if self.reached else numbers > self.low
        return ~(above & (numbers < self.high)) | self.is_sentinel(numbers)  # NaN compares false

    def is_sentinel(self, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return where numbers are among the `sentinels`."""
        numbers = np.asarray(values)
        none = np.zeros(numbers.shape, np.bool_)
        with np.errstate(over="ignore"):
            single = numbers.astype(np.float32) if self.sentinels else numbers
        for sentinel in self.sentinels:
            none |= single == np.float32(sentinel)
        return none

    def without_missing(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[Any]:
        """Return numbers with NaN where they are no value; the same array where all are."""
        missing = self.is_missing(values)
        if not missing.any():
            return values
        return np.where(missing, values.dtype.type(np.nan), values)

    def __str__(self) -> str:
        """Say in words where values lie."""
        ends = []
        if math.isfinite(self.low):
            ends.append(f"{'at or ' if self.reached else ''}above {self.low:g}")
        if math.isfinite(self.high):
            ends.append(f"below {self.high:g}")
        text = f"{self.name} {'lies ' + ' and '.join(ends) if ends else 'is finite'}"
        *most, last = (f"{one:.10g}" for one in self.sentinels) if self.sentinels else ("",)
        listed = f"{', '.join(most)} or {last}" if most else last
        return f"{text}, and is not {listed}" if self.sentinels else text


_NO_REDSHIFT = (9.999, 9.9999)  # what spectroscopic surveys write for "none"

LABEL = Quantity("a true redshift", -0.01, 30.0, sentinels=(0.0, 9.99, *_NO_REDSHIFT))
"""Galaxies that fall towards us have -0.001 or so, and none is known beyond 15; 0 and 9.99 are what
spectroscopic surveys write for "none"."""

FORECAST = Quantity("a forecast", -1.0, 90.0, sentinels=_NO_REDSHIFT)
"""A forecast may be slightly negative, or far off: that is an error of the method, and counts. But
1 + z is positive. 9.99 may be a point of somebody's grid."""

DRAW = Quantity("a quantile or sample", -9.0, 90.0, sentinels=(-1.0, *_NO_REDSHIFT))
"""The tail of a wide Gaussian reaches below -1, but not to just that number."""

WIDTH = Quantity("a width", 0.0, 90.0)
"""Of a redshift's distribution."""

DENSITY = Quantity("a probability density", sentinels=(-1.0, *NINES))
"""A negative one is an error, but where a whole distribution has nothing but such numbers."""

MAGNITUDE = Quantity("a magnitude", *MAGNITUDE_RANGE)
"""No galaxy is brighter than 0 mag; a flux of 0 is often written as 50, 90 or 99."""

MAGNITUDE_ERROR = Quantity("an error of a magnitude", *MAGNITUDE_RANGE, reached=True)
"""0 is that of a bright galaxy, in a file of few digits."""

FLUX = Quantity("a flux", sentinels=NINES[5:])
"""In any unit, and perhaps negative: only numbers that nothing else writes are none."""

ANGLE = Quantity("a coordinate", sentinels=(*NINES[5:], 99.0, 999.0, 9999.0))
"""Of a position; one that is off the sphere otherwise is an error, not missing."""

FEW_NUMBERS, ODD_SHARE = 10, 0.1
"""A column with more different numbers than these, and than this share of its values, that no
magnitude can be holds no magnitudes: what catalogues write for "none" is one number or a few (our
choice)."""

NOT_MAGNITUDES = (
    "AB magnitudes of galaxies lie above {:g} and below {:g}, their median between {:g} and {:g}; "
    "these may be fluxes. Turn them into magnitudes first: m = 23.9 - 2.5 log10 f for fluxes f in "
    "µJy, or `transferz magnitudes` for any unit"
).format(*MAGNITUDE_RANGE, *TYPICAL_MAGNITUDES)


def require_magnitudes(columns: Mapping[str, npt.NDArray[np.floating[Any]]], what: object) -> None:
    """Refuse columns of magnitudes, each of shape (N,), that hold something else, such as fluxes.

    An InputError names those with more different numbers beyond what a magnitude can be than a
    catalogue has for "none", or with a median that no catalogue of galaxies has. Otherwise their
    values would be taken for missing, or worse for magnitudes. `what` is what has the columns.
    """
    low, high = TYPICAL_MAGNITUDES
    found = []
    for name, values in columns.items():
        numbers = values[np.isfinite(values)]
        missing = MAGNITUDE.is_missing(numbers)
        odd = len(np.unique(numbers[missing])) > max(FEW_NUMBERS, ODD_SHARE * len(numbers))
        told = numbers if odd else numbers[~missing]
        if len(told) and (odd or not low <= np.median(told) <= high):
            found.append(f"{name} (median {np.median(told):.4g})")
    if found:
        raise InputError(
            f"{what}: the numbers in {', '.join(found)} are no magnitudes: {NOT_MAGNITUDES}"
        )
