"""JSON and YAML from elsewhere are read within bounds, and say in one sentence what is wrong."""

import json
from pathlib import Path

import pytest

from transferz.schemas.benchmark.records import yaml_text
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.documents import (
    MAX_JSON,
    MAX_YAML,
    parse_json,
    parse_yaml,
    read_bytes,
)
from transferz.schemas.survey.files import Version


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[" * 100_000, "entries within entries"),
        (b"[" * 70 + b"]" * 70, "entries within entries"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "entries within entries"),
        (b"9" * 5000, "digits"),
        (b"\xff", "utf-8"),
        (b" " * (MAX_JSON + 1), "more than"),
        (b"", "Expecting value"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_beyond_its_bounds_is_refused(data, says):
    with pytest.raises(ValueError, match=says):
        parse_json(data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x [1, 1]\nb: [*x, *x]", "aliases"),
        ("&x [*x]", "aliases"),
        ("[" * 50_000, "entries within entries"),
        ("a: 1\na: 2", "twice"),
        ("? [1, 2]\n: 3", "a name has"),
        (" " * (MAX_YAML + 1), "more than"),
        ("!!python/object/apply:os.getcwd []", "constructor"),
        ("a: b: c", "mapping values"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_yaml_beyond_its_bounds_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1" + ":59" * 3000, "1" + ":59" * 3000),  # in YAML 1.1 a number of 5,000 digits
        ("1:30.5", "1:30.5"),
        ("2026-11-22", "2026-11-22"),
        ("1.2.0", "1.2.0"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("9" * 20, "9" * 20),
        ("-12", -12),
        ("1e-05", 1e-05),
        (".5", 0.5),
        ("yes", True),
        ("'12'", "12"),
    ],
)
def test_yaml_reads_numbers_as_json_does_and_the_rest_as_text(text, value):
    read = parse_yaml(text)
    assert (type(read), read) == (type(value), value)


def test_yaml_is_read_alike_with_libyaml_and_without(monkeypatch):
    path = Path(__file__).parents[2] / "baselines/leaderboard/entries/mock/nn_tl.yaml"
    text, escaped = path.read_text(encoding="utf-8"), json.dumps({"a": "\U0001f600"})
    read = parse_yaml(text)
    assert json.dumps(parse_yaml(escaped)) == escaped
    monkeypatch.delattr("yaml.CSafeLoader")
    assert parse_yaml(text) == read
    with pytest.raises(ValueError, match="entries within entries"):
        parse_yaml("[" * 50_000)


@pytest.mark.parametrize("value", ["1e5", ".5e3", "1.5e3", "12", "1:30", "007", "2026-11-22", "~"])
def test_a_text_that_looks_like_a_number_stays_one(value):
    assert parse_yaml(yaml_text({"a": value})) == {"a": value}


def test_no_more_of_a_file_is_read_than_allowed(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_bytes(path, 4)


@pytest.mark.parametrize("text", ["1" * 4300 + ".0.0", "1.0.1٣", "1.0.0\n", "01.0.0", "1e3.0.0"])
def test_a_version_has_a_few_plain_digits(text):
    with pytest.raises(ParameterError, match="is no version") as error:
        Version.parse(text)
    assert len(str(error.value)) < 200
    assert Version.of_tag(f"v{text}") is None
