"""The pipelines that are here are those that the surveys' configurations ask for."""

from pathlib import Path

import pytest

from transferz.dataset.pipeline.params import load_params
from transferz.dataset.release import require_kept
from transferz.dataset.surveys import pipeline as pipelines
from transferz.dataset.surveys.checking import check_pipeline
from transferz.schemas import ParameterError
from transferz.schemas.survey.survey import find_survey, surveys, taken_over

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", surveys())
def test_a_survey_has_the_pipeline_that_its_configuration_asks_for(name):
    assert check_pipeline(find_survey(name)) == []


def test_what_params_yaml_asks_for_is_kept(monkeypatch):
    """HATS collections, by DVC: the stage `release` makes them, `card` depends on them."""
    params = dict(load_params(ROOT / "params.yaml"))
    asked = params | {"release": {**params["release"], "hats": True}}
    for given, kept in ((params, False), (asked, True)):
        monkeypatch.setattr(pipelines, "load_params", lambda path, given=given: given)
        stages = pipelines.pipeline(find_survey("mock"))["stages"]
        assert "release.hats" in stages["release"]["params"]
        assert ({"${path.release}/_hats": {"persist": True}} in stages["release"]["outs"]) == kept
        assert ("${path.release}/_hats" in stages["card"]["deps"]) == kept


def test_a_stage_refuses_to_write_what_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_kept("mock")  # no pipeline, no DVC
    (tmp_path / "dvc.yaml").write_text("outs: [_index]\n")
    with pytest.raises(ParameterError, match=r"dvc.yaml has no _hats.* run `transferz survey pipe"):
        require_kept("mock")
    (tmp_path / "dvc.yaml").write_text("outs:\n- release/_hats: {persist: true}\n")
    require_kept("mock")


def test_what_a_survey_takes_over_is_named():
    assert taken_over("mock") == ("mock", "cosmos2020")
    assert taken_over("authors") == ("authors", "cosmos2020")
    assert taken_over("cosmos2020") == ("cosmos2020",)
