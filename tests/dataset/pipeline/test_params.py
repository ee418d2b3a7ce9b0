"""params.yaml: read whole, or refused with one sentence that names the parameter."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from transferz.dataset.fetch import FetchParams
from transferz.dataset.mock.build import MockParams
from transferz.dataset.pipeline.params import (
    MatchParams,
    ReleaseParams,
    SplitParams,
    find_section,
    read_params,
)
from transferz.dataset.select import SelectParams
from transferz.schemas import ParameterError
from transferz.schemas.survey import survey as configured

ROOT = Path(__file__).parents[3]
SECTIONS = {
    "mock": MockParams,
    "mock_full": MockParams,
    "fetch": FetchParams,
    "select.cosmos2020": SelectParams,
    "select.hsc": SelectParams,
    "select.galaxiesml": SelectParams,
    "select.transferz": SelectParams,
    "match": MatchParams,
    "split": SplitParams,
    "release": ReleaseParams,
}


@pytest.fixture
def params(tmp_path):
    """Write the project's parameters with some changed, return the file."""

    def change(section: str, **values: object) -> Path:
        content = yaml.safe_load((ROOT / "params.yaml").read_text())
        part = content
        for name in section.split("."):
            part = part[name]
        part.update(values)
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return change


@pytest.mark.parametrize("section", SECTIONS)
def test_the_projects_own_parameters_are_valid(section):
    read_params(section, SECTIONS[section], ROOT / "params.yaml")


def test_no_section_is_left_unread():
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    read = {section.split(".")[0] for section in SECTIONS}
    assert set(content) == read | {"baselines"}  # which their pipelines give to the commands
    pipelines = (ROOT / "baselines").rglob("dvc.yaml")
    said = "".join(path.read_text(encoding="utf-8") for path in pipelines)
    named = set(re.findall(r"\$\{baselines\.([a-z_.]+)\}", said))
    assert named == set(leaves(content["baselines"]))


def leaves(section, path=()):
    """Dotted names of all numbers in a section."""
    for name, value in section.items():
        place = (*path, name)
        yield from leaves(value, place) if isinstance(value, dict) else [".".join(place)]


def test_every_cut_names_its_source():
    for catalogue in ("cosmos2020", "hsc", "galaxiesml", "transferz"):
        section = read_params(
            f"select.{catalogue}", SECTIONS[f"select.{catalogue}"], ROOT / "params.yaml"
        )
        assert all(cut.source for cut in section.cuts)


def test_the_full_mock_is_the_mock_but_for_what_its_section_says(params):
    said = set(leaves(yaml.safe_load((ROOT / "params.yaml").read_text())["mock_full"]))
    mock, full = (
        pd.json_normalize(read_params(name, MockParams, params("mock", i_limit=26.5)).model_dump())
        for name in ("mock", "mock_full")
    )
    assert set(mock) == set(full)
    assert {name for name in mock if mock[name][0] != full[name][0]} == said
    assert full["i_limit"][0] == 26.5


def test_what_the_full_mock_changes_must_be_there():
    changed = {"mock": {"a": 1, "b": {"c": 2, "d": 3}}, "mock_full": {"b": {"d": 4}, "e": 5}}
    assert find_section(changed, "mock_full") == {"a": 1, "b": {"c": 2, "d": 4}, "e": 5}
    assert find_section(changed, "mock") == {"a": 1, "b": {"c": 2, "d": 3}}
    with pytest.raises(ParameterError, match="section 'mock' is missing"):
        find_section({"mock_full": {}}, "mock_full")


def test_a_mock_changes_the_section_of_the_mock_that_it_takes_over(tmp_path, monkeypatch):
    for name, base in (("mock", "cosmos2020"), ("mock_big", "mock"), ("mock_huge", "mock_big")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "survey.yaml").write_text(f"base: {base}\n")
    monkeypatch.setattr(configured, "FOLDER", tmp_path)
    sections = {"mock": {"a": 1, "b": 2, "c": 3}, "mock_big": {"b": 4}, "mock_huge": {"c": 5}}
    assert find_section(sections, "mock_huge") == {"a": 1, "b": 4, "c": 5}
    assert find_section(sections | {"mock_full": {"a": 6}}, "mock_full") == {"a": 6}  # no survey


CUT = {"name": "a", "keep": "ra > 0", "source": "x"}
REFUSED = [
    ("mock_full", {"areas": 1.0}, "unknown parameter 'mock_full.areas'"),
    ("mock_full", {"galaxiesml": 3}, "'mock_full.galaxiesml'"),
    ("match", {"radius_arcsec": -1.0}, "'match.radius_arcsec': Input should be greater than 0"),
    ("match", {"radius": 1.0}, "unknown parameter 'match.radius'"),
    ("match", {"radius_arcsec": "1"}, "'match.radius_arcsec'"),
    ("match", {"magnitude_edges": [20, 19]}, "edges must ascend"),
    ("split", {"scheme": "random"}, "'split.scheme'"),
    ("split", {"salt": ""}, "'split.salt'"),
    ("release", {"version": "1.0"}, "'release.version'"),
    ("select.hsc", {"cuts": [{"name": "a", "keep": "1"}]}, "'select.hsc.cuts.0.source' is missing"),
    ("select.hsc", {"cuts": [{"name": "a", "source": "x"}]}, "exactly one of keep"),
    ("select.hsc", {"cuts": [CUT, CUT | {"keep": "ra > 1"}]}, "names of cuts must differ"),
    (
        "match",
        {"chance_shift_arcsec": 1.0},
        "chance_shift_arcsec must exceed radius_arcsec",
    ),
    ("match", {"chance_shift_arcsec": float("inf")}, "finite number"),
    ("release", {"date": "2026-99-99"}, "'release.date'"),
]


@pytest.mark.parametrize(("section", "change", "message"), REFUSED)
def test_wrong_parameters_are_refused_by_name(params, section, change, message):
    with pytest.raises(ParameterError) as error:
        read_params(section, SECTIONS[section], params(section, **change))
    assert message in str(error.value)


def test_missing_file_section_and_broken_yaml(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(ParameterError, match="is missing; run this from the project's root"):
        read_params("match", MatchParams, path)
    for broken in (b"match: {", b"match: 0o99: 1", b"match: \xe5", b"match: &a [*a]", b"[" * 9999):
        path.write_bytes(broken)
        with pytest.raises(ParameterError, match=r"can't be read as YAML: .*; correct it"):
            read_params("match", MatchParams, path)
    path.write_text("other: 1")
    with pytest.raises(ParameterError, match="section 'match' is missing"):
        read_params("match", MatchParams, path)
