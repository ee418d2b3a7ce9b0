"""PIT, CRPS and CDE loss of many PDFs on a grid: ours against qp's, and scoringrules beside it.

The forecasts are the densities of two Gaussians for each galaxy, at 401 redshifts from 0 to 4. Each
run starts from the bare arrays. qp has no CRPS: the reference integrates the squares of the CDFs
that qp gives on the grid by trapezoids, and takes qp's own `PIT` and `CDELossMetric`, which does
what RAIL's `CDELoss` does, line by line; the ratio of those two alone is given too. scoringrules
has no PDFs on a grid: it has the CRPS of the two Gaussians in closed form, and of samples. One
thread each.

Checked: equal to 1e-3 galaxy by galaxy (PIT, CRPS) and on average (CDE loss) where truths lie on
grid points, where the definitions agree. Printed: how far apart they are where truths lie between.
There, qp's CDF is linear between points, the CDE loss reads the density off at the nearest point,
and the reference's CRPS has the step of the truth's CDF at the nearest point.

Run as ``python benchmarks/scores.py [--quick]``.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import qp  # noqa: E402
import scoringrules  # noqa: E402
from qp.metrics.concrete_metric_classes import CDELossMetric  # noqa: E402
from qp.metrics.pit import PIT  # noqa: E402

from transferz.baselines.scores.probability import GaussianMixture, GridPDF, Samples  # noqa: E402

Array = npt.NDArray[np.float64]
Scores = dict[str, Array]

GALAXIES, QUICK_GALAXIES = 100_000, 20_000
GRID = np.linspace(0.0, 4.0, 401)
MEMBERS = 100
SEED = 17
REPEATS = 3
BLOCK = 2_000
MB = 1024**2

ALIKE = 1e-3
SAME_SAMPLES = 1e-9


@dataclass(frozen=True, slots=True)
class Forecasts:
    """PDFs on the grid, the mixtures they are of, samples, and truths on and off grid points."""

    pdf: Array
    mixture: GaussianMixture
    samples: Array
    between: Array
    nodes: Array


def make_forecasts(size: int) -> Forecasts:
    """Photo-z forecasts of widths 0.04 to 0.12 (1 + z), a second peak in each, and their truths."""
    rng = np.random.default_rng(SEED)
    first = rng.uniform(0.9, 1.5, size)
    means = np.stack([first, first + rng.uniform(0.3, 0.8, size)], axis=1)
    sigmas = rng.uniform(0.04, 0.12, (size, 2)) * (1.0 + means) / np.array([1.0, 1.5])
    weights = np.stack([share := rng.uniform(0.6, 1.0, size), 1.0 - share], axis=1)
    mixture = GaussianMixture(weights, means, sigmas)
    drawn = np.where(rng.random((size, MEMBERS + 1)) < share[:, None], 0, 1)
    samples = np.take_along_axis(means, drawn, axis=1)
    samples += np.take_along_axis(sigmas, drawn, axis=1) * rng.normal(size=samples.shape)
    between = np.clip(samples[:, -1], GRID[0], GRID[-1])
    nodes = GRID[np.rint(between / (GRID[1] - GRID[0])).astype(int)]
    return Forecasts(on_grid(mixture), mixture, samples[:, :-1].copy(), between, nodes)


def on_grid(mixture: GaussianMixture) -> Array:
    """Densities on the grid, shape (N, 401)."""
    pdf = np.empty((len(mixture), GRID.size))
    for start in range(0, len(pdf), BLOCK):
        part = mixture.take(slice(start, start + BLOCK))
        scaled = (GRID[:, None] - part.means[:, None]) / part.sigmas[:, None]
        heights = np.exp(-0.5 * scaled**2) * (part.weights / part.sigmas)[:, None]
        pdf[start : start + BLOCK] = heights.sum(axis=2) / np.sqrt(2.0 * np.pi)
    return pdf


def ours_of(pdf: Array, true: Array) -> Scores:
    """Everything of ours, from the bare arrays."""
    forecast = GridPDF(GRID, pdf)
    return our_own(forecast, true) | {"crps": forecast.crps(true)}


def our_own(forecast: GridPDF, true: Array) -> Scores:
    """What qp has too: PIT, and the mean CDE loss."""
    loss = forecast.square_integral() - 2.0 * forecast.density(true)
    return {"pit": forecast.cdf(true), "cde_loss": loss.mean()}


def qps(pdf: Array, true: Array) -> Scores:
    """Everything by qp, from the bare arrays."""
    ensemble = qp.interp.create_ensemble(GRID, pdf)
    return qps_own(ensemble, true) | {"crps": crps_by_trapezoids(ensemble.cdf(GRID), true)}


def qps_own(ensemble: qp.Ensemble, true: Array) -> Scores:
    """What qp has itself."""
    loss = CDELossMetric(GRID).evaluate(ensemble, true)
    return {"pit": PIT(ensemble, true).pit_samps, "cde_loss": loss}


def crps_by_trapezoids(cdf: Array, true: Array) -> Array:
    """``∫ F²`` over the cells before the truth, ``∫ (1 - F)²`` over those after it."""
    crps = np.empty(len(cdf))
    middle = (GRID[1:] + GRID[:-1]) / 2.0
    for start in range(0, len(cdf), BLOCK):  # in one piece it would need several GB
        rows = slice(start, start + BLOCK)
        before, after = cdf[rows] ** 2, (1.0 - cdf[rows]) ** 2
        heights = np.where(
            middle < true[rows, None],
            before[:, 1:] + before[:, :-1],
            after[:, 1:] + after[:, :-1],
        )
        crps[rows] = heights @ (np.diff(GRID) / 2.0)
    return crps


def median_of(repeats: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """Median wall time in seconds, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def working_memory(run: Callable[[], Any]) -> float:
    """Peak of what it allocates, in MB; run apart, as watching costs time."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / MB


def furthest(ours: Scores, theirs: Scores) -> dict[str, float]:
    """Largest difference of any galaxy, or of the means where there is only that."""
    return {name: float(np.abs(ours[name] - theirs[name]).max()) for name in theirs}


def require_alike(found: dict[str, float], what: str, limit: float = ALIKE) -> None:
    """Raise where any score differs by more than the limit."""
    for name, gap in found.items():
        if not gap <= limit:
            raise AssertionError(f"{what}: {name} differs by {gap:.2e}, more than {limit:g}")


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer galaxies, under 45 s")
    size = QUICK_GALAXIES if parser.parse_args().quick else GALAXIES
    logging.disable(logging.WARNING)  # qp reports every default it takes
    data = make_forecasts(size)
    first = slice(0, 100)
    ours_of(data.pdf[first], data.between[first]), qps(data.pdf[first], data.between[first])  # warm
    ours_s, ours = median_of(REPEATS, lambda: ours_of(data.pdf, data.between))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    reference_s, theirs = median_of(1, lambda: qps(data.pdf, data.between))
    own_s, reference_own_s = without_crps(data)
    on_nodes = furthest(ours_of(data.pdf, data.nodes), qps(data.pdf, data.nodes))
    ours_mb = working_memory(lambda: ours_of(data.pdf, data.between))
    print(f"PIT, CRPS and CDE loss, {size:,} galaxies x {GRID.size} grid points; one thread")
    print(f"{'ours, baselines.scores.probability':<42}{ours_s:9.3f} s{ours_mb:10.1f} MB beside")
    print(f"{'qp, the CDE loss as in RAIL':<42}{reference_s:9.3f} s")
    print(f"{reference_s / ours_s:.1f} times faster; {reference_own_s / own_s:.1f} without CRPS")
    print("largest differences: truths on grid points, then between them")
    for name, gap in furthest(ours, theirs).items():
        print(f"  {name:<10}{on_nodes[name]:12.2e}{gap:12.2e}")
    require_alike(on_nodes, "qp, truths on grid points")
    beside = scoringrules_beside(data, ours["crps"])
    figures = {
        "name": "scores",
        "ours_s": round(ours_s, 4),
        "reference": "qp: PIT, CRPS by trapezoids, CDE loss",
        "reference_s": round(reference_s, 3),
        "ratio": round(reference_s / ours_s, 1),
        "ratio_without_crps": round(reference_own_s / own_s, 1),
        "peak_mb": round(peak_mb),
        "working_mb": round(ours_mb, 1),
        "galaxies": size,
        "grid": GRID.size,
        **beside,
    }
    print(json.dumps(figures))


def without_crps(data: Forecasts) -> tuple[float, float]:
    """Seconds for what qp has itself, ours and qp's, from the bare arrays."""
    pdf, true = data.pdf, data.between
    ours_s, _ = median_of(REPEATS, lambda: our_own(GridPDF(GRID, pdf), true))
    theirs_s, _ = median_of(1, lambda: qps_own(qp.interp.create_ensemble(GRID, pdf), true))
    return ours_s, theirs_s


def scoringrules_beside(data: Forecasts, crps: Array) -> dict[str, float]:
    """Time scoringrules' CRPS of the mixtures and of samples, and compare the numbers."""
    mixture, true = data.mixture, data.between
    parts = (mixture.means, mixture.sigmas, mixture.weights)
    mixture_s, wanted = median_of(REPEATS, lambda: scoringrules.crps_mixnorm(true, *parts))
    closed_s, closed = median_of(REPEATS, lambda: mixture.crps(true))
    sorted_s, theirs = median_of(1, lambda: scoringrules.crps_ensemble(true, data.samples))
    samples_s, ours = median_of(REPEATS, lambda: Samples(data.samples).crps(true))
    rows = [
        ("of the mixtures, closed form", closed_s, mixture_s, np.abs(closed - wanted).max()),
        (f"of {MEMBERS} samples", samples_s, sorted_s, np.abs(ours - theirs).max()),
    ]
    print("CRPS beside scoringrules: ours, scoringrules, largest difference")
    for name, own, other, gap in rows:
        print(f"  {name:<34}{own:9.3f} s{other:9.3f} s{gap:12.2e}")
        require_alike({"crps": gap}, f"scoringrules, {name}", SAME_SAMPLES)
    gap = float(np.abs(crps - wanted).max())
    print(f"  of PDFs on the grid, against the mixtures' closed form:{gap:12.2e}")
    require_alike({"crps": gap}, "scoringrules, PDFs on the grid")
    return {
        "scoringrules_mixture_s": round(mixture_s, 3),
        "scoringrules_samples_s": round(sorted_s, 3),
        "ours_mixture_s": round(closed_s, 3),
        "ours_samples_s": round(samples_s, 3),
    }


if __name__ == "__main__":
    main()
