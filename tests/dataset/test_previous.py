"""The build compares with the previous release and refuses a version that contradicts it."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from releases import ROOT, read_rows
from tampering import edit_json

from transferz.dataset.release import release
from transferz.dataset.stage import Layout
from transferz.schemas import ParameterError, ReleaseError, TransferZError

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
    found.set(previous=PREVIOUS)
    return found


def refused(build, *expected):
    before = build.files()
    with pytest.raises(ReleaseError) as error:
        release(build.layout)
    for text in expected:
        assert text in str(error.value)
    assert build.files() == before  # the old release with its pages, the counts, nothing beside
    assert not list(build.root.rglob("*.partial"))


def without_one(table):
    return table.iloc[1:]


def with_one_moved(table):
    old = table["split"].iloc[0]
    return table.assign(split=["test" if old == "train" else "train", *table["split"].iloc[1:]])


def test_without_a_previous_release_nothing_is_said(build):
    build.set(previous=None)
    release(build.layout)
    assert set(build.counts()) == {"rows_out"}


def test_the_same_data_may_be_built_again_and_the_counts_say_so(build):
    release(build.layout)
    counts = build.counts()
    assert (counts["previous"], counts["changes"]) == ("1.0.0+mock", "nothing changed")
    assert counts["differences"]["step"] == "none"


@pytest.mark.parametrize(
    ("version", "change", "what"),
    [
        ("1.0.0", with_one_moved, "rows moved: "),
        ("1.0.1", without_one, "rows removed: "),
        ("1.1.0", with_one_moved, "rows moved: "),
    ],
)
def test_less_than_major_is_refused_where_rows_go_or_move(build, change, what, version):
    build.edit_split(change)
    build.set(version=version)
    refused(build, what, "needs a MAJOR step", "make it 2.0.0+mock")


@pytest.mark.parametrize("change", [without_one, with_one_moved])
def test_major_is_taken_and_the_counts_say_what_changed(build, change):
    build.edit_split(change)
    build.set(version="2.0.0")
    release(build.layout)
    differences = build.counts()["differences"]
    assert differences["step"] == "major"
    counted = differences["rows"]["combo"]
    assert counted["removed" if change is without_one else "moved"] == 1


def test_added_rows_need_minor(build, small_release):
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
    build.set(previous=PREVIOUS, version="1.0.1")
    refused(build, "rows added: ", "needs a MINOR step", "make it 1.1.0+mock")
    build.set(version="1.1.0")
    release(build.layout)
    assert build.counts()["differences"]["step"] == "minor"


def test_an_older_version_is_refused(build):
    build.set(version="0.9.0")
    refused(build, "version 0.9.0+mock is older than 1.0.0+mock")


def test_a_mock_does_not_follow_a_real_release(build):
    edit_json(build.root / PREVIOUS, "MANIFEST.json", lambda one: one.update(version="1.0.0"))
    build.set(version="9.0.0")
    refused(build, "one is a mock, the other is not")


@pytest.mark.parametrize("previous", ["nowhere/at/all", "data", "org/name@one"])
def test_a_previous_release_that_is_none_is_a_clear_error(build, previous):
    before = build.files()
    build.set(previous=previous)
    with pytest.raises(TransferZError, match=previous.split("@")[-1]):
        release(build.layout)
    assert build.files() == before


def test_an_unknown_parameter_is_refused(build):
    build.set(prevoius=PREVIOUS)
    with pytest.raises(ParameterError, match=r"unknown parameter 'release\.prevoius'"):
        release(build.layout)
