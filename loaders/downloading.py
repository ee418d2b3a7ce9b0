"""Bringing a published release here: beside its place, checked whole, then put there."""

import shutil
from pathlib import Path
from typing import Any

from transferz.cache import Fetched, Source, adopt, cache_folder, kept, locked, place, source_of
from transferz.connection import Unreachable, asking
from transferz.contents import require_files, require_no_others
from transferz.manifest import listed_files, read_manifest
from transferz.schemas.errors import ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE


def download(source: Source, *, cache: Path | None = None) -> Fetched:
    """Download a release beside its place in the cache, check all of it, then put it there.

    Parameters
    ----------
    source : Source
        As `transferz.hub.look_up` finds it.
    cache : Path, optional
        Folder to keep releases in; by default `transferz.cache.cache_folder`.

    Raises
    ------
    Unreachable
        Where the download breaks off.
    ReleaseError
        Where a file differs from the manifest, or one is there that the manifest does not name.
    """
    cache = cache or cache_folder()
    release = place(cache, source.version)
    with locked(cache, source.version):
        if kept(cache, source.version, source.repo) == source:  # another process was faster
            return Fetched(release, source, "from cache")
        before = source_of(cache, source.version)
        try:
            with adopt(cache, source) as staging, asking(source.repo):
                _download_into(staging, source)
        except Unreachable as reason:
            raise Unreachable(
                f"fetching {source} broke off: {reason}; nothing was kept, run it again"
            ) from None
    replaced = before is not None and before.repo != source.repo
    return Fetched(release, source, f"fetched, replacing {before}" if replaced else "fetched")


def _download_into(staging: Path, source: Source) -> None:
    from huggingface_hub import hf_hub_download, snapshot_download

    where = _place_on_hub(source) | {"local_dir": staging}
    hf_hub_download(filename=MANIFEST_FILE, **where)
    files = listed_files(read_manifest(staging), source.version, str(source))
    require_no_others(_published_files(source), files, str(source))
    snapshot_download(allow_patterns=list(files), **where)
    require_files(staging, files, str(source))
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # the client's notes on the download


def published_manifest(source: Source) -> dict[str, Any]:
    """Fetch the manifest alone of a release that is read where it is.

    Raises
    ------
    ReleaseError
        Where it can't be had, is not sound, or does not name all that is there.
    """
    from huggingface_hub import hf_hub_download

    try:
        with asking(source.repo):
            path = Path(hf_hub_download(filename=MANIFEST_FILE, **_place_on_hub(source)))
            there = _published_files(source)
    except Unreachable as reason:
        raise ReleaseError(f"can't read {source}: {reason}") from None
    manifest = read_manifest(path.parent)
    require_no_others(there, listed_files(manifest, source.version, str(source)), str(source))
    return manifest


def _published_files(source: Source) -> list[str]:
    """List what the repository holds: `datasets` reads by pattern, whoever put it there."""
    from huggingface_hub import HfApi

    return HfApi().list_repo_files(**_place_on_hub(source))


def _place_on_hub(source: Source) -> dict[str, Any]:
    return {"repo_id": source.repo, "repo_type": "dataset", "revision": source.commit}
