"""Build the mock survey: the upstream catalogues, with the truth beside them."""

from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.mock import apertures, cosmos2020, galaxiesml, hsc, spectroscopy
from transferz.dataset.mock.defects import spoil
from transferz.dataset.mock.hsc import HscField
from transferz.dataset.mock.params import MockParams
from transferz.dataset.mock.population import subgrid
from transferz.dataset.mock.randomness import generator
from transferz.dataset.mock.sky import BrightStars, bright_stars, mask_flags
from transferz.dataset.mock.sources import FieldModel, Sources, blend, merge, observe_field
from transferz.dataset.mock.templates import typical_mixtures
from transferz.dataset.mock.writing import write_csv, write_truth
from transferz.photometry.bands import HSC_BANDS, Band
from transferz.photometry.flux import to_magnitude
from transferz.photometry.grid import BasisGrid, basis_grid

COSMOS2020_FILE = "cosmos2020/COSMOS2020_CLASSIC_R1_v2.2_p3.fits"
HSC_FILE = "hsc/hsc_pdr2_cosmos.csv"
TRUTH_FILE = "truth.parquet"
COSMOS_TRUTH_FILE = "truth_cosmos2020.parquet"
COSMOS_TRACT = 9813  # HSC's tract at the centre of COSMOS
COSMOS_EBV, EBV_CONTRAST = 0.017, 0.2  # of the Milky Way's dust towards COSMOS
KINDS = ("galaxy", "star", "active")
"""Names of the kinds of sources in the answer sheet, by their codes."""


def write_mock(params: MockParams, directory: Path) -> dict[str, int]:
    """Write the mock survey.

    Parameters
    ----------
    params : MockParams
        Section ``mock`` of params.yaml.
    directory : Path
        An empty directory; each catalogue gets a folder in it.

    Returns
    -------
    dict of str to int
        Rows by file name. ``truth.parquet`` holds the true redshift of every galaxy in the HSC
        and GalaxiesML files, ``truth_cosmos2020.parquet`` that of every COSMOS2020 source.
    """
    for catalogue in ("cosmos2020", "hsc", "galaxiesml"):
        (directory / catalogue).mkdir()
    model = _field_model(params)
    i_band = model.i_band
    everything = observe_field(model, params.window)
    seen_as = blend(everything, params.window, params.blend_arcsec, i_band)
    sources, _ = merge(everything, seen_as, i_band)
    stars = bright_stars(
        params.window, params.sky.masks, generator(params.seed, "cosmos", "bright stars")
    )
    counts = _write_cosmos2020(params, sources, stars, i_band, directory)
    resolved, _ = merge(
        sources, blend(sources, params.window, params.hsc.blend_arcsec, i_band), i_band
    )
    field = _observe_hsc(params, resolved, stars, model)
    write_csv(directory / HSC_FILE, field.table)
    spectra = _spectroscopic_rows(params, field, resolved, model)
    rng = generator(params.seed, "galaxiesml", "splits")
    counts |= {HSC_FILE: len(field.table)} | galaxiesml.write(directory, spectra, rng)
    return counts | {TRUTH_FILE: _write_truth(directory / TRUTH_FILE, field, resolved, spectra)}


def _field_model(params: MockParams) -> FieldModel:
    return FieldModel(
        seed=params.seed,
        i_limit=params.i_limit,
        population=params.population,
        quasars=params.quasars,
        stars=params.stars,
        sizes=params.sizes,
        sky=params.sky,
        grid=_basis_grid(params.cosmos2020.bands, params.population.redshift_max),
        ebv=COSMOS_EBV,
        ebv_contrast=EBV_CONTRAST,
    )


@lru_cache(maxsize=1)
def _basis_grid(bands: tuple[Band, ...], redshift_max: float) -> BasisGrid:
    """`basis_grid`, computed once for several mocks in one process."""
    return basis_grid(bands, redshift_max)


def _write_cosmos2020(
    params: MockParams, sources: Sources, stars: BrightStars, i_band: int, directory: Path
) -> dict[str, int]:
    """Measure, fit and write COSMOS2020 and its answer sheet."""
    rng = generator(params.seed, "cosmos2020", "missing")
    sources = sources.take(rng.random(len(sources)) >= params.cosmos2020.missing_fraction)
    flags = mask_flags(sources.ra, sources.dec, params.window, stars, params.sky.masks)
    photometry = apertures.measure(sources, flags, params.cosmos2020, params.seed)
    templates = typical_mixtures(
        params.population, params.cosmos2020.fit.templates.count, params.seed
    )
    result = cosmos2020.fit(photometry, sources.ebv, params.cosmos2020, templates)
    table = cosmos2020.columns(sources, flags, photometry, result, params.cosmos2020, params.seed)
    cosmos2020.write(directory / COSMOS2020_FILE, table, params.seed, params.area_deg2)
    sheet = pa.table(
        {
            "cosmos_id": table["ID"],
            "kind": pd.Series(sources.kind).map(dict(enumerate(KINDS))),
            "redshift_true": pd.Series(sources.redshift).round(5).astype("float32"),
            "i_mag_true": pd.Series(to_magnitude(sources.flux[:, i_band])).round(4),
        }
    )
    pq.write_table(sheet, directory / COSMOS_TRUTH_FILE, compression="zstd", store_schema=False)
    return {COSMOS2020_FILE: len(sources), COSMOS_TRUTH_FILE: len(sources)}


def _observe_hsc(
    params: MockParams, sources: Sources, stars: BrightStars, model: FieldModel
) -> HscField:
    grizy = [model.bands.index(band) for band in HSC_BANDS.values()]
    flux = sources.flux[:, grizy]
    return hsc.observe(sources, flux, params.window, stars, params.hsc, COSMOS_TRACT, params.seed)


def _spectroscopic_rows(
    params: MockParams, field: HscField, sources: Sources, model: FieldModel
) -> pd.DataFrame:
    """GalaxiesML's rows, over all fields, defects included."""
    own, rng = params.galaxiesml, generator(params.seed, "galaxiesml")
    grid = subgrid(model.grid, tuple(HSC_BANDS.values()))
    candidates = spectroscopy.draw_targets(
        own.surveys, own.rows, params.population, params.quasars, grid, params.seed
    )
    targets = spectroscopy.choose(candidates, own.rows, own.quantiles, rng)
    clustering = params.sky.clustering
    elsewhere = galaxiesml.observe(targets, own, params.hsc, clustering, rng)
    here = galaxiesml.share(field, sources, own.shared, rng)
    return spoil(pd.concat([elsewhere, here], ignore_index=True), own.defects, rng)


def _write_truth(path: Path, field: HscField, sources: Sources, spectra: pd.DataFrame) -> int:
    real = field.source >= 0
    redshift = pd.Series(sources.redshift[field.source]).where(real)
    return write_truth(
        path,
        pd.concat([field.table["object_id"], spectra["object_id"]], ignore_index=True),
        pd.concat([redshift, spectra["redshift_true"]], ignore_index=True),
    )
