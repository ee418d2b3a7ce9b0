"""A table's fluxes: which columns they are, what they hold, and their magnitudes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.flux import (
    Array,
    cgs_to_ujy,
    magnitude_error,
    mjy_to_ujy,
    to_magnitude,
)

NO_FLUX = -99.0
"""What COSMOS2020 writes for a missing flux or error where it does not write NaN."""


def _unchanged(flux: npt.ArrayLike) -> Array:
    return np.asarray(flux, float)


TO_UJY: dict[str, Callable[[npt.ArrayLike], Array]] = {
    "ujy": _unchanged,
    "mjy": mjy_to_ujy,
    "cgs": cgs_to_ujy,
}
"""Unit's name to the function that gives microjansky; ``cgs`` is erg/s/cm2/Hz."""

LAYOUTS = (
    (re.compile(r"f_(?P<band>.+)"), r"ferr_\g<band>"),  # LePhare's input
    (re.compile(r"(?P<band>.+)_FLUX(?P<aperture>_.+)?"), r"\g<band>_FLUXERR\g<aperture>"),
    (re.compile(r"(?P<band>.+)"), r"\g<band>_err"),  # CIGALE's input
)
"""Pattern of a flux column's name, and its error column's; the second is COSMOS2020's own."""

NO_FLUXES = re.compile(
    r".*redshift.*|z|z_?(spec|phot|best|true|err).*|.*(spec|phot)_?z|(.*_)?(ra|dec|alpha|delta)"
    r"(_?j2000)?|.*mag(_.*)?",
    re.IGNORECASE,
)
"""Names of redshifts, positions and magnitudes, which may have an error too."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FluxCounts:
    """What the flux and error columns of a band hold.

    Attributes
    ----------
    rows : int
        All of them: `measured` + `not_a_number` + `empty` + `sentinel`.
    measured : int
        Fluxes that are finite numbers other than -99.
    negative, zero : int
        Of the measured ones. They have no magnitude.
    not_a_number : int
        Fluxes that are NaN or infinite.
    empty : int
        Fluxes without any value: an empty field, a null.
    sentinel : int
        Fluxes of -99.
    error_not_positive : int
        Measured fluxes whose error is zero or negative: CIGALE and LePhare mark an upper limit so.
    no_error : int
        Measured fluxes whose error is NaN, empty or -99.
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


def flux_columns(names: Sequence[str]) -> dict[str, str]:
    """Find the fluxes of a table by the names of its columns.

    Parameters
    ----------
    names : sequence of str
        All columns.

    Returns
    -------
    dict of str to str
        Flux column to its error column, in the table's order, of the first of `LAYOUTS` that the
        table has; empty where it has none. `NO_FLUXES` are none.
    """
    present = set(names)
    for pattern, error in LAYOUTS:
        matches = (pattern.fullmatch(name) for name in names if not NO_FLUXES.fullmatch(name))
        pairs = {match.string: match.expand(error) for match in matches if match}
        if found := {flux: error for flux, error in pairs.items() if error in present}:
            return found
    return {}


def count_fluxes(
    flux: npt.ArrayLike, error: npt.ArrayLike, empty: npt.ArrayLike = False
) -> FluxCounts:
    """Count what a band's fluxes and errors are.

    Parameters
    ----------
    flux, error : array_like, shape (N,)
        As the table has them, in any unit; NaN where there is no value at all.
    empty : array_like of bool, shape (N,)
        Where the table has no value for the flux, not even NaN.
    """
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    empty = np.broadcast_to(empty, flux.shape)
    measured = _is_value(flux)
    counted = {
        "measured": measured,
        "negative": measured & (flux < 0),
        "zero": flux == 0,
        "not_a_number": ~np.isfinite(flux) & ~empty,
        "empty": empty,
        "sentinel": flux == NO_FLUX,
        "error_not_positive": measured & _is_value(error) & (error <= 0),
        "no_error": measured & ~_is_value(error),
    }
    counts = {name: int(np.count_nonzero(mask)) for name, mask in counted.items()}
    return FluxCounts(rows=flux.size, **counts)


def _is_value(values: Array) -> Bools:
    return np.isfinite(values) & (values != NO_FLUX)


def measured_magnitude(flux: npt.ArrayLike, error: npt.ArrayLike, unit: str) -> tuple[Array, Array]:
    """AB magnitudes of a table's fluxes, and their first-order 1-sigma errors.

    Parameters
    ----------
    flux, error : array_like, shape (N,)
        As the table has them, NaN or -99 where missing.
    unit : str
        A key of `TO_UJY`.

    Returns
    -------
    magnitude : ndarray, shape (N,)
        NaN where the flux is missing, zero or negative, and where a negative error marks it as an
        upper limit.
    error : ndarray, shape (N,)
        Of the magnitude, mag; NaN also where the flux's error is missing or zero.
    """
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    limit = _is_value(error) & (error < 0)
    flux = np.where(_is_value(flux) & ~limit, flux, np.nan)
    error = np.where(_is_value(error) & (error > 0), error, np.nan)
    return to_magnitude(TO_UJY[unit](flux)), magnitude_error(flux, error)
