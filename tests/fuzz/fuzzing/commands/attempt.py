"""Run one command in a process of its own, within bounds, and judge what any command must keep.

A process is forked for each input, so that modules are imported once and nothing outlives it.
"""

import hashlib
import json
import os
import re
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
MEMORY = 2 << 30  # bytes resident beyond those of the process it is forked from
HUGE_FILE = 1 << 28
JUDGING = 120  # seconds more, for the oracle
OUT = "out"  # the folder that a command may write to; all else must stay as it is

TOKEN = "hf_" + "s3cretT0ken" * 3
"""Login of the process; no output may hold it."""

USER_ERROR = 2
STATUSES = (0, 1, USER_ERROR, 3)  # 3: check-leak, of a check that says nothing
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
KEPT = re.compile(r"\.seeds/seed-\d+\.parquet")  # finished seeds, to go on from
NO_MEMORY = "there is not enough memory"
NO_ROOM = ("MemoryError", "ArrowMemoryError", "std::bad_alloc")

REFUSED, RIGHT = "refused", "right"
TRACEBACK, STATUS, HANG, HUGE, WRONG, OUTPUT, LEFT, HARNESS = FINDINGS = (
    "traceback",
    "status",
    "hang",
    "memory",
    "wrong",
    "output",
    "left",
    "harness",
)


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit status, what it printed, and what it changed in `out`."""

    status: int
    stdout: str
    stderr: str
    out: Path
    changed: list[str]


def nothing_more(outcome: Outcome) -> str:
    """Ask nothing of a command but what is asked of all."""
    return ""


@dataclass(frozen=True)
class Trial:
    """A command to run, and the judge of what it gives where it does not refuse.

    The judge returns what is wrong, empty where all is right. `run` stands in for the command line.
    The inputs have to stay as they are, unless the arguments may name one as the output.
    """

    argv: list[str]
    judge: Callable[[Outcome], str] = nothing_more
    damage: str = ""
    run: Callable[[list[str]], int] | None = None
    writes_anywhere: bool = False


Make = Callable[[Path], Trial]


@dataclass(frozen=True)
class Verdict:
    """How an input ended: `REFUSED`, `RIGHT`, or one of `FINDINGS` with its reason."""

    kind: str
    reason: str = ""
    argv: str = ""
    damage: str = ""
    seconds: float = 0.0
    bytes: int = 0


def attempt_all(makes: Iterator[tuple[int, Make]], jobs: int) -> Iterator[tuple[int, Verdict]]:
    """Make and run trials, some processes at a time; yield each one's number and verdict."""
    with selectors.DefaultSelector() as waiting:
        running: dict[int, tuple[int, int, float, Path, bytearray]] = {}
        more = True
        while more or running:
            while more and len(running) < jobs:
                number, make = next(makes, (None, None))
                if more := number is not None:
                    pid, pipe, folder = _start(make)
                    running[pipe] = (number, pid, time.monotonic(), folder, bytearray())
                    waiting.register(pipe, selectors.EVENT_READ)
            for key, _ in waiting.select(1.0):
                running[key.fd][4].extend(data := os.read(key.fd, 1 << 16))
                if not data:
                    yield _end(waiting, running, key.fd, "")
            for pipe, (_, pid, start, *_) in list(running.items()):
                if time.monotonic() - start > SECONDS + JUDGING:
                    os.kill(pid, signal.SIGKILL)
                    yield _end(waiting, running, pipe, "no end")


def _end(waiting, running, pipe: int, why: str) -> tuple[int, Verdict]:
    number, pid, start, folder, data = running.pop(pipe)
    waiting.unregister(pipe)
    os.close(pipe)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - start
    about = (folder / "about").read_text().split("\n", 1) if (folder / "about").exists() else ["?"]
    shutil.rmtree(folder, ignore_errors=True)
    if data and not why:
        return number, Verdict(**json.loads(data.decode()))
    sign = os.waitstatus_to_exitcode(status)
    killed = sign in (-signal.SIGALRM, -signal.SIGKILL) or why
    what = f"no end in {SECONDS} s" if killed else f"the process died with status {sign}"
    return number, Verdict(HANG if killed else TRACEBACK, what, *about, seconds=seconds)


def _start(make: Make) -> tuple[int, int, Path]:
    """Fork a process that makes a trial, runs it, judges it, and writes its verdict to a pipe."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader, folder
    try:
        os.close(reader)
        os.setpgid(0, 0)
        try:
            verdict = _attempt(make, folder)
        except BaseException:
            verdict = Verdict(HARNESS, traceback.format_exc(limit=-4))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(vars(verdict)).encode())
    finally:
        os._exit(0)


def _attempt(make: Make, folder: Path) -> Verdict:
    inputs = folder / "in"
    inputs.mkdir()
    (folder / OUT).mkdir()
    os.environ |= {"TMPDIR": str(folder), "HF_HOME": str(folder / "hub")}
    tempfile.tempdir = None
    os.chdir(folder / OUT)
    trial = make(inputs)
    said = " ".join(map(_plain, trial.argv))
    (folder / "about").write_text(f"{said}\n{trial.damage}")
    before = _state(inputs)
    start, held = time.monotonic(), _peak()
    outcome, trace = run(trial, folder)
    known = {
        "argv": said,
        "damage": trial.damage,
        "seconds": time.monotonic() - start,
        "bytes": _peak() - held,
    }
    kind, reason = judge(trial, outcome, trace, known["bytes"])
    stays = trial.writes_anywhere or before.items() <= _state(inputs).items()
    if kind in (REFUSED, RIGHT) and not stays:
        kind, reason = LEFT, "the command changed its input"
    return Verdict(kind, reason, **known)


def run(trial: Trial, folder: Path) -> tuple[Outcome, str]:
    """Run a trial's command with its output in files; a traceback is the second result."""
    from transferz.cli import main

    trace, status, before = "", -1, _state(folder / OUT)
    for number in (1, 2):
        sys.stdout.flush(), sys.stderr.flush()
        os.dup2(os.open(folder / f"fd{number}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    room = _address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    signal.alarm(SECONDS)
    try:
        status = (trial.run or main)(trial.argv)
    except SystemExit as end:  # argparse's
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        trace = traceback.format_exc(limit=-3)
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            trace += f"flush: {error}"
    texts = ((folder / f"fd{number}").read_bytes().decode(errors="replace") for number in (1, 2))
    after = _state(folder / OUT)
    changed = sorted(key for key in before | after if before.get(key) != after.get(key))
    return Outcome(status, *texts, folder / OUT, changed), trace


def judge(trial: Trial, outcome: Outcome, trace: str, size: int) -> tuple[str, str]:
    """Judge an outcome by what all commands must keep, then by the trial's own judge."""
    printed = outcome.stdout + outcome.stderr
    if trace:
        return (HUGE if any(word in trace for word in NO_ROOM) else TRACEBACK), trace
    if size > MEMORY:
        return HUGE, f"{size / 2**30:.1f} GB"
    if "Traceback (most recent call last)" in printed:
        return TRACEBACK, printed[-2000:]
    if outcome.status not in STATUSES:
        return STATUS, f"{outcome.status}: {printed[-500:]}"
    if NO_MEMORY in printed:
        return HUGE, printed[-500:]
    from_argparse = outcome.stderr.startswith("usage:")  # it repeats what the user has typed
    if found := CONTROL.search("" if from_argparse else printed):
        return (
            OUTPUT,
            f"{found[0]!r} in {printed[max(0, found.start() - 200) : found.end() + 60]!r}",
        )
    if TOKEN in printed:
        return OUTPUT, "the token"
    if outcome.status == USER_ERROR:
        if outcome.changed and not any(map(KEPT.search, outcome.changed)):
            return LEFT, f"{outcome.changed}: {outcome.stderr[-500:]}"
        if not outcome.stderr.strip():
            return OUTPUT, "exit status 2 without a word"
        return REFUSED, outcome.stderr
    wrong = trial.judge(outcome)
    return (WRONG, f"{wrong}\n{printed[-600:]}") if wrong else (RIGHT, printed[-500:])


def _peak() -> int:
    """Bytes resident at most so far; a fork begins with those of its parent, however large."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _state(folder: Path) -> dict[str, str]:
    """Digest of each file below a folder, and which folders there are."""
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() if is_file else ""
        for path in sorted(folder.rglob("*"))
        if (is_file := path.is_file() and not path.is_symlink()) or path.is_dir()
        if not is_file or path.stat().st_size < HUGE_FILE
    }


def _plain(text: str) -> str:
    shown = ascii(text)[1:-1]
    return shown if len(shown) < 200 else f"{shown[:200]}...({len(text)})"
