"""Say how a download gets on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Quiet:
    """Stands for the progress bar where nobody watches."""

    def __init__(self) -> None:
        self.bytes = 0

    def update(self, count: int) -> None:
        """Note that so many more bytes came."""
        self.bytes += count


@contextmanager
def show_progress(name: str, url: str, done: int, total: int | None) -> Iterator[Any]:
    """Show rate and time left on a terminal; elsewhere say one line before and one after."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(
            desc=name, initial=done, total=total, unit="B", unit_scale=True, file=sys.stderr
        ) as bar:
            yield bar
        return
    size = (
        "size unknown: its end can't be checked here" if total is None else f"{total / 1e6:,.1f} MB"
    )
    whence = f", from byte {done:,}" if done else ""
    sys.stderr.write(f"fetching {name} ({size}{whence}) from {url}\n")
    start, bar = time.monotonic(), _Quiet()
    yield bar
    seconds = time.monotonic() - start
    rate = bar.bytes / 1e6 / max(seconds, 1e-3)
    sys.stderr.write(f"fetched {name} in {seconds:.1f} s ({rate:,.1f} MB/s)\n")
