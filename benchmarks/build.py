"""The build at COSMOS2020's size: our stages against the same steps in pandas and astropy.

From ingested tables to the release: select, match, split, release, for a COSMOS2020 of 1.72
million rows with HSC and GalaxiesML in the mock's proportion (`build_input.py`). Each stage runs
in a process of its own, which gives its peak memory; its time leaves out Python's start and
imports. The reference (`build_reference.py`) does not check its tables, keep what it removed or
sort its rows. Run as ``python benchmarks/build.py [--quick] [--rows N]``.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROWS, QUICK_ROWS = 1_720_000, 200_000
FACTOR = 0.12  # of the default mock's area: one tile
STAGES = ("select", "match", "split", "release")
CONFIGS = ("transferz", "galaxiesml", "combo")
RELEASE = Path("data/cosmos2020/release/transferz")


def main() -> None:
    """Print a table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows, under 45 s")
    parser.add_argument("--rows", type=int, help=f"of COSMOS2020 (default {ROWS:,})")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    rows = arguments.rows or (QUICK_ROWS if arguments.quick else ROWS)
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(Path(__file__).parents[1] / "params.yaml", place)
        measure(rows, Path(place))


def measure(rows: int, place: Path) -> None:
    """Make the input, run both, check them against each other and print."""
    sizes = run(place, "input", str(rows))
    print("rows in:", ", ".join(f"{name} {n:,}" for name, n in sizes["result"].items()))
    ours, reference = ({one: run(place, who, one) for one in STAGES} for who in ("ours", "theirs"))
    checked = run(place, "check")["result"]
    print(f"{'stage':<10}{'ours':>9}{'rows/s':>12}{'peak':>10}{'pandas':>11}{'peak':>10}")
    for one in STAGES:
        line(one, rows, ours[one]["seconds"], ours[one]["peak_mb"], reference[one])
    ours_s, reference_s = (sum(s["seconds"] for s in who.values()) for who in (ours, reference))
    peaks = [max(s["peak_mb"] for s in who.values()) for who in (ours, reference)]
    line("all", rows, ours_s, peaks[0], {"seconds": reference_s, "peak_mb": peaks[1]})
    print(", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in checked.items()))
    figures = {
        "name": "build",
        "ours_s": round(ours_s, 2),
        "reference": "pandas + astropy + hashlib",
        "reference_s": round(reference_s, 2),
        "ratio": round(reference_s / ours_s, 2),
        "peak_mb": peaks[0],
        "reference_peak_mb": peaks[1],
        "rows": rows,
        "rows_per_s": round(rows / ours_s),
        "stages": {
            one: {
                "ours_s": ours[one]["seconds"],
                "reference_s": reference[one]["seconds"],
                "rows_per_s": round(rows / ours[one]["seconds"]),
                "peak_mb": ours[one]["peak_mb"],
                "reference_peak_mb": reference[one]["peak_mb"],
            }
            for one in STAGES
        },
        **checked,
    }
    print(json.dumps(figures))


def line(name: str, rows: int, seconds: float, peak: int, reference: dict) -> None:
    """Print one line of the table."""
    print(
        f"{name:<10}{seconds:>7.2f} s{rows / seconds:>12,.0f}{peak:>7,} MB"
        f"{reference['seconds']:>9.2f} s{reference['peak_mb']:>7,} MB"
    )


def run(place: Path, *task: str) -> dict:
    """Run a task in a process of its own; its seconds, peak memory in MB, and result."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", *task]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(task)} failed")
    return json.loads(done.stdout)


def child(task: str, argument: str = "") -> None:
    """Run a task here and print what `run` returns."""
    work = prepared(task, argument)
    start = time.perf_counter()
    result = work()
    seconds = round(time.perf_counter() - start, 3)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "result": result}))


def prepared(task: str, argument: str) -> Callable[[], object]:
    """Import what a task needs."""
    if task == "input":
        from build_input import make_input

        return lambda: make_input(int(argument), FACTOR)
    if task == "check":
        return check
    if task == "ours":
        return our_stage(argument)
    import build_reference

    return getattr(build_reference, argument)


def our_stage(name: str) -> Callable[[], None]:
    """A stage as `dvc repro` runs it; for ``select`` all three catalogues."""
    from importlib import import_module

    import scipy.sparse.csgraph  # noqa: F401 (imported when first needed, like pandera)

    from transferz.dataset.pipeline.stage import Layout
    from transferz.schemas import REMOVED
    from transferz.schemas.survey.frames import arrow_schema, to_frame
    from transferz.schemas.survey.frames import check as check_table

    check_table(to_frame(arrow_schema(REMOVED).empty_table(), REMOVED), REMOVED)

    layout, module = Layout("cosmos2020"), import_module(f"transferz.dataset.{name}")
    work = getattr(module, name)
    if name != "select":
        return lambda: work(layout)

    def select() -> None:
        for catalogue in layout.catalogues:
            work(layout, catalogue)

    return select


def check() -> dict[str, int]:
    """Compare the rows of both and count them.

    Both must match the same rows. What is released may differ only where two objects lie within
    the radius: of a pair in different splits one is left out, and the reference's splits come from
    another hash. (``combo`` follows from the other two; it differs further where a spectroscopic
    row is left out and the photometric one is not.)
    """
    import pandas as pd

    from transferz.schemas.survey.files import index_file

    def ids(path: Path) -> set[int]:
        return set(pd.read_parquet(path, columns=["object_id"])["object_id"])

    interim, other = Path("data/cosmos2020/interim"), Path("reference")
    columns = ["object_id", "cosmos_id", "spectroscopic_id"]
    ours, reference = (
        pd.read_parquet(path, columns=columns, dtype_backend="numpy_nullable")
        .sort_values("object_id")
        .reset_index(drop=True)
        for path in (interim / "match/table.parquet", other / "matched.parquet")
    )
    pd.testing.assert_frame_equal(ours, reference, check_dtype=False)
    neighbours = ids(other / "neighbours.parquet")
    counts = {"matched_rows": len(ours)}
    for config in CONFIGS:
        found = ids(index_file(RELEASE, config))
        expected = ids(other / f"{config}.index.parquet")
        if config != "combo" and not found ^ expected <= neighbours:
            raise SystemExit(f"{config}: rows differ that have no neighbour")
        counts |= {f"{config}_rows": len(found), f"{config}_conflicts": len(found ^ expected)}
    return counts


if __name__ == "__main__":
    main()
