"""The dataset's changelog: read, checked, and shown by version."""

import datetime
import shutil
from pathlib import Path

import pytest
import yaml
from releases import MADE_AS

from transferz.dataset.page.facts import CHANGELOG_FILE, history_of, read_history
from transferz.schemas import InputError, ParameterError

ROOT = Path(__file__).parents[3]
ENTRY = "## [{}] - 2027-01-01\n\n### {}\n\n- one\n  thing\n- another\n\n"


def changelog(folder, *versions, kind="Added"):
    path = folder / "CHANGELOG.md"
    text = "# Changelog\n\n" + "".join(ENTRY.format(one, kind) for one in versions)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_released_version_has_an_entry_of_its_date():
    release = yaml.safe_load((ROOT / "params.yaml").read_text())["release"]
    newest = history_of(release["version"], release["date"], ROOT / CHANGELOG_FILE)[0]
    assert (newest["version"], newest["date"]) == (release["version"], release["date"])


def test_every_version_is_dated_and_in_order():
    history = read_history(ROOT / CHANGELOG_FILE)
    dates = [datetime.date.fromisoformat(one["date"]) for one in history]
    assert dates == sorted(dates, reverse=True)
    assert history[-1]["version"] == "1.0.0"


def test_items_are_joined_and_later_versions_left_out(tmp_path):
    path = changelog(tmp_path, "2.0.0", "1.10.0", "1.9.0")
    found = history_of("1.10.0", "2027-01-01", path)
    assert [one["version"] for one in found] == ["1.10.0", "1.9.0"]
    assert found[0]["changes"] == {"Added": ["one thing", "another"]}
    assert found[0]["date"] == "2027-01-01"


def test_what_is_unreleased_is_no_version(tmp_path):
    path = changelog(tmp_path, "1.0.0")
    text = path.read_text().replace("## [1.0.0]", "## [Unreleased]\n\n- soon\n\n## [1.0.0]")
    path.write_text(text)
    assert [one["version"] for one in read_history(path)] == ["1.0.0"]


def test_a_version_without_an_entry_is_refused(tmp_path):
    path = changelog(tmp_path, "1.1.0", "1.0.0")
    for version in ("1.0.1", "1.2.0", "0.9.0"):
        with pytest.raises(ParameterError) as error:
            history_of(version, "2027-01-01", path)
        assert f"has no entry for {version}, its newest is 1.1.0" in str(error.value)
        assert "release.version" in str(error.value)


@pytest.mark.parametrize(
    ("versions", "kind", "said"),
    [
        (("1.0.0", "1.1.0"), "Added", "the newest first"),
        (("1.0.0", "1.0.0"), "Added", "each version once"),
        (("1.0",), "Added", "expected a title"),
        (("01.0.0",), "Added", "expected a title"),
        (("1.0.0+mock",), "Added", "expected a title"),
        (("1.0.0",), "Improved", "expected one of Added, Changed"),
    ],
)
def test_a_changelog_of_another_form_is_refused(tmp_path, versions, kind, said):
    with pytest.raises(ParameterError, match=said):
        read_history(changelog(tmp_path, *versions, kind=kind))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2027-01-01", "2027-13-01", "expected a title"),
        ("### Added\n\n- one\n  thing\n- another\n", "", "says nothing"),
        ("- one\n  thing\n- another\n", "", "and a list"),
    ],
)
def test_an_entry_that_says_nothing_is_refused(tmp_path, old, new, said):
    path = changelog(tmp_path, "1.0.0")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ParameterError, match=said):
        read_history(path)


def test_a_missing_changelog_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"CHANGELOG\.md is missing"):
        history_of("1.0.0", "2027-01-01")


def test_a_date_that_is_not_the_entrys_is_refused(tmp_path):
    path = changelog(tmp_path, "1.1.0", "1.0.0")
    with pytest.raises(ParameterError) as error:
        history_of("1.1.0", "2027-01-02", path)
    assert "'release.date': 2027-01-02 is not the date of 1.1.0" in str(error.value)
    assert "which is 2027-01-01" in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "1.0.7"}, r"no entry for 1\.0\.7"),
        ({"date": "2027-01-01"}, r"'release\.date': 2027-01-01 is not the date of 2\.0\.0"),
    ],
)
def test_the_build_refuses_what_the_changelog_does_not_say(
    small_release, tmp_path, monkeypatch, change, said
):
    """And leaves the release as it was."""
    from transferz.dataset.card import card
    from transferz.dataset.pipeline.stage import Layout

    shutil.copytree(small_release.parents[2], tmp_path / "data")
    for name in ("params.yaml", "CITATION.cff", "dataset/CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["release"] |= MADE_AS | change
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    layout = Layout("mock", tmp_path / "data")
    before = (layout.release / "MANIFEST.json").read_bytes()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=said):
        card(layout)
    assert (layout.release / "MANIFEST.json").read_bytes() == before
