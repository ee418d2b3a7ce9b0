"""Full disks, for every command that writes: nothing half is left, and what was there stays."""

import contextlib
import io
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fuzzing.commands.attempt import Trial
from fuzzing.commands.workshop import BANDS, Workshop

Rng = np.random.Generator
MACHINE = "--quiet --threads 1 --device cpu"
OWN = f"--bands {','.join(BANDS)} --redshift z_spec --seeds 1 --quiet"

COMMANDS = {
    "predict": "predict TABLE --model MODEL --out OUT.TABLE " + MACHINE,
    "magnitudes": "magnitudes TABLE --unit ujy --out OUT.TABLE",
    "check-leak": "check-leak TABLE --release RELEASE --write-clean OUT.TABLE",
    "benchmark": f"benchmark median --table TABLE {OWN} --out OUT --replace",
    "train": f"train nn_spec --table TABLE {OWN} --epochs 1 {MACHINE} --out OUT --replace",
    "distill": f"distill TABLE --model MODEL --epochs 1 {MACHINE} --out OUT --replace",
    "specz": "specz CATALOGUE --out OUT.parquet",
    "export": "export OUT.EXPORT --release RELEASE --replace",
    "deposit": "deposit OUT --release RELEASE",
    "compare": "compare RELEASE RELEASE --json OUT.json",
    "diff": "diff RELEASE RELEASE --rows OUT.parquet",
    "score": "score TABLE --true z_spec --pred z_phot --plot OUT",
    "leaderboard": "leaderboard --entries RUNS --html OUT.html",
    "leaderboard add": "leaderboard add RUNS/nn_combo --entries OUT --replace --release RELEASE",
}
ENDINGS = {
    "OUT.TABLE": (".csv", ".csv.gz", ".parquet", ".fits"),
    "OUT.EXPORT": (".fits", ".vot", ".ecsv", ".hdf5"),
}


def _argv(command: str, rng: Rng, shop: Workshop, out: Path) -> list[str]:
    line = COMMANDS[command]
    for word, endings in ENDINGS.items():
        line = line.replace(word, f"OUT{endings[rng.integers(4)]}")
    places = {"TABLE": shop.table, "MODEL": shop.model, "RELEASE": shop.release, "RUNS": shop.runs}
    places["CATALOGUE"] = shop.catalogue
    for word, place in (places | {"OUT": out / "it"}).items():
        line = line.replace(word, str(place))
    return line.split()


def make(command: str, rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """A sound command line, an older output perhaps, and files that can't grow beyond a size."""
    from transferz.cli import main

    argv = _argv(command, rng, shop, folder.parent / "out")
    size = int(10 ** rng.uniform(0.0, 5.0))
    has_old = rng.random() < 0.5

    def run(words: list[str]) -> int:
        with _limited(size):
            return main(words)

    if has_old:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(argv)
        assert status in (0, 1), said.getvalue()
    old = "an older output" if has_old else "no output yet"
    return Trial(argv, damage=f"files of {size} bytes at most, {old}", run=run)


@contextlib.contextmanager
def _limited(size: int) -> Iterator[None]:
    """Let no file grow beyond a size."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, before)
