"""Load a release in one line."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from transferz.releases import (
    Release,
    config_files,
    fetch_release,
    require_splits,
    seek_release,
)
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.described import default_config
from transferz.schemas.survey.files import RELEASE_NAME, json_text, require_units
from transferz.tables.hub import Reference, published_manifest
from transferz.tables.hub_client import require_token

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    Loaded: TypeAlias = DatasetDict | Dataset | IterableDatasetDict | IterableDataset

DESCRIBED = "transferz release: "
"""How the description of a dataset begins that says what its release says of itself."""

TRAVELLING = ("columns", "bands", "configs")
"""Entries of the manifest that travel with a dataset, as JSON in its description."""


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
        Such as ``"transferz"``, ``"galaxiesml"``, ``"combo"`` or, in a mock, ``"truth"``; by
        default that of the labels measured with many bands, else the first there. ``name=`` is
        taken too, as ``datasets`` spells it.
    split : str or list of str, optional
        ``"train"``, ``"validation"``, ``"calibration"``, ``"test"``, or what else ``datasets``
        takes, such as ``"train[:10%]"``. All of them by default.
    path : str or PathLike, optional
        A release directory.
    version : str, optional
        Such as ``"1.0.0"``; ``revision="v1.0.0"`` is taken too, as ``datasets`` spells it.
    streaming : bool
        Read rows as they are asked for: of a release on the Hub that is not in the cache, from the
        Hub. It takes whole splits, not slices of them.
    **kwargs
        What else ``datasets.load_dataset`` takes, but for ``data_files`` and ``data_dir``: rows
        come from the files that the release's manifest names. A ``token`` is used to fetch, too.

    Returns
    -------
    datasets.DatasetDict or datasets.Dataset
        One dataset per split, or one dataset where `split` is a string; iterable ones where
        `streaming`. Columns as the release's manifest states them; see `transferz.units` for their
        units.

    Raises
    ------
    ReleaseError
        Where no finished release is found, it is not the version asked for, it has no such config
        or split, its files are not those of its manifest, `datasets` can't read it, or its columns
        have other units than this package declares.
    ParameterError
        Where `version` is none, `path` is empty, a slice is to be streamed, or files are named.

    Examples
    --------
    >>> sorted(load_dataset("transferz"))
    ['calibration', 'test', 'train', 'validation']
    >>> load_dataset("transferz", "combo", split="test").column_names[:3]
    ['object_id', 'ra', 'dec']
    """
    config = _either("configs", "name", config, kwargs.pop("name", None))
    version = _either("versions", "revision", version, kwargs.pop("revision", None))
    if dataset != RELEASE_NAME:
        raise ReleaseError(
            f"transferz.load_dataset loads 'transferz', not '{dataset}'; a release directory goes "
            "in path=, and other datasets are loaded by datasets.load_dataset"
        )
    for name in ("data_dir", "data_files"):
        if kwargs.pop(name, None) is not None:
            raise ParameterError(
                f"{name}= is not taken: rows come from the files that the release's manifest "
                "names; name a config, as in load_dataset('transferz', 'combo'), or load files of "
                "your own by datasets.load_dataset"
            )
    splits, token = _split_names(split), kwargs.get("token")
    if isinstance(token, str):
        require_token(token, "token=")
    if streaming:
        _require_streamable(split, kwargs)
    found = seek_release(path, version=version, token=token)
    if isinstance(found, Reference) and streaming:
        manifest, commit = published_manifest(found, token=token)
        root, config = f"hf://datasets/{found.repo}@{commit}", config or default_config(manifest)
        require_splits(config_files(manifest), config, splits, str(found))
        require_units(manifest, str(found))
        sys.stderr.write(f"transferz {found.version} streamed from {found} on the Hub\n")
        return _load(str(found), manifest, root, config, split, kwargs, streaming=True)
    release = found if isinstance(found, Release) else fetch_release(found, token=token)
    config = config or default_config(release.manifest())
    release.require(config, splits)
    release.checked(config, splits if streaming else ())  # what is kept has all splits
    release.announce()
    place = str(release.path)
    return _load(place, release.manifest(), place, config, split, kwargs, streaming)


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


def _require_streamable(split: object, options: Mapping[str, Any]) -> None:
    for one in split if isinstance(split, list | tuple) else [split]:
        if "[" in str(one):
            raise ParameterError(
                f"split={one!r} can't be streamed: expected whole splits, such as 'train' or "
                "'train+test'; take rows from the stream by its take and skip, or do not stream"
            )
    if options.get("num_proc") is not None:
        raise ParameterError(
            "num_proc= is for a release that is not streamed; give a stream to a DataLoader with "
            "num_workers= instead"
        )


def _load(
    place: str,
    manifest: Mapping[str, Any],
    root: str,
    config: str,
    split: Any,
    options: dict[str, Any],
    streaming: bool,
) -> Loaded:
    """Make datasets of the files that a manifest names, by the builder of `datasets`.

    Not by ``datasets.load_dataset``, which follows a release's card wherever that points. The
    files are under `root`, a directory or an address; `place` is the release's name in messages,
    `options` are those of ``datasets.load_dataset``.

    What is prepared is kept as that function keeps it, so that it finds it by the bare name.
    """
    import datasets  # takes about a second: only when a load is asked for
    from datasets.packaged_modules.parquet.parquet import Parquet
    from datasets.utils.info_utils import is_small_dataset
    from huggingface_hub.errors import HfHubHTTPError

    cache = Path(options.get("cache_dir") or datasets.config.HF_DATASETS_CACHE, RELEASE_NAME)
    options.pop("trust_remote_code", None)
    in_memory = options.pop("keep_in_memory", None)
    if options.pop("save_infos", False):
        options["verification_mode"] = "all_checks"
    preparing = {name: options.pop(name) for name in _PREPARING if name in options}
    changing = {name: value for name, value in options.items() if name not in _PLACING}
    try:
        builder = Parquet(
            dataset_name=RELEASE_NAME,
            config_name=config,
            config_id=datasets.BuilderConfig(config).create_config_id(
                changing, options.get("features")
            ),
            data_files=_data_files(manifest, root, config),
            hash=_digest(manifest),
            info=datasets.DatasetInfo(_description(manifest), features=_features(manifest)),
            **options,
        )
        if streaming:
            if isinstance(split, list | tuple):
                return [builder.as_streaming_dataset(one) for one in split]
            return builder.as_streaming_dataset(split)
        builder.download_and_prepare(**preparing, storage_options=options.get("storage_options"))
        os.utime(builder.cache_dir)  # by the bare name datasets takes the one changed last
        if in_memory is None:
            in_memory = is_small_dataset(builder.info.dataset_size)
        return builder.as_dataset(split, in_memory=in_memory)
    except Exception as error:  # readers of a damaged cache raise anything
        cause = error.__cause__ or error
        reason = " ".join(str(cause).split())
        if isinstance(cause, HfHubHTTPError):  # its text has addresses, which may be signed
            reason = type(cause).__name__
        raise ReleaseError(
            f"datasets can't load config '{config}' of {place}: {reason}; check the arguments, and "
            f"the cache of datasets: if what it keeps in {cache} is damaged, delete that folder, "
            "and if it can't be written, name another with cache_dir= or HF_DATASETS_CACHE"
        ) from error


_PREPARING = ("download_config", "download_mode", "num_proc", "verification_mode")
_PLACING = ("cache_dir", "features", "storage_options", "token")
"""Options of ``datasets.load_dataset`` that say how a dataset is prepared; and those that do not
change its rows, or do so in a way that `datasets` has its own eye on."""


def _data_files(manifest: Mapping[str, Any], root: str, config: str) -> Any:
    """The files of each split by their own names: a pattern could match others."""
    from datasets.data_files import DataFilesDict, DataFilesList

    stated = manifest["files"]
    return DataFilesDict(
        {
            split: DataFilesList(
                [f"{root}/{name}" for name in names], [(stated[name]["sha256"],) for name in names]
            )
            for split, names in config_files(manifest)[config].items()
        }
    )


def _features(manifest: Mapping[str, Any]) -> Any:
    """The columns' types and, as ``id``, units; None where the manifest does not state them."""
    from datasets import Features, Value

    columns = manifest.get("columns", {})
    stated = {name: Value(one["dtype"], id=one["unit"] or None) for name, one in columns.items()}
    return Features(stated) if stated else None


def _description(manifest: Mapping[str, Any]) -> str:
    """What of the manifest travels with a dataset; nothing where it names no bands."""
    if "bands" not in manifest:
        return ""
    return DESCRIBED + json.dumps({name: manifest.get(name) for name in TRAVELLING})


def described(data: object) -> dict[str, Any]:
    """Return what travels with a dataset of a release; nothing where none does."""
    text = getattr(getattr(data, "info", None), "description", None) or _behind(data)
    if not text.startswith(DESCRIBED):
        return {}
    try:
        stated = json.loads(text.removeprefix(DESCRIBED))
    except ValueError:  # of several releases, put together
        return {}
    return stated if isinstance(stated, dict) else {}


def _behind(stream: object) -> str:
    """Return the description of the dataset that a stream was made of; empty where there is none.

    ``to_iterable_dataset`` passes on nothing but features. The dataset itself lies behind the
    stream, whatever is done to that, where no public name leads.
    """
    waiting: list[Any] = [getattr(stream, "_ex_iterable", None)]
    texts: set[str] = set()
    while waiting:
        part = waiting.pop()
        waiting += getattr(part, "ex_iterables", ())
        waiting += filter(None, [getattr(part, "ex_iterable", None)])
        shards = (getattr(part, "kwargs", None) or {}).get("shards")
        for one in shards if isinstance(shards, list) else ():
            texts.add(getattr(getattr(one, "info", None), "description", None) or "")
    return texts.pop() if len(texts) == 1 else ""  # of several datasets it is that of none


def _digest(manifest: Mapping[str, Any]) -> str:
    """Name a release in the cache of `datasets` by all its columns, bands and files."""
    named = ("columns", "files", *(one for one in TRAVELLING[1:] if one in manifest))
    stated = {name: manifest.get(name) for name in named}
    return hashlib.sha256(json_text(stated).encode()).hexdigest()[:16]
