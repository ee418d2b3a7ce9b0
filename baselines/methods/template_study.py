"""Measure how good the mock's template fit is on real COSMOS2020 photometry with known redshifts.

Two layouts of extracts are read, told apart by their columns: LePhare's (``f_<filter>``,
``ferr_<filter>`` in erg/s/cm2/Hz, ``zspec``) and CIGALE's (``<filter>``, ``<filter>_err`` in mJy,
``redshift``). Bands without a filter curve (the narrow bands, F814W, ...) are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.dataset.splits.hashing import hash_ids
from transferz.photometry.bands import FIT_BANDS, SUPRIME_INTERMEDIATE, Band
from transferz.photometry.fit import fit_offsets, fit_templates
from transferz.photometry.flux import UJY_PER
from transferz.photometry.redshift_error import redshift_error
from transferz.photometry.templates import ModelGrid, model_grid
from transferz.schemas.errors import InputError
from transferz.tables.cells import as_floats
from transferz.tables.reading import open_table, read_whole

Floats = npt.NDArray[np.float64]

FOLDS = 5
FOLD_SALT = "template fit folds"
REDSHIFT_MAX = 10.0
"""End of the fit's redshift grid, as COSMOS2020's own."""

AS_IT_IS = "as it is"
WITH_OFFSETS = f"offsets, {FOLDS}-fold"

NO_FLUX = -99.0
"""What COSMOS2020 writes for missing photometry where it does not write NaN."""

SELECTED_ABOVE = 2.0
"""A table whose every redshift exceeds this was selected on redshift, and is said to be."""


@dataclass(frozen=True, slots=True)
class FluxLayout:
    """How an extract names and scales its fluxes.

    Attributes
    ----------
    redshift : str
        Column of spectroscopic redshifts.
    flux, error : str
        Format of the columns' names, with ``{}`` for the filter.
    ujy_per_unit : float
        Microjansky in 1 of the table's unit.
    filters : dict of str to str
        COSMOS2020 band name to the table's filter name.
    """

    redshift: str
    flux: str
    error: str
    ujy_per_unit: float
    filters: dict[str, str]

    def bands(self, columns: Sequence[str]) -> tuple[Band, ...]:
        """Return the bands that a table with these columns holds; none if it has another layout."""
        if not {self.redshift, "id"} <= set(columns):
            return ()
        return tuple(
            band
            for band in FIT_BANDS
            if band.name in self.filters and {*self.columns(band.name)} <= set(columns)
        )

    def columns(self, name: str) -> tuple[str, str]:
        """Return the columns of a band's flux and error."""
        filter_name = self.filters[name]
        return self.flux.format(filter_name), self.error.format(filter_name)


LEPHARE = FluxLayout(
    redshift="zspec",
    flux="f_{}",
    error="ferr_{}",
    ujy_per_unit=UJY_PER["cgs"],
    filters={
        "CFHT_u": "cosmos/u_cfht.lowres",
        "CFHT_ustar": "cosmos/u_new.pb",
        **{f"HSC_{letter}": f"hsc/{letter}HSC.pb" for letter in "grizy"},
        **{f"UVISTA_{letter}": f"vista/{letter}.lowres" for letter in "YJH"},
        "UVISTA_Ks": "vista/K.lowres",
        **{name: f"cosmos/{curve}.lowres" for name, curve in SUPRIME_INTERMEDIATE},
        **{f"IRAC_CH{number}": f"cosmos/irac_ch{number}.lowres" for number in (1, 2)},
    },
)

CIGALE = FluxLayout(
    redshift="redshift",
    flux="{}",
    error="{}_err",
    ujy_per_unit=UJY_PER["mjy"],
    filters={
        "CFHT_u": "cfht.megacam.u",
        "CFHT_ustar": "cfht.megacam.u_1",
        # Named suprime, but deeper than it: HSC, as far as we can tell.
        **{f"HSC_{letter}": f"subaru.suprime.{letter}" for letter in "griz"},
        "HSC_y": "subaru.suprime.Y",
        **{f"UVISTA_{name}": f"paranal.vircam.{name}" for name in ("Y", "J", "H", "Ks")},
        **{name: f"subaru.suprime.{curve}" for name, curve in SUPRIME_INTERMEDIATE},
        **{f"SC_{letter}": f"subaru.suprime.{letter}" for letter in "BV"},
        **{f"SC_{letter}p": f"subaru.suprime.{letter}+" for letter in "riz"},
        **{f"IRAC_CH{number}": f"spitzer.irac.I{number}" for number in (1, 2)},
    },
)

LAYOUTS = (LEPHARE, CIGALE)


@dataclass(frozen=True, slots=True)
class Extract:
    """Galaxies with photometry and a spectroscopic redshift.

    Attributes
    ----------
    identifiers : ndarray of int64, shape (N,)
        What the folds are drawn from.
    redshift : ndarray, shape (N,)
        Spectroscopic.
    bands : tuple of Band
        B bands.
    flux, error : ndarray, shape (N, B)
        Microjansky; NaN where missing. An upper limit has flux 0 and its 1-sigma value as error.
    limits : int
        How many values are upper limits.
    """

    identifiers: npt.NDArray[np.int64]
    redshift: Floats
    bands: tuple[Band, ...]
    flux: Floats
    error: Floats
    limits: int


@dataclass(frozen=True, slots=True)
class TemplateFitQuality:
    """Quality of the template fit on one table.

    Attributes
    ----------
    table : str
        File name.
    photometry : str
        ``as it is``, or with offsets per band fitted by cross-validation.
    galaxies, bands : int
        How many were used.
    redshift_range : tuple of float
        Least and greatest spectroscopic redshift.
    scatter : float
        1.4826 median(abs(dz - median(dz))), ``dz = (z_phot - z_spec) / (1 + z_spec)``.
    outlier_rate : float
        Share of galaxies with abs(dz) > 0.15.
    bias : float
        Median dz.
    missing, negative, limits : int
        Values that are NaN, negative fluxes, and upper limits, over all galaxies and bands.
    offsets : dict of str to float
        Mean over folds of the factor on each band; empty where none was applied.
    """

    table: str
    photometry: str
    galaxies: int
    bands: int
    redshift_range: tuple[float, float]
    scatter: float
    outlier_rate: float
    bias: float
    missing: int
    negative: int
    limits: int
    offsets: dict[str, float] = field(default_factory=dict)


def evaluate(path: Path) -> list[TemplateFitQuality]:
    """Fit templates to a table of real galaxies and compare with their spectroscopic redshifts.

    Parameters
    ----------
    path : Path
        A table that `read_extract` reads.

    Returns
    -------
    list of TemplateFitQuality
        Two: the photometry as it is, and with cross-validated offsets.

    Raises
    ------
    InputError
        See `read_extract`.
    """
    extract = read_extract(path)
    grid = model_grid(extract.bands, REDSHIFT_MAX)
    factors = cross_validated_offsets(extract, grid)
    scaled = replace(extract, flux=extract.flux * factors, error=extract.error * factors)
    means = factors.mean(axis=0)
    offsets = {band.name: round(float(f), 3) for band, f in zip(grid.bands, means, strict=True)}
    return [
        _quality(path.name, AS_IT_IS, extract, grid, {}),
        _quality(path.name, WITH_OFFSETS, scaled, grid, offsets),
    ]


def read_extract(path: Path) -> Extract:
    """Read a table in either layout.

    Parameters
    ----------
    path : Path
        A table of any format that `transferz.tables.reading.open_table` reads.

    Returns
    -------
    Extract
        Rows with a spectroscopic redshift; a negative error marks an upper limit (CIGALE's
        convention) and becomes a measurement of 0 with that error.

    Raises
    ------
    InputError
        If the file is missing, no table, in neither layout, or holds no usable row.
    """
    table = open_table(path)
    layout = next((layout for layout in LAYOUTS if layout.bands(table.names)), None)
    if layout is None:
        expected = " or ".join(
            f"'id', '{layout.redshift}' and fluxes such as '{layout.columns('HSC_i')[0]}' with "
            f"errors '{layout.columns('HSC_i')[1]}'"
            for layout in LAYOUTS
        )
        raise InputError(f"{path} is no known COSMOS2020 extract: expected columns {expected}")
    bands = layout.bands(table.names)
    columns = [name for band in bands for name in layout.columns(band.name)]
    rows = read_whole(table, ["id", layout.redshift, *columns])
    identifiers, redshift = (as_floats(rows, name, path) for name in ("id", layout.redshift))
    kept = np.isfinite(identifiers) & np.isfinite(redshift) & (redshift >= 0)
    if not kept.any():
        raise InputError(f"{path}: none of its {len(kept)} rows has a redshift")
    numbers = np.column_stack([as_floats(rows, name, path)[kept] for name in columns])
    numbers *= layout.ujy_per_unit
    flux, error = numbers[:, ::2], numbers[:, 1::2]
    flux[flux == NO_FLUX * layout.ujy_per_unit] = np.nan
    limit = error < 0
    return Extract(
        identifiers=identifiers[kept].astype(np.int64),
        redshift=redshift[kept],
        bands=bands,
        flux=np.where(limit & np.isfinite(flux), 0.0, flux),
        error=np.abs(error),
        limits=int(np.count_nonzero(limit)),
    )


def cross_validated_offsets(extract: Extract, grid: ModelGrid) -> Floats:
    """Return factors (N, B) on each galaxy's fluxes, fitted to the galaxies of the other folds.

    A galaxy's fold is the salted hash of its id, modulo 5.
    """
    fold = hash_ids(extract.identifiers, FOLD_SALT) % np.uint64(FOLDS)
    factors = np.ones_like(extract.flux)
    for number in range(FOLDS):
        others = fold != number
        factors[~others] = fit_offsets(
            extract.flux[others], extract.error[others], extract.redshift[others], grid
        )
    return factors


def _quality(
    table: str, photometry: str, extract: Extract, grid: ModelGrid, offsets: dict[str, float]
) -> TemplateFitQuality:
    fitted = fit_templates(extract.flux, extract.error, grid).z_pdf
    forecast = np.isfinite(fitted)
    error = redshift_error(fitted[forecast], extract.redshift[forecast])
    return TemplateFitQuality(
        table=table,
        photometry=photometry,
        galaxies=int(forecast.sum()),
        bands=len(extract.bands),
        redshift_range=(float(extract.redshift.min()), float(extract.redshift.max())),
        scatter=round(error.scatter, 4),
        outlier_rate=round(error.outliers, 4),
        bias=round(error.bias, 4),
        missing=int(np.count_nonzero(np.isnan(extract.flux))),
        negative=int(np.count_nonzero(extract.flux < 0)),
        limits=extract.limits,
        offsets=offsets,
    )


def format_table(rows: Sequence[TemplateFitQuality]) -> str:
    """Lay out results as a text table, one line per row, and say what the reader must know."""
    lines = ["photometry         galaxies  bands  spec-z        scatter  outliers     bias"]
    for row in rows:
        low, high = row.redshift_range
        lines.append(
            f"{row.photometry:<17}  {row.galaxies:8d}  {row.bands:5d}  {low:5.2f}-{high:5.2f}"
            f"  {row.scatter:8.4f}  {row.outlier_rate:8.2%}  {row.bias:+.4f}"
        )
    for row in rows[:1]:
        lines.append(
            f"{row.missing} values missing, {row.negative} negative fluxes, "
            f"{row.limits} upper limits"
        )
        if row.redshift_range[0] > SELECTED_ABOVE:
            lines.append(
                "selected on redshift: low-redshift galaxies taken for distant ones are absent"
            )
    return "\n".join(lines)
