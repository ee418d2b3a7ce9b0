"""Pages of any survey: its own words, its bands and configs, and no word of the paper's surveys."""

import json
import re

import datasets
import mlcroissant
import pytest
import yaml
from pydantic import ValidationError
from releases import ROOT, read_manifest, read_rows

from transferz.dataset.page.card_text import card_text
from transferz.dataset.page.citation import datacite, read_citation, release_citation
from transferz.dataset.page.facts import quality
from transferz.dataset.page.figures import flow_chart, read_chart
from transferz.dataset.page.subject import reference_band, subject_of
from transferz.schemas.benchmark.scores import TITLES
from transferz.schemas.survey.described import HSC_BANDS, Band
from transferz.schemas.survey.files import CARD_FILE, CITATION_FILE, CROISSANT_FILE
from transferz.schemas.survey.survey import find_survey
from transferz.schemas.survey.words import Words

PAPERS = r"HSC|Hyper Suprime|COSMOS|GalaxiesML|galaxiesml|TransferZ|template fit|cmodel|cModel"
"""What only pages of the paper's surveys speak of."""


@pytest.fixture(params=["spectra_only", "six_bands"])
def release(request):
    return request.getfixturevalue(request.param)


def text_of(release):
    return (release / CARD_FILE).read_text(encoding="utf-8")


def body(text):
    return text.split("---\n", 2)[2]


def test_no_word_of_the_papers_surveys_is_in_it(release):
    assert re.findall(PAPERS, text_of(release)) == []
    assert re.findall(PAPERS, (release / CITATION_FILE).read_text()) == []


def test_the_paper_of_a_release_without_the_papers_sample_is_its_catalogues(spectra_only):
    cited, manifest = read_citation(spectra_only / CITATION_FILE), read_manifest(spectra_only)
    (paper,) = cited["references"]
    assert paper == cited["preferred-citation"] and paper["title"] == "Nothing"
    text = text_of(spectra_only)
    assert "- arxiv:2601.00001\n" in text and "2411.18054" not in text
    real = release_citation(
        read_citation(ROOT / CITATION_FILE), manifest | {"sources": {"des": "des_dnf"}}
    )
    first, second = real["references"]
    assert first == real["preferred-citation"] and "Directional Neighbourhood" in first["title"]
    assert second["title"] == "The Dark Energy Survey Data Release 2"
    related = datacite(manifest, cited, "a.zip")["relatedIdentifiers"]
    assert ("arXiv:2601.00001", "IsDerivedFrom") in [
        (one["relatedIdentifier"], one["relationType"]) for one in related
    ]
    assert "IsDescribedBy" not in str(related)


def test_it_reads_well(release):
    text = body(text_of(release))
    assert "## Known limits and biases\n" in text and "## Columns\n" in text
    code = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert not re.search(r"[{}]|None|nan\b|  \n", code) and "\n\n\n" not in text


def test_the_survey_speaks_where_it_has_words(six_bands):
    text, manifest = body(text_of(six_bands)), read_manifest(six_bands)
    rows = sum(one["rows"] for one in manifest["content"]["spectroscopic"].values())
    median = read_rows(six_bands, "spectroscopic")["redshift"].astype("float64").median()
    assert f"its {rows} spectra are of nothing, half of them below\n  z = {median:.2f}." in text
    assert text.startswith("\n# Nowhere 2.0.0\n")
    assert "half of Spectra beyond D =" in text and "| **The photos** |" in text
    assert "twelve numbers per galaxy, six magnitudes and their errors" in text
    assert 'bands=["A", "B", "C1", "D", "E", "F"])' in text
    assert '"ORG/transferz-six"' in text and "as far as the licences of its sources allow" in text


def test_what_labels_without_ids_and_positions_can_promise_is_said(six_bands):
    text, manifest = body(text_of(six_bands)), read_manifest(six_bands)
    assert "within 0.8 mag, in every band" in text
    assert "holds among the objects of `spectroscopic` alone" in text
    assert "No object, and no pair" not in text and "**No positions.**" in text
    left_out = manifest["counts"]["split"]["removed"]["shared_photometry"]
    assert f"**Shared photometry.** {left_out:,} of " in text and left_out > 0
    assert "**Intervals.**" not in text  # neither sample gives any


def test_spectra_alone_have_no_union_and_no_label(spectra_only):
    text = body(text_of(spectra_only))
    assert "repeats galaxies" not in text and "Label noise" not in text
    assert "Not spectroscopy" not in text and "across configs" not in text
    assert "galaxies with DES grizY photometry and spectroscopic redshifts." in text
    assert 'load_dataset("transferz", "spectroscopic", split="test")' in text
    assert "are the redshift ± its error." in text


def test_the_front_matter_names_configs_and_default(release):
    front = yaml.safe_load(text_of(release).split("---\n")[1])
    manifest = read_manifest(release)
    assert [one["config_name"] for one in front["configs"]] == list(manifest["content"])
    (default,) = (one["config_name"] for one in front["configs"] if one.get("default"))
    assert default == next(iter(manifest["configs"].values()))
    columns = {one["name"]: one.get("id", "") for one in front["dataset_info"][0]["features"]}
    assert columns == {name: one["unit"] for name, one in manifest["columns"].items()}
    assert ("nowhere" in front["tags"]) == (manifest["survey"] == "six")
    assert "hyper-suprime-cam" not in front["tags"]
    assert "license_link" not in front


def test_baselines_are_shown_on_the_test_splits_that_there_are(release):
    manifest, citation = read_manifest(release), read_citation(release / CITATION_FILE)
    subject = subject_of(manifest)
    samples, title = subject.samples, subject.words.name or subject.survey.title
    score = {"n": 9, "met": 1, "of": 3}
    score["metrics"] = {name: {"mean": 0.01, "spread": 0.001} for name in TITLES}
    stated = {"title": "NN-Spec", "training": ["spectroscopic"], "seeds": 3, "version": "1.0.0"}
    stated |= {"content": {"gone": {"test": ""}}, "drawn": True}
    stated |= {"scores": dict.fromkeys(samples.values(), score)}
    text = card_text(manifest | {"baselines": [stated]}, citation)
    assert re.findall(PAPERS, text) == []
    shown = re.findall(r"^On (.+)'s test split:$", text, re.MULTILINE)
    assert shown == [subject.called(role) for role in reversed(samples)]
    assert f"release's, {title} 1.0.0;" in text
    figures = card_text(manifest | {"baselines": [stated | {"content": {}}]}, citation)
    assert f"of {shown[0]}'s test split, a panel" in figures
    assert ("on both test splits](" in figures) == (len(samples) == 2)


def test_the_stock_library_loads_it(release, tmp_path):
    loaded = datasets.load_dataset(str(release), cache_dir=str(tmp_path))
    manifest = read_manifest(release)
    name = next(iter(manifest["configs"].values()))
    rows = {split: one["rows"] for split, one in manifest["content"][name].items()}
    assert {split: len(part) for split, part in loaded.items()} == rows


def test_mlcroissant_reads_it(release):
    described = mlcroissant.Dataset(str(release / CROISSANT_FILE))
    assert described.metadata.ctx.issues.errors == set()
    manifest = read_manifest(release)
    names = ["splits", *manifest["content"]]
    assert [one.uuid for one in described.metadata.record_sets] == names
    document = json.loads((release / CROISSANT_FILE).read_text(encoding="utf-8"))
    fields = [one["name"] for one in document["recordSet"][1]["field"]]
    assert fields == ["split", *manifest["columns"]]
    assert document["license"]


def test_its_citation_and_deposit_are_its_own(release):
    manifest, citation = read_manifest(release), read_citation(release / CITATION_FILE)
    subject = subject_of(manifest)
    assert citation["title"] == f"{subject.name} 2.0.0"
    assert citation["abstract"].startswith("Galaxies with ")
    assert not re.search(PAPERS, citation["abstract"])
    assert ("license" in citation) == (find_survey(manifest["survey"]).card.licence != "other")
    record = datacite(manifest, citation, "a.zip")
    assert record["titles"][1]["title"] == subject.subtitle
    assert record["rightsList"][0]


def test_medians_are_of_the_reference_band(release):
    manifest = read_manifest(release)
    band = {"six": "D", "des": "i"}[manifest["survey"]]
    for config, medians in manifest["quality"]["medians"].items():
        rows = read_rows(release, config)
        name = next(one["magnitude"] for one in manifest["bands"] if one["name"] == band)
        assert medians == {
            "redshift": round(float(rows["redshift"].astype("float64").median()), 4),
            band: round(float(rows[name].astype("float64").median()), 4),
        }


def test_labels_are_measured_by_every_name_that_both_samples_know(six_bands):
    """Here by a nickname, which a label and a spectrum of another id share."""
    manifest = read_manifest(six_bands)
    rows = {name: read_rows(six_bands, name) for name in manifest["content"]}
    assert quality(rows, manifest)["label"] == {}
    for name in ("labels", "spectroscopic"):
        rows[name].loc[:29, "nickname"] = [f"friend {number}" for number in range(30)]
    bins = quality(rows, manifest)["label"]["spectroscopic"]
    assert sum(one["rows"] for one in bins) == 30


def test_the_reference_band_is_i_or_the_middle_one():
    assert reference_band(HSC_BANDS).name == "i"
    others = [Band(name, f"m{name}", f"e{name}", "") for name in "uvw"]
    assert reference_band(others).name == "v"


def test_the_chart_has_the_boxes_that_there_are(spectra_only, six_bands):
    alone, both = (read_chart(read_manifest(one)) for one in (spectra_only, six_bands))
    assert alone.match is None and [box.title for box in alone.catalogues] == ["DES"]
    assert [box.title for box in both.catalogues] == ["The photos", "spectra"]
    assert both.match is not None and both.shared == ""
    for release in (spectra_only, six_bands):
        texts = [one.get_text() for one in flow_chart(read_manifest(release)).axes[0].texts]
        counts = read_manifest(release)["counts"]
        assert f"−{counts['split']['removed']['split_conflict']:,}" in texts
        assert not [text for text in texts if re.search(PAPERS, text)]


def test_words_of_a_base_are_taken_over_one_by_one():
    own, base = find_survey("authors").card, find_survey("cosmos2020").card
    assert own.summary == base.summary and own.selection == base.selection
    assert own.origin != base.origin and own.licence == "other"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"summery": "x"}, "Extra inputs"),
        ({"summary": "{rows} galaxies"}, r"found \{rows\}, expected one of \{label\}"),
        ({"samples": {"photometric": "x"}}, "no such role: photometric"),
        ({"licence": "MIT"}, "Input should be 'CC-BY-4.0' or 'other'"),
    ],
)
def test_other_words_are_refused(words, said):
    with pytest.raises(ValidationError, match=said):
        Words.model_validate(words)


def test_every_survey_says_what_its_words_are():
    """Each entry that a survey.yaml may hold is explained where it says so."""
    explained = set(re.findall(r"^    (\w[\w, ]*) : ", Words.__doc__ or "", re.MULTILINE))
    assert {one for names in explained for one in names.split(", ")} == set(Words.model_fields)
    assert "schemas/survey/words.py" in (ROOT / "surveys/cosmos2020/survey.yaml").read_text()
