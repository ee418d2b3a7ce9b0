"""The report on the mock: its measures on made-up tables, its files on the tiny mock."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferz.dataset.mock import measures, report

ROOT = Path(__file__).parents[3]


def made_up(errors: np.ndarray, half_width: float) -> measures.RawMock:
    """Galaxies at redshift 1 and i = 23 whose labels are off by `errors` times 1 + z."""
    count = len(errors)
    label = 1.0 + 2.0 * errors
    cosmos = pd.DataFrame(
        {
            "masked": False,
            "i_mag": 23.0,
            "lp_zPDF": label,
            "lp_zPDF_l68": label - half_width,
            "lp_zPDF_u68": label + half_width,
            "kind": "galaxy",
            "redshift_true": np.ones(count),
            "i_mag_true": np.linspace(20.0, 25.0, count),
        }
    )
    return measures.RawMock(cosmos, pd.DataFrame(), area_arcmin2=10.0)


def test_quality_of_known_errors():
    errors = np.random.default_rng(1).normal(0.01, 0.02, 20_000)
    errors[:1000] = 0.5
    table = measures.quality_table(made_up(errors, 0.04)).set_index("low")
    row = table.loc[22.5]
    assert row["count"] == 20_000
    assert row["outliers"] == pytest.approx(0.05, abs=0.002)
    assert row["scatter"] == pytest.approx(0.0213, abs=0.001)
    assert row["coverage"] == pytest.approx(0.95 * 0.624, abs=0.01)  # mean off by half a sigma
    assert table.loc[17.0, "count"] == 0
    assert np.isnan(table.loc[17.0, "scatter"])
    assert "1 %" in table.loc[17.0, "published"]


def test_masked_rows_and_stars_do_not_count_for_quality():
    mock = made_up(np.zeros(100), 0.1)
    mock.cosmos.loc[:29, "masked"] = True
    mock.cosmos.loc[30:49, "kind"] = "star"
    assert len(measures.fitted_galaxies(mock)) == 50


def test_counts_are_cumulative_per_area():
    table = measures.count_table(made_up(np.zeros(1001), 0.1), (21.0, 25.5))
    assert table["per_arcmin2"].tolist() == pytest.approx([20.0, 100.1])
    assert table["median_redshift"].tolist() == [1.0, 1.0]


def test_lsst_formulae():
    assert measures.lsst_counts(25.0) == pytest.approx(46.0)
    z0 = 0.0417 * 24.0 - 0.744
    grid = np.linspace(0.0, 20.0, 400_001)
    density = grid**2 * np.exp(-grid / z0)
    median = grid[np.searchsorted(np.cumsum(density), density.sum() / 2)]
    assert measures.lsst_median_redshift(24.0) == pytest.approx(median, rel=1e-3)


def test_colours_of_known_galaxies():
    rng = np.random.default_rng(2)
    galaxies = pd.DataFrame({"redshift": rng.uniform(0.1, 1.45, 5000), "i": 22.0, "z": 21.8})
    galaxies["r"] = 22.0 + galaxies["redshift"]
    galaxies["g"] = galaxies["r"] + 0.5
    table = measures.colour_table(galaxies)
    np.testing.assert_allclose(table["g-r_50"], 0.5)
    np.testing.assert_allclose(table["r-i_50"], table["redshift"], atol=0.02)
    assert measures.colour_table(galaxies.assign(i=24.0))["g-r_50"].isna().all()


def test_command_writes_tables_and_figures(tiny, tmp_path):
    real = tmp_path / "real.csv"
    rng = np.random.default_rng(3)
    columns = {band: rng.normal(22.0, 0.5, 500) for band in "griz"}
    pd.DataFrame({"redshift": rng.uniform(0.1, 1.4, 500)} | columns).to_csv(real)
    out = tmp_path / "docs"
    status = report.main(["--raw", str(tiny), "--out", str(out), "--real", str(real)])
    assert status == 0
    for name in ("counts.png", "colours.png", "labels.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    tables = (out / "tables.md").read_text(encoding="utf-8")
    assert tables.count("|---|") >= 3
    assert "mock / real" in tables
    assert "nan" not in tables.split("### Median colours")[0]


@pytest.mark.parametrize("missing", ["--raw", "--real"])
def test_missing_input_is_one_clear_error(tiny, tmp_path, capsys, missing):
    arguments = ["--out", str(tmp_path), "--raw", str(tiny), missing, str(tmp_path / "nowhere")]
    assert report.main(arguments) == 1
    said = capsys.readouterr().err
    assert "nowhere" in said
    assert "is missing" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_docs_keeps_real_galaxies_where_there_are_none_to_draw(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho ran "$@"\n')
    python.chmod(0o755)
    (tmp_path / "docs/mock").mkdir(parents=True)
    figures = tmp_path / "data/mock/release/transferz/figures"
    figures.mkdir(parents=True)
    for name in ("distributions.png", "flow.png"):
        (figures / name).touch()

    def docs(folder):
        asked = ["make", "--old-file=repro", "docs", f"TRANSFERZ_REAL_DATA={folder}"]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    report = "ran -m transferz.dataset.mock.report"
    for folder in ("", tmp_path):
        out = docs(folder)
        assert report not in out and "is kept as it is" in out
        assert "ran docs/house.py" in out and (tmp_path / "docs/mock/flow.png").exists()
    real = tmp_path / "egs_ugrizy_redshift.csv.gz"
    real.touch()
    assert f"{report} --real {real}\n" in docs(tmp_path)
