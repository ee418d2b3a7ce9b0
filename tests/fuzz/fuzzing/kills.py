"""Kill every command that writes, at random moments, and look at what is left.

Each run is a process forked from this one, so that modules are imported once. Half of them are
killed at a moment of their time, half at one of their steps: what Python announces to its audit
hooks of opened, made, renamed and removed files. After the kill each output is the old one or the
new one, and no other file has changed; after the same command again all is as if nothing had
happened, whatever the kill had left.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[3]
State = dict[str, str]  # path -> digest of its bytes

STEPS = ("open", "os.", "shutil.", "ctypes.")
FINISHED = 10  # runs that may end before they are killed, for each that is


@dataclass(frozen=True)
class Work:
    """A command to be killed. It runs in a folder of its own, which `prepare` fills.

    `outputs` are what it writes there, files or folders, each of which is swapped as a whole; what
    begins with one of `kept` may stay between runs. Where the new output tells the time, `whole`
    says whether it is one.
    """

    name: str
    run: Callable[[], int | None]
    outputs: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None
    kept: tuple[str, ...] = ()
    whole: Callable[[Path], object] | None = None


@dataclass
class Tally:
    """What came of a command's kills: outputs that were old or new, and what a rerun cleared."""

    name: str
    kills: int = 0
    new: int = 0
    left: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Whole:
    """A run that nobody kills: how it ends, its time and steps, what is there before and after."""

    status: int
    seconds: float
    steps: int
    before: State
    after: State


def run_kills(works: Sequence[Work], kills: int, seed: int) -> list[Tally]:
    """Kill the works in turn until there are so many kills, and tell what came of each work's."""
    tallies = [Tally(work.name) for work in works]
    with tempfile.TemporaryDirectory() as name:
        wholes = [_run_whole(work, Path(name) / "whole") for work in works]
        for number in range(kills * FINISHED):
            if sum(tally.kills for tally in tallies) == kills:
                break
            rng, place = np.random.default_rng([seed, number]), number % len(works)
            attempt = Path(name) / "killed"
            _kill(works[place], wholes[place], tallies[place], rng, attempt)
            shutil.rmtree(attempt)
    return tallies


def _kill(work: Work, whole: Whole, tally: Tally, rng: np.random.Generator, folder: Path) -> None:
    """Kill one run, look at what is there, run it again, and look once more."""
    _prepare(work, folder)
    seconds, step = rng.uniform(0.0, whole.seconds), int(rng.integers(whole.steps))
    at_step = bool(rng.integers(2))
    process = _start(work, folder, step if at_step else None)
    if not at_step:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    status = _wait(process)
    if status == whole.status:
        return  # it was faster
    moment = f"killed at step {step}" if at_step else f"killed after {seconds:.3f} s"
    if status != -signal.SIGKILL:
        tally.failures.append(f"{moment}: ended with {status}: {_said(folder)}")
        return
    tally.kills += 1
    found = _state(folder)
    outputs = [_of(found, output) for output in work.outputs]
    for output, state in zip(work.outputs, outputs, strict=True):
        if state != _of(whole.before, output) and not _is_new(work, whole, folder, output, state):
            tally.failures.append(f"{moment}: {output} is neither old nor new: {sorted(state)}")
    changed = {path for path in whole.before if found.get(path) != whole.before[path]}
    if strangers := {path for path in changed if not _belongs(path, work.outputs + work.kept)}:
        tally.failures.append(f"{moment}: changed {sorted(strangers)}")
    tally.new += outputs != [_of(whole.before, output) for output in work.outputs]
    tally.left += any(".transferz-" in path for path in found)
    if (status := _wait(_start(work, folder, None))) != whole.status:
        tally.failures.append(f"{moment}: the next run ended with {status}: {_said(folder)}")
        return
    again = _state(folder)
    if set(again) != set(whole.after) or (not work.whole and again != whole.after):
        differ = sorted(dict(again.items() ^ whole.after.items()))
        tally.failures.append(f"{moment}: after the next run {differ} differ")


def _is_new(work: Work, whole: Whole, folder: Path, output: str, state: State) -> bool:
    if work.whole is None:
        return state == _of(whole.after, output)
    try:
        work.whole(folder / output)
    except Exception:
        return False
    return set(state) == set(_of(whole.after, output))


def _run_whole(work: Work, folder: Path) -> Whole:
    _prepare(work, folder)
    before, start = _state(folder), time.monotonic()
    status = _wait(_start(work, folder, -1))
    seconds = time.monotonic() - start
    if status not in (0, 1):  # 1 says that there is a leak
        raise AssertionError(f"{work.name} ended with {status}: {_said(folder)}")
    steps = int(_beside(folder, "steps").read_text())
    after = _state(folder)
    shutil.rmtree(folder)
    return Whole(status, seconds, steps, before, after)


def _prepare(work: Work, folder: Path) -> None:
    folder.mkdir()
    with contextlib.chdir(folder):
        work.prepare()


def _start(work: Work, folder: Path, last_step: int | None) -> int:
    """Start a run that is killed at its step `last_step`; where that is -1, they are counted."""
    process = os.fork()
    if process:
        with contextlib.suppress(OSError):
            os.setpgid(process, process)  # whoever is first
        return process
    status = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        said = os.open(_beside(folder, "said"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(said, stream)
        sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))  # noqa: SIM115
        steps = 0

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal steps
            if event.startswith(STEPS) and event != "os.killpg":
                if steps == last_step:
                    os.killpg(os.getpgrp(), signal.SIGKILL)
                steps += 1

        if last_step is not None:
            sys.addaudithook(count)
        status = work.run() or 0
        if last_step == -1:
            _beside(folder, "steps").write_text(str(steps))
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _beside(folder: Path, name: str) -> Path:
    return folder.with_name(f"{folder.name}.{name}")


def _said(folder: Path) -> str:
    return _beside(folder, "said").read_text(errors="replace")[-2000:]


def _state(folder: Path) -> State:
    """Digest of every file below a folder, and of empty folders."""
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        if path.is_file()
        else "an empty folder"
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def _of(state: State, output: str) -> State:
    """The part of a state that is an output's."""
    return {path: digest for path, digest in state.items() if _belongs(path, (output,))}


def _belongs(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def report(tallies: Sequence[Tally]) -> str:
    """Lay out the counts, a line per command, and all failures."""
    from transferz.tables.printing import aligned

    names = ("killed", "new output", "something left", "failures")
    rows = [["command", *names]]
    for tally in tallies:
        counts = (tally.kills, tally.new, tally.left, len(tally.failures))
        rows.append([tally.name, *map(str, counts)])
    sums = [str(sum(int(row[k]) for row in rows[1:])) for k in range(1, len(names) + 1)]
    lines = aligned([*rows, ["all", *sums]], right=True)
    lines += [f"FAILED {tally.name}: {failure}" for tally in tallies for failure in tally.failures]
    return "\n".join(lines) + "\n"


# --- what is killed


@contextlib.contextmanager
def all_works() -> Iterator[list[Work]]:
    """Yield every command and stage that writes, with all that they need."""
    from upstream_server import UpstreamServer

    from fuzzing.commands.workshop import set_up

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123
            shop = set_up(folder / "shop")
        (folder / "upstream").mkdir()
        upstream = stack.enter_context(UpstreamServer(folder / "upstream"))
        yield [*_commands(shop), *_stages(shop), _fetch(upstream)]


def _commands(shop: Any) -> list[Work]:
    from transferz.baselines.leaderboard.entries import read_run

    table, release, runs = str(shop.table), str(shop.release), str(shop.runs)
    machine = ("--quiet", "--threads", "1", "--device", "cpu")
    own = ("--table", table, "--bands", "g,r,i,z,y", "--redshift", "z_spec", "--id", "object_id")
    run = (*own, "--seeds", "1", "--quiet", "--replace", "--out", "out")
    predict = ("predict", table, "--model", str(shop.model), *machine)
    score = ("score", table, "--true", "z_spec", "--pred", "z_phot")
    board = ("--entries", "entries", "--release", release)
    add = ("leaderboard", "add", f"{runs}/nn_spec", *board, "--replace")

    def entries() -> None:
        Path("entries").mkdir()
        for one in sorted(shop.runs.iterdir()):
            shutil.copy(one / "entry.yaml", f"entries/{one.name}.yaml")

    return [
        *(_command((*predict, "--out"), f"out{end}") for end in (".csv", ".parquet", ".fits")),
        *(
            _command(("export", "--release", release, "--replace"), f"out{end}")
            for end in (".fits", ".vot", ".ecsv", ".hdf5")
        ),
        _command(("magnitudes", table, "--unit", "ujy", "--out"), "out.parquet"),
        _command(("check-leak", table, "--release", release, "--write-clean"), "out.csv"),
        _command(("compare", release, release, "--json"), "out.json"),
        _command(("deposit", "out", "--release", release), outputs=("out",), old=""),
        _command(
            (*score, "--plot", "out"),
            outputs=("out/redshift.png", "out/residuals.png"),
            old="out/redshift.png",
        ),
        _command(
            ("benchmark", "median", *run), outputs=("out",), old="out/entry.yaml", whole=read_run
        ),
        _command(
            ("train", "nn_spec", *run, "--epochs", "1", *machine[1:]),
            outputs=("out",),
            old="out/entry.yaml",
            whole=read_run,
        ),
        _command(add, outputs=("entries/mock/nn_spec.yaml",), old="entries/mock/nn_spec.yaml"),
        _command(
            ("leaderboard", "compare", runs, "--out", "entries"),
            outputs=("entries/comparisons.json",),
            old="",
            prepare=entries,
        ),
        _command(("leaderboard", *board, "--html"), "out.html", prepare=entries),
        _command(
            ("leaderboard", *board, "--hf", "out", "--repo", "o/mock"),
            outputs=("out",),
            old="out/eval.yaml",
            prepare=entries,
        ),
    ]


def _command(
    argv: tuple[str, ...],
    out: str = "",
    *,
    outputs: tuple[str, ...] = (),
    old: str | None = None,
    prepare: Callable[[], None] = lambda: None,
    whole: Callable[[Path], object] | None = None,
) -> Work:
    """A command that ends with the file `out`, or writes `outputs`, of which `old` is there."""
    from transferz.cli import main

    def fill() -> None:
        prepare()
        if path := out if old is None else old:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text("old")

    words = " ".join(word for word in argv[:2] if not word.startswith(("-", "/")))
    option = next((word for word in argv if word in ("--plot", "--html", "--hf")), "")
    name = " ".join(filter(None, (words, option, out)))
    return Work(
        name, lambda: main([*argv, *filter(None, [out])]), outputs or (out,), fill, whole=whole
    )


def _stages(shop: Any) -> list[Work]:
    """The stages of the invented survey, whose outputs are of another make before."""
    from releases import drawing

    from transferz.dataset.card import card
    from transferz.dataset.pipeline.stage import Layout
    from transferz.dataset.release import release
    from transferz.dataset.split import split

    place = "data/mock/release/transferz"

    def work(stage: Callable[[Layout], None], outputs: tuple[str, ...], old: str) -> Work:
        def prepare() -> None:
            shutil.copytree(shop.folder / "data", "data")
            Path(old).write_text("old")

        def run() -> None:
            layout = Layout("mock", Path("data").absolute())
            with contextlib.chdir(shop.folder / "project"), drawing(False):
                stage(layout)

        return Work(f"stage {stage.__name__}", run, outputs, prepare)

    interim = "data/mock/interim"
    return [
        work(split, (f"{interim}/split",), f"{interim}/split/counts.json"),
        work(release, (place, f"{interim}/release"), f"{interim}/release/counts.json"),
        work(card, (place,), f"{place}/README.md"),
    ]


def _fetch(upstream: Any) -> Work:
    """The stage `fetch`, from a server on this machine; what has come of a file may stay."""
    import yaml
    from upstream_files import AUTHORS, place_authors

    from transferz.dataset.fetch import fetch
    from transferz.dataset.pipeline.stage import Layout

    place_authors(upstream)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

    def run() -> None:
        os.environ |= upstream.environment
        fetch(Layout("authors"), "transferz")

    return Work(
        "stage fetch",
        run,
        tuple(f"data/authors/raw/transferz/{name}" for name in AUTHORS),
        lambda: Path("params.yaml").write_text(yaml.safe_dump(params)) and None,
        kept=("data/authors/partial", "surveys/authors/hashes.json"),
    )
