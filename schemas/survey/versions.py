"""Versions of a release: how they are written, ordered and tagged."""

import re
from dataclasses import dataclass

from transferz.schemas.errors import ParameterError

MOCK = "mock"
_VERSION = re.compile(rf"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:\+({MOCK}))?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """``major.minor.patch`` of a release, by Croissant's rule; a mock's ends in ``+mock``.

    MAJOR: rows changed, dropped or moved; MINOR: additions; PATCH: the same data.
    """

    major: int
    minor: int
    patch: int
    mock: bool = False

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version as it is written; `ParameterError` if it is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ParameterError(
                f"'{text}' is no version of a release; write it as 1.0.0, a mock's as 1.0.0+{MOCK}"
            )
        major, minor, patch, mock = match.groups()
        return cls(int(major), int(minor), int(patch), mock is not None)

    @classmethod
    def of_tag(cls, tag: str) -> "Version | None":
        """Read the version that a repository's tag stands for; None if it stands for none."""
        match = _VERSION.fullmatch(tag.removeprefix("v"))
        return cls.parse(match[0]) if match and tag.startswith("v") else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"+{MOCK}" if self.mock else "")

    @property
    def tag(self) -> str:
        """The tag of the release in a repository, such as ``v1.0.0``."""
        return f"v{self}"
