"""Stage `fetch`: get the files of an upstream catalogue, or check those put in place by hand."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ConfigDict

from transferz.dataset.fetching.download import (
    Digest,
    Unavailable,
    download,
    drop_part,
    is_unproven,
)
from transferz.dataset.fetching.editions import (
    Recorded,
    Wanted,
    check_by_hand,
    check_present,
    hand_files,
    is_by_hand,
    wanted_files,
)
from transferz.dataset.fetching.preflight import (
    Finding,
    check_catalogue,
    instead,
    require_columns,
)
from transferz.dataset.fetching.web import Retries, Web
from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import COUNTS, Layout, run_stage
from transferz.dataset.sources.registry import Edition, find_edition, load_registry, record_url
from transferz.schemas import InputError, ParameterError
from transferz.tables.files import replace_directory, write_json


class FetchParams(Params):
    """Section `fetch`: how to ask, and by catalogue the key of the edition to use.

    A catalogue that it does not name uses its first one in the registry.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    retries: Retries

    def edition(self, catalogue: str) -> str:
        """Return the key of the edition that a catalogue uses."""
        first = (key for key, one in load_registry().items() if one.catalogue == catalogue)
        return str((self.model_extra or {}).get(catalogue) or next(first, ""))


def fetch(layout: Layout, catalogue: str) -> None:
    """Fill a catalogue's raw folder with the files of its edition, and note their hashes.

    Files appear there only whole and checked. Files that are there already are checked in the same
    way and never altered, even where the check fails. A ParameterError is raised for the mock, and
    for an edition that does not serve as this catalogue; an InputError if a file can't be had, or
    is not what it should be. Before the first download, all that the survey has still to download
    is asked for (`fetching.preflight`).
    """
    params = _params(layout)
    key = params.edition(catalogue)
    edition = find_edition(key, catalogue)
    recorded, raw = Recorded(layout.survey, key), layout.raw / catalogue
    files: dict[str, dict[str, object]] = {}
    if edition.by_hand and is_by_hand(raw, edition):
        put = hand_files(raw, edition, edition.by_hand)
        require_columns(list(put.values()), edition, key)  # before a hash is noted in vain
        for label, path in put.items():
            digest = check_by_hand(path, recorded, label)
            files[path.name] = _entry(digest, edition.by_hand.site)
    else:
        web, folder = Web(params.retries), layout.data / layout.survey / "partial"
        wanted = wanted_files(raw, edition, recorded, web)
        for one in (one for one in wanted if one.present):  # no error in these waits for a download
            digest = check_present(raw, one, recorded, folder)
            files[one.present] = _entry(digest, _source(edition, one, one.present))
        if missing := [one for one in wanted if not one.present]:
            found = _check(layout, params, web, downloads_only=True)
            if faults := [finding.said for finding in found if finding.is_fault]:
                raise InputError("; ".join(dict.fromkeys(faults)))
        for one in missing:
            name, digest = _get(one, raw, folder, recorded, web, edition)
            files[name] = _entry(digest, _source(edition, one, name))
    with replace_directory(layout.interim("fetch", catalogue)) as directory:
        entries = {f"{catalogue}/{name}": files[name] for name in sorted(files)}
        write_json(directory / COUNTS, {"edition": key, "files": entries})


def _entry(digest: Digest, url: str) -> dict[str, object]:
    return {"sha256": digest.sha256, "bytes": digest.bytes, "url": url}


def _source(edition: Edition, wanted: Wanted, name: str) -> str:
    """Return the address to note, the same wherever this copy of the file came from."""
    if edition.zenodo:
        return record_url(edition.zenodo, name)
    addresses = [*wanted.copies[name].urls, *(u for c in wanted.copies.values() for u in c.urls)]
    return addresses[0]


def _get(
    wanted: Wanted, raw: Path, folder: Path, recorded: Recorded, web: Web, edition: Edition
) -> tuple[str, Digest]:
    """Fetch a file; return its name, hashes and size."""
    failures = []
    for name, copy in wanted.offers.items():
        try:
            digest = download(copy.urls, raw / name, folder, copy.expected, web)
        except Unavailable as failure:
            remedy = f" ({recorded.remedy(name)})" if recorded.expected(name).hashed else ""
            failures.append(f"{failure}{remedy}")
            continue
        if not is_unproven(folder, name, digest):
            recorded.record(name, digest)
        for other in wanted.copies:
            drop_part(folder, other)
        return name, digest
    raise InputError(f"{'; '.join(failures)}. {instead(raw, edition)}")


def check(layout: Layout, editions: Sequence[str] = ()) -> list[Finding]:
    """Check every file of a survey, in place or upstream, downloading none and changing nothing.

    Of `editions`, keys of the registry, those files alone are checked that serve as a catalogue of
    the survey, whether it takes these editions or others. Each address is asked once: what another
    attempt might cure is a finding, too. Raises a ParameterError for the mock, and for an edition
    that does not serve as the catalogue it is for.
    """
    params = _params(layout)
    once = params.retries.model_copy(update={"attempts": 1})
    if not editions:
        return _check(layout, params, Web(once))
    pairs = [(load_registry()[key].catalogue, key) for key in editions]
    return [
        finding
        for catalogue, key in pairs
        if catalogue in layout.catalogues
        for finding in check_catalogue(layout, catalogue, key, Web(once))
    ]


def _check(
    layout: Layout, params: FetchParams, web: Web, *, downloads_only: bool = False
) -> list[Finding]:
    return [
        finding
        for catalogue in layout.catalogues
        for finding in check_catalogue(
            layout, catalogue, params.edition(catalogue), web, downloads_only=downloads_only
        )
    ]


def _params(layout: Layout) -> FetchParams:
    if layout.is_mock:
        raise ParameterError(
            f"survey '{layout.survey}' is made, not fetched: run `python -m "
            f"transferz.dataset.survey --survey {layout.survey}`"
        )
    return read_params("fetch", FetchParams)


if __name__ == "__main__":
    sys.exit(run_stage(fetch, __doc__, by_catalogue=True))
