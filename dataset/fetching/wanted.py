"""Which files an edition consists of, which of them are in place, and what is known of them."""

import contextlib
import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.recorded import Recorded
from transferz.dataset.fetching.transport import Refused, Web
from transferz.dataset.fetching.zenodo import Listed, list_record, pick
from transferz.dataset.sources.registry import ByHand, Edition, UpstreamFile, record_url
from transferz.schemas import InputError

DATA_ENDINGS = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet", ".hdf5", ".h5")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of an edition.

    Attributes
    ----------
    name : str
        Its name.
    expected : Expected
        What its source states of it; of a compressed copy nothing is stated.
    copies : dict of str to tuple of str
        Its name, and that of its compressed copy, each with its addresses.
    present : str
        The name of the copy that is in place; empty where none is.
    """

    name: str
    expected: Expected
    copies: Mapping[str, tuple[str, ...]]
    present: str

    def stated(self, name: str) -> Expected:
        """Return what is stated of a copy."""
        return self.expected if name == self.name else Expected()


def data_files(raw: Path) -> list[str]:
    """Return the names of the data files in a folder, in order."""
    if not raw.is_dir():
        return []
    return sorted(
        path.name
        for path in raw.iterdir()
        if path.name.endswith(DATA_ENDINGS) and not path.name.startswith(".") and path.is_file()
    )


def find_by_hand(raw: Path, edition: Edition, by_hand: ByHand) -> Path:
    """Return the one data file that a person has put in place.

    Parameters
    ----------
    raw : Path
        The catalogue's folder.
    edition, by_hand
        What it is to hold.

    Raises
    ------
    InputError
        If there is none, saying how to get it, or if there are several.
    """
    found = [name for name in data_files(raw) if name.endswith(by_hand.formats)]
    if not found:
        with contextlib.suppress(OSError):
            raw.mkdir(parents=True, exist_ok=True)  # for the person to put the file in
        raise InputError(_instructions(raw, edition, by_hand))
    if len(found) > 1:
        raise InputError(f"{raw}: expected one file, found {', '.join(found)}; keep one there")
    return raw / found[0]


def _instructions(raw: Path, edition: Edition, by_hand: ByHand) -> str:
    query = f" The query is {by_hand.query_path}" if by_hand.query else ""
    return (
        f"{raw} holds no file with {edition.title}, which only you can get: at {by_hand.site} "
        f"{by_hand.how}.{query and query + '.'} Then put the result, under any name that ends in "
        f"{', '.join(by_hand.formats)}, into {raw} and run again"
    )


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
    there = data_files(raw)
    _refuse_strangers(raw, there, edition)
    if edition.zenodo is None:
        return [
            Wanted(
                file.name,
                Expected(file.bytes, file.md5, file.sha256),
                file.copies,
                _present(raw, there, file),
            )
            for file in edition.files
        ]
    return _of_record(raw, there, edition, edition.zenodo, recorded, web)


def _refuse_strangers(raw: Path, there: Iterable[str], edition: Edition) -> None:
    """A file of another edition must not be read in place of, or beside, this one's."""
    strange = [name for name in there if not any(file.fits(name) for file in edition.files)]
    if strange:
        raise InputError(
            f"{raw} holds {', '.join(strange)}, which is no file of {edition.title}; move it "
            f"elsewhere, or choose its edition in params.yaml (fetch.{edition.catalogue}; "
            "transferz sources lists them)"
        )


def _present(raw: Path, there: Iterable[str], file: UpstreamFile) -> str:
    found = [name for name in there if file.fits(name)]
    if len(found) > 1:
        raise InputError(f"{raw}: expected one file, found {', '.join(found)}; keep one there")
    return found[0] if found else ""


def _of_record(
    raw: Path, there: list[str], edition: Edition, record: int, recorded: Recorded, web: Web
) -> list[Wanted]:
    present = [_present(raw, there, file) for file in edition.files]
    known = all(name and recorded.expected(name).hashed for name in present)
    try:
        listing = list_record(record, web if not known else web.hasty())
    except Refused as reason:
        if not known:
            raise InputError(_unreachable(raw, edition, record, reason)) from reason
        return [Wanted(name, Expected(), {}, name) for name in present]
    return [
        _listed(listing, file, record, name)
        for file, name in zip(edition.files, present, strict=True)
    ]


def _listed(listing: Mapping[str, Listed], file: UpstreamFile, record: int, present: str) -> Wanted:
    matching = present and present in listing and fnmatch.fnmatchcase(present, file.name)
    name = present if matching else pick(listing, file.name, record)
    entry = listing[name]
    return Wanted(name, entry.expected, {name: (entry.url,)}, present)


def _unreachable(raw: Path, edition: Edition, record: int, reason: Refused) -> str:
    names = ", ".join(file.name for file in edition.files)
    return (
        f"cannot read what {record_url(record)} holds: {reason}; run again when it can be reached. "
        f"Without it, files put in {raw} by hand ({names}) are accepted only where "
        "their hashes have been recorded"
    )
