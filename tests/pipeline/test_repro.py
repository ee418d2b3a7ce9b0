"""`dvc repro`: repeatable, incremental, and readable."""

import json
import shutil

import pytest


def ran(output: str) -> set[str]:
    """The stages that `dvc repro` ran."""
    marker = "Running stage '"
    return {line.split("'")[1] for line in output.splitlines() if line.startswith(marker)}


def test_a_second_run_does_nothing(built):
    done = built.run("dvc", "repro")
    assert ran(done.stdout) == set()
    assert "up to date" in done.stdout


def test_a_rebuild_from_nothing_gives_the_same_lock(workspace):
    lock = (workspace.root / "dvc.lock").read_bytes()
    shutil.rmtree(workspace.root / "data")
    shutil.rmtree(workspace.root / ".dvc/cache")
    done = workspace.run("dvc", "repro")
    assert {"survey", "card"} < ran(done.stdout)
    assert (workspace.root / "dvc.lock").read_bytes() == lock


CHANGES = [
    ("split.salt", "another", {"split", "release", "card"}),
    ("match.radius_arcsec", 0.9, {"match", "split", "release", "card"}),
    (
        "select.hsc.cuts.extended.keep",
        "i_extendedness_value == 1 and i_cmodel_mag < 25",
        {"select@hsc", "match", "split", "release", "card"},
    ),
]


@pytest.mark.parametrize(("name", "value", "dependents"), CHANGES)
def test_a_parameter_reruns_what_depends_on_it(workspace, name, value, dependents):
    workspace.change(name, value)
    assert ran(workspace.run("dvc", "repro").stdout) == dependents


def test_a_new_date_reruns_the_card_alone(workspace):
    workspace.release_as("1.0.0", "2027-01-01")
    assert ran(workspace.run("dvc", "repro").stdout) == {"card"}


def test_the_graph_reads_like_the_papers_flow_chart(built):
    graph = built.run("dvc", "dag", "--mermaid").stdout
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


def test_counts_are_metrics_and_add_up(built):
    shown = json.loads(built.run("dvc", "metrics", "show", "--json").stdout)
    files = {
        name: facts
        for name, facts in shown[""]["data"].items()
        if "mock" in name and name.endswith("counts.json")
    }
    assert len(files) == 10  # every stage but the card, whose counts are its manifest
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
