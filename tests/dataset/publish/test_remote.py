"""Files by their hashes as git and the Hub have them, and errors without tokens."""

import hashlib
import json
import os
import shutil
import subprocess
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub import constants, errors
from hypothesis import given
from hypothesis import strategies as st

from transferz.cli import main
from transferz.dataset.publish import plan as publish_plan
from transferz.dataset.publish.hub_errors import REPEAT, Unreachable, clean, talking
from transferz.dataset.publish.hub_settings import prepare
from transferz.dataset.publish.plan import Local, make_plan, require_fitting_name
from transferz.dataset.publish.remote import Content, Repository, State, listed_in
from transferz.dataset.verify.report import some
from transferz.schemas import ParameterError, ReleaseError
from transferz.schemas.survey.versions import Version

TOKENS = st.from_regex(r"(hf|api)_[A-Za-z0-9]{10,40}", fullmatch=True)
AROUND = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="_"), max_size=20)


@pytest.mark.parametrize("content", [b"", b"TransferZ\n", bytes(range(256)) * 9000])
def test_a_files_id_is_that_of_git(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    told = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert Content.of(path).blob == told.stdout.strip()


def test_a_large_file_is_compared_by_sha256_a_small_one_by_its_git_id():
    here = Content(10, "aa", "bb")
    assert here.is_at(Content(10, "aa", "id of the pointer"))
    assert here.is_at(Content(10, "", "bb"))
    for other in (Content(10, "ab", "bb"), Content(11, "aa", "bb"), Content(10, "", "ba"), None):
        assert not here.is_at(other)


@given(before=AROUND, token=TOKENS, after=AROUND)
def test_no_token_is_left_in_a_text(before, token, after):
    assert token not in clean(f"{before} {token} {after}")
    assert token not in clean(f"https://user:{token}@huggingface.co/{after}")


def test_the_users_own_token_is_struck_out_whatever_it_looks_like(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "an-unusual.token")
    assert clean("denied\nto an-unusual.token") == "denied to ***"


def hub_error(status):
    request = httpx2.Request("POST", "https://hub.invalid/api/datasets/org/name/commit/main")
    response = httpx2.Response(status, request=request)
    return errors.HfHubHTTPError("raw text of the client", response=response)


def wrapped(error):
    """As the client wraps what went wrong in a thread."""
    try:
        raise RuntimeError("Error while uploading 'a'") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (hub_error(401), ReleaseError, "hf auth login"),
        (hub_error(403), ReleaseError, "write access"),
        (hub_error(404), ReleaseError, "no data set repository org/name"),
        (hub_error(412), ReleaseError, "someone else"),
        (hub_error(400), ReleaseError, "status 400"),
        (hub_error(500), Unreachable, "status 500"),
        (wrapped(hub_error(503)), Unreachable, "status 503"),
        (httpx2.ConnectError("no route"), Unreachable, "can't be reached"),
        (wrapped(httpx2.ReadTimeout("slow")), Unreachable, "ReadTimeout"),
        (errors.OfflineModeIsEnabled("offline"), Unreachable, "HF_HUB_OFFLINE"),
        (OSError(28, "No space left on device"), ReleaseError, "No space left"),
        (ValueError("Invalid metadata in README.md"), ReleaseError, "README.md"),
    ],
)
def test_every_error_of_the_client_becomes_one_sentence(error, kind, words):
    with pytest.raises(kind, match=words) as raised, talking("org/name", writing=True):
        raise error
    said = str(raised.value)
    assert "\n" not in said
    assert "raw text" not in said
    refused = isinstance(error, errors.HfHubHTTPError) and error.response.status_code in (
        401,
        403,
        404,
        412,
    )
    assert (REPEAT in said) != refused


@pytest.mark.parametrize(
    ("repo", "version", "fits"),
    [
        ("org/transferz", "1.0.0", True),
        ("org/transferz-mock", "1.0.0+mock", True),
        ("org/MockTransferZ", "1.0.0+mock", True),
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


@pytest.fixture
def environment(monkeypatch):
    """Variables that are as they were after the test, whatever is set in between."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_DISABLE_XET"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_the_client_is_told_not_to_use_xet_whatever_the_user_says(environment):
    environment.setenv("HF_HUB_DISABLE_XET", "0")
    prepare("http://127.0.0.1:1/")
    assert os.environ["HF_HUB_DISABLE_XET"] == "1"
    assert os.environ["HF_ENDPOINT"] == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://me:s3cret@host", "user name or password"),
        ("http://s3cret@host:8080/hf", "user name or password"),
        ("https://host/?key=s3cret", "more than a host and a path"),
        ("http://[::1", "malformed"),
        ("http://host:port", "malformed"),
        ("https://host\n", "printable ASCII"),
        ("https://ho st", "a space"),
        ("https://h\u00f6st", "printable ASCII"),
        ("host:8080", "http://"),
        ("ftp://host", "http://"),
        ("https://", "with a host"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_unseen(
    environment, capsys, endpoint, words
):
    asked = ["publish", "--path", "nowhere", "--repo", "org/transferz"]
    said = []
    assert main([*asked, "--endpoint", endpoint]) == 2
    said.append(capsys.readouterr().err)
    environment.setenv("HF_ENDPOINT", endpoint)
    assert main(asked) == 2
    said.append(capsys.readouterr().err)
    environment.setattr(constants, "ENDPOINT", endpoint)
    with pytest.raises(ParameterError) as raised:
        Repository("org/transferz")
    for text in (*said, str(raised.value)):
        assert words in text
        assert "HF_ENDPOINT" in text
        assert "s3cret" not in text
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize("token", ["hf_sécret", "hf_s\x00cret", "hf_\u201csecret\u201d"])
def test_a_token_that_cannot_be_sent_is_refused_unseen(environment, token):
    for check in (lambda: prepare(None), Repository("org/name").require_login):
        environment.setattr(os, "environ", os.environ | {"HF_TOKEN": token})  # \0 fits in no other
        with pytest.raises(ParameterError, match="HF_TOKEN") as raised:
            check()
        assert token not in str(raised.value)


def test_a_token_may_end_in_a_line_end(environment):
    environment.setenv("HF_TOKEN", "hf_LoopbackToken\r\n")
    prepare(None)
    Repository("org/name").require_login()


NO_NAMES = ["transferz", "a/b/c", "org/trans ferz", "org/..", "", "org/-a", "org/a--b", "org/a.git"]


@pytest.mark.parametrize("repo", [*NO_NAMES, "org/" + "a" * 97, "\u00f6rg/a"])
def test_a_name_that_is_no_repositorys_is_refused_before_the_release_is_read(tmp_path, repo):
    with pytest.raises(ReleaseError, match="no dataset repository's name: expected"):
        publish_plan.read_local(tmp_path / "nowhere", repo)


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
    return {name: Content(1, hashlib.sha256(name.encode()).hexdigest(), "") for name in names}


def state(*names, versions=(), listed=None):
    return State("head", False, contents(*names), versions, listed)


@pytest.fixture
def local(tmp_path):
    names = ("MANIFEST.json", "README.md", "combo/train-00000-of-00001.parquet")
    return Local(tmp_path, Version.parse("1.1.0"), "digest", contents(*names))


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
    assert local.differing(local.files | contents(added, "LICENSE")) == [added]


@pytest.mark.parametrize("name", ["combo/index.parquet", "README.md", "MANIFEST.json"])
def test_a_file_that_changes_after_it_was_verified_is_refused(
    small_release, tmp_path, monkeypatch, name
):
    release = shutil.copytree(small_release, tmp_path / "transferz")
    whole = (release / name).read_bytes()
    monkeypatch.setattr(publish_plan, "require_sound", lambda _: None)
    assert publish_plan.read_local(release, "org/mock").files[name].size == len(whole)
    (release / name).write_bytes(whole + b"\n")
    with pytest.raises(ReleaseError, match=rf"{name} changed while"):
        publish_plan.read_local(release, "org/mock")
