"""Where a dataset release is, and what it says it is."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.described import ROLE_WORDS, Band, bands_of, configs_of
from transferz.schemas.survey.files import (
    MANIFEST_FILE,
    RELEASE_NAME,
    Version,
    by_preference,
    is_mock_name,
    named_files,
    read_manifest,
    require_intact,
    require_listed,
    require_units,
)
from transferz.tables.hub import Fetched, Reference, download, look_up
from transferz.tables.hub_client import Token

RELEASE_VARIABLE = "TRANSFERZ_RELEASE"
"""Environment variable that names a release directory."""

TRANSFERZ_REPO: str | None = None
"""The repository on the Hub that releases are taken from; None until one is published. The
environment variable of this name goes before it."""


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
        What it was derived from, such as ``"mock"`` or ``"cosmos2020"``.
    mock : bool
        Whether its galaxies are simulated.
    origin : str
        Where it was fetched from; empty where it was not.

    Examples
    --------
    >>> release = find_release()
    >>> release.mock, [band.name for band in release.bands()]
    (True, ['g', 'r', 'i', 'z', 'y'])
    """

    path: Path
    version: str
    survey: str
    mock: bool
    origin: str = ""

    def __str__(self) -> str:
        kind = "MOCK galaxies, not real ones" if self.mock else f"survey {self.survey}"
        return f"transferz {self.version} ({kind}) from {self.origin or self.path}"

    @property
    def kind(self) -> str:
        """Which survey it is of, or that it is a mock, in words."""
        return "a mock" if self.mock else f"survey {self.survey}"

    def manifest(self) -> dict[str, Any]:
        """Read all that it says of itself; a ReleaseError says that it can't be read."""
        return read_manifest(self.path)

    def bands(self) -> tuple[Band, ...]:
        """Return its bands, blue to red."""
        return bands_of(self.manifest())

    def configs(self) -> dict[str, str]:
        """Return which config plays which role: ``label``, ``spectroscopic``, ``union``, ``truth``.

        Roles that no config plays are not there.
        """
        return configs_of(self.manifest())

    def config(self, role: str, why: str) -> str:
        """Return the config that plays a role; where none does, a ReleaseError says `why`."""
        configs = self.configs()
        if role not in configs:
            held = ", ".join(f"{name} ({ROLE_WORDS[has]})" for has, name in configs.items())
            raise ReleaseError(
                f"{self.path} has no config of {ROLE_WORDS[role]} (role '{role}'), which {why}; "
                f"it has: {held or 'none'}{self.elsewhere(lambda other: role in other.configs())}",
                path="--release",
            )
        return configs[role]

    def files(self) -> dict[str, dict[str, list[Path]]]:
        """List the data files that the manifest names: config -> split -> files in shard order."""
        return {
            config: {split: [self.path / name for name in names] for split, names in splits.items()}
            for config, splits in config_files(self.manifest()).items()
        }

    def require(self, config: str, splits: Iterable[str] = ()) -> dict[str, list[Path]]:
        """Return the files of a config by split, if it and these splits are here.

        Else a ReleaseError lists those that are.
        """
        configs = self.files()
        if config not in configs:
            other = self.elsewhere(lambda other: config in other.files())
            raise ReleaseError(f"{_no_config(configs, config, self.path)}{other}", path="--release")
        require_splits(configs, config, splits, str(self.path))
        return configs[config]

    def beside(self) -> list["Release"]:
        """List the other releases built in the same checkout, in the order they are chosen in."""
        found = []
        for checkout in filter(_is_checkout, self.path.parents[3:4]):
            for place in _releases_built(checkout):
                with contextlib.suppress(ReleaseError):  # what is wrong with that is its own matter
                    found += [read_release(place)] if place != self.path else []
        return found

    def elsewhere(self, has: Callable[["Release"], bool]) -> str:
        """Say how to choose the release, built in the same checkout, that has what this lacks."""
        for other in self.beside():
            with contextlib.suppress(ReleaseError):
                if has(other):
                    return (
                        f"; {other.path} ({other.kind}), built in this checkout too, has one: "
                        f"choose it by path= or {RELEASE_VARIABLE}"
                    )
        return ""

    def checked(self, config: str, splits: Iterable[str] = ()) -> dict[str, list[Path]]:
        """Return the files of a config by split, as `require` does, once they have been checked.

        Every read of a release goes through here. A ReleaseError says that the columns are in
        other units than this package declares, that the config's folder holds other files than the
        manifest names, or that a file of these splits, by default of all, has other bytes.
        """
        files, manifest = self.require(config, splits), self.manifest()
        require_units(manifest, str(self.path))
        require_listed(self.path, manifest, config)
        chosen = (path for split in splits or files for path in files[split])
        require_intact(self.path, chosen, manifest)
        return files

    def announce(self) -> None:
        """Say source and version in one line on stderr."""
        sys.stderr.write(f"{self}\n")


def config_files(manifest: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """List the data files that a manifest names as `named_files` does, configs in roles' order."""
    listed = named_files(manifest.get("files", {}))
    first = [name for name in configs_of(manifest).values() if name in listed]
    return {name: listed[name] for name in dict.fromkeys([*first, *listed])}


def require_splits(
    configs: Mapping[str, Iterable[str]], config: str, splits: Iterable[str], place: str
) -> None:
    """Check that a release has a config and splits; else an error lists those that it has.

    `configs` holds the splits of each config; `place` is the release's name in messages.
    """
    if config not in configs:
        raise ReleaseError(_no_config(configs, config, place))
    for split in splits:
        if split not in configs[config]:
            listed = ", ".join(configs[config])
            raise ReleaseError(
                f"config '{config}' of {place} has no split '{split}'; it has: {listed}"
            )


def _no_config(configs: Iterable[str], config: str, place: str | Path) -> str:
    return f"{place} has no config '{config}'; it has: {', '.join(configs) or 'none'}"


def find_release(
    path: str | os.PathLike[str] | None = None, *, version: str | None = None
) -> Release:
    """Find the release to use, and fetch it where it is on the Hub.

    Looked at in this order: `path`; the repository on the Hub, where `version` is given; the
    directory that the environment variable ``TRANSFERZ_RELEASE`` names; the release built in the
    checkout of the project that the working directory lies in, a real survey before the mock; the
    newest version in the repository on the Hub. The repository is the one that the environment
    variable ``TRANSFERZ_REPO`` names, as ``org/name``.

    Parameters
    ----------
    path : str or PathLike, optional
        A release directory; empty is an error, not the working directory.
    version : str, optional
        Such as ``"1.0.0"``. With `path`, or where no repository is known, the release found must
        be that version.

    Raises
    ------
    ReleaseError
        Where there is none, it is another version, or what is there is not a finished release.
    ParameterError
        Where `version` is none, or `path` is empty.

    Examples
    --------
    >>> release = find_release()  # or find_release("data/mock/release/transferz")
    >>> release.survey, release.configs()["spectroscopic"]
    ('mock', 'galaxiesml')
    """
    release = seek_release(path, version=version)
    return release if isinstance(release, Release) else fetch_release(release)


def fetch_release(reference: Reference, *, token: Token = None) -> Release:
    """Fetch a release that `seek_release` found on the Hub."""
    return _fetched(download(reference, token=token))


def seek_release(
    path: str | os.PathLike[str] | None = None,
    *,
    version: str | None = None,
    token: Token = None,
) -> Release | Reference:
    """Find the release to use as `find_release` does, but do not fetch it.

    Returns a Reference where it is on the Hub and not yet here.
    """
    wanted = Version.parse(str(version).removeprefix("v")) if version else None
    repo = os.environ.get("TRANSFERZ_REPO") or TRANSFERZ_REPO
    local = release_at(path) if path is not None else None
    if local is None and not (wanted and repo):
        named = os.environ.get(RELEASE_VARIABLE)
        directory = Path(named) if named else _built_release(Path.cwd())
        local = read_release(directory) if directory else None
    if local is not None and wanted is not None and local.version != str(wanted):
        raise ReleaseError(
            f"version {wanted} is asked for, and {local.path} holds {local.version}; drop "
            "version= to load that, or set TRANSFERZ_REPO to org/name to load a published version",
            version="--version",
        )
    if local is not None:
        return local
    if repo is None:
        raise ReleaseError(
            f"no transferz release found: path= and {RELEASE_VARIABLE} are not set, {Path.cwd()} "
            "is in no checkout of the project with a built release, and no repository on the Hub "
            "is known; run 'make repro' in a checkout, point path= or "
            f"{RELEASE_VARIABLE} at a release directory, or set TRANSFERZ_REPO to org/name",
            path="--release",
        )
    published = look_up(Reference(repo, wanted), token=token)
    return _fetched(published) if isinstance(published, Fetched) else published


def _fetched(fetched: Fetched) -> Release:
    return replace(read_release(fetched.path), origin=str(fetched))


def release_at(place: Release | str | os.PathLike[str]) -> Release:
    """Read the release in a directory that a user named; a `Release` comes back as it is."""
    if isinstance(place, Release):
        return place
    if not os.fspath(place):
        raise ParameterError(
            "the release directory's name is empty; give its path, or '.' for the working directory"
        )
    return read_release(Path(place))


def read_release(directory: Path) -> Release:
    """Read what the release in a directory says it is.

    A ReleaseError says that the directory is missing or unfinished, or that its manifest can't be
    read.
    """
    directory = Path(os.path.abspath(directory.expanduser()))  # noqa: PTH100 (links stay as named)
    if not directory.is_dir():
        raise ReleaseError(f"{directory} is not a directory; expected a transferz release")
    manifest = read_manifest(directory)
    return Release(directory, manifest["version"], manifest["survey"], manifest["mock"])


def _built_release(start: Path) -> Path | None:
    """Look for the first finished release built in the checkout that holds `start`."""
    checkout = next((folder for folder in (start, *start.parents) if _is_checkout(folder)), None)
    if checkout is None:
        return None
    begun = _releases_built(checkout)
    finished = [place for place in begun if (place / MANIFEST_FILE).is_file()]
    if begun and not finished:
        raise ReleaseError(
            f"{begun[0]} is an unfinished release: it has no {MANIFEST_FILE}; "
            f"run 'make repro SURVEY={begun[0].parts[-3]}'"
        )
    return next(iter(finished), None)


def _releases_built(checkout: Path) -> list[Path]:
    """List the releases in a checkout, finished or not, in the order in which they are chosen."""
    built = (path.parts[-3] for path in checkout.glob(f"data/*/release/{RELEASE_NAME}"))
    names = by_preference({name: is_mock_name(name) for name in built})
    places = [checkout / "data" / name / "release" / RELEASE_NAME for name in names]
    return [place for place in places if place.is_dir()]


def _is_checkout(folder: Path) -> bool:
    """Whether `folder` holds this project's pipeline, and not some other project's."""
    pipeline = folder / "dvc.yaml"
    try:
        return (folder / "params.yaml").is_file() and "transferz.dataset" in pipeline.read_text(
            encoding="utf-8"
        )
    except (OSError, UnicodeDecodeError):
        return False
