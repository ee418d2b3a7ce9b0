"""`dvc repro`: repeatable, incremental, and readable."""

import json
import shutil

import datasets
import pytest

CATALOGUES = ("cosmos2020", "hsc", "galaxiesml")
STAGES = (
    "survey",
    *(f"{stage} {one}" for stage in ("ingest", "select") for one in CATALOGUES),
    *("match", "split", "release", "card"),
)


def ran(output: str) -> set[str]:
    """The stages that `dvc repro` ran."""
    marker = "Running stage '"
    return {line.split("'")[1] for line in output.splitlines() if line.startswith(marker)}


@pytest.fixture(scope="module")
def checkout(built, tmp_path_factory):
    """A copy of the built workspace in which DVC may run; tests leave it as it was."""
    return built.copy(tmp_path_factory.mktemp("checkout") / "project")


def test_a_second_run_does_nothing(checkout):
    done = checkout.run("dvc", "repro")
    assert ran(done.stdout) == set()
    assert "up to date" in done.stdout


def test_a_rebuild_from_nothing_is_what_the_lock_says(workspace):
    """Every stage anew; then DVC compares all that they wrote with the lock of the first build."""
    shutil.rmtree(workspace.root / "data")
    for stage in STAGES:
        assert workspace.stage(*stage.split()) == (0, ""), stage
    assert "up to date" in workspace.run("dvc", "status", "dvc.yaml").stdout
    (workspace.release / "README.md").write_text("another\n")
    assert "README.md" in workspace.run("dvc", "status", "dvc.yaml").stdout


def test_a_changed_label_is_rebuilt_and_never_served_from_an_old_cache(
    workspace, tmp_path, monkeypatch
):
    """`datasets` caches by the card's front matter: other rows, same counts, must show.

    Which stages read which parameter is in test_lock.py; here those after them run, too.
    """
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    path = str(workspace.release)
    before = datasets.load_dataset(path, split="test")
    workspace.change("select.cosmos2020.label", "lp_zMinChi2")
    assert ran(workspace.run("dvc", "repro").stdout) == {
        *("select@cosmos2020", "match", "split", "release", "card")
    }
    after = datasets.load_dataset(path, split="test")
    assert len(before) and before["redshift"] != after["redshift"]


def test_the_graph_reads_like_the_papers_flow_chart(checkout):
    graph = checkout.run("dvc", "dag", "--mermaid").stdout
    for first, second in (
        ("survey", "ingest@cosmos2020"),
        ("ingest@hsc", "select@hsc"),
        ("select@cosmos2020", "match"),
        ("select@galaxiesml", "match"),
        ("match", "split"),
        ("split", "release"),
        ("release", "card"),
    ):
        names = dict(
            reversed(line.strip().removesuffix('"]').split('["'))
            for line in graph.splitlines()
            if '["' in line
        )
        assert f"{names[first]}-->{names[second]}" in graph.replace(" ", "")


def test_counts_are_metrics_and_add_up(checkout):
    """Those of surveys that have not been built are no metrics: they could not be loaded."""
    done = checkout.run("dvc", "metrics", "show", "--json")
    assert "failed" not in done.stderr
    files = {
        name: facts
        for name, facts in json.loads(done.stdout)[""]["data"].items()
        if name.endswith("counts.json")
    }
    assert len(files) == 9  # every stage but the survey, all hashes, and the card: its manifest
    stages = [facts["data"] for facts in files.values() if "removed" in facts["data"]]
    assert len(stages) == 5  # three of select, match and split: the others remove nothing
    for counts in stages:
        assert counts["rows_in"] - sum(counts["removed"].values()) == counts["rows_out"]


def test_every_cut_of_the_mock_removes_something(built):
    """A cut that never bites is not tested by the mock."""
    for catalogue in ("cosmos2020", "hsc", "galaxiesml"):
        counts = json.loads((built.interim / "select" / catalogue / "counts.json").read_text())
        assert all(counts["removed"].values()), (catalogue, counts["removed"])


def test_what_a_stage_hands_on_is_what_the_next_one_takes(built):
    def rows(name, key):
        return json.loads((built.interim / name / "counts.json").read_text())[key]

    for catalogue in ("cosmos2020", "hsc", "galaxiesml"):
        assert rows(f"ingest/{catalogue}", "rows_out") == rows(f"select/{catalogue}", "rows_in")
    assert rows("select/cosmos2020", "rows_out") == rows("match", "rows_in")
    shared = json.loads((built.interim / "match/counts.json").read_text())["shared"]["by_id"]
    both = rows("match", "rows_out") + rows("select/galaxiesml", "rows_out")
    assert rows("split", "rows_in") == both - shared
