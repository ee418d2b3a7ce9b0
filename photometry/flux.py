"""Fluxes and magnitudes: AB system, microjansky as the working unit.

Measured fluxes may be negative. They stay fluxes here: nothing is clipped, and only
`to_magnitude` has no number for them. A table's fluxes are found by the names of their columns
(`flux_columns`), counted (`count_fluxes`) and turned into magnitudes (`measured_magnitude`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

AB_ZEROPOINT_UJY = 23.9
"""AB magnitude of 1 microjansky, as COSMOS2020 rounds it (exactly 23.8999...: 3631 Jy is 0 mag)."""

AB_ZEROPOINT_CGS = 48.6
"""AB magnitude is ``-2.5 log10(f_nu) - 48.6`` with f_nu in erg/s/cm2/Hz (Oke & Gunn 1983)."""

UJY_PER_CGS = 1e29
"""Microjansky in 1 erg/s/cm2/Hz; with it the two zero points agree exactly."""

UJY_PER: Mapping[str, float] = MappingProxyType({"ujy": 1.0, "mjy": 1e3, "cgs": UJY_PER_CGS})
"""Microjansky in 1 of each unit that a table's fluxes may have; ``cgs`` is erg/s/cm2/Hz."""

SPEED_OF_LIGHT = 2.99792458e18
"""Angstrom per second."""

MAGNITUDE_PER_RELATIVE_ERROR = 2.5 / np.log(10.0)

BARE = re.compile(r"(?P<band>.+)")
LAYOUTS = (
    (re.compile(r"f_(?P<band>.+)", re.I), r"ferr_\g<band>"),  # LePhare's input
    (re.compile(r"(?P<band>.+)_FLUX(?P<aperture>_.+)?", re.I), r"\g<band>_FLUXERR\g<aperture>"),
    (BARE, r"\g<band>_err"),  # CIGALE's input
)
"""Pattern of a flux column's name, and its error column's; the second is COSMOS2020's own."""

BAND = re.compile(
    r".+\..+|(.*[_/ -])?([ugrizy]|[bvjhk]|k_?s|[ugriz]p+|u_?s(tar)?|[fn]uv|ch_?\d|w\d|"
    r"f\d{3,4}[a-z]{1,3}|i[ab]_?\d{3}|nb_?\d+|vis|(irac|mips|pacs|spire|scuba)\w*|[a-z0-9]*flux)(_\d+)?",
    re.I,
)
"""Names of filters: CIGALE's, which have dots (``hst.F814W``); a band's, or ending in one."""

FLUX_UNIT = re.compile(r"(10\S*)?\s*[a-zµμ]*(jy|jansky|maggy|maggies).*|.*erg.*", re.I)

NO_FLUXES = re.compile(
    r".*redshift.*|z|z_?(spec|phot|best|true|err).*|.*(spec|phot)_?z|(.*_)?(ra|dec|alpha|delta)"
    r"(_?j2000)?|.*mag(_.*)?",
    re.IGNORECASE,
)
"""Names of redshifts, positions and magnitudes, which may have an error too."""


def to_magnitude(flux: npt.ArrayLike) -> Array:
    """Return AB magnitudes of fluxes in microjansky: ``23.9 - 2.5 log10(flux)``.

    NaN where the flux is NaN, zero or negative.

    Examples
    --------
    >>> to_magnitude([1.0, 100.0, -1.0])
    array([23.9, 18.9,  nan])
    """
    flux = np.asarray(flux, float)
    positive = np.where(flux > 0, flux, np.nan)
    return AB_ZEROPOINT_UJY - 2.5 * np.log10(positive)


def to_flux(magnitude: npt.ArrayLike) -> Array:
    """Flux in microjansky of an AB magnitude; NaN stays NaN."""
    return np.power(10.0, -0.4 * (np.asarray(magnitude, float) - AB_ZEROPOINT_UJY))


def magnitude_error(flux: npt.ArrayLike, flux_error: npt.ArrayLike) -> Array:
    """Return first-order 1-sigma errors of magnitudes; NaN where the flux is not positive.

    Flux and error are in one and the same unit.
    """
    flux = np.asarray(flux, float)
    positive = np.where(flux > 0, flux, np.nan)
    return MAGNITUDE_PER_RELATIVE_ERROR * np.asarray(flux_error, float) / positive


@dataclass(frozen=True, slots=True)
class FluxCounts:
    """What the flux and error columns of a band hold.

    Of all `rows`, `measured` fluxes are finite numbers, `not_a_number` are NaN or infinite, `empty`
    have no value at all (an empty field, a null), `sentinel` have a number that stands for none,
    such as -99. Of the measured ones, `negative` and `zero` have no magnitude; `error_not_positive`
    have an error of zero or less (CIGALE and LePhare mark an upper limit so), `no_error` none.
    """

    rows: int = 0
    measured: int = 0
    negative: int = 0
    zero: int = 0
    not_a_number: int = 0
    empty: int = 0
    sentinel: int = 0
    error_not_positive: int = 0
    no_error: int = 0

    def __add__(self, other: "FluxCounts") -> "FluxCounts":
        return FluxCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def flux_columns(
    names: Sequence[str], units: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Find the fluxes of a table by the names of its columns: flux column to its error column.

    They come in the table's order and are those of the first of `LAYOUTS` that the table has,
    whatever the case, none where it has none. `NO_FLUXES` are none, nor is what has another unit
    than a flux's; what says in its name only that it has an error is one where it has such a unit
    or is a `BAND`.
    """
    by_case = {name.casefold(): name for name in names} | {name: name for name in names}
    for pattern, error in LAYOUTS:
        found = {}
        for name in names:
            unit, match = units.get(name, ""), pattern.fullmatch(name)
            said = (
                FLUX_UNIT.fullmatch(unit) if unit else pattern is not BARE or BAND.fullmatch(name)
            )
            if not match or not said or NO_FLUXES.fullmatch(name):
                continue
            theirs = match.expand(error)
            if errors := by_case.get(theirs, by_case.get(theirs.casefold())):
                found[name] = errors
        if found:
            return found
    return {}


def count_fluxes(
    flux: npt.ArrayLike,
    error: npt.ArrayLike,
    empty: npt.ArrayLike = False,
    sentinel: npt.ArrayLike = False,
) -> FluxCounts:
    """Count what a band's N fluxes and errors are, in any unit; NaN is none.

    `empty` marks where the table has no value for the flux, not even NaN, and `sentinel` where it
    has a number that stands for none; the flux is NaN there.
    """
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    empty, sentinel = (np.broadcast_to(mask, flux.shape) for mask in (empty, sentinel))
    measured = np.isfinite(flux)
    counted = {
        "measured": measured,
        "negative": measured & (flux < 0),
        "zero": flux == 0,
        "not_a_number": ~measured & ~empty & ~sentinel,
        "empty": empty,
        "sentinel": sentinel,
        "error_not_positive": measured & np.isfinite(error) & (error <= 0),
        "no_error": measured & ~np.isfinite(error),
    }
    counts = {name: int(np.count_nonzero(mask)) for name, mask in counted.items()}
    return FluxCounts(rows=flux.size, **counts)


def measured_magnitude(flux: npt.ArrayLike, error: npt.ArrayLike, unit: str) -> tuple[Array, Array]:
    """Return AB magnitudes of a table's fluxes, and their first-order 1-sigma errors.

    Fluxes and errors are NaN where missing; the unit is a key of `UJY_PER`. A magnitude is NaN
    where the flux is missing, zero or negative, and where a negative error marks it as an upper
    limit; its error is NaN also where the flux's is missing or zero.
    """
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    limit = np.isfinite(error) & (error < 0)
    flux = np.where(np.isfinite(flux) & ~limit, flux, np.nan)
    error = np.where(np.isfinite(error) & (error > 0), error, np.nan)
    return to_magnitude(flux * UJY_PER[unit]), magnitude_error(flux, error)
