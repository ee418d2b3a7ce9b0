"""Positions of a table: which rows have one, in what unit, and whether they lie near a release."""

import numpy as np
import numpy.typing as npt

from transferz.dataset.sky.positions import Positions
from transferz.schemas.errors import InputError
from transferz.schemas.survey.quantities import ANGLE

DEGREES = {
    **dict.fromkeys(("deg", "degree", "degrees"), 1.0),
    **dict.fromkeys(("hourangle", "hour", "hours", "hr", "h"), 15.0),
    **dict.fromkeys(("rad", "radian", "radians"), float(np.rad2deg(1.0))),
    **dict.fromkeys(("arcmin", "arcminute", "arcminutes"), 1.0 / 60.0),
    **dict.fromkeys(("arcsec", "arcsecond", "arcseconds"), 1.0 / 3600.0),
}
"""Degrees in 1 of each unit that a file may say of its positions."""

READINGS = {"hours": (15.0, 1.0), "radians": (DEGREES["rad"], DEGREES["rad"])}
"""What numbers that are taken for degrees may be instead: degrees in 1 of right ascension's unit
and of declination's."""

CELL = np.deg2rad(0.5)
"""Side of the cells of the sky that tell whether positions lie near others (our choice)."""

DIGITS = 4
"""Decimals of a degree up to which positions may be called rounded: 0.36 arcsec."""

ARCSEC_PER_DEGREE = 3600.0

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def degrees(values: Floats, unit: str, what: str) -> Floats:
    """Turn right ascensions (`what` is ``ra``) or declinations in a unit into degrees.

    Degrees are taken for granted where no unit is said; numbers that stand for none become NaN. A
    unit that is none of this coordinate's is an InputError.
    """
    word = unit.strip(" []()").lower()
    known = DEGREES.get(word, None if word else 1.0)
    if known is None or (known == 15.0 and what != "ra"):
        raise InputError(
            f"{what} is in '{unit}', expected degrees, radians or, of ra, hours: convert it to "
            "degrees"
        )
    return np.where(ANGLE.is_missing(values), np.nan, values * known)


def located(ra: npt.ArrayLike, dec: npt.ArrayLike, name: str) -> tuple[Mask, Positions]:
    """Return where there is a position, and those; right ascensions may be from -360 on."""
    east, north = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    rows = ~(ANGLE.is_missing(east) | ANGLE.is_missing(north))
    east = np.where((east < 0.0) & (east >= -360.0), east + 360.0, east)
    return rows, Positions(east[rows], north[rows], np.arange(np.count_nonzero(rows)), name)


def near(positions: Positions, others: Positions) -> bool:
    """Tell whether any position lies within about a degree of another one."""
    from scipy.spatial import cKDTree

    ours, theirs = _cells(positions), _cells(others)
    if not (len(ours) and len(theirs)):
        return False
    distance, _ = cKDTree(theirs).query(ours, distance_upper_bound=2.0)
    return bool(np.isfinite(distance).any())


def _cells(positions: Positions) -> Floats:
    """Return the cells of the unit sphere's cube that positions lie in, each once, shape (C, 3)."""
    ra, dec = np.deg2rad(positions.ra), np.deg2rad(positions.dec)
    cube = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    place = np.floor(cube / CELL).astype(np.int64) + 2**15
    one = np.unique((place[0] << 32) | (place[1] << 16) | place[2])
    return np.stack([one >> 32, (one >> 16) & 0xFFFF, one & 0xFFFF], axis=1).astype(np.float64)


def rounding(positions: Positions) -> float:
    """Return how far apart neighbouring values are that positions are rounded to, arcsec; 0 if not.

    Only degrees of few decimals are taken for rounded ones.
    """
    for digits in range(DIGITS):
        if all(_is_rounded(values, digits) for values in (positions.ra, positions.dec)):
            return ARCSEC_PER_DEGREE / 10.0**digits
    return 0.0


def _is_rounded(values: Floats, digits: int) -> bool:
    """Whether all numbers have so few decimals, float32's error aside."""
    return bool(np.allclose(values, values.round(digits), rtol=1e-7, atol=1e-9))
