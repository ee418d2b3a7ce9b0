"""A survey's file becomes tables; what is wrong in it is said where it stands."""

import pytest
import yaml

from transferz.schemas import ParameterError
from transferz.schemas.survey import survey as configured
from transferz.schemas.survey.survey import FOLDER, find_survey, surveys


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a survey's file that is another's but for some entries, and read it."""

    def read(name, base="des", **changes):
        content = yaml.safe_load((FOLDER / base / "survey.yaml").read_text()) | changes
        (tmp_path / name).mkdir()
        (tmp_path / name / "survey.yaml").write_text(yaml.safe_dump(content))
        monkeypatch.setattr(configured, "FOLDER", tmp_path)
        find_survey.cache_clear()
        return find_survey(name)

    yield read
    find_survey.cache_clear()


@pytest.mark.parametrize("name", surveys())
def test_the_configs_of_a_survey_are_those_its_catalogues_can_fill(name):
    survey = find_survey(name)
    roles = {one.role for one in survey.catalogues.values()}
    assert ("label" in survey.configs) is bool(survey.match) is bool(roles & {"label", "labelled"})
    assert ("truth" in survey.configs) is survey.mock
    assert survey.of_role("spectra") or survey.of_role("spectroscopic")
    magnitudes = [band.magnitude for band in survey.described_bands]
    assert [one for one in survey.release.names if one in magnitudes] == magnitudes


def test_the_bands_make_the_tables(written):
    bands = [{"name": name} for name in ("u", "g", "J", "H", "K", "W1")]
    survey = written("other", bands=bands)
    assert survey.release.names[3:15] == (
        *("u_mag", "g_mag", "J_mag", "H_mag", "K_mag", "W1_mag"),
        *("u_magerr", "g_magerr", "J_magerr", "H_magerr", "K_magerr", "W1_magerr"),
    )
    assert survey.tables["des"]["W1_mag"].upstream == ("MAG_W1", "mag_W1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bands": []}, "bands: .* at least 1"),
        ({"configs": {"labels": "labels"}}, "configs: .*no such role: labels"),
        ({"colour": "blue"}, "colour: Extra inputs"),
        ({"match": "luck"}, "match: "),
        ({"shared_photometry": -1}, "shared_photometry: "),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(written, changes, words):
    with pytest.raises(ParameterError, match=rf"survey\.yaml: {words}.*; correct it"):
        written("wrong", **changes)


def test_a_column_that_nobody_declares(written):
    catalogue = yaml.safe_load((FOLDER / "des/survey.yaml").read_text())["catalogues"]["des"]
    catalogue["columns"].append("cosmos_id")
    with pytest.raises(ParameterError, match="'cosmos_id' is no column that the survey declares"):
        written("wrong", catalogues={"des": catalogue})


def test_a_compilation_needs_photometry_and_a_name(written):
    content = yaml.safe_load((FOLDER / "cosmos_specz/survey.yaml").read_text())
    whole = yaml.safe_load((FOLDER / "cosmos2020/survey.yaml").read_text())
    catalogues = whole["catalogues"] | {"specz": content["catalogues"]["specz"]}
    with pytest.raises(ParameterError, match="stands in place of one of role 'spectroscopic'"):
        written("both", base="cosmos2020", catalogues=catalogues)
    del catalogues["galaxiesml"]
    with pytest.raises(ParameterError, match="match: sky"):
        written("by_id", base="cosmos2020", catalogues=catalogues, match="id")
    references = [one for one in whole["references"] if one["name"] != "specz_name"]
    with pytest.raises(ParameterError, match="needs the reference specz_name"):
        written("nameless", base="cosmos2020", catalogues=catalogues, references=references)
    survey = written("sound", base="cosmos2020", catalogues=catalogues)
    assert survey.spectra == ("match", "specz")
    assert survey.spectroscopic.names[-3:] == ("n_measurements", "other_names", "disagrees")
    assert survey.tables["specz"]["specz_id"].upstream == ()


@pytest.mark.parametrize("name", ["nowhere", "../mock", "Mock"])
def test_a_survey_that_is_not_there(name):
    with pytest.raises(ParameterError, match=f"there is no survey '{name}'.*survey new"):
        find_survey(name)
