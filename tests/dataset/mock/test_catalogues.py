"""The files of the mock survey: columns, values, and how the catalogues hang together."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from transferz.dataset.mock import galaxiesml
from transferz.dataset.mock.build import (
    COSMOS2020_FILE,
    COSMOS_TRUTH_FILE,
    HSC_FILE,
    TRUTH_FILE,
)
from transferz.dataset.mock.sky import COSMOS_DEC, COSMOS_RA
from transferz.dataset.sources.catalogues import read_catalogue
from transferz.photometry.flux import AB_ZEROPOINT_UJY
from transferz.schemas import BANDS, HSC, MAGNITUDES, TRUTH
from transferz.schemas.survey.frames import check, to_frame
from transferz.schemas.survey.survey import find_survey


def native(values):
    return np.asarray(values).astype(values.dtype.newbyteorder("="))


def published(tiny, split):
    return tiny / f"galaxiesml/5x127x127_{split}_with_morphology.csv"


@pytest.fixture(scope="module")
def cosmos(tiny):
    with fits.open(tiny / COSMOS2020_FILE) as hdus:
        rows = hdus[1].data
        names = hdus[1].columns.names
        frame = pd.DataFrame(
            {n: np.asarray(rows[n]).astype(rows[n].dtype.newbyteorder("=")) for n in names}
        )
    return frame.join(pd.read_parquet(tiny / COSMOS_TRUTH_FILE))


@pytest.fixture(scope="module")
def hsc(tiny):
    return pd.read_csv(tiny / HSC_FILE)


@pytest.fixture(scope="module")
def spectra(tiny):
    parts = [pd.read_csv(published(tiny, s)) for s in galaxiesml.PUBLISHED_ROWS]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def truth(tiny):
    return to_frame(pq.read_table(tiny / TRUTH_FILE), TRUTH)


def test_catalogues_pass_their_schemas(tiny, truth):
    for name, table in find_survey("mock").tables.items():
        read = read_catalogue(tiny / name, find_survey("mock").catalogues[name], table)
        chunks = [chunk.replace_schema_metadata() for chunk in read]
        check(to_frame(pa.concat_tables(chunks), table), table)
    check(truth, TRUTH)


def test_cosmos2020_says_it_is_a_mock_and_has_upstream_columns(tiny):
    with fits.open(tiny / COSMOS2020_FILE) as hdus:
        assert hdus[0].header["MOCK"] is True
        assert hdus[1].header["MOCK"] is True
        assert "DATE" not in hdus[0].header
        names = set(hdus[1].columns.names)
        assert hdus[1].columns["HSC_i_FLUX_APER2"].unit == "uJy"
    assert len(names) >= 200
    wanted = {"EBV_MW", "FLAG_HSC", "FLAG_SUPCAM", "FLAG_UVISTA", "FLAG_UDEEP", "total_off2"}
    wanted |= {"UVISTA_Ks_FLUXERR_APER3", "CFHT_ustar_MAG_AUTO", "IRAC_CH1_FLUX", "lp_zq"} - {
        "lp_zq"
    }
    assert wanted <= names


def test_default_catalogue_has_200_columns_and_the_fit_uses_all_bands(params):
    bands = params.cosmos2020.bands
    irac = sum(band.name.startswith("IRAC") for band in bands)
    assert 12 * (len(bands) - irac) + 4 * irac > 300
    assert len(bands) == 30


def test_magnitudes_agree_with_fluxes(cosmos):
    for name in ("HSC_i", "UVISTA_Ks", "SC_IB427"):
        flux, magnitude = cosmos[f"{name}_FLUX_AUTO"], cosmos[f"{name}_MAG_AUTO"]
        bright = flux > 0.5
        expected = AB_ZEROPOINT_UJY - 2.5 * np.log10(flux[bright].astype(float))
        np.testing.assert_allclose(magnitude[bright], expected, atol=2e-4)
        assert (magnitude[flux <= 0] == -99).all()
        assert magnitude[flux.isna()].isna().all()
    assert (cosmos["CFHT_u_FLUX_APER2"] < 0).any(), "noise makes some fluxes negative"


def test_aperture_offsets_lead_to_the_total_flux(cosmos):
    bright = cosmos[cosmos["HSC_i_MAG_AUTO"].between(10, 22)]
    for number in (2, 3):
        total = bright[f"HSC_i_FLUX_APER{number}"] * 10 ** (-0.4 * bright[f"total_off{number}"])
        ratio = -2.5 * np.log10(total) + AB_ZEROPOINT_UJY - bright["i_mag_true"]
        assert abs(np.median(ratio)) < 0.05
        assert (bright[f"total_off{number}"] < 0.1).all()
    assert bright["total_off2"].median() < bright["total_off3"].median()


def test_positions_lie_in_the_field(cosmos, hsc, tiny_params):
    half = 1.001 * np.sqrt(tiny_params.area_deg2) / 2
    for ra, dec in ((cosmos["ALPHA_J2000"], cosmos["DELTA_J2000"]), (hsc["ra"], hsc["dec"])):
        assert ra.between(*COSMOS_RA).all()
        assert dec.between(*COSMOS_DEC).all()
        assert (dec - tiny_params.sky.centre[1]).abs().max() < half + 2e-4


def test_masked_areas_are_masked(cosmos):
    flags = cosmos[["FLAG_HSC", "FLAG_SUPCAM", "FLAG_UVISTA"]]
    assert set(np.unique(cosmos["FLAG_COMBINED"])) == {0, 1}
    assert (cosmos["FLAG_COMBINED"] == flags.max(axis=1)).all()
    assert 0.02 < cosmos["FLAG_COMBINED"].mean() < 0.6
    edge = cosmos["ALPHA_J2000"] > cosmos["ALPHA_J2000"].quantile(0.99)
    assert (cosmos["FLAG_UVISTA"][edge] == 1).all()
    assert cosmos["UVISTA_Ks_FLUX_APER2"][cosmos["FLAG_UVISTA"] == 1].isna().all()


def test_special_cases_of_lephare(cosmos):
    xray = cosmos["lp_type"] == 2
    assert xray.any()
    assert (cosmos["kind"][xray] == "active").all()
    assert cosmos["lp_zBEST"][xray].isna().all()
    masked = (cosmos["FLAG_COMBINED"] == 1) & ~xray
    assert (cosmos["lp_zBEST"][masked] == 99).all()
    stars = cosmos["lp_type"] == 1
    assert (cosmos["kind"][stars] == "star").mean() > 0.7
    assert cosmos["lp_zp_2"].isna().any()
    assert cosmos["lp_zp_2"].notna().any()


def test_the_label_is_a_fit_not_the_truth(cosmos):
    galaxies = cosmos[(cosmos["kind"] == "galaxy") & (cosmos["HSC_i_MAG_AUTO"] < 23.5)]
    error = (galaxies["lp_zPDF"] - galaxies["redshift_true"]) / (1 + galaxies["redshift_true"])
    assert 0.004 < 1.4826 * error.abs().median() < 0.05
    assert (error.abs() > 0.15).mean() < 0.1
    assert (galaxies["lp_zPDF_l68"] <= galaxies["lp_zPDF"]).all()
    assert (galaxies["lp_zPDF"] <= galaxies["lp_zPDF_u68"]).all()


def test_hsc_has_booleans_duplicates_missing_values_and_flags(tiny, hsc):
    header, first = (tiny / HSC_FILE).read_text().splitlines()[:2]
    assert header.split(",")[: len(HSC.columns)] == [column.upstream[0] for column in HSC]
    assert "True" in first or "False" in first
    assert hsc["isprimary"].dtype == bool
    assert 0.01 < (~hsc["isprimary"]).mean() < 0.1
    assert hsc["object_id"].is_unique
    lacking = hsc[list(MAGNITUDES)].isna()
    assert lacking.any(axis=None)
    assert not hsc["g_cmodel_flag"][lacking["g_cmodel_mag"]].all(), "no flux is no failed fit"
    for band in BANDS:
        assert hsc[f"{band}_pixelflags_bright_object"].mean() > 0.01
        assert hsc[f"{band}_inputcount_value"].min() >= 2


def test_hsc_and_cosmos_see_the_same_galaxies_at_an_offset(cosmos, hsc, tiny_params):
    primary = hsc[hsc["isprimary"]]
    ours = SkyCoord(primary["ra"], primary["dec"], unit="deg")
    theirs = SkyCoord(cosmos["ALPHA_J2000"], cosmos["DELTA_J2000"], unit="deg")
    index, distance, _ = ours.match_to_catalog_sky(theirs)
    matched = distance.arcsec < 0.6
    assert 0.85 < matched.mean() < 0.995, "some HSC objects have no COSMOS counterpart"
    assert len(set(index[matched])) < 0.9 * len(cosmos), "and some COSMOS objects none in HSC"
    east, north = theirs[index[matched]].spherical_offsets_to(ours[matched])
    found = np.median(east.arcsec), np.median(north.arcsec)
    np.testing.assert_allclose(found, tiny_params.hsc.offset_arcsec, atol=0.02)
    dim = primary["i_cmodel_mag"][matched] - cosmos["i_mag_true"].to_numpy()[index[matched]]
    assert abs(np.median(dim)) < 0.06


def test_truth_knows_every_galaxy_and_no_star(hsc, spectra, truth, cosmos):
    known = truth.set_index("object_id")["redshift_true"]
    assert known.index.is_unique
    in_hsc = hsc["object_id"].isin(known.index)
    assert 0.8 < in_hsc.mean() < 0.995, "stars and false detections have no redshift"
    good = spectra[spectra["specz_redshift"].between(0.01, 4)]
    assert good["object_id"].isin(known.index).mean() > 0.985
    error = (good["specz_redshift"] - good["object_id"].map(known)).abs()
    assert (error < 0.01 * (1 + good["specz_redshift"])).mean() > 0.93
    stars = spectra["specz_redshift"].abs() < 0.005
    assert stars.any()
    assert (
        not spectra["object_id"][stars & ~spectra["object_id"].isin(hsc["object_id"])]
        .isin(known.index)
        .all()
    )


def test_galaxiesml_shares_objects_by_id_and_by_position(hsc, spectra):
    here = spectra[spectra["specz_name"].str.startswith("COSMOS")]
    same_id = here["object_id"].isin(hsc["object_id"])
    assert 0.8 < same_id.mean() < 1.0
    row = here[same_id].iloc[0]
    twin = hsc[hsc["object_id"] == row["object_id"]].iloc[0]
    assert row["i_cmodel_mag"] == twin["i_cmodel_mag"] or np.isnan(row["i_cmodel_mag"])
    others = here[~same_id]
    _, distance, _ = SkyCoord(others["ra"], others["dec"], unit="deg").match_to_catalog_sky(
        SkyCoord(hsc["ra"], hsc["dec"], unit="deg")
    )
    assert (distance.arcsec < 0.3).any()


def test_galaxiesml_covers_fields_around_ra_zero(spectra):
    assert spectra["ra"].between(0, 360).all()
    fall = spectra[spectra["dec"].between(-1, 1.5)]
    assert (fall["ra"] > 356).any()
    assert (fall["ra"] < 6).any()
    assert (spectra["dec"] > 50).any()


def test_galaxiesml_rows_for_each_cut(spectra):
    assert (spectra["specz_redshift"] > 4).any()
    assert (spectra["specz_redshift_err"] <= 0).any()
    assert (spectra["specz_redshift_err"] > 1).any()
    large = spectra["specz_redshift_err"] > 0.005 * (1 + spectra["specz_redshift"])
    assert (large & (spectra["specz_redshift_err"] < 1)).any()
    assert not spectra["specz_flag_homogeneous"].all()
    assert (spectra["specz_mag_i"] == -99).any()
    assert spectra["g_cmodel_mag"].isna().any()
    assert spectra["object_id"].duplicated().any()
    names = spectra.drop_duplicates("object_id")["specz_name"]
    assert names.duplicated().any()


def test_published_splits_keep_their_proportions(tiny):
    rows = [len(pd.read_csv(published(tiny, s))) for s in galaxiesml.PUBLISHED_ROWS]
    shares = np.array(list(galaxiesml.PUBLISHED_ROWS.values())) / sum(
        galaxiesml.PUBLISHED_ROWS.values()
    )
    np.testing.assert_allclose(np.array(rows) / sum(rows), shares, atol=1e-3)
