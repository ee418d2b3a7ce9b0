"""The bands and configs that a manifest names, and those that it means where it names none."""

import pytest

from transferz.photometry.bands import HSC_BANDS
from transferz.schemas import CONFIGS, ReleaseError
from transferz.schemas.survey.described import bands_of, configs_of, default_config

GREEN = {"name": "g", "magnitude": "g_mag", "error": "g_magsigma", "curve": "speclite:decam2014-g"}
RED = {"name": "r", "magnitude": "r_mag", "error": "r_magsigma", "curve": ""}
WHOLE = {
    "columns": dict.fromkeys(["object_id", "g_mag", "g_magsigma", "r_mag", "r_magsigma"]),
    "content": {"labels": {}, "spectra": {}},
    "bands": [GREEN, RED],
    "configs": {"spectroscopic": "spectra", "label": "labels"},
}


def test_bands_and_configs_are_those_that_the_manifest_names():
    assert [(band.name, band.curve) for band in bands_of(WHOLE)] == [
        ("g", "speclite:decam2014-g"),
        ("r", ""),
    ]
    assert list(configs_of(WHOLE).items()) == [("label", "labels"), ("spectroscopic", "spectra")]
    assert default_config(WHOLE) == "labels"
    alone = WHOLE | {"configs": {"spectroscopic": "spectra"}}
    assert default_config(alone) == "spectra"


def test_a_manifest_that_names_none_means_hsc_and_the_first_releases_configs():
    curves = [(name, band.curve) for name, band in HSC_BANDS.items()]
    assert [(band.name, band.curve) for band in bands_of({})] == curves
    assert tuple(configs_of({}).values()) == CONFIGS
    assert configs_of({"content": {"galaxiesml": {}}}) == {"spectroscopic": "galaxiesml"}


@pytest.mark.parametrize(
    "bands",
    [
        *("griz", [], {}, [["g"]], [{**GREEN, "more": ""}]),
        [{name: GREEN[name] for name in ("name", "magnitude", "error")}],
        *([GREEN | {"name": one}] for one in ("", "../g", 7, None)),
        *([GREEN | {"curve": one}] for one in ("hsc", "speclite:", "speclite:a b", None)),
        [GREEN, GREEN | {"name": "r"}],
        [GREEN, RED | {"name": "g"}],
        [GREEN | {"error": "g_mag"}],
        [GREEN | {"magnitude": "u_mag"}],
    ],
)
def test_bands_that_are_none_are_refused(bands):
    with pytest.raises(ReleaseError, match="entry 'bands': expected"):
        bands_of(WHOLE | {"bands": bands})


@pytest.mark.parametrize(
    "configs",
    [
        *([], {}, "labels", {"labels": "labels"}, {"label": "../labels"}, {"label": 1}),
        *({"label": "labels", "union": "labels"}, {"label": "elsewhere"}),
    ],
)
def test_configs_that_are_none_are_refused(configs):
    with pytest.raises(ReleaseError, match="entry 'configs': expected"):
        configs_of(WHOLE | {"configs": configs})


@pytest.mark.parametrize("absent", ["bands", "configs"])
def test_one_entry_without_the_other_is_refused(absent):
    half = {name: value for name, value in WHOLE.items() if name != absent}
    for read in (bands_of, configs_of):
        with pytest.raises(ReleaseError, match=f"expected an entry '{absent}' beside"):
            read(half)
