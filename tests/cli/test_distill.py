"""`transferz distill`: one network in place of many, with what that loses."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.networks.ensemble import (
    MODEL_FILE,
    Ensemble,
    Fit,
    Scaler,
    ensemble_bytes,
    load_ensemble,
)
from transferz.baselines.networks.network import StackedNetworks
from transferz.cli import main
from transferz.cli.predict import distill
from transferz.schemas import InputError, ParameterError

BANDS = tuple(f"{name}_cmodel_mag" for name in "grizy")
COUNT = 3000


def write_model(folder, seeds):
    """Networks as they are before training: they differ from each other as much as any."""
    networks = StackedNetworks.from_seeds(len(BANDS), seeds).eval().requires_grad_(False)
    scaler = Scaler(np.full(len(BANDS), 18.0), np.full(len(BANDS), 27.0))
    ensemble = Ensemble(networks, scaler, tuple(Fit(seed, 1, 1, 0.5) for seed in seeds))
    folder.mkdir()
    provenance = {"method": "nn_base", "source": {"release": {"mock": True}}}
    (folder / MODEL_FILE).write_bytes(ensemble_bytes(ensemble, BANDS, provenance))
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("teacher") / "model", (0, 3, 5))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    rng = np.random.default_rng(3)
    columns = {band: rng.uniform(18, 27, COUNT) for band in BANDS}
    columns[BANDS[1]][:100] = np.nan
    path = tmp_path_factory.mktemp("catalogue") / "sky.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def run(teacher, catalogue, out, *options):
    places = [str(catalogue), "--model", str(teacher), "--out", str(out)]
    return distill([*places, "--epochs", "40", "--quiet", *options])


@pytest.fixture(scope="module")
def student(teacher, catalogue, tmp_path_factory):
    out = tmp_path_factory.mktemp("student") / "model"
    assert run(teacher, catalogue, out) == 0
    return out


def test_it_comes_nearer_to_the_ensemble_than_one_of_its_seeds(student, teacher, catalogue):
    model, whole = load_ensemble(student), load_ensemble(teacher)
    assert (len(model.ensemble), model.bands) == (1, BANDS)
    facts = model.provenance["distilled"]
    assert (facts["model"], facts["seeds"], facts["table"]) == (whole.digest, 3, "sky.parquet")
    assert (facts["rows"], facts["held_out"]) == (2610, 290)  # of those with all magnitudes
    rng = np.random.default_rng(8)
    rows = rng.uniform(18, 27, (2000, len(BANDS))).astype(np.float32)  # none that it has seen
    mean = whole.ensemble.predict(rows).mean(axis=0)
    one, alone = model.ensemble.predict(rows)[0], whole.ensemble.predict(rows)[0]
    away, before = (np.sqrt(np.mean(((z - mean) / (1 + mean)) ** 2)) for z in (one, alone))
    assert away < 0.5 * before
    assert facts["loss"]["rmse"] == pytest.approx(away, rel=0.2)


def test_it_is_a_model_like_any(student, catalogue, tmp_path, capsys):
    out = tmp_path / "out.parquet"
    words = ["predict", "--model", str(student), str(catalogue), "--out", str(out)]
    assert main([*words, "--drop-missing", "--quiet"]) == 0
    assert pq.read_table(out).num_rows == COUNT - 100
    assert "trained on a mock" in capsys.readouterr().err


def test_the_same_table_gives_the_same_student(student, teacher, catalogue, tmp_path):
    run(teacher, catalogue, tmp_path / "again")
    again, first = (path / MODEL_FILE for path in (tmp_path / "again", student))
    assert again.read_bytes() == first.read_bytes()


def test_both_are_scored_on_a_releases_galaxies(teacher, catalogue, tiny_release, tmp_path, capsys):
    run(teacher, catalogue, tmp_path / "out", "--release", str(tiny_release))
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[3:]]
    scored = ["the ensemble"] * 2 + ["the student"] * 2
    assert lines == ["the student", "its first seed alone", *scored]


def test_what_can_not_be_distilled_is_refused(teacher, catalogue, tmp_path):
    single = write_model(tmp_path / "single", (1,))
    with pytest.raises(ParameterError, match="several seeds' redshifts to distil, found one seed"):
        run(single, catalogue, tmp_path / "out")
    short = tmp_path / "short.parquet"
    pq.write_table(pq.read_table(catalogue).slice(60, 139), short)  # 40 lack a magnitude
    with pytest.raises(InputError, match=r"at least 100 rows with all of .*, found 99"):
        run(teacher, short, tmp_path / "out")
    bright = tmp_path / "bright.parquet"
    pq.write_table(pa.table({band: np.linspace(0.1, 3.0, 200) for band in BANDS}), bright)
    with pytest.raises(InputError, match=r"the numbers in .* may be fluxes"):
        run(teacher, bright, tmp_path / "out")
    shutil.copytree(single, tmp_path / "there")
    (tmp_path / "there" / "mine.txt").write_text(json.dumps("kept"))
    with pytest.raises(InputError, match="exists already"):
        run(teacher, catalogue, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("bright.parquet", "short.parquet", "single", "there")
    ]
