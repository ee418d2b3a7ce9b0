"""A run of the baselines that never was: mock forecasts for a mock release, honestly scored.

Nothing is trained: forecasts are the labels with noise of each method's own. The scores are those
of `transferz.baselines.scores.evaluation`; the records say what `transferz train --out` says.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks.ensemble import Ensemble, Fit, Scaler
from transferz.baselines.networks.network import StackedNetworks
from transferz.baselines.networks.weights import save_ensemble
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.evaluation import Forecasts, evaluate
from transferz.schemas import MAGNITUDES
from transferz.schemas.survey.files import data_files
from transferz.schemas.survey.manifest import read_manifest

BIAS = {"nn_base": 0.02, "nn_tl": 0.004, "nn_combo": 0.005, "nn_spec": -0.002}
SCATTER = {"nn_base": 0.05, "nn_tl": 0.035, "nn_combo": 0.033, "nn_spec": 0.03}
WILD = {"nn_base": 0.08, "nn_tl": 0.05, "nn_combo": 0.055, "nn_spec": 0.045}
"""Of the mock forecasts on GalaxiesML: of dz, and the share that is anywhere."""

TESTED = ("transferz", "galaxiesml")
SCHEDULE = {
    "learning_rate": 5e-4,
    "batch_size": 100,
    "max_epochs": 1000,
    "patience": 10,
    "frozen": [],
}


def write_run(run: Path, release: Path, *, seeds: int = 3, galaxies: int | None = None) -> Path:
    """Write ``train`` and ``evaluate`` of the baselines, as the pipeline leaves them.

    The test splits are the release's or, where a number of `galaxies` is given, invented too.
    """
    tables = {
        config: invent_test(galaxies, number) if galaxies else read_test(release, config)
        for number, config in enumerate(TESTED)
    }
    for number, method in enumerate(METHODS):
        rng = np.random.default_rng([7, number])
        predicted = {
            config: forecast(rng, table["redshift"].to_numpy(), method, config, seeds)
            for config, table in tables.items()
        }
        folder = run / "evaluate" / method
        folder.mkdir(parents=True)
        rows = [forecast_rows(config, tables[config], predicted[config]) for config in TESTED]
        pq.write_table(pa.concat_tables(rows), folder / "forecasts.parquet")
        sets = {config: scores(tables[config], predicted[config]) for config in TESTED}
        write(folder / "scores.json", {"method": method, "seeds": seeds, "sets": sets})
        trained = record(method, release, seeds)
        write(run / "train" / method / "results.json", trained)
        save_ensemble(run / "train" / method / "model.safetensors", *model(trained))
    return run


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_test(release: Path, config: str) -> pa.Table:
    """A config's test split, with the true redshifts."""
    columns = ["object_id", "redshift", *MAGNITUDES]
    found, truth = (
        pa.concat_tables(pq.read_table(path) for path in data_files(release)[name]["test"])
        for name in (config, "truth")
    )
    known = dict(zip(truth["object_id"].to_pylist(), truth["redshift"].to_pylist(), strict=True))
    labels = found["redshift"].to_pylist()
    true = [known.get(i, z) for i, z in zip(found["object_id"].to_pylist(), labels, strict=True)]
    return found.select(columns).append_column("truth", pa.array(true, pa.float32()))


def invent_test(galaxies: int, seed: int) -> pa.Table:
    """A test split of galaxies that no release has."""
    rng = np.random.default_rng(seed)
    redshift = rng.gamma(2.0, 0.4, galaxies).clip(0.02, 4.0)
    columns = {"object_id": np.arange(galaxies), "redshift": redshift}
    columns |= {name: rng.normal(23.0, 1.5, galaxies) for name in MAGNITUDES}
    truth = redshift * rng.normal(1.0, 0.01, galaxies)
    types = dict.fromkeys(("redshift", *MAGNITUDES), pa.float32())
    table = pa.table({name: pa.array(one, types.get(name)) for name, one in columns.items()})
    return table.append_column("truth", pa.array(truth, pa.float32()))


def forecast(
    rng: np.random.Generator, redshift: Any, method: str, config: str, seeds: int
) -> np.ndarray:
    """Labels with noise; on TransferZ it is the other methods that are off."""
    worse = 1.0 if config == "galaxiesml" else 1.6
    bias = BIAS[method] if config == "galaxiesml" else 0.02 - 0.8 * BIAS[method]
    shifts = bias + 0.002 * rng.normal(size=(seeds, 1))
    common = worse * SCATTER[method] * rng.standard_t(4, redshift.size)
    own = 0.01 * rng.normal(size=(seeds, redshift.size))
    predicted = redshift + (shifts + common + own) * (1.0 + redshift)
    wild = rng.random(redshift.size) < worse * WILD[method] * np.minimum(redshift / 1.2, 1.5)
    return np.where(wild, rng.uniform(0.0, 3.5, redshift.size), predicted).clip(-0.05, 5.0)


def forecast_rows(config: str, table: pa.Table, predicted: np.ndarray) -> pa.Table:
    columns = {"config": np.full(len(table), config)}
    columns |= {name: table[name] for name in ("object_id", "redshift", "truth", *MAGNITUDES)}
    columns |= {f"seed_{k}": row.astype(np.float32) for k, row in enumerate(predicted)}
    return pa.table(columns)


def scores(table: pa.Table, predicted: np.ndarray) -> dict[str, Any]:
    magnitudes = np.column_stack([table[name].to_numpy() for name in MAGNITUDES])
    redshift, truth = (table[name].to_numpy().astype(float) for name in ("redshift", "truth"))
    return evaluate(Forecasts(predicted, redshift, magnitudes, MAGNITUDES, truth), Draws(10))


def model(trained: dict[str, Any]) -> tuple[Any, ...]:
    """Untrained networks that say they were trained as the record has it."""
    fits = tuple(Fit(**fit) for fit in trained["training"])
    networks = StackedNetworks.from_seeds(len(MAGNITUDES), range(len(fits)))
    scaler = Scaler(np.zeros(len(MAGNITUDES)), np.ones(len(MAGNITUDES)))
    names = ("method", "source", "schedule", "start")
    provenance = {name: trained[name] for name in names}
    return Ensemble(networks, scaler, fits), MAGNITUDES, provenance


def record(method: str, release: Path, seeds: int) -> dict[str, Any]:
    """What ``transferz train --out`` writes beside the weights."""
    manifest, one = read_manifest(release), METHODS[method]
    said = {name: manifest[name] for name in ("survey", "mock", "content")}
    fits = [
        {"seed": k, "epochs": 30 + k, "best_epoch": 20 + k, "validation_loss": 0.1}
        for k in range(seeds)
    ]
    start = None
    if one.start:
        source = {"release": said, "config": METHODS[one.start].config}
        start = {"method": one.start, "source": source, "schedule": SCHEDULE, "start": None}
    return {
        "method": method,
        "source": {"release": said | {"version": manifest["version"]}, "config": one.config},
        "schedule": SCHEDULE,
        "start": start,
        "tf32": False,
        "bands": list(MAGNITUDES),
        "galaxies": {"train": 1, "validation": 1, "test": 1},
        "device": "cpu",
        "hardware": {"cpu": "a mock processor", "cores": "2"},
        "threads": 2,
        "packages": {"numpy": "2.0.0", "torch": "2.5.0"},
        "command": f"transferz train {method} --seeds {seeds}",
        "training": fits,
        "duration_s": 12.3,
        "scores": {},
    }
