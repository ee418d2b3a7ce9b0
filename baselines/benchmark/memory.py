"""The highest memory of this process, and of the GPU that it used."""

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

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
