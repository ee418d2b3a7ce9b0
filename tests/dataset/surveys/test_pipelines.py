"""The pipelines that are here are those that the surveys' configurations ask for."""

import pytest

from transferz.dataset.surveys.checking import check_pipeline
from transferz.schemas.survey.survey import find_survey, surveys, taken_over


@pytest.mark.parametrize("name", surveys())
def test_a_survey_has_the_pipeline_that_its_configuration_asks_for(name):
    assert check_pipeline(find_survey(name)) == []


def test_what_a_survey_takes_over_is_named():
    assert taken_over("mock") == ("mock", "cosmos2020")
    assert taken_over("authors") == ("authors", "cosmos2020")
    assert taken_over("cosmos2020") == ("cosmos2020",)
