"""Checked results: composed of what ran on this release, or refused; written all at once."""

import json
import re
import shutil

import pytest
from mock_run import write, write_run
from releases import read_manifest, remake

from transferz.baselines.paper.report import MADE_OF, report
from transferz.baselines.paper.results import main, write_results
from transferz.baselines.paper.results_record import rounded
from transferz.releases import find_release
from transferz.schemas import InputError
from transferz.schemas.benchmark.entries import read_result, read_results


@pytest.fixture(scope="module")
def run(small_release, tmp_path_factory):
    """A mock run with its report."""
    made = write_run(tmp_path_factory.mktemp("run"), small_release)
    report(made, find_release(small_release))
    return made


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture(scope="module")
def out(run, small_release, tmp_path_factory):
    """The results of the mock run."""
    folder = tmp_path_factory.mktemp("results") / "mock"
    arguments = ["--run", str(run), "--release", str(small_release), "--out", str(folder)]
    assert main(arguments) == 0
    return folder


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_is_a_record_per_baseline_with_figures_and_tables_beside(out, run):
    results = read_results(out)
    assert [one.title for one in results] == ["NN-Base", "NN-TL", "NN-Combo", "NN-Spec"]
    shown = {path.name for path in (run / "figures").iterdir()} - {MADE_OF}
    records = {f"{one.method}.json" for one in results}
    assert {path.name for path in out.iterdir()} == records | shown
    for name in shown:
        assert (out / name).read_bytes() == (run / "figures" / name).read_bytes()


def test_a_record_says_what_was_trained_and_tested_on(out, small_release):
    manifest, result = read_manifest(small_release), read_result(out / "nn_tl.json")
    assert (result.config, result.start) == ("galaxiesml", "nn_base")
    assert (result.data.version, result.data.mock) == ("1.0.0+mock", True)
    used = {config: set(splits) for config, splits in result.data.content.items()}
    assert used == {
        "transferz": {"train", "validation", "test"},
        "galaxiesml": {"train", "validation", "test"},
        "truth": {"test"},
    }
    for config, splits in result.data.content.items():
        for split, one in splits.items():
            facts = manifest["content"][config][split]
            assert (one.rows, one.hash) == (facts["rows"], facts["content"])
    combo = read_result(out / "nn_combo.json")
    assert set(combo.data.content["combo"]) == {"train", "validation"}
    assert "train" not in combo.data.content["transferz"] and combo.start is None


def test_a_record_has_the_scores_and_the_fits(out, run):
    result = read_result(out / "nn_base.json")
    scores = read(run / "evaluate" / "nn_base" / "scores.json")
    found = scores["sets"]["galaxiesml"]["ranges"]["all"]["metrics"]["rmse"]["mean"]
    kept = result.scores["galaxiesml"].ranges["all"].metrics["rmse"].mean
    assert kept == float(f"{found:.6g}") and len(str(kept)) <= 9
    assert result.training.epochs.model_dump() == {"mean": 31.0, "min": 30.0, "max": 32.0}
    assert (result.duration_s, result.hardware["cpu"]) == (12.3, "a mock processor")


def test_numbers_keep_six_digits():
    assert rounded({"a": [1.23456789, 7], "b": (True, None, "1.23456789")}) == {
        "a": [1.23457, 7],
        "b": [True, None, "1.23456789"],
    }
    assert rounded(1.23456789e-12) == 1.23457e-12


def test_writing_again_replaces_and_repeats(run, out, small_release, tmp_path):
    folder = shutil.copytree(out, tmp_path / "mock")
    (folder / "nn_spec.json").write_text("old", encoding="utf-8")
    assert write_results(run, find_release(small_release), folder)[0] == "nn_base"
    for path in out.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["mock"]  # nothing beside


def change(path, edit):
    content = read(path)
    edit(content)
    write(path, content)


def trained_on_other(config, split):
    def edit(record):
        record["source"]["release"]["content"][config][split]["content"] = "sha256:" + "0" * 64

    return edit


def started_from_other(record):
    content = record["start"]["source"]["release"]["content"]
    content["transferz"]["train"]["content"] = "sha256:" + "0" * 64


def on(method, edit):
    return lambda run: change(run / "train" / method / "results.json", edit)


BAD = {
    "trained on other data": (
        on("nn_base", trained_on_other("transferz", "train")),
        "trained on a release whose transferz/train has the content sha256:000",
    ),
    "tested on other data": (
        on("nn_base", trained_on_other("galaxiesml", "test")),
        "whose galaxiesml/test has",
    ),
    "other truth": (on("nn_spec", trained_on_other("truth", "test")), "whose truth/test has"),
    "fine-tuned from other data": (on("nn_tl", started_from_other), "whose transferz/train has"),
    "another method": (
        on("nn_tl", lambda record: record.update(method="nn_base")),
        "'nn_tl' was trained as 'nn_base'",
    ),
    "another number of seeds": (
        on("nn_tl", lambda record: record["training"].pop()),
        "is of another training than the model.safetensors beside it",
    ),
    "a table's": (
        on("nn_base", lambda record: record.update(source={"table": {}})),
        "is no record of a release",
    ),
    "no hardware": (
        on("nn_base", lambda record: record.update(hardware={})),
        "the result of nn_base: entry 'hardware'",
    ),
    "no record": (
        lambda run: (run / "train/nn_combo/results.json").unlink(),
        "nn_combo/results.json is missing",
    ),
    "no figures": (lambda run: shutil.rmtree(run / "figures"), "figures is missing; draw"),
    "figures of other scores": (
        lambda run: change(
            run / "evaluate/nn_base/scores.json",
            lambda scores: scores["sets"]["transferz"].pop("truth"),
        ),
        "shows other scores than",
    ),
}
"""What is wrong with a run, and what the error says."""


@pytest.mark.parametrize("name", BAD)
def test_a_run_that_is_not_sound_leaves_the_old_results(copied, out, small_release, tmp_path, name):
    damage, said = BAD[name]
    folder = shutil.copytree(out, tmp_path / "mock")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(copied)
    with pytest.raises(InputError, match=re.escape(said)):
        write_results(copied, find_release(small_release), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_results_of_an_older_release_are_refused(run, small_release, tmp_path):
    """One row of it is gone since."""

    def edit(name, rows):
        lost = rows.index[rows["split"] == "train"][:1]
        return rows.drop(lost) if name == "galaxiesml" else rows

    newer = remake(small_release, tmp_path / "transferz", version="2.0.0", mock=True, edit=edit)
    with pytest.raises(InputError, match=r"galaxiesml/train .* train it again"):
        write_results(run, find_release(newer), tmp_path / "mock")
    assert not (tmp_path / "mock").exists()


def test_a_folder_of_something_else_is_not_replaced(run, small_release, tmp_path):
    (tmp_path / "README.md").touch()
    with pytest.raises(InputError, match=r"holds 'README\.md', which is no result"):
        write_results(run, find_release(small_release), tmp_path)
    with pytest.raises(InputError, match="is a file"):
        write_results(run, find_release(small_release), tmp_path / "README.md")
