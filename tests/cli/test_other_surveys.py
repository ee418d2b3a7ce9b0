"""Every command on releases of other surveys: six bands and other configs, or spectra alone."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from transferz.baselines.leaderboard import read_run
from transferz.baselines.methods.templates import TemplateFit
from transferz.baselines.networks.ensemble import load_ensemble
from transferz.cli import main
from transferz.photometry.bands import SURVEY_BANDS
from transferz.schemas.benchmark.entries import read_entry

SHORT = ("--seeds", "1", "--epochs", "2", "--threads", "1", "--quiet")
MAGNITUDES = [f"mag_auto_{name}" for name in "ugrizY"]
SEEN = tuple(f"{name}_mag" for name in "ugrizY")
LEARNED = {
    "nn_spec": "spectroscopic",
    "nn_base": "labels",
    "nn_tl": "labels+spectroscopic",
    "nn_combo": "combo",
}


def test_the_commands_about_a_release(six_bands, spectra_only, tmp_path, capsys):
    assert main(["info", "--release", str(six_bands)]) == 0
    assert capsys.readouterr().out.split("total\n")[1].startswith("labels ")
    for release, config in ((six_bands, "labels"), (spectra_only, "spectra")):
        assert main(["export", str(tmp_path / f"{config}.fits"), "--release", str(release)]) == 0
        assert f"480 rows of {config} (" in capsys.readouterr().out


@pytest.mark.parametrize("method", LEARNED)
def test_networks_learn_by_role_and_forecast_tables(method, six_bands, tmp_path, capsys):
    out, table = tmp_path / "run", six_bands / "labels" / "train-00000-of-00001.parquet"
    command = ["train", method, "--release", str(six_bands), *SHORT, "--out", str(out)]
    assert main(command) == 0, capsys.readouterr().err
    entry, model = read_entry(out / "entry.yaml"), load_ensemble(out)
    assert entry.training.set == LEARNED[method]
    assert entry.bands == SEEN
    assert list(entry.scores) == ["spectroscopic", "labels"]
    assert "lsst" in entry.scores["labels"].ranges
    assert entry.method.description.endswith(f" on {LEARNED[method].split('+')[-1]}")
    assert model.bands == tuple(MAGNITUDES)
    assert model.ensemble.networks.bands == 6
    if method == "nn_tl":
        assert entry.networks.start.method == "nn_base"
        assert model.provenance["start"]["config"] == "labels"
    predicted = tmp_path / "predicted.parquet"
    assert main(["predict", "--model", str(out), str(table), "--out", str(predicted)]) == 0
    rows = pq.read_table(predicted)
    magnitudes = np.column_stack([rows[name].to_numpy() for name in MAGNITUDES])
    expected = model.ensemble.predict(magnitudes.astype(np.float64))[0]
    np.testing.assert_allclose(rows["redshift_pred"].to_numpy(), expected, rtol=1e-6)


def test_nn_tl_starts_from_a_model(six_bands, tmp_path, capsys):
    base, out = tmp_path / "base", tmp_path / "tl"
    common = ["--release", str(six_bands), *SHORT]
    assert main(["train", "nn_base", *common, "--out", str(base)]) == 0
    assert main(["train", "nn_tl", *common, "--start", str(base), "--out", str(out)]) == 0
    start = read_entry(out / "entry.yaml").networks.start
    assert set(start.learned) == {"labels/train", "labels/validation"}
    assert read_entry(out / "entry.yaml").training.set == "labels+spectroscopic"


@pytest.fixture(scope="module")
def runs(six_bands, tmp_path_factory):
    """Runs of reference methods on six bands."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("nearest", "trees"):
        command = ["benchmark", name, "--release", str(six_bands), "--quiet"]
        assert main([*command, "--out", str(folder / name)]) == 0
    return folder


def test_reference_methods_learn_from_all_that_there_is(runs):
    for name in ("nearest", "trees"):
        entry = read_run(runs / name).entry
        assert (entry.training.set, entry.survey, entry.bands) == ("combo", "authors", SEEN)
        assert list(entry.scores) == ["spectroscopic", "labels"]
        assert {"i", "g-i"} <= set(entry.scores["labels"].bins)


@pytest.mark.parametrize(
    ("given", "learned"),
    [
        ("labels+spectroscopic", "labels+spectroscopic"),
        ("label+spectroscopic", "labels+spectroscopic"),
        ("transferz", "labels"),  # the name that the paper's releases have for the role
        ("union", "combo"),
    ],
)
def test_training_sets_are_named_by_config_or_role(given, learned, six_bands, tmp_path):
    command = ["benchmark", "median", "--release", str(six_bands), "--quiet", "--train", given]
    assert main([*command, "--bands", "i,mag_auto_g", "--out", str(tmp_path / "run")]) == 0
    entry = read_entry(tmp_path / "run" / "entry.yaml")
    assert (entry.training.set, entry.bands) == (learned, ("i_mag", "g_mag"))


def test_a_file_in_the_releases_columns_is_learned_from(six_bands, tmp_path, capsys):
    rows = pq.read_table(six_bands / "labels" / "train-00000-of-00001.parquet")
    pq.write_table(rows.slice(0, 200), tmp_path / "mine.parquet")
    command = ["benchmark", "nearest", "--release", str(six_bands), "--quiet", "--train"]
    out = tmp_path / "run"
    assert main([*command, str(tmp_path / "mine.parquet"), "--out", str(out)]) == 0
    entry = read_entry(out / "entry.yaml")
    assert (entry.training.set, entry.training.rows.validation) == ("file", {"combo": 60})
    assert main([*command, "nowhere.csv"]) == 2
    assert "expected labels, spectroscopic, combo, labels+spectroscopic or a file" in (
        capsys.readouterr().err
    )
    leaking = pq.read_table(six_bands / "labels" / "test-00000-of-00002.parquet")
    pq.write_table(leaking, tmp_path / "leaking.parquet")
    assert main([*command, str(tmp_path / "leaking.parquet")]) == 2
    assert "holds 20 of 140 test objects" in capsys.readouterr().err


def test_the_template_fit_has_the_releases_curves(six_bands, tmp_path, capsys):
    command = ["benchmark", "template_fit", "--release", str(six_bands), "--quiet"]
    assert main([*command, "--bands", "g,r,i,z,Y", "--out", str(tmp_path / "run")]) == 0
    entry = read_entry(tmp_path / "run" / "entry.yaml")
    assert entry.method.name == "Template fit, grizY"
    assert entry.scores["spectroscopic"].completeness == 1.0
    assert main(["fit-templates", str(six_bands)]) == 0
    assert capsys.readouterr().out.count("      70      6 ") == 2


def test_templates_are_fitted_through_those_curves(six_bands):
    from transferz.baselines.benchmark.task import from_release
    from transferz.releases import find_release

    task = from_release(find_release(six_bands), "spectroscopic", "grizY").few()
    method = TemplateFit().fit(task.training.copy(), task.validation.copy(), seed=0)
    assert [band.curve for band in method.grid.bands] == [
        band.curve for band in SURVEY_BANDS["des"].values()
    ]


def test_the_template_fit_takes_a_table_of_ones_own_by_named_filters(six_bands, tmp_path, capsys):
    table = six_bands / "spectroscopic" / "train-00000-of-00001.parquet"
    out = tmp_path / "out.csv"
    bands, errors = (",".join(f"mag{end}_auto_{x}" for x in "gri") for end in ("", "err"))
    command = ["predict", "--method", "template_fit", "--train", str(table), str(table)]
    command += ["--bands", bands, "--errors", errors, "--out", str(out), "--threads", "1"]
    assert main(command) == 2
    assert "other bands' filters are not known: name them with --set" in capsys.readouterr().err
    assert main([*command, "--set", "filters=[des-g, des-r, des-i]"]) == 0
    assert np.isfinite(np.genfromtxt(out, delimiter=",", names=True)["redshift_pred"]).all()


def test_forecasts_are_scored_against_the_release(six_bands, runs, tmp_path, capsys):
    run = read_run(runs / "nearest").forecasts["labels"]
    lines = [f"{i},{z}" for i, z in zip(run.object_id, run.point[0], strict=True)]
    path = tmp_path / "forecasts.csv"
    path.write_text("\n".join(["object_id,z_pred", *lines]))
    assert main(["score", str(path), "--release", str(six_bands), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["config"] == "labels"
    assert said["scores"]["n"] == 70
    assert "lsst" in said["scores"]["ranges"]
    assert main(["score", str(path), "--release", str(six_bands), "--config", "galaxiesml"]) == 2
    expected = f"expected one of labels, spectroscopic, which {six_bands} has, found 'galaxiesml'"
    assert expected in capsys.readouterr().err


def test_leaks_are_found(six_bands, capsys):
    command = ["check-leak", "--release", str(six_bands), "--json"]
    for split, status in (("test-00000-of-00002", 1), ("train-00000-of-00001", 0)):
        assert main([*command, str(six_bands / "labels" / f"{split}.parquet")]) == status
        assert json.loads(capsys.readouterr().out)["configs"] == [
            "labels",
            "spectroscopic",
            "combo",
        ]


def test_the_leaderboard_takes_and_shows_the_runs(six_bands, runs, tmp_path, capsys):
    release = ["--release", str(six_bands)]
    for name in ("nearest", "trees"):
        to = ["--entries", str(tmp_path)]
        assert main(["leaderboard", "add", str(runs / name), *release, *to]) == 0
    board = ["leaderboard", "--entries", str(tmp_path / "authors"), *release]
    assert main(["leaderboard", "compare", str(runs), "--out", str(tmp_path / "authors")]) == 0
    capsys.readouterr()
    assert main(board) == 0
    assert "test split of labels" in capsys.readouterr().out
    assert main([*board, "--config", "spectroscopic"]) == 0
    assert "test split of spectroscopic" in capsys.readouterr().out
    assert main([*board, "--html", str(tmp_path / "page.html")]) == 0
    assert "labels" in (tmp_path / "page.html").read_text(encoding="utf-8")


# --- a release that lacks something


@pytest.mark.parametrize("method", ["nearest", "trees"])
def test_methods_run_on_spectra_alone(method, spectra_only, tmp_path, capsys):
    command = ["benchmark", method, "--release", str(spectra_only)]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert "the release has no band i" in capsys.readouterr().out
    entry = read_entry(tmp_path / "run" / "entry.yaml")
    assert (entry.training.set, list(entry.scores)) == ("spectra", ["spectra"])
    assert list(entry.scores["spectra"].ranges) == ["all", "cosmological"]
    assert entry.bands == ("g_mag", "r_mag", "w_mag")
    path = tmp_path / "forecasts.csv"
    run = read_run(tmp_path / "run").forecasts["spectra"]
    lines = [f"{i},{z}" for i, z in zip(run.object_id, run.point[0], strict=True)]
    path.write_text("\n".join(["object_id,z_pred", *lines]))
    assert main(["score", str(path), "--release", str(spectra_only)]) == 0
    assert "the release has no band i" in capsys.readouterr().out


def test_nn_spec_trains_on_spectra_alone(spectra_only, tmp_path):
    command = ["train", "nn_spec", "--release", str(spectra_only), *SHORT]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert load_ensemble(tmp_path / "run").bands == ("mag_auto_g", "mag_auto_r", "w_mag")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("train", "nn_base"), "no config of redshifts measured with many bands (role 'label')"),
        (("train", "nn_tl"), "no config of redshifts measured with many bands (role 'label')"),
        (("train", "nn_combo"), "no config of both kinds of redshift together (role 'union')"),
        (("benchmark", "nn_base"), "(role 'label'), which is to be learned from ('label'); it has"),
        (("benchmark", "median", "--train", "combo"), "it has: spectra (spectroscopic redshifts)"),
        (
            ("benchmark", "template_fit"),
            "the release names none of w_mag; name the other bands with --bands",
        ),
        (("benchmark", "conformal_trees_by_magnitude"), "bins of magnitude need an i band"),
        (("benchmark", "median", "--bands", "i"), "the release has g,r,w, found 'i' in --bands"),
    ],
)
def test_what_a_release_lacks_is_said_in_a_sentence(command, said, spectra_only, capsys):
    quiet = SHORT if command[0] == "train" else ("--quiet",)
    assert main([*command, "--release", str(spectra_only), *quiet]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message


def test_leaks_and_templates_on_spectra_alone(spectra_only, capsys):
    table = spectra_only / "spectra" / "train-00000-of-00001.parquet"
    assert main(["check-leak", "--release", str(spectra_only), str(table)]) == 0
    assert main(["fit-templates", str(spectra_only)]) == 0
    assert capsys.readouterr().out.count("      70      2 ") == 2  # w has no curve
