"""What may be published to a repository, and what has to be done for it."""

import hashlib
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from huggingface_hub.hf_api import RepoFile

from transferz.dataset.publish.publishing import Local, make_plan, read_local, require_fitting_name
from transferz.dataset.publish.repository import State, listed_in
from transferz.dataset.verify.findings import some
from transferz.schemas import ReleaseError
from transferz.schemas.survey.files import Version


def on_hub(name, size, sha256="", blob=""):
    """A file as the Hub lists it; a large one has a sha256."""
    lfs = {"size": size, "oid": sha256, "pointerSize": 100} if sha256 else None
    return RepoFile(path=name, size=size, oid=blob, lfs=lfs)


@pytest.mark.parametrize("content", [b"", b"TransferZ\n", bytes(range(256)) * 9000])
def test_a_large_file_is_compared_by_sha256_a_small_one_by_its_git_id(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    sha256, size = hashlib.sha256(content).hexdigest(), len(content)
    here = Local(tmp_path, Version(1, 0, 0), "", {"file": {"sha256": sha256, "bytes": size}})
    assert here.lacking({"file": on_hub("file", size, sha256, "id of the pointer")}) == []
    assert here.lacking({"file": on_hub("file", size, "ab", "ba")}) == ["file"]
    assert here.lacking({"file": on_hub("file", size + 1, sha256)}) == ["file"]
    assert here.lacking({}) == ["file"]
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    told = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert here.lacking({"file": on_hub("file", size, blob=told.stdout.strip())}) == []
    assert here.lacking({"file": on_hub("file", size, blob="ba")}) == ["file"]
    path.write_bytes(content + b"more")
    with pytest.raises(ReleaseError, match=r"file is damaged .* changed after it was verified"):
        here.lacking({"file": on_hub("file", size, blob="ba")})


@pytest.mark.parametrize(
    ("repo", "version", "fits"),
    [
        ("org/transferz", "1.0.0", True),
        ("org/transferz-mock", "1.0.0+mock", True),
        ("org/MockTransferZ", "1.0.0+mock", True),
        ("org/TransferZMock2", "1.0.0+mock", True),
        ("org/transferz_MOCK.v2", "1.0.0+mock", True),
        ("org/hammock", "1.0.0+mock", False),
        ("org/transferzmock", "1.0.0+mock", False),
        ("org/hammock", "1.0.0", True),
        ("org/mocking-bird", "1.0.0", True),
        ("org/transferz", "1.0.0+mock", False),
        ("mock/transferz", "1.0.0+mock", False),
        ("mock/transferz", "1.0.0", True),
        ("org/transferz-mock", "1.0.0", False),
    ],
)
def test_a_mock_and_nothing_else_goes_where_the_name_says_mock(repo, version, fits):
    if fits:
        require_fitting_name(repo, Version.parse(version))
    else:
        with pytest.raises(ReleaseError, match="mock"):
            require_fitting_name(repo, Version.parse(version))


def test_many_files_are_named_in_part():
    assert some("abc") == "a, b, c"
    assert some("abcdefgh") == "a, b, c and 5 more"


NO_NAMES = ["transferz", "a/b/c", "org/trans ferz", "org/..", "", "org/-a", "org/a--b", "org/a.git"]


@pytest.mark.parametrize("repo", [*NO_NAMES, "org/" + "a" * 97, "\u00f6rg/a"])
def test_a_name_that_is_no_repositorys_is_refused_before_the_release_is_read(tmp_path, repo):
    with pytest.raises(ReleaseError, match="no dataset repository's name: expected"):
        read_local(tmp_path / "nowhere", repo)


@pytest.mark.parametrize(
    ("manifest", "listed"),
    [
        ({"name": "transferz", "files": {"a": {}, "b/c": {}}}, {"a", "b/c", "MANIFEST.json"}),
        ({"name": "other", "files": {"a": {}}}, None),
        ({"name": "transferz"}, None),
        ({"name": "transferz", "files": 1}, None),
        (["name"], None),
    ],
)
def test_only_a_manifest_of_ours_lists_files_of_a_release(manifest, listed):
    assert listed_in(json.dumps(manifest).encode()) == listed
    assert listed_in(b"x" + json.dumps(manifest).encode()) is None


def contents(*names):
    return {name: on_hub(name, 1, hashlib.sha256(name.encode()).hexdigest()) for name in names}


def state(*names, versions=(), listed=None):
    return State("head", False, contents(*names), versions, listed)


@pytest.fixture
def local(tmp_path):
    names = ("MANIFEST.json", "README.md", "combo/train-00000-of-00001.parquet")
    files = {n: {"sha256": f.lfs.sha256, "bytes": f.size} for n, f in contents(*names).items()}
    return Local(tmp_path, Version.parse("1.1.0"), "digest", files)


HERE = SimpleNamespace(name="org/name")
ADDED = "combo/train-00001-of-00002.parquet"


@pytest.mark.parametrize("names", [(), ("README.md",)])
def test_an_empty_repository_is_taken(local, names):
    plan = make_plan(local, HERE, state(*names))
    assert set(plan.uploads) == set(local.files) - set(names)
    assert plan.deletions == plan.kept == ()


@pytest.mark.parametrize("names", [("data.csv",), ("README.md", "MANIFEST.json"), ("LICENSE",)])
def test_a_repository_without_a_release_is_not_taken(local, names):
    with pytest.raises(ReleaseError, match=r"no release .*another repository"):
        make_plan(local, HERE, state(*names))


def test_only_files_that_a_release_had_are_deleted(local):
    there = state("a.txt", "old.png", "LICENSE", listed=frozenset({"a.txt", "old.png", "gone"}))
    plan = make_plan(local, HERE, there)
    assert plan.deletions == ("a.txt", "old.png")
    assert plan.kept == ("LICENSE",)


@pytest.mark.parametrize("added", [ADDED, "combo/deep/notes.txt", ".huggingface.yaml"])
def test_added_files_that_could_be_loaded_as_the_releases_are_refused(local, added):
    with pytest.raises(ReleaseError, match=rf"\({added}\).*for its own"):
        make_plan(local, HERE, state(added, listed=frozenset({"README.md"})))
    assert make_plan(local, HERE, state(ADDED, listed=frozenset({ADDED}))).deletions == (ADDED,)
    assert local.differing(contents(*local.files, added, "LICENSE")) == [added]
