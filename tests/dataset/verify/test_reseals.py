"""Every entry of a manifest is changed, all pages are made anew and all is sealed: is it found?

Whoever does that knows the package. Found is what follows from the rows or from another entry. What
follows from nothing is listed here, and in docs/verifying.md under "What it can't prove".
"""

import contextlib
import copy as copies
import shutil

import pytest
from PIL import Image
from releases import ROOT, read_manifest
from tampering import copy

from transferz.dataset.page.card_text import card_text
from transferz.dataset.page.citation import citation_text, read_citation, release_citation
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.figures import FIGURES, flow_chart
from transferz.dataset.pipeline.manifest import seal
from transferz.dataset.verify.verifying import inspect
from transferz.schemas import CONFIGS, RELEASE, SPLITS
from transferz.schemas.survey.survey import find_survey
from transferz.tables.files import save_png, write_json

GENERAL = {
    **dict.fromkeys(CONFIGS, "<config>"),
    **dict.fromkeys(SPLITS, "<split>"),
    **dict.fromkeys(RELEASE.names, "<column>"),
    **{
        f"{stage}@{name}": stage
        for stage in ("ingest", "select")
        for name in find_survey("mock").catalogues
    },
    **dict.fromkeys(("spectroscopic", "true"), "<reference>"),
}

PAGES = ("README.md", "CITATION.cff", "croissant.json", "MANIFEST.json")
FLOW = FIGURES["flow"]
PROJECT = read_citation(ROOT / "CITATION.cff")

NOT_PROVEN = {
    *("counts match shared by_position", "upstream <file> sha256", "upstream <file> bytes"),
    *("parameters mock", "parameters select label", "parameters select keep"),
    *("parameters select source", "parameters match radius_arcsec", "packages <package>"),
    *("parameters match remove_median_offset", "parameters match chance_shift_arcsec"),
    *("parameters match magnitude_edges", "parameters match histogram_step_arcsec"),
    *("parameters split sky_block_nside", "parameters split published_calibration"),
    *("history 0 changes", "template", "drawing", "survey"),
}
"""Entries of which a release holds no proof. Radius and sky blocks are proven where they matter. By
another ``template`` or ``drawing``, or a survey that is not here, the last line says what is not
checked."""


def kind(path):
    """What an entry is called, whichever config, catalogue, cut or file it is of."""
    names = [GENERAL.get(name, str(name)) for name in path]
    if "removed" in names:
        names[names.index("removed") + 1 :] = ["<cut>"]
    heads = {
        ("upstream",): ["upstream", "<file>", names[-1]],
        ("packages",): ["packages", "<package>"],
        ("parameters", "mock"): ["parameters", "mock"],
        ("parameters", "select"): ["parameters", "select", names[-1]],
        ("history", "0", "changes"): ["history", "0", "changes"],
    }
    return " ".join(
        next((new for head, new in heads.items() if tuple(names[: len(head)]) == head), names)
    )


def entries(content, path=()):
    """Paths and values of what holds nothing else; of a list of objects its first."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from entries(value, (*path, name))
    elif isinstance(content, list) and content and isinstance(content[0], dict | str):
        yield from entries(content[0], (*path, 0))
    else:
        yield path, content


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [*value, 1]
    if isinstance(value, str):
        return f"{value}x"
    return 1 if value is None else value + 1 if isinstance(value, int) else value * 1.1 + 0.01


def changed(manifest, path, value):
    whole = copies.deepcopy(manifest)
    entry = whole
    for name in path[:-1]:
        entry = entry[name]
    entry[path[-1]] = value
    return whole


@pytest.fixture(scope="module")
def release(small_release, tmp_path_factory):
    return copy(small_release, tmp_path_factory.mktemp("reseals"))


@pytest.fixture
def judge(release, small_release):
    """What is said of the release with another manifest, pages made of it, and all sealed."""

    before = read_manifest(small_release)

    def remake(manifest, cited=None):
        for name in PAGES:
            shutil.copy(small_release / name, release / name)
        with contextlib.suppress(Exception):  # of some no pages can be made: those of before stay
            cited = cited or release_citation(PROJECT, manifest)
            (release / "CITATION.cff").write_text(citation_text(cited), encoding="utf-8")
            write_json(release / "croissant.json", croissant(manifest, release))
            (release / "README.md").write_text(card_text(manifest, cited), encoding="utf-8")
            if any(manifest[name] != before[name] for name in ("counts", "parameters")):
                save_png(flow_chart(manifest), release / FLOW)
        (release / "MANIFEST.json").unlink()
        bare = {name: manifest[name] for name in manifest if name not in ("files", "sha256")}
        write_json(release / "MANIFEST.json", seal(bare, release))
        report = inspect(release)
        shutil.copy(small_release / FLOW, release / FLOW)
        return report

    return remake


def test_pages_that_are_made_anew_of_the_same_manifest_are_sound(small_release, judge):
    assert judge(read_manifest(small_release)).sound


def test_every_entry_that_follows_from_others_is_checked(small_release, judge):
    manifest, kinds = read_manifest(small_release), {}
    for path, value in entries(manifest):
        if path[0] not in ("files", "sha256"):
            kinds.setdefault(kind(path), (path, value))
    assert kinds.keys() >= NOT_PROVEN
    together = manifest
    for name, (path, value) in kinds.items():
        if name not in NOT_PROVEN:
            assert not judge(changed(manifest, path, other(value))).sound, name
        elif name not in ("template", "drawing"):  # by which less is checked
            together = changed(together, path, other(value))
    assert judge(together).sound


def test_an_entry_that_no_release_has_is_found(small_release, judge):
    report = judge(read_manifest(small_release) | {"more": 1})
    assert [one.promise for one in report.broken] == ["manifest"]


@pytest.mark.parametrize(("entry", "promise"), [("template", "words"), ("drawing", "figures")])
def test_what_was_made_otherwise_is_told(small_release, judge, entry, promise):
    report = judge(read_manifest(small_release) | {entry: "0" * 64})
    assert report.text().endswith(f"; not checked: {promise}\n")


@pytest.mark.parametrize("name", ["distributions", "flow"])
def test_a_changed_figure_is_found(small_release, release, judge, name):
    path = release / "figures" / f"{name}.png"
    kept = path.read_bytes()
    image = Image.open(path)
    image.putpixel((5, 5), 1)
    image.save(path)
    report = judge(read_manifest(small_release))
    path.write_bytes(kept)
    assert [(one.file, one.promise) for one in report.broken] == [
        (f"figures/{name}.png", "figures")
    ]


@pytest.mark.parametrize(
    ("entry", "value", "proven"),
    [
        ("authors", [{"name": "Somebody else"}], False),
        ("keywords", ["other", "mock"], False),
        ("title", "TransferZ", True),
        ("abstract", "Other.", True),
        ("license", "MIT", True),
        ("references", [], True),
        ("doi", "10.5281/zenodo.1", True),
    ],
)
def test_what_the_citation_says_but_for_people_and_words_is_checked(
    small_release, judge, entry, value, proven
):
    manifest = read_manifest(small_release)
    report = judge(manifest, release_citation(PROJECT, manifest) | {entry: value})
    assert report.sound != proven
    assert {one.file for one in report.broken} <= {"CITATION.cff"}
