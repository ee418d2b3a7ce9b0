"""A run that has only so much time, a trial alone, and what a method prints."""

import json
import sys
import threading
import time

import pytest

from transferz.baselines.benchmark import limits
from transferz.baselines.benchmark.calling import MethodError, OutOfTime
from transferz.baselines.benchmark.limits import TimeLimit
from transferz.cli import main
from transferz.schemas.benchmark.entries import Entry, read_entry
from transferz.schemas.benchmark.records import parse_record

METHOD = """
import os
import time

print("imported")

class Slow:
    train = "combo"
    trial = False

    def fit(self, train, validation, *, seed):
        print("fitting")
        os.write(1, b"from afar\\n")
        os.system("echo from a process")
        try:
            while seed == 1 and not os.path.exists("mended"):
                time.sleep(0.01)
        except Exception:
            pass
        self.value = train["redshift"].mean() + 1e-5 * seed

    def predict(self, table):
        return [self.value] * len(table)

class Quick(Slow):
    trial = True

class Wrong(Quick):
    def predict(self, table):
        return "soon"
"""


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_release):
    (tmp_path / "slow_method.py").write_text(METHOD, encoding="utf-8")
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("slow_method", None)


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set."""
    now = [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    return now


def test_what_cannot_end_in_time_is_not_begun(clock):
    limit = TimeLimit(100.0)
    with limit.holding("seed 0"):
        clock[0] = 60.0
    with limit.holding("seed 1", 39.0):
        clock[0] = 61.0
    with pytest.raises(MethodError, match=r"seed 2 was not begun: .* 60\.0 s, .* 39\.0 s of the"):
        limit.holding("seed 2", 60.0).__enter__()


def test_without_a_limit_all_may_take_any_time(clock):
    with TimeLimit().holding("seed 0", 1e9):
        clock[0] = 1e9


def test_elsewhere_than_in_the_main_thread_nothing_is_interrupted():
    ended = []

    def work():
        with TimeLimit(0.01).holding("seed 0"):
            time.sleep(0.1)
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended


def test_what_is_at_work_when_time_is_up_is_stopped():
    with (
        pytest.raises(MethodError, match=r"seed 0 was stopped after .*: the time limit of 0\.05 s"),
        TimeLimit(0.05).holding("seed 0"),
    ):
        threading.Event().wait(600)
    assert not issubclass(OutOfTime, Exception)  # which methods catch


def test_finished_seeds_are_kept_where_time_is_up(here, capsys):
    run = ["benchmark", "slow_method:Slow", "--seeds", "2", "--out", "run"]
    assert main([*run, "--time-limit", "5"]) == 2  # seed 0 takes none of it, seed 1 for ever
    said = capsys.readouterr().err
    assert "Slow: seed 1 was stopped after" in said and "the time limit of 5 s is over" in said
    assert "run.seeds: 0; the same command goes on from there" in said and "Traceback" not in said
    (here / "mended").touch()
    assert main([*run, "--time-limit", "600"]) == 0
    assert "seed 0 is there already" in capsys.readouterr().err
    assert read_entry(here / "run" / "entry.yaml").seeds == 2


def test_a_trial_alone_writes_nothing(here, capsys):
    before = sorted(path.name for path in here.iterdir())
    assert main(["benchmark", "slow_method:Quick", "--trial"]) == 0
    said = capsys.readouterr().out
    assert "Quick: tried out on 300 of 300 galaxies to learn from (combo). MOCK" in said
    assert "scores on so few galaxies say little" in said and "test set" in said
    assert main(["benchmark", "slow_method:Wrong", "--trial"]) == 2
    assert "returned str; expected a Prediction" in capsys.readouterr().err
    assert main(["benchmark", "slow_method:Quick", "--trial", "--out", "run"]) == 2
    after = [one for one in here.iterdir() if one.name != "__pycache__"]
    assert sorted(path.name for path in after) == before


def test_only_json_is_printed_where_a_method_prints_too(here, capfd):
    run = ["benchmark", "slow_method:Quick", "--seeds", "1"]
    assert main([*run, "--json", "-", "--out", "run"]) == 0
    out, err = capfd.readouterr()
    entry = parse_record(out, Entry, "stdout", "")
    assert entry == read_entry(here / "run" / "entry.yaml")
    for printed in ("imported", "fitting", "from afar", "from a process", "entry.yaml"):
        assert printed in err
    assert main([*run, "--json", "entry.json"]) == 0
    assert "LSST's requirements" in capfd.readouterr().out
    assert json.loads((here / "entry.json").read_text())["method"]["key"] == "quick"
    assert main([*run, "--json", "nowhere/entry.json"]) == 2
    assert "--json nowhere/entry.json: there is no such folder" in capfd.readouterr().err
