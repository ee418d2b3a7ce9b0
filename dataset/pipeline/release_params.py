"""Section ``release`` of params.yaml: what a release is called and what it follows."""

import datetime
from pathlib import Path

from pydantic import field_validator

from transferz.dataset.pipeline.params import Params
from transferz.schemas import TransferZError
from transferz.schemas.survey.versions import Version
from transferz.tables.hub import parse_reference


class ReleaseParams(Params):
    """Section ``release`` of params.yaml.

    Attributes
    ----------
    version : str
        ``x.y.z``, by Croissant's rule.
    date : str
        Of the release, ``YYYY-MM-DD``.
    previous : str or None
        The release to compare with: a directory, or ``org/name@x.y.z`` on the Hub. None compares
        with nothing. It decides whether the version will do, and nothing of what is written.
    """

    version: str
    date: str
    previous: str | None = None

    @field_validator("version")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        try:
            version = Version.parse(value)
        except TransferZError as error:
            raise ValueError(str(error)) from None
        if version.mock:
            raise ValueError("a mock gets '+mock' by itself")
        return value

    @field_validator("date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return datetime.date.fromisoformat(value).isoformat()

    @field_validator("previous")
    @classmethod
    def _is_a_release(cls, value: str | None) -> str | None:
        if value is None or _is_directory(value) or _names_a_version(value):
            return value
        raise ValueError(
            "expected a directory that is there, or a release on the Hub with its version, as in "
            "org/name@1.0.0, or null to compare with nothing"
        )


def _is_directory(text: str) -> bool:
    return bool(text) and Path(text).expanduser().is_dir()


def _names_a_version(text: str) -> bool:
    """Whether a text is ``org/name@x.y.z``; the newest version is another one on another day."""
    try:
        return parse_reference(text).version is not None
    except TransferZError:
        return False
