"""Load a release in one line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from transferz.releases import Release, find_release
from transferz.schemas.errors import ReleaseError
from transferz.schemas.files import RELEASE_NAME

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

DEFAULT_CONFIG = "transferz"


def load_dataset(
    dataset: str = RELEASE_NAME,
    /,
    config: str | None = None,
    split: str | list[str] | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
    **kwargs: Any,
) -> DatasetDict | Dataset:
    """Load a TransferZ release as plain Hugging Face datasets.

    The release is the one at `path`, else at ``TRANSFERZ_RELEASE``, else the one built in the
    checkout around the working directory (see `transferz.find_release`). Its source and version
    are said in one line on stderr, once per process.

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
    **kwargs
        Passed on to ``datasets.load_dataset``.

    Returns
    -------
    datasets.DatasetDict or datasets.Dataset
        One dataset per split, or one dataset where `split` is a string. Columns as
        `transferz.schemas.release.RELEASE` declares them.

    Raises
    ------
    ReleaseError
        Where no finished release is found, or it has no such config or split.

    Examples
    --------
    >>> load_dataset("transferz")  # doctest: +SKIP
    >>> load_dataset("transferz", "combo", split="test")  # doctest: +SKIP
    """
    config = _config(config, kwargs.pop("name", None))
    if dataset != RELEASE_NAME:
        raise ReleaseError(
            f"transferz.load_dataset loads 'transferz', not '{dataset}'; a release directory goes "
            "in path=, and other datasets are loaded by datasets.load_dataset"
        )
    release = find_release(path)
    release.require(config, _split_names(split))
    release.announce()
    return _load(release, config, split, kwargs)


def _config(config: str | None, name: str | None) -> str:
    if config is not None and name is not None and config != name:
        raise ReleaseError(f"two configs asked for: '{config}' and name='{name}'; give one")
    return config or name or DEFAULT_CONFIG


def _split_names(split: object) -> list[str]:
    """List the splits that an expression such as ``"train[:10%]+test"`` names."""
    if isinstance(split, list | tuple):
        return [name for part in split for name in _split_names(part)]
    if not isinstance(split, str):  # None, or an instruction object that datasets checks
        return []
    names = (part.split("[")[0].split("(")[0].strip() for part in split.split("+"))
    return [name for name in names if name != "all"]


def _load(
    release: Release, config: str, split: str | list[str] | None, kwargs: dict[str, Any]
) -> DatasetDict | Dataset:
    import datasets  # takes about a second: only when a load is asked for
    from datasets.exceptions import DatasetsError

    try:
        return datasets.load_dataset(str(release.path), config, split=split, **kwargs)
    except DatasetsError as error:
        reason = error.__cause__ or error
        raise ReleaseError(
            f"datasets can't load config '{config}' of {release.path}: {reason}; "
            "the release is damaged or unfinished: run 'make repro'"
        ) from error
