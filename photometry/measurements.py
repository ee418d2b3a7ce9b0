"""Measured fluxes as the chi-square needs them: error floors, weights, missing values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.bands import Band, effective_wavelength

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int16]

FLOORS_FROM = (10_000.0, 40_000.0)
"""Effective wavelengths, angstrom, where the near- and the mid-infrared error floors begin."""


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """What quoted flux errors become before fitting: ``sqrt((scale e)^2 + (floor f)^2)``.

    Attributes
    ----------
    scale : float
        Factor on the quoted error, positive.
    optical_floor, infrared_floor, mid_infrared_floor : float
        Fraction of the flux that no template matches better: below 1 micron, from 1 and from 4.

    Notes
    -----
    The defaults are those of LePhare's example configuration for COSMOS (``ERR_FACTOR`` and
    ``ERR_SCALE`` in ``COSMOS.para`` of lephare-data), magnitudes there read as fractions here.
    """

    scale: float = 1.5
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
    """Photometry as the chi-square needs it: ``w = 1 / error^2``, zero where a value is missing.

    Attributes
    ----------
    weight, weighted_flux : ndarray, shape (B, N)
        ``w`` and ``w f``, bands first.
    constant : ndarray, shape (N,)
        ``sum w f^2``: chi-square of no flux at all.
    n_filters : ndarray of int16, shape (N,)
        Bands with a value.
    """

    weight: Array
    weighted_flux: Array
    constant: Array
    n_filters: Integers

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
