"""Write a table as a HATS collection: its catalogue, and the margin around each partition.

Pixels, properties and maps are those of `hats`. What is more than LSDB writes: every leaf says
itself, in a footer by the IVOA's VOParquet convention, what its columns are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import DEC, RA, Table
from transferz.schemas.survey.derived import longest_strings, votable_footer
from transferz.schemas.survey.files import MOCK_WARNING, Version
from transferz.tables.hats.reading import (
    COMMON,
    DATASET,
    DEEPEST,
    HEALPIX,
    HEALPIX_COLUMN,
    METADATA,
)
from transferz.tables.table import CHUNK_ROWS

if TYPE_CHECKING:
    import numpy.typing as npt
    from hats.pixel_math import HealpixPixel

PARTITION_ROWS = 100_000
"""Rows of a partition at most (our choice: some 10 MB, of which LSDB's workers hold a few)."""

MARGIN_ARCSEC = 10.0
"""Width of the margin: rows this near to a partition are found from within it (LSDB's users' most
common choice)."""

SKYMAP_ORDER = 8
"""Of the map of row counts: pixels of 14 arcmin, as LSDB's."""

SUFFIX = ".parquet"
"""Ends the name of a leaf."""


def facts_of(version: str, survey: str, config: str, splits: Iterable[str]) -> dict[str, str]:
    """Return what the properties of a config of a release say of it, in the words of HATS."""
    warning = f" {MOCK_WARNING}" if Version.parse(version).mock else ""
    return {
        "obs_title": f"transferz {version}, {config}",
        "obs_description": f"Galaxies with photometry and a redshift. Splits: "
        f"{', '.join(splits)}.{warning}",
        "prov_progenitor": survey,
        "hats_data_semver": version,
        "hats_cols_survey_id": "object_id",
    }


@dataclass(frozen=True)
class _Rows:
    """The rows of a collection, whole, and their pixels of order 29.

    `index` is sorted; `order` has the place in `table` of each row in that order. `footer` is what
    leaves say of the columns.
    """

    table: pa.Table
    index: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    footer: Mapping[str, str]

    @property
    def schema(self) -> pa.Schema:
        """What leaves are made of."""
        return pa.schema([pa.field(HEALPIX, pa.int64(), nullable=False), *self.table.schema])

    def between(self, pixels: npt.NDArray[np.int64], order: int) -> npt.NDArray[np.int64]:
        """Return which rows, by their number in `index`, lie in any of some pixels of an order."""
        shift = 2 * (DEEPEST - order)
        starts = np.searchsorted(self.index, pixels << shift)
        ends = np.searchsorted(self.index, (pixels + 1) << shift)
        spans = [np.arange(a, b) for a, b in zip(starts, ends, strict=True) if a < b]
        return np.concatenate(spans) if spans else np.empty(0, np.int64)

    def take(self, numbers: npt.NDArray[np.int64]) -> pa.Table:
        """Return some rows, by their numbers in `index`, as a leaf holds them."""
        rows = self.table.take(pa.array(self.order[numbers]))
        return pa.table([pa.array(self.index[numbers]), *rows.columns], schema=self.schema)


def write_collection(
    folder: Path,
    name: str,
    rows: pa.Table,
    table: Table,
    about: Mapping[str, str],
    *,
    partition_rows: int = PARTITION_ROWS,
    suffix: str = SUFFIX,
) -> None:
    """Write rows with columns `RA` and `DEC` (ICRS, deg) into an empty folder, as a collection.

    Parameters
    ----------
    folder : Path
        An empty folder; `transferz.tables.files.replace_directory` gives one.
    name : str
        The catalogue's, and its folder's.
    rows : pyarrow.Table
        At least one row, of the columns that `table` declares. The order of rows that lie in one
        pixel of order 29 (0.4 milliarcsec) is kept; the others come in the order of their pixels.
    about : mapping
        What `hats.properties` say beside what HATS prescribes, such as ``obs_title``.
    partition_rows : int
        A pixel with more rows than this is cut into four.
    suffix : str
        Ends the names of the leaves.

    Raises
    ------
    InputError
        Where there is no row, or one without a position.
    """
    from hats import pixel_math
    from hats.catalog.dataset.collection_properties import CollectionProperties

    held = _indexed(rows, table)
    about = {key: " ".join(text.split()) for key, text in about.items()}  # a line each
    finest = int(pixel_math.healpix_shim.margin2order(MARGIN_ARCSEC / 60))
    pixels, empty = _partitions(held, partition_rows, finest - 1)
    margin = f"{name}_{MARGIN_ARCSEC:g}arcs"
    facts = {**_STANDARD, **about, "npix_suffix": suffix}
    leaves = ((pixel, held.between(np.array([pixel.pixel]), pixel.order)) for pixel in pixels)
    _write_catalogue(folder / name, held, leaves, facts | {"catalog_type": "object"})
    around = _margins(held, [*pixels, *empty], finest)
    of_margin = {"primary_catalog": name, "margin_threshold": MARGIN_ARCSEC}
    _write_catalogue(folder / margin, held, around, facts | {"catalog_type": "margin"} | of_margin)
    CollectionProperties(
        obs_collection=name,
        hats_primary_table_url=name,
        all_margins=margin,
        default_margin=margin,
        **_STANDARD,
        **about,
    ).to_properties_file(folder)


_STANDARD = {
    "hats_builder": "transferz",
    "hats_version": "v1.0",
    "hats_release_date": "2025-08-22",
}
"""The version of HATS that is written, and its date; who wrote it, without a clock, so that bytes
repeat."""


def _indexed(rows: pa.Table, table: Table) -> _Rows:
    from hats.pixel_math.spatial_index import compute_spatial_index

    ra, dec = (rows[name].to_numpy() for name in (RA, DEC))
    lacking = np.count_nonzero(~(np.isfinite(ra) & np.isfinite(dec)))
    if lacking or not len(rows):
        found = f"{lacking:,} of {len(rows):,} rows without one" if lacking else "no rows"
        raise InputError(
            f"HATS places each row on the sky: expected a position ({RA}, {DEC}) in every row, "
            f"found {found}; leave those out"
        )
    index = compute_spatial_index(ra, dec)
    order = np.argsort(index, kind="stable")
    declared = replace(table, columns=(HEALPIX_COLUMN, *table))
    footer = votable_footer(declared, longest_strings(rows))
    return _Rows(rows.combine_chunks(), index[order], order, footer)


def _partitions(
    rows: _Rows, most: int, deepest: int
) -> tuple[list[HealpixPixel], list[HealpixPixel]]:
    """Return the largest pixels with rows, and no more than `most`; and those that cover the rest.

    Both by their place on the sky. What lies in a pixel of the order `deepest` is not cut further.
    """
    from hats.pixel_math import HealpixPixel

    filled: list[HealpixPixel] = []
    empty: list[HealpixPixel] = []
    waiting = [HealpixPixel(0, number) for number in reversed(range(12))]
    while waiting:
        pixel = waiting.pop()
        count = len(rows.between(np.array([pixel.pixel]), pixel.order))
        if count > most and pixel.order < deepest:
            below = (HealpixPixel(pixel.order + 1, 4 * pixel.pixel + k) for k in (3, 2, 1, 0))
            waiting.extend(below)
        else:
            (filled if count else empty).append(pixel)
    return filled, empty


def _margins(
    rows: _Rows, pixels: Sequence[HealpixPixel], order: int
) -> Iterator[tuple[HealpixPixel, npt.NDArray[np.int64]]]:
    """Yield of each pixel which rows lie just outside: in the ring of pixels of an order around it.

    `pixels` cover the sky. That is what `hats.pixel_math.get_margin` gives, which lists each ring
    whole: this looks at pixels with rows alone.
    """
    import cdshealpix

    pixels = sorted(pixels, key=lambda pixel: pixel.pixel << 2 * (DEEPEST - pixel.order))
    starts = np.array([pixel.pixel << 2 * (order - pixel.order) for pixel in pixels])
    held = np.unique(rows.index >> 2 * (DEEPEST - order))
    pairs = [np.empty((0, 2), np.int64)]  # the number of a pixel, and what lies beside it
    for first in range(0, len(held), CHUNK_ROWS):
        own = held[first : first + CHUNK_ROWS]
        ring = cdshealpix.neighbours(own, order)  # (n, 9), with itself; -1 where there is none
        homes, home = (np.searchsorted(starts, one, side="right") - 1 for one in (ring, own))
        row, column = np.nonzero((homes != home[:, None]) & (ring >= 0))
        pairs.append(np.unique(np.column_stack([homes[row, column], own[row]]), axis=0))
    all_pairs = np.concatenate(pairs)
    for number, pixel in enumerate(pixels):
        yield pixel, rows.between(all_pairs[all_pairs[:, 0] == number, 1], order)


def _write_catalogue(
    folder: Path,
    rows: _Rows,
    leaves: Iterable[tuple[HealpixPixel, npt.NDArray[np.int64]]],
    facts: Mapping[str, Any],
) -> None:
    """Write leaves of some rows, what says where they are, and the properties."""
    from hats.catalog import PartitionInfo, TableProperties
    from hats.io import paths

    dataset = folder / DATASET
    dataset.mkdir(parents=True)
    counts: dict[HealpixPixel, int] = {}
    footers = []
    for pixel, numbers in leaves:
        if len(numbers):
            place = paths.new_pixel_catalog_file(folder, pixel, npix_suffix=facts["npix_suffix"])
            _write_leaf(Path(place), rows.take(numbers), rows.footer)
            footers.append(pq.read_metadata(place))
            footers[-1].set_file_path(Path(place).relative_to(dataset).as_posix())
            counts[pixel] = len(numbers)
    pq.write_metadata(rows.schema, dataset / METADATA, footers, store_schema=False)
    _write_leaf(dataset / COMMON, rows.schema.empty_table(), rows.footer)
    info = PartitionInfo(list(counts))
    info.write_to_file(catalog_path=folder)
    if has_map := facts["catalog_type"] == "object":
        _write_map(folder, rows.index)
    TableProperties(
        catalog_name=folder.name,
        total_rows=sum(counts.values()),
        ra_column=RA,
        dec_column=DEC,
        healpix_column=HEALPIX,
        healpix_order=DEEPEST,
        skymap_order=SKYMAP_ORDER if has_map else None,
        hats_max_rows=max(counts.values(), default=0),
        hats_order=max((pixel.order for pixel in counts), default=0),
        moc_sky_fraction=float(f"{info.calculate_fractional_coverage():.5g}"),
        **facts,
    ).to_properties_file(folder)


def _write_leaf(path: Path, leaf: pa.Table, footer: Mapping[str, str]) -> None:
    """Write a leaf as `hats` does, with the checksum of each page, and what its columns are."""
    from hats.io.file_io.file_io import get_parquet_write_table_kwargs

    options = get_parquet_write_table_kwargs(leaf.schema)
    group = options.pop("row_group_size")
    with pq.ParquetWriter(
        path, leaf.schema, **options, write_page_checksum=True, store_schema=False
    ) as writer:
        if len(leaf):
            writer.write_table(leaf, group)
        writer.add_key_value_metadata(dict(footer))


def _write_map(folder: Path, index: npt.NDArray[np.int64]) -> None:
    """Write the number of rows in each pixel of the sky, under both names that readers look for."""
    from hats.io import file_io, paths, skymap
    from hats.pixel_math.healpix_shim import order2npix

    pixels = index >> 2 * (DEEPEST - SKYMAP_ORDER)
    counts = np.bincount(pixels, minlength=order2npix(SKYMAP_ORDER))
    skymap.write_skymap(counts, folder)
    file_io.write_fits_image(counts, paths.get_point_map_file_pointer(folder))
