"""Choose what to compute on, and name it."""

import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.schemas.errors import ParameterError

if TYPE_CHECKING:
    import torch

DEVICES = ("cpu", "cuda")
CPU_FILE = Path("/proc/cpuinfo")


def find_device(name: str) -> "torch.device":
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ... into a device that works here.

    A GPU becomes the current one: CUDA graphs are recorded on that.

    Raises
    ------
    ParameterError
        Where there is no such device, or it is neither a CPU nor a CUDA GPU.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"no device '{name}' here: {reason}; try --device cpu") from None
    if device.type not in DEVICES:
        raise ParameterError(f"device '{name}' has no float64, or is none; try --device cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def describe_hardware(device: str) -> dict[str, str]:
    """Name the processor, its cores and, where the run was on one, the GPU.

    Parameters
    ----------
    device : str
        What PyTorch calls it, such as ``cpu`` or ``cuda:0``.

    Returns
    -------
    dict of str to str
        ``cpu`` (its model, or the architecture where the system does not tell), ``cores`` (those
        that this process may use) and perhaps ``gpu``.
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
