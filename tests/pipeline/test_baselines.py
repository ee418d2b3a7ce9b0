"""The baselines' own pipeline, run whole by DVC on the small mock with hardly any training."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from quick import FEW

from transferz.cli.leaderboard import leaderboard
from transferz.schemas.benchmark.entries import read_entry

ROOT = Path(__file__).parents[2]
PIPELINE = "baselines/dvc.yaml"
PAPER = "baselines/paper/dvc.yaml"
ENTRIES = "baselines/leaderboard/entries"
METHODS = ("nn_base", "nn_tl", "nn_combo", "nn_spec")


@pytest.fixture(scope="module")
def trained(built, tmp_path_factory):
    space = built.copy(tmp_path_factory.mktemp("trained") / "project")
    space.environment |= {"CUDA_VISIBLE_DEVICES": ""}
    space.change("baselines.seeds", 2)
    space.change("baselines.schedule.max_epochs", 2)
    _draw_few(space.root / "baselines/scores/bootstrap.py")
    space.run("dvc", "repro", PIPELINE)
    return space


def _draw_few(path):
    """Let the copy's benchmark draw as few resamples as the tests' own does."""
    code = path.read_text(encoding="utf-8")
    few = re.sub(r"^RESAMPLES = \d+$", f"RESAMPLES = {FEW.resamples}", code, flags=re.MULTILINE)
    assert few != code
    path.write_text(few, encoding="utf-8")


def test_every_network_is_a_run_of_the_benchmark(trained):
    runs = trained.root / "data/mock/benchmark"
    for method in METHODS:
        entry = read_entry(runs / method / "entry.yaml")
        assert (entry.method.key, entry.seeds, entry.mock) == (method, 2, True)
        assert entry.networks.schedule["max_epochs"] == 2
        assert set(entry.scores) == {"transferz", "galaxiesml"}
        assert set(entry.scores["transferz"].truth) == {"all", "cosmological", "lsst"}
        assert (runs / method / "model.safetensors").is_file()
    tuned = read_entry(runs / "nn_tl" / "entry.yaml")
    base = read_entry(runs / "nn_base" / "entry.yaml")
    assert tuned.networks.start.method == "nn_base"
    train = base.data.content["transferz"]["train"].hash
    assert tuned.networks.start.learned["transferz/train"] == train
    assert {"forecasts.png", "scores.png", "distributions.png", "flow.png"} <= {
        path.name for path in (runs / "figures").iterdir()
    }


def test_dvc_shows_its_metrics_and_plots(trained):
    shown = json.loads(trained.run("dvc", "metrics", "show", "--json").stdout)
    found = shown[""]["data"]["baselines/results/mock/metrics.json"]["data"]
    assert set(found) == set(METHODS)
    assert {"bias", "scatter", "outlier_rate", "rmse"} <= set(found["nn_tl"]["galaxiesml"])
    page = trained.root / "plots"
    trained.run("dvc", "plots", "show", "--out", str(page))
    assert "Bias on the GalaxiesML test split" in (page / "index.html").read_text()


def test_training_repeats_and_nothing_is_done_twice(trained, tmp_path):
    again = trained.copy(tmp_path / "again")
    assert "Running stage" not in again.run("dvc", "repro", PIPELINE).stdout
    lock = (again.root / "baselines/dvc.lock").read_text()
    again.run("dvc", "repro", "--force", "--single-item", f"{PIPELINE}:benchmark@nn_base")
    assert (again.root / "baselines/dvc.lock").read_text() == lock


def test_entries_are_checked_and_shown_on_the_card(trained):
    """What `make baselines` does once all has run."""
    runs, entries = trained.root / "data/mock/benchmark", trained.root / ENTRIES
    for method in METHODS:
        add = ["add", str(runs / method), "--entries", str(entries), "--replace"]
        assert leaderboard([*add, "--release", str(trained.release)]) == 0
    shutil.rmtree(trained.root / "baselines/results/mock", ignore_errors=True)
    shutil.copytree(runs / "figures", trained.root / "baselines/results/mock")
    trained.run("dvc", "repro")
    card = (trained.release / "README.md").read_text(encoding="utf-8")
    rmse = read_entry(runs / "nn_tl/entry.yaml").scores["galaxiesml"].cosmological.metrics["rmse"]
    assert "Reference baselines" in card and "![Predicted against true redshift" in card
    assert f"{rmse.mean:.4f}" in card
    assert "mock" in card[card.index("Reference baselines") :][:1500].lower()


def stages(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["stages"]


def test_the_papers_pipeline_does_what_the_other_does():
    """Two files, since one has every survey: their commands, code and products are the same."""
    small, paper = stages(PIPELINE), stages(PAPER)
    assert [name for name in paper if name != "fine_tune"] == list(small)
    one = small["benchmark"]["do"]

    def code(stage):
        return {dep for dep in stage["deps"] if not dep.startswith(("data/", "$"))}

    def products(stage):
        return [Path(next(iter(out))).name for out in stage["outs"]]

    for stage in (paper["benchmark"], paper["fine_tune"]):
        assert code(stage) == code(one) and products(stage) == products(one)
    assert code(paper["figures"]) == code(small["figures"])
    for name, stage in (("benchmark", one), ("figures", small["figures"])):
        commands = (each["cmd"].split("$")[0].split("--")[0] for each in (stage, paper[name]))
        assert len(set(commands)) == 1


def test_the_baselines_lock_is_up_to_date():
    """Whoever changes the baselines' code commits the lock that `make baselines` makes of it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["dvc", "status", "--json", PIPELINE],
        cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    changed = [
        f"{stage}: {name} is {state}"
        for stage, changes in json.loads(done.stdout).items()
        if stage.startswith(PIPELINE)
        for change in changes
        if isinstance(change, dict)
        for name, state in change.get("changed deps", {}).items()
        if not name.startswith("data/")
    ]
    assert changed == [], "run `make baselines` and commit baselines/dvc.lock"
