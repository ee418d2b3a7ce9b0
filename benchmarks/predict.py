"""Forecasts of a large table: `transferz predict` against a plain loop, and the machine's own rate.

A parquet file of 5 million galaxies with ids, positions, five magnitudes and their errors, and a
model of 10 seeds, whose weights are random: that costs the same. The reference is what one writes
without a thought: pyarrow's batches of 10,000 rows, PyTorch's batched products of all seeds, their
mean, pyarrow's writer. Each is a process of its own, timed from its start to its end.

The bound is what the machine gives: 256 × 200 times 200 × 200, the product that nearly all of the
work is, by `torch.mm` alone, a thread per core each its own, or all cores in one large product,
whichever is faster; the faster of before and after. On a machine that does other things besides,
the share by processor time says more than that by the clock.

Checked: the forecasts are equal to 1e-5.

Run as ``python benchmarks/predict.py [--quick]``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from transferz.baselines.networks import MODEL_FILE, PREDICTED
from transferz.baselines.networks.ensemble import (
    Ensemble,
    Fit,
    Scaler,
    ensemble_bytes,
    load_ensemble,
)
from transferz.baselines.networks.environment import usable_cores
from transferz.baselines.networks.network import HIDDEN_UNITS, StackedNetworks
from transferz.baselines.networks.pieces import ROWS

TABLE_ROWS, QUICK_ROWS = 5_000_000, 300_000
SEEDS = range(10)
BANDS = tuple(f"{band}_cmodel_mag" for band in "grizy")
BATCH = 10_000
PRODUCTS, REPEATS = 1_000, 4
PART = 500_000
SAME = 1e-5


@dataclass(frozen=True, slots=True)
class Run:
    """A process: seconds by the clock and of all processors, and the most memory that it had."""

    seconds: float
    cpu: float
    peak_mb: float


def write_model(path: Path) -> None:
    """Write a model as `transferz train` does, of random weights."""
    networks = StackedNetworks.from_seeds(len(BANDS), SEEDS).eval().requires_grad_(False)
    scaler = Scaler(np.full(len(BANDS), 18.0), np.full(len(BANDS), 28.0))
    fits = tuple(Fit(seed, 1, 1, 0.5) for seed in SEEDS)
    path.write_bytes(ensemble_bytes(Ensemble(networks, scaler, fits), BANDS, {"method": "random"}))


def write_table(path: Path, rows: int) -> None:
    """Write a catalogue: ids, positions, magnitudes with four digits, errors."""
    rng, writer = np.random.default_rng(7), None
    for start in range(0, rows, PART):
        count = min(PART, rows - start)
        columns = {
            "object_id": np.arange(start, start + count) + 43_158_605_133_375_001,
            "ra": rng.uniform(149.0, 151.0, count),
            "dec": rng.uniform(1.5, 3.0, count),
        }
        for name in BANDS:
            columns[name] = np.round(rng.uniform(18, 27, count), 4).astype(np.float32)
            columns[f"{name}sigma"] = np.round(rng.uniform(0, 0.3, count), 4).astype(np.float32)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


@torch.no_grad()
def plain_loop(model: Path, table: Path, out: Path) -> None:
    """Forecast a table as one does without a thought, on all cores."""
    ensemble = load_ensemble(model).ensemble
    weights, biases = ensemble.networks.weights, ensemble.networks.biases
    low, high = (
        torch.from_numpy(end) for end in (ensemble.scaler.minimum, ensemble.scaler.maximum)
    )
    torch.set_num_threads(usable_cores())
    writer = None
    for batch in pq.ParquetFile(table).iter_batches(BATCH):
        magnitudes = torch.from_numpy(np.column_stack([batch[name].to_numpy() for name in BANDS]))
        scaled = ((magnitudes - low) / (high - low)).float().expand(len(ensemble), -1, -1)
        units = scaled
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            units = torch.relu(torch.baddbmm(bias, units, weight))
        joined = torch.cat((scaled, units), dim=2)
        found = torch.baddbmm(biases[-1], joined, weights[-1]).squeeze(2).double().mean(dim=0)
        whole = pa.Table.from_batches([batch]).append_column(PREDICTED, [found.numpy()])
        writer = writer or pq.ParquetWriter(out, whole.schema, compression="zstd")
        writer.write_table(whole)
    if writer:
        writer.close()


def timed(command: Sequence[str]) -> Run:
    """Run a command to its end."""
    start = time.perf_counter()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def sgemm_rates(threads: int) -> tuple[float, float]:
    """GFLOP/s of float32 products, by the clock and by processor time: the best that was seen."""
    weight = torch.randn(HIDDEN_UNITS, HIDDEN_UNITS)

    def alone(_: int) -> None:
        torch.set_num_threads(1)
        units, out = torch.randn(ROWS, HIDDEN_UNITS), torch.empty(ROWS, HIDDEN_UNITS)
        for _ in range(PRODUCTS):
            torch.mm(units, weight, out=out)

    def each() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(alone, range(threads)))
        torch.set_num_threads(threads)

    many = threads * PRODUCTS * ROWS
    units, out = torch.randn(many // 10, HIDDEN_UNITS), torch.empty(many // 10, HIDDEN_UNITS)

    def together() -> None:
        for _ in range(10):
            torch.mm(units, weight, out=out)

    times = [seconds(run) for run in (each, together) for _ in range(REPEATS)]
    done = 2e-9 * HIDDEN_UNITS**2 * many
    return done / min(clock for clock, _ in times), done / min(cpu for _, cpu in times)


def seconds(run: Callable[[], None]) -> tuple[float, float]:
    """Return how long something takes, by the clock and of all processors."""
    start, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - cpu


def work(rows: int) -> float:
    """GFLOP of the networks' products for so many rows: two for each weight."""
    shapes = (weight.shape for weight in StackedNetworks.from_seeds(len(BANDS), [0]).weights)
    return 2e-9 * rows * len(SEEDS) * sum(inputs * outputs for _, inputs, outputs in shapes)


def furthest(first: Path, second: Path) -> float:
    """Return the largest difference of two files' forecasts."""
    ours, theirs = (pq.read_table(path, columns=[PREDICTED])[PREDICTED] for path in (first, second))
    return float(np.abs(ours.to_numpy() - theirs.to_numpy()).max())


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer galaxies, under 45 s")
    parser.add_argument("--rows", type=int, help=f"galaxies (default: {TABLE_ROWS:,})")
    parser.add_argument("--plain", nargs=3, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.plain:
        plain_loop(*args.plain)
        return
    rows, threads = args.rows or (QUICK_ROWS if args.quick else TABLE_ROWS), usable_cores()
    with tempfile.TemporaryDirectory() as folder:
        model, table, mine, plain = (
            Path(folder) / name for name in (MODEL_FILE, "t.parquet", "o.parquet", "p.parquet")
        )
        write_model(model)
        write_table(table, rows)
        command = [sys.executable, "-m", "transferz.cli", "predict", "--model", str(model)]
        before = sgemm_rates(threads)
        ours = timed([*command, str(table), "--out", str(mine), "--threads", str(threads)])
        rates = tuple(map(max, before, sgemm_rates(threads)))
        theirs = timed([sys.executable, __file__, "--plain", *map(str, (model, table, plain))])
        gap = furthest(mine, plain)
    if not gap <= SAME:
        raise AssertionError(f"forecasts differ by {gap:.2e}, more than {SAME:g}")
    report(rows, threads, rates, ours, theirs, gap)


def report(
    rows: int, threads: int, rates: tuple[float, ...], ours: Run, theirs: Run, gap: float
) -> None:
    """Print what was measured."""
    floor, floor_cpu = (work(rows) / rate for rate in rates)
    print(f"{rows:,} galaxies x {len(SEEDS)} seeds, {threads} threads, parquet to parquet")
    print(f"{'':<36}{'s':>8}{'cpu s':>8}{'GFLOP/s':>9}{'of sgemm':>9}{'by cpu':>8}{'MB':>7}")
    for name, run in (("transferz predict", ours), ("plain loop of batched products", theirs)):
        print(
            f"{name:<36}{run.seconds:8.1f}{run.cpu:8.1f}{work(rows) / run.seconds:9.1f}"
            f"{floor / run.seconds:9.0%}{floor_cpu / run.cpu:8.0%}{run.peak_mb:7.0f}"
        )
    print(f"{'the products alone, by torch.mm':<36}{floor:8.1f}{floor_cpu:8.1f}{rates[0]:9.1f}")
    print(f"largest difference of two forecasts {gap:.1e}")
    figures = {
        "name": "predict",
        "ours_s": round(ours.seconds, 2),
        "reference": f"PyTorch's batched products in batches of {BATCH:,} rows, pyarrow",
        "reference_s": round(theirs.seconds, 2),
        "ratio": round(theirs.seconds / ours.seconds, 2),
        "peak_mb": round(ours.peak_mb),
        "reference_peak_mb": round(theirs.peak_mb),
        "rows": rows,
        "seeds": len(SEEDS),
        "sgemm_gflops": round(rates[0], 1),
        "share_of_sgemm": round(floor / ours.seconds, 3),
        "share_of_sgemm_by_cpu": round(floor_cpu / ours.cpu, 3),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
