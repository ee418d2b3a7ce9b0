"""Forecasts for a HATS collection: partitions on Dask, against one file and against LSDB's own way.

A collection of 5 million galaxies and its margin, a parquet file of the same rows, and a model of
10 seeds of random weights. `transferz predict` over the file with one thread, over the collection
with one worker of one thread (not with `--quick`) and with two; then two workers, of whom one is
killed (signal 9) midway, and a run that is killed whole midway and begun again. All give the same
bytes, file by file, and the rows of the one file the same bits.

The reference is what LSDB's users write: `map_partitions` of a function that loads the model and
forecasts with PyTorch's batched products, then `write_catalog`, on two Dask workers. It is on the
same partitions, margin included.

Memory is each process's own highest; a worker's is bounded by a chunk of rows, not by a partition.

Run as ``python benchmarks/catalogues.py [--quick] [--rows N]``.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from predict import BANDS, write_model

from transferz.baselines.networks import MODEL_FILE, PREDICTED

ROWS, QUICK_ROWS = 5_000_000, 20_000
PART_ROWS, QUICK_PART_ROWS = 250_000, 4_000
MARGIN = 10.0

WORKERS, LSDB = "collection, workers: {}", "LSDB: map_partitions, write_catalog"

Timed = tuple[float, int, float]
"""Seconds, rows, and the highest memory of a process, MB."""

NAIVE = """
import sys
import numpy as np, torch

def forecast(frame, model):
    from transferz.baselines.networks.ensemble import load_ensemble
    from pathlib import Path
    ensemble = load_ensemble(Path(model)).ensemble
    columns = [frame[name].to_numpy(dtype=np.float64) for name in {bands}]
    with torch.no_grad():
        found = ensemble.networks(ensemble.scaled(np.column_stack(columns))).double().mean(dim=0)
    return frame.assign({predicted}=found.numpy())

if __name__ == "__main__":
    import lsdb
    from dask.distributed import Client
    model, place, out = sys.argv[1:]
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        sky = lsdb.open_catalog(place)
        meta = sky.meta.assign({predicted}=np.empty(0))
        sky.map_partitions(forecast, model, meta=meta).write_catalog(
            out, catalog_name="sky", progress_bar=False
        )
"""


def write_sky(folder: Path, rows: int, most: int) -> Path:
    """Write a collection as LSDB does, and the same rows, in its order, in one file."""
    import lsdb

    rng = np.random.default_rng(7)
    side = 20.0  # deg
    columns = {
        "object_id": np.arange(rows) + 43_158_605_133_375_001,
        "ra": rng.uniform(150.0 - side / 2, 150.0 + side / 2, rows),
        "dec": rng.uniform(-side / 2, side / 2, rows),
    }
    for name in BANDS:
        columns[name] = np.round(rng.uniform(18, 27, rows), 4).astype(np.float32)
        columns[f"{name}sigma"] = np.round(rng.uniform(0, 0.3, rows), 4).astype(np.float32)
    sky = lsdb.from_dataframe(
        pd.DataFrame(columns), partition_rows=most, margin_threshold=MARGIN, catalog_name="sky"
    )
    sky.write_catalog(folder / "sky", catalog_name="sky", progress_bar=False)
    with pq.ParquetWriter(folder / "one.parquet", schema(folder), compression="zstd") as writer:
        for path in leaves(folder / "sky" / "sky").values():
            writer.write_table(pq.ParquetFile(path).read())
    return folder / "sky"


def schema(folder: Path) -> pa.Schema:
    """Return the columns of the collection's leaves."""
    return pq.read_schema(next(iter(leaves(folder / "sky" / "sky").values())))


def leaves(place: Path) -> dict[str, Path]:
    """Find the files with rows, by their path in a catalogue."""
    return {
        str(p.relative_to(place)): p for p in sorted(place.rglob("Norder=*/Dir=*/Npix=*.parquet"))
    }


def finished(unfinished: Path) -> int:
    """Count the files that are done of a collection that is being made."""
    return sum(1 for _ in unfinished.glob("done/*/dataset/Norder=*/Dir=*/*.json"))


class Watch:
    """A command that runs, and the highest memory of it and of each process that it starts."""

    def __init__(self, command: Sequence[str], threads: int = 1) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self.started = time.perf_counter()
        self.run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self.peaks: dict[int, float] = {}

    def processes(self) -> list[int]:
        """List the command's process and those below it, and note what each has had of memory."""
        found, waiting = [], [self.run.pid]
        while waiting:
            pid = waiting.pop()
            try:
                text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
            except OSError:
                continue
            found.append(pid)
            waiting += map(int, children.split())
            if "VmHWM:" in text:
                self.peaks[pid] = int(text.split("VmHWM:")[1].split()[0]) / 1024
        return found

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so, or the command has ended."""
        while self.run.poll() is None and not reached():
            self.processes()
            time.sleep(0.05)

    def end(self, *, killed: bool = False) -> float:
        """Wait for the end, and return the seconds since the start."""
        self.until(lambda: False)
        if (self.run.returncode != 0) != killed:
            raise RuntimeError(f"{self.run.args} ended with {self.run.returncode}")
        return time.perf_counter() - self.started

    @property
    def peak_mb(self) -> float:
        """The highest memory of any process."""
        return max(self.peaks.values())


def kill(pids: Sequence[int]) -> None:
    """Kill processes, as a full machine or a scheduler of jobs does."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def workers_of(watch: Watch) -> list[int]:
    """Find the processes that forecast: those that import the networks, but for the first."""
    found = []
    for pid in watch.processes()[1:]:
        maps = Path(f"/proc/{pid}/maps")
        if maps.exists() and "libtorch" in maps.read_text(encoding="utf-8", errors="replace"):
            found.append(pid)
    return found


def require_same(found: Path, expected: Path) -> None:
    """Raise where two catalogues' files with rows are not the same bytes."""
    ours, theirs = leaves(found), leaves(expected)
    if list(ours) != list(theirs):
        raise AssertionError(f"{found} has other files than {expected}")
    for name, path in ours.items():
        if path.read_bytes() != theirs[name].read_bytes():
            raise AssertionError(f"{found}/{name} differs")


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer galaxies, under 45 s")
    parser.add_argument("--rows", type=int, help=f"galaxies (default: {ROWS:,})")
    args = parser.parse_args()
    rows = args.rows or (QUICK_ROWS if args.quick else ROWS)
    with tempfile.TemporaryDirectory() as name:
        if args.quick:
            measure(Path(name), rows, QUICK_PART_ROWS, (2,))
        else:
            measure(Path(name), rows, PART_ROWS, (1, 2))


def measure(folder: Path, rows: int, most: int, counts: Sequence[int]) -> None:
    """Run all and report."""
    write_model(folder / MODEL_FILE)
    sky = write_sky(folder, rows, most)
    total = sum(pq.read_metadata(path).num_rows for path in leaves(sky).values())
    command = [sys.executable, "-m", "transferz.cli", "predict", "--model", str(folder)]

    def predict(table: Path, out: str, *options: str) -> Watch:
        return Watch([*command, str(table), "--out", str(folder / out), "--quiet", *options])

    file = predict(folder / "one.parquet", "one_out.parquet", "--threads", "1")
    times = {"one file, one thread": (file.end(), rows, file.peak_mb)}
    for workers in counts:
        run = predict(sky, f"out{workers}", "--workers", str(workers))
        times[WORKERS.format(workers)] = (run.end(), total, run.peak_mb)
    begun = len(leaves(sky)) // 3
    struck = predict(sky, "struck", "--workers", "2")
    struck.until(lambda: finished(folder / "struck.unfinished") >= begun)
    kill(workers_of(struck)[:1])
    times["two workers, one killed"] = (struck.end(), total, struck.peak_mb)
    kept, redone = cut_and_resumed(predict, sky, begun, times, total)
    naive = folder / "naive.py"
    naive.write_text(NAIVE.format(bands=BANDS, predicted=PREDICTED), encoding="utf-8")
    theirs = Watch([sys.executable, str(naive), *map(str, (folder, sky, folder / "lsdb"))])
    times[LSDB] = (theirs.end(), total, theirs.peak_mb)
    for name in ("struck", "cut", *(f"out{workers}" for workers in counts)):
        require_same(folder / name, folder / "out2")
    require_rows(folder)
    report(times, rows, len(leaves(sky)), kept, redone)


def cut_and_resumed(
    predict: Callable[..., Watch], sky: Path, begun: int, times: dict[str, Timed], total: int
) -> tuple[int, int]:
    """Kill a whole run midway and begin it again; count the files kept, and those done again."""
    unfinished, out = sky.with_name("cut.unfinished"), sky.with_name("cut")
    cut = predict(sky, "cut", "--workers", "2")
    cut.until(lambda: finished(unfinished) >= begun)
    kill(cut.processes())
    cut.end(killed=True)
    kept = {n: p.stat().st_mtime_ns for n, p in leaves(unfinished / "catalogue").items()}
    again = predict(sky, "cut", "--workers", "2")
    times["begun again after its end"] = (again.end(), total, again.peak_mb)
    resumed = leaves(out)
    return len(kept), sum(resumed[name].stat().st_mtime_ns != at for name, at in kept.items())


def require_rows(folder: Path) -> None:
    """Raise where the collection's forecasts are not, bit for bit, those of the one file."""
    parts = [
        pq.ParquetFile(path).read([PREDICTED]) for path in leaves(folder / "out2/sky").values()
    ]
    ours = pa.concat_tables(parts)[PREDICTED].to_numpy()
    one = pq.read_table(folder / "one_out.parquet", columns=[PREDICTED])[PREDICTED].to_numpy()
    if ours.tobytes() != one.tobytes():
        raise AssertionError("the collection's forecasts differ from those of one file")
    parts = [
        pq.ParquetFile(path).read([PREDICTED]) for path in leaves(folder / "lsdb/sky").values()
    ]
    gap = float(np.abs(pa.concat_tables(parts)[PREDICTED].to_numpy() - one).max())
    if not gap <= 1e-5:
        raise AssertionError(f"LSDB's forecasts differ by {gap:.2e}")


def report(times: dict[str, Timed], rows: int, files: int, kept: int, redone: int) -> None:
    """Print what was measured."""
    print(f"{rows:,} galaxies x 10 seeds, {files} files with the margin's")
    print(f"{'':<40}{'s':>8}{'rows/s':>10}{'MB of a process':>17}")
    for name, (spent, done, peak) in times.items():
        print(f"{name:<40}{spent:8.1f}{done / spent:10,.0f}{peak:17.0f}")
    print(f"the same bytes each time; of {kept} files done before the end, done again: {redone}")
    rate = {name: done / spent for name, (spent, done, _) in times.items()}
    ours, theirs = times[WORKERS.format(2)], times[LSDB]
    figures = {
        "name": "catalogues",
        "ours_s": round(ours[0], 2),
        "reference": "LSDB's map_partitions of a plain function and write_catalog, two workers",
        "reference_s": round(theirs[0], 2),
        "ratio": round(theirs[0] / ours[0], 2),
        "peak_mb": round(ours[2]),
        "reference_peak_mb": round(theirs[2]),
        "rows": rows,
        "files": files,
        "kept": kept,
        "done_again": redone,
    }
    if (one := WORKERS.format(1)) in rate:
        figures["one_worker_to_one_file"] = round(rate[one] / rate["one file, one thread"], 3)
        figures["two_workers_to_one"] = round(rate[WORKERS.format(2)] / rate[one], 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
