"""Install the package in fresh environments and run commands of each family there: `make matrix`.

Each extra is installed by itself, on every Python that is found, in the lowest versions that
pyproject.toml allows and in the newest that the package index has: a bound that is not true fails
here. All is made of the source distribution: the wheel, and for `build` a checkout, whose pipeline
is run. Commands read a copy of the mock's release (`make repro`), made at the start, in a temporary
folder, and never the Hub. The table that is printed stands in docs/index.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "data/mock/release/transferz"
RELEASE = Path("release")  # a link, in the folder that commands run in
TABLE = str(RELEASE / "transferz" / "test-00000-of-00001.parquet")

RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

LOAD = "import transferz as t; print(t.to_{}(t.load_dataset('transferz', split='test')))"
SCORE = ("transferz", "score", TABLE, "--true", "redshift", "--pred", "i_cmodel_mag")
QP = """
import numpy as np, qp
from transferz.baselines.forecasts.qp import read_qp
grid = np.linspace(0, 3, 61)
data = {"xvals": [grid] * 5, "yvals": [np.exp(-(((grid - 1) / 0.2) ** 2))] * 5}
qp.Ensemble(qp.interp_irregular, data=data).write_to("densities.hdf5")  # only qp reads this form
assert len(read_qp("densities.hdf5").distribution) == 5
"""
COMMANDS: dict[str, tuple[Sequence[str], ...]] = {
    "": (
        ("python", "-c", LOAD.format("pandas")),
        ("transferz", "info"),
        ("transferz", "completion", "bash"),
    ),
    "astropy": (
        ("python", "-c", LOAD.format("astropy")),
        ("transferz", "export", "rows.fits"),
        ("transferz", "export", "rows.vot", "--split", "test"),
    ),
    "lsdb": (("python", "-c", LOAD.format("lsdb")),),
    "score": (
        ("transferz", "verify"),
        ("transferz", "diff", str(RELEASE), str(RELEASE)),
        ("transferz", "leaderboard"),
        SCORE,
    ),
    "bench": (
        ("python", "-c", LOAD.format("torch")),
        ("transferz", "benchmark", "nearest", "--seeds", "1", "--out", "run"),
        ("transferz", "train", "nn_spec", "--seeds", "1", "--epochs", "1", "--out", "model"),
        ("transferz", "predict", "--model", "model", TABLE, "--out", "with.parquet"),
    ),
    "qp": (("python", "-c", QP),),
    "methods": tuple(
        ("transferz", "benchmark", name, "--seeds", "1", "--trial")
        for name in ("lightgbm", "xgboost", "catboost", "quantile_forest", "tabm", "realmlp")
    ),
    "build": (
        ("dvc", "config", "--local", "core.no_scm", "true"),
        ("dvc", "repro", "dvc.yaml"),
        ("transferz", "verify", "data/mock/release/transferz"),
        ("transferz", "export", "rows.fits"),
        ("transferz", "deposit", "zenodo"),
    ),
}
"""What is run with each extra; for `build` in a checkout, for the others in an empty folder."""


def call(command: Sequence[str], folder: Path, **variables: str) -> None:
    """Run a command; a `RuntimeError` has the last lines that it printed where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise RuntimeError(f"{' '.join(command)}\n    " + "\n    ".join(lines[-5:]))


def install(python: str, extra: str, resolution: str, source: Path, folder: Path) -> dict[str, str]:
    """Make an environment of the package with one extra; returns its variables."""
    place = folder / "environment"
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {"VIRTUAL_ENV": str(place), "PATH": path, "PYTHONHASHSEED": "0"}
    call(("uv", "venv", "--quiet", "--no-python-downloads", "--python", python, str(place)), folder)
    pip = ("uv", "pip", "install", "--quiet")
    # What pyproject.toml names is direct only where it is read itself, not from a wheel.
    named = (*pip, "--resolution", resolution, "-r", "pyproject.toml")
    call((*named, *(("--extra", extra) if extra else ())), source, **variables)
    what = ("--editable", ".") if extra == "build" else (".",)
    call((*pip, "--no-deps", *what), source, **variables)
    return variables


def check(python: str, extra: str, resolution: str, archive: Path, release: Path) -> str:
    """Install and run; returns what went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.unpack_archive(archive, folder, filter="data")
        source, empty = next(folder.glob("transferz-*")), folder / "empty"
        empty.mkdir()
        (empty / RELEASE).symlink_to(release)
        try:
            variables = install(python, extra, RESOLUTIONS[resolution], source, folder)
            variables |= {"TRANSFERZ_RELEASE": str(release), "HF_HUB_OFFLINE": "1"}
            variables |= {"HF_HOME": str(folder / "cache")}
            for command in COMMANDS[extra]:
                call(command, source if extra == "build" else empty, **variables)
        except RuntimeError as error:
            return str(error)
    return ""


def is_here(python: str) -> bool:
    """Whether this machine has that Python."""
    find = ("uv", "python", "find", "--no-python-downloads", python)
    return not subprocess.run(find, capture_output=True).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Check the cells asked for, print them as a table, and return 1 where one failed.

    What went wrong in each, and what each took, is said on stderr.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--python", action="append", help=f"repeatable (default: {PYTHONS})")
    parser.add_argument("--extra", action="append", choices=COMMANDS, help="repeatable (all)")
    parser.add_argument("--only", choices=RESOLUTIONS, help="lowest or newest (default: both)")
    args = parser.parse_args(argv)
    if not BUILT.is_dir():
        parser.error(f"{BUILT} is missing; run `make repro` first")
    pythons = args.python or [python for python in PYTHONS if is_here(python)]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        call(("uv", "build", "--quiet", "--sdist", "--out-dir", name, "."), ROOT)
        archive = next(Path(name).glob("*.tar.gz"))
        release = Path(name) / BUILT.name
        shutil.copytree(BUILT, release)
        print(f"| extra | versions | {' | '.join(pythons)} |")
        print(f"| --- | --- |{' --- |' * len(pythons)}", flush=True)
        for extra in args.extra or COMMANDS:
            for resolution in [args.only] if args.only else RESOLUTIONS:
                words = []
                for python in pythons:
                    start = time.monotonic()
                    wrong = check(python, extra, resolution, archive, release)
                    failed |= bool(wrong)
                    words.append("fails" if wrong else "works")
                    seconds = time.monotonic() - start
                    said = (extra or "none", resolution, python, words[-1], f"{seconds:.0f} s")
                    sys.stderr.write(f"{' '.join(said)}\n{wrong}\n".replace("\n\n", "\n"))
                shown = f"`{extra}`" if extra else "none"
                print(f"| {shown} | {resolution} | {' | '.join(words)} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
