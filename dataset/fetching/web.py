"""Requests to the upstream archives: https only, retries with back-off, a mirror.

A server may send too much, too slowly or for ever: what is read has bounds in time and size.
"""

import email.utils
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
import urllib3
from pydantic import Field

from transferz.dataset.pipeline.params import Params
from transferz.schemas import ParameterError
from transferz.schemas.errors import without_credentials
from transferz.schemas.survey.documents import parse_json
from transferz.tables.printing import printable

MIRROR = "TRANSFERZ_MIRROR"
"""Environment variable: ``https://HOST/PATH`` is fetched as ``<its value>/HOST/PATH``."""

CHUNK = 1 << 18  # bytes read at a time, at most
OK, PARTIAL, RANGE_NOT_SATISFIABLE = 200, 206, 416
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
PERMANENT_ERRORS = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.TooManyRedirects,
)
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)

Result = TypeVar("Result")


class TemporaryFailure(Exception):
    """What another attempt may cure; `wait` is how long the server asks to wait, s."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class NoAnswer(TemporaryFailure):
    """Nothing came back: the server, or all of the network, can't be reached from here."""


class PermanentFailure(Exception):
    """What another attempt at the same address will not cure."""


class Retries(Params):
    """How patiently to ask.

    After `attempts` failures in a row an address is given up. The wait after the first failure is
    doubled after each further one up to the maximum. The time-outs are for a connection, and for
    the next bytes; both together for the begin of an answer. No connection may be slower than said
    over the latter time, no answer of an API longer, and no file of unknown size larger.
    """

    attempts: int = Field(ge=1)
    backoff_seconds: float = Field(ge=0)
    backoff_max_seconds: float = Field(ge=0)
    connect_timeout_seconds: float = Field(gt=0)
    read_timeout_seconds: float = Field(gt=0)
    slowest_bytes_per_second: float = Field(ge=0)
    longest_answer_bytes: int = Field(gt=0)
    largest_file_bytes: int = Field(gt=0)


def mirrored(url: str) -> str:
    """Return the address that is asked in place of `url`: the mirror's where one is set.

    A ParameterError says that the mirror is no http(s) address, a `PermanentFailure` that `url` is
    neither https nor the mirror's.
    """
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    host = urllib.parse.urlsplit(mirror).netloc
    if "@" in mirror or (mirror and not (mirror.startswith(("http://", "https://")) and host)):
        raise ParameterError(
            f"environment variable {MIRROR}: expected an address as http://localhost:8000, without "
            "a user name or password (those go into ~/.netrc), found something else; correct or "
            "unset it"
        )
    if mirror and url.startswith(f"{mirror}/"):
        return url
    if not url.startswith("https://"):
        raise PermanentFailure(f"refused to follow an address that is not https: {shown(url)}")
    return f"{mirror}/{url.removeprefix('https://')}" if mirror else url


def shown(url: str) -> str:
    """Return an address as it may be printed: without credentials, and without a query.

    A query may hold a token or a signature.

    Examples
    --------
    >>> shown("https://me:secret@example.org/a.csv?token=secret")
    'https://example.org/a.csv'
    """
    return printable(without_credentials(url).partition("?")[0].partition("#")[0])


class _Session(requests.Session):  # type: ignore[misc]  # seen as untyped, as older ones are
    """Follows redirects to https (or within the mirror) alone."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        return None if target is None else mirrored(urllib.parse.urljoin(resp.url, target))


class Web:
    """Asks servers, as patiently as `retries` says."""

    def __init__(self, retries: Retries) -> None:
        self.retries = retries
        self._session = _Session()
        # The bytes of the file itself are wanted, not compressed on the way.
        self._session.headers.update({"User-Agent": "transferz", "Accept-Encoding": "identity"})

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a response, of status 200, 206 or 416, whose body is read as a stream.

        Raises `NoAnswer` if the connection failed, another `TemporaryFailure` if it broke or the
        server is busy, `PermanentFailure` if it doesn't have the file, or can't be trusted.
        """
        try:
            with self._begin(mirrored(url), headers) as response:
                status = response.status_code
                said = printable(f"the server answered {status} {response.reason}"[:300])
                if status in TEMPORARY:
                    asked = retry_after(response.headers.get("Retry-After", ""))
                    raise TemporaryFailure(said, asked)
                if status not in (OK, PARTIAL, RANGE_NOT_SATISFIABLE):
                    raise PermanentFailure(said)
                yield response
        except PERMANENT_ERRORS as error:
            raise PermanentFailure(_first_line(error)) from error
        except NETWORK_ERRORS as error:
            raise TemporaryFailure(_first_line(error)) from error

    def _begin(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Return an answer whose headers have come.

        The time-outs of a connection start anew with each byte, so another thread waits for it.
        """
        wait = (self.retries.connect_timeout_seconds, self.retries.read_timeout_seconds)
        answers: list[requests.Response | BaseException] = []

        def ask() -> None:
            try:
                answer = self._session.get(url, headers=dict(headers), stream=True, timeout=wait)
            except BaseException as error:  # it is for who waits
                answer = error
            answers.append(answer)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(sum(wait))
        if not answers:
            raise NoAnswer(f"no answer began within {sum(wait):g} s")
        answer = answers[0]
        if isinstance(answer, NETWORK_ERRORS) and not isinstance(answer, PERMANENT_ERRORS):
            reason = str(getattr(next(iter(answer.args), None), "reason", answer))
            said = reason.partition("): ")[2] or reason  # without the connection's own name
            raise NoAnswer(f"no answer: {printable(without_credentials(said[:300]))}") from answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def body(self, response: requests.Response, most: int) -> Iterator[bytes]:
        """Yield the bytes of a body as they were sent, as they come.

        Raises `PermanentFailure` if there are more than `most`, `TemporaryFailure` if they come too
        slowly.
        """
        window, slowest = self.retries.read_timeout_seconds, self.retries.slowest_bytes_per_second
        size, since, came = 0, time.monotonic(), 0
        while data := response.raw.read1(CHUNK, decode_content=False):
            size, came = size + len(data), came + len(data)
            if size > most:
                raise PermanentFailure(f"the server sent more than the {most:,} bytes expected")
            yield data
            passed = time.monotonic() - since
            if passed >= window:
                if came < slowest * passed:
                    raise TemporaryFailure(f"{came:,} bytes came in {passed:.0f} s: too slow")
                since, came = time.monotonic(), 0

    def json(self, url: str) -> Any:
        """Return the content of a JSON answer; a `PermanentFailure` says that there is none."""

        def ask() -> bytes:
            with self.get(url, {}) as response:
                require_plain(response)
                return b"".join(self.body(response, self.retries.longest_answer_bytes))

        try:
            return parse_json(self.persist(ask))
        except ValueError as error:
            raise PermanentFailure(f"the answer is not JSON ({error})") from error

    def persist(
        self, attempt: Callable[[], Result], progressed: Callable[[], bool] = lambda: False
    ) -> Result:
        """Call `attempt` until it succeeds, is refused, or has failed too often in a row.

        It raises `TemporaryFailure` where another attempt is worth while, and `progressed` says
        whether it got somewhere although it failed; the count then starts anew. Raises
        `PermanentFailure` with the last attempt's reason.
        """
        failures = 0
        while True:
            try:
                return attempt()
            except TemporaryFailure as error:
                failures = 1 if progressed() else failures + 1
                if failures >= self.retries.attempts:
                    raise PermanentFailure(f"{error} ({failures} attempts)") from error
                backoff = self.retries.backoff_seconds * 2.0 ** (failures - 1)
                time.sleep(min(max(backoff, error.wait), self.retries.backoff_max_seconds))


def require_plain(response: requests.Response) -> None:
    """Refuse a body that was packed on the way: a few bytes of it could become gigabytes."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        said = printable(encoding[:30])
        raise PermanentFailure(f"the server sent it compressed ({said}) though asked not to")


def retry_after(value: str) -> float:
    """Return the seconds to wait that a header ``Retry-After`` asks for, a number or a date."""
    if value.isdecimal():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(date.timestamp() - time.time(), 0.0)


def _first_line(error: Exception) -> str:
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return printable(without_credentials(said))
