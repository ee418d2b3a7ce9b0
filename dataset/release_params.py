"""Section ``release`` of params.yaml: what a release is called and what it follows."""

import datetime

from pydantic import Field, field_validator

from transferz.dataset.params import Params


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
        with nothing.
    """

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    date: str
    previous: str | None = Field(default=None, min_length=1)

    @field_validator("date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return datetime.date.fromisoformat(value).isoformat()
