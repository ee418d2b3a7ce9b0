"""What a benchmark run leaves: an entry for the leaderboard, and the forecasts behind it."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import transferz
from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.running import Cost, Ran
from transferz.baselines.benchmark.scoring import coverage_by_magnitude, score_set, score_transfer
from transferz.baselines.benchmark.task import Task, calibrated
from transferz.baselines.networks.hardware import default_threads, describe_hardware
from transferz.schemas.benchmark.entries import (
    ENTRY_FILE,
    FORECASTS_FILE,
    SCHEMA,
    Entry,
    rounded,
    write_entry,
)
from transferz.tables.files import replace_directory

PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")
"""Whose versions are recorded, where they were imported; the method's own package too."""

IMPORTED = {"scikit-learn": "sklearn"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A benchmark run.

    Attributes
    ----------
    entry : Entry
        Its record.
    forecasts : dict of str to SetForecasts
        Test set -> what was forecast.
    table : bytes
        The forecasts as a parquet file, whose hash is in the entry.
    """

    entry: Entry
    forecasts: dict[str, SetForecasts]
    table: bytes

    def write(self, directory: Path) -> None:
        """Write ``entry.yaml`` and ``forecasts.parquet``, all or nothing.

        Raises
        ------
        InputError
            Where the directory can't be written; an older one is then as it was.
        """
        with replace_directory(directory) as beside:
            (beside / FORECASTS_FILE).write_bytes(self.table)
            write_entry(beside / ENTRY_FILE, self.entry)


def make_outcome(
    method: Method, task: Task, ran: Ran, command: str, key: str | None = None
) -> Outcome:
    """Score a run and describe it.

    Parameters
    ----------
    method : Method
        What ran.
    task : Task
        On what.
    ran : Ran
        What it forecast.
    command : str
        That asked for it.
    key : str, optional
        What files are called by; by default as the method is.
    """
    table = forecasts_file(ran.forecasts)
    seeds = len(next(iter(ran.forecasts.values())).point)
    by_magnitude = {name: coverage_by_magnitude(one) for name, one in ran.forecasts.items()}
    known = {name: bins for name, bins in by_magnitude.items() if bins}
    transfer = [score_transfer(pair, one) for pair, one in ran.transfer.items()]
    learned = calibrated(task) if method.calibrates else task.learned
    entry = Entry.model_validate_json(
        _json(
            {
                "schema": SCHEMA,
                "method": _describe(method, key),
                "training": learned.model_dump(mode="json"),
                "bands": task.bands,
                "seeds": seeds,
                "data": task.data.model_dump(mode="json", by_alias=True, exclude_none=True),
                "scores": {name: score_set(one) for name, one in ran.forecasts.items()},
                "transfer": [one for one in transfer if one] or None,
                "by_magnitude": known or None,
                **_machine(ran.cost, calibrates=method.calibrates),
                "command": command,
                "packages": _packages(method),
                "transferz": transferz.__version__,
                "date": date.today().isoformat(),
                "forecasts": {
                    "file": FORECASTS_FILE,
                    "sha256": hashlib.sha256(table).hexdigest(),
                    "bytes": len(table),
                },
            }
        )
    )
    return Outcome(entry, ran.forecasts, table)


def forecasts_file(forecasts: Mapping[str, SetForecasts]) -> bytes:
    """Forecasts as a parquet file: a row per test set, seed and galaxy, in this order."""
    names = {name for one in forecasts.values() for name in one.columns}
    tables = [_long(name, one, names) for name, one in forecasts.items()]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.concat_tables(tables),
        sink,
        compression="zstd",
        use_dictionary=["config"],
        use_byte_stream_split=[n for n in tables[0].column_names if n not in _WHOLE],
        write_page_checksum=True,
    )
    return bytes(sink.getvalue())


_WHOLE = ("config", "object_id", "seed")


def _long(config: str, one: SetForecasts, names: set[str]) -> pa.Table:
    seeds, size = one.point.shape
    repeated: dict[str, Any] = {
        "object_id": one.object_id,
        "redshift": one.redshift,
        "i_mag": one.i_mag,
    }
    long = {name: np.tile(values, seeds) for name, values in repeated.items()}
    absent = np.full(one.point.shape, np.nan, np.float32)
    wide = {name: one.columns.get(name, absent).ravel() for name in sorted(names)}
    return pa.table(
        {
            "config": pa.array([config] * (seeds * size), pa.string()),
            "object_id": long["object_id"],
            "seed": np.repeat(np.arange(seeds, dtype=np.int16), size),
            "redshift": long["redshift"],
            "i_mag": long["i_mag"],
            "point": one.point.ravel(),
            **wide,
        }
    )


def _describe(method: Method, key: str | None) -> dict[str, Any]:
    said = {name: method.said(name) for name in ("version", "description", "citation", "code")}
    place = f"{method.kind.__module__}:{method.kind.__qualname__}"
    return {"key": key or method.key, "name": method.name, "class": place, **said}


def _machine(cost: Cost, *, calibrates: bool) -> dict[str, Any]:
    device = "cpu" if cost.gpu_peak_mb is None else "cuda"
    return {
        "hardware": describe_hardware(device),
        "device": device,
        "threads": default_threads(),
        "time": {
            "fit_s": cost.fit_s,
            "calibrate_s": cost.calibrate_s if calibrates else None,
            "predict_s": cost.predict_s,
        },
        "memory": {"peak_mb": cost.peak_mb, "gpu_peak_mb": cost.gpu_peak_mb},
    }


def _packages(method: Method) -> dict[str, str]:
    """Versions of what was imported, and of the method's own package where it is installed."""
    own = method.kind.__module__.split(".")[0]
    wanted = [name for name in PACKAGES if IMPORTED.get(name, name) in sys.modules]
    owners = metadata.packages_distributions().get(own, [])
    names = dict.fromkeys([*wanted, *owners])
    return {name: metadata.version(name) for name in names}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(rounded(content), allow_nan=False)
