"""Stage `fetch`: get the files of an upstream catalogue, or check those put in place by hand."""

import sys
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
    find_by_hand,
    is_by_hand,
    wanted_files,
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
    is not what it should be.
    """
    if layout.is_mock:
        raise ParameterError(
            f"survey '{layout.survey}' is made, not fetched: run "
            f"`python -m transferz.dataset.survey --survey {layout.survey}`"
        )
    params = read_params("fetch", FetchParams)
    key = params.edition(catalogue)
    edition = find_edition(key, catalogue)
    recorded, raw = Recorded(layout.survey, key), layout.raw / catalogue
    files: dict[str, dict[str, object]] = {}
    if edition.by_hand and is_by_hand(raw, edition):
        # The file's name is free, so its hash is noted under the query's.
        query = edition.by_hand.query
        label = f"result of {query}" if query else "file put in place by hand"
        for part, path in find_by_hand(raw, edition, edition.by_hand).items():
            digest = check_by_hand(path, recorded, label if part == "*" else f"{label}: {part}")
            files[path.name] = _entry(digest, edition.by_hand.site)
    else:
        web, folder = Web(params.retries), layout.data / layout.survey / "partial"
        wanted_first = sorted(
            wanted_files(raw, edition, recorded, web), key=lambda wanted: not wanted.present
        )  # what is in place first: an error in it should not have to wait for a download
        for wanted in wanted_first:
            name, digest = _get(wanted, raw, folder, recorded, web)
            files[name] = _entry(digest, _source(edition, wanted, name))
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
    wanted: Wanted, raw: Path, folder: Path, recorded: Recorded, web: Web
) -> tuple[str, Digest]:
    """Return name, hashes and size of a file that is there, or that has now been fetched."""
    if wanted.present:
        return wanted.present, check_present(raw, wanted, recorded, folder)
    failures = []
    for name, copy in wanted.copies.items():
        if not copy.urls or (wanted.pinned and name not in wanted.pinned):
            continue
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
    if not failures:  # the copy whose hash is recorded has no address; no other may replace it
        failures = [
            f"{', '.join(wanted.pinned)} could not be fetched: no source offers it, and "
            f"{recorded.path} records its hash ({recorded.remedy(wanted.pinned[0])})"
        ]
    raise InputError(
        f"{'; '.join(failures)}. Run again later, or put the file in {raw} yourself (its name as "
        "here): it is accepted after the same checks"
    )


if __name__ == "__main__":
    sys.exit(run_stage(fetch, __doc__, by_catalogue=True))
