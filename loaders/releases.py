"""Where a dataset release is, and what it says it is."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferz.schemas.errors import ReleaseError
from transferz.schemas.files import MANIFEST_FILE, RELEASE_NAME, data_files

RELEASE_VARIABLE = "TRANSFERZ_RELEASE"
"""Environment variable that names a release directory."""

SURVEYS = ("cosmos2020", "authors", "mock")  # real before mock

_announced: set[tuple[Path, str]] = set()


@dataclass(frozen=True, slots=True)
class Release:
    """A finished release on this machine.

    Attributes
    ----------
    path : Path
        Its directory, absolute.
    version : str
        As its manifest says, e.g. ``"1.0.0"``, or ``"1.0.0+mock"`` for a mock.
    survey : str
        What it was derived from: ``"mock"``, ``"authors"`` or ``"cosmos2020"``.
    mock : bool
        Whether its galaxies are simulated.
    """

    path: Path
    version: str
    survey: str
    mock: bool

    def __str__(self) -> str:
        kind = "MOCK galaxies, not real ones" if self.mock else f"survey {self.survey}"
        return f"transferz {self.version} ({kind}) from {self.path}"

    def files(self) -> dict[str, dict[str, list[Path]]]:
        """List the parquet files of every config and split.

        Returns
        -------
        dict
            config -> split -> files in shard order; configs and splits in the card's order.
        """
        return data_files(self.path)

    def require(self, config: str, splits: Iterable[str] = ()) -> dict[str, list[Path]]:
        """Check that a config and its splits are here.

        Returns
        -------
        dict
            split -> files, of the whole config.

        Raises
        ------
        ReleaseError
            Where one is not; the message lists those that are.
        """
        configs = self.files()
        if config not in configs:
            there = ", ".join(configs) or "none"
            raise ReleaseError(f"{self.path} has no config '{config}'; it has: {there}")
        for split in splits:
            if split not in configs[config]:
                there = ", ".join(configs[config])
                raise ReleaseError(
                    f"config '{config}' of {self.path} has no split '{split}'; it has: {there}"
                )
        return configs[config]

    def announce(self) -> None:
        """Say source and version in one line on stderr, once per release and process."""
        if (self.path, self.version) not in _announced:
            _announced.add((self.path, self.version))
            sys.stderr.write(f"{self}\n")


def find_release(path: str | os.PathLike[str] | None = None) -> Release:
    """Find the release to use.

    Looked at in this order: `path`; the directory that the environment variable
    ``TRANSFERZ_RELEASE`` names; the release built in the checkout of the project that the
    working directory lies in, a real survey before the mock.

    Parameters
    ----------
    path : path-like, optional
        A release directory, named ``transferz``.

    Raises
    ------
    ReleaseError
        Where there is none, or what is there is not a finished release.
    """
    if path is not None:
        return read_release(Path(path))
    if variable := os.environ.get(RELEASE_VARIABLE):
        return read_release(Path(variable))
    if (built := _built_release(Path.cwd())) is not None:
        return read_release(built)
    raise ReleaseError(
        f"no transferz release found: path= and {RELEASE_VARIABLE} are not set, and {Path.cwd()} "
        "is in no checkout of the project with a built release; run 'make repro' in a checkout, "
        f"or point path= or {RELEASE_VARIABLE} at a release directory"
    )


def read_release(directory: Path) -> Release:
    """Read what the release in a directory says it is.

    Raises
    ------
    ReleaseError
        Where the directory is missing, misnamed, unfinished, or its manifest can't be read.
    """
    directory = Path(os.path.abspath(directory.expanduser()))  # noqa: PTH100 (links stay: their name counts)
    if not directory.is_dir():
        raise ReleaseError(f"{directory} is not a directory; expected a transferz release")
    manifest = _read_manifest(directory)
    if directory.name != RELEASE_NAME:
        raise ReleaseError(
            f"the release directory {directory} must be called '{RELEASE_NAME}', because datasets "
            "caches by that name: rename it or link to it under that name"
        )
    try:
        return Release(
            directory, str(manifest["version"]), str(manifest["survey"]), bool(manifest["mock"])
        )
    except KeyError as missing:
        raise ReleaseError(
            f"{directory / MANIFEST_FILE} has no entry {missing}: not a transferz release manifest"
        ) from None


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST_FILE
    if not path.is_file():
        raise ReleaseError(
            f"{directory} is an unfinished release, or none: it has no {MANIFEST_FILE}; "
            "run 'make repro'"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} can't be read as JSON: {error}; run 'make repro'") from None
    if not isinstance(manifest, dict):
        raise ReleaseError(f"{path} holds no JSON object: not a transferz release manifest")
    return manifest


def _built_release(start: Path) -> Path | None:
    """Look for the release built in the checkout that holds `start`."""
    for folder in (start, *start.parents):
        if _is_checkout(folder):
            places = (folder / "data" / name / "release" / RELEASE_NAME for name in SURVEYS)
            return next((place for place in places if place.is_dir()), None)
    return None


def _is_checkout(folder: Path) -> bool:
    """Whether `folder` holds this project's pipeline, and not some other project's."""
    pipeline = folder / "dvc.yaml"
    try:
        return (folder / "params.yaml").is_file() and "transferz.dataset" in pipeline.read_text(
            encoding="utf-8"
        )
    except (OSError, UnicodeDecodeError):
        return False
