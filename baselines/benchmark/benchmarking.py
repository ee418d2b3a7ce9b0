"""Any photo-z method, trained and scored, in one call."""

from collections.abc import Sequence
from typing import Any

from transferz.baselines.benchmark.loading import Method, load_method
from transferz.baselines.benchmark.outcome import Outcome, make_outcome
from transferz.baselines.benchmark.running import Report, run_method
from transferz.baselines.benchmark.task import Task, from_release
from transferz.releases import Release, find_release
from transferz.schemas.errors import ParameterError

SEEDS = 5
"""Trainings of a method (our choice: enough for a spread, few enough for slow methods)."""

COMMAND = "transferz.baselines.benchmark.benchmarking.benchmark(...)"


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
    task = (
        data
        if isinstance(data, Task)
        else from_release(
            data or find_release(), train or plugin.train, bands, calibrates=plugin.calibrates
        )
    )
    ran = run_method(plugin, task, range(seeds), allow_missing=allow_missing, report=report)
    report(f"{plugin.name}: scoring")
    return make_outcome(plugin, task, ran, command, key)
