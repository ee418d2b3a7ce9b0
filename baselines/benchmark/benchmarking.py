"""Any photo-z method, trained and scored, in one call.

A run leaves an entry, the forecasts behind it, and perhaps a model to apply.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import transferz
from transferz.baselines.benchmark.calling import MethodError, is_about_a_label
from transferz.baselines.benchmark.forecasts import SetForecasts, forecasts_file
from transferz.baselines.benchmark.limits import TimeLimit
from transferz.baselines.benchmark.loading import Kept, Method, load_method
from transferz.baselines.benchmark.resuming import FinishedSeeds
from transferz.baselines.benchmark.running import Cost, Ran, Report, run_method
from transferz.baselines.benchmark.scoring import (
    score_set,
    score_transfer,
    scored_parts,
    scores_text,
)
from transferz.baselines.benchmark.task import FEW, Task, calibrated, from_release
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
from transferz.schemas.benchmark.scores import EntryScores
from transferz.schemas.errors import (
    InputError,
    ParameterError,
    TransferZError,
    without_credentials,
)
from transferz.tables.files import only_writer, replace_directory
from transferz.tables.printing import printable

SEEDS = 5
"""Trainings of a method (our choice: enough for a spread, few enough for slow methods)."""

MOST_SEEDS = TRIAL_SEED = 10_000
"""Of a run (our choice): the files of forecasts number seeds in 16 bits. A trial has the seed that
no run has, so that a method which keeps what it trained by its seed does not take that for more."""

COMMAND = "transferz.baselines.benchmark.benchmarking.benchmark(...)"

PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")
"""Whose versions are recorded, where they were imported; the method's own package too."""

IMPORTED = {"scikit-learn": "sklearn"}

REPORT_FILE = "report.html"
"""The page about a run, see `transferz.baselines.leaderboard.reporting`."""

RUN_FILES = frozenset({ENTRY_FILE, FORECASTS_FILE, MODEL_FILE, REPORT_FILE, "results.json"})
"""What a run's folder holds; the last is an older `transferz train`'s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A benchmark run."""

    entry: Entry  # its record
    forecasts: dict[str, SetForecasts]  # test set -> what was forecast
    table: bytes  # the forecasts as a parquet file, whose hash is in the entry
    kept: Kept | None = None  # what was trained, of a method that can be kept
    # the trained methods, one per seed that was trained in this run
    fitted: list[Any] = field(default_factory=list)
    finished: FinishedSeeds | None = None  # where seeds are kept until it is written
    report: str = ""  # the page about it, if there is to be one

    @property
    def files(self) -> tuple[str, ...]:
        """What `write` writes."""
        model = (self.kept.file,) if self.kept and self.kept.model else ()
        return (ENTRY_FILE, FORECASTS_FILE, *model, *([REPORT_FILE] if self.report else ()))

    def write(self, directory: Path) -> None:
        """Write ``entry.yaml``, ``forecasts.parquet``, a model and a report, all or nothing.

        The model is of networks, the report where there is one. Where the directory can't be
        written an InputError says so; an older one is as it was.
        """
        with replace_directory(directory) as beside:
            if self.kept:
                self.kept.write(beside)
            (beside / FORECASTS_FILE).write_bytes(self.table)
            write_entry(beside / ENTRY_FILE, self.entry)
            if self.report:
                (beside / REPORT_FILE).write_text(self.report, encoding="utf-8", newline="\n")
        if self.finished:
            self.finished.remove()


def benchmark(
    method: Any,
    data: Release | Task | None = None,
    *,
    train: str | None = None,
    seeds: int = SEEDS,
    bands: Sequence[str] | None = None,
    allow_missing: bool = False,
    key: str | None = None,
    command: str = COMMAND,
    report: Report = lambda text: None,
    out: Path | None = None,
    time_limit: float | None = None,
) -> Outcome:
    """Train a method on a release, once per seed, and score it on both test splits.

    What can be known beforehand is checked first, and the method is tried out on a few hundred
    galaxies, so that a mistake does not cost a training.

    Parameters
    ----------
    method : str, type, function, estimator or Method
        A class, a function that returns a method, a regressor of scikit-learn's,
        ``package.module:Name`` of one of these, or the name of an installed method; with settings,
        what `transferz.baselines.benchmark.loading.load_method` returns. A method has
        ``fit(train, validation, *, seed)`` and ``predict(table) -> Prediction``; it may have
        ``calibrate(calibration)`` and ``fit_seeds(train, validation, *, seeds)``, and state what
        `transferz.baselines.benchmark.loading.Stated` has.
    data : Release or Task, optional
        What to run on; the release found by default.
    train : str, optional
        A config of the release, its role (``label``, ``spectroscopic``, ``union``), both kinds as
        ``label+spectroscopic``, or a file in the release's columns; by default what the method asks
        for, or else all that there is.
    seeds : int
        Trainings, seeds 0 to seeds - 1.
    bands : sequence of str, optional
        Names of the bands that the method gets; all by default.
    allow_missing : bool
        Whether galaxies may lack a forecast; the others are then scored.
    key : str, optional
        What files are called by; by default as the method is.
    command : str
        What the record says that was run.
    report : callable
        Takes a line on what is being done.
    out : Path, optional
        Where the outcome is to be written, by `Outcome.write`: seeds that are finished are kept
        beside it until then, in ``<out>.seeds``, and a run that failed goes on from there.
    time_limit : float, optional
        Seconds for the trial, training and forecasts together; see
        `transferz.baselines.benchmark.limits.TimeLimit`. A MethodError says where it is over.

    Returns
    -------
    Outcome
        The entry with its scores, and the forecasts.

    Raises
    ------
    TransferZError
        Where method, training set, bands or forecasts are not what they should be.

    Examples
    --------
    >>> outcome = benchmark("median", seeds=1)
    >>> sorted(outcome.forecasts), outcome.entry.method.name
    (['galaxiesml', 'transferz'], 'Training median')
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise ParameterError(f"seeds: expected 1 to {MOST_SEEDS:,}, found {seeds}")
    if isinstance(data, Task) and (train or bands):
        raise ParameterError("train and bands choose from a release; a Task has chosen already")
    plugin = method if isinstance(method, Method) else load_method(method)
    if isinstance(data, Task):
        task = data
    else:
        release, learned = data or find_release(), train or plugin.train
        task = from_release(release, learned, bands, calibrates=plugin.calibrates)
    plugin.describe(key)
    if plugin.stated.deterministic and seeds > 1:
        report(f"{plugin.name} is deterministic: it is trained once")
        seeds = 1
    limit = TimeLimit(time_limit)
    if plugin.stated.trial and len(task.training) > FEW:
        report(f"{plugin.name}: a trial on {FEW} galaxies")
        try_out(plugin, task, limit, allow_missing=allow_missing)
    finished = FinishedSeeds.of(out, plugin, task) if out else None
    with _says_what_is_kept(finished, report):
        ran = run_method(
            plugin,
            task,
            range(seeds),
            allow_missing=allow_missing,
            report=report,
            finished=finished,
            limit=limit,
        )
        if seeds > 1 and all(map(_is_repeated, ran.forecasts.values())):
            report(
                f"{plugin.name}: all seeds forecast the same; a method that no seed changes says "
                "deterministic = True, and is trained once"
            )
        report(f"{plugin.name}: scoring")
        return replace(make_outcome(plugin, task, ran, command, key), finished=finished)


@contextlib.contextmanager
def _says_what_is_kept(finished: FinishedSeeds | None, report: Report) -> Iterator[None]:
    """Add to what goes wrong which seeds are kept, so that the same command goes on from there."""
    try:
        yield
    except (TransferZError, KeyboardInterrupt) as error:
        if not finished or not (kept := finished.seeds):
            raise
        note = (
            f"seeds that are kept in {finished.folder}: {', '.join(map(str, kept))}; the same "
            "command goes on from there"
        )
        if isinstance(error, KeyboardInterrupt):
            report(note)
            raise
        raise type(error)(f"{error}\n{note}", **error.options) from error.__cause__


def _is_repeated(forecasts: SetForecasts) -> bool:
    """Whether all seeds have the same points."""
    point = forecasts.point
    return np.array_equal(point, np.broadcast_to(point[:1], point.shape), equal_nan=True)


def try_out(
    method: Method, task: Task, limit: TimeLimit | None = None, *, allow_missing: bool = False
) -> str:
    """Train, forecast and score a few galaxies, so that a mistake is found before it costs much.

    A run is not changed by it: these are other instances, and their surroundings are forgotten.
    Returned is what came of it, for people. A MethodError says what went wrong; what a run refuses
    is refused, galaxies without a forecast too unless they are allowed.
    """
    seeds = [TRIAL_SEED]
    try:
        with method.surroundings.apart():
            ran = run_method(method, task.few(), seeds, allow_missing=allow_missing, limit=limit)
            method.keep(ran.fitted, task.columns, task.source)
        forecasts_file(ran.forecasts)
        scores = {
            name: EntryScores.model_validate_json(json.dumps(rounded(score_set(one))))
            for name, one in ran.forecasts.items()
        }
    except MethodError as error:
        # A column that is not there is not there for more galaxies either.
        few = " A class that can't learn from so few says so: trial = False."
        remedy = "" if is_about_a_label(error.__cause__) else few
        raise MethodError(
            f"{error}\n(This was a trial on {FEW} galaxies, before training.{remedy})",
            **error.options,
        ) from error.__cause__
    mock = " MOCK galaxies, not real ones." if getattr(task.data, "mock", False) else ""
    cost, whole = ran.cost, len(task.training)
    return (
        f"{method.name}: tried out on {min(FEW, whole)} of {whole:,} galaxies to learn from "
        f"({task.learned.set}).{mock}\nTraining {cost.fit_s:.1f} s, forecasts {cost.predict_s:.1f} "
        f"s, {cost.peak_mb:,.0f} MB. It runs; scores on so few galaxies say little of it.\n\n"
        f"{scores_text(scores)}"
    )


def make_outcome(
    method: Method, task: Task, ran: Ran, command: str, key: str | None = None
) -> Outcome:
    """Score a run and describe it; `command` asked for it, `key` is what files are called by."""
    table, kept = forecasts_file(ran.forecasts), method.keep(ran.fitted, task.columns, task.source)
    transfer = [score_transfer(pair, one) for pair, one in ran.transfer.items()]
    learned = calibrated(task) if method.calibrates else task.learned
    content = {
        "schema": SCHEMA,
        "training": learned.model_dump(mode="json"),
        "bands": task.bands,
        "seeds": max(len(one.point) for one in ran.forecasts.values()),
        "data": task.data.model_dump(mode="json", by_alias=True, exclude_none=True),
        **scored_parts(ran.forecasts),
        "transfer": [one for one in transfer if one] or None,
        **({"networks": kept.networks} if kept else {}),
        **_machine(method, ran.cost),
        "command": printable(without_credentials(command)),
        "packages": _packages(method),
        "transferz": transferz.__version__,
        "date": date.today().isoformat(),
        "forecasts": content_facts(FORECASTS_FILE, table),
    }
    if kept and kept.model:
        content["model"] = content_facts(kept.file, kept.model)
    said = method.describe(key, task).model_dump(by_alias=True, exclude_unset=True)
    record = rounded(content) | {"method": said}  # its settings as they are
    entry = Entry.model_validate_json(json.dumps(record, allow_nan=False))
    return Outcome(entry, ran.forecasts, table, kept, ran.fitted)


def content_facts(name: str, content: bytes) -> dict[str, Any]:
    """Describe a file of a run, for its entry: ``file``, ``sha256`` and ``bytes``."""
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _machine(method: Method, cost: Cost) -> dict[str, Any]:
    device, torch = "cpu" if cost.gpu_peak_mb is None else "cuda", sys.modules.get("torch")
    calibrate_s = cost.calibrate_s if method.calibrates else None
    with method.surroundings.entered():
        threads = torch.get_num_threads() if torch else default_threads()
    return {
        "hardware": describe_hardware(device),
        "device": device,
        "threads": threads,
        "time": {"fit_s": cost.fit_s, "calibrate_s": calibrate_s, "predict_s": cost.predict_s},
        "memory": {"peak_mb": cost.peak_mb, "gpu_peak_mb": cost.gpu_peak_mb},
    }


def _packages(method: Method) -> dict[str, str]:
    """Versions of what was imported, and of the method's own packages where they are installed."""
    wanted = [name for name in PACKAGES if IMPORTED.get(name, name) in sys.modules]
    modules = dict.fromkeys(made.__module__.split(".")[0] for made in (method.maker, *method.kinds))
    names = dict.fromkeys([*wanted, *(owner for module in modules for owner in _owners(module))])
    versions = {name: metadata.version(name) for name in names}
    found = {name: version for name, version in versions.items() if version}
    return found | method.stated.packages


def _owners(module: str) -> list[str]:
    """Return which installed packages have a module at their top.

    They are those of `importlib.metadata.packages_distributions`, which looks for every file of
    every package on the disk; here their lists of files are searched for one name.
    """
    own = re.compile(rf'^"?{re.escape(module)}(/|\.[^/,]*,)', re.MULTILINE)
    found = []
    for package in metadata.distributions():
        if (top := package.read_text("top_level.txt") or "").split():
            names = top.split()
        elif (files := package.read_text("RECORD")) is not None:
            names = [module] if own.search(files) else []
        else:
            names = [file.parts[0].partition(".")[0] for file in package.files or ()]
        if module in names:
            found.append(package.metadata["Name"])
    return found


@contextlib.contextmanager
def held_folder(directory: Path | None, *, replace: bool) -> Iterator[None]:
    """Hold an output directory, if there is to be one, from before any work until it is written.

    Its parent is made. With `replace` an older run may be there, and nothing else; all else, and
    another process that is at work on it, is an InputError.
    """
    if directory is None:
        yield
        return
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(directory.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(f"can't write to out={directory}: {error}", out="--out ") from None
    with only_writer(directory):
        if directory.exists():
            ours = directory.is_dir() and {path.name for path in directory.iterdir()} <= RUN_FILES
            if not (replace and ours):
                remedy = ": it holds more than a run" if replace else ", or give replace=True"
                raise InputError(
                    f"out={directory} exists already; remove it or name another{remedy}",
                    out="--out ",
                    replace="--replace",
                )
        yield
