"""Positions on the sky: checks, separations and offsets precise at arcsecond scales."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferz.schemas.errors import InputError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ARCSEC_PER_DEGREE = 3600.0
SEPARATION_STEPS_PER_ARCSEC = 1e7
"""Separations are whole multiples of 0.1 micro-arcsecond (our choice).

That is far above the rounding of float64 degrees (1e-10 arcsec) and far below any astrometric
error, so equal separations are recognised as ties and no processor sees them differently.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Sky positions with a unique key each; `InputError` where they are not what they should be.

    Attributes
    ----------
    ra, dec : float64 array (n,)
        Right ascension in [0, 360] and declination in [-90, 90], degrees.
    key : int64 or uint64 array (n,)
        Unique key of each row; it settles ties and orders results, whatever the row order.
    name : str
        What errors call the table.
    """

    ra: Floats
    dec: Floats
    key: NDArray[np.integer]
    name: str = "positions"

    def __post_init__(self) -> None:
        ra, dec = (np.asarray(values, dtype=np.float64) for values in (self.ra, self.dec))
        key = np.asarray(self.key)
        object.__setattr__(self, "ra", ra)
        object.__setattr__(self, "dec", dec)
        object.__setattr__(self, "key", key if key.size else key.astype(np.int64))
        shapes = {"ra": ra.shape, "dec": dec.shape, "key": key.shape}
        if ra.ndim != 1 or len(set(shapes.values())) > 1:
            raise InputError(
                f"{self.name}: ra, dec and key must be one-dimensional and of one length, "
                f"found shapes {shapes}."
            )
        finite = np.isfinite(self.ra) & np.isfinite(self.dec)
        self._refuse(~finite, "a position that is not finite", "remove them before matching")
        self._refuse(
            (self.ra < 0) | (self.ra > 360) | (np.abs(self.dec) > 90),
            "a position outside 0 <= ra <= 360, -90 <= dec <= 90",
            "give degrees, right ascension wrapped to 0-360",
        )
        if self.key.dtype.kind not in "iu":
            raise InputError(
                f"{self.name}: the keys of positions must be integers, found {self.key.dtype}."
            )
        if np.all(self.key[1:] > self.key[:-1]):  # most tables come sorted: spare them a sort
            return
        ordered = np.sort(self.key)
        if (repeats := ordered[1:][ordered[1:] == ordered[:-1]]).size:
            raise InputError(
                f"{self.name}: the keys of positions must be unique, but {repeats.size} rows "
                f"repeat one, the first of them {repeats[0]}; drop the duplicate rows."
            )

    def __len__(self) -> int:
        return len(self.ra)

    def take(self, rows: NDArray[np.integer]) -> "Positions":
        """Choose some rows, each at most once."""
        return Positions(self.ra[rows], self.dec[rows], self.key[rows], self.name)

    def _refuse(self, bad: NDArray[np.bool_], what: str, remedy: str) -> None:
        if not bad.any():
            return
        row = int(np.argmax(bad))
        raise InputError(
            f"{self.name}: {np.count_nonzero(bad)} of {len(self)} rows have {what}, the first at "
            f"row {row} (key {self.key[row]}, ra {self.ra[row]}, dec {self.dec[row]}); {remedy}."
        )


Parts = Callable[[], Iterable[Positions]]
"""Reads a catalogue from its beginning, part by part, so that not all of it is in memory."""


def together(parts: Iterable[Positions]) -> Positions:
    """Join the parts of a catalogue; at least one."""
    ra, dec, key, names = zip(*((p.ra, p.dec, p.key, p.name) for p in parts), strict=True)
    return Positions(np.concatenate(ra), np.concatenate(dec), np.concatenate(key), names[0])


def angular_separation(ra1: Floats, dec1: Floats, ra2: Floats, dec2: Floats) -> Floats:
    """Return the great-circle distances of positions in degrees, by the haversine formula.

    In arcsec, whole multiples of 1e-7 arcsec; the same both ways round. Right ascensions are in
    [0, 360].
    """
    haversine = (
        np.sin(np.deg2rad(dec2 - dec1) / 2) ** 2
        + np.cos(np.deg2rad(dec1))
        * np.cos(np.deg2rad(dec2))
        * np.sin(np.deg2rad(wrapped(ra2 - ra1)) / 2) ** 2
    )
    distance = 2 * np.arcsin(np.sqrt(np.minimum(haversine, 1.0)))
    steps = np.rint(np.rad2deg(distance) * (ARCSEC_PER_DEGREE * SEPARATION_STEPS_PER_ARCSEC))
    return np.asarray(steps / SEPARATION_STEPS_PER_ARCSEC)


def wrapped(difference: Floats) -> Floats:
    """Bring a difference of right ascensions in (-360, 360) into [-180, 180], degrees."""
    difference = np.where(difference > 180.0, difference - 360.0, difference)
    return np.where(difference < -180.0, difference + 360.0, difference)


def tangent_offsets(first: Positions, second: Positions) -> tuple[Floats, Floats]:
    """Return the offsets of second from first, row by row, to the east and to the north, arcsec.

    The frame is that of each first position, as in astropy's ``SkyCoord.spherical_offsets_to``,
    whose longitude is ``dra * cos(dec)`` at these scales; the differences are written so that they
    do not cancel.
    """
    dra = np.deg2rad(wrapped(second.ra - first.ra))
    dec1, dec2 = np.deg2rad(first.dec), np.deg2rad(second.dec)
    versine = 2 * np.sin(dra / 2) ** 2 * np.cos(dec2)
    ahead = np.cos(dec2 - dec1) - np.cos(dec1) * versine
    north = np.sin(np.deg2rad(second.dec - first.dec)) + np.sin(dec1) * versine
    east = np.cos(dec2) * np.sin(dra)
    longitude = np.arctan2(east, ahead)
    latitude = np.arctan2(north, np.hypot(east, ahead))
    return _to_arcsec(longitude), _to_arcsec(latitude)


def shift(positions: Positions, dra_arcsec: float, ddec_arcsec: float) -> Positions:
    """Move every position by the same offset (arcsec, east and north) in its own tangent frame.

    The inverse of `tangent_offsets` (astropy's ``SkyCoord.spherical_offsets_by``): good across
    RA 0/360 and over the poles, where "east" is that of each position before the move.
    """
    longitude = np.deg2rad(dra_arcsec / ARCSEC_PER_DEGREE)
    latitude = np.deg2rad(ddec_arcsec / ARCSEC_PER_DEGREE)
    dec = np.deg2rad(positions.dec)
    ahead = np.cos(latitude) * np.cos(longitude)
    east = np.cos(latitude) * np.sin(longitude)
    north = np.sin(latitude)
    axis = north * np.cos(dec) + ahead * np.sin(dec)
    outward = ahead * np.cos(dec) - north * np.sin(dec)
    ra = positions.ra + np.rad2deg(np.arctan2(east, outward))
    moved = np.rad2deg(np.arctan2(axis, np.hypot(east, outward)))
    return Positions(np.mod(ra, 360.0), moved, positions.key, positions.name)


def _to_arcsec(angle: ArrayLike) -> Floats:
    return np.asarray(np.rad2deg(angle) * ARCSEC_PER_DEGREE)
