"""The bands and configs that a manifest names, and those that it means where it names none."""

import pytest

from transferz.photometry.bands import HSC_BANDS
from transferz.schemas import CONFIGS, RELEASE, ReleaseError
from transferz.schemas.survey.described import (
    bands_of,
    configs_of,
    default_config,
)
from transferz.schemas.survey.stated import columns_of

GREEN = {"name": "g", "magnitude": "g_mag", "error": "g_magsigma", "curve": "speclite:decam2014-g"}
RED = {"name": "r", "magnitude": "r_mag", "error": "r_magsigma", "curve": ""}
WHOLE = {
    "columns": {
        "object_id": {"dtype": "int64", "unit": ""},
        **{f"{band}_mag": {"dtype": "float32", "unit": "mag(AB)"} for band in "gr"},
        **{f"{band}_magsigma": {"dtype": "float32", "unit": "mag"} for band in "gr"},
    },
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


def test_magnitudes_in_another_system_are_refused():
    columns = WHOLE["columns"] | {"r_mag": {"dtype": "float32", "unit": "mag"}}
    with pytest.raises(ReleaseError, match=r"'r_mag' in mag\(AB\)"):
        bands_of(WHOLE | {"columns": columns})


def test_columns_are_as_stated_and_ours_keep_their_bounds():
    stated = {"redshift": {"dtype": "float64", "unit": "", "description": "Theirs"}}
    (redshift,) = columns_of({"columns": stated})
    assert (redshift.dtype, redshift.description) == ("float64", "Theirs")
    assert redshift.maximum == RELEASE["redshift"].maximum
    assert [one.name for one in columns_of({})] == list(RELEASE.names)
    assert not columns_of(WHOLE)[1].nullable
    with pytest.raises(ReleaseError, match="a dtype of 'redshift'"):
        columns_of({"columns": {"redshift": {"dtype": "complex", "unit": ""}}})
