"""Run a method: train every seed, calibrate it for each test set, forecast; time and memory.

What the method returns is checked: one forecast for each galaxy that was asked for.
"""

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
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.loading import Method, MethodError, failure
from transferz.baselines.benchmark.task import Task, TestSet
from transferz.baselines.scores.probability import (
    PER_GALAXY,
    Prediction,
    missing_forecasts,
    per_galaxy,
)
from transferz.schemas.survey.quantities import FORECAST
from transferz.tables.printing import first_few

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # Linux: the peak starts anew at what is used now
MEGA = 1e6

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Report = Callable[[str], None]


@dataclass(slots=True)
class Cost:
    """What a run took: seconds, of all seeds together, and the highest memory, 1e6 bytes.

    `gpu_peak_mb` is what PyTorch had on a GPU; None where it had none.
    """

    fit_s: float = 0.0
    calibrate_s: float = 0.0
    predict_s: float = 0.0
    peak_mb: float = 0.0
    gpu_peak_mb: float | None = None

    @contextmanager
    def call(self, what: str, clock: str) -> Iterator[None]:
        """Time a call of the method's code, and say which it was where it fails."""
        started = time.perf_counter()
        try:
            yield
            if torch := _cuda():
                torch.cuda.synchronize()  # so that what the GPU was told is timed too
        except (Exception, SystemExit) as error:
            raise failure(what, error) from error
        finally:
            setattr(self, clock, getattr(self, clock) + time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a method forecast."""

    # test set -> forecasts; calibrated, where the method does that, on galaxies like those
    forecasts: dict[str, SetForecasts]
    # calibrated on, tested on -> forecasts, where the two differ
    transfer: dict[tuple[str, str], SetForecasts] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)  # what it took
    # the trained methods, one per seed, not calibrated
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
    galaxies to forecast, in which there is no label. A MethodError says which call, seed and test
    set it was where the method's code fails or what it returns can't be used.
    """
    _reset_peak()
    run = _Run(method, seeds, allow_missing, report, Cost())
    fitted = run.fit(task)
    if method.calibrates:
        pairs = run.calibrated(fitted, task)
        own = {tested: pairs[tested, tested] for tested in task.tests}
        others = {pair: one for pair, one in pairs.items() if pair[0] != pair[1]}
        sets = {id(table) for table in task.calibration.values()}
        if len(sets) < len(task.calibration):  # two tests of a table share one
            others = {}
    else:
        own, others = run.forecasts(fitted, task.tests, run.cost), {}
    run.cost.peak_mb, run.cost.gpu_peak_mb = _peak_mb(), _gpu_peak_mb()
    return Ran(own, others, run.cost, fitted)


@dataclass(frozen=True, slots=True)
class _Run:
    """The calls of a method's code."""

    method: Method
    seeds: Sequence[int]
    allow_missing: bool
    report: Report
    cost: Cost

    def fit(self, task: Task) -> list[Any]:
        """Train every seed; one method for each, which may be the same for several."""
        name, seeds = self.method.name, self.seeds
        if self.method.all_seeds:
            self.report(f"{name}: training {len(seeds)} seeds at once")
            with self.cost.call(f"{name}: fit_seeds, seeds {list(seeds)}", "fit_s"):
                tables = task.training.copy(), task.validation.copy()
                fitted = [*self.method.make().fit_seeds(*tables, seeds=seeds)]
            self._require_as_many(fitted)
            return fitted
        fitted = []
        for seed in seeds:
            self.report(f"{name}: training seed {seed}")
            fitted.append(self.method.make())
            with self.cost.call(f"{name}: fit, seed {seed}", "fit_s"):
                fitted[-1].fit(task.training.copy(), task.validation.copy(), seed=seed)
        return fitted

    def _require_as_many(self, fitted: Sequence[Any]) -> None:
        name, seeds = self.method.name, len(self.seeds)
        if len(fitted) != seeds:
            raise MethodError(
                f"{name}: fit_seeds returned {len(fitted)} methods for {seeds} seeds; "
                "return one for each, in their order"
            )
        if wrong := [one for one in fitted if not callable(getattr(one, "predict", None))]:
            raise MethodError(
                f"{name}: fit_seeds returned a {type(wrong[0]).__name__}, which has no predict"
            )

    def calibrated(self, fitted: Sequence[Any], task: Task) -> dict[tuple[str, str], SetForecasts]:
        """Forecast every test set, calibrated for every test set."""
        name = self.method.name
        if absent := [tested for tested in task.tests if tested not in task.calibration]:
            raise MethodError(
                f"{name} wants to be calibrated, and the data have no calibration split for "
                f"'{absent[0]}'"
            )
        pairs = {}
        for config, table in task.calibration.items():
            self.report(f"{name}: calibrating for {config}")
            copies = {id(one): deepcopy(one) for _, one in self._distinct(fitted)}
            ready = [copies[id(one)] for one in fitted]  # so no calibration builds on another
            for seed, one in self._distinct(ready):
                with self.cost.call(f"{name}: calibrate on '{config}', seed {seed}", "calibrate_s"):
                    one.calibrate(table.copy())
            for tested, test in task.tests.items():
                # Other methods forecast each set once: only that is timed.
                cost = self.cost if tested == config else Cost()
                pairs[config, tested] = self.forecasts(ready, {tested: test}, cost)[tested]
        return pairs

    def _distinct(self, fitted: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Each method once, with its first seed: one without randomness serves several seeds."""
        seen: set[int] = set()
        for seed, one in zip(self.seeds, fitted, strict=True):
            if id(one) not in seen:
                seen.add(id(one))
                yield seed, one

    def forecasts(
        self, fitted: Sequence[Any], tests: dict[str, TestSet], cost: Cost
    ) -> dict[str, SetForecasts]:
        """Forecast test sets with all seeds."""
        made = {}
        for name, test in tests.items():
            by_method = {
                id(one): self._forecast(one, test, f"seed {seed}, test set '{name}'", cost)
                for seed, one in self._distinct(fitted)
            }
            rows = [by_method[id(one)] for one in fitted]
            widths = [columns for _, columns in rows if columns]
            if widths and len(widths) < len(rows):
                raise MethodError(
                    f"{self.method.name}: only some seeds forecast distributions, on '{name}'"
                )
            point = np.stack([point for point, _ in rows]).astype(np.float32)
            columns = {
                column: np.stack([columns[column] for columns in widths]).astype(np.float32)
                for column in (PER_GALAXY if widths else ())
            }
            own = test.object_id, test.redshift, test.i_mag
            made[name] = SetForecasts(*own, point, columns, test.g_mag, test.truth)
        return made

    def _forecast(
        self, one: Any, test: TestSet, which: str, cost: Cost
    ) -> tuple[Floats, dict[str, Floats]]:
        what, seen = f"{self.method.name}: predict, {which}", test.table.copy()
        with cost.call(what, "predict_s"):
            prediction = one.predict(seen)
        true = test.redshift.astype(np.float64)
        missing = self.allow_missing
        return check_prediction(prediction, test.object_id, true, what, allow_missing=missing)


def check_prediction(
    prediction: Any, identifiers: Ints, redshift: Floats, what: str, *, allow_missing: bool = False
) -> tuple[Floats, dict[str, Floats]]:
    """Check what `predict` returned, put it in order and score its distributions.

    The N galaxies that were asked for have ids and labels of shape (N,). Returned are points, NaN
    where the forecast is missing, and each of `PER_GALAXY` (nothing for point forecasts), all of
    shape (N,). Some forecasts may be missing with `allow_missing`, never all. A MethodError that
    begins with `what` says what is wrong: no `Prediction`, another length, a galaxy that comes
    twice or was not asked for, a missing forecast.
    """
    if not isinstance(prediction, Prediction):
        raise MethodError(
            f"{what} returned {type(prediction).__name__}; expected a Prediction: "
            "from transferz.baselines.benchmark import Prediction"
        )
    size, point, distribution = len(identifiers), prediction.point, prediction.distribution
    stated = np.ones(size, dtype=bool)  # which galaxies the method has a row for
    if (ids := prediction.object_id) is not None:
        different, counts = np.unique(ids, return_counts=True)
        _refuse(different[counts > 1], what, "forecast more than once", "forecast each once")
        unknown = ids[~np.isin(ids, identifiers)]
        _refuse(unknown, what, "that were not asked for", "forecast those of the table alone")
        stated, order = np.isin(identifiers, ids), np.argsort(ids)
        row = order[np.searchsorted(ids, identifiers[stated], sorter=order)]
        point = np.full(size, np.nan)
        point[stated] = prediction.point[row]
        distribution = None if distribution is None else distribution.take(row)
    elif len(prediction) != size:
        raise MethodError(
            f"{what} returned {len(prediction):,} forecasts for {size:,} galaxies; "
            "return one per row, NaN where there is none, or name the galaxies by object_id"
        )

    columns: dict[str, Floats] = {}
    missing = FORECAST.is_missing(point)
    if distribution is not None:
        columns = {name: np.full(size, np.nan) for name in PER_GALAXY}
        scores = per_galaxy(distribution, redshift[stated])
        for name, values in scores.items():
            columns[name][stated] = values
        missing[stated] |= missing_forecasts(distribution, scores)
    if missing.all() and size:
        raise MethodError(f"{what} returned no forecast: all {size:,} are missing or NaN")
    if not allow_missing:
        _refuse(
            identifiers[missing],
            what,
            f"of {size:,} without a forecast (none is given, or NaN, or a sentinel: {FORECAST})",
            "forecast all, or score the others with --allow-missing",
        )
    return np.where(missing, np.nan, point), columns


def _refuse(identifiers: Ints, what: str, fault: str, remedy: str) -> None:
    if count := len(identifiers):
        first = first_few(identifiers)
        raise MethodError(f"{what}: {count:,} galaxies {fault} (object_id {first}); {remedy}")


def _reset_peak() -> None:
    """Start counting anew, where the system can; else the peak is that since the process began."""
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="ascii")
    if torch := _cuda():
        torch.cuda.reset_peak_memory_stats()


def _peak_mb() -> float:
    """Highest resident memory of this process, 1e6 bytes; its children's is not in it."""
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s*(\d+) kB", STATUS.read_text("ascii"), re.MULTILINE):
            return int(found[1]) * 1024 / MEGA
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGA


def _gpu_peak_mb() -> float | None:
    """Highest memory that PyTorch took on the GPUs, 1e6 bytes; None where it took none."""
    if (torch := _cuda()) is None:
        return None
    peak = sum(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count())))
    return peak / MEGA if peak else None


def _cuda() -> Any:
    """PyTorch, where something has imported it and a GPU is in use; it is not imported here."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
