"""CITATION.cff, the project's and a release's, against the schema of CFF 1.2.0; BibTeX."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from releases import read_manifest, remake

from transferz.dataset.page.citation import (
    bibtex,
    catalogue_references,
    citation_text,
    read_citation,
    release_citation,
)
from transferz.dataset.sources.registry import Citation, load_registry
from transferz.dataset.spectra.catalogues import load_catalogues
from transferz.schemas import InputError
from transferz.schemas.survey.files import CITATION_FILE

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "tests/schemas/data/cff-1.2.0.json").read_text(encoding="utf-8"))
ENTRY = re.compile(r"@(\w+)\{(\w+),\n(.*?)\n\}", re.DOTALL)


def check(text):
    """As the reference tool does: dates stay text."""
    jsonschema.validate(
        yaml.load(text, yaml.BaseLoader) | {"cff-version": "1.2.0"},
        SCHEMA,
        cls=jsonschema.Draft7Validator,
        format_checker=jsonschema.FormatChecker(),
    )


@pytest.fixture(scope="module")
def real(small_release, tmp_path_factory):
    """Labelled as a release of survey cosmos2020; its rows are the mock's."""
    return remake(small_release, tmp_path_factory.mktemp("real") / "transferz", version="2.1.0")


def test_the_projects_citation_passes_the_schema():
    check((ROOT / CITATION_FILE).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "damage", [{"type": "table"}, {"license": "free"}, {"date-released": "22.11.2026"}]
)
def test_the_schema_finds_what_is_wrong(damage):
    content = yaml.load((ROOT / CITATION_FILE).read_text(encoding="utf-8"), yaml.BaseLoader)
    with pytest.raises(jsonschema.ValidationError):
        check(yaml.safe_dump(content | damage))


def test_a_releases_citation_passes_the_schema_and_names_it(real, small_release):
    for release in (real, small_release):
        check((release / CITATION_FILE).read_text(encoding="utf-8"))
        manifest, cited = read_manifest(release), read_citation(release / CITATION_FILE)
        assert cited["type"] == "dataset"
        assert cited["version"] == manifest["version"]
        assert str(cited["date-released"]) == manifest["date"]
        assert cited["license"] == "CC-BY-4.0"
        assert manifest["version"] in cited["title"]
        assert ("mock" in cited["title"]) == manifest["mock"]
        assert ("mock" in cited["abstract"]) == manifest["mock"]


def test_a_release_cites_the_paper_and_each_of_its_catalogues(real):
    cited = read_citation(real / CITATION_FILE)
    titles = [one["title"] for one in cited["references"]]
    assert titles[0] == cited["preferred-citation"]["title"]
    registry = load_registry()
    for edition in read_manifest(real)["sources"].values():
        assert any(title in registry[edition].citation.text for title in titles), edition
    assert len(titles) == len(set(titles)) == 4


def test_a_release_of_the_authors_table_names_no_licence_of_ours(small_release):
    manifest = read_manifest(small_release) | {
        "survey": "authors",
        "mock": False,
        "sources": {"transferz": "transferz", "galaxiesml": "galaxiesml"},
    }
    cited = release_citation(read_citation(ROOT / CITATION_FILE), manifest)
    check(citation_text(cited))
    assert "license" not in cited
    assert cited["license-url"] == "https://zenodo.org/records/16541823"
    assert len(cited["references"]) == 2


@pytest.mark.parametrize("key", load_registry())
def test_every_catalogue_but_the_papers_own_can_be_cited(key):
    references = catalogue_references(load_registry()[key].citation)
    assert (not references) == (key in ("transferz", "specz_compilation"))
    for reference in references[:1]:
        assert reference["title"] and reference["year"] > 2000
        assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}", reference["identifiers"][0]["value"])


def test_of_two_papers_each_is_an_entry(real):
    one, two = "De A et al. 2016, MNRAS 459, 3078: One", "B et al. 2021, ApJS 255, 20: Two"
    citation = Citation(text=one, also=(two,), url="https://arxiv.org/abs/1511.07623")
    assert citation.papers == f"{one}; and {two}"
    first, second = catalogue_references(citation)
    cited = read_citation(real / CITATION_FILE) | {"references": [first, second]}
    assert (first["title"], second["title"]) == ("One", "Two")
    assert ("url" in first, "url" in second) == (True, False)
    assert [key for _, key, _ in ENTRY.findall(bibtex(cited))][1:] == ["dea2016", "b2021"]


@pytest.mark.parametrize("name", load_catalogues())
def test_every_catalogue_of_spectra_can_be_cited(name):
    """By what a release of a compilation, whose own edition can't be, takes its references from."""
    citation = load_catalogues()[name].citation
    (reference,) = catalogue_references(citation)
    assert reference["title"] and reference["year"] > 2000 and "http" in reference["url"]
    assert reference.get("volume", "") in citation.text
    assert (
        ("volume" in reference)
        == (reference["journal"] != "arXiv e-prints")
        == (name != "desi_dr1")
    )


def test_bibtex_has_an_entry_for_the_release_and_each_reference(real):
    cited = read_citation(real / CITATION_FILE)
    text = bibtex(cited)
    entries = ENTRY.findall(text)
    keys = [key for _, key, _ in entries]
    assert keys == ["transferz2_1_0", "soriano2024", "weaver2022", "aihara2019", "do2024"]
    assert [kind for kind, _, _ in entries] == ["misc", *["article"] * 4]
    assert text.count("{") == text.count("}")
    for _, _, body in entries[1:]:
        assert re.search(r"eprint +=", body) and re.search(r"year +=", body)
    assert "others" in entries[2][2] and "Soriano, Jonathan and" in entries[1][2]
    assert "{{The transferz developers}}" in entries[0][2]
    assert max(map(len, text.splitlines())) <= 92


def test_card_and_croissant_give_the_same_bibtex(real):
    text = bibtex(read_citation(real / CITATION_FILE))
    assert text in (real / "README.md").read_text(encoding="utf-8")
    assert json.loads((real / "croissant.json").read_text(encoding="utf-8"))["citeAs"] == text


@pytest.mark.parametrize("text", ["", "- a", "type: dataset", "title: [", "\x00"])
def test_a_broken_citation_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / CITATION_FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"CITATION\.cff is not a citation file"):
        read_citation(path)
