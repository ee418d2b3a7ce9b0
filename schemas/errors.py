"""The exceptions that transferz raises on purpose."""

import re

_CREDENTIALS = re.compile(r"(?<=//)[^/\s]*@")


def without_credentials(text: str) -> str:
    """Return a text without user names and passwords in the addresses that it names.

    Examples
    --------
    >>> without_credentials("no answer from https://me:secret@example.org/a.csv")
    'no answer from https://example.org/a.csv'
    """
    return _CREDENTIALS.sub("", text)


class TransferZError(Exception):
    """Base of every error that transferz raises on purpose.

    Its text is one sentence or two for the user: which file, column or parameter, what was
    expected, what was found, and what to do about it. It never repeats a password of an address.
    """

    def __str__(self) -> str:
        return without_credentials(super().__str__())


class InputError(TransferZError):
    """A file that is missing, unreadable or not what it claims to be."""


class SchemaError(TransferZError):
    """A table that breaks its declaration in `transferz.schemas`."""


class ParameterError(TransferZError):
    """A parameter that is unknown, missing or out of its range."""


class ReleaseError(TransferZError):
    """A dataset release that is absent, damaged or not the one asked for."""
