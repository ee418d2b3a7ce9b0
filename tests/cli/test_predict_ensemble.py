"""`transferz predict --out FILE.hdf5`: a qp ensemble, as the LSST DESC challenge takes it."""

import h5py
import numpy as np
import pytest

from transferz.baselines.forecasts import read_qp
from transferz.cli import main

BANDS = [f"mag_{band}_lsst" for band in "ugri"]


COLOURS = """
import numpy as np

from transferz.baselines.benchmark import GaussianMixture, Prediction, magnitudes


class Colour:
    missing_magnitudes = True

    def fit(self, train, validation, *, seed):
        pass

    def predict(self, table):
        u, g, r, i = magnitudes(table).T
        point = (g - i)[:, None] / 1.5
        one = np.ones_like(point)
        return Prediction(point[:, 0], mixture=GaussianMixture(one, point, 0.05 * one))


class Point(Colour):
    def predict(self, table):
        return Prediction(np.ones(len(table)))
"""


def galaxies(count, seed):
    """Magnitudes whose colours tell the redshift; some are not detected in u."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    bright = rng.normal(22.0, 0.5, count)
    steps = zip(BANDS, (2.0, 1.0, 0.0, -0.5), strict=True)
    rows = {name: bright + step * redshift + rng.normal(0, 0.02, count) for name, step in steps}
    rows[BANDS[0]][rng.uniform(size=count) < 0.1] = np.nan
    return rows | {"redshift": redshift, "object_id": 1000 + rng.permutation(count)}


def write(path, rows):
    with h5py.File(path, "w") as file:
        for name, values in rows.items():
            file[name] = values


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A training and a test file, as the challenge's: datasets beside each other, in no group."""
    write(tmp_path / "training.hdf5", galaxies(400, 1))
    test = galaxies(150, 2)
    write(tmp_path / "test.hdf5", {name: one for name, one in test.items() if name != "redshift"})
    (tmp_path / "colours.py").write_text(COLOURS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return test


def predict(*options, out="pz_estimate.hdf5", method="nearest", bands=BANDS[1:]):
    command = ["predict", "test.hdf5", "--method", method, "--train", "training.hdf5"]
    named = ["--bands", ",".join(bands), "--out", out, "--threads", "1"]
    return main([*command, *named, *options])


def test_all_galaxies_have_a_density_a_point_and_their_ids(here, tmp_path):
    qp = pytest.importorskip("qp")
    assert predict() == 0
    ensemble = qp.read(str(tmp_path / "pz_estimate.hdf5"))
    assert np.array_equal(ensemble.ancil["object_id"], here["object_id"])  # in the file's order
    assert np.corrcoef(ensemble.ancil["zmode"], here["redshift"])[0, 1] > 0.9
    found = read_qp(tmp_path / "pz_estimate.hdf5")
    inside = found.distribution.cdf(here["redshift"])
    assert 0.5 < np.mean((inside > 0.05) & (inside < 0.95)) <= 1.0
    with h5py.File(tmp_path / "pz_estimate.hdf5") as file:
        assert "transferz" in file.attrs["note"]


def test_galaxies_that_lack_a_magnitude_are_forecast_too(here, tmp_path):
    """By a method that takes them; the challenge wants every galaxy."""
    assert predict(method="colours:Colour", bands=BANDS) == 0
    found = read_qp(tmp_path / "pz_estimate.hdf5")
    assert np.array_equal(found.object_id, here["object_id"])
    faint = np.isnan(here[BANDS[0]])
    assert faint.any()
    assert np.corrcoef(found.point[faint], here["redshift"][faint])[0, 1] > 0.8


def test_it_is_scored_as_any_qp_file(here, tmp_path, capsys):
    assert predict() == 0
    write(tmp_path / "truth.hdf5", {name: here[name] for name in ("object_id", "redshift")})
    assert main(["score", "pz_estimate.hdf5", "--truth", "truth.hdf5"]) == 0
    assert "CRPS" in capsys.readouterr().out


def test_chunks_change_nothing(here, tmp_path):
    assert predict() == predict("--chunk-rows", "70", out="again.hdf5") == 0
    whole, again = read_qp("pz_estimate.hdf5"), read_qp("again.hdf5")
    assert np.array_equal(whole.distribution.values, again.distribution.values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "colours:Point"}, "forecasts a redshift alone"),
        ({"out": "pz.h5"}, "expected a name that ends in .csv, .parquet, .fits, .csv.gz, .hdf5"),
    ],
)
def test_what_can_not_be_is_refused(options, said, here, tmp_path, capsys):
    assert predict(**options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / options.get("out", "pz_estimate.hdf5")).exists()


def test_a_table_without_ids_is_refused(here, tmp_path, capsys):
    rows = {name: values for name, values in galaxies(50, 3).items() if name != "object_id"}
    write(tmp_path / "test.hdf5", rows)
    assert predict() == 2
    assert "test.hdf5 has no column 'object_id'" in capsys.readouterr().err
