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


class Temporary(Exception):
    """What another attempt may cure; `wait` is how long the server asks to wait, s."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Refused(Exception):
    """What another attempt at the same address will not cure."""


class Retries(Params):
    """How patiently to ask.

    Attributes
    ----------
    attempts : int
        Failures in a row after which an address is given up.
    backoff_seconds, backoff_max_seconds : float
        Wait after the first failure, doubled after each further one up to the maximum.
    connect_timeout_seconds, read_timeout_seconds : float
        How long to wait for a connection, and for the next bytes.
    """

    attempts: int = Field(ge=1)
    backoff_seconds: float = Field(ge=0)
    backoff_max_seconds: float = Field(ge=0)
    connect_timeout_seconds: float = Field(gt=0)
    read_timeout_seconds: float = Field(gt=0)


def mirrored(url: str) -> str:
    """Return the address that is asked in place of `url`: the mirror's where one is set.

    Raises
    ------
    ParameterError
        If the mirror is no http(s) address.
    """
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if not mirror or url.startswith(f"{mirror}/"):
        return url
    if not mirror.startswith(("http://", "https://")):
        raise ParameterError(
            f"environment variable {MIRROR}: expected an address as http://localhost:8000, "
            f"found '{mirror}'; correct or unset it"
        )
    return f"{mirror}/{url.split('://', 1)[-1]}"


def _require_https(url: str) -> None:
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if not url.startswith("https://") and not (mirror and url.startswith(f"{mirror}/")):
        raise Refused(f"refused to follow an address that is not https: {url}")


class _Session(requests.Session):  # type: ignore[misc]  # seen as untyped, as older ones are
    """Follows redirects to https (or within the mirror) alone."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        absolute = urllib.parse.urljoin(resp.url, target)
        _require_https(absolute)
        return mirrored(absolute)


class Web:
    """Asks servers, `retries` times over.

    Parameters
    ----------
    retries : Retries
        How patiently.
    """

    def __init__(self, retries: Retries) -> None:
        self.retries = retries
        self._session = _Session()
        # The bytes of the file itself are wanted, not compressed on the way.
        self._session.headers.update({"User-Agent": "transferz", "Accept-Encoding": "identity"})

    def hasty(self) -> "Web":
        """Return one that asks but once."""
        return Web(self.retries.model_copy(update={"attempts": 1}))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Open a response whose body is read as a stream.

        Parameters
        ----------
        url : str
            An https address.
        headers : mapping
            Further request headers.

        Yields
        ------
        requests.Response
            With status 200, 206 or 416.

        Raises
        ------
        Temporary
            If the connection failed or broke, or the server is busy.
        Refused
            If it doesn't have the file, or the answer can't be trusted.
        """
        _require_https(url)
        wait = (self.retries.connect_timeout_seconds, self.retries.read_timeout_seconds)
        try:
            with self._session.get(
                mirrored(url), headers=dict(headers), stream=True, timeout=wait
            ) as response:
                _require_answer(response)
                yield response
        except PERMANENT_ERRORS as error:
            raise Refused(_first_line(error)) from error
        except NETWORK_ERRORS as error:
            raise Temporary(_first_line(error)) from error

    def json(self, url: str) -> Any:
        """Return the content of a JSON answer.

        Raises
        ------
        Refused
            If it can't be had, or is no JSON.
        """

        def ask() -> bytes:
            with self.get(url, {}) as response:
                return response.content

        try:
            return json.loads(self.persist(ask))
        except ValueError as error:
            raise Refused(f"the answer is not JSON ({error})") from error

    def persist(
        self, attempt: Callable[[], Result], progressed: Callable[[], bool] = lambda: False
    ) -> Result:
        """Call `attempt` until it succeeds, is refused, or has failed too often in a row.

        Parameters
        ----------
        attempt : callable
            Raises `Temporary` where another attempt is worth while.
        progressed : callable
            Whether the last attempt got somewhere although it failed; the count then starts anew.

        Returns
        -------
        object
            What `attempt` returned.

        Raises
        ------
        Refused
            With the last attempt's reason.
        """
        failures = 0
        while True:
            try:
                return attempt()
            except Temporary as error:
                failures = 1 if progressed() else failures + 1
                if failures >= self.retries.attempts:
                    raise Refused(f"{error} ({failures} attempts)") from error
                time.sleep(self._pause(failures, error.wait))

    def _pause(self, failures: int, asked: float) -> float:
        backoff = self.retries.backoff_seconds * 2.0 ** (failures - 1)
        return min(max(backoff, asked), self.retries.backoff_max_seconds)


def _require_answer(response: requests.Response) -> None:
    status = response.status_code
    if status in (OK, PARTIAL, RANGE_NOT_SATISFIABLE):
        return
    said = f"the server answered {status} {response.reason}"
    if status in TEMPORARY:
        raise Temporary(said, _retry_after(response.headers.get("Retry-After", "")))
    raise Refused(said)


def _retry_after(value: str) -> float:
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
