"""Flip single bytes of a release and see whether `transferz verify` names the damaged file.

``python tests/flips.py --flips 500 --seed 1 RELEASE`` works on a copy and prints, per file, how
many bytes were flipped and how many of these flips were found.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from transferz.dataset.verify.verifying import verify

PAGES = 0.2
"""Share of the flips in small text files, the manifest included; the rest falls anywhere."""


@dataclass
class Tally:
    """Flips by file, and those of them that were found in that file."""

    flips: Counter = field(default_factory=Counter)
    found: Counter = field(default_factory=Counter)

    @property
    def missed(self) -> int:
        return self.flips.total() - self.found.total()

    def report(self) -> str:
        width = max(map(len, self.flips))
        lines = [
            f"{name:{width}}  {self.flips[name]:5}  {self.found[name]:5}"
            for name in sorted(self.flips)
        ]
        small = sum(count for name, count in self.flips.items() if is_page(name))
        total = f"{self.flips.total()} flips, {small} of them in pages: {self.found.total()} found"
        return "\n".join([f"{'file':{width}}  flips  found", *lines, total]) + "\n"


def is_page(name: str) -> bool:
    return not name.endswith((".parquet", ".index", ".png"))


def places(release: Path, flips: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Files and offsets: a share of them in the pages, each as often, the rest anywhere."""
    paths = sorted(path for path in release.rglob("*") if path.is_file())
    sizes = {path.relative_to(release).as_posix(): path.stat().st_size for path in paths}
    pages = [name for name in sizes if is_page(name)]
    small = [pages[k % len(pages)] for k in range(int(PAGES * flips))]
    ends = np.cumsum(list(sizes.values()))
    anywhere = np.searchsorted(ends, rng.integers(ends[-1], size=flips - len(small)), side="right")
    names = small + [list(sizes)[k] for k in anywhere]
    return [(name, int(rng.integers(sizes[name]))) for name in names]


def flip(path: Path, offset: int, mask: int) -> None:
    """Change one byte; doing it again restores it."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


def campaign(release: Path, flips: int, seed: int) -> Tally:
    """Flip bytes of a release one after the other, restoring each."""
    rng = np.random.default_rng(seed)
    tally = Tally()
    for name, offset in places(release, flips, rng):
        mask = int(rng.integers(1, 256))
        flip(release / name, offset, mask)
        tally.flips[name] += 1
        tally.found[name] += any(one.file == name for one in verify(release))
        flip(release / name, offset, mask)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description="Flip bytes of a release; is each flip found?")
    parser.add_argument("release", type=Path, help="a release directory; a copy is damaged")
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / "transferz"
        shutil.copytree(arguments.release, damaged)
        if broken := verify(damaged):
            sys.stderr.write(f"not sound to begin with: {broken[0]}\n")
            return 2
        start = time.perf_counter()
        tally = campaign(damaged, arguments.flips, arguments.seed)
    sys.stdout.write(tally.report())
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s\n")
    return int(tally.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
