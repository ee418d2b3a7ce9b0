"""Filter curves: they are the published ones, per photon, and behave."""

import numpy as np
import pytest

from transferz.photometry import bands
from transferz.photometry.bands import (
    BY_NAME,
    COSMOS_BANDS,
    FIT_BANDS,
    HSC_BANDS,
    SURVEY_BANDS,
    Band,
)

# Mean wavelength, angstrom, per photon: Laigle et al. 2016, ApJS 224, 24, table 1 (COSMOS2015).
PUBLISHED_MEAN = {
    "SC_IB427": 4263.4,
    "SC_IB464": 4635.1,
    "SC_IA484": 4849.2,
    "SC_IB505": 5062.5,
    "SC_IA527": 5261.1,
    "SC_IB574": 5764.8,
    "SC_IA624": 6233.1,
    "SC_IA679": 6781.1,
    "SC_IB709": 7073.6,
    "SC_IA738": 7361.6,
    "SC_IA767": 7684.9,
    "SC_IB827": 8244.5,
    "SC_B": 4458.3,
    "SC_V": 5477.8,
    "SC_rp": 6288.7,
    "SC_ip": 7683.9,
    "UVISTA_Y": 10214.2,
    "UVISTA_J": 12534.6,
    "UVISTA_H": 16453.4,
    "UVISTA_Ks": 21539.9,
    "IRAC_CH1": 35634.3,
    "IRAC_CH2": 45110.1,
    "IRAC_CH3": 57593.4,
    "IRAC_CH4": 79594.9,
}

# Effective wavelength, angstrom: Aihara et al. 2018, PASJ 70, S4, table 2 (HSC).
PUBLISHED_HSC = {"g": 4754.0, "r": 6175.0, "i": 7711.0, "z": 8898.0, "y": 9762.0}


@pytest.mark.parametrize("name", PUBLISHED_MEAN)
def test_mean_wavelengths_are_the_published_ones(name):
    wavelength, response = bands.transmission(BY_NAME[name])
    mean = np.trapezoid(wavelength * response, wavelength) / np.trapezoid(response, wavelength)
    assert mean == pytest.approx(PUBLISHED_MEAN[name], rel=5e-3)
    if name.startswith("SC_I"):  # the same scans of the filters
        assert mean == pytest.approx(PUBLISHED_MEAN[name], abs=1.0)


@pytest.mark.parametrize("letter", PUBLISHED_HSC)
def test_hsc_effective_wavelengths_are_the_published_ones(letter):
    found = bands.effective_wavelength(HSC_BANDS[letter])
    assert found == pytest.approx(PUBLISHED_HSC[letter], rel=2e-3)


@pytest.mark.parametrize("band", COSMOS_BANDS, ids=lambda band: band.name)
def test_curves_are_clean(band):
    wavelength, response = bands.transmission(band)
    assert wavelength.shape == response.shape
    assert (np.diff(wavelength) > 0).all()
    assert response.min() == response[0] == response[-1] == 0.0
    assert response.max() == 1.0
    assert not response.flags.writeable and not wavelength.flags.writeable


@pytest.mark.parametrize("band", COSMOS_BANDS, ids=lambda band: band.name)
def test_what_is_cut_off_the_curves_is_negligible(band):
    wavelength, response = bands._tabulated(band.curve)
    _, kept = bands.transmission(band)
    full = np.trapezoid(np.clip(response, 0, None) / response.max(), wavelength)
    assert np.trapezoid(kept, bands.transmission(band)[0]) == pytest.approx(full, rel=5e-3)


def test_two_libraries_agree_on_the_intermediate_bands():
    for name, number in (("SC_IB427", "427"), ("SC_IB574", "574"), ("SC_IB827", "827")):
        other = Band(name, f"sedpy:subaru_suprimecam_ia{number}")
        ours, theirs = (bands.pivot_wavelength(band) for band in (BY_NAME[name], other))
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_pivot_wavelength_is_sedpys():
    from sedpy.observate import Filter

    expected = Filter("spitzer_irac_ch1").wave_pivot
    assert bands.pivot_wavelength(BY_NAME["IRAC_CH1"]) == pytest.approx(expected, rel=1e-5)


def test_bands_are_found_by_name():
    assert bands.band("UVISTA_Ks").curve == "sedpy:vista_vircam_Ks"
    assert len(BY_NAME) == len(COSMOS_BANDS)
    assert set(FIT_BANDS) < set(COSMOS_BANDS)
    assert len(FIT_BANDS) == 30


def test_unknown_bands_and_libraries_are_refused():
    with pytest.raises(ValueError, match=r"no filter curve for band 'SC_gp'.*HSC_g"):
        bands.band("SC_gp")
    with pytest.raises(ValueError, match="unknown library 'svo'"):
        bands.transmission(Band("x", "svo:x"))


ELSEWHERE = {
    "des": ("sedpy:decam_", "grizY", ""),
    "sdss": ("sedpy:sdss_", "ugriz", "0"),
    "lsst": ("sedpy:lsst_baseline_", "ugrizy", ""),
    "hsc": ("sedpy:hsc_", "grizy", ""),
}
"""Curves of the same filters in the other library."""


@pytest.mark.parametrize("survey", ELSEWHERE)
def test_two_libraries_agree_on_the_bands_of_surveys(survey):
    start, names, end = ELSEWHERE[survey]
    assert "".join(SURVEY_BANDS[survey]) == names
    for name, band in SURVEY_BANDS[survey].items():
        other = Band(name, f"{start}{name}{end}")
        assert bands.pivot_wavelength(band) == pytest.approx(
            bands.pivot_wavelength(other), rel=0.02
        )


@pytest.mark.parametrize("survey", SURVEY_BANDS)
def test_bands_of_surveys_have_curves_blue_to_red(survey):
    wavelengths = [bands.effective_wavelength(band) for band in SURVEY_BANDS[survey].values()]
    assert wavelengths == sorted(wavelengths)


@pytest.mark.parametrize("curve", ["speclite:decam2014-q", "sedpy:decam_q", "speclite:", "sedpy:"])
def test_a_curve_that_a_library_has_not_is_refused(curve):
    library, name = curve.split(":")
    with pytest.raises(ValueError, match=f"{library} has no filter curve '{name}'"):
        bands.transmission(Band("q", curve))
