"""Flux columns found by their names, counted, and turned into magnitudes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.photometry.flux import (
    FluxCounts,
    count_fluxes,
    flux_columns,
    measured_magnitude,
    to_flux,
)

NAN, INF = np.nan, np.inf


def test_lephares_pairs_are_found():
    names = ["id", "f_hsc/g.pb", "ferr_hsc/g.pb", "f_lonely", "zspec"]
    assert flux_columns(names) == {"f_hsc/g.pb": "ferr_hsc/g.pb"}


def test_cosmos2020s_own_pairs_are_found():
    names = ["ID", "FLUX_RADIUS", "HSC_i_FLUX_AUTO", "HSC_i_FLUXERR_AUTO", "HSC_i_MAG_AUTO"]
    names += ["IRAC_CH1_FLUX", "IRAC_CH1_FLUXERR", "SC_B_FLUX_APER2", "SC_B_FLUXERR_APER3"]
    assert flux_columns(names) == {
        "HSC_i_FLUX_AUTO": "HSC_i_FLUXERR_AUTO",
        "IRAC_CH1_FLUX": "IRAC_CH1_FLUXERR",
    }


def test_cigales_pairs_are_found_and_a_redshift_is_no_flux():
    names = ["id", "redshift", "redshift_err", "hst.F814W", "hst.F814W_err"]
    assert flux_columns(names) == {"hst.F814W": "hst.F814W_err"}
    others = ["specz_redshift", "ra", "dec", "zspec", "z_phot", "i_mag", "ALPHA_J2000", "z"]
    others += ["RA", "Dec", "mass", "sfr", "pmra", "parallax", "radius", "ebv", "specz", "zs"]
    assert flux_columns([*others, *(f"{name}_err" for name in others)]) == {}


@pytest.mark.parametrize(
    "name",
    [
        "g",
        "HSC_i",
        "hsc.y",
        "subaru.suprime.z++",
        "UVISTA_Ks",
        "GALEX_FUV",
        "SC_IB427",
        "IRAC_CH1",
        "irac1",
        "W1",
        "F160W",
        "SC_ip",
        "sc_zpp",
        "UVISTA_NB118",
        "aper_flux",
        "u_1",
    ],
)
def test_a_bare_name_is_a_flux_where_it_is_a_bands(name):
    assert flux_columns([name, f"{name}_err", "mass", "mass_err"]) == {name: f"{name}_err"}


def test_the_case_of_names_does_not_matter_and_units_decide():
    names = ["hsc_g_flux", "hsc_g_fluxerr", "F_r", "FERR_r"]
    assert flux_columns(names[:2]) == {"hsc_g_flux": "hsc_g_fluxerr"}
    assert flux_columns(names) == {"F_r": "FERR_r"}
    both = ["i", "I", "I_err", "i_err"]
    assert flux_columns(both) == {"i": "i_err", "I": "I_err"}
    assert flux_columns(["g", "g_err", "odd", "odd_err"], {"g": "mag", "odd": "uJy"}) == {
        "odd": "odd_err"
    }
    for unit in ("Jy", "mJy", "uJy", "µJy", "nJy", "microJy", "erg/s/cm2/Hz", "10-29erg/s/cm2/Hz"):
        assert flux_columns(["a", "a_err"], {"a": unit}), unit
    for unit in ("deg", "mag", "Msun", "count", "d"):
        assert not flux_columns(["g", "g_err"], {"g": unit}), unit


def test_every_kind_of_value_is_counted_once():
    flux = [2.0, -1.0, 0.0, NAN, INF, -99.0, NAN, 3.0, 4.0, 5.0]
    error = [0.1, 0.1, 0.1, 0.1, 0.1, -99.0, NAN, -3.0, 0.0, NAN]
    empty = np.arange(10) == 6
    given, sentinel = np.where(np.equal(flux, -99.0), NAN, flux), np.arange(10) == 5
    assert count_fluxes(given, error, empty, sentinel) == FluxCounts(
        rows=10,
        measured=6,
        negative=1,
        zero=1,
        not_a_number=2,
        empty=1,
        sentinel=1,
        error_not_positive=2,
        no_error=1,
    )


values = st.lists(st.sampled_from([NAN, INF, -INF, 0.0, -0.0, -1e-30, 1e-30, 5.0]), max_size=30)


@settings(deadline=None, max_examples=50)
@given(values, st.randoms())
def test_counts_add_up_over_any_chunks(flux, random):
    cut = random.randint(0, len(flux))
    whole = count_fluxes(flux, flux)
    assert whole == count_fluxes(flux[:cut], flux[:cut]) + count_fluxes(flux[cut:], flux[cut:])
    parts = (whole.measured, whole.not_a_number, whole.empty, whole.sentinel)
    assert sum(parts) == whole.rows == len(flux)
    magnitude, _ = measured_magnitude(flux, np.ones(len(flux)), "ujy")
    given_one = np.isfinite(magnitude).sum()
    assert given_one == whole.measured - whole.negative - whole.zero


@pytest.mark.parametrize(("unit", "in_unit"), [("ujy", 1.0), ("mjy", 1e-3), ("cgs", 1e-29)])
def test_magnitudes_in_every_unit(unit, in_unit):
    flux = to_flux(np.array([18.0, 24.5]))
    magnitude, error = measured_magnitude(in_unit * flux, in_unit * 0.1 * flux, unit)
    np.testing.assert_allclose(magnitude, [18.0, 24.5])
    np.testing.assert_allclose(error, 0.10857362, rtol=1e-7)


def test_no_magnitude_without_a_positive_measurement():
    flux = [-1.0, 0.0, NAN, INF, NAN, 2.0, 2.0, 2.0, 2.0]
    error = [0.1, 0.1, 0.1, 0.1, 0.1, -2.0, 0.0, NAN, NAN]
    magnitude, sigma = measured_magnitude(flux, error, "ujy")
    assert np.isnan(magnitude).tolist() == [True] * 6 + [False] * 3
    assert np.isnan(sigma).all()
