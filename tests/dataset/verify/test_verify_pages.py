"""Whatever is edited in a release's card or Croissant is found, but for other words."""

import json

import pytest
from releases import read_manifest
from tampering import copy, split_file

from transferz.dataset.verify import pages as verify_pages
from transferz.dataset.verify.pages import check_card, check_croissant
from transferz.schemas import RELEASE
from transferz.tables.files import write_json

CONFIG, INFO = "configs:\n- config_name: transferz\n", "dataset_info:\n- config_name: transferz\n"
SPLIT = "  - split: train\n    path: transferz/train-*.parquet\n"
CARD_EDITS = {
    "filters": (
        CONFIG,
        CONFIG + "  filters:\n  - [redshift, <, 0.5]\n",
        "configs[transferz].filters",
    ),
    "columns": (CONFIG, CONFIG + "  columns: [ra]\n", "configs[transferz].columns"),
    "folder": (CONFIG, CONFIG + "  data_dir: combo\n", "configs[transferz].data_dir"),
    "split twice": (SPLIT, SPLIT * 2, "configs[transferz].data_files: another order, or"),
    "config twice": (CONFIG, CONFIG + "- config_name: transferz\n", "configs: another order, or"),
    "info twice": (INFO, INFO + "- config_name: transferz\n", "dataset_info: another order, or"),
    "other rows": ("transferz/test-*", "combo/test-*", "configs[transferz].data_files[test].path"),
    "no default": ("  default: true\n", "", "configs[transferz].default: nothing"),
    "one more config": (CONFIG, CONFIG.replace("z\n", "y\n") + CONFIG[9:], "configs: entries too"),
    "cache": ("; content ", "; content 0", "configs[transferz].description: HSC"),
    "type": ("dtype: float64", "dtype: float32", "dataset_info[transferz].features[ra].dtype"),
    "unit": ("id: deg", "id: rad", "dataset_info[transferz].features[ra].id: rad"),
    "rows": ("num_examples: ", "num_examples: 1", "dataset_info[transferz].splits[train].num_ex"),
    "bytes": ("num_bytes: ", "num_bytes: 1", "dataset_info[transferz].splits[train].num_bytes"),
    "size": ("dataset_size: ", "dataset_size: 1", "dataset_info[transferz].dataset_size: 1"),
    "licence": ("license: cc-by-4.0", "license: mit", "license: mit"),
    "name": ("pretty_name: TransferZ (mock)", "pretty_name: TransferZ", "pretty_name: TransferZ"),
    "tag": ("- mock\n", "", "tags: entries too many: none, missing: "),
    "title": ("2.0.0+mock\n", "2.0.1+mock\n", "in 'the opening': '# TransferZ (mock) 2.0.1+mock'"),
    "galaxies": (" galaxies with", "7 galaxies with", "in 'the opening': '"),
    "row table": ("| `transferz` |", "| `other` |", "in 'Configs and splits': '| `other` | HSC"),
    "column table": ("| deg |", "| rad |", "in 'Columns': '| `ra` | float64, may be null | rad |"),
    "column": ("| `ra` |", "| `Ra` |", "in 'Columns': '| `Ra` |"),
    "words": ("never for science", "for science", "in 'the opening': '> **This is a mock.** Every"),
    "cut": ("drops: too near", "drops: near", "in 'How it was made': '| `split_conflict` | drops:"),
    "one line less": ("- **Not complete**", "", "in 'What it is and what it is not': ': cuts on"),
    "one line more": ("## Columns\n", "## Columns\n\nMore.\n", "in 'Columns': 'More.'"),
    "no section": ("## Load\n", "### Load\n", "no section 'Load'"),
    "one more section": ("## Columns\n", "## More\n\n## Columns\n", "a section 'More'"),
}
"""What is edited in a card, and how the first finding begins."""


@pytest.fixture(scope="module")
def pages(small_release, tmp_path_factory):
    """A release whose pages tests write anew."""
    return copy(small_release, tmp_path_factory.mktemp("pages"))


def said_of_the_card(pages, text):
    (pages / "README.md").write_text(text, encoding="utf-8")
    manifest = read_manifest(pages)
    return [one.found for one in check_card(pages, manifest, manifest["content"], RELEASE)]


@pytest.mark.parametrize("edit", CARD_EDITS)
def test_an_edit_of_the_card_is_found(small_release, pages, edit):
    old, new, begins = CARD_EDITS[edit]
    text = (small_release / "README.md").read_text(encoding="utf-8")
    assert old in text
    assert said_of_the_card(pages, text.replace(old, new, 1))[0].startswith(begins)


def test_in_other_words_the_front_matter_may_put_descriptions_otherwise(
    small_release, pages, monkeypatch
):
    text = (small_release / "README.md").read_text(encoding="utf-8")
    changed = text.replace("description: HSC", "description: SSP", 1)
    (found,) = said_of_the_card(pages, changed)
    assert found.startswith("configs[transferz].description: SSP")
    monkeypatch.setattr(verify_pages, "words_digest", lambda _: "of other words")
    assert said_of_the_card(pages, changed) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("language:\n- en\n", "language: [en]\n"),
        ("language:\n", "# more\nlanguage:\n"),
        ("\n# TransferZ", "\n\n# TransferZ"),
    ],
)
def test_a_card_that_is_spelt_otherwise_is_found(small_release, pages, old, new):
    text = (small_release / "README.md").read_text(encoding="utf-8")
    assert old in text
    (found,) = said_of_the_card(pages, text.replace(old, new, 1))
    assert "other white space, order or spelling" in found


def test_a_finding_gives_the_line_that_is_there_and_the_one_that_should_be(small_release, pages):
    """Of a long row its first cell and the part that differs."""
    text = (small_release / "README.md").read_text(encoding="utf-8")
    changed = text.replace("bright_objectcenter", "bright_objectcentre", 1)
    (pages / "README.md").write_text(changed, encoding="utf-8")
    manifest = read_manifest(pages)
    (finding,) = check_card(pages, manifest, manifest["content"], RELEASE)
    assert finding.found.startswith("in 'How it was made': '| `clean_pixels` | ...")
    assert "objectcentre" in finding.found and "objectcenter" in finding.expected
    assert finding.expected.startswith("'| `clean_pixels` | ...") and len(finding.expected) < 130


def test_the_card_of_another_template_may_use_other_words_but_no_other_numbers(
    small_release, pages, monkeypatch
):
    """The package's words move on; a release that was sound stays so."""
    text = (small_release / "README.md").read_text(encoding="utf-8")
    changed = text.replace("never for science", "not for science")
    assert len(said_of_the_card(pages, changed)) == 1
    monkeypatch.setattr(verify_pages, "words_digest", lambda _: "of other words")
    assert said_of_the_card(pages, changed) == []
    (found,) = said_of_the_card(pages, changed.replace("| deg |", "| rad |", 1))
    assert "| rad |" in found
    (found,) = said_of_the_card(pages, changed.replace("2.0.0+mock\n", "2.0.1+mock\n", 1))
    assert "2.0.1+mock" in found


def test_a_card_without_front_matter(pages):
    said = said_of_the_card(pages, "# TransferZ (mock) 2.0.0+mock\n")
    assert {"configs: nothing", "dataset_info: nothing", "no section 'Columns'"} < set(said)


def first_set(croissant):
    return croissant["recordSet"][1]


def ra(croissant):
    return first_set(croissant)["field"][2]


RA = "recordSet[transferz].field[transferz/ra]"
FIRST_FILE = f"distribution[{split_file('transferz', 'train')}]"
CROISSANT_EDITS = {
    "version": (lambda one: one.update(version="9.9.9"), "version: 9.9.9"),
    "licence": (lambda one: one.update(license="x"), "license: x"),
    "standard": (lambda one: one.update(conformsTo="zzz"), "conformsTo: zzz"),
    "name": (lambda one: one.update(name="TransferZ"), "name: TransferZ"),
    "date": (lambda one: one.update(datePublished="1900-01-01"), "datePublished: 1900"),
    "meaning": (lambda one: one["@context"].update(sc="http://x"), "@context.sc: http://x"),
    "hash": (lambda one: one["distribution"][0].update(sha256="0"), f"{FIRST_FILE}.sha256: 0"),
    "size": (lambda one: one["distribution"][0].update(contentSize="1 B"), f"{FIRST_FILE}.content"),
    "address": (
        lambda one: one["distribution"][0].update(contentUrl="https://x/"),
        f"{FIRST_FILE}.contentUrl: https://x/",
    ),
    "container": (
        lambda one: one["distribution"][0].update(containedIn={"@id": "x"}),
        f"{FIRST_FILE}.containedIn",
    ),
    "id": (lambda one: one["distribution"][0].update({"@id": "x"}), "distribution: entries too"),
    "fewer files": (lambda one: one["distribution"].pop(0), "distribution: entries too many: none"),
    "more files": (
        lambda one: one["distribution"].append({"@type": "sc:Thing", "@id": "x"}),
        "distribution: entries too many: x",
    ),
    "no splits": (lambda one: one["recordSet"].pop(0), "recordSet: entries too many: none"),
    "empty splits": (
        lambda one: one["recordSet"][0].update(data=[]),
        "recordSet[splits].data: entries too many: none",
    ),
    "no truth": (
        lambda one: one["recordSet"].pop(),
        "recordSet: entries too many: none, missing: ",
    ),
    "key": (
        lambda one: first_set(one).update(key={"@id": "transferz/ra"}),
        "recordSet[transferz].key.@id: transferz/ra",
    ),
    "split": (
        lambda one: first_set(one)["field"][0]["source"]["transform"].update(regex="^(x)"),
        "recordSet[transferz].field[transferz/split].source.transform.regex: ^(x)",
    ),
    "fewer fields": (lambda one: first_set(one)["field"].pop(3), "recordSet[transferz].field: "),
    "type": (lambda one: ra(one).update(dataType="sc:Text"), f"{RA}.dataType: sc:Text"),
    "unit": (lambda one: ra(one).pop("unitText"), f"{RA}.unitText: nothing"),
    "bound": (lambda one: ra(one).update(minValue=-99), f"{RA}.minValue: -99"),
    "whole bound": (lambda one: ra(one).update(minValue=0), f"{RA}.minValue: 0"),  # not 0.0
    "column": (
        lambda one: ra(one)["source"]["extract"].update(column="dec"),
        f"{RA}.source.extract.column: dec",
    ),
    "everything": (dict.clear, "@context: nothing"),
}
"""What is edited in croissant.json, and how the first finding begins."""


def said_of_croissant(pages, content):
    write_json(pages / "croissant.json", content)
    return [one.found for one in check_croissant(pages, read_manifest(pages), RELEASE, ours=True)]


@pytest.mark.parametrize("edit", CROISSANT_EDITS)
def test_an_edit_of_croissant_is_found(small_release, pages, edit):
    change, begins = CROISSANT_EDITS[edit]
    content = json.loads((small_release / "croissant.json").read_bytes())
    change(content)
    said = said_of_croissant(pages, content)
    assert said[0].startswith(begins) and (len(said) == 1 or edit == "everything")


def test_in_other_words_croissant_may_put_descriptions_otherwise(small_release, pages, monkeypatch):
    content = json.loads((small_release / "croissant.json").read_bytes())
    for one in (content, content["distribution"][0], first_set(content), ra(content)):
        one["description"] = "Other words."
    assert len(said_of_croissant(pages, content)) == 4
    monkeypatch.setattr(verify_pages, "words_digest", lambda _: "of other words")
    assert said_of_croissant(pages, content) == []
