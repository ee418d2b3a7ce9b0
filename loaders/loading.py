"""Load a release in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from transferz.releases import Release, find_release, require_splits, seek_release
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.files import (
    RELEASE_NAME,
    read_manifest,
    require_config,
    require_units,
)
from transferz.schemas.survey.release import CONFIGS
from transferz.tables.hub import Reference, published_manifest

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    Loaded: TypeAlias = DatasetDict | Dataset | IterableDatasetDict | IterableDataset

DEFAULT_CONFIG = CONFIGS[0]


def load_dataset(
    dataset: str = RELEASE_NAME,
    /,
    config: str | None = None,
    split: str | list[str] | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
    version: str | None = None,
    streaming: bool = False,
    **kwargs: Any,
) -> Loaded:
    """Load a TransferZ release as plain Hugging Face datasets.

    The release is the one at `path`; else `version` from the repository on the Hub; else the one
    that ``TRANSFERZ_RELEASE`` names; else the one built in the checkout around the working
    directory; else the newest on the Hub (see `transferz.find_release`). A release from the Hub is
    fetched whole into the cache, checked, and loaded from there. Source and version are said in
    one line on stderr.

    Afterwards ``datasets.load_dataset("transferz")`` works too, anywhere and offline: it gives
    what was last loaded here. Once several configs were loaded, it wants the config's name.

    Parameters
    ----------
    dataset : str
        ``"transferz"``; there so that the call reads as ``datasets.load_dataset`` does.
    config : str, optional
        ``"transferz"`` (default), ``"galaxiesml"``, ``"combo"`` or, in a mock, ``"truth"``.
        ``name=`` is taken too, as ``datasets`` spells it.
    split : str or list of str, optional
        ``"train"``, ``"validation"``, ``"calibration"``, ``"test"``, or what else ``datasets``
        takes, such as ``"train[:10%]"``. All of them by default.
    path : path-like, optional
        A release directory.
    version : str, optional
        Such as ``"1.0.0"``; ``revision="v1.0.0"`` is taken too, as ``datasets`` spells it.
    streaming : bool
        Read rows as they are asked for: of a release on the Hub that is not in the cache, from the
        Hub. It takes whole splits, not slices of them.
    **kwargs
        Passed on to ``datasets.load_dataset``.

    Returns
    -------
    datasets.DatasetDict or datasets.Dataset
        One dataset per split, or one dataset where `split` is a string; iterable ones where
        `streaming`. Columns as `transferz.schemas.survey.release.RELEASE` declares them; see
        `transferz.units` for their units.

    Raises
    ------
    ReleaseError
        Where no finished release is found, it is not the version asked for, it has no such config
        or split, its files are not those of its manifest, `datasets` can't read it, or its columns
        have other units than this package declares.
    ParameterError
        Where `version` is none, `path` is empty, or a slice is to be streamed.

    Examples
    --------
    >>> load_dataset("transferz")  # doctest: +SKIP
    >>> load_dataset("transferz", "combo", split="test")  # doctest: +SKIP
    """
    config = _either("configs", "name", config, kwargs.pop("name", None)) or DEFAULT_CONFIG
    version = _either("versions", "revision", version, kwargs.pop("revision", None))
    if dataset != RELEASE_NAME:
        raise ReleaseError(
            f"transferz.load_dataset loads 'transferz', not '{dataset}'; a release directory goes "
            "in path=, and other datasets are loaded by datasets.load_dataset"
        )
    splits = [] if kwargs.keys() & {"data_files", "data_dir"} else _split_names(split)
    if streaming:
        if "[" in str(split):
            raise ParameterError(
                f"split={split!r} can't be streamed: expected whole splits, such as 'train' or "
                "'train+test'; take rows from the stream by its take and skip, or do not stream"
            )
        return _stream(seek_release(path, version=version), config, split, splits, kwargs)
    release = find_release(path, version=version)
    _check(release, config, splits)
    data = _load(str(release.path), release.path, config, split=split, **kwargs)
    _make_latest(release, config, kwargs)
    return data


def _either(what: str, keyword: str, ours: str | None, theirs: str | None) -> str | None:
    """Return what was given under our keyword or under that of `datasets`, but not under both."""
    if ours is not None and theirs is not None and ours != theirs:
        raise ReleaseError(f"two {what} asked for: '{ours}' and {keyword}='{theirs}'; give one")
    return ours or theirs


def _split_names(split: object) -> list[str]:
    """List the splits that an expression such as ``"train[:10%]+test"`` names."""
    if isinstance(split, list | tuple):
        return [name for part in split for name in _split_names(part)]
    if not isinstance(split, str):  # None, or an instruction object that datasets checks
        return []
    names = (part.split("[")[0].split("(")[0].strip() for part in split.split("+"))
    return [name for name in names if name != "all"]


def _check(release: Release, config: str, splits: list[str], *, streaming: bool = False) -> None:
    """Check what `datasets` will read; all of it where it is read later, by the user's loop."""
    release.require(config, splits)
    manifest = read_manifest(release.path)
    require_units(manifest, str(release.path))
    require_config(release.path, manifest, config, digests=streaming)
    release.announce()


def _stream(
    release: Release | Reference, config: str, split: Any, splits: list[str], kwargs: dict[str, Any]
) -> Loaded:
    wanted = {"split": split, "streaming": True} | kwargs
    if isinstance(release, Release):
        _check(release, config, splits, streaming=True)
        return _load(str(release.path), release.path, config, **wanted)
    manifest, commit = published_manifest(release)
    require_splits(manifest.get("content", {}), config, splits, str(release))
    require_units(manifest, str(release))
    sys.stderr.write(f"transferz {release.version} streamed from {release} on the Hub\n")
    return _load(release.repo, release, config, revision=commit, **wanted)


def _load(place: str, named: Path | Reference, config: str, **kwargs: Any) -> Loaded:
    import datasets  # takes about a second: only when a load is asked for
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError
    from yaml import YAMLError

    try:
        return datasets.load_dataset(place, config, **kwargs)
    except (DatasetsError, ValueError, OSError, YAMLError) as error:
        cause = error.__cause__ or error
        reason = " ".join(str(cause).split())  # YAML's has several lines
        if isinstance(cause, HfHubHTTPError):  # its text has addresses, which may be signed
            reason = type(cause).__name__
        raise ReleaseError(
            f"datasets can't load config '{config}' of {named}: {reason}; check the arguments, and "
            f"if a file is damaged 'transferz verify {named}' names it: build or fetch the release "
            "again"
        ) from error


def _make_latest(release: Release, config: str, kwargs: dict[str, Any]) -> None:
    """Mark what was loaded as the newest in the cache of `datasets`.

    By the bare name and offline ``datasets`` takes the directory changed last (see its
    ``packaged_modules/cache``): without this, the release that was *prepared* last.
    """
    import inspect

    import datasets

    of_load, of_builder = (
        set(inspect.signature(function).parameters)
        for function in (datasets.load_dataset, datasets.load_dataset_builder)
    )
    passed_over = {*(of_load - of_builder), "trust_remote_code"}  # the latter is named by neither
    wanted = {name: value for name, value in kwargs.items() if name not in passed_over}
    builder = datasets.load_dataset_builder(str(release.path), config, **wanted)
    if Path(builder.cache_dir).is_dir():
        os.utime(builder.cache_dir)
