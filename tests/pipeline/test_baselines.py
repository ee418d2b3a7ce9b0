"""The baselines' own pipeline, run whole by DVC on the small mock with hardly any training."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PIPELINE = "baselines/dvc.yaml"
PAPER = "baselines/paper/dvc.yaml"
METHODS = ("nn_base", "nn_tl", "nn_combo", "nn_spec")


@pytest.fixture(scope="module")
def trained(built, tmp_path_factory):
    space = built.copy(tmp_path_factory.mktemp("trained") / "project")
    space.environment |= {"CUDA_VISIBLE_DEVICES": ""}
    space.change("baselines.seeds", 2)
    space.change("baselines.schedule.max_epochs", 2)
    space.run("dvc", "repro", PIPELINE)
    return space


def test_every_baseline_is_trained_and_scored(trained):
    run = trained.root / "data/mock/baselines"
    for method in METHODS:
        scores = json.loads((run / "evaluate" / method / "scores.json").read_text())
        assert (scores["method"], scores["seeds"]) == (method, 2)
        record = json.loads((run / "train" / method / "results.json").read_text())
        assert record["schedule"]["max_epochs"] == 2
        assert record["source"]["release"]["mock"] is True
    tuned = json.loads((run / "train" / "nn_tl" / "results.json").read_text())
    assert tuned["start"]["method"] == "nn_base"
    assert {"forecasts.png", "scores.png", "distributions.png", "flow.png"} <= {
        path.name for path in (run / "figures").iterdir()
    }


def test_dvc_shows_its_metrics_and_plots(trained):
    shown = json.loads(trained.run("dvc", "metrics", "show", "--json").stdout)
    files = shown[""]["data"]
    run = trained.root / "data/mock/baselines"
    found = files["data/mock/baselines/evaluate/nn_tl/metrics.json"]["data"]
    assert set(found) == {"transferz", "galaxiesml"}
    assert {"bias", "scatter", "outlier_rate", "rmse"} <= set(found["galaxiesml"])
    page = trained.root / "plots"
    trained.run("dvc", "plots", "show", PIPELINE, "--out", str(page))
    assert "Bias on the GalaxiesML test split" in (page / "index.html").read_text()
    plotted = run / "evaluate/nn_tl/galaxiesml_by_redshift.csv"
    rows = plotted.read_text().splitlines()[1:]
    assert rows
    assert all(row.startswith("galaxiesml,true_redshift,") for row in rows)


def test_training_repeats_and_nothing_is_done_twice(trained, tmp_path):
    again = trained.copy(tmp_path / "again")
    assert "Running stage" not in again.run("dvc", "repro", PIPELINE).stdout
    lock = (again.root / "baselines/dvc.lock").read_text()
    again.run("dvc", "repro", "--force", "--single-item", f"{PIPELINE}:train@nn_base")
    assert (again.root / "baselines/dvc.lock").read_text() == lock


def test_results_are_checked_and_shown_on_the_card(trained):
    out = trained.root / "baselines/results/mock"
    command = [
        sys.executable,
        "-m",
        "transferz.baselines.paper.results",
        "--run",
        "data/mock/baselines",
    ]
    trained.run(*command, "--release", str(trained.release), "--out", str(out))
    assert {f"{method}.json" for method in METHODS} <= {path.name for path in out.iterdir()}
    trained.run("dvc", "repro")
    card = (trained.release / "README.md").read_text(encoding="utf-8")
    record = json.loads((out / "nn_tl.json").read_text())
    part = record["scores"]["galaxiesml"]["ranges"]["cosmological"]["metrics"]["rmse"]
    assert "Reference baselines" in card
    assert f"{part['mean']:.4f}" in card
    assert "mock" in card[card.index("Reference baselines") :][:1500].lower()


PASSED_ON = {"probability"}  # by `metrics`, to its users; no stage scores distributions


def imports(module, seen):
    """Modules of `baselines` that one imports, wherever, through others too."""
    tree = ast.parse((ROOT / "baselines" / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        package, _, name = (getattr(node, "module", None) or "").rpartition(".")
        if package == "transferz.baselines" and name not in seen | PASSED_ON:
            seen.add(name)
            imports(name, seen)
    return seen


# Shape no number.
AROUND = {"arguments", "command", "hardware", "output", "output_folder", "progress"}
SCORING = {"scores", "metrics", "residuals"}  # of the record that DVC does not track
READING = {"cells", "reading", "reading_fits"}  # tables that are no release


@pytest.mark.parametrize(
    ("stage", "module", "others"),
    [
        ("train", "train", AROUND | SCORING | READING),
        ("evaluate", "evaluate", AROUND | READING | imports("weights", {"weights", "tables"})),
        ("figures", "report", AROUND | READING | imports("evaluate", {"evaluate"})),
    ],
)
def test_a_stage_declares_the_code_that_makes_its_products(stage, module, others):
    whole = stages(PIPELINE)[stage]
    declared = {Path(one).stem for one in whole.get("do", whole)["deps"] if one.endswith(".py")}
    own = {module, *imports(module, set())} - others
    assert own <= declared | {"networks"}


def stages(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["stages"]


def test_the_papers_pipeline_does_what_the_other_does():
    """Two files, since one has every survey: their commands, code and products are the same."""
    small, paper = stages(PIPELINE), stages(PAPER)
    assert [name for name in paper if name != "fine_tune"] == list(small)

    def code(stage):
        return {dep for dep in stage["deps"] if dep.startswith("baselines/")}

    learned = code(small["train"]["do"]) | {"baselines/networks/network.py"}
    assert code(paper["train"]) == code(paper["fine_tune"]) == learned
    for name in ("evaluate", "figures"):
        assert code(paper[name]) == code(small[name])
        first, second = (one[name]["cmd"].split("--")[0] for one in (small, paper))
        assert first == second
        outs = [
            [Path(next(iter(one))).name for kind in ("outs", "metrics", "plots")
             for one in stage[name].get(kind, [])]
            for stage in (small, paper)
        ]  # fmt: skip
        assert outs[0] == outs[1]


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
