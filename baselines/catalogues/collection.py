"""A HATS collection: what it holds, and what makes the folder of a new one a collection.

A collection is a primary catalogue, and margins: rows near the edge of each partition that lie in
its neighbours. A catalogue that stands alone is one of these without the others.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transferz.schemas.errors import InputError
from transferz.tables.hats import is_hats


def is_catalogue(place: str) -> bool:
    """Say whether a place is a HATS collection or catalogue: such a folder, or any address."""
    return "://" in place or is_hats(Path(place))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file with rows of a partition.

    `part` is the folder of its catalogue, empty for one that stands alone, `name` where it lies in
    that, `source` what hats reads it from.
    """

    part: str
    order: int
    pixel: int
    name: str
    source: Any

    def __str__(self) -> str:
        whose = f" of {self.part}" if self.part else ""
        return f"partition Norder={self.order}, Npix={self.pixel}{whose}"


@dataclass(frozen=True, slots=True)
class Part:
    """A catalogue of a collection, in the folder `name` of it; `held` is as hats has it."""

    name: str
    held: Any

    @property
    def schema(self) -> pa.Schema:
        """Its columns, as its metadata have them."""
        return self.held.schema

    @property
    def rows(self) -> int:
        """How many rows its properties say that it has, 0 where they do not."""
        return int(self.held.catalog_info.total_rows or 0)

    @property
    def sky_order(self) -> int:
        """The order of the pixels in which its map counts rows."""
        info = self.held.catalog_info
        deepest = max((pixel.order for pixel in self.held.get_healpix_pixels()), default=0)
        return int(info.skymap_order if info.skymap_order is not None else max(deepest, 8))

    def leaves(self) -> list[Leaf]:
        """List its files, partition by partition."""
        from hats.io import pixel_catalog_file

        base, suffix = self.held.catalog_base_dir, self.held.catalog_info.npix_suffix
        found = []
        for pixel in self.held.get_healpix_pixels():
            place = pixel_catalog_file(base, pixel, npix_suffix=suffix)
            files = [place] if suffix != "/" else sorted(place.glob("*.parquet"), key=str)
            for file in files:
                inside = file.parts[-4 - (suffix == "/") :]
                found.append(Leaf(self.name, pixel.order, pixel.pixel, "/".join(inside), file))
        return found


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with its parts, the primary catalogue first; `properties` are its own."""

    place: str
    parts: tuple[Part, ...]
    properties: Any = None

    @property
    def rows(self) -> int:
        """The rows of all parts, as far as their properties say."""
        return sum(part.rows for part in self.parts)

    def facts(self) -> dict[str, Any]:
        """Say what it is, such that another one, or another state of it, is told from it."""
        facts: dict[str, Any] = {"catalogue": self.place}
        for part in self.parts:
            pixels = [(one.order, one.pixel) for one in part.held.get_healpix_pixels()]
            stated = part.held.catalog_info.model_dump(mode="json")
            text = json.dumps([stated, pixels, part.schema.to_string()], sort_keys=True)
            facts[part.name or "rows"] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return facts


def open_collection(place: str) -> Collection:
    """Open a HATS collection, or a catalogue, in a folder or at an address that fsspec knows.

    An `InputError` says that a package is missing, or that there is none.
    """
    if find_spec("hats") is None:
        raise InputError(f"{place}: HATS needs the package 'lsdb': pip install 'transferz[lsdb]'")
    import hats
    from hats.catalog import Catalog, CatalogCollection

    try:
        held = hats.read_hats(place)
        if isinstance(held, CatalogCollection):
            return _collection(place, held)
        if not isinstance(held, Catalog):
            raise ValueError(f"it is a {type(held).__name__}, not a catalogue of objects")
        return Collection(place, (Part("", held),))
    except Exception as error:  # fsspec's file systems have each their own kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"can't open the catalogue {place}: {reason}; give the folder or the address of a HATS "
            "collection or catalogue that is whole"
        ) from error


def _collection(place: str, held: Any) -> Collection:
    """Take the primary catalogue and all margins; their folders are called as they are."""
    import hats

    properties = held.collection_properties
    parts = [Part(Path(properties.hats_primary_table_url).name, held.main_catalog)]
    for margin in properties.all_margins or []:
        path = held.resolve_inner_path(held.collection_path, margin, held.storage_options)
        parts.append(Part(Path(margin).name, hats.read_hats(path, single_catalog=True)))
    return Collection(place, tuple(parts), properties)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of a part.

    Rows of each leaf, by name, and of each pixel of the sky, at the part's `sky_order`.
    """

    rows: Mapping[str, int]
    sky: Mapping[int, int]


def close_part(part: Part, folder: Path, written: Written, schema: pa.Schema) -> None:
    """Write what makes a folder with leaves a catalogue; leaves without rows are removed first.

    `schema` is that of the leaves. The properties are the input's, but for what is counted.
    """
    import hats
    from hats.catalog import PartitionInfo
    from hats.io import paths

    folder.mkdir(parents=True, exist_ok=True)
    leaves = part.leaves()
    for leaf in leaves:
        if not written.rows[leaf.name]:
            (folder / leaf.name).unlink(missing_ok=True)
    pixels = {(leaf.order, leaf.pixel) for leaf in leaves if written.rows[leaf.name]}
    held = [one for one in part.held.get_healpix_pixels() if (one.order, one.pixel) in pixels]
    if held:
        hats.io.write_parquet_metadata(folder, create_per_partition_stats=True)
    else:
        (folder / "dataset").mkdir(exist_ok=True)
        for pointer in (paths.get_parquet_metadata_pointer, paths.get_common_metadata_pointer):
            pq.write_metadata(schema, str(pointer(folder)))
    info = PartitionInfo(held)
    info.write_to_file(folder / "partition_info.csv")
    changed = {
        "total_rows": sum(written.rows.values()),
        "hats_max_rows": _most(leaves, written.rows),
        "moc_sky_fraction": float(f"{info.calculate_fractional_coverage():.5g}"),
        "hats_order": info.get_highest_order() if held else None,
    }
    if part.held.catalog_info.catalog_type in ("object", "source") and written.sky:
        changed["skymap_order"] = part.sky_order
        _write_sky(folder, part, written.sky)
    if columns := part.held.catalog_info.default_columns:
        known = set(part.schema.names)
        changed["default_columns"] = [*columns, *(n for n in schema.names if n not in known)]
    stated = part.held.catalog_info.copy_and_update(**changed, **_made(folder))
    stated.to_properties_file(folder)


def close_collection(collection: Collection, folder: Path) -> None:
    """Write the properties of a collection whose parts are closed."""
    if collection.properties is None:
        return
    margins = [part.name for part in collection.parts[1:]]
    default = collection.properties.default_margin
    changed = {
        "hats_primary_table_url": collection.parts[0].name,
        "all_margins": margins or None,
        "default_margin": Path(default).name if default else None,
        "all_indexes": None,  # they say in which partition an id is, and rows may be left out
        "default_index": None,
        "all_extensions": None,
    }
    stated = collection.properties.model_copy(update=changed | _made(folder))
    stated.to_properties_file(folder)


def _most(leaves: Sequence[Leaf], rows: Mapping[str, int]) -> int:
    """Count the rows of the largest partition."""
    counts: dict[tuple[int, int], int] = {}
    for leaf in leaves:
        key = leaf.order, leaf.pixel
        counts[key] = counts.get(key, 0) + rows[leaf.name]
    return max(counts.values(), default=0)


def _write_sky(folder: Path, part: Part, sky: Mapping[int, int]) -> None:
    """Write the maps that count rows per pixel of the sky."""
    from hats.io import file_io, paths
    from hats.io.skymap import write_skymap
    from hats.pixel_math.sparse_histogram import SparseHistogram

    counts = SparseHistogram(list(sky), list(sky.values()), part.sky_order).to_array()
    file_io.write_fits_image(counts, paths.get_point_map_file_pointer(folder))
    orders = part.held.catalog_info.skymap_alt_orders
    write_skymap(histogram=counts, catalog_dir=folder, orders=orders)


def _made(folder: Path) -> dict[str, Any]:
    """Say who made a catalogue, when, and how large it is."""
    from hats.catalog.dataset.hats_properties import HatsProperties

    import transferz

    return HatsProperties.new_provenance_dict(folder, builder=f"transferz v{transferz.__version__}")
