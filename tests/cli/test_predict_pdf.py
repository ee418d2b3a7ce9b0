"""`transferz predict --pdf`: densities beside the redshifts, scored, and taken to qp."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from transferz.baselines.forecasts import decode_pdfs, to_qp
from transferz.baselines.networks.ensemble import (
    MODEL_FILE,
    Ensemble,
    Fit,
    Scaler,
    ensemble_bytes,
    load_ensemble,
)
from transferz.baselines.networks.network import COMPONENTS, MixtureNetworks, StackedNetworks
from transferz.baselines.scores.probability import GaussianMixture
from transferz.cli import main

BANDS = ("g", "r", "i")
SEEDS = (0, 1)
COUNT = 300
MIXTURE, POINTS = "mixture_density", "nn_base"


def ensemble(kind):
    """Networks before training, but for where they begin: peaks about redshift 1, not wide."""
    networks = kind.from_seeds(len(BANDS), SEEDS).eval().requires_grad_(False)
    if kind is MixtureNetworks:
        networks.biases[-1] += torch.tensor([0.0, 1.0, -3.0]).repeat_interleave(COMPONENTS)
    scaler = Scaler(np.full(3, 18.0), np.full(3, 27.0))
    return Ensemble(networks, scaler, tuple(Fit(seed, 1, 1, 0.5) for seed in SEEDS))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model of mixtures, and one of points."""
    folder = tmp_path_factory.mktemp("models")
    for name, kind in {MIXTURE: MixtureNetworks, POINTS: StackedNetworks}.items():
        (folder / name).mkdir()
        content = ensemble_bytes(ensemble(kind), BANDS, {"method": name})
        (folder / name / MODEL_FILE).write_bytes(content)
    return folder


@pytest.fixture
def table(tmp_path):
    """Galaxies whose true redshifts are drawn from what is forecast of them."""
    rng = np.random.default_rng(3)
    magnitudes = rng.uniform(18.0, 27.0, (COUNT, 3))
    true = np.diagonal(pooled(magnitudes).quantiles(rng.uniform(0.01, 0.99, COUNT)))
    frame = pd.DataFrame(dict(zip(BANDS, magnitudes.T, strict=True)))
    path = tmp_path / "t.parquet"
    frame.assign(z_spec=np.where(true > 0.0, true, 0.5)).to_parquet(path)
    return path


def pooled(magnitudes):
    return GaussianMixture.pooled(ensemble(MixtureNetworks).mixtures(magnitudes))


def predict(models, name, table, out, *options):
    command = ["predict", "--model", models / name, table, "--out", out, "--threads", "1", *options]
    return main([*map(str, command)])


def scored(capsys, *arguments):
    assert main(["score", *map(str, arguments), "--true", "z_spec", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    metrics = found["scores"]["ranges"]["all"]["metrics"]
    return found, {name: one["mean"] for name, one in metrics.items()}


def test_densities_are_written_scored_and_taken_to_qp(models, table, tmp_path, capsys):
    out = tmp_path / "o.parquet"
    assert predict(models, MIXTURE, table, out, "--pdf", "compact:40", "--chunk-rows", "70") == 0
    assert capsys.readouterr() == ("", "")
    stored, source = pq.read_table(out), pq.read_table(table)
    column = stored["mixture_density_quant"]
    assert stored.schema.names == [*source.schema.names, "redshift_pred", "mixture_density_quant"]
    assert column.type == pa.binary(40)
    whole = pooled(np.column_stack([source[band] for band in BANDS]))
    decoded = decode_pdfs(column)
    each = ensemble(MixtureNetworks).mixtures(np.column_stack([source[b] for b in BANDS]))
    medians = np.mean([mixture.quantiles([0.5])[:, 0] for mixture in each], axis=0)
    np.testing.assert_allclose(stored["redshift_pred"], medians, rtol=0, atol=1e-6)

    # What it scores is what the mixtures themselves do, but for what the bytes lose.
    said, found = scored(capsys, out)
    assert said["columns"]["distribution"] == "mixture_density_quant"
    true = source["z_spec"].to_numpy()
    assert found["crps"] == pytest.approx(np.mean(whole.crps(true)), rel=3e-3)
    assert found["coverage_90"] == pytest.approx(
        np.mean((whole.cdf(true) > 0.05) & (whole.cdf(true) < 0.95)), abs=0.02
    )

    # And qp's densities are those of the bytes, between the definitions of the two.
    ensemble_ = to_qp(column)
    np.testing.assert_allclose(
        ensemble_.ppf([0.16, 0.5]), decoded.quantiles([0.16, 0.5]), atol=0.03
    )
    assert np.abs(ensemble_.cdf(true[:, None])[:, 0] - decoded.cdf(true)).max() < 0.03


def test_a_column_without_its_metadata_is_named(models, table, tmp_path, capsys):
    out, bare = tmp_path / "o.parquet", tmp_path / "bare.parquet"
    predict(models, MIXTURE, table, out, "--pdf", "compact:16")
    pd.read_parquet(out).to_parquet(bare)  # pandas drops what Arrow says of a column
    capsys.readouterr()
    _, points = scored(capsys, bare)
    assert "crps" not in points
    assert scored(capsys, bare, "--pdf", "mixture_density_quant")[1] == scored(capsys, out)[1]


def test_damaged_bytes_and_two_columns_are_named(models, table, tmp_path, capsys):
    out, odd = tmp_path / "o.parquet", tmp_path / "odd.parquet"
    predict(models, MIXTURE, table, out, "--pdf", "compact:16")
    stored = pq.read_table(out)
    field = stored.schema.field("mixture_density_quant")
    values = stored["mixture_density_quant"].to_pylist()
    values[7] = bytes([*values[7][:-1], values[7][-1] ^ 1])
    place = stored.schema.get_field_index(field.name)
    damaged = stored.set_column(place, field, pa.array(values, field.type))
    pq.write_table(damaged, odd)
    assert main(["score", str(odd), "--true", "z_spec"]) == 2
    said = capsys.readouterr().err
    assert "odd.parquet: column 'mixture_density_quant': the density of row 7 is damaged" in said
    pq.write_table(stored.append_column(field.with_name("b_quant"), stored[field.name]), odd)
    assert main(["score", str(odd), "--true", "z_spec"]) == 2
    assert "which column holds the densities?" in capsys.readouterr().err
    assert scored(capsys, odd, "--pdf", "b_quant")[1]["crps"] > 0.0


def test_missing_densities_count_as_missing_forecasts(models, table, tmp_path, capsys):
    out, odd = tmp_path / "o.parquet", tmp_path / "odd.parquet"
    predict(models, MIXTURE, table, out, "--pdf", "compact:16")
    stored = pq.read_table(out)
    field = stored.schema.field("mixture_density_quant")
    values = [None, *stored[field.name].to_pylist()[1:]]
    place = stored.schema.get_field_index(field.name)
    pq.write_table(stored.set_column(place, field, pa.array(values, field.type)), odd)
    assert main(["score", str(odd), "--true", "z_spec"]) == 2
    assert "1 of 300 rows have no forecast" in capsys.readouterr().err


def test_chunks_change_no_byte(models, table, tmp_path):
    for rows in ("100000", "150", "70"):
        out = tmp_path / f"{rows}.parquet"
        assert (
            predict(models, MIXTURE, table, out, "--pdf", "compact:24", "--chunk-rows", rows) == 0
        )
    whole, *others = (pq.read_table(path) for path in sorted(tmp_path.glob("[0-9]*.parquet")))
    for other in others:
        assert other["mixture_density_quant"].equals(whole["mixture_density_quant"])


@pytest.mark.parametrize(
    ("model", "out", "pdf", "said"),
    [
        (
            POINTS,
            "o.parquet",
            "compact:40",
            "'nn_base' forecasts a redshift per seed; that of",
        ),
        (MIXTURE, "o.csv", "compact:40", "--pdf: bytes need --out FILE.parquet"),
        (MIXTURE, "o.fits", "compact:40", "--pdf: bytes need --out FILE.parquet"),
        (MIXTURE, "o.parquet", "compact:7", "expected compact:N, N from 8 to 128"),
        (MIXTURE, "o.parquet", "grid:40", "expected compact:N"),
    ],
)
def test_what_can_not_be_is_refused(model, out, pdf, said, models, table, tmp_path, capsys):
    place = tmp_path / out
    try:
        assert predict(models, model, table, place, "--pdf", pdf) == 2
    except SystemExit as stopped:  # argparse's
        assert stopped.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not place.exists()


def by_method(method, table, out, *options):
    command = ["predict", "--method", method, "--train", table, "--bands", "g,r,i", table]
    command += ["--redshift", "z_spec", "--out", out, "--threads", "1", *options]
    return main([*map(str, command)])


def test_a_methods_densities_are_written_as_a_models_are(table, tmp_path, capsys):
    out = tmp_path / "o.parquet"
    assert by_method("nearest", table, out, "--pdf", "compact:24") == 0
    stored = pq.read_table(out)
    decoded = decode_pdfs(stored["nearest_quant"])
    assert not decoded.missing.any()
    assert np.corrcoef(decoded.quantiles([0.5])[:, 0], stored["redshift_pred"])[0, 1] > 0.5
    capsys.readouterr()
    assert scored(capsys, out)[0]["columns"]["distribution"] == "nearest_quant"


def test_a_method_without_densities_is_refused(table, tmp_path, capsys):
    assert by_method("trees", table, tmp_path / "o.parquet", "--pdf", "compact:24") == 2
    assert "forecasts a redshift alone" in capsys.readouterr().err
    assert not (tmp_path / "o.parquet").exists()


def test_scipy_is_asked_for_where_it_is_not_there(models, table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("transferz.tables.table.find_spec", lambda name: None)
    assert predict(models, MIXTURE, table, tmp_path / "o.csv") == 2
    assert "a mixture needs the package 'scipy': pip install scipy" in capsys.readouterr().err


def test_a_model_of_mixtures_is_kept_whole(models):
    model = load_ensemble(models / MIXTURE)
    assert isinstance(model.ensemble.networks, MixtureNetworks)
    magnitudes = np.random.default_rng(1).uniform(18.0, 27.0, (20, 3))
    wanted = ensemble(MixtureNetworks)
    assert np.array_equal(model.ensemble.predict(magnitudes), wanted.predict(magnitudes))
    assert not load_ensemble(models / POINTS).ensemble.has_densities
