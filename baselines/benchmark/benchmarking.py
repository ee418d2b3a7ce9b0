"""Any photo-z method, trained and scored, in one call.

A run leaves an entry, the forecasts behind it, and perhaps a model to apply.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import transferz
from transferz.baselines.benchmark.forecasts import SetForecasts, forecasts_file
from transferz.baselines.benchmark.loading import Kept, Method, load_method
from transferz.baselines.benchmark.running import Cost, Ran, Report, run_method
from transferz.baselines.benchmark.scoring import coverage_by_magnitude, score_set, score_transfer
from transferz.baselines.benchmark.task import Task, calibrated, from_release
from transferz.baselines.networks import MODEL_FILE
from transferz.baselines.networks.environment import default_threads, describe_hardware
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.entries import (
    ENTRY_FILE,
    FORECASTS_FILE,
    SCHEMA,
    Entry,
    rounded,
    write_entry,
)
from transferz.schemas.errors import InputError, ParameterError
from transferz.tables.files import replace_directory

SEEDS = 5
"""Trainings of a method (our choice: enough for a spread, few enough for slow methods)."""

COMMAND = "transferz.baselines.benchmark.benchmarking.benchmark(...)"

PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")
"""Whose versions are recorded, where they were imported; the method's own package too."""

IMPORTED = {"scikit-learn": "sklearn"}

RUN_FILES = frozenset({ENTRY_FILE, FORECASTS_FILE, MODEL_FILE, "results.json"})
"""What a run's folder holds; the last is an older `transferz train`'s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A benchmark run."""

    entry: Entry  # its record
    forecasts: dict[str, SetForecasts]  # test set -> what was forecast
    table: bytes  # the forecasts as a parquet file, whose hash is in the entry
    kept: Kept | None = None  # what was trained, of a method that can be kept
    fitted: list[Any] = field(default_factory=list)  # the trained methods, one per seed

    @property
    def files(self) -> tuple[str, ...]:
        """What `write` writes."""
        model = (self.kept.file,) if self.kept and self.kept.model else ()
        return (ENTRY_FILE, FORECASTS_FILE, *model)

    def write(self, directory: Path) -> None:
        """Write ``entry.yaml``, ``forecasts.parquet`` and, of networks, the model, all or nothing.

        Where the directory can't be written an InputError says so; an older one is as it was.
        """
        with replace_directory(directory) as beside:
            if self.kept:
                self.kept.write(beside)
            (beside / FORECASTS_FILE).write_bytes(self.table)
            write_entry(beside / ENTRY_FILE, self.entry)


def benchmark(
    method: str | type[Any] | Method,
    data: Release | Task | None = None,
    *,
    train: str | None = None,
    seeds: int = SEEDS,
    bands: Sequence[str] | None = None,
    allow_missing: bool = False,
    key: str | None = None,
    command: str = COMMAND,
    report: Report = lambda text: None,
) -> Outcome:
    """Train a method on a release, once per seed, and score it on both test splits.

    Parameters
    ----------
    method : str or type
        A class, ``package.module:Class``, or the name of an installed method. A method has
        ``fit(train, validation, *, seed)`` and ``predict(table) -> Prediction``; it may have
        ``calibrate(calibration)`` and ``fit_seeds(train, validation, *, seeds)``.
    data : Release or Task, optional
        What to run on; the release found by default.
    train : str, optional
        ``transferz``, ``galaxiesml``, ``combo``, ``transferz+galaxiesml`` or a file in a release's
        columns; by default what the method asks for.
    seeds : int
        Trainings, seeds 0 to seeds - 1.
    bands : sequence of str, optional
        Letters of the bands that the method gets; all by default.
    allow_missing : bool
        Whether galaxies may lack a forecast; the others are then scored.
    key : str, optional
        What files are called by; by default as the method is.
    command : str
        What the record says that was run.
    report : callable
        Takes a line on what is being done.

    Returns
    -------
    Outcome
        The entry with its scores, and the forecasts.

    Raises
    ------
    TransferZError
        Where method, training set, bands or forecasts are not what they should be.
    """
    if seeds < 1:
        raise ParameterError(f"seeds: expected at least 1, found {seeds}")
    if isinstance(data, Task) and (train or bands):
        raise ParameterError("train and bands choose from a release; a Task has chosen already")
    plugin = method if isinstance(method, Method) else load_method(method)
    if isinstance(data, Task):
        task = data
    else:
        release, learned = data or find_release(), train or plugin.train
        task = from_release(release, learned, bands, calibrates=plugin.calibrates)
    ran = run_method(plugin, task, range(seeds), allow_missing=allow_missing, report=report)
    report(f"{plugin.name}: scoring")
    return make_outcome(plugin, task, ran, command, key)


def make_outcome(
    method: Method, task: Task, ran: Ran, command: str, key: str | None = None
) -> Outcome:
    """Score a run and describe it; `command` asked for it, `key` is what files are called by."""
    table, kept = forecasts_file(ran.forecasts), method.keep(ran.fitted, task.columns, task.source)
    by_magnitude = {name: coverage_by_magnitude(one) for name, one in ran.forecasts.items()}
    transfer = [score_transfer(pair, one) for pair, one in ran.transfer.items()]
    learned = calibrated(task) if method.calibrates else task.learned
    content = {
        "schema": SCHEMA,
        "method": method.describe(key).model_dump(by_alias=True, exclude_unset=True),
        "training": learned.model_dump(mode="json"),
        "bands": task.bands,
        "seeds": len(ran.fitted),
        "data": task.data.model_dump(mode="json", by_alias=True, exclude_none=True),
        "scores": {name: score_set(one) for name, one in ran.forecasts.items()},
        "transfer": [one for one in transfer if one] or None,
        "by_magnitude": {name: bins for name, bins in by_magnitude.items() if bins} or None,
        **({"networks": kept.networks} if kept else {}),
        **_machine(ran.cost, calibrates=method.calibrates),
        "command": command,
        "packages": _packages(method),
        "transferz": transferz.__version__,
        "date": date.today().isoformat(),
        "forecasts": _file_facts(FORECASTS_FILE, table),
    }
    if kept and kept.model:
        content["model"] = _file_facts(kept.file, kept.model)
    entry = Entry.model_validate_json(json.dumps(rounded(content), allow_nan=False))
    return Outcome(entry, ran.forecasts, table, kept, ran.fitted)


def _file_facts(name: str, content: bytes) -> dict[str, Any]:
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _machine(cost: Cost, *, calibrates: bool) -> dict[str, Any]:
    device, torch = "cpu" if cost.gpu_peak_mb is None else "cuda", sys.modules.get("torch")
    calibrate_s = cost.calibrate_s if calibrates else None
    return {
        "hardware": describe_hardware(device),
        "device": device,
        "threads": torch.get_num_threads() if torch else default_threads(),
        "time": {"fit_s": cost.fit_s, "calibrate_s": calibrate_s, "predict_s": cost.predict_s},
        "memory": {"peak_mb": cost.peak_mb, "gpu_peak_mb": cost.gpu_peak_mb},
    }


def _packages(method: Method) -> dict[str, str]:
    """Versions of what was imported, and of the method's own package where it is installed."""
    own = method.kind.__module__.split(".")[0]
    wanted = [name for name in PACKAGES if IMPORTED.get(name, name) in sys.modules]
    owners = metadata.packages_distributions().get(own, [])
    names = dict.fromkeys([*wanted, *owners])
    return {name: metadata.version(name) for name in names}


def check_folder(directory: Path, *, replace: bool) -> None:
    """Refuse an output directory that holds something, before any work, and make its parent.

    With `replace` an older run may be there, and nothing else; all else is an InputError.
    """
    try:
        if directory.exists():
            ours = directory.is_dir() and {path.name for path in directory.iterdir()} <= RUN_FILES
            if not (replace and ours):
                remedy = ": it holds more than a run" if replace else ", or give --replace"
                raise InputError(
                    f"--out {directory} exists already; remove it or name another{remedy}"
                )
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't write to --out {directory}: {error}") from None
