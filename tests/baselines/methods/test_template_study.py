"""The template fit on extracts in both layouts, made here from models, and on the real ones."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.methods import template_study as template_fit
from transferz.baselines.methods.template_study import (
    CIGALE,
    LEPHARE,
    TemplateFitQuality,
    cross_validated_offsets,
    evaluate,
    format_table,
    read_extract,
)
from transferz.photometry.bands import BY_NAME
from transferz.photometry.templates import model_grid
from transferz.schemas.errors import InputError

NAMES = ("CFHT_ustar", "HSC_g", "HSC_r", "HSC_i", "HSC_z", "SC_IA624", "UVISTA_J", "UVISTA_Ks")
REDSHIFT_MAX = 1.5


@pytest.fixture(scope="module", autouse=True)
def _short_grid():
    """A shorter redshift grid keeps these tests fast; the real tables have their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_fit, "COSMOS_REDSHIFT_MAX", REDSHIFT_MAX)
        yield


@pytest.fixture(scope="module")
def grid():
    bands = tuple(band for band in BY_NAME.values() if band.name in NAMES)
    return model_grid(bands, REDSHIFT_MAX)


@pytest.fixture(scope="module")
def galaxies(grid):
    """Ids, redshifts, fluxes and errors in microjansky of 120 galaxies."""
    rng = np.random.default_rng(8)
    at_z = rng.integers(10, 140, 120)
    flux = grid.flux[at_z, rng.integers(0, grid.flux.shape[1], 120)]
    flux = flux * rng.uniform(10.0, 100.0, (120, 1))
    error = np.full_like(flux, 0.05)
    flux = flux + error * rng.normal(size=flux.shape)
    return np.arange(1, 121) * 7, grid.redshift[at_z], flux, error


def frame(grid, galaxies, layout):
    """Lay galaxies out as a table, with a band that has no curve."""
    ids, redshift, flux, error = galaxies
    unit = layout.ujy_per_unit
    table = {"id": ids.astype(float) if layout is LEPHARE else ids, layout.redshift: redshift}
    for number, band in enumerate(grid.bands):
        flux_name, error_name = layout.columns(band.name)
        table |= {flux_name: flux[:, number] / unit, error_name: error[:, number] / unit}
    unused = "cosmos/NB711.lowres" if layout is LEPHARE else "subaru.suprime.NB711"
    return pd.DataFrame(table | {layout.flux.format(unused): 1.0, layout.error.format(unused): 1.0})


def written(folder, table, name="extract.csv"):
    path = folder / name
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("layout", [LEPHARE, CIGALE], ids=["lephare", "cigale"])
def test_both_layouts_hold_the_same_galaxies(grid, galaxies, layout, tmp_path):
    extract = read_extract(written(tmp_path, frame(grid, galaxies, layout)))
    assert extract.bands == grid.bands
    for found, expected in zip(
        (extract.identifiers, extract.redshift, extract.flux, extract.error), galaxies, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_missing_negative_and_limits_are_told_apart(grid, galaxies, tmp_path):
    table = frame(grid, galaxies, CIGALE)
    flux, error = CIGALE.columns("HSC_g")
    table.loc[0, flux] = np.nan
    table.loc[1, flux] = -99.0
    table.loc[2, flux] = -1e-3
    table.loc[3, [flux, error]] = [2e-4, -2e-4]
    extract = read_extract(written(tmp_path, table))
    column = [band.name for band in extract.bands].index("HSC_g")
    assert np.isnan(extract.flux[:2, column]).all()
    assert extract.flux[2, column] == pytest.approx(-1.0)
    assert extract.flux[3, column] == 0.0
    assert extract.error[3, column] == pytest.approx(0.2)
    result = evaluate(written(tmp_path, table))[0]
    negative = np.count_nonzero(extract.flux < 0)
    assert (result.missing, result.negative, result.limits) == (2, negative, 1)


def test_rows_without_a_redshift_are_left_out(grid, galaxies, tmp_path):
    table = frame(grid, galaxies, LEPHARE)
    table.loc[[4, 9], "zspec"] = [np.nan, -99.0]
    assert len(read_extract(written(tmp_path, table)).redshift) == 118


@pytest.mark.parametrize("layout", [LEPHARE, CIGALE])
def test_a_band_without_its_error_is_not_left_out_unsaid(grid, galaxies, layout, tmp_path):
    flux, error = layout.columns("HSC_r")
    table = frame(grid, galaxies, layout).drop(columns=error)
    with pytest.raises(InputError, match=f"'{flux}' and '{error}' once each, found them 1 and 0"):
        read_extract(written(tmp_path, table))


def test_good_photometry_is_fitted_well_and_offsets_repair_bad(grid, galaxies, tmp_path):
    bent = np.array([1.3, 1.0, 0.8, 1.1, 0.95, 1.2, 0.85, 0.9])
    ids, redshift, flux, error = galaxies
    good = evaluate(written(tmp_path, frame(grid, galaxies, LEPHARE)))
    bad = evaluate(
        written(tmp_path, frame(grid, (ids, redshift, flux * bent, error * bent), LEPHARE))
    )
    assert [row.photometry for row in good] == [template_fit.AS_IT_IS, template_fit.WITH_OFFSETS]
    assert good[0].scatter < 0.02 and good[0].outlier_rate < 0.1
    assert bad[0].scatter > 2 * good[0].scatter
    assert bad[1].scatter < 0.6 * bad[0].scatter
    applied = np.array(list(bad[1].offsets.values())) * bent
    np.testing.assert_allclose(applied / np.exp(np.log(applied).mean()), 1.0, atol=0.04)
    assert good[0].offsets == {}


def test_a_galaxys_offsets_are_fitted_without_it(grid, galaxies, tmp_path):
    extract = read_extract(written(tmp_path, frame(grid, galaxies, LEPHARE)))
    before = cross_validated_offsets(extract, grid)
    extract.flux[17] *= np.linspace(0.2, 5.0, len(grid.bands))
    after = cross_validated_offsets(extract, grid)
    fold = (before == before[17]).all(axis=1)
    assert 5 < fold.sum() < 60
    np.testing.assert_array_equal(after[fold], before[fold])
    assert (after[~fold] != before[~fold]).any(axis=1).all()


def test_the_order_of_rows_does_not_matter(grid, galaxies, tmp_path):
    table = frame(grid, galaxies, LEPHARE)
    shuffled = table.sample(frac=1.0, random_state=3)
    assert evaluate(written(tmp_path, table)) == evaluate(written(tmp_path, shuffled))


def test_gzipped_and_other_tables_are_read(grid, galaxies, tmp_path):
    table = frame(grid, galaxies, CIGALE)
    table.to_parquet(tmp_path / "extract.parquet")
    assert len(read_extract(tmp_path / "extract.parquet").redshift) == 120
    path = written(tmp_path, table, "extract.csv.gz")
    with gzip.open(path, "rt") as file:
        assert file.readline().startswith("id,redshift")
    assert len(read_extract(path).redshift) == 120


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no known COSMOS2020 extract: expected columns 'id', 'zspec'"),
        ("id,zspec\n1,0.5\n", "no known COSMOS2020 extract"),
        ("id,redshift,subaru.suprime.i,subaru.suprime.i_err\n1,0.5,x,1\n", "'subaru.suprime.i' h"),
        ("id,redshift,subaru.suprime.i,subaru.suprime.i_err\n1,,2,1\n", "none of its 1 rows"),
        ("", "no sound CSV file .it is empty"),
        ('a,b\n"1,2\n3', "no known COSMOS2020 extract"),
        ("id,zspec,f_hsc/i.pb,ferr_hsc/i.pb\n1,2\n", "4 column names for rows of 2 values"),
    ],
)
def test_other_tables_are_refused(content, message, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_extract(path)


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no table at .*absent\.csv"):
        evaluate(tmp_path / "absent.csv")
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"id,zspec\n" * 1000)[:-20])
    with pytest.raises(InputError, match="can't read"):
        evaluate(broken)


def test_the_table_says_what_matters():
    row = TemplateFitQuality(
        photometry=template_fit.AS_IT_IS,
        galaxies=100,
        bands=25,
        redshift_range=(2.5, 6.0),
        scatter=0.025,
        outlier_rate=0.04,
        bias=-0.0142,
        missing=3,
        negative=2,
        limits=1,
    )
    text = format_table([row])
    assert "0.0250" in text and "4.00%" in text and "-0.0142" in text
    assert "3 values missing, 2 negative fluxes, 1 upper limits" in text
    assert "selected on redshift" in text
    near = TemplateFitQuality(
        **{f: getattr(row, f) for f in row.__slots__} | {"redshift_range": (0.1, 6)}
    )
    assert "selected on redshift" not in format_table([near])


@pytest.fixture
def real_data(monkeypatch):
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERZ_REAL_DATA does not name the folder of real tables")
    monkeypatch.setattr(template_fit, "COSMOS_REDSHIFT_MAX", 10.0)
    return Path(folder)


def test_real_cosmos2020_galaxies_are_fitted_well(real_data):
    as_it_is, with_offsets = evaluate(real_data / "cosmos2020_lephare100_cgs.csv")
    assert (as_it_is.galaxies, as_it_is.bands) == (100, 25)
    assert (as_it_is.missing, as_it_is.negative, as_it_is.limits) == (1, 38, 0)
    for row in (as_it_is, with_offsets):
        assert row.scatter < 0.035
        assert row.outlier_rate <= 0.08
        assert abs(row.bias) < 0.02


def test_real_distant_galaxies_are_fitted(real_data, tmp_path):
    table = pd.read_csv(real_data / "cosmos2020_classic_specz_zge2p5_mJy.csv.gz")
    assert len(table) == 5314
    result = evaluate(written(tmp_path, table.iloc[::8]))
    for row in result:
        assert row.redshift_range[0] >= 2.5
        assert row.scatter < 0.1
        assert row.outlier_rate < 0.33
        assert row.limits > 0
    assert "selected on redshift" in format_table(result)
