"""Run a method: train every seed, calibrate it for each test set, forecast; time and memory."""

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.loading import Method, MethodError, failure
from transferz.baselines.benchmark.predictions import check_prediction
from transferz.baselines.benchmark.task import Task, TestSet
from transferz.baselines.scores.probability import PER_GALAXY

Report = Callable[[str], None]


@dataclass(slots=True)
class Cost:
    """What a run took.

    Attributes
    ----------
    fit_s, calibrate_s, predict_s : float
        Seconds, of all seeds together.
    peak_mb : float
        Highest memory of the process in the run, 1e6 bytes.
    gpu_peak_mb : float or None
        Highest memory that PyTorch had on a GPU; None where it had none.
    """

    fit_s: float = 0.0
    calibrate_s: float = 0.0
    predict_s: float = 0.0
    peak_mb: float = 0.0
    gpu_peak_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a method forecast.

    Attributes
    ----------
    forecasts : dict of str to SetForecasts
        Test set -> forecasts; calibrated, where the method does that, on galaxies like those.
    transfer : dict of (str, str) to SetForecasts
        Calibrated on, tested on -> forecasts, where the two differ.
    cost : Cost
        What it took.
    fitted : list
        The trained methods, one per seed, not calibrated.
    """

    forecasts: dict[str, SetForecasts]
    transfer: dict[tuple[str, str], SetForecasts] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    fitted: list[Any] = field(default_factory=list)


def run_method(
    method: Method,
    task: Task,
    seeds: Sequence[int],
    *,
    allow_missing: bool = False,
    report: Report = lambda text: None,
) -> Ran:
    """Train a method once per seed and forecast every test set with each.

    The method gets copies: of the training tables for each seed, and of ids and photometry of the
    galaxies to forecast, in which there is no label.

    Parameters
    ----------
    method : Method
        What to run.
    task : Task
        On what.
    seeds : sequence of int
        One training each.
    allow_missing : bool
        Whether galaxies may lack a forecast.
    report : callable
        Takes a line on what is being done.

    Raises
    ------
    MethodError
        Where the method's code fails or what it returns can't be used; it says which call, seed
        and test set.
    InputError
        Where the method wants to be calibrated and the data have no calibration split.
    """
    cost = Cost()
    reset_peak()
    fitted = _fit(method, task, seeds, cost, report)
    if not method.calibrates:
        found = {
            name: _forecast(method, fitted, seeds, test, name, cost, allow_missing)
            for name, test in task.tests.items()
        }
        return Ran(found, {}, _with_memory(cost), fitted)
    pairs = _calibrated(method, fitted, seeds, task, cost, allow_missing, report)
    own = {tested: one for (calibrated, tested), one in pairs.items() if calibrated == tested}
    others = {pair: one for pair, one in pairs.items() if pair[0] != pair[1]}
    return Ran(own, others if _differ(task) else {}, _with_memory(cost), fitted)


def _differ(task: Task) -> bool:
    """Whether test sets have calibration sets of their own; two tests of a table share one."""
    return len({id(table) for table in task.calibration.values()}) == len(task.calibration)


def _fit(method: Method, task: Task, seeds: Sequence[int], cost: Cost, report: Report) -> list[Any]:
    if method.all_seeds:
        report(f"{method.name}: training {len(seeds)} seeds at once")
        with _call(f"{method.name}: fit_seeds, seeds {list(seeds)}", cost, "fit_s"):
            fitted = [
                *method.make().fit_seeds(task.training.copy(), task.validation.copy(), seeds=seeds)
            ]
        return _require_as_many(fitted, method, seeds)
    fitted = []
    for seed in seeds:
        report(f"{method.name}: training seed {seed}")
        one = method.make()
        with _call(f"{method.name}: fit, seed {seed}", cost, "fit_s"):
            one.fit(task.training.copy(), task.validation.copy(), seed=seed)
        fitted.append(one)
    return fitted


def _require_as_many(fitted: list[Any], method: Method, seeds: Sequence[int]) -> list[Any]:
    if len(fitted) != len(seeds):
        raise MethodError(
            f"{method.name}: fit_seeds returned {len(fitted)} methods for {len(seeds)} seeds; "
            "return one for each, in their order"
        )
    if wrong := [one for one in fitted if not callable(getattr(one, "predict", None))]:
        raise MethodError(
            f"{method.name}: fit_seeds returned a {type(wrong[0]).__name__}, which has no predict"
        )
    return fitted


def _calibrated(
    method: Method,
    fitted: Sequence[Any],
    seeds: Sequence[int],
    task: Task,
    cost: Cost,
    allow_missing: bool,
    report: Report,
) -> dict[tuple[str, str], SetForecasts]:
    """Forecasts of every test set, calibrated for every test set."""
    if absent := [name for name in task.tests if name not in task.calibration]:
        raise MethodError(
            f"{method.name} wants to be calibrated, and the data have no calibration split for "
            f"'{absent[0]}'"
        )
    found = {}
    for name, table in task.calibration.items():
        report(f"{method.name}: calibrating for {name}")
        copies = {id(one): deepcopy(one) for _, one in _distinct(seeds, fitted)}
        ready = [copies[id(one)] for one in fitted]  # so no calibration builds on another
        for seed, one in _distinct(seeds, ready):
            with _call(f"{method.name}: calibrate on '{name}', seed {seed}", cost, "calibrate_s"):
                one.calibrate(table.copy())
        for tested, test in task.tests.items():
            clock = cost if tested == name else Cost()  # other methods forecast each set once
            found[name, tested] = _forecast(
                method, ready, seeds, test, tested, clock, allow_missing
            )
    return found


def _distinct(seeds: Sequence[int], fitted: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Each method once, with its first seed: one without randomness serves several seeds."""
    seen: set[int] = set()
    for seed, one in zip(seeds, fitted, strict=True):
        if id(one) not in seen:
            seen.add(id(one))
            yield seed, one


def _forecast(
    method: Method,
    fitted: Sequence[Any],
    seeds: Sequence[int],
    test: TestSet,
    name: str,
    cost: Cost,
    allow_missing: bool,
) -> SetForecasts:
    """Forecasts of all seeds for a test set."""
    made = {
        id(one): _forecast_one(
            one,
            test,
            f"{method.name}: predict, seed {seed}, test set '{name}'",
            cost,
            allow_missing,
        )
        for seed, one in _distinct(seeds, fitted)
    }
    rows = [made[id(one)] for one in fitted]
    widths = [columns for _, columns in rows if columns]
    if widths and len(widths) < len(rows):
        raise MethodError(f"{method.name}: only some seeds forecast distributions, on '{name}'")
    return SetForecasts(
        test.object_id,
        test.redshift,
        test.i_mag,
        np.stack([point for point, _ in rows]).astype(np.float32),
        {
            column: np.stack([columns[column] for columns in widths]).astype(np.float32)
            for column in (PER_GALAXY if widths else ())
        },
        test.g_mag,
        test.truth,
    )


def _forecast_one(
    one: Any, test: TestSet, what: str, cost: Cost, allow_missing: bool
) -> tuple[Any, dict[str, Any]]:
    """Points, shape (N,), and scores of each galaxy's distribution."""
    seen: pd.DataFrame = test.table.copy()
    with _call(what, cost, "predict_s"):
        prediction = one.predict(seen)
    true = test.redshift.astype(np.float64)
    return check_prediction(prediction, test.object_id, true, what, allow_missing=allow_missing)


@contextmanager
def _call(what: str, cost: Cost, clock: str) -> Iterator[None]:
    """Time a call of the method's code, and say which it was where it fails."""
    started = time.perf_counter()
    try:
        yield
        synchronise()
    except (Exception, SystemExit) as error:
        raise failure(what, error) from error
    finally:
        setattr(cost, clock, getattr(cost, clock) + time.perf_counter() - started)


def _with_memory(cost: Cost) -> Cost:
    cost.peak_mb, cost.gpu_peak_mb = peak_mb(), gpu_peak_mb()
    return cost


STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # Linux: the peak starts anew at what is used now
MEGA = 1e6


def reset_peak() -> None:
    """Start counting anew, where the system can; else the peak is that since the process began."""
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="ascii")
    if torch := _cuda():
        torch.cuda.reset_peak_memory_stats()


def peak_mb() -> float:
    """Highest resident memory of this process, 1e6 bytes; its children's is not in it."""
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s*(\d+) kB", STATUS.read_text("ascii"), re.MULTILINE):
            return int(found[1]) * 1024 / MEGA
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGA


def gpu_peak_mb() -> float | None:
    """Highest memory that PyTorch took on the GPUs, 1e6 bytes; None where it took none."""
    torch = _cuda()
    if torch is None:
        return None
    devices = range(torch.cuda.device_count())
    peak = sum(torch.cuda.max_memory_allocated(one) for one in devices)
    return peak / MEGA if peak else None


def synchronise() -> None:
    """Wait for a GPU to finish what it was told, so that it is timed."""
    if torch := _cuda():
        torch.cuda.synchronize()


def _cuda() -> Any:
    """PyTorch, where something has imported it and a GPU is in use; it is not imported here."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
