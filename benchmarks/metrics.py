"""All point metrics of many seeds at once: ours against a loop over seeds with astropy and scipy.

The forecasts are those of 100 seeds for as many galaxies as TransferZ has, with errors drawn from
a Student t distribution of 2 degrees of freedom, in whose tails outliers lie. The reference takes
each seed's median, MAD and biweights once, from numpy, scipy and astropy, and uses them wherever
they are needed; both must find the same numbers. One thread each.

Run as ``python benchmarks/metrics.py [--quick]``.
"""

import argparse
import json
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.stats import biweight_location, biweight_scale
from scipy.stats import median_abs_deviation

from transferz.baselines.scores import metrics

Array = npt.NDArray[np.float64]

SEEDS, QUICK_SEEDS, GALAXIES = 100, 20, 116_000
SEED = 11
REPEATS, QUICK_REPEATS = 5, 3
MB = 1024**2


def make_forecasts(seeds: int) -> tuple[Array, Array]:
    """Forecasts, shape (S, N), and true redshifts, shape (N,)."""
    rng = np.random.default_rng(SEED)
    true = rng.gamma(2.0, 0.5, GALAXIES)
    errors = rng.standard_t(2.0, (seeds, GALAXIES))
    errors *= 0.03 * (1.0 + true)
    errors += true
    return errors, true


def one_seed(predicted: Array, true: Array) -> dict[str, float]:
    """All metrics of one seed, by the libraries."""
    difference = predicted - true
    dz = difference / (1.0 + true)
    median = np.median(dz)
    scatter = metrics.MAD_TO_SIGMA * median_abs_deviation(dz)
    location, scale = biweight_location(dz), biweight_scale(dz)
    return {
        "bias": median,
        "scatter": scatter,
        "outlier_rate": np.mean(np.abs(dz) > metrics.OUTLIER_LIMIT),
        "rmse": np.sqrt(np.mean(dz**2)),
        "loss": np.mean(1.0 - 1.0 / (1.0 + (dz / metrics.OUTLIER_LIMIT) ** 2)),
        "bias_biweight": location,
        "scatter_biweight": scale,
        "outlier_rate_biweight": np.mean(np.abs(dz - location) > 2.0 * scale),
        "outlier_rate_3sigma": np.mean(np.abs(dz - median) > 3.0 * scatter),
        "mse": np.mean(difference**2),
        "catastrophic_rate": np.mean(np.abs(difference) > metrics.CATASTROPHIC_LIMIT),
    }


def loop_over_seeds(predicted: Array, true: Array) -> dict[str, Array]:
    """All metrics of all seeds, one seed after another."""
    each = [one_seed(row, true) for row in predicted]
    return {name: np.array([one[name] for one in each]) for name in each[0]}


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


def require_equal(ours: dict[str, Array], theirs: dict[str, Array]) -> None:
    """Both must have found the same numbers, metric by metric, seed by seed."""
    if set(ours) != set(theirs):
        raise AssertionError(f"other metrics: {sorted(set(ours) ^ set(theirs))}")
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer seeds and repeats, under 45 s")
    quick = parser.parse_args().quick
    seeds, repeats = (QUICK_SEEDS, QUICK_REPEATS) if quick else (SEEDS, REPEATS)
    predicted, true = make_forecasts(seeds)
    metrics.score(predicted[:1], true), loop_over_seeds(predicted[:1], true)  # warm
    ours_s, ours = median_of(repeats, lambda: metrics.score(predicted, true))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    reference_s, theirs = median_of(repeats, lambda: loop_over_seeds(predicted, true))
    require_equal(ours, theirs)
    ours_mb = working_memory(lambda: metrics.score(predicted, true))
    reference_mb = working_memory(lambda: loop_over_seeds(predicted[:1], true))
    print(f"{len(ours)} metrics, {seeds} seeds x {GALAXIES:,} galaxies; medians of {repeats} runs")
    rows = [
        ("ours, transferz.baselines.scores.metrics.score", ours_s, ours_mb),
        ("loop over seeds, astropy, scipy, numpy", reference_s, reference_mb),
    ]
    for name, seconds, memory in rows:
        per_seed = seconds / seeds * 1e3
        print(f"{name:<42}{seconds:9.3f} s{per_seed:9.2f} ms a seed{memory:8.1f} MB beside")
    print(f"the same numbers in both; {reference_s / ours_s:.1f} times faster")
    figures = {
        "name": "metrics",
        "ours_s": round(ours_s, 4),
        "reference": "loop over seeds with astropy and scipy",
        "reference_s": round(reference_s, 3),
        "ratio": round(reference_s / ours_s, 1),
        "peak_mb": round(peak_mb),
        "working_mb": round(ours_mb, 1),
        "seeds": seeds,
        "galaxies": GALAXIES,
        "metrics": len(ours),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
