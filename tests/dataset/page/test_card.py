"""The card: it reads well for every survey, and every number in it is the release's."""

import re
import shutil
from pathlib import Path

import datasets
import jinja2
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from releases import NO_RESULTS, read_manifest, read_rows, remake

import transferz
from transferz.dataset.card import complete
from transferz.dataset.page.card_text import card_text
from transferz.dataset.page.citation import read_citation, release_citation
from transferz.dataset.page.figures import FIGURES
from transferz.schemas import RELEASE, InputError
from transferz.schemas.survey.files import CARD_FILE, CITATION_FILE, INDEX_FOLDER, data_files

ROOT = Path(__file__).parents[3]
SECTIONS = [
    "What it is and what it is not",
    "Load",
    "Configs and splits",
    "Columns",
    "How it was made",
    "Known limits and biases",
    "Sources and licences",
    "How to cite",
    "Versions",
]
SURVEYS = ("mock", "cosmos2020", "authors")
NOT_PUBLISHED = ("ra", "dec", "redshift_lo", "redshift_hi", "cosmos_id")
"""What the authors' TransferZ does not give."""


def as_authors(mock):
    """A manifest as the survey `authors` has it; its numbers are the mock's."""
    counts = mock["counts"]
    made = {name: facts for name, facts in counts.items() if "galaxiesml" in name}
    table = {"rows_in": 600, "removed": {"complete": 0, "one_row_per_object": 3}, "rows_out": 597}
    match = {"rows_in": 597, "removed": {}, "rows_out": 597, "shared": {"by_id": 40}}
    split = counts["split"] | {"moved": {"train": [1, 2], "test": [3]}}
    content = {name: facts for name, facts in mock["content"].items() if name != "truth"}
    rows = {name: {s: one["rows"] for s, one in facts.items()} for name, facts in content.items()}
    parameters = mock["parameters"] | {"split": mock["parameters"]["split"]}
    parameters["split"] = parameters["split"] | {"scheme": "published"}
    parameters["select"] = {
        "galaxiesml": mock["parameters"]["select"]["galaxiesml"],
        "transferz": {"cuts": [{"name": "complete", "keep": "a|b", "source": "our choice"}]},
    }
    label = {"spectroscopic": mock["quality"]["label"]["spectroscopic"]}
    nulls = {name: dict(shares) for name, shares in mock["quality"]["nulls"].items()}
    nulls["transferz"] |= dict.fromkeys(NOT_PUBLISHED, 1.0)
    configs = {role: name for role, name in mock["configs"].items() if role != "truth"}
    return mock | {
        "version": "1.0.0",
        "survey": "authors",
        "mock": False,
        "configs": configs,
        "content": content,
        "counts": made
        | {"select@transferz": table, "match": match, "split": split}
        | {"release": {"rows_out": rows}},
        "sources": {"transferz": "transferz", "galaxiesml": "galaxiesml"},
        "parameters": parameters,
        "quality": mock["quality"] | {"label": label, "nulls": nulls},
    }


@pytest.fixture(scope="module")
def manifests(small_release, tmp_path_factory):
    """By survey, and what its release's card says."""
    real = remake(small_release, tmp_path_factory.mktemp("real") / "transferz")
    mock = read_manifest(small_release)
    return {"mock": mock, "cosmos2020": read_manifest(real), "authors": as_authors(mock)}


@pytest.fixture(scope="module")
def cards(manifests):
    project = read_citation(ROOT / CITATION_FILE)
    return {
        survey: card_text(manifest, release_citation(project, manifest))
        for survey, manifest in manifests.items()
    }


def body(card):
    return card.split("---\n", 2)[2]


def tables(text):
    """The tables as the Markdown parser sees them: rows of cells."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append(token.content)
    return found


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_sections_are_all_there_in_the_order_in_which_they_are_read(cards, survey):
    titles = re.findall(r"^## (.+)$", body(cards[survey]), re.MULTILINE)
    assert titles == SECTIONS
    text = re.sub(r"```.*?```", "", body(cards[survey]), flags=re.DOTALL)
    assert text.count("\n# ") == 1


@pytest.mark.parametrize("survey", SURVEYS)
def test_nothing_is_left_unfilled(cards, survey):
    text = body(cards[survey])
    code = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert not re.search(r"[{}]|None|nan\b|  \n", code)
    assert not re.search(r"\n\n\n", text)
    for table in tables(text):
        assert len({len(row) for row in table}) == 1


def test_a_fact_that_the_template_lacks_is_an_error(manifests):
    """Nothing of a card is left empty in silence."""
    citation = release_citation(read_citation(ROOT / CITATION_FILE), manifests["mock"])
    medians = {"galaxiesml": manifests["mock"]["quality"]["medians"]["galaxiesml"]}
    bare = manifests["mock"]["quality"] | {"medians": medians}
    with pytest.raises(jinja2.UndefinedError, match="transferz"):
        card_text(manifests["mock"] | {"quality": bare}, citation)


def test_a_mock_says_so_first_and_a_real_release_never(cards):
    assert body(cards["mock"]).index("**This is a mock.**") < body(cards["mock"]).index("galaxies")
    limits = cards["mock"].split("## Known limits")[1]
    assert limits.split("\n\n")[1].startswith("**This is a mock.**")
    for survey in ("cosmos2020", "authors"):
        assert "this is a mock" not in cards[survey].lower()
        assert "(mock)" not in cards[survey]


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_row_count_is_the_datas(cards, manifests, survey):
    (table,) = [one for one in tables(body(cards[survey])) if "train" in one[0]]
    content = manifests[survey]["content"]
    assert [row[0].strip("`") for row in table[1:]] == list(content)
    for name, _, *numbers in table[1:]:
        rows = [facts["rows"] for facts in content[name.strip("`")].values()]
        assert [int(one.replace(",", "")) for one in numbers] == [*rows, sum(rows)]


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_cut_is_listed_with_what_it_removed(cards, manifests, survey):
    (table,) = [one for one in tables(body(cards[survey])) if "Removed" in one[0]]
    listed = [(row[0].strip("`"), row[3], row[4]) for row in table[1:] if row[3]]
    expected = []
    for stage, facts in manifests[survey]["counts"].items():
        left = facts.get("rows_in", 0)
        for cut, removed in (facts.get("removed") or {}).items():
            assert stage.partition("@")[0] in ("select", "match", "split")
            left -= removed
            expected.append((cut, f"{removed:,}", f"{left:,}"))
    assert sorted(listed) == sorted(expected)


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_columns_are_described_with_their_units(cards, survey):
    (table,) = [one for one in tables(body(cards[survey])) if one[0][0] == "Column"]
    units = {row[0].strip("`"): row[2] for row in table[1:]}
    assert units == {column.name: column.unit for column in RELEASE}


def test_every_source_is_named_with_its_licence(cards, manifests):
    for survey, manifest in manifests.items():
        (table,) = [one for one in tables(body(cards[survey])) if one[0][0] == "Source"]
        assert len(table) == 1 + len(manifest["sources"])
        assert all(all(row) for row in table)


def test_the_label_noise_is_that_of_the_rows(small_release, manifests):
    """Measured here once more, from the files."""
    rows, truth = (read_rows(small_release, name) for name in ("transferz", "truth"))
    pairs = rows.merge(truth[["object_id", "redshift"]], on="object_id", suffixes=("", "_true"))
    bright = pairs[pairs["i_cmodel_mag"].astype("float64") < 22.5].astype({"redshift": "float64"})
    dz = (bright["redshift"] - bright["redshift_true"]) / (1 + bright["redshift_true"])
    first = manifests["mock"]["quality"]["label"]["true"][0]
    assert first["rows"] == len(bright)
    assert first["scatter"] == pytest.approx(1.4826 * (dz - dz.median()).abs().median(), abs=1e-4)
    assert first["outliers"] == pytest.approx((dz.abs() > 0.15).mean(), abs=1e-4)


def test_nulls_are_those_of_the_rows(small_release, manifests):
    for config, shares in manifests["mock"]["quality"]["nulls"].items():
        rows = read_rows(small_release, config)[list(RELEASE.names)]
        expected = rows.isna().mean()
        assert shares == pytest.approx(expected[expected > 0].to_dict(), abs=1e-4)


def test_the_history_is_the_changelogs(manifests):
    citation = release_citation(read_citation(ROOT / CITATION_FILE), manifests["mock"])
    assert "\n\n### 1.0.0 (2026-11-22)\n\nAdded:\n\n- " in card_text(manifests["mock"], citation)
    older = {"version": "0.9.0", "date": "2026-01-01", "changes": {"Fixed": ["a", "b"]}}
    manifest = manifests["mock"] | {"history": [*manifests["mock"]["history"], older]}
    text = card_text(manifest, citation)
    assert text.endswith("\n\n### 0.9.0 (2026-01-01)\n\nFixed:\n\n- a\n- b\n")


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_median_redshift_of_galaxiesml_is_that_of_the_rows(small_release, cards, survey):
    median = read_rows(small_release, "galaxiesml")["redshift"].astype("float64").median()
    (limit,) = [one for one in body(cards[survey]).split("\n\n") if "**Spectroscopic sel" in one]
    assert f"Half of it lies below z = {median:.2f}." in limit.replace("\n", " ")


def test_the_paper_is_the_citations(manifests):
    project = read_citation(ROOT / CITATION_FILE)
    paper = project["preferred-citation"]
    identifiers = [{"type": "other", "value": "arXiv:2901.00001"}]
    other = project | {"preferred-citation": paper | {"identifiers": identifiers}}
    card = card_text(manifests["mock"], release_citation(other, manifests["mock"]))
    front, text = card.split("---\n", 2)[1:]
    assert "- arxiv:2901.00001\n" in front and "https://arxiv.org/abs/2901.00001" in text
    (own,) = (one["value"].removeprefix("arXiv:") for one in paper["identifiers"])
    assert own not in card.replace(f"arXiv:{own}, and the Zenodo record", "")
    with pytest.raises(InputError, match="no identifier such as arXiv:"):
        card_text(manifests["mock"], project | {"preferred-citation": {}})


def test_the_load_examples_run(small_release, cards, monkeypatch, tmp_path):
    """As written, but that there is no Hub: the stock call gets the directory instead."""
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(small_release))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    stock, asked = datasets.load_dataset, []

    def offline(path, *names, **options):
        asked.append((path, names, dict(options)))
        directory = (
            str(small_release) if path in ("ORG/transferz-mock", "path/to/transferz") else path
        )
        options.pop("revision", None)
        return stock(directory, *names, **options)

    ours, theirs = re.findall(r"```python\n(.*?)```", cards["mock"], re.DOTALL)
    names = {}
    exec(compile(ours, CARD_FILE, "exec"), names)
    assert set(names["ds"]) == set(data_files(small_release)["transferz"])
    assert len(names["table"]) == len(names["frame"]) == len(names["test"])
    assert isinstance(names["frame"], pd.DataFrame)
    monkeypatch.setattr(datasets, "load_dataset", offline)
    exec(compile(theirs, CARD_FILE, "exec"), names)
    assert asked[0][2] == {"revision": "v2.0.0+mock"}
    assert names["ds"]["test"].features["ra"].id == "deg"
    assert str(transferz.units(names["ds"])["g_cmodel_mag"]) == "mag(AB)"


def test_the_pages_repeat_byte_for_byte(small_release, tmp_path):
    """Of the same data, wherever the release lies."""
    pages = ("files", "sha256", "quality")
    manifest = {k: v for k, v in read_manifest(small_release).items() if k not in pages}
    copy = tmp_path / "elsewhere" / "transferz"
    for folder in (*manifest["content"], INDEX_FOLDER):
        shutil.copytree(small_release / folder, copy / folder)
    complete(copy, manifest, ROOT / CITATION_FILE, NO_RESULTS, NO_RESULTS)
    for path in (path for path in small_release.rglob("*") if path.is_file()):
        again = copy / path.relative_to(small_release)
        assert again.read_bytes() == path.read_bytes(), path.name


def test_links_and_figures_of_the_card_are_there(small_release):
    text = body((small_release / CARD_FILE).read_text(encoding="utf-8"))
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    targets = re.findall(r"\]\((?!https://)([^)]+)\)", text)
    assert set(FIGURES.values()) <= set(targets)
    for target in targets:
        inside = target.startswith("#")
        assert target[1:] in anchors if inside else (small_release / target).is_file()
