"""Runs of the paper's networks that never were: mock forecasts for a mock release, honestly scored.

Nothing is trained: forecasts are the labels with noise of each method's own, and the networks are
as they are drawn. Entries, forecasts and models are written by the benchmark's own code.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from quick import FEW

from transferz.baselines.benchmark import forecasts as benchmark_forecasts
from transferz.baselines.benchmark.benchmarking import make_outcome
from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.running import Cost, Ran
from transferz.baselines.benchmark.task import Task, TestSet, from_release
from transferz.baselines.methods import METHODS
from transferz.baselines.methods.networks import PHOTOMETRY, NNBase
from transferz.baselines.networks.ensemble import Ensemble, Fit, Scaler
from transferz.baselines.networks.network import StackedNetworks
from transferz.releases import find_release
from transferz.schemas import MAGNITUDES

BIAS = {"nn_base": 0.02, "nn_tl": 0.004, "nn_combo": 0.005, "nn_spec": -0.002}
SCATTER = {"nn_base": 0.05, "nn_tl": 0.035, "nn_combo": 0.033, "nn_spec": 0.03}
WILD = {"nn_base": 0.08, "nn_tl": 0.05, "nn_combo": 0.055, "nn_spec": 0.045}
"""Of the mock forecasts on GalaxiesML: of dz, and the share that is anywhere."""


def write_runs(folder: Path, release: Path, *, seeds: int = 3, galaxies: int | None = None) -> Path:
    """Write a run of each network, as the pipeline leaves them.

    The test splits are the release's or, where a number of `galaxies` is given, invented too.
    """
    before, benchmark_forecasts.DRAWS = benchmark_forecasts.DRAWS, FEW
    try:
        for number, (method, kind) in enumerate(PHOTOMETRY.items()):
            task = from_release(find_release(release), kind.train)
            if galaxies:
                task = with_invented_tests(task, galaxies)
            rng = np.random.default_rng([7, number])
            forecasts = {
                config: set_forecasts(test, forecast(rng, test.redshift, method, config, seeds))
                for config, test in task.tests.items()
            }
            ran = Ran(forecasts, {}, Cost(12.3, 0.0, 0.4, 321.0), untrained(method, seeds))
            command = f"transferz train {method} --seeds {seeds}"
            outcome = make_outcome(Method(kind, method), task, ran, command)
            outcome.write(folder / method)
    finally:
        benchmark_forecasts.DRAWS = before
    return folder


def with_invented_tests(task: Task, galaxies: int) -> Task:
    """The task with test splits of so many galaxies that no release has."""
    tests = {config: invent_test(galaxies, seed) for seed, config in enumerate(task.tests)}
    content = dict(task.data.content)
    for config in tests:
        test = content[config]["test"].model_copy(update={"rows": galaxies})
        content[config] = content[config] | {"test": test}
    return replace(task, tests=tests, data=task.data.model_copy(update={"content": content}))


def invent_test(galaxies: int, seed: int) -> TestSet:
    rng = np.random.default_rng(seed)
    redshift = rng.gamma(2.0, 0.4, galaxies).clip(0.02, 4.0)
    g, i = rng.normal(23.0, 1.5, (2, galaxies))
    truth = redshift * rng.normal(1.0, 0.01, galaxies)
    columns = (one.astype(np.float32) for one in (redshift, i, g, truth))
    return TestSet(pd.DataFrame({"object_id": np.arange(galaxies)}), *columns)


def forecast(rng, redshift, method: str, config: str, seeds: int) -> np.ndarray:
    """Labels with noise; on TransferZ it is the other methods that are off."""
    worse = 1.0 if config == "galaxiesml" else 1.6
    bias = BIAS[method] if config == "galaxiesml" else 0.02 - 0.8 * BIAS[method]
    shifts = bias + 0.002 * rng.normal(size=(seeds, 1))
    common = worse * SCATTER[method] * rng.standard_t(4, redshift.size)
    own = 0.01 * rng.normal(size=(seeds, redshift.size))
    predicted = redshift + (shifts + common + own) * (1.0 + redshift)
    wild = rng.random(redshift.size) < worse * WILD[method] * np.minimum(redshift / 1.2, 1.5)
    return np.where(wild, rng.uniform(0.0, 3.5, redshift.size), predicted).clip(-0.05, 5.0)


def set_forecasts(test: TestSet, point: np.ndarray) -> SetForecasts:
    known = test.object_id, test.redshift, test.i_mag
    return SetForecasts(*known, point.astype(np.float32), {}, test.g_mag, test.truth)


def untrained(method: str, seeds: int) -> list[SimpleNamespace]:
    """Untrained networks that say they were trained."""
    fits = tuple(Fit(k, 30 + k, 20 + k, 0.1) for k in range(seeds))
    networks = StackedNetworks.from_seeds(len(MAGNITUDES), range(seeds))
    scaler = Scaler(np.zeros(len(MAGNITUDES)), np.ones(len(MAGNITUDES)))
    start = {"method": "nn_base", "config": "transferz", "schedule": {"max_epochs": 1000}}
    one = SimpleNamespace(
        whole=Ensemble(networks, scaler, fits),
        schedule=NNBase.schedule,
        origin=start if METHODS[method].start else None,
        tf32=False,
    )
    return [one] * seeds
