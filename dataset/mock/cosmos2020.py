"""The mock's COSMOS2020 CLASSIC catalogue: its own template fit, and the FITS file."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from scipy.cluster.vq import kmeans2

from transferz.dataset.mock.apertures import (
    FLUX_DECIMALS,
    MAGNITUDE_DECIMALS,
    Cosmos2020Params,
    Photometry,
)
from transferz.dataset.mock.noise import dim, extinction_coefficients, generator
from transferz.dataset.mock.population import PopulationParams, sample_galaxies
from transferz.dataset.mock.sky import ARCSEC, MaskFlags
from transferz.dataset.mock.sources import Sources
from transferz.photometry.fit import PhotoZ, fit_stars, fit_templates
from transferz.photometry.flux import magnitude_error, to_magnitude
from transferz.photometry.templates import DustGrid, galaxy_basis, model_grid

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NO_MAGNITUDE = -99.0  # where a flux is not positive, as upstream
NO_REDSHIFT = 99.0  # lp_zBEST in masked areas, as in some upstream versions
SAMPLE_AREA, SAMPLE_LIMIT = 0.02, 25.0  # deg2 and mag: some 4,000 galaxies for k-means
SHAPE_EDGES = np.geomspace(1200.0, 20_000.0, 25)  # angstrom; the bins that compare spectra
ITERATIONS = 40
COMPACT_PIXELS = 3.2  # FLUX_RADIUS below which a source may be a star


@dataclass(frozen=True, slots=True)
class SourceFits:
    """What the template fit says of N sources."""

    galaxy: PhotoZ  # fit of galaxy templates
    chi2_star: Floats  # (N,) least chi-square over stars


def typical_mixtures(population: PopulationParams, count: int, seed: int) -> Floats:
    """Choose the template spectra of the fit: typical galaxies of the mock's own population.

    LePhare's templates were chosen and calibrated on COSMOS. Ours stand to the mock as those stand
    to COSMOS: a few spectra found by k-means in the logarithm of the dust-free spectra's shape, so
    that most galaxies fall between templates (our choice).

    Returns
    -------
    (count, 5) ndarray
        Shares of the kcorrect templates in the galaxy nearest to each centre; fewer rows where
        clusters run empty.
    """
    sample = sample_galaxies(population, SAMPLE_AREA, SAMPLE_LIMIT, seed, "templates").fractions
    shape = np.log(sample @ _binned_basis().T)
    shape -= shape.mean(axis=1, keepdims=True)
    rng = generator(seed, "templates", "k-means")
    centres, label = kmeans2(shape, count, iter=ITERATIONS, minit="++", seed=rng)
    distance = np.square(shape - centres[label]).sum(axis=1)
    members = [np.flatnonzero(label == k) for k in range(count)]
    return np.array([sample[rows[np.argmin(distance[rows])]] for rows in members if len(rows)])


def _binned_basis() -> Floats:
    """Mean light of the basis templates in each bin of `SHAPE_EDGES`: shape (bins, 5)."""
    basis = galaxy_basis()
    bins = np.digitize(basis.wavelength, SHAPE_EDGES) - 1
    light = basis.total * basis.wavelength
    return np.array([light[:, bins == k].mean(axis=1) for k in range(len(SHAPE_EDGES) - 1)])


def fit(
    photometry: Photometry, ebv: Floats, params: Cosmos2020Params, mixtures: Floats
) -> SourceFits:
    """Fit templates to 2 arcsec photometry, corrected to total and for the Milky Way's dust.

    `ebv` (N,) is the catalogued Milky Way E(B-V), mag; `mixtures` (T, 5) are the template spectra,
    from `typical_mixtures`.
    """
    flux, error = photometry.total("APER2")
    coefficients = -extinction_coefficients(params.bands)  # a minus: undo the dimming
    flux, error = dim(flux, ebv, coefficients), dim(error, ebv, coefficients)
    dust = (DustGrid("calzetti", tuple(params.fit.templates.ebv)),)
    grid = model_grid(params.bands, params.fit.redshift_max, dust=dust, coefficients=mixtures)
    galaxy = fit_templates(flux, error, grid, params.fit.errors)
    return SourceFits(galaxy, fit_stars(flux, error, params.bands, params.fit.errors))


def classify(result: SourceFits, photometry: Photometry, xray: Bools) -> npt.NDArray[np.int16]:
    """Return ``lp_type`` (N,): 2 X-ray source, 1 star, 0 galaxy, -9 fit failed.

    A star is compact and fitted better by a star (our choice, after LePhare's criteria).
    """
    compact = photometry.radius_pixels < COMPACT_PIXELS
    star = compact & (result.chi2_star < result.galaxy.chi2_best)
    kind = np.where(star, 1, 0)
    kind[result.galaxy.template < 0] = -9
    return np.where(xray, 2, kind).astype(np.int16)


def columns(
    sources: Sources,
    flags: MaskFlags,
    photometry: Photometry,
    result: SourceFits,
    params: Cosmos2020Params,
    seed: int,
    before: int = 0,
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the catalogue's columns under their upstream names, each of shape (N,).

    So many rows come `before` these: ids go on from there.
    """
    rng = generator(seed, "cosmos2020", "astrometry")
    scatter = rng.normal(0.0, params.astrometric_scatter_arcsec * ARCSEC, (2, len(sources)))
    ra = sources.ra + scatter[0] / np.cos(np.radians(sources.dec))
    table: dict[str, npt.NDArray[np.generic]] = {
        "ID": np.arange(1, len(sources) + 1) + before,
        "ALPHA_J2000": np.round(ra, 7),
        "DELTA_J2000": np.round(sources.dec + scatter[1], 7),
        "EBV_MW": np.round(sources.ebv, 5),
        "FLUX_RADIUS": photometry.radius_pixels,
        "FLAG_HSC": flags.hsc,
        "FLAG_SUPCAM": flags.supcam,
        "FLAG_UVISTA": flags.uvista,
        "FLAG_UDEEP": flags.udeep,
        "FLAG_COMBINED": flags.combined,
        "total_off2": photometry.total_offset["APER2"],
        "total_off3": photometry.total_offset["APER3"],
    }
    for number, name in enumerate(params.depths):
        table |= _band_columns(name, number, photometry)
    return table | lephare_columns(result, flags, classify(result, photometry, sources.xray))


def _band_columns(
    name: str, number: int, photometry: Photometry
) -> dict[str, npt.NDArray[np.generic]]:
    """Flux, magnitude and errors of a band, per aperture; IRAC's fluxes are total."""
    if name.startswith("IRAC"):
        flux, error = (np.round(v[:, number], FLUX_DECIMALS) for v in photometry.total("APER2"))
        return _measurement(name, "", flux, error)
    table: dict[str, npt.NDArray[np.generic]] = {}
    for aperture, fluxes in photometry.flux.items():
        error = photometry.error[aperture][:, number]
        table |= _measurement(name, f"_{aperture}", fluxes[:, number], error)
    return table


def _measurement(
    name: str, aperture: str, flux: Floats, error: Floats
) -> dict[str, npt.NDArray[np.generic]]:
    return {
        f"{name}_FLUX{aperture}": flux,
        f"{name}_FLUXERR{aperture}": error,
        f"{name}_MAG{aperture}": _magnitude(flux, to_magnitude(flux)),
        f"{name}_MAGERR{aperture}": _magnitude(flux, magnitude_error(flux, error)),
    }


def _magnitude(flux: Floats, values: Floats) -> Floats:
    """Rounded values; -99 where the flux was measured but is not positive."""
    return np.where(flux <= 0, NO_MAGNITUDE, np.round(values, MAGNITUDE_DECIMALS))


def lephare_columns(
    result: SourceFits, flags: MaskFlags, kind: npt.NDArray[np.int16]
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the fit's columns, each (N,), under LePhare's names.

    ``lp_zBEST`` is the median of the density for galaxies, 0 for stars, NaN for X-ray sources and
    99 in masked areas.
    """
    galaxy = result.galaxy
    best = np.where(kind == 1, 0.0, galaxy.z_pdf)
    best = np.where(flags.combined == 1, NO_REDSHIFT, best)
    return {
        "lp_zBEST": np.where(kind == 2, np.nan, best),
        "lp_zPDF": galaxy.z_pdf,
        "lp_zPDF_l68": galaxy.z_l68,
        "lp_zPDF_u68": galaxy.z_u68,
        "lp_zMinChi2": galaxy.z_min_chi2,
        "lp_chi2_best": galaxy.chi2_best,
        "lp_chis": result.chi2_star,
        "lp_NbFilt": galaxy.n_filters,
        "lp_zp_2": galaxy.z_second,
        "lp_type": kind,
        "lp_model": galaxy.template,
        "lp_mass_best": galaxy.log_mass,
    }


FITS_BLOCK = 2880  # bytes; files are padded to whole ones
UNITS = {"ALPHA_J2000": "deg", "DELTA_J2000": "deg", "EBV_MW": "mag", "FLUX_RADIUS": "pixel"}
SINGLE = np.dtype(">f4")


def _stored(name: str, values: npt.NDArray[np.generic]) -> np.dtype:
    """FITS type of a column: positions double, other numbers single precision."""
    if values.dtype.kind == "f":
        return np.dtype(">f8") if name in ("ALPHA_J2000", "DELTA_J2000") else SINGLE
    return np.dtype(">i4") if name == "ID" else np.dtype(">i2")


def _unit(name: str) -> str | None:
    if "_FLUX" in name:
        return "uJy"
    return "mag" if "_MAG" in name or name.startswith("total_off") else UNITS.get(name)


def append(
    path: Path, table: dict[str, npt.NDArray[np.generic]], seed: int, area_deg2: float
) -> None:
    """Write rows of the catalogue, from `columns`, as a FITS binary table whose bytes repeat.

    They go after those in the file, where there is one: it is sound after each call. The header
    notes that it is a mock, the seed and the simulated area.
    """
    names = list(table)
    dtype = np.dtype([(name, _stored(name, table[name])) for name in names])
    rows = np.empty(len(table["ID"]), dtype)
    for name in names:
        rows[name] = table[name]
    hdu = fits.BinTableHDU(rows, name="PHASE3CATALOG")
    for name in names:
        hdu.columns[name].unit = _unit(name)
    hdu.header["MOCK"] = (True, "simulated galaxies, not COSMOS2020 itself")
    hdu.header["MOCKSEED"] = (seed, "seed of the simulation")
    hdu.header["MOCKAREA"] = (area_deg2, "simulated area, deg2, masks included")
    primary = fits.PrimaryHDU()
    primary.header["MOCK"] = (True, "simulated galaxies, not COSMOS2020 itself")
    if not path.exists():
        fits.HDUList([primary, hdu]).writeto(path, output_verify="exception")
        return
    with path.open("r+b") as file:
        start = file.seek(len(primary.header.tostring()))
        header = fits.Header.fromfile(file)
        before = header["NAXIS2"]
        header["NAXIS2"] = before + len(rows)
        file.seek(start)
        file.write(header.tostring().encode("ascii"))
        end = file.seek(before * rows.itemsize, os.SEEK_CUR) + file.write(rows.data)
        file.write(bytes(-end % FITS_BLOCK))
