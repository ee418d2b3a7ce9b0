"""Neighbours on the sky where positions do not fit in memory: in partitions, on LSDB and Dask.

Positions go to disk as HATS catalogues: a folder of parquet files for each HEALPix pixel, small
where the sky is crowded, and a margin that holds what lies just outside of it. LSDB aligns the two
catalogues' pixels and Dask works on several at a time, in a cluster where a ``dask.distributed``
client is open. In a pixel the pairs are found by `iterate_pairs`, and which are matches is decided
as by `mutual_nearest`, so that the matches are the same ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import lsdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from hats.catalog import CatalogType, PartitionInfo, TableProperties
from hats.pixel_math import HealpixPixel, compute_spatial_index, generate_alignment, get_margin
from hats.pixel_math.healpix_shim import margin2order, order2npix
from hats.pixel_math.spatial_index import SPATIAL_INDEX_COLUMN, SPATIAL_INDEX_ORDER
from hats.pixel_tree.negative_tree import compute_negative_tree_pixels
from hats.pixel_tree.pixel_tree import PixelTree
from lsdb.catalog import Catalog
from lsdb.core.crossmatch.abstract_crossmatch_algorithm import AbstractCrossmatchAlgorithm
from lsdb.core.crossmatch.crossmatch_args import CrossmatchArgs
from numpy.typing import NDArray

from transferz.dataset.sky.matching import Matches
from transferz.dataset.sky.neighbours import Nearest, Pairs, iterate_pairs, joined
from transferz.dataset.sky.positions import Floats, Parts, Positions, Rows, shift
from transferz.schemas.errors import ParameterError

Moves = tuple[tuple[float, float], ...]

PARTITION_ROWS = 1_000_000
"""A partition is divided further until it has no more (our choice): some 200 MB while matched."""

HIGHEST_ORDER = 7
"""The smallest partition, 0.21 square degrees: 200,000 objects at the density of LSST's."""

_WIDER = 2.0  # than asked: hats knows the least width of a pixel roughly
_FINEST_MARGIN = 12  # order, 52 arcsec: pixels still smaller would be many round large partitions

MAX_REACH_ARCSEC = 7200.0
"""How wide a margin may be: partitions must be wider, whatever the memory."""

_ROWS = pa.schema(
    {SPATIAL_INDEX_COLUMN: pa.int64(), "ra": pa.float64(), "dec": pa.float64(), "key": pa.int64()}
)
_PIXEL = pa.schema({"Norder": pa.int64(), "Dir": pa.int64(), "Npix": pa.int64()})
_DIR_PIXELS = 10_000  # of HATS


@dataclass(frozen=True)
class Partitioned:
    """Two catalogues in partitions of the sky, to be matched; None where one has no rows.

    The second has margins of `reach_arcsec`, and is moved by each of the `moves` in turn.
    """

    first: Catalog | None
    second: Catalog | None
    reach_arcsec: float
    moves: Moves = ()

    @classmethod
    def written(cls, first: Parts, second: Parts, folder: Path, reach_arcsec: float) -> Self:
        """Write the partitions of two catalogues.

        Parameters
        ----------
        first, second : callable
            Read the catalogues, part by part, up to three times. Keys are unique in a catalogue.
        folder : Path
            Where the partitions go: 32 bytes for each row, compressed, and for those in margins. It
            must last as long as they are used.
        reach_arcsec : float
            How far, arcsec, first and second may lie from each other: radius and moves together.
        """
        one = write_catalog(first, folder / "first", None)
        return cls(one, write_catalog(second, folder / "second", reach_arcsec), reach_arcsec)

    def moved(self, east: float, north: float) -> Self:
        """Return the two with every position of the second moved by an offset, arcsec."""
        return replace(self, moves=(*self.moves, (east, north)))

    def matches(self, radius_arcsec: float) -> Matches:
        """Match rows that are each other's nearest within the radius."""
        ra1, dec1, key1, ra2, dec2, key2, separation = self._near(radius_arcsec)
        mutual = nearest_of_all(key1, separation, key2) & nearest_of_all(key2, separation, key1)
        rows = np.flatnonzero(mutual)
        rows = rows[np.argsort(key1[rows])]
        second = Positions(ra2[rows], dec2[rows], key2[rows], "second")
        first = Positions(ra1[rows], dec1[rows], key1[rows], "first")
        return Matches(first, _moved(second, self.moves), separation[rows])

    def pairs(self, radius_arcsec: float) -> tuple[Rows, Rows, Floats]:
        """Find all pairs within the radius: keys of first and second, separations (arcsec)."""
        _, _, first, _, _, second, separation = self._near(radius_arcsec)
        return first, second, separation

    def _near(self, radius_arcsec: float) -> tuple[NDArray[Any], ...]:
        reach = radius_arcsec + sum(float(np.hypot(*move)) for move in self.moves)
        if reach > self.reach_arcsec:
            raise AssertionError(f"pairs {reach} arcsec apart in margins of {self.reach_arcsec}")
        return all_pairs(self.first, self.second, radius_arcsec, self.moves)


def pairs_within(positions: Positions, radius_arcsec: float) -> Pairs:
    """Return every pair of positions of one table within the radius, as `neighbours` does.

    The tree of neighbours, which takes most of the memory there, is that of some partitions here.
    """
    with TemporaryDirectory(prefix="transferz-") as folder:
        rows = Positions(positions.ra, positions.dec, np.arange(len(positions)), positions.name)
        catalog = write_catalog(lambda: [rows], Path(folder), radius_arcsec)
        _, _, i, _, _, j, separation = all_pairs(catalog, catalog, radius_arcsec, ())
    key = positions.key
    pairs = Pairs(i, j, separation).chosen(key[i] < key[j])
    return pairs.chosen(np.lexsort((key[pairs.j], key[pairs.i])))


def nearest_of_all(row: Rows, separation: Floats, key: Rows) -> NDArray[np.bool_]:
    """Which pairs are of a row, named by its key, and its nearest; ties to the lower `key`."""
    rows, number = np.unique(row, return_inverse=True)
    nearest = Nearest(len(rows), key)
    nearest.update(number, separation, key)
    return nearest.key[number] == key


def all_pairs(
    first: Catalog | None, second: Catalog | None, radius_arcsec: float, moves: Moves
) -> tuple[NDArray[Any], ...]:
    """Find all pairs within the radius, the second catalogue moved by each of the moves in turn.

    Returns ra, dec and key of the first, then of the second as it was before, and the separation.
    """
    names = [f"{name}_{side}" for side in (1, 2) for name in ("ra", "dec", "key")]
    columns = dict.fromkeys(names, np.float64) | {"key_1": np.int64, "key_2": np.int64}
    columns["separation"] = np.float64
    if first is None or second is None:
        return tuple(np.empty(0, dtype) for dtype in columns.values())
    found = first.crossmatch(
        second,
        algorithm=_AllPairs(radius_arcsec, moves),
        suffixes=("_1", "_2"),
        suffix_method="all_columns",
        require_right_margin=True,
    ).compute(progress_bar=False)
    return tuple(found[name].to_numpy(dtype) for name, dtype in columns.items())


class _AllPairs(AbstractCrossmatchAlgorithm):  # type: ignore[misc]
    """All pairs within a radius, where LSDB's own has the nearest ones."""

    extra_columns = pd.DataFrame({"separation": pd.Series(dtype=np.float64)})

    def __init__(self, radius_arcsec: float, moves: Moves) -> None:
        self._radius, self._moves = radius_arcsec, moves

    def perform_crossmatch(
        self, crossmatch_args: CrossmatchArgs
    ) -> tuple[Rows, Rows, pd.DataFrame]:
        """Find the pairs of a partition and another one with its margin."""
        first = _positions(crossmatch_args.left_df)
        second = _moved(_positions(crossmatch_args.right_df), self._moves)
        pairs = joined(list(iterate_pairs(first, second, self._radius)))
        return pairs.i, pairs.j, pd.DataFrame({"separation": pairs.separation})


def _positions(rows: pd.DataFrame) -> Positions:
    ra, dec = (rows[name].to_numpy(np.float64) for name in ("ra", "dec"))
    return Positions(ra, dec, rows["key"].to_numpy(np.int64), "a partition")


def _moved(positions: Positions, moves: Moves) -> Positions:
    for move in moves:
        positions = shift(positions, *move)
    return positions


# --- HATS catalogues


def write_catalog(parts: Parts, folder: Path, reach_arcsec: float | None) -> Catalog | None:
    """Write positions as a HATS catalogue, with margins at least so wide, and open it by LSDB.

    None where there are no rows. In memory are one part of the positions, and what the parquet
    files that are open hold back.
    """
    margin_order = SPATIAL_INDEX_ORDER
    if reach_arcsec is not None:
        if reach_arcsec > MAX_REACH_ARCSEC:
            raise ParameterError(
                f"Partitions of the sky have margins of {MAX_REACH_ARCSEC:g} arcsec at most, found "
                f"{reach_arcsec:g}, the match radius and how far positions are moved; take less."
            )
        margin_order = min(int(margin2order(_WIDER * reach_arcsec / 60.0)), _FINEST_MARGIN)
    order = min(HIGHEST_ORDER, margin_order - 1)
    counts = np.zeros(order2npix(order), np.int64)
    for part in parts():
        counts += np.bincount(_index(part) >> _bits(order), minlength=len(counts))
    if not counts.any():
        return None
    most = max(PARTITION_ROWS, int(counts.max()))
    aligned = [one and one[:2] for one in generate_alignment(counts, order, threshold=most)]
    orders = np.array([one[0] if one else 0 for one in aligned])
    main, margin = folder / "positions", folder / "margin"

    def own(index: Rows) -> tuple[Rows, Rows, Rows]:
        of_row = orders[index >> _bits(order)]
        return np.arange(len(index)), of_row, index >> _bits(of_row)

    _write(parts, own, main, catalog_type=CatalogType.OBJECT)
    if reach_arcsec is None:
        return lsdb.open_catalog(main)
    pixels = [HealpixPixel(*map(int, one)) for one in set(aligned) - {None}]
    small, of_order, of_pixel = _margins(pixels, margin_order)

    def around(index: Rows) -> tuple[Rows, Rows, Rows]:
        own_small = index >> _bits(margin_order)
        start, stop = (np.searchsorted(small, own_small, side) for side in ("left", "right"))
        often = stop - start  # a row is in the margins of several pixels, or of none
        place = np.arange(often.sum()) + np.repeat(stop - np.cumsum(often), often)
        return np.repeat(np.arange(len(index)), often), of_order[place], of_pixel[place]

    facts = {"primary_catalog": main.name, "margin_threshold": reach_arcsec}
    _write(parts, around, margin, catalog_type=CatalogType.MARGIN, **facts)
    return lsdb.open_catalog(main, margin_cache=margin)


def _bits(order: Any) -> Any:
    """How many bits a position's index has beyond those of its pixel of an order."""
    return 2 * (SPATIAL_INDEX_ORDER - order)


def _index(positions: Positions) -> Rows:
    """Number of the pixel of the highest order: what decides on all others."""
    return np.asarray(compute_spatial_index(positions.ra, positions.dec), np.int64)


def _margins(pixels: list[HealpixPixel], margin_order: int) -> tuple[Rows, Rows, Rows]:
    """Return the small pixels round each partition, sorted, with its order and pixel.

    Round empty sky as well: what lies there may be near a row of the other catalogue.
    """
    around = [*pixels, *compute_negative_tree_pixels(PixelTree.from_healpix(pixels))]
    small = [np.array(get_margin(p.order, p.pixel, margin_order - p.order)) for p in around]
    often = [len(one) for one in small]
    order, pixel = (np.repeat([getattr(p, of) for p in around], often) for of in ("order", "pixel"))
    every = np.concatenate(small)
    place = np.argsort(every, kind="stable")
    return every[place], order[place], pixel[place]


def _write(
    parts: Parts,
    pixels_of: Callable[[Rows], tuple[Rows, Rows, Rows]],
    folder: Path,
    **facts: Any,
) -> None:
    """Write a HATS catalogue: rows in the folders of their pixels.

    `pixels_of` says by the rows' indices which rows to write, and the order and number of the pixel
    of each.
    """
    schema, found, total = pa.schema([*_ROWS, *_PIXEL]), set[tuple[int, int]](), 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal total
        for part in parts():
            row, order, pixel = pixels_of(index := _index(part))
            total += len(row)
            found.update(zip(order.tolist(), pixel.tolist(), strict=True))
            columns = (index[row], part.ra[row], part.dec[row], part.key[row])
            place = (order, pixel // _DIR_PIXELS * _DIR_PIXELS, pixel)
            yield pa.record_batch([*columns, *place], schema=schema)

    pads.write_dataset(
        pa.RecordBatchReader.from_batches(schema, batches()),
        folder / "dataset",
        format="parquet",
        partitioning=pads.partitioning(_PIXEL, flavor="hive"),
        max_partitions=1 << 20,
        existing_data_behavior="overwrite_or_ignore",
    )
    (folder / "dataset").mkdir(parents=True, exist_ok=True)
    pq.write_metadata(_ROWS, folder / "dataset" / "_common_metadata")
    PartitionInfo([HealpixPixel(*one) for one in sorted(found)]).write_to_file(catalog_path=folder)
    TableProperties(
        catalog_name=folder.name,
        total_rows=total,
        ra_column="ra",
        dec_column="dec",
        healpix_column=SPATIAL_INDEX_COLUMN,
        healpix_order=SPATIAL_INDEX_ORDER,
        npix_suffix="/",
        **facts,
    ).to_properties_file(folder)
