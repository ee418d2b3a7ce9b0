"""The many errors of the Hub's client as ours, without anything like a token in them."""

import contextlib
import re
from collections.abc import Iterator

from huggingface_hub import constants, errors, get_token

from transferz.schemas.errors import ReleaseError, TransferZError

REPEAT = (
    "this version is not tagged, so not published; run the same command again, what has arrived "
    "is not uploaded twice"
)

_HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # of its HTTP library
_TOKEN = re.compile(r"\b(hf|api)_\w{6,}|\beyJ[\w.-]+")  # the Hub's tokens, JSON web tokens


class Unreachable(ReleaseError):
    """The Hub did not answer, or not as a working server does."""


@contextlib.contextmanager
def talking(repo: str, *, writing: bool = False) -> Iterator[None]:
    """Turn the client's errors about a repository into ours.

    Parameters
    ----------
    repo : str
        ``org/name``.
    writing : bool
        Whether the block changes it: the error then says that repeating is safe.

    Raises
    ------
    Unreachable
        If the Hub did not answer.
    ReleaseError
        If it refused, or something else went wrong on the way.
    """
    try:
        yield
    except TransferZError:
        raise
    except (_HTTPError, errors.OIDCError, OSError, RuntimeError, ValueError) as error:
        kind, text = _explain(_origin(error), repo)
        raise kind(f"{text}; {REPEAT}" if writing and kind is not Refused else text) from None


class Refused(ReleaseError):
    """The Hub understood, and said no."""


def _origin(error: BaseException) -> BaseException:
    """The error that the client wrapped in others."""
    while error.__cause__ is not None and not isinstance(error, _HTTPError):
        error = error.__cause__
    return error


def _explain(error: BaseException, repo: str) -> tuple[type[ReleaseError], str]:
    if isinstance(error, errors.OfflineModeIsEnabled):
        return Unreachable, "the Hub is not asked, because HF_HUB_OFFLINE is set: unset it"
    if isinstance(error, errors.HfHubHTTPError):
        said = clean(error.server_message or "no reason given")
        return _answer(error.response.status_code, said, repo)
    if isinstance(error, _HTTPError):
        return Unreachable, (
            f"{constants.ENDPOINT} can't be reached ({type(error).__name__}): check the connection "
            "and HF_ENDPOINT"
        )
    return ReleaseError, f"{repo}: {clean(error)}"


def _answer(status: int, said: str, repo: str) -> tuple[type[ReleaseError], str]:
    if status in (401, 403):
        return Refused, (
            f"{constants.ENDPOINT} does not accept this login for {repo} (status {status}: {said}):"
            " log in with `hf auth login`, or set HF_TOKEN, as someone who may write there, with a "
            "token that has write access"
        )
    if status == 404:
        return Refused, (
            f"{constants.ENDPOINT} has no data set repository {repo} that this login may see "
            f"(status 404: {said})"
        )
    if status == 412:
        return Refused, (
            f"{repo} was changed by someone else meanwhile, and nothing was committed: run again, "
            "it is compared with what is there now"
        )
    kind = Unreachable if status >= 500 else ReleaseError
    return kind, f"{constants.ENDPOINT} answered with status {status} ({said})"


def clean(error: object) -> str:
    """Return a client's or server's text on one line, with anything like a token struck out."""
    text, token = " ".join(str(error).split()), None
    with contextlib.suppress(errors.OIDCError, OSError, RuntimeError):  # a token yet to be fetched
        token = get_token()
    return _TOKEN.sub("***", text.replace(token, "***") if token else text)
