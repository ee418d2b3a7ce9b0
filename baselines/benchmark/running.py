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
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.checking import as_prediction, check_prediction, require_all
from transferz.baselines.benchmark.forecasts import FLAG, SetForecasts
from transferz.baselines.benchmark.limits import TimeLimit
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.task import Task
from transferz.baselines.scores.probability import PER_GALAXY, Distribution
from transferz.tables.printing import SHORT, minutes

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # Linux: the peak starts anew at what is used now
MEGA = 1e6

Column = npt.NDArray[np.float32]
Report = Callable[[str], None]

Pair = tuple[str, str]
"""The test set whose like a method was calibrated on, empty where it was not, and the one that it
forecast."""


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
    def call(self, method: Method, what: str, clock: str, table: pd.DataFrame) -> Iterator[None]:
        """Time a call of the method's code on a table, and say which it was where it fails."""
        started = time.perf_counter()
        try:
            with method.surroundings.calling(what, [*table.columns]):
                yield
                if torch := _cuda():
                    torch.cuda.synchronize()  # so that what the GPU was told is timed too
        finally:
            setattr(self, clock, getattr(self, clock) + time.perf_counter() - started)

    @property
    def seconds(self) -> float:
        """All of them."""
        return self.fit_s + self.calibrate_s + self.predict_s

    def add(self, other: "Cost") -> None:
        """Add what something else took."""
        self.fit_s += other.fit_s
        self.calibrate_s += other.calibrate_s
        self.predict_s += other.predict_s
        self.peak_mb = max(self.peak_mb, other.peak_mb)
        peaks = [peak for peak in (self.gpu_peak_mb, other.gpu_peak_mb) if peak is not None]
        self.gpu_peak_mb = max(peaks, default=None)


@dataclass(frozen=True, slots=True)
class SeedForecasts:
    """What one seed forecast, and what that took.

    Each pair has the points of N galaxies, NaN where there is none, and each of `PER_GALAXY` (or
    nothing, of points alone) and `FLAG` (of a method that gives one), all of shape (N,).
    """

    pairs: dict[Pair, tuple[Column, dict[str, Column]]]
    cost: Cost


class Finished(Protocol):
    """Where seeds that are finished are kept, to go on from after a failure."""

    def read(self, seed: int, task: Task) -> SeedForecasts | None:
        """Return what a seed forecast, if it is kept."""

    def write(self, seed: int, task: Task, made: SeedForecasts) -> None:
        """Keep what a seed forecast."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a method forecast."""

    # test set -> forecasts; calibrated, where the method does that, on galaxies like those
    forecasts: dict[str, SetForecasts]
    # calibrated on, tested on -> forecasts, where the two differ
    transfer: dict[Pair, SetForecasts] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)  # what it took
    # the trained methods, one per seed that was trained in this run
    fitted: list[Any] = field(default_factory=list)


def run_method(
    method: Method,
    task: Task,
    seeds: Sequence[int],
    *,
    allow_missing: bool = False,
    report: Report = lambda text: None,
    finished: Finished | None = None,
    limit: TimeLimit | None = None,
) -> Ran:
    """Train a method once per seed and forecast every test set with each.

    The method gets copies: of the training tables for each seed, and of ids and photometry of the
    galaxies to forecast, in which there is no label. A MethodError says which call, seed and test
    set it was where the method's code fails or what it returns can't be used. A seed that is
    `finished` is not trained again, unless all are trained at once. None is begun that would take
    longer than the `limit` leaves, as the longest before it did.
    """
    limit = limit or TimeLimit()
    absent = [tested for tested in task.tests if tested not in task.calibration]
    if method.calibrates and absent:
        raise MethodError(
            f"{method.name} wants to be calibrated, and the data have no calibration split for "
            f"'{absent[0]}'"
        )
    _reset_peak()
    run, cost = _Run(method, task, report), Cost()
    together = None
    if method.all_seeds:
        with limit.holding(f"{method.name}: training {len(seeds)} seeds at once"):
            together = run.fit_seeds(seeds, cost)
    made: list[SeedForecasts] = []
    fitted = []
    for place, seed in enumerate(seeds):
        found = finished.read(seed, task) if finished else None
        if found:
            report(f"{method.name}: seed {seed} is there already")
        else:
            spent, longest = Cost(), max((one.cost.seconds for one in made), default=0.0)
            left = longest * (len(seeds) - place)  # 0 where nothing is known
            with limit.holding(f"{method.name}: seed {seed}", longest):
                fitted.append(together[place] if together else run.fit(seed, spent, left))
                found = run.forecast(fitted[-1], seed, spent)
            if finished:
                finished.write(seed, task, found)
        for (_, tested), (point, _) in found.pairs.items():
            if not allow_missing:
                require_all(point, task.tests[tested].object_id, run.what(seed, tested))
        cost.add(found.cost)
        made.append(found)
    own, others = {}, {}
    for (known, tested), one in run.join(made).items():
        if known in ("", tested):
            own[tested] = one
        else:
            others[known, tested] = one
    return Ran(own, others, cost, fitted)


def fit_once(method: Method, task: Task, seed: int = 0) -> Any:
    """Train a method with one seed, and calibrate it on the first calibration split, if it wants.

    A MethodError says which call failed.
    """
    run = _Run(method, task, lambda text: None)
    fitted = run.fit_seeds([seed], Cost())[0] if method.all_seeds else run.fit(seed, Cost())
    if method.calibrates:
        if not task.calibration:
            raise MethodError(f"{method.name} wants to be calibrated: the data have no such split")
        known, table = next(iter(task.calibration.items()))
        with method.surroundings.calling(f"{method.name}: calibrate on '{known}'"):
            fitted.calibrate(table.copy())
    return fitted


@dataclass(frozen=True, slots=True)
class _Run:
    """The calls of a method's code."""

    method: Method
    task: Task
    report: Report

    def fit(self, seed: int, cost: Cost, left: float = 0.0) -> Any:
        """Train a seed; all that are `left` will take so many seconds."""
        method, task = self.method, self.task
        rest = f", about {minutes(left)} left" if left >= SHORT else ""
        self.report(f"{method.name}: training seed {seed}{rest}")
        made = method.make()
        with cost.call(method, f"{method.name}: fit, seed {seed}", "fit_s", task.training):
            made.fit(task.training.copy(), task.validation.copy(), seed=seed)
        return made

    def fit_seeds(self, seeds: Sequence[int], cost: Cost) -> list[Any]:
        """Train all seeds at once; one method for each, which may be the same for several."""
        method, tables = self.method, (self.task.training.copy(), self.task.validation.copy())
        self.report(f"{method.name}: training {len(seeds)} seeds at once")
        made = method.make()
        what = f"{method.name}: fit_seeds, seeds {list(seeds)}"
        with cost.call(method, what, "fit_s", self.task.training):
            fitted = [*made.fit_seeds(*tables, seeds=seeds)]
        if len(fitted) != len(seeds):
            raise MethodError(
                f"{method.name}: fit_seeds returned {len(fitted)} methods for {len(seeds)} seeds; "
                "return one for each, in their order"
            )
        if wrong := [one for one in fitted if not callable(getattr(one, "predict", None))]:
            raise MethodError(
                f"{method.name}: fit_seeds returned a {type(wrong[0]).__name__}, which has no "
                "predict"
            )
        return fitted

    def forecast(self, one: Any, seed: int, cost: Cost) -> SeedForecasts:
        """Forecast every test set with a trained method, calibrated for each where it can be."""
        method, pairs, name = self.method, {}, self.method.name
        if not method.calibrates:
            for tested in self.task.tests:
                pairs["", tested] = self._predict(one, seed, tested, cost)
        tables = self.task.calibration if method.calibrates else {}
        shared = len({id(table) for table in tables.values()}) < len(tables)
        for place, (known, table) in enumerate(tables.items()):
            self.report(f"{name}: calibrating seed {seed} for {known}")
            ready = self._copy(one, seed, last=place == len(tables) - 1)
            what = f"{name}: calibrate on '{known}', seed {seed}"
            with cost.call(method, what, "calibrate_s", table):
                ready.calibrate(table.copy())
            for tested in [known] if shared else self.task.tests:
                # Other methods forecast each set once: only that is timed.
                clock = cost if tested == known else Cost()
                pairs[known, tested] = self._predict(ready, seed, tested, clock)
        cost.peak_mb = max(_peak_mb(), getattr(one, "peak_mb", 0.0))  # of a process of its own
        cost.gpu_peak_mb = _gpu_peak_mb()
        return SeedForecasts(pairs, cost)

    def _copy(self, one: Any, seed: int, *, last: bool) -> Any:
        """Copy a trained method, so that no calibration builds on another.

        One that can't be copied, as it holds a lock say, is trained again, but for the `last` use.
        """
        try:
            with self.method.surroundings.calling("a copy"):
                return deepcopy(one)
        except MethodError as error:
            if last:
                return one
            cause = error.__cause__
            reason = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
            self.report(
                f"{self.method.name} can't be copied ({reason}): it is trained again, to be "
                "calibrated for each test set alone"
            )
        if self.method.all_seeds:
            return self.fit_seeds([seed], Cost())[0]
        return self.fit(seed, Cost())

    def _predict(
        self, one: Any, seed: int, tested: str, cost: Cost
    ) -> tuple[Column, dict[str, Column]]:
        test = self.task.tests[tested]
        what, seen = self.what(seed, tested), test.table.copy()
        with cost.call(self.method, what, "predict_s", test.table):
            made = one.predict(seen)
        # Distributions of another package's may run its code.
        with self.method.surroundings.entered():
            prediction = as_prediction(made, what)
            point, columns = check_prediction(
                prediction, test.object_id, test.redshift.astype(np.float64), what
            )
        if isinstance(prediction.distribution, Distribution):
            for remark in prediction.distribution.remarks():
                self.report(f"{what}: {remark}")
        single = {name: values.astype(np.float32) for name, values in columns.items()}
        return point.astype(np.float32), single

    def what(self, seed: int, tested: str) -> str:
        """Name a call of `predict`."""
        return f"{self.method.name}: predict, seed {seed}, test set '{tested}'"

    def join(self, made: Sequence[SeedForecasts]) -> dict[Pair, SetForecasts]:
        """Put the forecasts of all seeds together."""
        joined = {}
        for pair in made[0].pairs:
            test, rows = self.task.tests[pair[1]], [one.pairs[pair] for one in made]
            given = {name for _, columns in rows for name in columns}
            if lacking := {name for name in given if any(name not in one for _, one in rows)}:
                what = "flags" if FLAG in lacking else "distributions"
                raise MethodError(
                    f"{self.method.name}: only some seeds forecast {what}, on '{pair[1]}'"
                )
            columns = {
                name: np.stack([columns[name] for _, columns in rows])
                for name in (*PER_GALAXY, FLAG)
                if name in given
            }
            point = np.stack([point for point, _ in rows])
            own = test.object_id, test.redshift, test.i_mag
            joined[pair] = SetForecasts(*own, point, columns, test.g_mag, test.truth)
        return joined


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
