"""Files for the Hugging Face Hub, read by its own client."""

import shutil

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries

from transferz.baselines.leaderboard.board import read_board
from transferz.baselines.leaderboard.hub_files import write_hub_files
from transferz.cli.leaderboard import leaderboard
from transferz.releases import find_release
from transferz.schemas.benchmark.scores import COSMOLOGICAL
from transferz.schemas.errors import InputError, ParameterError

REPO = "astro/transferz-mock"


@pytest.fixture
def written(board, tmp_path):
    write_hub_files(board, REPO, tmp_path / "hub")
    return tmp_path / "hub"


def results(written, key):
    path = written / key / ".eval_results" / "transferz.yaml"
    return parse_eval_result_entries(yaml.safe_load(path.read_text()))


def test_the_benchmark_has_the_fields_that_the_hub_asks_for(written):
    found = yaml.safe_load((written / "eval.yaml").read_text())
    assert set(found) == {"name", "description", "evaluation_framework", "tasks"}
    assert "MOCK" in found["name"]
    assert found["evaluation_framework"] == "transferz"
    ids = [task["id"] for task in found["tasks"]]
    assert len(ids) == len(set(ids)) == 10
    assert {(t["config"], t["split"]) for t in found["tasks"]} == {
        ("galaxiesml", "test"),
        ("transferz", "test"),
    }


def test_results_are_read_by_the_hubs_client(written, board):
    tasks = {task["id"] for task in yaml.safe_load((written / "eval.yaml").read_text())["tasks"]}
    for row in board.rows:
        found = results(written, row.key)
        assert {one.task_id for one in found} <= tasks
        assert {one.dataset_id for one in found} == {REPO}
        values = {one.task_id: one.value for one in found}
        for metric in ("scatter", "bias"):
            mean = row.summary("galaxiesml", COSMOLOGICAL, metric).mean
            assert values[f"galaxiesml_{metric}"] == pytest.approx(abs(mean), rel=1e-5)
        assert all("MOCK galaxies" in one.notes for one in found)


def test_a_point_forecast_has_no_crps(written):
    assert "galaxiesml_crps" in {one.task_id for one in results(written, "sharp")}
    assert "galaxiesml_crps" not in {one.task_id for one in results(written, "point_only")}


def test_a_method_that_forecasts_the_same_for_all_has_no_file(runs, hashed_release, tmp_path):
    """The Hub would rank it: nothing is so rarely far off as the middle."""
    own = shutil.copytree(runs, tmp_path / "runs")
    path = own / "blunt" / "entry.yaml"
    named = "transferz.baselines.methods.median:TrainingMedian"
    path.write_text(path.read_text().replace("mock:blunt", named, 1))
    written = write_hub_files(read_board(own, find_release(hashed_release)), REPO, tmp_path / "hub")
    assert sorted({one.parts[0] for one in written}) == [
        "eval.yaml",
        "point_only",
        "sharp",
        "sharp_too",
    ]


def test_entries_of_other_data_have_no_files(runs, hashed_release, tmp_path):
    own = shutil.copytree(runs, tmp_path / "runs")
    path = own / "sharp" / "entry.yaml"
    path.write_text(path.read_text().replace("sha256:00", "sha256:ff"))
    asked = ["--entries", str(own), "--release", str(hashed_release), "--repo", REPO]
    assert leaderboard([*asked, "--hf", str(tmp_path / "hub")]) == 0
    assert sorted(one.name for one in (tmp_path / "hub").iterdir()) == [
        "blunt",
        "eval.yaml",
        "point_only",
        "sharp_too",
    ]


@pytest.mark.parametrize(
    ("repo", "said"),
    [
        (None, "repo=org/name"),
        ("transferz", "repo=org/name"),
        ("a/b c--mock", "no repository's name"),
        ("astro/transferz", "must say mock"),
    ],
)
def test_a_wrong_repository_is_refused(board, tmp_path, repo, said):
    with pytest.raises(ParameterError, match=said):
        write_hub_files(board, repo, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_a_folder_of_something_else_is_kept(board, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        write_hub_files(board, REPO, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
