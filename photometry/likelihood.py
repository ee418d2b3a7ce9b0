"""From fluxes to the chi-square's weights, and from chi-square over redshift to the PDF."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.bands import Band, effective_wavelength

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int16]

FLOORS_FROM = (10_000.0, 40_000.0)
"""Effective wavelengths, angstrom, where the near- and the mid-infrared error floors begin."""

QUANTILES = (0.16, 0.5, 0.84)

SECOND_PEAK_DISTANCE = 0.2
"""A second peak lies at least this times (1 + z) from the best redshift."""

SECOND_PEAK_CHI2 = 9.0
"""A second peak has a chi-square less than this above the best."""


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """What quoted flux errors become before fitting: ``sqrt((scale e)^2 + (floor f)^2)``.

    Notes
    -----
    The defaults are those of LePhare's example configuration for COSMOS (``ERR_FACTOR`` and
    ``ERR_SCALE`` in ``COSMOS.para`` of lephare-data), magnitudes there read as fractions here.
    """

    scale: float = 1.5  # factor on the quoted error, positive
    # fraction of the flux that no template matches better: below 1 micron, from 1 and from 4
    optical_floor: float = 0.02
    infrared_floor: float = 0.05
    mid_infrared_floor: float = 0.1

    def __post_init__(self) -> None:
        if not (self.scale > 0 and min(self._floors) >= 0):
            raise ValueError(f"error scale must be positive and floors not negative: {self}")

    @property
    def _floors(self) -> tuple[float, float, float]:
        return self.optical_floor, self.infrared_floor, self.mid_infrared_floor

    def total(self, flux: Array, error: Array, bands: Sequence[Band]) -> Array:
        """Total 1-sigma errors (N, B) of `flux` with quoted `error`, both (N, B)."""
        wavelength = np.array([effective_wavelength(band) for band in bands])
        floor = np.array(self._floors)[np.searchsorted(FLOORS_FROM, wavelength, side="right")]
        return np.hypot(self.scale * error, floor * flux)


DEFAULT_ERRORS = ErrorModel()


@dataclass(frozen=True, slots=True)
class Weighted:
    """Photometry as the chi-square needs it: ``w = 1 / error^2``, zero where a value is missing."""

    # (B, N) ``w`` and ``w f``, bands first
    weight: Array
    weighted_flux: Array
    constant: Array  # (N,) ``sum w f^2``: chi-square of no flux at all
    n_filters: Integers  # (N,) bands with a value

    @classmethod
    def of(
        cls, flux: npt.ArrayLike, error: npt.ArrayLike, bands: Sequence[Band], errors: ErrorModel
    ) -> "Weighted":
        """Check and weigh fluxes and errors (N, B); see `fit_templates`."""
        flux, error = np.asarray(flux, float), np.asarray(error, float)
        if flux.shape != error.shape or flux.ndim != 2 or flux.shape[1] != len(bands):
            raise ValueError(
                f"flux {flux.shape} and error {error.shape} must both be (N, {len(bands)})"
            )
        used = np.isfinite(flux) & np.isfinite(error) & (error > 0)
        flux = np.where(used, flux, 0.0)
        weight = np.where(used, errors.total(flux, np.where(used, error, 1.0), bands) ** -2.0, 0.0)
        return cls(
            weight=np.ascontiguousarray(weight.T),
            weighted_flux=np.ascontiguousarray((weight * flux).T),
            constant=np.einsum("nb,nb,nb->n", weight, flux, flux),
            n_filters=used.sum(axis=1).astype(np.int16),
        )

    def rows(self, chosen: slice) -> "Weighted":
        """A part of the galaxies, contiguous in memory."""
        return Weighted(
            np.ascontiguousarray(self.weight[:, chosen]),
            np.ascontiguousarray(self.weighted_flux[:, chosen]),
            self.constant[chosen],
            self.n_filters[chosen],
        )


def interval(chi2: Array, redshift: Array) -> tuple[Array, Array, Array]:
    """Return the 16th, 50th and 84th percentile (N,) of the PDF ``exp(-chi2 / 2)``.

    `chi2` is (N, Z) on the increasing grid `redshift` (Z,); the trapezoidal cumulative is linear
    between grid points.
    """
    density = np.exp(-0.5 * (chi2 - chi2.min(axis=1, keepdims=True)))
    pieces = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(redshift)
    cumulative = np.pad(np.cumsum(pieces, axis=1), ((0, 0), (1, 0)))
    return tuple(_crossing(cumulative, redshift, q) for q in QUANTILES)  # type: ignore[return-value]


def _crossing(cumulative: Array, redshift: Array, quantile: float) -> Array:
    """Redshift at which each row's cumulative reaches a fraction of its total."""
    target = quantile * cumulative[:, -1:]
    after = np.clip(np.argmax(cumulative >= target, axis=1), 1, redshift.size - 1)
    rows = np.arange(len(cumulative))
    start, end = cumulative[rows, after - 1], cumulative[rows, after]
    fraction = (target[:, 0] - start) / (end - start)
    return np.asarray(redshift[after - 1] + fraction * (redshift[after] - redshift[after - 1]))


def second_minimum(chi2: Array, redshift: Array, best: npt.NDArray[np.int64]) -> Array:
    """Find the redshift (N,) of the second peak of the PDF; NaN where there is none.

    The lowest local minimum of `chi2` (N, Z) further than 0.2 (1 + z) from the best redshift, whose
    index is `best` (N,), if its chi-square is less than 9 above the best. Our choice: a stand-in
    for LePhare's "second peak with a probability over 5 %".
    """
    edge = np.full((len(chi2), 1), np.inf)
    lower_than_left = chi2 < np.concatenate([edge, chi2[:, :-1]], axis=1)
    lower_than_right = chi2 <= np.concatenate([chi2[:, 1:], edge], axis=1)
    z_best = redshift[best][:, None]
    far = np.abs(redshift - z_best) > SECOND_PEAK_DISTANCE * (1.0 + z_best)
    peak = np.where(lower_than_left & lower_than_right & far, chi2, np.inf)
    second = np.argmin(peak, axis=1)
    rows = np.arange(len(chi2))
    found = peak[rows, second] - chi2[rows, best] < SECOND_PEAK_CHI2
    return np.where(found, redshift[second], np.nan)
