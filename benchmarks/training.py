"""Training all initialisations at once, against one at a time, on the same machine and data.

The network of the paper (122,006 weights, batches of 100) on random galaxies. One step of all seeds
is timed; what an epoch does besides is shuffling and one validation pass. Ours is the step that
`baselines.networks.training` takes. The reference is the same network alone, seed after seed, with
resident tensors, fused Adam and the same threads. Printed beside it: the same with batches from a
DataLoader and, on a GPU, a single network's step as a CUDA graph.

The roofline floor is what the machine must do in any case: the step's matrix products at the
measured rate of batched products of these shapes, and on a GPU the bytes of weights, gradients and
moments over the measured bandwidth. On a CPU the share of the measured sgemm rate is printed.

Run as ``python benchmarks/training.py [--quick] [--device cuda] [--seeds 100] [--tf32]``; with
``--memory`` it trains 100 seeds on 300,000 rows for an epoch instead (minutes), and says how much
memory that took.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from training_reference import count_weights, make_adam, new_network, train_step

from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.networks.environment import default_threads, describe_hardware, find_device
from transferz.baselines.networks.network import (
    HIDDEN_LAYERS,
    HIDDEN_UNITS,
    StackedNetworks,
)
from transferz.baselines.networks.training import (
    Schedule,
    cuda_graph,
    make_optimiser,
    make_step,
    train,
)

BANDS, ROWS = 5, 12_000
SCHEDULE = Schedule()
BATCH = SCHEDULE.batch_size
ROUNDS = 5
PASSES = 10
"""Bytes moved per byte of weights: read forward and backward, gradient written; Adam reads weights,
gradient and two moments, and writes all but the gradient."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained on what."""

    device: torch.device
    seeds: int
    features: torch.Tensor  # (N, B)
    labels: torch.Tensor  # (N,)
    repeats: int

    def batches(self) -> torch.Tensor:
        """New random batches for all seeds, shape (S, n)."""
        return torch.randint(ROWS, (self.seeds, BATCH), device=self.device)

    def seconds(self, run: Callable[[], Any], repeats: int | None = None) -> float:
        """Median seconds of a call, after a warm-up."""
        times = []
        for turn in range(5 + (repeats or self.repeats)):
            start = time.perf_counter()
            run()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            if turn >= 5:
                times.append(time.perf_counter() - start)
        return statistics.median(times)


def at_once(task: Task) -> Callable[[], None]:
    """All seeds in one step, as we train them."""
    networks = StackedNetworks.from_seeds(BANDS, range(task.seeds)).to(task.device)
    optimiser = make_optimiser(networks, SCHEDULE.learning_rate)
    step = make_step(networks, optimiser, task.features, task.labels)
    return lambda: step(task.batches())


def alone(task: Task) -> Callable[[], None]:
    """One step of each seed, one seed after the other."""
    networks = [new_network(BANDS, seed, device=str(task.device)) for seed in range(task.seeds)]
    optimisers = [make_adam(network, SCHEDULE) for network in networks]

    def step() -> None:
        for network, optimiser, rows in zip(networks, optimisers, task.batches(), strict=True):
            train_step(network, optimiser, task.features[rows], task.labels[rows])

    return step


def loader_step(task: Task) -> float:
    """Seconds per step of one seed whose batches a DataLoader makes, times the seeds."""
    data = torch.utils.data.TensorDataset(task.features.cpu(), task.labels.cpu())
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True)
    network = new_network(BANDS, 0, device=str(task.device))
    optimiser = make_adam(network, SCHEDULE)
    batches = iter(loader)

    def step() -> None:
        features, labels = (one.to(task.device) for one in next(batches))
        train_step(network, optimiser, features, labels)

    return task.seconds(step, min(task.repeats, ROWS // BATCH - 5)) * task.seeds


def graphed_step(task: Task) -> float:
    """Seconds per step of one seed as a CUDA graph, times the seeds."""
    single = Task(task.device, 1, task.features, task.labels, task.repeats)
    return single.seconds(at_once(single)) * task.seeds


def step_flops(seeds: int) -> int:
    """Operations in the matrix products of one step: forward, and both gradients behind it."""
    hidden = (HIDDEN_LAYERS - 1) * HIDDEN_UNITS**2
    forward = BANDS * HIDDEN_UNITS + hidden + HIDDEN_UNITS + BANDS
    without_input_gradient = 3 * forward - BANDS * HIDDEN_UNITS
    return 2 * seeds * BATCH * without_input_gradient


def product_rate(task: Task) -> float:
    """Operations per second of batched products of the hidden layers' shapes, all three kinds."""
    left = torch.rand(task.seeds, BATCH, HIDDEN_UNITS, device=task.device)
    right = torch.rand(task.seeds, HIDDEN_UNITS, HIDDEN_UNITS, device=task.device)
    pairs = [(left, right), (left, right.mT), (left.mT, left)]
    runs = [_repeated(task, lambda a=a, b=b: torch.bmm(a, b)) for a, b in pairs]
    return 3 * 2 * task.seeds * BATCH * HIDDEN_UNITS**2 / sum(runs)


def sgemm_rate(task: Task) -> float:
    """Operations per second of one large product of square matrices."""
    size = 8192 if task.device.type == "cuda" else 2048
    one, other = (torch.rand(size, size, device=task.device) for _ in range(2))
    return 2 * size**3 / task.seconds(lambda: one @ other, 10)


def bandwidth(task: Task, numbers: int) -> float:
    """Bytes per second of a triad over arrays as large as the weights of all seeds."""
    one, two, out = (torch.rand(numbers, device=task.device) for _ in range(3))
    return 3 * 4 * numbers / _repeated(task, lambda: torch.add(one, two, out=out))


def _repeated(task: Task, run: Callable[[], Any], times: int = 20) -> float:
    """Seconds of one of many calls in a row; on a GPU in one graph, without launch costs."""

    def many() -> None:
        for _ in range(times):
            run()

    if task.device.type == "cuda":
        many()
        return task.seconds(cuda_graph(many)) / times
    return task.seconds(many, 20) / times


def measure(task: Task, on_gpu: bool) -> dict[str, float]:
    """Time everything; in turns, so that all meet the same disturbances."""
    ours, reference = at_once(task), alone(task)
    rounds = [
        {
            "ours_s": task.seconds(ours),
            "reference_s": task.seconds(reference, max(3, task.repeats // 4)),
            "product_rate": product_rate(task),
            "sgemm_rate": sgemm_rate(task),
        }
        for _ in range(ROUNDS)
    ]
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    found["flops"] = step_flops(task.seeds)
    found["floor_s"] = found["flops"] / found["product_rate"]
    found["loader_s"] = loader_step(task)
    if on_gpu:
        numbers = count_weights(new_network(BANDS, 0)) * task.seeds
        found["bandwidth"] = bandwidth(task, numbers)
        found["floor_s"] += PASSES * 4 * numbers / found["bandwidth"]
        found["graphed_s"] = graphed_step(task)
    return found


def print_table(task: Task, found: dict[str, float]) -> None:
    """Show each way's time per step of all seeds, and what the machine could do at best."""
    names = {
        "ours_s": "all at once",
        "reference_s": "one at a time, resident tensors, fused Adam",
        "loader_s": "one at a time, DataLoader",
        "graphed_s": "one at a time, CUDA graph",
        "floor_s": "roofline floor",
    }
    print(
        f"{task.seeds} seeds, batch {BATCH}, {count_weights(new_network(BANDS, 0)):,} weights each"
    )
    for name, title in names.items():
        if name in found:
            rate = found["flops"] / found[name] / 1e9
            print(f"{title:<46}{found[name] * 1e3:10.3f} ms per step{rate:10.1f} GFLOP/s")
    print(f"{'batched products of these shapes':<46}{found['product_rate'] / 1e9:32.1f} GFLOP/s")
    print(f"{'large square product (sgemm)':<46}{found['sgemm_rate'] / 1e9:32.1f} GFLOP/s")
    if "bandwidth" in found:
        print(f"{'bandwidth':<46}{found['bandwidth'] / 1e9:32.1f} GB/s")


def figures(task: Task, found: dict[str, float], tf32: bool) -> dict[str, Any]:
    """What the last line says."""
    ours = found["ours_s"]
    return {
        "name": "training",
        "ours_s": round(ours, 6),
        "reference": "the same network alone, seed after seed: resident tensors, fused Adam",
        "reference_s": round(found["reference_s"], 6),
        "ratio": round(found["reference_s"] / ours, 2),
        "peak_mb": round(peak_mb(task.device)),
        "seeds": task.seeds,
        "over_loader": round(found["loader_s"] / ours, 2),
        **({"over_graphed": round(found["graphed_s"] / ours, 2)} if "graphed_s" in found else {}),
        "over_floor": round(ours / found["floor_s"], 2),
        "share_of_sgemm_rate": round(found["flops"] / ours / found["sgemm_rate"], 3),
        "share_of_product_rate": round(found["flops"] / ours / found["product_rate"], 3),
        "tf32": tf32,
        "threads": torch.get_num_threads(),
        "hardware": describe_hardware(str(task.device)),
    }


def peak_mb(device: torch.device) -> float:
    """Most memory that this process has had: the GPU's, or the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_memory(device: torch.device) -> dict[str, Any]:
    """Train 100 seeds on 300,000 random galaxies for one epoch."""
    rng = np.random.default_rng(0)
    training, validation = (
        Sample(rng.normal(22.0, 1.0, (rows, BANDS)), rng.gamma(2.0, 0.4, rows))
        for rows in (300_000, 30_000)
    )
    start = time.perf_counter()
    train(training, validation, seeds=range(100), schedule=Schedule(max_epochs=1), device=device)
    seconds = round(time.perf_counter() - start, 1)
    return {"name": "training memory", "ours_s": seconds, "peak_mb": round(peak_mb(device))}


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, under 45 s")
    parser.add_argument("--device", default="auto", help="cpu, cuda, ...")
    parser.add_argument("--seeds", type=int, help="(default: 10, on a GPU 100)")
    parser.add_argument("--threads", type=int, default=default_threads(), help="CPU threads")
    parser.add_argument("--tf32", action="store_true", help="products in TF32 on a GPU")
    parser.add_argument("--memory", action="store_true", help="peak memory of 100 seeds, 300k rows")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high" if args.tf32 else "highest")
    device = find_device(args.device)
    if args.memory:
        print(json.dumps(measure_memory(device)))
        return
    on_gpu = device.type == "cuda"
    features = torch.rand(ROWS, BANDS, device=device)
    labels = 2.0 * torch.rand(ROWS, device=device)
    repeats = 50 if args.quick else 200
    task = Task(device, args.seeds or (100 if on_gpu else 10), features, labels, repeats)
    found = measure(task, on_gpu)
    print_table(task, found)
    print(json.dumps(figures(task, found, args.tf32)))


if __name__ == "__main__":
    main()
