"""Which files an edition consists of, which of them are in place, and what each must be."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.folder import find_present
from transferz.dataset.fetching.recorded import Recorded
from transferz.dataset.fetching.transport import Refused, Web
from transferz.dataset.fetching.zenodo import Listing, describe, list_record, pick
from transferz.dataset.sources.registry import Edition, UpstreamFile, record_url
from transferz.schemas import InputError


@dataclass(frozen=True, slots=True)
class Copy:
    """One form of a file: as it is, or compressed.

    Attributes
    ----------
    urls : tuple of str
        Its addresses; empty where it can't be fetched.
    expected : Expected
        What it must be, as recorded and as its source states.
    """

    urls: tuple[str, ...]
    expected: Expected


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of an edition.

    Attributes
    ----------
    copies : dict of str to Copy
        By name, the preferred first: those that can be fetched, are recorded, or are in place.
    pinned : tuple of str
        The copies whose hashes are recorded, or else those whose hashes the source states. If
        there are any, no other copy may take their place unchecked.
    present : str
        The name of the copy that is in place; empty where none is.
    """

    copies: Mapping[str, Copy]
    pinned: tuple[str, ...]
    present: str

    def is_free(self, name: str) -> bool:
        """Whether a copy may be what it is: it is pinned itself, or none is."""
        return not self.pinned or name in self.pinned

    @property
    def to_fetch(self) -> dict[str, Copy]:
        """The copies to try in turn."""
        return {n: copy for n, copy in self.copies.items() if copy.urls and self.is_free(n)}


def wanted_files(raw: Path, edition: Edition, recorded: Recorded, web: Web) -> list[Wanted]:
    """Return the files of an edition.

    Parameters
    ----------
    raw : Path
        The catalogue's folder.
    edition : Edition
        One whose files can be fetched.
    recorded : Recorded
        Hashes of earlier fetches.
    web : Web
        Asks Zenodo.

    Raises
    ------
    InputError
        If data files lie there that are not the edition's, or one lies there twice, or the record
        can't be read while a file is missing or has no recorded hash.
    """
    present = find_present(raw, edition)
    if edition.zenodo is None:
        pairs = zip(edition.files, present, strict=True)
        return [_of_urls(file, name, recorded) for file, name in pairs]
    return _of_record(raw, present, edition, edition.zenodo, recorded, web)


def _of_urls(file: UpstreamFile, present: str, recorded: Recorded) -> Wanted:
    stated = {file.name: Expected(file.bytes, file.md5, file.sha256)}
    return _wanted(file, present, file.copies, stated, recorded)


def _wanted(
    file: UpstreamFile,
    present: str,
    urls: Mapping[str, tuple[str, ...]],
    stated: Mapping[str, Expected],
    recorded: Recorded,
) -> Wanted:
    """Join the addresses, what the source states, and what is recorded of a file's copies."""
    known = _recorded_copies(file, recorded)
    copies = {
        name: Copy(urls.get(name, ()), recorded.must_be(name, stated.get(name, Expected())))
        for name in dict.fromkeys([*urls, *known, *filter(None, [present])])
    }
    pinned = known or [name for name in stated if stated[name].hashed]
    return Wanted(copies, tuple(pinned), present)


def _recorded_copies(file: UpstreamFile, recorded: Recorded) -> list[str]:
    return [name for name in recorded.names() if file.fits(name) and recorded.expected(name).hashed]


def _of_record(
    raw: Path, present: list[str], edition: Edition, record: int, recorded: Recorded, web: Web
) -> list[Wanted]:
    pairs = list(zip(edition.files, present, strict=True))
    known = all(name and recorded.expected(name).hashed for name in present)
    try:
        listing = list_record(record, web if not known else web.hasty())
        return [_listed(listing, file, record, name, recorded) for file, name in pairs]
    except Refused as reason:
        if not known:
            raise InputError(_unreachable(raw, edition, record, reason)) from reason
        return [_wanted(file, name, {}, {}, recorded) for file, name in pairs]


def _listed(
    listing: Listing, file: UpstreamFile, record: int, present: str, recorded: Recorded
) -> Wanted:
    entries = {n: describe(listing, n) for n in _choose(listing, file, record, present, recorded)}
    urls = {name: (entry.url,) for name, entry in entries.items()}
    stated = {name: entry.expected for name, entry in entries.items()}
    return _wanted(file, present, urls, stated, recorded)


def _choose(
    listing: Listing, file: UpstreamFile, record: int, present: str, recorded: Recorded
) -> list[str]:
    """Return a file's name in a record: what is recorded, else what is in place, else by glob."""
    if known := _recorded_copies(file, recorded):
        return [name for name in known if name in listing]
    if present in listing and fnmatch.fnmatchcase(present, file.name):
        return [present]
    return [pick(listing, file, record)]


def _unreachable(raw: Path, edition: Edition, record: int, reason: Refused) -> str:
    names = ", ".join(file.name for file in edition.files)
    return (
        f"cannot read what {record_url(record)} holds: {reason}; run again when it can be reached. "
        f"Without it, files put in {raw} by hand ({names}) are accepted only where "
        "their hashes have been recorded"
    )
