"""The Hub's client: its settings are checked unseen, its errors become ours without tokens."""

import os

import httpx2
import pytest
from huggingface_hub import constants, errors
from hypothesis import given
from hypothesis import strategies as st

from transferz.cli import main
from transferz.dataset.publish.repository import Repository
from transferz.schemas import ParameterError, ReleaseError
from transferz.tables.hub_client import REPEAT, Unreachable, asking, clean, prepare

TOKENS = st.from_regex(r"(hf|api)_[A-Za-z0-9]{10,40}", fullmatch=True)
AROUND = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="_"), max_size=20)


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
        (hub_error(404), ReleaseError, "no dataset repository 'org/name'"),
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
    with pytest.raises(kind, match=words) as raised, asking("org/name", writing=True):
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
    asked = ["publish", "--release", "nowhere", "--repo", "org/transferz"]
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
