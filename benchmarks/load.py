"""A release as training data: ours against the DataLoader of Hugging Face datasets and pyarrow.

Two things are timed, on a mock release of TransferZ's size that is written for it:

- release directory -> arrays in memory: `transferz.to_torch` against ``pyarrow.parquet.read_table``
  and numpy, both reading the same 12 columns with everything imported beforehand;
- one epoch in batches of 512 rows (magnitudes, errors, redshift): slices of those tensors against
  ``torch.utils.data.DataLoader`` over the dataset with torch format, and against the fastest way
  that `datasets` has, ``iter(batch_size=512)``.

Run as ``python benchmarks/load.py [--quick]``.
"""

import argparse
import contextlib
import io
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import transferz
from transferz.dataset.pipeline.tables import write_parquet
from transferz.schemas import BANDS, CONFIGS, ERRORS, MAGNITUDES, RELEASE
from transferz.schemas.survey.derived import feature_list
from transferz.schemas.survey.files import (
    CARD_FILE,
    MANIFEST_FILE,
    SPLIT_FILE,
    file_digest,
    json_text,
)
from transferz.schemas.survey.frames import arrow_schema

ROWS, BATCH = 116_000, 512
SPLIT = "train"
SEED = 7
COLUMNS = ["object_id", "redshift", *MAGNITUDES, *ERRORS]


def write_release(place: Path) -> Path:
    """Write a mock release with one split of one config, files as the pipeline writes them."""
    rng = np.random.default_rng(SEED)
    values: dict[str, Any] = {
        "object_id": np.arange(ROWS) + 4 * 10**16,
        "ra": rng.uniform(149.4, 150.8, ROWS),
        "dec": rng.uniform(1.6, 2.8, ROWS),
        "redshift_kind": ["photometric"] * ROWS,
        "cosmos_id": np.arange(ROWS),
        "specz_name": pa.nulls(ROWS, pa.string()),
        "group_id": np.arange(ROWS) + 4 * 10**16,
    }
    values |= {name: rng.normal(23.0, 1.5, ROWS) for name in MAGNITUDES}
    values |= {name: rng.lognormal(-4.0, 0.8, ROWS) for name in ERRORS}
    values |= dict.fromkeys(["redshift", "redshift_lo", "redshift_hi"], rng.gamma(2.0, 0.5, ROWS))
    schema = arrow_schema(RELEASE).remove_metadata()
    arrays = [pa.array(values[field.name]).cast(field.type) for field in schema]
    config = place / CONFIGS[0]
    config.mkdir(parents=True)
    path = config / SPLIT_FILE.format(split=SPLIT)
    write_parquet([pa.Table.from_arrays(arrays, schema=schema)], path, schema)
    front = {
        "configs": [{"config_name": CONFIGS[0], "data_files": f"{CONFIGS[0]}/{SPLIT}-*.parquet"}],
        "dataset_info": [{"config_name": CONFIGS[0], "features": feature_list(RELEASE)}],
    }
    (place / CARD_FILE).write_text(f"---\n{json_text(front)}---\n", encoding="utf-8")
    files = {path.relative_to(place).as_posix(): file_digest(path)}
    manifest = {"name": "transferz", "version": "2.0.0+mock", "survey": "mock", "mock": True}
    (place / MANIFEST_FILE).write_text(json_text(manifest | {"files": files}), encoding="utf-8")
    return place


def ours(place: Path) -> transferz.Tensors:
    """Release directory -> tensors, by `transferz.to_torch`."""
    with contextlib.redirect_stderr(io.StringIO()):  # says which release it is
        return transferz.to_torch(place, BANDS, split=SPLIT)


def pyarrow_alone(place: Path) -> dict[str, np.ndarray]:
    """Release directory -> an array per column, by pyarrow and numpy."""
    path = place / CONFIGS[0] / SPLIT_FILE.format(split=SPLIT)
    table = pq.read_table(path, columns=COLUMNS)
    return {name: table[name].to_numpy() for name in COLUMNS}


def epoch_of_slices(tensors: transferz.Tensors) -> float:
    """Go once through all rows; return their sum, so that every number is looked at."""
    total, rows = 0.0, len(tensors.redshift)
    for start in range(0, rows, BATCH):
        stop = start + BATCH
        features, errors = tensors.features[start:stop], tensors.errors[start:stop]
        total += sum_of(features, errors, tensors.redshift[start:stop])
    return total


def sum_of(features: torch.Tensor, errors: torch.Tensor, redshift: torch.Tensor) -> float:
    """What is done with a batch in every epoch here: all of it is read."""
    return float(features.sum() + errors.sum() + redshift.sum())


def epoch_of_loader(data: datasets.Dataset) -> float:
    """Do the same with a DataLoader over a dataset with torch format."""
    return epoch_of_batches(torch.utils.data.DataLoader(data, batch_size=BATCH))


def epoch_of_batches(batches: Iterable[dict[str, torch.Tensor]]) -> float:
    """Put the columns of each batch side by side, as a network takes them, and sum them."""
    total = 0.0
    for batch in batches:
        features = torch.stack([batch[name] for name in MAGNITUDES], dim=1)
        errors = torch.stack([batch[name] for name in ERRORS], dim=1)
        total += sum_of(features, errors, batch["redshift"])
    return total


def median_of(repeats: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """Median wall time in seconds, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def alternately(
    repeats: int, first: Callable[[], Any], second: Callable[[], Any]
) -> tuple[float, float]:
    """Median wall times of two things done in turns, so that both meet the same disturbances."""
    pairs = [(median_of(1, first)[0], median_of(1, second)[0]) for _ in range(repeats)]
    one, other = zip(*pairs, strict=True)
    return statistics.median(one), statistics.median(other)


def require_equal(tensors: transferz.Tensors, place: Path, data: datasets.Dataset) -> None:
    """All three must have read the same rows."""
    arrays = pyarrow_alone(place)
    np.testing.assert_array_equal(tensors.object_id, arrays["object_id"])
    for position, name in enumerate(MAGNITUDES):
        np.testing.assert_array_equal(tensors.features[:, position], arrays[name])
        np.testing.assert_array_equal(data[:BATCH][name], arrays[name][:BATCH])


def measure(place: Path, cache: Path, quick: bool) -> dict[str, float]:
    """Time everything; seconds by name, and the peak memory before `datasets` loads."""
    tensors, _ = ours(place), pyarrow_alone(place)  # warm: files cached, threads started
    load_s, pyarrow_s = alternately(
        25 if quick else 101, lambda: ours(place), lambda: pyarrow_alone(place)
    )
    slices_s, seen = median_of(25 if quick else 101, lambda: epoch_of_slices(tensors))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    datasets.disable_progress_bars()
    stock = datasets.load_dataset(str(place), split=SPLIT, cache_dir=str(cache))
    data = stock.with_format("torch", columns=COLUMNS[1:])
    require_equal(tensors, place, data)
    repeats = 1 if quick else 3
    loader_s, also_seen = median_of(repeats, lambda: epoch_of_loader(data))
    iter_s, seen_too = median_of(3, lambda: epoch_of_batches(data.iter(batch_size=BATCH)))
    np.testing.assert_allclose([also_seen, seen_too], seen, rtol=1e-5)  # stacked: other rounding
    return {
        "load_s": load_s,
        "pyarrow_s": pyarrow_s,
        "slices_s": slices_s,
        "loader_s": loader_s,
        "iter_s": iter_s,
        "peak_mb": peak_mb,
    }


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, under 45 s")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        place = write_release(Path(folder) / "transferz")
        found = measure(place, Path(folder) / "cache", quick)
    print(f"{ROWS:,} mock rows, {len(BANDS)} bands with errors, redshift; batches of {BATCH}")
    rows = [
        ("directory -> tensors, transferz.to_torch", found["load_s"]),
        ("directory -> arrays, pyarrow and numpy", found["pyarrow_s"]),
        ("one epoch, slices of the tensors", found["slices_s"]),
        ("one epoch, DataLoader over torch format", found["loader_s"]),
        ("one epoch, datasets' iter() of batches", found["iter_s"]),
    ]
    for name, seconds in rows:
        print(f"{name:<42}{seconds * 1e3:10.2f} ms{ROWS / seconds / 1e6:10.3f} M rows/s")
    figures = {
        "name": "load",
        "ours_s": round(found["slices_s"], 6),
        "reference": "HF DataLoader with torch format, one epoch",
        "reference_s": round(found["loader_s"], 3),
        "ratio": round(found["loader_s"] / found["slices_s"], 1),
        "peak_mb": round(found["peak_mb"]),
        "ours_rows_per_s": round(ROWS / found["slices_s"]),
        "reference_rows_per_s": round(ROWS / found["loader_s"]),
        "iter_s": round(found["iter_s"], 4),
        "iter_ratio": round(found["iter_s"] / found["slices_s"], 1),
        "ratio_with_load": round(found["loader_s"] / (found["load_s"] + found["slices_s"]), 1),
        "load_s": round(found["load_s"], 5),
        "pyarrow_s": round(found["pyarrow_s"], 5),
        "load_over_pyarrow": round(found["load_s"] / found["pyarrow_s"], 2),
        "rows": ROWS,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
