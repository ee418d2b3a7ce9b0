"""Versions: read, written, ordered, tagged."""

import pytest

from transferz.schemas import ParameterError
from transferz.schemas.survey.files import Version


@pytest.mark.parametrize("text", ["0.1.0", "1.0.0", "12.3.45", "1.0.0+mock"])
def test_a_version_is_written_as_it_was_read(text):
    assert str(Version.parse(text)) == text
    assert Version.of_tag(Version.parse(text).tag) == Version.parse(text)


@pytest.mark.parametrize(
    "text", ["1.0", "v1.0.0", "1.0.0-rc1", "1.0.0+real", "01.0.0", "", "1.0.0 "]
)
def test_what_is_no_version_is_refused_by_name(text):
    with pytest.raises(ParameterError, match="is no version"):
        Version.parse(text)


@pytest.mark.parametrize("tag", ["1.0.0", "main", "v1", "vv1.0.0"])
def test_a_tag_of_no_version_is_passed_over(tag):
    assert Version.of_tag(tag) is None


def test_versions_are_ordered_by_number_not_by_letter():
    texts = ["1.10.0", "1.2.0", "2.0.0", "1.2.0+mock", "1.2.10"]
    assert [str(one) for one in sorted(map(Version.parse, texts))] == [
        "1.2.0",
        "1.2.0+mock",
        "1.2.10",
        "1.10.0",
        "2.0.0",
    ]
