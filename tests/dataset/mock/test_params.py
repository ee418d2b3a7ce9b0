"""Parameters of the mock: what is refused, and how clearly."""

import pytest
import yaml

from transferz.dataset.mock.build import MockParams
from transferz.dataset.pipeline.params import read_params
from transferz.schemas import ParameterError


def change(values, dotted, new):
    *parents, last = dotted.split(".")
    section = values
    for name in parents:
        section = section[name]
    section[last] = new


@pytest.mark.parametrize(
    ("dotted", "value"),
    [
        ("area_deg2", -1.0),
        ("area_deg2", 1.65),  # leaves the COSMOS field about this centre
        ("area_deg2", "large"),
        ("seed", 1.5),
        ("i_limit", 35.0),
        ("population.counts", 0.0),
        ("population.blue.luminosity_function.m_star", [-20.0]),
        ("population.red.luminosity_function.phi_star", [1.0, -1.0, 1.0, 1.0]),
        ("population.red.alpha0", [1.0, 1.0]),
        ("hsc.missing_fraction", 1.0),
        ("hsc.degrees_of_freedom", 2.0),
        ("hsc.no_such_thing", 1.0),
        ("cosmos2020.depths.NO_BAND", 25.0),
        ("cosmos2020.fit.templates.count", 0),
        ("galaxiesml.surveys.SDSS.fields", ["ATLANTIS"]),
        ("galaxiesml.surveys.SDSS.kind", "green"),
        ("galaxiesml.defects.error", 0.9),
    ],
)
def test_bad_values_are_refused_in_one_sentence(values, tmp_path, dotted, value):
    change(values, dotted, value)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"mock": values}))
    with pytest.raises(ParameterError) as refusal:
        read_params("mock", MockParams, path)
    said = str(refusal.value)
    assert "mock" in said
    assert "correct it" in said
    assert "\n" not in said


def test_missing_hsc_band_is_named(values, tmp_path):
    del values["cosmos2020"]["depths"]["HSC_z"]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"mock": values}))
    with pytest.raises(ParameterError, match="HSC_z"):
        read_params("mock", MockParams, path)


def test_default_parameters_are_sound(params):
    assert params.window.area_deg2 == pytest.approx(params.area_deg2, rel=1e-3)
    crossing = [field for field in params.galaxiesml.fields.values() if field.ra[0] > field.ra[1]]
    assert crossing, "one field crosses RA 0"
    assert all(field.window.ra_min < field.window.ra_max for field in crossing)


def test_scaled_shrinks_window_and_spectra(params):
    small = params.scaled(0.1)
    assert small.area_deg2 == pytest.approx(0.1 * params.area_deg2)
    assert small.galaxiesml.rows == round(0.1 * params.galaxiesml.rows)
    assert small.population == params.population
    with pytest.raises(ValueError, match="leaves the COSMOS field"):
        params.scaled(13.3)
