"""The headers by which a download goes on where it broke off (RFC 9110, sections 13 and 14)."""

import re

import requests


def range_headers(offset: int, validator: str) -> dict[str, str]:
    """Return the headers that ask for all bytes from `offset` on, if the file is still the same."""
    if not offset:
        return {}
    headers = {"Range": f"bytes={offset}-"}
    return headers | {"If-Range": validator} if validator else headers


def current_validator(response: requests.Response) -> str:
    """Return what If-Range may carry: a strong ETag, else the date of the last change.

    That the date is precise enough to tell versions of these files apart is our assumption.
    """
    tag = response.headers.get("ETag", "")
    strong = tag if tag.startswith('"') else ""
    return strong or response.headers.get("Last-Modified", "")


def content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return first byte and total size from ``bytes 5-9/10`` or ``bytes */10``."""
    value = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", value)
    if match is None:
        return None, None
    start, total = match.groups()
    return int(start) if start else None, int(total) if total != "*" else None
