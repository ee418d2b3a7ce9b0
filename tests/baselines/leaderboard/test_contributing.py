"""CONTRIBUTING.md does what it says: its method is benchmarked, added, compared and shown."""

import re
from pathlib import Path

import pytest

from transferz.cli.benchmark import benchmark
from transferz.cli.leaderboard import leaderboard

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
URL = "https://example.org/forecasts.parquet"


def test_the_four_steps(hashed_release, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "my_method.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(hashed_release))
    commands = re.findall(r"^transferz (\w+) ([^#\n]*)", TEXT, re.MULTILINE)
    made, reference = [rest.split() for name, rest in commands if name == "benchmark"]
    assert benchmark([*made, "--quiet"]) == 0
    steps = [rest.split() for name, rest in commands if name == "leaderboard"]
    assert [step[:1] for step in steps] == [["add"], [], ["compare"], ["--entries"]]
    added = [URL if word.startswith("https:") else word for word in steps[0]]
    assert leaderboard([*added, "--entries", "entries"]) == 0
    assert Path("entries/mock/extra_trees.yaml").is_file()
    assert leaderboard([*steps[1], "--entries", "entries/mock"]) == 0
    said = capsys.readouterr().out
    assert said.count("\nExtra trees  ") == 1
    assert "  not compared\n" in said
    assert benchmark([*reference, "--seeds", "1", "--quiet"]) == 0
    assert leaderboard(steps[2]) == 0
    assert leaderboard(steps[3]) == 0
    said = capsys.readouterr().out
    assert "runs/comparisons.json: 2 methods, 1 pair; which are better" in said
    assert "not compared\n" not in said


def test_it_is_one_page():
    """Like what follows it, a page on changing the code."""
    adding, changing = TEXT.split("\n# Changing the code")
    assert len(adding.split()) < 700 and len(changing.split()) < 700


@pytest.mark.parametrize("name", re.findall(r"`((?:schemas|baselines)/[\w/]+(?:\.py)?)/?`", TEXT))
def test_what_it_names_is_there(name):
    assert (Path(__file__).parents[3] / name).exists()
