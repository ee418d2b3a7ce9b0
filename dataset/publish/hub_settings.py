"""What the Hub's client reads from the environment when it is imported, checked and set before.

So nothing here imports it. No message repeats an address or a token: either may hold a secret.
"""

import os
from urllib.parse import urlsplit

from transferz.schemas.errors import ParameterError

SCHEMES = ("http", "https")


def prepare(endpoint: str | None) -> None:
    """Check what the client will be told, and tell it.

    Files go by the Hub's plain large file protocol, never by Xet, which the client takes by
    itself where it is installed: releases are of 10 to 100 MB, where Xet saves little, and what
    is promised of uploads that break off is tested with the former.

    Parameters
    ----------
    endpoint : str or None
        The Hub's address; by default that of ``HF_ENDPOINT``, if it is set.

    Raises
    ------
    ParameterError
        If the address or ``HF_TOKEN`` is none that can be sent.
    """
    if endpoint := endpoint or os.environ.get("HF_ENDPOINT"):
        require_endpoint(endpoint)
        os.environ["HF_ENDPOINT"] = endpoint.rstrip("/")
    require_token(os.environ.get("HF_TOKEN", ""), "HF_TOKEN")
    os.environ["HF_HUB_DISABLE_XET"] = "1"


def require_endpoint(endpoint: str) -> None:
    """Check that an address is one that may be used, and shown in messages.

    Raises
    ------
    ParameterError
        If not.
    """
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
    if parts.scheme not in SCHEMES or not host:
        return "has no http:// or https:// with a host after it"
    if "@" in parts.netloc:
        return "holds a user name or password, which do not belong there: log in with a token"
    return "holds more than a host and a path" if parts.query or parts.fragment else ""


def require_token(token: str, name: str) -> None:
    """Check that a token can be sent: printable ASCII, as all of the Hub's are.

    Parameters
    ----------
    token : str
        White space around it and line ends are let pass, the client drops them.
    name : str
        Where it is from, for the message.

    Raises
    ------
    ParameterError
        If not.
    """
    bare = token.replace("\r", "").replace("\n", "").strip()
    if not (bare.isascii() and bare.isprintable()):
        raise ParameterError(
            f"{name} holds a character that is not printable ASCII, as no token of the Hub does: "
            "set it anew"
        )
