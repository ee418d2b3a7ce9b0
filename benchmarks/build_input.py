"""The input of `build.py`: ingested tables of a small mock, tiled over the COSMOS field."""

import warnings
from collections.abc import Iterator
from itertools import islice, product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.dataset.ingest import ingest
from transferz.dataset.mock.build import MockParams, write_mock
from transferz.dataset.pipeline.params import read_params
from transferz.dataset.pipeline.stage import TABLE, Layout
from transferz.schemas import COSMOS2020

CATALOGUES = ("cosmos2020", "hsc", "galaxiesml")
FIRST_ID = 40_000_000_000_000_000  # HSC's ids are of this size
MARGIN = 5 / 3600  # deg between tiles: more than any radius


def make_input(rows: int, factor: float) -> dict[str, int]:
    """Write ingested tables of survey ``cosmos2020`` into the working directory.

    A mock of `factor` times the default's area is made and ingested; copies of it, moved on the
    sky and with ids of their own, fill the field until COSMOS2020 has `rows` rows. So the density
    on the sky is the mock's. GalaxiesML's other fields get the copies moved alike, denser than
    they are.

    Returns
    -------
    dict of str to int
        Rows by catalogue.
    """
    tables = small_tables(factor)
    tiles = -(-rows // tables["cosmos2020"].num_rows)
    shifts = list(islice(tile_shifts(tables), tiles))
    if len(shifts) < tiles:
        raise SystemExit(f"only {len(shifts)} of {tiles} tiles fit into the field; use fewer rows")
    sizes = {}
    for name in CATALOGUES:
        table = tiled(tables[name], identifiers(tables, name), shifts)
        table = table.slice(0, rows) if name == "cosmos2020" else table
        place = Layout("cosmos2020").interim("ingest", name)
        place.mkdir(parents=True)
        pq.write_table(table, place / TABLE, compression="zstd", write_page_checksum=True)
        sizes[name] = table.num_rows
    return sizes


def small_tables(factor: float) -> dict[str, pa.Table]:
    """Make a small mock and ingest it."""
    layout = Layout("mock")
    layout.raw.mkdir(parents=True)
    with warnings.catch_warnings(action="ignore"):
        write_mock(read_params("mock", MockParams).scaled(factor), layout.raw)
    for name in CATALOGUES:
        ingest(layout, name)
    return {name: pq.read_table(layout.interim("ingest", name) / TABLE) for name in CATALOGUES}


def tile_shifts(tables: dict[str, pa.Table]) -> Iterator[tuple[float, float]]:
    """Yield shifts in ra and dec, deg, that lay copies side by side in the field, row by row."""
    field = [(COSMOS2020[axis].minimum, COSMOS2020[axis].maximum) for axis in ("ra", "dec")]
    steps = []
    for axis, (low, high) in zip(("ra", "dec"), field, strict=True):
        values = np.concatenate([tables[name][axis].to_numpy() for name in CATALOGUES[:2]])
        size = np.ptp(values) + MARGIN
        copies = int((high - low - np.ptp(values)) / size)
        steps.append([low - values.min() + n * size for n in range(copies)])
    yield from product(*steps)


def identifiers(tables: dict[str, pa.Table], name: str) -> dict[str, np.ndarray]:
    """Ids of a catalogue, sorted, each once: HSC and GalaxiesML number an object alike."""
    key = "cosmos_id" if name == "cosmos2020" else "object_id"
    having = [name] if name == "cosmos2020" else CATALOGUES[1:]
    return {key: np.unique(np.concatenate([tables[one][key].to_numpy() for one in having]))}


def tiled(
    table: pa.Table, ids: dict[str, np.ndarray], shifts: list[tuple[float, float]]
) -> pa.Table:
    """Copies of a table, one per shift, with ids of their own."""
    copies = []
    for tile, (ra, dec) in enumerate(shifts):
        columns = {
            "ra": pa.array((table["ra"].to_numpy() + ra) % 360),
            "dec": pa.array(table["dec"].to_numpy() + dec),
        }
        for key, known in ids.items():
            number = np.searchsorted(known, table[key].to_numpy()) + tile * len(known)
            columns[key] = pa.array(FIRST_ID * (key == "object_id") + number + 1)
        if "specz_name" in table.column_names:
            name = table["specz_name"]
            columns["specz_name"] = pc.binary_join_element_wise(
                name, pa.scalar(f"tile{tile}", name.type), pa.scalar("/", name.type)
            )
        copy = table
        for label, values in columns.items():
            place = table.schema.get_field_index(label)
            copy = copy.set_column(place, table.schema.field(label), values)
        copies.append(copy)
    return pa.concat_tables(copies)
