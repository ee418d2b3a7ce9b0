"""Requests to the upstream archives: https only, time-outs, retries with back-off, a mirror."""

import email.utils
import json
import os
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

MIRROR = "TRANSFERZ_MIRROR"
"""Environment variable: ``https://HOST/PATH`` is fetched as ``<its value>/HOST/PATH``."""

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


class PermanentFailure(Exception):
    """What another attempt at the same address will not cure."""


class Retries(Params):
    """How patiently to ask.

    After `attempts` failures in a row an address is given up. The wait after the first failure is
    doubled after each further one up to the maximum. The time-outs are for a connection, and for
    the next bytes.
    """

    attempts: int = Field(ge=1)
    backoff_seconds: float = Field(ge=0)
    backoff_max_seconds: float = Field(ge=0)
    connect_timeout_seconds: float = Field(gt=0)
    read_timeout_seconds: float = Field(gt=0)


def mirrored(url: str) -> str:
    """Return the address that is asked in place of `url`: the mirror's where one is set.

    A ParameterError says that the mirror is no http(s) address, a `PermanentFailure` that `url` is
    neither https nor the mirror's.
    """
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if mirror and not mirror.startswith(("http://", "https://")):
        raise ParameterError(
            f"environment variable {MIRROR}: expected an address as http://localhost:8000, "
            f"found '{mirror}'; correct or unset it"
        )
    if mirror and url.startswith(f"{mirror}/"):
        return url
    if not url.startswith("https://"):
        raise PermanentFailure(f"refused to follow an address that is not https: {url}")
    return f"{mirror}/{url.removeprefix('https://')}" if mirror else url


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

        Raises `TemporaryFailure` if the connection failed or broke, or the server is busy;
        `PermanentFailure` if it doesn't have the file, or the answer can't be trusted.
        """
        wait = (self.retries.connect_timeout_seconds, self.retries.read_timeout_seconds)
        try:
            with self._session.get(
                mirrored(url), headers=dict(headers), stream=True, timeout=wait
            ) as response:
                status = response.status_code
                said = f"the server answered {status} {response.reason}"
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

    def json(self, url: str) -> Any:
        """Return the content of a JSON answer; a `PermanentFailure` says that there is none."""

        def ask() -> bytes:
            with self.get(url, {}) as response:
                return response.content

        try:
            return json.loads(self.persist(ask))
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
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
