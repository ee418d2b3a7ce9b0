"""How time and memory grow with the rows, from the cuts on a catalogue to the score of a forecast.

Each step is timed at several sizes, in a process of its own, which gives its peak memory; its time
leaves out Python's start and imports. The rows are generated, with the declared columns of the
survey ``mock`` and random values, 100,000 to the square degree, so that the sky grows and not the
crowd: they stand for no galaxies. The reference is the smallest size, extrapolated in proportion to
the rows: a ratio of 1 is linear, above it better.

Run as ``python benchmarks/growth.py [--quick] [--rows N ...] [--write FILE]``. With ``--write`` the
figures are added to those in a file, so that sizes can be measured one by one; ``--plan`` measures
nothing, and prints what the figures in ``benchmarks/growth.json`` mean for whole surveys.
"""

import argparse
import contextlib
import io
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks/growth.json"
ROWS, QUICK_ROWS = (100_000, 1_000_000), (3_000, 15_000)
STEPS = (
    *("select", "match", "match_lsdb", "split", "release", "card"),
    *("verify", "load", "predict", "score"),
)
QUICK_STEPS = ("select", "match", "split", "release", "score")
OF_RELEASE = ("card", "verify", "load")  # those need a whole one
DENSITY, HEIGHT = 100_000, 10.0  # objects per square degree; degrees of the strip they fill
SPECTRA = 10  # one of so many objects has a spectrum
SHARED, SAME_ID = 60, 40  # of both samples; by id, the others by position
BANDS = ",".join(f"{band}_cmodel_mag" for band in "grizy")
SEED, RADIUS_ARCSEC = 11, 1.0
FIRST_ID = 40_000_000_000_000_000  # HSC's ids are of this size


def main() -> None:
    """Print a table for each size, the growth, and as the last line the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and steps, under 45 s")
    parser.add_argument("--rows", type=lambda text: int(float(text)), nargs="+", help=f"{ROWS}")
    parser.add_argument("--steps", nargs="+", choices=STEPS, help="(default: all)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="add the figures to a file")
    parser.add_argument("--plan", action="store_true", help="what the figures mean for surveys")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
    elif arguments.plan:
        import growth_plan

        growth_plan.main(json.loads(MEASURED.read_text(encoding="utf-8")))
    else:
        sizes = arguments.rows or (QUICK_ROWS if arguments.quick else ROWS)
        steps = arguments.steps or (QUICK_STEPS if arguments.quick else STEPS)
        figures = {rows: measure(rows, steps) for rows in sorted(sizes)}
        if arguments.write:
            figures = keep(figures, arguments.write)
        report(figures)


# --- a step in a process of its own


def measure(rows: int, steps: tuple[str, ...]) -> dict[str, Any]:
    """Generate the input of a size and run the steps on it, one after another."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        place = Path(folder)
        run(place, "generate", rows)
        found = {}
        print(
            f"{rows:,} rows\n{'step':<12}{'time':>10}{'rows/s':>13}{'peak':>11}{'over imports':>14}"
        )
        made = {"split", "release", "card"} if {*steps} & {*OF_RELEASE} else set()
        for step in STEPS:
            result = run(place, step, rows) if step in {*steps} | made else {}
            if step in steps:
                found[step] = result
                speed = rows / result["seconds"]
                print(
                    f"{step:<12}{result['seconds']:>8.2f} s{speed:>13,.0f}"
                    f"{result['peak_mb']:>8,} MB{result['peak_mb'] - result['base_mb']:>11,} MB",
                    flush=True,
                )
        size = sum(path.stat().st_size for path in (place / "data/mock/release").rglob("*.parquet"))
        catalogue = (place / "data/mock/interim/ingest/hsc/table.parquet").stat().st_size
    disk = {"release": round(size / rows, 1), "ingest": round(catalogue / rows, 1)}
    return {"steps": found, "bytes_per_row": disk}


def run(place: Path, step: str, rows: int) -> dict[str, float]:
    """Run a step; its seconds, and its peak memory and that before it began, in MB."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", step, str(rows)]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{step} of {rows:,} rows failed")
    return json.loads(done.stdout.splitlines()[-1])


def child(step: str, rows: str) -> None:
    """Run a step here and print what `run` returns."""
    sys.path += [str(ROOT / "tests"), str(ROOT / "benchmarks")]
    work = prepared(step, int(rows))
    base, start = peak_mb(), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": round(seconds, 3), "peak_mb": peak_mb(), "base_mb": base}))


def peak_mb() -> int:
    """Peak memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def prepared(step: str, rows: int) -> Callable[[], object]:
    """Import what a step needs, and what it would import when it begins."""
    if step == "generate":
        import growth_input

        return lambda: growth_input.generate(rows)
    if step in ("match", "match_lsdb"):
        return match(step)
    if step in ("verify", "predict", "score"):
        return command(step)
    if step == "load":
        import datasets  # noqa: F401
        import torch  # noqa: F401

        import transferz
        from transferz.schemas import BANDS as bands

        place = Path("data/mock/release/transferz").resolve()
        return lambda: transferz.to_torch(place, bands, config="combo")
    return stage(step)


def stage(name: str) -> Callable[[], object]:
    """A stage as `dvc repro` runs it; ``select`` for the photometry."""
    import pandera.pandas  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401

    from transferz.dataset.pipeline.stage import Layout

    layout, module = (
        Layout("mock", Path("data").resolve()),
        import_module(f"transferz.dataset.{name}"),
    )
    work, arguments = getattr(module, name), ["hsc"] if name == "select" else []

    def run_stage() -> None:
        with contextlib.chdir("project"):
            work(layout, *arguments)

    return run_stage


def match(step: str) -> Callable[[], object]:
    """Mutual nearest neighbours of two catalogues of so many rows, each read from a file."""
    import pyarrow.parquet as pq

    from transferz.dataset.sky.matching import Whole
    from transferz.dataset.sky.positions import Positions, together

    def parts(name: str) -> Callable[[], Iterator[Positions]]:
        def read() -> Iterator[Positions]:
            with pq.ParquetFile(f"sky/{name}.parquet") as file:
                for group in range(file.num_row_groups):
                    columns = file.read_row_group(group).columns
                    yield Positions(*(column.to_numpy() for column in columns))

        return read

    first, second = parts("first"), parts("second")
    if step == "match":
        return lambda: Whole(together(first()), together(second())).matches(RADIUS_ARCSEC)
    from transferz.dataset.sky import partitions

    def matches(one: Callable, other: Callable, folder: str) -> object:
        divided = partitions.Partitioned.written(one, other, Path(folder), RADIUS_ARCSEC)
        return divided.matches(RADIUS_ARCSEC)

    few = Positions([1.0, 1.0], [1.0, 2.0], [1, 2])  # LSDB compiles a part of itself, for seconds
    matches(lambda: [few], lambda: [few], "sky/few")
    return lambda: matches(first, second, "sky/partitions")


def command(name: str) -> Callable[[], object]:
    """A command as `transferz` runs it."""
    from transferz.cli import main as transferz

    release = "data/mock/release/transferz"
    arguments = {
        "verify": [release],
        "predict": ["forecast_me.parquet", "--model", "model", "--out", "out.parquet", "--quiet"],
        "score": ["forecasts.parquet", "--true", "z_true", "--pred", "z_pred"],
    }[name]
    import_module(
        "transferz.dataset.verify.verifying" if name == "verify" else f"transferz.cli.{name}"
    )
    if name == "predict":
        import torch  # noqa: F401

        what = [
            "nn_spec",
            "--table",
            "train_me.parquet",
            "--redshift",
            "redshift",
            "--bands",
            BANDS,
        ]
        how = ["--epochs", "1", "--batch-size", "1000", "--out", "model", "--quiet"]
        train = [sys.executable, "-m", "transferz.cli", "train", *what, *how]
        subprocess.run(train, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run_command() -> None:
        if transferz([name, *arguments]):
            raise SystemExit(f"transferz {name} failed: run it on this input to see why")

    return run_command


# --- figures


def keep(figures: dict[int, dict], path: Path) -> dict[int, dict]:
    """Add figures to those in a file, a step's in place of older ones, and return them all."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for rows, found in figures.items():
        steps = before.get(str(rows), {}).get("steps", {}) | found["steps"]
        before[str(rows)] = found | {"steps": steps}
    path.write_text(json.dumps(before, indent=2) + "\n", encoding="utf-8")
    return {int(rows): found for rows, found in sorted(before.items(), key=lambda one: int(one[0]))}


def growth(figures: dict[int, dict], step: str) -> dict[str, float]:
    """The exponent of time with rows, and the bytes that a further row takes in the end."""
    known = {rows: one["steps"][step] for rows, one in figures.items() if step in one["steps"]}
    logs = [(math.log(rows), math.log(one["seconds"])) for rows, one in known.items()]
    (small, before), (large, after) = list(known.items())[-2:]
    return {
        "exponent": round(statistics.linear_regression(*zip(*logs, strict=True)).slope, 2),
        "last_exponent": round(
            math.log(after["seconds"] / before["seconds"]) / math.log(large / small), 2
        ),
        "bytes_per_row": round((after["peak_mb"] - before["peak_mb"]) * 2**20 / (large - small)),
    }


def report(figures: dict[int, dict]) -> None:
    """Print how each step grows, and the figures as JSON."""
    sizes = list(figures)
    smallest, largest = figures[sizes[0]]["steps"], figures[sizes[-1]]["steps"]
    both = [step for step in STEPS if step in smallest and step in largest]
    found = {step: growth(figures, step) for step in both} if len(sizes) > 1 else {}
    if found:
        print(f"{'step':<12}{'time ~ rows^':>14}{'at the end':>12}{'memory per row':>18}")
    for step, one in found.items():
        print(
            f"{step:<12}{one['exponent']:>14.2f}{one['last_exponent']:>12.2f}"
            f"{one['bytes_per_row']:>16,} B"
        )
    ours = sum(largest[step]["seconds"] for step in both)
    reference = sum(smallest[step]["seconds"] for step in both) * sizes[-1] / sizes[0]
    line = {
        "name": "growth",
        "ours_s": round(ours, 2),
        "reference": f"{sizes[0]:,} rows, in proportion",
        "reference_s": round(reference, 2),
        "ratio": round(reference / ours, 2),
        "peak_mb": max(largest[step]["peak_mb"] for step in both),
        "rows": sizes,
        "steps": {
            step: found.get(step, {}) | {str(n): figures[n]["steps"].get(step) for n in sizes}
            for step in both
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
