"""The pipeline's stage that forecasts both test splits and scores the forecasts."""

import csv
import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from transferz.baselines.networks.weights import load_ensemble
from transferz.baselines.paper import evaluate as stage
from transferz.baselines.scores import metrics
from transferz.cli.train_command import main as train
from transferz.releases import find_release
from transferz.schemas import MAGNITUDES, InputError


@pytest.fixture(scope="module")
def trained(tiny_release, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "nn_combo"
    train(["nn_combo", "--release", str(tiny_release), "--seeds", "3", "--epochs", "3",
           "--learning-rate", "3e-3", "--batch-size", "25", "--out", str(out)])  # fmt: skip
    return out


@pytest.fixture(scope="module")
def evaluated(tiny_release, trained, tmp_path_factory):
    """Without the config `truth`, whose ids in the tiny release are its own."""
    out = tmp_path_factory.mktemp("evaluated") / "nn_combo"
    release = find_release(tiny_release)
    model = load_ensemble(trained)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage, "_truth", lambda release, ids: np.linspace(0.1, 2.0, len(ids)))
        sets = {config: stage.read_test_set(release, config) for config in stage.TESTED}
    predicted, scores = stage.score_test_sets(model, sets)
    stage.write_evaluation(out, model, sets, predicted, scores)
    return out, model, sets


def test_forecasts_are_the_models_and_rows_the_releases(evaluated, tiny_release):
    out, model, sets = evaluated
    table = pq.read_table(out / "forecasts.parquet")
    for config, one in sets.items():
        rows = table.filter(np.asarray(table["config"]) == config)
        assert len(rows) == 70  # two files of the split, both read
        stored = pq.read_table(sorted((tiny_release / config).glob("test-*")))
        assert rows["object_id"].to_pylist() == stored["object_id"].to_pylist()
        np.testing.assert_array_equal(rows["redshift"], stored["redshift"])
        np.testing.assert_allclose(rows["truth"], one.truth, rtol=1e-6)
        magnitudes = np.column_stack([stored[name] for name in MAGNITUDES]).astype(np.float64)
        for seed, row in enumerate(model.ensemble.predict(magnitudes)):
            np.testing.assert_allclose(rows[f"seed_{seed}"], row, rtol=1e-6)


def test_scores_are_those_of_the_forecasts(evaluated):
    out, model, sets = evaluated
    scores = json.loads((out / "scores.json").read_text())
    assert (scores["method"], scores["seeds"]) == ("nn_combo", 3)
    assert list(scores["sets"]) == list(stage.TESTED)
    compact = json.loads((out / "metrics.json").read_text())
    for config, one in sets.items():
        kept = metrics.in_cosmological_range(one.redshift)
        predicted = model.ensemble.predict(one.magnitudes)[:, kept]
        expected = metrics.score(predicted, one.redshift[kept])
        found = scores["sets"][config]["ranges"]["cosmological"]
        assert found["n"] == kept.sum()
        for name in ("bias", "rmse"):
            np.testing.assert_allclose(found["metrics"][name]["seeds"], expected[name], atol=1e-9)
            assert compact[config][name] == pytest.approx(expected[name].mean())
        assert set(scores["sets"][config]["truth"]) == set(scores["sets"][config]["ranges"])


def test_the_bins_are_a_table_that_dvc_can_plot(evaluated):
    out, *_ = evaluated
    with (out / "bins.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["config"] for row in rows} == set(stage.TESTED)
    assert {row["by"] for row in rows} == {"true_redshift", "predicted_redshift", "i", "g-i"}
    scores = json.loads((out / "scores.json").read_text())["sets"]["transferz"]["bins"]["i"]
    found = [row for row in rows if (row["config"], row["by"]) == ("transferz", "i")]
    assert [row["n"] for row in found] == [str(one["n"]) for one in scores]


def test_the_stage_runs_and_replaces_what_was_there(tiny_release, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_truth", lambda release, ids: np.full(len(ids), 0.5))
    out = tmp_path / "out"
    command = ["--model", str(trained), "--release", str(tiny_release), "--out", str(out)]
    assert stage.main([*command, "--device", "cpu"]) == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert stage.main(command) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert sorted(first) == [
        "bins.csv",
        "forecasts.parquet",
        "galaxiesml_by_redshift.csv",
        "metrics.json",
        "scores.json",
    ]


def test_a_model_of_other_bands_or_other_data_is_refused(
    trained, tiny_release, release_builder, tmp_path
):
    model, release = load_ensemble(trained), find_release(tiny_release)
    stage.require_fit(model, release, trained)
    other = find_release(release_builder(tmp_path / "transferz", seed=5, version="1.0.1+mock"))
    changed = json.loads((other.path / "MANIFEST.json").read_text())
    changed["content"]["combo"]["train"]["rows"] += 1
    (other.path / "MANIFEST.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"trained on other data than .*train it again"):
        stage.require_fit(model, other, trained)
    renamed = dataclasses.replace(model, bands=("u", *model.bands[1:]))
    with pytest.raises(InputError, match="takes u, r_cmodel_mag"):
        stage.require_fit(renamed, release, trained)


def test_a_failed_write_leaves_the_old_one(evaluated, tmp_path, monkeypatch):
    _, model, sets = evaluated
    predicted, scores = stage.score_test_sets(model, sets)
    out = tmp_path / "out"
    stage.write_evaluation(out, model, sets, predicted, scores)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage, "_write_json", full)
    with pytest.raises(InputError, match="No space left"):
        stage.write_evaluation(out, model, sets, predicted, scores)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_truth_is_found_by_id_and_missing_where_an_object_is_no_galaxy(small_release):
    release = find_release(small_release)
    truth = pq.read_table(sorted((small_release / "truth").glob("test-*"))).to_pydict()
    known = dict(zip(truth["object_id"], truth["redshift"], strict=True))
    found = [stage.read_test_set(release, config) for config in stage.TESTED]
    for one in found:
        expected = [known.get(int(name), np.nan) for name in one.identifiers]
        np.testing.assert_allclose(one.truth, expected)
    assert any(np.isnan(one.truth).any() for one in found)
    assert all(np.isfinite(one.truth).any() for one in found)


def test_a_damaged_split_is_refused(release_builder, tmp_path):
    place = release_builder(tmp_path / "transferz")
    for path in (place / "galaxiesml").glob("test-*"):
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"can't read .*galaxiesml/test.*build the release again"):
        stage.read_test_set(find_release(place), "galaxiesml")
