"""Files by their hashes as git and the Hub have them, and errors without tokens."""

import shutil
import subprocess

import httpx2
import pytest
from huggingface_hub import errors
from hypothesis import given
from hypothesis import strategies as st

from transferz.dataset.hub_errors import REPEAT, Unreachable, clean, talking
from transferz.dataset.publish_plan import require_fitting_name, some
from transferz.dataset.remote import Content
from transferz.schemas import ReleaseError
from transferz.schemas.versions import Version

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
    assert some("abcdefgh") == "a, b, c, d, e and 3 more"
