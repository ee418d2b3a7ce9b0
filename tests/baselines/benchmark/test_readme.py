"""The README's method, as written there, run by the README's command."""

import re
from pathlib import Path

from transferz.baselines.benchmark.loading import installed_methods
from transferz.cli import main
from transferz.schemas.benchmark.entries import read_entry

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_the_readmes_method_runs(tiny_release, tmp_path, monkeypatch):
    (method,) = re.findall(r"```python\n(# mymethod\.py\n.*?)```", README, re.DOTALL)
    (command,) = re.findall(r"^transferz (benchmark mymethod:\S+ --out run)", README, re.MULTILINE)
    assert len(method.splitlines()) <= 16  # 15 and the file's name
    (tmp_path / "mymethod.py").write_text(method, encoding="utf-8")
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(command.split()) == 0
    entry = read_entry(tmp_path / "run" / "entry.yaml")
    assert (entry.method.key, entry.seeds, entry.training.set) == ("boosted", 5, "combo")
    assert entry.method.key not in installed_methods()  # their entries stand there already
    assert entry.scores["galaxiesml"].ranges["all"].metrics["scatter"].mean < 0.2
