"""Finding a release: the order of places, and what is refused."""

import json
import shutil

import pytest

import transferz
from transferz import releases
from transferz.releases import find_release
from transferz.schemas import ParameterError, ReleaseError
from transferz.schemas.survey.files import Version
from transferz.tables.hub import Fetched, Reference


@pytest.fixture(autouse=True)
def _no_release_set(monkeypatch, tmp_path):
    for name in (releases.RELEASE_VARIABLE, "TRANSFERZ_REPO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def checkout(folder, *surveys, source):
    """A checkout of the project whose release of each survey is a copy of `source`."""
    folder.mkdir(exist_ok=True)
    (folder / "dvc.yaml").write_text("stages: {ingest: {cmd: python -m transferz.dataset.ingest}}")
    (folder / "params.yaml").write_text("{}")
    for survey in surveys:
        place = folder / "data" / survey / "release" / "transferz"
        shutil.copytree(source, place)
        manifest = {"version": "1.0.0", "survey": survey, "mock": survey.startswith("mock")}
        (place / "MANIFEST.json").write_text(json.dumps(manifest))
    return folder


def test_path_comes_before_the_environment_variable(tiny_release, release_builder, tmp_path):
    other = release_builder(tmp_path / "transferz", version="2.0.0", mock=False)
    found = find_release(other)
    assert (found.path, found.version, found.survey, found.mock) == (
        other,
        "2.0.0",
        "authors",
        False,
    )


def test_the_variable_comes_before_the_checkout(tiny_release, tmp_path, monkeypatch):
    monkeypatch.chdir(checkout(tmp_path / "project", "authors", source=tiny_release))
    assert find_release().survey == "authors"
    monkeypatch.setenv(releases.RELEASE_VARIABLE, str(tiny_release))
    assert find_release().path == tiny_release


@pytest.mark.parametrize(
    ("built", "chosen"),
    [
        (("mock",), "mock"),
        (("mock_full",), "mock_full"),
        (("mock_full", "mock"), "mock"),
        (("mock", "authors"), "authors"),
        (("mock", "authors", "cosmos2020"), "cosmos2020"),
    ],
)
def test_a_real_survey_comes_before_the_mock(built, chosen, tiny_release, tmp_path, monkeypatch):
    project = checkout(tmp_path / "project", *built, source=tiny_release)
    inside = project / "notebooks" / "deep"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    found = find_release()
    assert found.survey == chosen
    assert found.path == project / "data" / chosen / "release" / "transferz"


def test_a_config_that_only_a_release_built_beside_it_has_is_found_there(
    spectra_only, tiny_release, tmp_path, monkeypatch
):
    project = checkout(tmp_path / "project", source=tiny_release)
    real, mock, broken = (
        project / "data" / survey / "release" / "transferz" for survey in ("des", "mock", "mock_a")
    )
    shutil.copytree(spectra_only, real)
    monkeypatch.chdir(project)
    found = find_release()
    for refused in (
        lambda: found.require("combo"),
        lambda: found.config("union", "is needed"),
    ):
        with pytest.raises(ReleaseError, match=r"it has: spectra[^;]*$"):
            refused()
        shutil.copytree(tiny_release, mock)
        shutil.copytree(tiny_release, broken)
        (broken / "MANIFEST.json").write_text("{")
        with pytest.raises(ReleaseError) as error:
            refused()
        said = f"; {mock} (a mock), built in this checkout too, has one: choose it by --release or "
        assert error.value.on_command_line().endswith(f"{said}TRANSFERZ_RELEASE")
        assert "combo" in find_release(mock).require("combo")["train"][0].parts
        shutil.rmtree(mock)
        shutil.rmtree(broken)
    with pytest.raises(ReleaseError, match=r"it has: spectra$"):
        found.require("no such config")


def test_another_projects_pipeline_is_passed_over(tiny_release, tmp_path, monkeypatch):
    project = checkout(tmp_path / "project", "mock", source=tiny_release)
    other = project / "vendored"
    other.mkdir()
    (other / "dvc.yaml").write_text("stages: {train: {cmd: python train.py}}")
    (other / "params.yaml").write_text("{}")
    monkeypatch.chdir(other)
    assert find_release().path.is_relative_to(project)


def test_an_unfinished_release_is_passed_over_for_a_finished_one(
    tiny_release, tmp_path, monkeypatch
):
    project = checkout(tmp_path / "project", "mock", "authors", source=tiny_release)
    monkeypatch.chdir(project)
    (project / "data/authors/release/transferz/MANIFEST.json").unlink()
    assert find_release().survey == "mock"
    (project / "data/mock/release/transferz/MANIFEST.json").unlink()
    with pytest.raises(ReleaseError, match=r"authors.*unfinished.*'make repro SURVEY=authors'"):
        find_release()


def test_no_release_says_how_to_get_one(tmp_path, monkeypatch):
    with pytest.raises(ReleaseError, match=r"make repro.*TRANSFERZ_RELEASE.*TRANSFERZ_REPO"):
        find_release()
    monkeypatch.chdir(checkout(tmp_path / "project", source=tmp_path))
    with pytest.raises(ReleaseError, match="make repro"):
        find_release()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no MANIFEST.json"),
        ("{", "can't be read"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "can't be read"),
        ('{"version": "1.0.0", "mock": false}', "no entry 'survey'"),
        *[
            (json.dumps({"version": "1.0.0", "survey": "mock", "mock": True} | other), "another '")
            for other in (
                {"version": 1.0},
                {"version": "1.0.0\x1b[31m"},
                {"survey": "\x1b[31mX\ntransferz 9.9.9 (survey authors)"},
                {"survey": ["mock"]},
                {"mock": "no"},
                {"columns": [1]},
                {"columns": {"ra": {}}},
                {"columns": {"\x1b[31m": {"unit": "deg"}}},
                {"content": ["transferz"]},
                {"content": {"transferz": {"a b": {}}}},
                {"files": {"README.md": "x"}},
                {"files": {"README.md": {"sha256": "x", "bytes": 1}}},
                {"files": {"README.md": {"sha256": "0" * 64, "bytes": True}}},
            )
        ],
        (
            json.dumps({"version": "1.0.0", "survey": "mock", "mock": True, "sha256": "0" * 64}),
            "does not match its own sha256",
        ),
    ],
    ids=lambda text: str(text)[:60].encode("unicode_escape").decode(),
)
def test_a_bad_manifest_is_refused(text, words, tmp_path):
    release = tmp_path / "transferz"
    release.mkdir()
    if text is not None:
        (release / "MANIFEST.json").write_text(text)
    with pytest.raises(ReleaseError, match=words):
        find_release(release)


def test_a_missing_directory_is_refused(tiny_release, tmp_path):
    with pytest.raises(ReleaseError, match="not a directory"):
        find_release(tmp_path / "absent")
    link = tmp_path / "by another name"
    link.symlink_to(tiny_release)
    assert find_release(link).path == link


def test_files_lists_configs_and_splits_in_order_and_leaves_the_index_out(tiny_release):
    files = find_release(tiny_release).files()
    assert list(files) == ["transferz", "galaxiesml", "combo", "truth"]
    assert all(
        list(splits) == ["train", "validation", "calibration", "test"] for splits in files.values()
    )
    assert [path.name for path in files["combo"]["test"]] == [
        "test-00000-of-00002.parquet",
        "test-00001-of-00002.parquet",
    ]


def test_a_release_says_what_it_is(tiny_release, capsys):
    find_release(tiny_release).announce()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"transferz 1.0.0+mock (MOCK galaxies, not real ones) from {tiny_release}"


def test_a_real_release_is_not_called_a_mock(real_release, capsys):
    find_release(real_release).announce()
    line = capsys.readouterr().err
    assert "survey authors" in line
    assert "mock" not in line.lower()


@pytest.fixture
def asked(monkeypatch, real_release):
    """What is asked of the Hub, which has `real_release` in the cache."""
    found = []

    def look_up(reference, token=None):
        found.append(str(reference))
        return Fetched(real_release, Reference(reference.repo, Version(1, 0, 0)), "from cache")

    monkeypatch.setattr(releases, "look_up", look_up)
    monkeypatch.setenv("TRANSFERZ_REPO", "org/transferz")
    return found


def test_a_version_asked_for_comes_from_the_hub_before_what_is_here(
    tiny_release, asked, monkeypatch
):
    monkeypatch.setenv(releases.RELEASE_VARIABLE, str(tiny_release))
    assert find_release().path == tiny_release
    assert asked == []
    found = find_release(version="1.0.0")
    assert asked == ["org/transferz@v1.0.0"]
    assert str(found) == (
        "transferz 1.0.0 (survey authors) from org/transferz@v1.0.0 on the Hub (from cache): "
        f"{found.path}"
    )


def test_the_newest_on_the_hub_comes_last(tiny_release, asked, tmp_path, monkeypatch):
    assert find_release().origin.startswith("org/transferz@v1.0.0")
    assert asked == ["org/transferz"]
    monkeypatch.chdir(checkout(tmp_path / "project", "mock", source=tiny_release))
    assert find_release().survey == "mock"
    assert len(asked) == 1


def test_path_and_version_must_agree(tiny_release, asked):
    assert find_release(tiny_release, version="1.0.0+mock").path == tiny_release
    with pytest.raises(ReleaseError, match=r"version 1\.0\.0 is asked for.*holds 1\.0\.0\+mock"):
        find_release(tiny_release, version="1.0.0")
    with pytest.raises(ParameterError, match="'newest' is no version"):
        find_release(version="newest")
    assert asked == []


def test_without_a_repository_a_version_must_be_that_of_what_is_here(tiny_release, monkeypatch):
    monkeypatch.setenv(releases.RELEASE_VARIABLE, str(tiny_release))
    assert find_release(version="1.0.0+mock").path == tiny_release
    with pytest.raises(ReleaseError, match=r"set TRANSFERZ_REPO"):
        find_release(version="1.1.0")


def test_the_version_is_the_distributions():
    assert transferz.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'versions'"):
        _ = transferz.versions
