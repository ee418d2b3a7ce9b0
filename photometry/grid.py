"""Band fluxes of any mixture of the galaxy basis, by interpolation: what the mock survey uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.photometry.absorption import DUST_LAWS, attenuate, reddening_curve
from transferz.photometry.bands import Band, pivot_wavelength
from transferz.photometry.flux import to_magnitude
from transferz.photometry.synthesis import dimming, fluxes_by_redshift
from transferz.photometry.templates import GalaxyTemplates, galaxy_basis

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BESSELL_B = Band("Bessell_B", "speclite:bessell-B")
"""Rest-frame band of the luminosity functions (Bessell 1990, PASP 102, 1181)."""

EBV_NODES = np.linspace(-0.2, 0.6, 5)
"""E(B-V) at which spectra are computed; a polynomial through all of them joins them."""

LOG_STRETCH_STEP = 0.0025
"""Step of the redshift nodes in ln(1 + z): a fourteenth of an intermediate band's width."""

CHUNK = 65_536


def lagrange_weights(nodes: Array, values: Array) -> Array:
    """Return the weights (N, K) of the interpolating polynomial through K `nodes`."""
    weights = np.ones((values.size, nodes.size))
    for k, node in enumerate(nodes):
        for other in np.delete(nodes, k):
            weights[:, k] *= (values - other) / (node - other)
    return weights


@dataclass(frozen=True, slots=True)
class FluxNodes:
    """Fluxes at the nodes, with the dust's effect at each band's own wavelength divided out.

    What is left varies little with E(B-V), so few nodes interpolate it well.
    """

    log_stretch: Array  # (Z,) ln(1 + z), uniform
    # (laws, Z, E * 2T, B) microjansky at 10 pc per solar mass formed: continua, then lines, of the
    # T templates
    values: Array
    curve: Array  # (laws, Z, B) k(pivot wavelength / (1 + z))

    def evaluate(self, log_stretch: Array, ebv: Array, law: Integers, parts: Array) -> Array:
        """Fluxes (N, B) at 10 pc of mixtures `parts` (N, 2T); the other arguments are (N,)."""
        cell, fraction = self._locate(log_stretch)
        step = np.stack([1.0 - fraction, fraction], axis=1)
        polynomial = lagrange_weights(EBV_NODES, ebv)
        mixture = np.einsum("nz,ne,nt->nzet", step, polynomial, parts).reshape(ebv.size, -1)
        flux = np.empty((ebv.size, self.values.shape[-1]))
        for chosen, code, start in _groups(law, cell):
            nodes = self.values[code, start : start + 2].reshape(-1, flux.shape[1])
            curve = step[chosen] @ self.curve[code, start : start + 2]
            dust = np.exp(-0.4 * np.log(10.0) * ebv[chosen, None] * curve)
            flux[chosen] = (mixture[chosen] @ nodes) * dust
        return flux

    def _locate(self, log_stretch: Array) -> tuple[Integers, Array]:
        """Cell of each redshift and the fraction of the cell that lies before it."""
        step = self.log_stretch[1] - self.log_stretch[0]
        position = (log_stretch - self.log_stretch[0]) / step
        cell = np.clip(position.astype(np.int64), 0, self.log_stretch.size - 2)
        return cell, position - cell


def _groups(law: Integers, cell: Integers) -> list[tuple[Integers, int, int]]:
    """Rows that share a dust law and a redshift cell: (rows, law, cell)."""
    key = law * (cell.max() + 1) + cell if cell.size else cell
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    rows = np.split(order, starts[1:])
    return [(chosen, int(law[chosen[0]]), int(cell[chosen[0]])) for chosen in rows if chosen.size]


def _reddened(basis: GalaxyTemplates, law: int) -> Array:
    """Spectra (E * 2T, L) of the basis at each E(B-V) node."""
    parts = np.concatenate([basis.continuum, basis.lines])
    curves = [attenuate(DUST_LAWS[law], basis.wavelength, float(ebv)) for ebv in EBV_NODES]
    return np.concatenate([parts * curve for curve in curves])


def flux_nodes(bands: Sequence[Band], log_stretch: Array) -> FluxNodes:
    """Compute the nodes of `FluxNodes` for redshifts ``exp(log_stretch) - 1``."""
    basis = galaxy_basis()
    pivots = np.array([pivot_wavelength(band) for band in bands])
    redshifts = np.expm1(log_stretch)
    values, curves = [], []
    for code, law in enumerate(DUST_LAWS):
        curve = reddening_curve(law, pivots / np.exp(log_stretch)[:, None])
        spectra = _reddened(basis, code)
        flux = fluxes_by_redshift(basis.wavelength, spectra, bands, redshifts)
        undo = np.exp(0.4 * np.log(10.0) * EBV_NODES[:, None] * curve[:, None])
        values.append(flux * np.repeat(undo, 2 * len(basis.surviving_mass), axis=1))
        curves.append(curve)
    return FluxNodes(log_stretch, np.stack(values), np.stack(curves))


@dataclass(frozen=True, slots=True)
class Mixtures:
    """Galaxies as mixtures of the basis: checked, broadcast arrays of one length N."""

    parts: Array  # (N, 2T): continua, then lines
    ebv: Array
    law: Integers

    @classmethod
    def of(
        cls,
        coefficients: npt.ArrayLike,
        ebv: npt.ArrayLike,
        law: npt.ArrayLike,
        line_strength: npt.ArrayLike,
    ) -> "Mixtures":
        """Broadcast and check the arguments of `BasisGrid.fluxes`."""
        coefficients = np.asarray(coefficients, float)
        templates = len(galaxy_basis().surviving_mass)
        if coefficients.ndim != 2 or coefficients.shape[1] != templates:
            raise ValueError(
                f"coefficients must have shape (N, {templates}), not {coefficients.shape}"
            )
        shape = coefficients.shape[:1]
        ebv = np.broadcast_to(np.asarray(ebv, float), shape)
        law = np.broadcast_to(np.asarray(law, np.int64), shape)
        strength = np.broadcast_to(np.asarray(line_strength, float), shape)
        _check_range("E(B-V)", ebv, EBV_NODES[0], EBV_NODES[-1])
        _check_range("dust law codes", law, 0, len(DUST_LAWS) - 1)
        lines = coefficients * strength[:, None]
        return cls(np.concatenate([coefficients, lines], axis=1), ebv, law)


def _check_range(what: str, values: Array | Integers, low: float, high: float) -> None:
    """Refuse values outside a closed range, NaN included."""
    outside = ~((values >= low) & (values <= high))
    if outside.any():
        found = values[outside][0]
        raise ValueError(f"{what} must lie between {low:g} and {high:g}; found {found:g}")


@dataclass(frozen=True, slots=True)
class BasisGrid:
    """Fluxes of the basis templates on a grid of redshift and E(B-V).

    Build it with `basis_grid`.
    """

    bands: tuple[Band, ...]  # in the order of the fluxes' columns
    redshift_max: float  # end of the grid
    # at all redshifts through `bands`; at redshift 0 through Bessell B
    observed: FluxNodes
    rest: FluxNodes

    def fluxes(
        self,
        redshift: npt.ArrayLike,
        coefficients: npt.ArrayLike,
        ebv: npt.ArrayLike = 0.0,
        law: npt.ArrayLike = 0,
        line_strength: npt.ArrayLike = 1.0,
    ) -> Array:
        """Return observed fluxes (N, B) of galaxies, microjansky, IGM absorption included.

        Parameters
        ----------
        redshift : array_like, shape (N,)
            Between 1e-4 and the grid's maximum.
        coefficients : array_like, shape (N, 5)
            Solar masses formed in each basis template (scale them to the luminosity wanted; fluxes
            are linear in them).
        ebv, law, line_strength : array_like, shape (N,) or scalar
            E(B-V) of the extra dust, from -0.2 to 0.6; index into `DUST_LAWS`; factor on all
            emission lines.

        Raises
        ------
        ValueError
            If a shape disagrees, or redshift, E(B-V) or law leave the grid.
        """
        mixtures = Mixtures.of(coefficients, ebv, law, line_strength)
        redshift = np.broadcast_to(np.asarray(redshift, float), mixtures.ebv.shape)
        _check_range("redshifts", redshift, 1e-4, self.redshift_max)
        flux = _in_chunks(self.observed, np.log1p(redshift), mixtures)
        return flux * dimming(redshift)[:, None]

    def absolute_magnitude(
        self,
        coefficients: npt.ArrayLike,
        ebv: npt.ArrayLike = 0.0,
        law: npt.ArrayLike = 0,
        line_strength: npt.ArrayLike = 1.0,
    ) -> Array:
        """Return rest-frame Bessell-B AB magnitudes (N,) at 10 pc; arguments as in `fluxes`.

        To give a galaxy the magnitude M, multiply its coefficients by ``10^(0.4 (this - M))``.
        """
        mixtures = Mixtures.of(coefficients, ebv, law, line_strength)
        flux = _in_chunks(self.rest, np.zeros(mixtures.ebv.size), mixtures)
        return to_magnitude(flux[:, 0])

    def stellar_mass(self, coefficients: npt.ArrayLike) -> Array:
        """Solar masses still in stars, shape (N,), for `coefficients` (N, 5)."""
        return galaxy_basis().stellar_mass(coefficients)


def _in_chunks(nodes: FluxNodes, log_stretch: Array, mixtures: Mixtures) -> Array:
    """`FluxNodes.evaluate` in chunks of rows sorted by redshift, which bounds the memory."""
    flux = np.empty((log_stretch.size, nodes.values.shape[-1]))
    order = np.argsort(log_stretch, kind="stable")
    for start in range(0, order.size, CHUNK):
        rows = order[start : start + CHUNK]
        flux[rows] = nodes.evaluate(
            log_stretch[rows], mixtures.ebv[rows], mixtures.law[rows], mixtures.parts[rows]
        )
    return flux


def basis_grid(bands: Sequence[Band], redshift_max: float = 6.0) -> BasisGrid:
    """Compute the grid of redshifts up to a positive `redshift_max` (a few seconds)."""
    if redshift_max <= 0:
        raise ValueError(f"redshift_max must be positive, not {redshift_max:g}")
    count = int(np.ceil(np.log1p(redshift_max) / LOG_STRETCH_STEP)) + 1
    log_stretch = np.linspace(0.0, (count - 1) * LOG_STRETCH_STEP, count)
    rest = flux_nodes([BESSELL_B], log_stretch[:2])
    return BasisGrid(tuple(bands), redshift_max, flux_nodes(bands, log_stretch), rest)
