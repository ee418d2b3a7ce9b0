"""Build the mock survey: the upstream catalogues, with the truth beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pydantic import Field, ValidationInfo, field_validator, model_validator

from transferz.dataset.mock import apertures, cosmos2020, galaxiesml, hsc, spectroscopy
from transferz.dataset.mock.apertures import Cosmos2020Params
from transferz.dataset.mock.galaxiesml import GalaxiesMLParams
from transferz.dataset.mock.hsc import HscField, HscParams
from transferz.dataset.mock.noise import generator
from transferz.dataset.mock.population import PopulationParams, subgrid
from transferz.dataset.mock.quasars import QuasarParams
from transferz.dataset.mock.sky import (
    BrightStars,
    SkyParams,
    Window,
    bright_stars,
    cosmos_window,
    mask_flags,
)
from transferz.dataset.mock.sources import (
    FieldModel,
    SizeParams,
    Sources,
    StarParams,
    blend,
    merge,
    observe_field,
)
from transferz.dataset.mock.spectroscopy import spoil
from transferz.dataset.mock.tiles import Tile, cut, whole_groups
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import BY_NAME, HSC_BANDS, Band
from transferz.photometry.flux import to_magnitude
from transferz.photometry.grid import BasisGrid, basis_grid
from transferz.schemas import TRUTH
from transferz.schemas.survey.frames import to_arrow

COSMOS2020_FILE = "cosmos2020/COSMOS2020_CLASSIC_R1_v2.2_p3.fits"
HSC_FILE = "hsc/hsc_pdr2_cosmos.csv"
TRUTH_FILE = "truth.parquet"
COSMOS_TRUTH_FILE = "truth_cosmos2020.parquet"
COSMOS_TRACT = 9813  # HSC's tract at the centre of COSMOS
COSMOS_EBV, EBV_CONTRAST = 0.017, 0.2  # of the Milky Way's dust towards COSMOS
KINDS = ("galaxy", "star", "active")
"""Names of the kinds of sources in the answer sheet, by their codes."""


class MockParams(Params):
    """Section ``mock``."""

    seed: int = Field(ge=0, lt=2**32)  # of every random number
    area_deg2: float = Field(gt=0.0, le=1.7)  # of the COSMOS window
    tiles: int = Field(1, ge=1, le=100)  # strips of it that are made one after the other
    i_limit: float = Field(ge=20.0, le=27.5)  # faintest true HSC i magnitude in it
    # sources nearer than this to a brighter one are lost in it, in every catalogue
    blend_arcsec: float = Field(ge=0.0, le=3.0)
    # what there is and where
    population: PopulationParams
    quasars: QuasarParams
    stars: StarParams
    sizes: SizeParams
    sky: SkyParams
    # how each catalogue sees it
    cosmos2020: Cosmos2020Params
    hsc: HscParams
    galaxiesml: GalaxiesMLParams

    @property
    def window(self) -> Window:
        """The patch of the COSMOS field that is simulated."""
        return cosmos_window(self.sky.centre, self.area_deg2)

    @field_validator("cosmos2020")
    @classmethod
    def _bands_known(cls, value: Cosmos2020Params, info: ValidationInfo) -> Cosmos2020Params:
        unknown = [name for name in value.depths if name not in BY_NAME]
        if unknown:
            raise ValueError(f"no filter curve for {', '.join(unknown)}; see photometry/bands.py")
        lacking = [one.name for one in HSC_BANDS.values() if one.name not in value.depths]
        if lacking:
            raise ValueError(f"depths need the HSC bands too; missing {', '.join(lacking)}")
        return value

    @model_validator(mode="after")
    def _window_in_cosmos(self) -> "MockParams":
        _ = self.window  # raises ValueError where it leaves the field
        return self

    def scaled(self, factor: float) -> "MockParams":
        """Return a mock of `factor` times the size: the window, and GalaxiesML's rows.

        Raises
        ------
        pydantic.ValidationError
            If the window then leaves the COSMOS field or too few rows remain.
        """
        values = self.model_dump()
        values["area_deg2"] *= factor
        spectra = values["galaxiesml"]
        spectra["rows"] = round(spectra["rows"] * factor)
        spectra["shared"]["rows"] = round(spectra["shared"]["rows"] * factor)
        return MockParams.model_validate(values)


@dataclass(frozen=True, slots=True)
class _Field:
    """What all tiles of the COSMOS field share."""

    params: MockParams
    model: FieldModel  # with the field's seed
    stars: BrightStars
    mixtures: npt.NDArray[np.float64]  # spectra of the template fit, of `typical_mixtures`

    @classmethod
    def of(cls, params: MockParams) -> "_Field":
        """Draw what the parameters leave open."""
        rng = generator(params.seed, "cosmos", "bright stars")
        count = params.cosmos2020.fit.templates.count
        return cls(
            params,
            _field_model(params),
            bright_stars(params.window, params.sky.masks, rng),
            cosmos2020.typical_mixtures(params.population, count, params.seed),
        )

    def tiles(self) -> Iterator[tuple[Tile, Sources]]:
        """Make the sources of each tile, none blended yet; those that will be, in one tile."""
        params = self.params
        return whole_groups(
            cut(params.window, params.tiles, params.seed),
            lambda tile: observe_field(replace(self.model, seed=tile.seed), tile.window),
            params.blend_arcsec + params.hsc.blend_arcsec,
        )

    def blended(self, sources: Sources, tile: Tile, radius_arcsec: float) -> Sources:
        """Merge what a catalogue of that resolution sees as one."""
        i_band = self.model.i_band
        return merge(sources, blend(sources, tile.window, radius_arcsec, i_band), i_band)[0]


def write_mock(params: MockParams, directory: Path) -> dict[str, int]:
    """Write the mock survey, each catalogue into a folder of an empty `directory`.

    The COSMOS field is made and written tile by tile. Returns the rows by file name.
    ``truth.parquet`` holds the true redshift of every galaxy in the HSC and GalaxiesML files,
    ``truth_cosmos2020.parquet`` that of every COSMOS2020 source.
    """
    for catalogue in ("cosmos2020", "hsc", "galaxiesml"):
        (directory / catalogue).mkdir()
    field = _Field.of(params)
    sheets: list[pa.Table] = []  # of each tile a few columns alone
    truths: list[pd.DataFrame] = []
    shareable: list[pd.DataFrame] = []
    for tile, everything in field.tiles():
        sources = field.blended(everything, tile, params.blend_arcsec)
        sheets.append(_append_cosmos2020(field, tile, sources, sum(map(len, sheets)), directory))
        resolved = field.blended(sources, tile, params.hsc.blend_arcsec)
        seen = _observe_hsc(field, tile, resolved)
        append_csv(directory / HSC_FILE, seen.table)
        truths.append(_true_redshifts(seen, resolved))
        shareable.append(galaxiesml.shareable(seen, resolved, params.galaxiesml.shared))
    sheet = pa.concat_tables(sheets)
    pq.write_table(sheet, directory / COSMOS_TRUTH_FILE, compression="zstd", store_schema=False)
    counts = {COSMOS2020_FILE: len(sheet), COSMOS_TRUTH_FILE: len(sheet)}
    counts[HSC_FILE] = sum(map(len, truths))
    spectra = _spectroscopic_rows(params, pd.concat(shareable, ignore_index=True), field.model)
    rng = generator(params.seed, "galaxiesml", "splits")
    for name, part in galaxiesml.published_files(spectra, rng).items():
        append_csv(directory / name, part)
        counts[name] = len(part)
    truths.append(spectra[["object_id", "redshift_true"]])
    return counts | {TRUTH_FILE: _write_truth(directory / TRUTH_FILE, truths)}


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


def _append_cosmos2020(
    field: _Field, tile: Tile, sources: Sources, before: int, directory: Path
) -> pa.Table:
    """Measure, fit and write a tile of COSMOS2020 after so many rows; return its answer sheet."""
    params, own = field.params, field.params.cosmos2020
    rng = generator(tile.seed, "cosmos2020", "missing")
    sources = sources.take(rng.random(len(sources)) >= own.missing_fraction)
    flags = mask_flags(sources.ra, sources.dec, params.window, field.stars, params.sky.masks)
    photometry = apertures.measure(sources, flags, own, tile.seed, params.seed)
    result = cosmos2020.fit(photometry, sources.ebv, own, field.mixtures)
    table = cosmos2020.columns(sources, flags, photometry, result, own, tile.seed, before)
    cosmos2020.append(directory / COSMOS2020_FILE, table, params.seed, params.area_deg2)
    i_flux = sources.flux[:, field.model.i_band]
    return pa.table(
        {
            "cosmos_id": table["ID"],
            "kind": pd.Series(sources.kind).map(dict(enumerate(KINDS))),
            "redshift_true": pd.Series(sources.redshift).round(5).astype("float32"),
            "i_mag_true": pd.Series(to_magnitude(i_flux)).round(4),
        }
    )


def _observe_hsc(field: _Field, tile: Tile, sources: Sources) -> HscField:
    params, bands = field.params, field.model.bands
    return hsc.observe(
        sources,
        sources.flux[:, [bands.index(band) for band in HSC_BANDS.values()]],
        tile.window,
        field.stars,
        params.hsc,
        COSMOS_TRACT + 2 * tile.number,  # the next one is that of second detections
        tile.seed,
        params.seed,
    )


def _true_redshifts(field: HscField, sources: Sources) -> pd.DataFrame:
    """Ids of a tile's HSC objects and their true redshifts; NaN where there is none."""
    redshift = pd.Series(sources.redshift[field.source]).where(field.source >= 0)
    return pd.DataFrame({"object_id": field.table["object_id"], "redshift_true": redshift})


def _spectroscopic_rows(
    params: MockParams, shareable: pd.DataFrame, model: FieldModel
) -> pd.DataFrame:
    """GalaxiesML's rows, over all fields, defects included; of COSMOS, some `shareable` ones."""
    own, rng = params.galaxiesml, generator(params.seed, "galaxiesml")
    grid = subgrid(model.grid, tuple(HSC_BANDS.values()))
    candidates = spectroscopy.draw_targets(
        own.surveys, own.rows, params.population, params.quasars, grid, params.seed
    )
    targets = spectroscopy.choose(candidates, own.rows, own.quantiles, rng)
    clustering = params.sky.clustering
    elsewhere = galaxiesml.observe(targets, own, params.hsc, clustering, rng)
    here = galaxiesml.share(shareable, own.shared, rng)
    return spoil(pd.concat([elsewhere, here], ignore_index=True), own.defects, rng)


def _write_truth(path: Path, truths: list[pd.DataFrame]) -> int:
    """Write the true redshifts, a row per object, sorted by id; return the number of rows."""
    frame = pd.concat(truths, ignore_index=True)
    frame["redshift_true"] = frame["redshift_true"].round(5)
    frame = frame.dropna().drop_duplicates("object_id")  # stars have no redshift; ids repeat
    frame = frame.sort_values("object_id", ignore_index=True)
    frame["redshift_true"] = frame["redshift_true"].astype("float32")
    pq.write_table(to_arrow(frame, TRUTH), path, compression="zstd", store_schema=False)
    return len(frame)


def append_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write rows as the archives do: ``True`` and ``False``, ``nan`` where a value lacks.

    They go after those in the file, where there is one. Floats are rounded already: each is written
    in the fewest digits that give it back.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    arrays = [_spelt(column) for column in table.columns]
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("ab") as file:
        if not file.tell():
            file.write((",".join(table.column_names) + "\n").encode())
        pacsv.write_csv(pa.table(arrays, names=table.column_names), file, options)


def _spelt(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if pa.types.is_floating(column.type):
        return pc.fill_null(column, float("nan"))
    return column
