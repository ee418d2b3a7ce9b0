"""The build compares with the previous release and refuses a version that contradicts it."""

import json
import re
import shutil
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from releases import MADE_AS, ROOT, read_rows
from tampering import edit_json

from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.release import release
from transferz.schemas import ParameterError, ReleaseError

PREVIOUS = "previous/transferz"


class Build:
    """What lies before the stage `release`, the release it made, and that release's copy."""

    def __init__(self, root):
        self.root = root
        self.layout = Layout("mock")

    def set(self, **values):
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        params["release"] |= values
        path.write_text(yaml.safe_dump(params), encoding="utf-8")

    def edit_split(self, change):
        """Change the table of assigned splits, as another cut or scheme would."""
        path = self.layout.interim("split") / "table.parquet"
        table = pq.read_table(path).to_pandas()
        schema = pq.read_schema(path)
        pq.write_table(pa.Table.from_pandas(change(table), schema, preserve_index=False), path)
        return table

    def files(self):
        return {path: path.read_bytes() for path in self.layout.data.rglob("*") if path.is_file()}

    def counts(self):
        path = self.layout.interim("release") / "counts.json"
        return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def build(small_release, tmp_path, monkeypatch):
    shutil.copytree(small_release.parents[2], tmp_path / "data")
    shutil.copytree(small_release, tmp_path / PREVIOUS)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    found = Build(tmp_path)
    found.set(**MADE_AS | {"previous": PREVIOUS})
    return found


def refused(build, *expected):
    before = build.files()
    with pytest.raises(ReleaseError) as error:
        release(build.layout)
    for text in expected:
        assert text in str(error.value)
    assert build.files() == before  # the old release with its pages, the counts, nothing beside
    assert not list(build.root.rglob(".transferz-*"))


def without_one(table):
    return table.iloc[1:]


def with_one_moved(table):
    old = table["split"].iloc[0]
    return table.assign(split=["test" if old == "train" else "train", *table["split"].iloc[1:]])


def test_without_a_previous_release_nothing_is_said(build, capsys):
    build.set(previous=None)
    release(build.layout)
    assert capsys.readouterr().err == ""


def test_the_same_data_may_be_built_again_and_it_is_said_in_one_line(build, capsys):
    before = build.counts()
    release(build.layout)
    assert capsys.readouterr().err == "follows 2.0.0+mock: nothing changed\n"
    assert build.counts() == before


@pytest.mark.parametrize(
    ("version", "change", "what"),
    [
        ("2.0.0", with_one_moved, "rows moved: "),
        ("2.0.1", without_one, "rows removed: "),
        ("2.1.0", with_one_moved, "rows moved: "),
    ],
)
def test_less_than_major_is_refused_where_rows_go_or_move(build, change, what, version):
    build.edit_split(change)
    build.set(version=version)
    refused(build, what, "needs a MAJOR step", "make it 3.0.0+mock")


@pytest.mark.parametrize("change", [without_one, with_one_moved])
def test_major_is_taken_and_what_changed_is_said(build, change, capsys):
    build.edit_split(change)
    build.set(version="3.0.0")
    release(build.layout)
    what = "removed" if change is without_one else "moved"
    said = capsys.readouterr().err
    assert re.fullmatch(rf"follows 2\.0\.0\+mock: rows {what}: .*\b1 in combo\b.*\n", said)
    assert set(build.counts()) == {"rows_out"}


def test_added_rows_need_minor(build, small_release, capsys):
    """The previous release lacks two objects whose neighbours' groups do not depend on them."""
    rows = read_rows(small_release, "truth")
    lonely = rows.loc[~rows["group_id"].duplicated(keep=False), "object_id"].iloc[:2]
    build.set(previous=None)
    whole = build.edit_split(lambda table: table[~table["object_id"].isin(lonely)])
    release(build.layout)
    shutil.copy(build.root / PREVIOUS / "MANIFEST.json", build.layout.release)
    shutil.rmtree(build.root / PREVIOUS)
    shutil.copytree(build.layout.release, build.root / PREVIOUS)
    build.edit_split(lambda table: whole)
    build.set(previous=PREVIOUS, version="2.0.1")
    refused(build, "rows added: ", "needs a MINOR step", "make it 2.1.0+mock")
    build.set(version="2.1.0")
    capsys.readouterr()
    release(build.layout)
    assert capsys.readouterr().err.startswith("follows 2.0.0+mock: rows added: ")


def test_an_older_version_is_refused(build):
    build.set(version="1.9.0")
    refused(build, "version 1.9.0+mock is older than 2.0.0+mock")


def test_a_mock_does_not_follow_a_real_release(build):
    edit_json(build.root / PREVIOUS, "MANIFEST.json", lambda one: one.update(version="2.0.0"))
    build.set(version="9.0.0")
    refused(build, "one is a mock, the other is not")


@pytest.mark.parametrize("previous", ["", "nowhere/at/all", "previous/gone", "org/name", "o/n@one"])
def test_what_is_neither_a_directory_nor_a_version_on_the_hub_is_refused(build, previous):
    before = build.files()
    build.set(previous=previous)
    with pytest.raises(ParameterError) as error:
        release(build.layout)
    assert "parameter 'release.previous': " in str(error.value)
    assert "expected a directory that is there, or a release on the Hub with its version" in str(
        error.value
    )
    assert f"found {previous!r}" in str(error.value)
    assert build.files() == before


def test_a_directory_that_is_no_release_is_refused(build):
    build.set(previous="data")
    refused(build, "data can't be compared")


@pytest.mark.parametrize("inside", ["", "/transferz"])
def test_the_release_that_is_built_does_not_follow_itself(build, inside):
    (build.root / "link").symlink_to(build.layout.release.parent.absolute())
    before = build.files()
    for start in (str(build.layout.release), "link/transferz"):
        build.set(previous=start + inside)
        with pytest.raises(ParameterError, match="which this build replaces; name a copy else"):
            release(build.layout)
    assert build.files() == before


@pytest.mark.parametrize("previous", ["1.0", "02.0.0", "2.0.0+mock", "v2.0.0"])
def test_a_version_is_written_as_the_schema_reads_it(build, previous):
    build.set(version=previous)
    with pytest.raises(ParameterError, match=r"parameter 'release\.version': "):
        release(build.layout)


class TestOnTheHub:
    """The Hub's answers: what it is asked is looked at in tests/tables/test_hub.py."""

    @pytest.fixture
    def tags(self, build, monkeypatch):
        """The tags that the Hub gives; it is not reached where None."""
        monkeypatch.setenv("TRANSFERZ_CACHE", str(build.root / "cache"))

        def give(tags):
            def answer(*_, **__):
                if tags is None:
                    raise ConnectionRefusedError("no Hub")
                return SimpleNamespace(tags=[SimpleNamespace(name=name) for name in tags])

            monkeypatch.setattr("huggingface_hub.HfApi.list_repo_refs", answer)

        return give

    def test_one_that_cannot_be_reached_changes_no_byte(self, build, tags, capsys):
        build.set(previous=None)
        release(build.layout)
        before = build.files()
        tags(None)
        build.set(previous="org/name@2.0.0+mock")
        capsys.readouterr()
        release(build.layout)
        said = capsys.readouterr().err
        assert said.startswith("not compared with org/name@2.0.0+mock: the Hub can't be reached")
        assert said.endswith("; `transferz publish` compares again\n")
        assert said.count("\n") == 1
        assert build.files() == before

    def test_one_that_lacks_the_version_is_an_error(self, build, tags):
        tags(["v1.9.0"])
        build.set(previous="org/name@2.0.0+mock")
        refused(build, "org/name has no version 2.0.0+mock; it has: 1.9.0")

    def test_one_of_another_survey_is_not_even_asked_for(self, build, capsys):
        """Parameters are those of all surveys: a real release is no mock's former version."""
        build.set(previous="org/name@2.0.0")
        release(build.layout)
        said = "not compared with org/name@2.0.0: one is a mock, the other is not; "
        assert capsys.readouterr().err.startswith(said)


def test_an_unknown_parameter_is_refused(build):
    build.set(prevoius=PREVIOUS)
    with pytest.raises(ParameterError, match=r"unknown parameter 'release\.prevoius'"):
        release(build.layout)
