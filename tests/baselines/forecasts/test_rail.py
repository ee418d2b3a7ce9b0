"""RAIL on a release: exported, trained and run there, read and scored here.

RAIL is looked for in this interpreter, or in the one that ``TRANSFERZ_RAIL_PYTHON`` names.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from documents import script

from transferz.baselines.forecasts import is_qp, read_qp
from transferz.baselines.scores import metrics
from transferz.baselines.scores.probability import GaussianMixture, per_galaxy, score_probability
from transferz.cli import main
from transferz.releases import read_release
from transferz.rows import tables

PYTHON = os.environ.get("TRANSFERZ_RAIL_PYTHON") or sys.executable
CONFIG = "galaxiesml"


@pytest.fixture(scope="module", autouse=True)
def _rail():
    look = [PYTHON, "-c", "import rail.estimation.algos.k_nearneigh"]
    try:
        subprocess.run(look, capture_output=True, text=True, check=True)
    except OSError as error:
        pytest.skip(f"can't run {PYTHON}: {error}")
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines()[-1]
        pytest.skip(f"pz-rail-sklearn can't be imported in {PYTHON} ({why})")


@pytest.fixture(scope="module")
def estimated(tiny_release, tmp_path_factory):
    """The qp file that RAIL wrote."""
    folder = tmp_path_factory.mktemp("rail")
    for split in ("train", "test"):
        given = ["--release", str(tiny_release), "--config", CONFIG, "--split", split]
        assert main(["export", *given, str(folder / f"{split}.hdf5")]) == 0
    (folder / "rail_knn.py").write_text(script("rail_knn.py"), encoding="utf-8")
    command = [PYTHON, "rail_knn.py", "train.hdf5", "test.hdf5", "forecasts.hdf5"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "forecasts.hdf5"


def test_rails_forecasts_are_read_with_ids_and_labels(estimated, tiny_release):
    assert is_qp(estimated)
    found = read_qp(estimated)
    rows = tables(read_release(tiny_release), config=CONFIG, split="test")["test"]
    assert np.array_equal(found.object_id, rows["object_id"].to_numpy())
    assert np.array_equal(found.redshift, rows["redshift"].to_numpy())
    assert isinstance(found.distribution, GaussianMixture)
    assert found.point.shape == (70,)


def test_rails_forecasts_are_scored(estimated):
    """Colours of the tiny release tell redshifts well: better than knowing none of them."""
    found = read_qp(estimated)
    columns = per_galaxy(found.distribution, found.redshift)
    scores = score_probability(columns, found.redshift, found.point)
    assert all(np.isfinite(value) for value in scores.values())
    ignorant = np.abs(found.redshift - np.median(found.redshift)).mean()
    assert 0.0 < scores["crps"] < ignorant / 3.0
    assert scores["coverage_68"] < scores["coverage_90"]
    points = metrics.score(found.point, found.redshift)
    assert float(points["scatter"]) < 0.1


def test_transferz_score_scores_them(estimated, tiny_release, capsys):
    command = ["score", str(estimated), "--release", str(tiny_release), "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    found = read_qp(estimated)
    points = metrics.score(found.point, found.redshift)
    scored = said["scores"]["ranges"]["all"]["metrics"]
    assert (said["config"], said["scores"]["completeness"]) == (CONFIG, 1.0)
    assert scored["scatter"]["mean"] == pytest.approx(float(points["scatter"]), rel=1e-4)
    assert scored["crps"]["error"] > 0
