"""Stage `fetch`: get the files of an upstream catalogue, or check those put in place by hand."""

import sys
from pathlib import Path

from transferz.dataset.fetching.download import Expected, Unavailable, download
from transferz.dataset.fetching.filetypes import wrong_type
from transferz.dataset.fetching.partial import Digest, drop_part, hash_file
from transferz.dataset.fetching.recorded import Recorded
from transferz.dataset.fetching.transport import Retries, Web
from transferz.dataset.fetching.wanted import Wanted, find_by_hand, wanted_files
from transferz.dataset.files import replace_directory, write_json
from transferz.dataset.params import Params, read_params
from transferz.dataset.sources.registry import ByHand, Edition, find_edition, record_url
from transferz.dataset.stage import COUNTS, Layout, run_stage
from transferz.schemas import InputError, ParameterError

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
    urls = wanted.copies.get(name) or wanted.copies[next(iter(wanted.copies))]
    return urls[0]


def _entry(digest: Digest, url: str) -> dict[str, object]:
    return {"sha256": digest.sha256, "bytes": digest.bytes, "url": url}


def _get(
    wanted: Wanted, raw: Path, folder: Path, recorded: Recorded, web: Web
) -> tuple[str, Digest]:
    """Return name, hashes and size of a file that is there, or that has now been fetched."""
    if wanted.present:
        path = raw / wanted.present
        return path.name, check_in_place(path, wanted.stated(path.name), recorded, path.name)
    failures = []
    for name, urls in wanted.copies.items():
        expected = _merged(wanted.stated(name), recorded, name)
        try:
            digest = download(urls, raw / name, folder, expected, web)
        except Unavailable as failure:
            failures.append(_explained(failure, recorded, name))
        else:
            recorded.record(name, digest)
            for copy in wanted.copies:
                drop_part(folder, copy)
            return name, digest
    raise InputError(
        f"{'; '.join(failures)}. Run again later, or put the file in {raw} yourself (its name as "
        "here): it is accepted after the same checks"
    )


def _explained(failure: Unavailable, recorded: Recorded, name: str) -> str:
    known = recorded.expected(name).hashed
    return f"{failure} ({recorded.remedy(name)})" if known else str(failure)


def _merged(stated: Expected, recorded: Recorded, name: str) -> Expected:
    """Join what the source states of a file with what was recorded when it was first fetched."""
    before = recorded.expected(name)
    return Expected(
        bytes=before.bytes if stated.bytes is None else stated.bytes,
        md5=stated.md5,
        sha256=before.sha256 or stated.sha256,
    )


def check_in_place(path: Path, stated: Expected, recorded: Recorded, label: str) -> Digest:
    """Check a file that is in place, and record its hash if none is recorded yet.

    Parameters
    ----------
    path : Path
        The file; it is only read.
    stated : Expected
        Size and hashes that its source states.
    recorded : Recorded
        What was found when it was first fetched.
    label : str
        Its name there.

    Raises
    ------
    InputError
        If it can't be read, is a web page or of another format than its name says, or differs from
        what is stated or recorded.
    """
    try:
        with path.open("rb") as file:
            wrong = wrong_type(file.read(512), path.name)
        digest = hash_file(path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; mend that and run again"
        ) from error
    if wrong:
        raise InputError(f"{path}: {wrong}; it was left as it is: remove it or get it again")
    _require_agreement(path, digest, stated, "its source states", "")
    _require_agreement(
        path, digest, recorded.expected(label), f"{recorded.path} records", recorded.remedy(label)
    )
    recorded.record(label, digest)
    return digest


def _require_agreement(
    path: Path, digest: Digest, expected: Expected, who: str, remedy: str
) -> None:
    difference = expected.difference(digest)
    if difference:
        raise InputError(
            f"{path} is not the file that {who}: {difference}; it was left as it is (it may be cut "
            "short or damaged, or have changed upstream): move it away and run again"
            + (f", or {remedy}" if remedy else "")
        )


if __name__ == "__main__":
    sys.exit(run_stage(fetch, __doc__, CATALOGUES))
