"""Stage `fetch`: get the files of an upstream catalogue, or check those put in place by hand."""

import sys
from pathlib import Path

from transferz.dataset.fetching.download import Expected, Unavailable, download
from transferz.dataset.fetching.folder import find_by_hand
from transferz.dataset.fetching.in_place import check_in_place, check_present
from transferz.dataset.fetching.partial import Digest, drop_part
from transferz.dataset.fetching.recorded import Recorded
from transferz.dataset.fetching.transport import Retries, Web
from transferz.dataset.fetching.unproven import is_unproven
from transferz.dataset.fetching.wanted import Wanted, wanted_files
from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import COUNTS, Layout, run_stage
from transferz.dataset.sources.registry import ByHand, Edition, find_edition, record_url
from transferz.schemas import InputError, ParameterError
from transferz.tables.files import replace_directory, write_json

CATALOGUES = ("cosmos2020", "hsc", "galaxiesml", "transferz")


class FetchParams(Params):
    """Section `fetch`.

    Attributes
    ----------
    cosmos2020, hsc, galaxiesml, transferz : str
        Key of the edition that each catalogue uses.
    retries : Retries
        How patiently to ask the servers.
    """

    cosmos2020: str
    hsc: str
    galaxiesml: str
    transferz: str
    retries: Retries


def fetch(layout: Layout, catalogue: str) -> None:
    """Fill a catalogue's raw folder with the files of its edition, and note their hashes.

    Files appear there only whole and checked. Files that are there already are checked in the same
    way and never altered, even where the check fails.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    catalogue : str
        One of `CATALOGUES`.

    Raises
    ------
    ParameterError
        For the mock, and for an edition that does not serve as this catalogue.
    InputError
        If a file can't be had, or is not what it should be.
    """
    if layout.is_mock:
        raise ParameterError(
            "survey 'mock' is made, not fetched: run `python -m transferz.dataset.survey`"
        )
    params = read_params("fetch", FetchParams)
    key = getattr(params, catalogue)
    edition = find_edition(key, catalogue)
    recorded = Recorded(layout.survey, key)
    raw = layout.raw / catalogue
    if edition.by_hand:
        files = _by_hand(raw, edition, edition.by_hand, recorded)
    else:
        files = _fetched(layout, raw, edition, recorded, params.retries)
    with replace_directory(layout.interim("fetch", catalogue)) as directory:
        entries = {f"{catalogue}/{name}": files[name] for name in sorted(files)}
        write_json(directory / COUNTS, {"edition": key, "files": entries})


def _by_hand(
    raw: Path, edition: Edition, by_hand: ByHand, recorded: Recorded
) -> dict[str, dict[str, object]]:
    """Check the file that a person put in place.

    Its name is free, so its hash is noted under the query's.
    """
    path = find_by_hand(raw, edition, by_hand)
    label = f"result of {by_hand.query}" if by_hand.query else "file put in place by hand"
    digest = check_in_place(path, Expected(), recorded, label)
    return {path.name: _entry(digest, by_hand.site)}


def _fetched(
    layout: Layout, raw: Path, edition: Edition, recorded: Recorded, retries: Retries
) -> dict[str, dict[str, object]]:
    web = Web(retries)
    files: dict[str, dict[str, object]] = {}
    # What is in place first: an error in it should not have to wait for a download.
    for wanted in sorted(
        wanted_files(raw, edition, recorded, web), key=lambda one: not one.present
    ):
        name, digest = _get(wanted, raw, layout.data / layout.survey / "partial", recorded, web)
        files[name] = _entry(digest, _source(edition, wanted, name))
    return files


def _source(edition: Edition, wanted: Wanted, name: str) -> str:
    """Return the address to note, the same wherever this copy of the file came from."""
    if edition.zenodo:
        return record_url(edition.zenodo, name)
    addresses = [*wanted.copies[name].urls, *(u for c in wanted.copies.values() for u in c.urls)]
    return addresses[0]


def _entry(digest: Digest, url: str) -> dict[str, object]:
    return {"sha256": digest.sha256, "bytes": digest.bytes, "url": url}


def _get(
    wanted: Wanted, raw: Path, folder: Path, recorded: Recorded, web: Web
) -> tuple[str, Digest]:
    """Return name, hashes and size of a file that is there, or that has now been fetched."""
    if wanted.present:
        return wanted.present, check_present(raw, wanted, recorded, folder)
    failures = []
    for name, copy in wanted.to_fetch.items():
        try:
            digest = download(copy.urls, raw / name, folder, copy.expected, web).digest
        except Unavailable as failure:
            failures.append(_explained(failure, recorded, name))
        else:
            _keep(name, digest, wanted, folder, recorded)
            return name, digest
    raise InputError(
        f"{'; '.join(failures) or _without_address(wanted, recorded)}. Run again later, or put the "
        f"file in {raw} yourself (its name as here): it is accepted after the same checks"
    )


def _keep(name: str, digest: Digest, wanted: Wanted, folder: Path, recorded: Recorded) -> None:
    """Record the hash of a file that has come whole, and drop what came of its other copies."""
    if not is_unproven(folder, name, digest):
        recorded.record(name, digest)
    for copy in wanted.copies:
        drop_part(folder, copy)


def _explained(failure: Unavailable, recorded: Recorded, name: str) -> str:
    known = recorded.expected(name).hashed
    return f"{failure} ({recorded.remedy(name)})" if known else str(failure)


def _without_address(wanted: Wanted, recorded: Recorded) -> str:
    """Say that the copy whose hash is recorded can't be fetched; no other may take its place."""
    names = ", ".join(wanted.pinned)
    return (
        f"{names} could not be fetched: no source offers it, and {recorded.path} records its hash "
        f"({recorded.remedy(wanted.pinned[0])})"
    )


if __name__ == "__main__":
    sys.exit(run_stage(fetch, __doc__, CATALOGUES))
