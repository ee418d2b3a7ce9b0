"""Commands are fuzzed: a fixed part here, with the traps that the harness has to see."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzzing.commands import hunt
from fuzzing.commands.attempt import (
    HANG,
    HARNESS,
    HUGE,
    LEFT,
    OUTPUT,
    REFUSED,
    RIGHT,
    STATUS,
    TOKEN,
    TRACEBACK,
    WRONG,
    Trial,
    attempt_all,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return hunt.set_up(tmp_path_factory.mktemp("shop"))


def test_the_first_inputs_of_every_kind(shop):
    kinds = [(command, kind) for command, kind, _ in hunt.plan(200)]
    assert set(kinds) == {(command, kind) for command, kind, *_ in hunt.makers()}
    firsts = sorted({kinds.index(kind) for kind in kinds})
    found = hunt.run_hunt(200, 1, numbers=firsts, shop=shop)
    assert not found.findings, "\n".join(found.findings)
    assert min(found.counts[REFUSED], found.counts[RIGHT]) > 10, hunt.report(found)


def test_the_same_numbers_give_the_same_inputs(shop, tmp_path):
    for place, (_, _, make) in enumerate(hunt.plan(40)):
        pairs = []
        for again in ("a", "b"):
            folder = tmp_path / f"{place}{again}" / "in"
            folder.mkdir(parents=True)
            trial = make(np.random.default_rng([3, place]), shop, folder)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            contents = [path.read_bytes() for path in files if path.stat().st_size < 1 << 28]
            argv = [word.replace(str(folder.parent), "") for word in trial.argv]
            pairs.append((trial.damage, argv, contents))
        assert pairs[0] == pairs[1]


def trap(run, judge=lambda outcome: ""):
    return lambda folder: Trial(["trap"], judge, run=run)


def fail(argv):
    raise KeyError("column")


def leave_half(argv):
    Path("half.csv").write_text("object_id")
    sys.stderr.write("refused\n")
    return 2


def say(text, status=0):
    return lambda argv: [sys.stdout.write(text), status][1]


def spoil_input(argv):
    Path("../in/table").write_text("changed")
    return 0


def with_input(folder):
    (folder / "table").write_text("as it was")
    return Trial(["trap"], run=spoil_input)


TRAPS = {
    "a traceback": (trap(fail), TRACEBACK),
    "a traceback in words": (trap(say("Traceback (most recent call last)", 2)), TRACEBACK),
    "a crash": (trap(lambda argv: os._exit(0)), TRACEBACK),
    "another status": (trap(say("", 70)), STATUS),
    "half an output": (trap(leave_half), LEFT),
    "a changed input": (with_input, LEFT),
    "an escape": (trap(say("\x1b[2J")), OUTPUT),
    "the token": (trap(say(TOKEN)), OUTPUT),
    "no word": (trap(lambda argv: 2), OUTPUT),
    "too much memory": (trap(lambda argv: len(bytearray(3 << 30))), HUGE),
    "no end": (trap(lambda argv: __import__("time").sleep(60)), HANG),
    "a wrong result": (trap(say("1.0"), lambda outcome: "it is 2.0"), WRONG),
    "a judge that fails": (trap(say(""), lambda outcome: 1 / 0), HARNESS),
    "a right result": (trap(say("2.0")), RIGHT),
}


def test_the_harness_sees_what_is_wrong(monkeypatch):
    monkeypatch.setattr("fuzzing.commands.attempt.SECONDS", 2)
    makes = enumerate(make for make, _ in TRAPS.values())
    verdicts = {number: verdict.kind for number, verdict in attempt_all(makes, 2)}
    found = dict(zip(TRAPS, (verdicts[number] for number in range(len(TRAPS))), strict=True))
    assert found == {name: kind for name, (_, kind) in TRAPS.items()}


def test_memory_is_the_commands_not_that_of_the_process_it_is_forked_from(shop, monkeypatch):
    monkeypatch.setattr("fuzzing.commands.attempt.MEMORY", 64 << 20)  # less than torch takes
    [(_, verdict)] = attempt_all(enumerate([trap(say("2.0"))]), 1)
    assert verdict.kind == RIGHT, verdict.reason
