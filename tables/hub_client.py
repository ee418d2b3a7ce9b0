"""The Hub's client: what it reads from the environment, and its many errors as ours.

The client is imported where it is asked, after `prepare` has set what it reads then. No message
repeats an address or a token: either may hold a secret.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

from transferz.schemas.errors import ParameterError, ReleaseError, TransferZError

CACHE_VARIABLE = "TRANSFERZ_CACHE"
"""Environment variable that names the folder of fetched releases."""

REPEAT = (
    "this version is not tagged, so not published; run the same command again, what has arrived "
    "is not uploaded twice"
)

Token: TypeAlias = str | bool | None
"""As `huggingface_hub` takes it: a token, False for none, None for the one that it finds itself."""

_REFUSALS = (401, 403, 404, 412)  # statuses that a repeat does not cure
_TOKEN = re.compile(r"\b(hf|api)_\w{6,}|\beyJ[\w.-]+")  # the Hub's tokens, JSON web tokens


class Unreachable(ReleaseError):
    """The Hub did not answer, or not as a working server does; the text says why."""


@contextlib.contextmanager
def asking(repo: str, *, writing: bool = False) -> Iterator[None]:
    """Turn the client's errors about a repository into ours.

    Of their text only what the server said is passed on, with anything like a token struck out.
    Where the block changes the repository (`writing`), the error says that repeating is safe.
    Raises `Unreachable` where the Hub did not answer, or not as a working server does; another
    ReleaseError where the answer is no, or something else went wrong on the way.
    """
    from huggingface_hub import errors

    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # its library's
    try:
        yield
    except TransferZError:
        raise
    except (http_error, errors.OIDCError, OSError, RuntimeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, http_error):
            cause = cause.__cause__  # the client wraps what goes wrong in its threads
        refused = isinstance(cause, errors.HfHubHTTPError) and (
            cause.response.status_code in _REFUSALS
        )
        kind, text = _explain(cause, repo)
        raise kind(f"{text}; {REPEAT}" if writing and not refused else text) from None


def _explain(error: BaseException, repo: str) -> tuple[type[ReleaseError], str]:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return Unreachable, "the Hub is not asked, because HF_HUB_OFFLINE is set"
    if isinstance(error, errors.HFValidationError):
        return ReleaseError, _absent(repo)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return ReleaseError, f"a file is missing in '{repo}': it holds no whole release there"
    if isinstance(error, errors.HfHubHTTPError):
        absent = isinstance(error, errors.RepositoryNotFoundError)
        said = clean(error.server_message or "no reason given")
        return _explain_answer(404 if absent else error.response.status_code, said, repo)
    numbered = isinstance(error, OSError) and error.errno is not None
    if numbered and not isinstance(error, ConnectionError):  # the disk's
        return ReleaseError, (
            f"{clean(error)}: free space, change the permissions, or name another folder for "
            f"fetched releases with {CACHE_VARIABLE}"
        )
    if isinstance(error, RuntimeError | ValueError | errors.OIDCError):
        return ReleaseError, f"{repo}: {clean(error)}"
    return Unreachable, (
        f"the Hub can't be reached ({type(error).__name__}): check the connection and HF_ENDPOINT"
    )


def _explain_answer(status: int, said: str, repo: str) -> tuple[type[ReleaseError], str]:
    if status == 404:
        return ReleaseError, _absent(repo)
    if status in (401, 403):
        return ReleaseError, (
            f"the Hub does not accept this login for '{repo}' (status {status}: {said}): log in "
            "with `hf auth login`, or set HF_TOKEN, with a token that has read access there and, "
            "to publish, write access"
        )
    if status == 412:
        return ReleaseError, (
            f"{repo} was changed by someone else meanwhile, and nothing was committed: run again, "
            "it is compared with what is there now"
        )
    if status == 429 or status >= 500:
        return Unreachable, f"the Hub answered with status {status} ({said})"
    return ReleaseError, (
        f"the Hub refused a request for '{repo}' with status {status} ({said}): check HF_TOKEN "
        "and HF_ENDPOINT"
    )


def _absent(repo: str) -> str:
    return (
        f"the Hub has no dataset repository '{repo}' that you may read: check the name, or, if it "
        "is private, log in with 'hf auth login' or set HF_TOKEN"
    )


def clean(error: object) -> str:
    """Return a client's or server's text on one line, with anything like a token struck out."""
    from huggingface_hub import errors, get_token

    text, token = " ".join(str(error).split()), None
    with contextlib.suppress(errors.OIDCError, OSError, RuntimeError):  # a token yet to be fetched
        token = get_token()
    return _TOKEN.sub("***", text.replace(token, "***") if token else text)


def prepare(endpoint: str | None) -> None:
    """Check what the client reads from the environment when it is imported, and set it before.

    The Hub's address is `endpoint`, by default that of ``HF_ENDPOINT``. Files go by the Hub's
    plain large file protocol, never by Xet, which the client takes by itself where it is
    installed: releases are of 10 to 100 MB, where Xet saves little, and what is promised of
    uploads that break off is tested with the former.
    """
    if endpoint := endpoint or os.environ.get("HF_ENDPOINT"):
        require_endpoint(endpoint)
        os.environ["HF_ENDPOINT"] = endpoint.rstrip("/")
    require_token(os.environ.get("HF_TOKEN", ""), "HF_TOKEN")
    os.environ["HF_HUB_DISABLE_XET"] = "1"


def require_endpoint(endpoint: str) -> None:
    """Check that an address is one that may be used, and shown in messages."""
    if fault := _fault(endpoint):
        raise ParameterError(
            f"the Hub's address (--endpoint, or HF_ENDPOINT) {fault}; write it as "
            "https://huggingface.co or http://host:port"
        )


def _fault(endpoint: str) -> str:
    if not (endpoint.isascii() and endpoint.isprintable()) or " " in endpoint:
        return "holds a space or a character that is not printable ASCII"
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is malformed"
    if parts.scheme not in ("http", "https") or not host:
        return "has no http:// or https:// with a host after it"
    if "@" in parts.netloc:
        return "holds a user name or password, which do not belong there: log in with a token"
    return "holds more than a host and a path" if parts.query or parts.fragment else ""


def require_token(token: str, name: str) -> None:
    """Check that a token can be sent: printable ASCII, as all of the Hub's are.

    White space around it and line ends are let pass, since the client drops them. `name` says
    where it is from.
    """
    bare = token.replace("\r", "").replace("\n", "").strip()
    if not (bare.isascii() and bare.isprintable()):
        raise ParameterError(
            f"{name} holds a character that is not printable ASCII, as no token of the Hub does: "
            "set it anew"
        )
