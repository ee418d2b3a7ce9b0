"""Small HATS collections, written by stock LSDB, a model to apply to them, and readers."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.baselines.networks.ensemble import MODEL_FILE, Ensemble, Fit, Scaler, ensemble_bytes
from transferz.baselines.networks.network import StackedNetworks

BANDS = ("g", "r", "i")
COUNT = 240


def write_model(folder, seeds=(0, 3)):
    networks = StackedNetworks.from_seeds(len(BANDS), seeds).eval().requires_grad_(False)
    scaler = Scaler(np.full(len(BANDS), 18.0), np.full(len(BANDS), 27.0))
    fits = tuple(Fit(seed, 1, 1, 0.5) for seed in seeds)
    folder.mkdir()
    content = ensemble_bytes(Ensemble(networks, scaler, fits), BANDS, {"method": "nn_spec"})
    (folder / MODEL_FILE).write_bytes(content)
    return folder


def galaxies(missing=()):
    """Text ids of which some are null, whole numbers with nulls, magnitudes without errors."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "name": pd.array([None if k % 50 == 9 else f"n{k}" for k in range(COUNT)]),
            "number": pd.array([None if k % 7 == 0 else 2**53 + k for k in range(COUNT)], "Int64"),
            "row": np.arange(COUNT),
            "ra": rng.uniform(149.0, 155.0, COUNT),
            "dec": rng.uniform(1.0, 7.0, COUNT),
            **{band: rng.uniform(18, 27, COUNT).astype(np.float32) for band in BANDS},
        }
    )
    for row, band in missing:
        frame.loc[row, band] = np.nan
    return frame


def write_collection(frame, place, rows, margin=600.0):
    """A collection of partitions of at most so many rows, with light curves nested in each row."""
    import lsdb
    from nested_pandas import NestedFrame

    rng = np.random.default_rng(5)
    points = pd.DataFrame(
        {"mjd": rng.uniform(0, 1, 3 * len(frame)), "mag": rng.uniform(18, 27, 3 * len(frame))},
        index=np.repeat(frame.index, 3),
    )
    nested = NestedFrame(frame).join_nested(points, "curve")
    sky = lsdb.from_dataframe(
        nested, partition_rows=rows, margin_threshold=margin, catalog_name="sky"
    )
    sky.write_catalog(place, catalog_name="sky", progress_bar=False)
    return place


def leaves(place):
    """Every file with rows, by its path in a catalogue."""
    found = sorted(place.rglob("Norder=*/Dir=*/Npix=*"))
    return {str(path.relative_to(place)): path for path in found}


def read(place):
    """All rows of a catalogue or of a part, in the order of `row`."""
    tables = [pq.ParquetFile(path).read() for path in leaves(place).values()]
    return pa.concat_tables(tables).sort_by("row")
