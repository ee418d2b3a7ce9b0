"""RAIL itself: our stages in its pipelines, its evaluation beside ours, its estimators as methods.

RAIL is looked for in this interpreter, or in the one that ``TRANSFERZ_RAIL_PYTHON`` names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import script

from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.task import from_release
from transferz.baselines.forecasts import read_qp
from transferz.baselines.rail.stages import find_stages
from transferz.baselines.scores import metrics
from transferz.baselines.scores.probability import (
    GaussianMixture,
    per_galaxy,
    pit_ad,
    score_probability,
)
from transferz.cli import main
from transferz.releases import find_release

ROOT = Path(__file__).parents[3]
PYTHON = os.environ.get("TRANSFERZ_RAIL_PYTHON") or sys.executable
GRID = np.linspace(0.0, 4.0, 401)


def require(*modules):
    """Skip, with the reason, where RAIL's Python can't import something."""
    look = [PYTHON, "-c", f"import {', '.join(modules)}"]
    try:
        subprocess.run(look, capture_output=True, text=True, check=True)
    except OSError as error:
        pytest.skip(f"can't run {PYTHON}: {error}")
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines()[-1]
        pytest.skip(f"{PYTHON} lacks {' or '.join(modules)} ({why})")


def run(name, *arguments, folder):
    """Run a script of this folder in RAIL's Python, which RAIL's pipelines start too."""
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    script = Path(__file__).parent / name
    done = subprocess.run(
        [PYTHON, script, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [done.stdout, done.stderr, *(one.read_text() for one in Path(folder).glob("*.out"))]
    assert done.returncode == 0, "\n".join(said)


@pytest.fixture
def exported(tiny_release, tmp_path):
    """A folder with a training and a test file, as RAIL's stages read them."""
    for split in ("train", "test"):
        given = ["--path", str(tiny_release), "--config", "galaxiesml", "--split", split]
        assert main(["export", *given, str(tmp_path / f"{split}.hdf5")]) == 0
    return tmp_path


@pytest.fixture
def _ours_in_rail(monkeypatch):
    """RAIL's Python finds our package of stages."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "rail_transferz" / "src"))
    require("rail.transferz", "safetensors")


@pytest.mark.usefixtures("_ours_in_rail")
@pytest.mark.parametrize(
    ("network", "form"), [("mixture_density", "mixmod"), ("photometry", "norm")]
)
def test_our_networks_run_in_a_pipeline_of_rails(network, form, exported, tiny_release):
    run("rail_pipeline.py", "train.hdf5", "test.hdf5", network, folder=exported)
    found = read_qp(exported / "output_estimate.hdf5")
    test = from_release(find_release(tiny_release), "galaxiesml").tests["galaxiesml"]
    assert found.form == form
    assert np.array_equal(found.object_id, test.object_id)
    assert np.array_equal(found.redshift, test.redshift)
    columns = per_galaxy(found.distribution, found.redshift)
    scores = score_probability(columns, found.redshift, found.point)
    ignorant = np.abs(found.redshift - np.median(found.redshift)).mean()
    assert scores["crps"] < 0.5 * ignorant
    assert scores["coverage_68"] < scores["coverage_90"]


@pytest.mark.usefixtures("_ours_in_rail")
def test_our_stages_are_in_rails_catalogue():
    stages = find_stages("TransferzEstimator", PYTHON)
    assert stages.informer.name == "TransferzInformer"
    assert "n_networks" in stages.informer.parameters


def test_an_estimator_of_rails_is_a_method(tiny_release, monkeypatch):
    require("rail.estimation.algos.k_nearneigh")
    monkeypatch.setenv("TRANSFERZ_RAIL_PYTHON", PYTHON)
    task = from_release(find_release(tiny_release), "galaxiesml")
    method = load_method("rail:KNearNeighEstimator", {"nneigh_max": 5})
    assert method.stated.version.startswith("pz-rail-sklearn 2.")
    assert {"pz-rail-base", "pz-rail-sklearn"} <= set(method.stated.packages)
    made, test = method.make(), task.tests["galaxiesml"]
    made.fit(task.training, task.validation, seed=0)
    prediction = made.predict(test.table)
    assert np.array_equal(prediction.object_id, test.object_id)
    assert isinstance(prediction.distribution, GaussianMixture)
    assert float(metrics.score(prediction.point, test.redshift)["scatter"]) < 0.1


def test_an_ensemble_without_ids_is_in_order(tiny_release, monkeypatch):
    require("rail.estimation.algos.sklearn_neurnet")
    monkeypatch.setenv("TRANSFERZ_RAIL_PYTHON", PYTHON)
    task = from_release(find_release(tiny_release), "galaxiesml")
    made, test = load_method("rail:SklNeurNetEstimator").make(), task.tests["galaxiesml"]
    made.fit(task.training, task.validation, seed=0)
    prediction = made.predict(test.table)
    assert prediction.object_id is None
    assert np.corrcoef(prediction.point, test.redshift)[0, 1] > 0.8


def test_rails_evaluation_and_ours_agree_where_they_mean_the_same(exported, tiny_release):
    require("rail.estimation.algos.k_nearneigh")
    (exported / "rail_knn.py").write_text(script("rail_knn.py"), encoding="utf-8")
    run(exported / "rail_knn.py", "train.hdf5", "test.hdf5", "forecasts.hdf5", folder=exported)
    run("rail_evaluation.py", "forecasts.hdf5", "test.hdf5", "rail.json", folder=exported)
    rails = json.loads((exported / "rail.json").read_text())
    found = read_qp(exported / "forecasts.hdf5")
    forecasts, true = found.distribution, found.redshift
    columns = per_galaxy(forecasts, true)
    ours = score_probability(columns, true, found.point)
    points = metrics.score(found.point, true)
    count = true.size

    # The same: points are modes on the same grid, and mixtures need none.
    assert rails["PIT_KS_stat"] == pytest.approx(ours["pit_ks"], abs=1e-6)
    assert rails["PIT_CvM_stat"] / count == pytest.approx(ours["pit_cvm"], abs=1e-6)
    assert rails["POINT_Bias"] == pytest.approx(float(points["bias"]), abs=1e-6)
    assert rails["POINT_SigmaMAD"] == pytest.approx(float(points["scatter"]), abs=1e-6)

    # The CDE loss is ours once truths are moved to the nearest grid point.
    density = np.stack([forecasts.density(np.full(count, z)) for z in GRID], axis=1)
    nearest = np.abs(GRID - true[:, None]).argmin(axis=1)
    at_truth = density[np.arange(count), nearest]
    snapped = np.trapezoid(density**2, GRID, axis=1) - 2.0 * at_truth
    assert rails["CDE_stat"] == pytest.approx(snapped.mean(), abs=1e-6)
    assert rails["CDE_stat"] == pytest.approx(ours["cde_loss"], rel=0.05)
    assert rails["CDE_stat"] != pytest.approx(ours["cde_loss"], abs=1e-4)

    # Not the same: of two samples, of other limits.
    dz = (found.point - true) / (1.0 + true)
    quartiles = np.diff(np.percentile(dz, [25.0, 75.0]))[0] / 1.349
    assert rails["POINT_SimgaIQR"] == pytest.approx(quartiles)
    limit = max(0.06, 3.0 * quartiles)
    assert rails["POINT_OutlierRate"] == pytest.approx(np.mean(np.abs(dz) > limit))
    ad = float(pit_ad(columns["pit"])) * count
    assert rails["PIT_AD_stat"] != pytest.approx(ad, rel=0.01)
