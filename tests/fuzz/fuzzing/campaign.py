"""Corrupt, read, compare, count."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fuzzing.csv_mutators import CSV
from fuzzing.fits_mutators import FITS
from fuzzing.mutators import GENERIC, GZIP, Mutator, inside_gzip
from fuzzing.parquet_mutators import PARQUET
from fuzzing.seeds import Seed, make_seeds

SPECIFIC = {"fits": FITS, "csv": CSV, "parquet": PARQUET, "hdf5": GENERIC}
SPECIFIC_SHARE = 0.7  # of the corrupted files; the rest take damage that any file can
SECONDS_PER_FILE = 60
LIBHDF5_SHARE, LIBHDF5_SECONDS = 0.25, 10  # the C library crashes or hangs on some damaged files
RUN = Path(__file__).parents[1] / "run.py"

SOUND = -1  # number of the case without damage
REFUSED, EQUAL, FAILED, LOST = "refused", "equal", "failed", "lost"


@dataclass(frozen=True)
class Case:
    """One corrupted set of files."""

    seed: Seed
    number: int
    damaged: str
    mutators: tuple[str, ...]
    files: dict[str, bytes]


def make_case(seed: Seed, campaign: int, place: int, number: int) -> Case:
    """Corrupt one of a seed's files: the same in every run with the same numbers.

    Number `SOUND` leaves them as they are.
    """
    if number == SOUND:
        return Case(seed, number, next(iter(seed.files)), (), seed.files)
    rng = np.random.default_rng([campaign, place, number])
    name = list(seed.files)[number % len(seed.files)]
    original = seed.files[name]
    while True:
        content, used = original, []
        for _ in range(1 if rng.random() < 0.8 else 2):
            mutator = _pick(rng, seed, name)
            try:
                content = mutator(rng, content)
            except Exception:  # the first damage left nothing that the second could take
                continue
            used.append(mutator.__name__)
        if content != original:
            return Case(seed, number, name, tuple(used), seed.files | {name: content})


def _pick(rng: np.random.Generator, seed: Seed, name: str) -> Mutator:
    specific = SPECIFIC[seed.kind]
    if not name.endswith(".gz"):
        choice = specific if rng.random() < SPECIFIC_SHARE else GENERIC
        return choice[rng.integers(len(choice))]
    inner = specific if rng.random() < SPECIFIC_SHARE else GENERIC
    choice = (GENERIC, GZIP, tuple(map(inside_gzip, inner)))[rng.integers(3)]
    return choice[rng.integers(len(choice))]


@dataclass
class Tally:
    """What became of the corrupted files of one format."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    hash_refused: int = 0
    failures: list[str] = field(default_factory=list)


class Worker:
    """A process that judges cases, so that a crash or a hang is a result and not the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> int | None:
        if self._process is None:
            return None
        self._process.kill()
        status = self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process = None
        return status

    def judge(self, seed: Seed, *numbers: int) -> dict[str, object]:
        """Judge one case, named by campaign, place of the seed, and number.

        Where the process dies or does not end, a second one checks the hash alone.
        """
        seconds = LIBHDF5_SECONDS if seed.kind == "hdf5" else SECONDS_PER_FILE
        verdict, reason = self._ask([*numbers, True], seconds)
        if verdict:
            return verdict
        hashed, _ = self._ask([*numbers, False], SECONDS_PER_FILE)
        lost = LOST if seed.kind == "hdf5" else FAILED
        return (hashed or {"hash_refused": False}) | {"verdict": lost, "reason": reason}

    def _ask(self, question: list[int], seconds: float) -> tuple[dict[str, object], str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(RUN), "--worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONWARNINGS": "ignore"},
            )
            self._process.stdout.readline()  # it is ready: imports take no part in the time
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return json.loads(line), ""
        status = self._stop()
        return {}, f"the process died with status {status}" if ready else f"no end in {seconds} s"


def serve() -> None:
    """Judge the cases that standard input names, one JSON line each."""
    from fuzzing.judge import check_hash, judge, limit_memory

    limit_memory()
    seeds = make_seeds()
    sys.stdout.write("ready\n")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        sys.stdout.flush()
        for line in sys.stdin:
            campaign, place, number, read = json.loads(line)
            answer = judge if read else check_hash
            verdict = answer(make_case(seeds[place], campaign, place, number), Path(folder))
            sys.stdout.write(json.dumps(verdict) + "\n")
            sys.stdout.flush()


def run_campaign(files: int, campaign: int, keep: Path | None = None) -> list[Tally]:
    """Judge at least `files` corrupted files, the same number for every format.

    Parameters
    ----------
    files : int
        How many, over all formats but HDF5; rounded up. HDF5 comes on top, with a share.
    campaign : int
        Seed of the random numbers.
    keep : Path, optional
        Folder for the inputs that fail.
    """
    seeds = make_seeds()
    each = -(-files // sum(seed.kind != "hdf5" for seed in seeds))
    with Worker() as worker:
        return [
            _run_format(worker, seed, campaign, place, each, keep)
            for place, seed in enumerate(seeds)
        ]


def _run_format(
    worker: Worker, seed: Seed, campaign: int, place: int, each: int, keep: Path | None
) -> Tally:
    tally = Tally(seed.name)
    sound = worker.judge(seed, campaign, place, SOUND)
    if sound["verdict"] != EQUAL or sound["hash_refused"]:
        tally.failures.append(f"{seed.name}, undamaged: {sound['reason'] or 'hash'}")
    for number in range(int(each * LIBHDF5_SHARE) if seed.kind == "hdf5" else each):
        verdict = worker.judge(seed, campaign, place, number)
        tally.counts[verdict["verdict"]] += 1
        tally.hash_refused += bool(verdict["hash_refused"])
        if verdict["verdict"] == FAILED or not verdict["hash_refused"]:
            case = make_case(seed, campaign, place, number)
            tally.failures.append(_describe(case, verdict))
            _save(case, keep)
    return tally


def _describe(case: Case, verdict: dict[str, object]) -> str:
    return f"{case.seed.name} #{case.number} ({', '.join(case.mutators)}): {verdict['reason']}"


def _save(case: Case, keep: Path | None) -> None:
    if keep is None:
        return
    folder = keep / case.seed.name.replace(" ", "_") / str(case.number)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in case.files.items():
        (folder / name).write_bytes(content)


COLUMNS = ("files", REFUSED, EQUAL, FAILED, LOST, "hash")
HEADINGS = ("files", "refused", "equal rows", "failures", "lost", "hash refused")
LEGEND = """
refused     by an error of ours, with nothing written and the old output untouched
equal rows  accepted, with the very rows that another reader gives on the same bytes: astropy
            (fitsio where astropy raises), pandas, h5py
lost        libhdf5 crashed or did not end; in other formats that is a failure
"""


def report(tallies: list[Tally]) -> str:
    """Lay the counts out, a line per format, then the failures."""
    line = ("{:<28}" + "{:>13}" * len(COLUMNS) + "\n").format
    text = line("format", *HEADINGS)
    total: Counter[str] = Counter()
    for tally in tallies:
        counts = tally.counts | Counter(files=tally.counts.total(), hash=tally.hash_refused)
        total += counts
        text += line(tally.name, *(counts[key] for key in COLUMNS))
    text += line("all", *(total[key] for key in COLUMNS)) + LEGEND
    text += f"with the hash known, {total['hash']} of {total['files']} are refused\n"
    return text + "".join(f"FAILED {failure}\n" for one in tallies for failure in one.failures)
