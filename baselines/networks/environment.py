"""Look after what surrounds a computation: the device, the threads, and how far it is."""

import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from transferz.schemas.errors import ParameterError
from transferz.tables.printing import minutes, progress_line

if TYPE_CHECKING:
    import torch


DEVICES = ("cpu", "cuda")
TRY, OF_CPU = "try device=cpu", {"device": "--device "}
CPU_FILE = Path("/proc/cpuinfo")


def find_device(name: str) -> "torch.device":
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ... into a device that works here.

    A GPU becomes the current one: CUDA graphs are recorded on that. A `ParameterError` says where
    there is no such device, or it is neither a CPU nor a CUDA GPU.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"no device '{name}' here: {reason}; {TRY}", **OF_CPU) from None
    if device.type not in DEVICES:
        raise ParameterError(f"device '{name}' has no float64, or is none; {TRY}", **OF_CPU)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def describe_hardware(device: str) -> dict[str, str]:
    """Name the processor, its cores and, where the run was on one, the GPU.

    `device` is as PyTorch calls it, such as ``cuda:0``. Returns ``cpu`` (its model, or the
    architecture where the system does not tell), ``cores`` (those that this process may use) and
    perhaps ``gpu``.
    """
    try:
        text = CPU_FILE.read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    cpu = model[1].strip() if model else platform.processor() or platform.machine()
    hardware = {"cpu": cpu, "cores": str(usable_cores())}
    if device.startswith("cuda"):
        import torch

        hardware["gpu"] = torch.cuda.get_device_name(device)
    return hardware


def usable_cores() -> int:
    """Count the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def default_threads() -> int:
    """Return as many threads as OMP_NUM_THREADS says, or else as there are cores."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdecimal() and int(threads) else usable_cores()


class Epoch(NamedTuple):
    """Where a training stands after an epoch, counted from 1.

    `training` of all `seeds` are still training: `loss` is their mean validation loss, `best_loss`
    that of all seeds' best. `seconds_left` is at least until the patience of the last seed ends, if
    it does not get better again.
    """

    epoch: int
    training: int
    seeds: int
    loss: float
    best_loss: float
    seconds_left: float


@contextmanager
def epoch_line(title: str, *, quiet: bool = False) -> Iterator[Callable[[Epoch], None] | None]:
    """Show the epochs of the training of `title`.

    Yields what `transferz.baselines.networks.training.train` takes as `progress`; None where it is
    `quiet`.
    """
    with progress_line(title, quiet=quiet, unit=" epochs") as line:

        def show(epoch: Epoch) -> None:
            line.set_postfix_str(
                f"{epoch.training}/{epoch.seeds} seeds training, "
                f"validation loss {epoch.loss:.4f}, best {epoch.best_loss:.4f}, "
                f"at least {minutes(epoch.seconds_left)} left",
                refresh=False,
            )
            line.update()

        yield show if line is not None else None


@contextmanager
def row_line(total: int | None, *, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """Show how many of a table's rows, `total` where known, are done.

    Yields what `transferz.baselines.networks.forecasting.predict_table` takes as `progress`; None
    where it is `quiet`.
    """
    with progress_line(quiet=quiet, total=total, unit=" rows", unit_scale=True) as line:
        yield (lambda done: line.update(done - line.n)) if line is not None else None
