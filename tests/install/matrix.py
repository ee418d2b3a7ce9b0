"""Install the package in fresh environments and run commands of each family there: `make matrix`.

Each extra is installed by itself, on every Python that is found, in the lowest versions that
pyproject.toml allows and in the newest that the package index has: a bound that is not true fails
here. All is made of the source distribution: the wheel, and for `build` a checkout, whose pipeline
is run. Commands read the mock's release (`make repro`), in a temporary folder, and never the Hub.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "data/mock/release/transferz"
TABLE = str(RELEASE / "transferz" / "test-00000-of-00001.parquet")

RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

LOAD = "import transferz as t; print(t.to_{}(t.load_dataset('transferz', split='test')))"
SCORE = ("transferz", "score", TABLE, "--true", "redshift", "--pred", "i_cmodel_mag")
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


def check(python: str, extra: str, resolution: str, archive: Path) -> str:
    """Install and run; returns what went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.unpack_archive(archive, folder, filter="data")
        source, empty = next(folder.glob("transferz-*")), folder / "empty"
        empty.mkdir()
        try:
            variables = install(python, extra, RESOLUTIONS[resolution], source, folder)
            variables |= {"TRANSFERZ_RELEASE": str(RELEASE), "HF_HUB_OFFLINE": "1"}
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
    """Check the cells asked for; prints a line each, and returns 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--python", action="append", help=f"repeatable (default: {PYTHONS})")
    parser.add_argument("--extra", action="append", choices=COMMANDS, help="repeatable (all)")
    parser.add_argument("--only", choices=RESOLUTIONS, help="lowest or newest (default: both)")
    args = parser.parse_args(argv)
    if not RELEASE.is_dir():
        parser.error(f"{RELEASE} is missing; run `make repro` first")
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        call(("uv", "build", "--quiet", "--sdist", "--out-dir", name, "."), ROOT)
        archive = next(Path(name).glob("*.tar.gz"))
        print("| extra | Python | versions | seconds | |\n| --- | --- | --- | ---: | --- |")
        cells = itertools.product(
            args.extra or COMMANDS,
            args.python or [python for python in PYTHONS if is_here(python)],
            [args.only] if args.only else RESOLUTIONS,
        )
        for extra, python, resolution in cells:
            start = time.monotonic()
            wrong = check(python, extra, resolution, archive)
            failed += bool(wrong)
            seconds = time.monotonic() - start
            word = "fails" if wrong else "works"
            print(
                f"| {extra or '–'} | {python} | {resolution} | {seconds:.0f} | {word} |", flush=True
            )
            if wrong:
                sys.stderr.write(f"{wrong}\n")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
