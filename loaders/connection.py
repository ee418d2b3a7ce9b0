"""Talking to the Hub: its client's many errors as two."""

import contextlib
from collections.abc import Iterator

from transferz.schemas.errors import ReleaseError


class Unreachable(ReleaseError):
    """The Hub did not answer; the text says why."""


@contextlib.contextmanager
def asking(repo: str) -> Iterator[None]:
    """Turn the client's errors about a repository into ours.

    None of their text is passed on, lest a token be in it.

    Raises
    ------
    ReleaseError
        Where the Hub answered, and the answer is no.
    Unreachable
        Where it did not answer, or not as a working server does.
    """
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise ReleaseError(
            f"the Hub has no dataset repository '{repo}' that you may read: check the name, or, if "
            "it is private, log in with 'hf auth login' or set HF_TOKEN"
        ) from None
    except errors.HfHubHTTPError as error:
        raise _refused(repo, error.response.status_code) from None
    except errors.OfflineModeIsEnabled:
        raise Unreachable("the Hub is not asked, because HF_HUB_OFFLINE is set") from None
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]  # the transport's
        if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
            raise  # the disk's, not the connection's
        raise Unreachable(f"the Hub can't be reached ({type(error).__name__})") from None


def _refused(repo: str, status: int) -> Exception:
    if status >= 500:
        return Unreachable(f"the Hub answered with status {status}")
    if status == 404:
        return ReleaseError(f"a file is missing in '{repo}': it holds no whole release there")
    return ReleaseError(
        f"the Hub refused a request for '{repo}' with status {status}: check HF_TOKEN and "
        "HF_ENDPOINT"
    )
