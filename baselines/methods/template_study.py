"""Measure how good the template fit is on real photometry with known redshifts.

Of a release, or of COSMOS2020 in two layouts of extracts, told apart by their columns: LePhare's
(``f_<filter>``, ``ferr_<filter>`` in erg/s/cm2/Hz, ``zspec``) and CIGALE's (``<filter>``,
``<filter>_err`` in mJy, ``redshift``). Bands without a filter curve (the narrow bands, F814W, ...)
are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.baselines.methods.common import Floats
from transferz.baselines.methods.templates import REDSHIFT_MAX, as_fluxes
from transferz.dataset.splits.hashing import hash_ids
from transferz.photometry.bands import FIT_BANDS, SUPRIME_INTERMEDIATE, Band
from transferz.photometry.fit import fit_offsets, fit_templates
from transferz.photometry.flux import UJY_PER
from transferz.photometry.redshift_error import redshift_error
from transferz.photometry.templates import ModelGrid, model_grid
from transferz.releases import find_release
from transferz.rows import read_rows
from transferz.schemas.errors import InputError
from transferz.schemas.survey.described import SPECTROSCOPIC
from transferz.schemas.survey.quantities import FLUX, LABEL, MAGNITUDE, MAGNITUDE_ERROR
from transferz.tables.cells import as_floats
from transferz.tables.reading import open_table, read_whole

COSMOS_REDSHIFT_MAX = 10.0
"""End of the redshift grid on COSMOS2020 photometry, as its own."""

FOLDS = 5
FOLD_SALT = "template fit folds"
AS_IT_IS = "as it is"
WITH_OFFSETS = f"offsets, {FOLDS}-fold"

SELECTED_ABOVE = 2.0
"""A table whose every redshift exceeds this was selected on redshift, and is said to be."""


@dataclass(frozen=True, slots=True)
class FluxLayout:
    """How an extract names and scales its fluxes.

    `redshift` is the column of spectroscopic ones; `flux` and `error` the format of the columns'
    names, with ``{}`` for the filter; `ujy_per_unit` the microjansky in 1 of their unit; `filters`
    holds the table's filter names by COSMOS2020's band names.
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
    """Galaxies with photometry in B bands and a spectroscopic redshift.

    Folds are drawn from `identifiers` (N,). Fluxes and errors (N, B) are in microjansky, NaN where
    missing. Upper limits, so many as `limits` says, have flux 0 and their 1-sigma value as error.
    Of the table, `left_out` rows have no redshift or id; `columns` says which were taken.
    """

    identifiers: npt.NDArray[np.int64]
    redshift: Floats
    bands: tuple[Band, ...]
    flux: Floats
    error: Floats
    limits: int
    left_out: int = 0
    columns: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFitQuality:
    """Quality of the template fit on one table.

    `photometry` is either as it is or with offsets per band fitted by cross-validation: `offsets`
    then holds the mean over folds of the factor on each band. With ``dz = (z_phot - z_spec) /
    (1 + z_spec)``, scatter is 1.4826 median(abs(dz - median(dz))), outlier rate the share of
    abs(dz) > 0.15, bias the median. Values that are `missing`, `negative` fluxes and upper `limits`
    are counted over all galaxies and bands; `left_out` are rows without a redshift or id,
    and `columns` says which were taken.
    """

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
    left_out: int = 0
    columns: str = ""
    offsets: dict[str, float] = field(default_factory=dict)


def evaluate(path: Path) -> list[TemplateFitQuality]:
    """Fit templates to galaxies and compare with their spectroscopic redshifts.

    The path is that of a table, or of a release's directory. Returns two: with the photometry as it
    is, and with cross-validated offsets.
    """
    if path.is_dir():
        extract, redshift_max = read_release_extract(path), REDSHIFT_MAX
    else:
        extract, redshift_max = read_extract(path), COSMOS_REDSHIFT_MAX
    try:
        grid = model_grid(extract.bands, redshift_max)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    factors = cross_validated_offsets(extract, grid)
    scaled = replace(extract, flux=extract.flux * factors, error=extract.error * factors)
    means = factors.mean(axis=0)
    offsets = {band.name: round(float(f), 3) for band, f in zip(grid.bands, means, strict=True)}
    return [
        _quality(AS_IT_IS, extract, grid, {}),
        _quality(WITH_OFFSETS, scaled, grid, offsets),
    ]


def read_release_extract(path: Path) -> Extract:
    """Read the spectroscopic test split of a release, in the bands whose filter curves it names.

    A ReleaseError says that there is none, an `InputError` that it names no curve.
    """
    release = find_release(path)
    config = release.config(SPECTROSCOPIC, "the template fit is scored against")
    bands = [band for band in release.bands() if band.curve]
    if not bands:
        raise InputError(f"{path}: the template fit needs filter curves, and it names no band's")
    names = [name for band in bands for name in (band.magnitude, band.error)]
    table = read_rows(release, config, "test", ["object_id", "redshift", *names])
    release.announce()
    columns = [table[name].to_numpy().astype(np.float64) for name in names]
    magnitude = MAGNITUDE.without_missing(np.column_stack(columns[0::2]))
    sigma = MAGNITUDE_ERROR.without_missing(np.column_stack(columns[1::2]))
    flux, flux_error = as_fluxes(magnitude, sigma)
    return Extract(
        identifiers=table["object_id"].to_numpy(),
        redshift=table["redshift"].to_numpy().astype(np.float64),
        bands=tuple(Band(band.name, band.curve) for band in bands),
        flux=flux,
        error=flux_error,
        limits=0,
        columns=f"object_id, redshift; magnitudes and errors: {', '.join(names)}",
    )


def read_extract(path: Path) -> Extract:
    """Read a table, of any format, in either layout: its rows with a spectroscopic redshift.

    A negative error marks an upper limit (CIGALE's convention) and becomes a measurement of 0 with
    that error. An `InputError` says where the file is missing, no table, in neither layout, or
    holds no usable row.
    """
    table = open_table(path)
    layout = _layout_of(table.names, path)
    bands = layout.bands(table.names)
    columns = [name for band in bands for name in layout.columns(band.name)]
    rows = read_whole(table, ["id", layout.redshift, *columns])
    identifiers, redshift = (as_floats(rows, name, path) for name in ("id", layout.redshift))
    kept = np.isfinite(identifiers) & ~LABEL.is_missing(redshift)
    if not kept.any():
        raise InputError(f"{path}: none of its {len(kept)} rows has a redshift")
    numbers = np.column_stack([as_floats(rows, name, path)[kept] for name in columns])
    numbers = FLUX.without_missing(numbers) * layout.ujy_per_unit
    flux, error = numbers[:, 0::2], numbers[:, 1::2]
    limit = error < 0
    return Extract(
        identifiers=identifiers[kept].astype(np.int64),
        redshift=redshift[kept],
        bands=bands,
        flux=np.where(limit & np.isfinite(flux), 0.0, flux),
        error=np.abs(error),
        limits=int(np.count_nonzero(limit)),
        left_out=int(np.count_nonzero(~kept)),
        columns=f"id, {layout.redshift}; fluxes and errors: {', '.join(columns)}",
    )


def _layout_of(names: Sequence[str], path: Path) -> FluxLayout:
    """Return the layout that columns are in; an InputError where that is none, or not clear."""
    layout = next((layout for layout in LAYOUTS if layout.bands(names)), None)
    if layout is None:
        expected = " or ".join(
            f"'id', '{layout.redshift}' and fluxes such as '{layout.columns('HSC_i')[0]}' with "
            f"errors '{layout.columns('HSC_i')[1]}'"
            for layout in LAYOUTS
        )
        raise InputError(
            f"{path} is no known COSMOS2020 extract: expected columns {expected}; for "
            "magnitudes of other surveys: `transferz benchmark template_fit --table FILE --set "
            "filters=SURVEY --bands COLUMNS --errors COLUMNS --redshift COLUMN`"
        )
    for name in layout.filters:  # a band must not go by a name that is misspelt or there twice
        held = [names.count(column) for column in layout.columns(name)]
        if any(held) and held != [1, 1]:
            of_flux, of_error = layout.columns(name)
            raise InputError(
                f"{path}: expected '{of_flux}' and '{of_error}' once each, found them {held[0]} "
                f"and {held[1]} times; leave both out or give both"
            )
    return layout


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
    photometry: str, extract: Extract, grid: ModelGrid, offsets: dict[str, float]
) -> TemplateFitQuality:
    fitted = fit_templates(extract.flux, extract.error, grid).z_pdf
    forecast = np.isfinite(fitted)
    error = redshift_error(fitted[forecast], extract.redshift[forecast])
    return TemplateFitQuality(
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
        left_out=extract.left_out,
        columns=extract.columns,
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
        lines.append(f"columns: {row.columns}")
        lines.append(
            f"{row.missing} values missing, {row.negative} negative fluxes, "
            f"{row.limits} upper limits"
        )
        if row.left_out:
            lines.append(f"{row.left_out} rows without a redshift or id left out ({LABEL})")
        if row.redshift_range[0] > SELECTED_ABOVE:
            absent = "low-redshift galaxies taken for distant ones are absent"
            lines.append(f"selected on redshift: {absent}")
    return "\n".join(lines)
