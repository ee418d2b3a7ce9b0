"""A stage killed at any moment under `dvc repro` leaves its old output or its new one."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")


def digest(directory):
    """Hash of names and content of everything below a directory."""
    total = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(directory)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def state(space):
    """What each stage has on disk: one digest per output that is swapped as a whole."""
    survey = space.root / "data/mock"
    found = {name: digest(survey / name) for name in ("interim/split", "interim/release")}
    found["configs"] = "".join(digest(space.release / config) for config in CONFIGS)
    card = [path for path in sorted(space.release.iterdir()) if path.name not in CONFIGS]
    found["card"] = "".join(path.name + hashlib.sha256(content(path)).hexdigest() for path in card)
    return found


def content(path):
    return path.read_bytes() if path.is_file() else digest(path).encode()


@pytest.fixture(scope="module")
def both(built, tmp_path_factory):
    """A workspace with a changed salt; the states before and after `dvc repro`; its seconds."""
    space = built.copy(tmp_path_factory.mktemp("kill") / "project")
    old = state(space)
    space.change("split.salt", "another")
    start = time.monotonic()
    done = space.copy(tmp_path_factory.mktemp("done") / "project")
    done.run("dvc", "repro")
    return space, old, state(done), time.monotonic() - start


@pytest.mark.parametrize("attempt", range(6))
def test_killed_under_dvc(both, tmp_path, attempt):
    space, old, new, seconds = both
    assert all(old[name] != new[name] for name in ("interim/split", "configs"))
    space = space.copy(tmp_path / "project")
    shutil.copy(space.root / "dvc.lock", space.root / "dvc.committed")
    moment = random.Random(attempt).uniform(0.15, 0.95) * seconds
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=space.root,
        env=space.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name, found in state(space).items():
        assert found in (old[name], new[name], ""), name  # a new release has no card yet
    space.run_after_kill("dvc", "repro", lock="dvc.lock")  # and the next run completes it
    assert state(space) == new
    leftovers = [path.name for path in space.root.rglob(".*.partial")]
    assert leftovers == []
