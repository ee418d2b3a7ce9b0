"""Many inputs for every command: made, run, judged, counted."""

import gc
import tempfile
import unittest.mock
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from fuzzing.commands import of_arguments, of_boards, of_disks, of_models, of_releases, of_tables
from fuzzing.commands.attempt import (
    FINDINGS,
    REFUSED,
    RIGHT,
    TOKEN,
    Make,
    Trial,
    Verdict,
    attempt_all,
)
from fuzzing.commands.workshop import Workshop, set_up

Maker = Callable[[np.random.Generator, Workshop, Path], Trial]


SLOW = ("train", "distill", "benchmark", "fit-templates")


def makers() -> list[tuple[str, str, int, Maker]]:
    """What is fuzzed: the command, the kind of its input, its weight, and what makes one."""
    made: list[tuple[str, str, int, Maker]] = []
    for kind, module, commands, weight in (
        ("table", of_tables, of_tables.COMMANDS, 9),
        ("release", of_releases, of_releases.COMMANDS, 3),
        ("model", of_models, ("predict", "train"), 5),
        ("arguments", of_arguments, of_arguments.ARGUMENTS, 2),
        ("disk", of_disks, of_disks.COMMANDS, 2),
    ):
        for command in commands:
            share = max(1, weight // 3) if command in SLOW else weight
            made.append((command.split()[0], kind, share, partial(module.make, command)))
    return [
        *made,
        ("leaderboard", "entries", 9, of_boards.make_board),
        ("leaderboard", "run", 6, of_boards.make_run),
        ("(stages)", "params", 4, of_boards.make_params),
    ]


@dataclass
class Tally:
    """What became of the inputs of one kind for one command."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    largest: int = 0

    def add(self, verdict: Verdict) -> None:
        self.counts[verdict.kind] += 1
        self.slowest = max(self.slowest, verdict.seconds)
        self.largest = max(self.largest, verdict.bytes)


@dataclass
class Hunt:
    """Tallies by command and kind of input, and the findings in words."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        return sum((tally.counts for tally in self.tallies.values()), start=Counter())


def plan(inputs: int) -> list[tuple[str, str, Maker]]:
    """Which kind each input is of: every number means the same input whatever their count is."""
    kinds = makers()
    turns = max(weight for *_, weight, _ in kinds)
    round_ = [
        (command, kind, make)
        for turn in range(turns)
        for command, kind, weight, make in kinds
        if turn * weight // turns < (turn + 1) * weight // turns
    ]
    return [round_[number % len(round_)] for number in range(inputs)]


def run_hunt(
    inputs: int,
    seed: int,
    *,
    jobs: int = 1,
    numbers: Sequence[int] | None = None,
    matching: str = "",
    shop: Workshop | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> Hunt:
    """Run so many inputs, or those of some `numbers` below that; of these, what is `matching`."""
    gc.freeze()  # what is here now is never collected: processes go on sharing its pages
    hunt = Hunt()
    planned = plan(inputs)
    chosen = [
        number
        for number in (range(inputs) if numbers is None else numbers)
        if matching in " ".join(planned[number][:2])
    ]
    with tempfile.TemporaryDirectory(prefix="fuzz-shop-") as folder:
        shop = shop or set_up(Path(folder))
        with environment(shop):
            for number, verdict in attempt_all(_makes(planned, chosen, seed, shop), jobs):
                command, kind, _ = planned[number]
                hunt.tallies.setdefault((command, kind), Tally()).add(verdict)
                if verdict.kind in FINDINGS:
                    hunt.findings.append(_told(number, seed, verdict))
                    say(hunt.findings[-1])
                elif numbers is not None:
                    say(f"{verdict.kind}: {verdict.damage}\n{verdict.argv}\n{verdict.reason}")
    return hunt


def environment(shop: Workshop) -> AbstractContextManager[object]:
    """The processes' environment: no network but loopback, a token that nobody may see."""
    values = {
        "HF_TOKEN": TOKEN,
        "HF_ENDPOINT": "http://127.0.0.1:1",
        "TRANSFERZ_RELEASE": str(shop.release),
        "PYTHONHASHSEED": "0",
    }
    return unittest.mock.patch.dict("os.environ", values)


def _makes(planned, numbers, seed: int, shop: Workshop) -> Iterator[tuple[int, Make]]:
    for number in numbers:
        make = planned[number][2]

        def made(folder: Path, number: int = number, make: Maker = make) -> Trial:
            return make(np.random.default_rng([seed, number]), shop, folder)

        yield number, made


def _told(number: int, seed: int, verdict: Verdict) -> str:
    return (
        f"FOUND {verdict.kind}: input {number} ({verdict.damage}); "
        f"again: run.py --seed {seed} --input {number}\n  {verdict.argv}\n  "
        + verdict.reason.strip().replace("\n", "\n  ")
        + "\n"
    )


HEADINGS = ("inputs", REFUSED, RIGHT, *FINDINGS)


def report(hunt: Hunt) -> str:
    """Lay the counts out, a line per command and kind of input."""
    line = ("{:<15}{:<12}" + "{:>10}" * (len(HEADINGS) + 2) + "\n").format
    text = line("command", "input", *HEADINGS, "slowest", "memory")
    rows = sorted(hunt.tallies.items())
    total = Tally(hunt.counts)
    total.slowest = max((tally.slowest for _, tally in rows), default=0.0)
    total.largest = max((tally.largest for _, tally in rows), default=0)
    for (command, kind), tally in [*rows, (("all", ""), total)]:
        counts = tally.counts | Counter(inputs=tally.counts.total())
        ends = f"{tally.slowest:.1f} s", f"{tally.largest / 2**30:.2f} GB"
        text += line(command, kind, *(counts[name] for name in HEADINGS), *ends)
    return text
