"""The card's section on the baselines: there with results, right, and honest about other data."""

import shutil

import pytest
from markdown_it import MarkdownIt
from mock_run import write_runs
from releases import read_manifest, remake
from tampering import edit_json, edit_text, reseal

from transferz.baselines.methods import METHODS
from transferz.baselines.paper.report import report
from transferz.dataset.page.card_text import card_text
from transferz.dataset.page.citation import read_citation
from transferz.dataset.page.facts import FIGURES, read_baselines
from transferz.dataset.verify.findings import safely
from transferz.dataset.verify.pages import check_card
from transferz.dataset.verify.verifying import inspect, require_sound, verify
from transferz.releases import find_release
from transferz.schemas import RELEASE, InputError, ReleaseError
from transferz.schemas.benchmark.entries import read_entry
from transferz.schemas.survey.files import CARD_FILE, CITATION_FILE

TITLE = "## Reference baselines"


@pytest.fixture(scope="module")
def results(small_release, tmp_path_factory):
    """Entries of mock runs on the small release, with their figures beside."""
    runs = write_runs(tmp_path_factory.mktemp("runs"), small_release)
    folder = tmp_path_factory.mktemp("results") / "mock"
    report(runs, find_release(small_release), folder)
    for method in METHODS:
        shutil.copyfile(runs / method / "entry.yaml", folder / f"{method}.yaml")
    return folder


@pytest.fixture(scope="module")
def with_results(small_release, results, tmp_path_factory):
    """The small release, its card made anew with the results."""
    to = tmp_path_factory.mktemp("shown") / "transferz"
    return remake(small_release, to, version="2.0.0", mock=True, results=results, figures=True)


@pytest.fixture
def release(with_results, tmp_path):
    """A copy to damage."""
    return shutil.copytree(with_results, tmp_path / "transferz")


def section(release):
    text = (release / CARD_FILE).read_text(encoding="utf-8")
    found = text.split(f"\n{TITLE}\n")
    return found[1].split("\n## ")[0] if len(found) == 2 else None


def tables(text):
    """The tables as the Markdown parser sees them: rows of cells."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append(token.content)
    return found


def test_without_results_there_is_no_section(small_release, tmp_path):
    assert section(small_release) is None
    assert "baselines" not in read_manifest(small_release)
    assert {path.name for path in (small_release / "figures").iterdir()} == {
        "distributions.png",
        "flow.png",
    }
    assert read_baselines(tmp_path / "none", tmp_path, "mock") == []


def test_with_results_the_section_gives_scores_on_both_test_sets(with_results, results):
    text = section(with_results)
    galaxiesml, transferz = tables(text)
    assert [row[0] for row in galaxiesml] == ["Baseline", "NN-Base", "NN-TL", "NN-Combo", "NN-Spec"]
    assert galaxiesml[2][1] == "`transferz`, then `galaxiesml`"
    for table, config in ((galaxiesml, "galaxiesml"), (transferz, "transferz")):
        found = read_entry(results / "nn_combo.yaml").scores[config].cosmological
        row = dict(zip(table[0], table[3], strict=True))
        scatter = found.metrics["scatter"]
        assert row["galaxies"] == f"{found.n:,}"
        assert row["scatter"] == f"{scatter.mean:.4f} ± {scatter.spread:.4f}"
        met = sum(one.met for one in found.requirements.values())
        assert row["LSST"] == f"{met} of 3"
    assert "from 3 random initialisations" in " ".join(text.split())
    assert "processor" not in text and "†" not in text


def test_a_mocks_section_says_that_it_is_one(with_results):
    assert "are a mock's" in section(with_results)
    real = {"mock": False, "survey": "cosmos2020", "version": "2.0.0"}
    manifest = read_manifest(with_results) | real
    text = card_text(manifest, read_citation(with_results / CITATION_FILE))
    text = text.split(TITLE)[1].split("## ")[0]
    assert "On GalaxiesML's test split" in text and "mock's" not in text


def test_the_figures_are_those_of_the_results(with_results, results):
    text = section(with_results)
    assert "test split, a panel per baseline](" in text and "NN-Spec is not drawn" not in text
    for name, path in FIGURES.items():
        assert f"]({path})" in text
        assert (with_results / path).read_bytes() == (results / f"{name}.png").read_bytes()
        assert path in read_manifest(with_results)["files"]


def test_the_card_repeats_and_the_release_is_sound(with_results, results, tmp_path):
    again = remake(
        with_results,
        tmp_path / "transferz",
        version="2.0.0",
        mock=True,
        results=results,
        figures=True,
    )
    for path in (path for path in with_results.rglob("*") if path.is_file()):
        assert (again / path.relative_to(with_results)).read_bytes() == path.read_bytes()
    assert verify(with_results) == []  # with no results beside it


def without_a_galaxy(name, rows):
    lost = rows.index[rows["split"] == "train"][:1]
    return rows.drop(lost) if name == "combo" else rows


@pytest.fixture(scope="module")
def other(small_release, results, tmp_path_factory):
    """A release of other data: NN-Combo learned from a row that it does not have."""
    to = tmp_path_factory.mktemp("other") / "transferz"
    return remake(
        small_release,
        to,
        version="3.0.0",
        mock=True,
        edit=without_a_galaxy,
        results=results,
        figures=True,
    )


def test_results_on_other_data_are_said_to_be_and_shown_without_figures(other):
    text = section(other)
    for table in tables(text):
        assert [row[0] for row in table[1:]] == ["NN-Base", "NN-TL", "NN-Combo †", "NN-Spec"]
    said = " ".join(text.split())
    assert "† Made on other data than this release's, TransferZ 2.0.0+mock;" in said
    assert "![" not in text
    assert not set(FIGURES.values()) & set(read_manifest(other)["files"])
    broken = {one.promise for one in verify(other)}
    assert broken & {"card", "files", "manifest"} == set()  # the union of the edit is incomplete


def test_another_build_of_the_same_version_is_told_apart(with_results):
    manifest = read_manifest(with_results)
    manifest["content"]["transferz"]["test"]["content"] = "sha256:" + "0" * 64
    text = card_text(manifest, read_citation(with_results / CITATION_FILE))
    assert "TransferZ 2.0.0+mock as it was built then" in text
    assert text.count("NN-Base †") == 2


def test_another_surveys_result_is_refused(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "authors")
    with pytest.raises(InputError, match=r"survey 'mock', expected 'authors'"):
        read_baselines(folder, folder, "authors")


def test_figures_of_other_forecasts_are_not_shown(small_release, results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "mock")
    edit_json(folder, "made_of.json", lambda made_of: made_of.update(nn_tl="0" * 64))
    text = section(remake(small_release, tmp_path / "transferz", mock=True, results=folder))
    assert "| NN-TL |" in text and "![" not in text and "†" not in text


def test_a_missing_figure_is_an_error(small_release, results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "mock")
    (folder / "scores.png").unlink()
    with pytest.raises(InputError, match=r"scores\.png is missing; write it again"):
        remake(small_release, tmp_path / "transferz", mock=True, results=folder, figures=True)


# What `transferz verify` finds in a card with the section, whose manifest was sealed anew.


def findings(release):
    manifest = read_manifest(release)
    facts = (release, manifest, manifest["content"], RELEASE)
    return [str(one) for one in safely(CARD_FILE, "card", check_card, *facts)]


def cell(release):
    return tables(section(release))[0][1][5]


def test_an_edited_score_is_found(release):
    score = cell(release)
    edit_text(release, CARD_FILE, (cell(release), "0.0001 ± 0.0001"))
    (found,) = findings(release)
    stated, expected = found.split("; expected ")
    assert "card: found in 'Reference baselines': '" in stated and "0.0001 ± 0.0001 |" in stated
    assert "NN-Base" in expected and score in expected


def test_a_table_that_is_gone_is_found(release):
    text = (release / CARD_FILE).read_text(encoding="utf-8")
    table = text[text.index("| Baseline |") : text.index("On TransferZ's test split")]
    edit_text(release, CARD_FILE, (table, ""))
    found = findings(release)
    assert len(found) == 6  # header, rule, four rows
    assert all("found in 'Reference baselines': no such line; expected '| " in one for one in found)


def test_a_table_that_the_manifest_does_not_know_is_found(release):
    edit_json(release, "MANIFEST.json", lambda manifest: manifest.pop("baselines"))
    found = findings(release)
    assert any("a section 'Reference baselines'; expected none" in one for one in found)
    assert any("figures of baselines" in one for one in found)


def test_results_passed_off_as_of_this_data_are_found(release):
    def edit(manifest):
        manifest["baselines"][0]["content"]["transferz"]["train"] = "sha256:" + "0" * 64

    edit_json(release, "MANIFEST.json", edit)
    found = findings(release)
    assert any("'| NN-Base | " in one and "'| NN-Base † | " in one for one in found)
    assert any("figures/forecasts.png" in one for one in found)


def test_a_missing_mark_or_figure_is_found(release):
    (release / FIGURES["scores"]).unlink()
    found = [str(one) for one in verify(reseal(release))]
    assert any("figures of baselines: figures/forecasts.png;" in one for one in found)


def test_baselines_of_another_version_of_the_package_are_called_that(release):
    """Neither sound nor broken: the card can't be made again."""

    def forget(manifest):
        for one in manifest["baselines"]:
            del one["training"]

    edit_json(release, "MANIFEST.json", forget)
    report = inspect(reseal(release))
    (lacking,) = report.unable
    assert not report.broken and not report.sound and "card" in report.unchecked
    assert str(lacking).startswith("README.md: card: can't be checked: MANIFEST.json lacks what ")
    assert "(KeyError: 'training'); verify the release with the version" in str(lacking)
    assert ": NOT CHECKED; " in report.text()
    with pytest.raises(ReleaseError, match=r"could not be checked: README\.md: card: "):
        require_sound(release)
