"""Which files an edition consists of, what each must be, and whether those in place are that.

What a file must be is told by the hashes recorded when it was first fetched, in
``surveys/<survey>/hashes.json``, else by what its source states: the registry, or Zenodo's API.
Files that are in place are only read.
"""

import contextlib
import fnmatch
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from transferz.dataset.fetching.download import (
    Digest,
    Expected,
    hash_stream,
    is_unproven,
    wrong_type,
)
from transferz.dataset.fetching.web import PermanentFailure, Web
from transferz.dataset.sources.registry import ByHand, Edition, UpstreamFile, record_url
from transferz.schemas import InputError
from transferz.tables.files import read_json, replace_file
from transferz.tables.hats.reading import is_hats, listing

API = "https://zenodo.org/api/records/{}"
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
DATA_ENDINGS = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet", ".hdf5", ".h5", ".hats")
"""The last is that of a folder, a HATS collection."""


def _is_record(entry: Any) -> bool:
    """Whether it has a size and hashes, or some of these, and nothing else."""
    return isinstance(entry, dict) and all(
        type(value) is int
        if name == "bytes"
        else name in _HASHES and isinstance(value, str) and bool(_HASHES[name].fullmatch(value))
        for name, value in entry.items()
    )


class Recorded:
    """The recorded hashes of one edition, in ``surveys/<survey>/hashes.json``.

    `path` is that file, relative to the working directory; it is meant to be committed. An
    InputError says that it is damaged.
    """

    def __init__(self, survey: str, edition: str) -> None:
        self.path = Path("surveys") / survey / "hashes.json"
        self.edition = edition
        self._content = self._read()

    def _read(self) -> dict[str, Any]:
        content = read_json(self.path) if self.path.is_file() else {}
        for files in content.values():
            entries = files.values() if isinstance(files, dict) else [None]
            if not all(map(_is_record, entries)):
                raise InputError(
                    f"{self.path}: expected bytes and hashes of files by edition, found something "
                    "else; restore it from git, or delete it to record the hashes anew"
                )
        return content

    def names_of(self, file: UpstreamFile) -> list[str]:
        """Return the names of a file's copies whose hashes are recorded."""
        names = sorted(self._content.get(self.edition, {}))
        return [name for name in names if file.fits(name) and self.expected(name).hashed]

    def expected(self, name: str, stated: Expected | None = None) -> Expected:
        """Return what a file must be: as recorded, and where nothing is recorded, as stated."""
        entry, stated = self._content.get(self.edition, {}).get(name, {}), stated or Expected()
        return Expected(
            entry.get("bytes", stated.bytes),
            stated.md5 or entry.get("md5"),  # so that what a record lists is checked each time
            entry.get("sha256", stated.sha256),
        )

    def record(self, name: str, digest: Digest) -> None:
        """Note the hash of a file that has none yet; the file of hashes is replaced whole."""
        if name in self._content.get(self.edition, {}):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(self.path) as beside:
            self._content = self._read()  # as another process, at another catalogue, has left it
            files = self._content.setdefault(self.edition, {})
            files.setdefault(name, asdict(digest))
            text = json.dumps(self._content, indent=2, sort_keys=True, ensure_ascii=False)
            beside.write_text(f"{text}\n", encoding="utf-8")

    def remedy(self, name: str) -> str:
        """Return what to do to accept a file that differs from what is recorded."""
        return (
            f"to accept this one from now on, delete the entry '{name}' under '{self.edition}' "
            f"in {self.path}"
        )

    def or_accept(self, name: str) -> str:
        """Return the same as the end of a sentence; empty where nothing is recorded."""
        return f", or {self.remedy(name)}" if self.expected(name).hashed else ""


@dataclass(frozen=True, slots=True)
class Copy:
    """One form of a file, as it is or compressed: addresses, if it can be fetched, and content.

    What is `expected` of the content is what is recorded, else what the source has `stated`.
    """

    urls: tuple[str, ...]
    expected: Expected
    stated: Expected


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of an edition, with its copies by name, the preferred first.

    They are those that can be fetched, are recorded, or are in place; `present` is the name of the
    last, or empty. `pinned` are the copies whose hashes are recorded, or else those whose hashes
    the source states: if there are any, no other copy may take their place unchecked.
    """

    copies: Mapping[str, Copy]
    pinned: tuple[str, ...]
    present: str

    @property
    def offers(self) -> dict[str, Copy]:
        """The copies that may be fetched, by name."""
        may = self.pinned or self.copies
        return {name: copy for name, copy in self.copies.items() if copy.urls and name in may}


def wanted_files(raw: Path, edition: Edition, recorded: Recorded, web: Web) -> list[Wanted]:
    """Return the files of an edition that can be fetched.

    `raw` is the catalogue's folder. An InputError says that data files lie there that are not the
    edition's, or one lies there twice, or that the record can't be read while a file is missing
    or has no recorded hash.
    """
    present = find_present(raw, edition)
    listing = _listing(raw, edition, present, recorded, web)
    return [
        _wanted(file, name, listing, edition, recorded)
        for file, name in zip(edition.files, present, strict=True)
    ]


def _wanted(
    file: UpstreamFile,
    present: str,
    listing: Mapping[str, Copy],
    edition: Edition,
    recorded: Recorded,
) -> Wanted:
    """Join the addresses, what the source states, and what is recorded of a file's copies."""
    names = recorded.names_of(file)
    if edition.zenodo is None:
        stated = Expected(file.bytes, file.md5, file.sha256)
        offers = {
            name: Copy(urls, *[stated if name == file.name else Expected()] * 2)
            for name, urls in file.copies.items()
        }
    elif names:
        offers = {name: listing[name] for name in names if name in listing}
    elif present in listing and fnmatch.fnmatchcase(present, file.name):
        offers = {present: listing[present]}
    else:
        name = pick(listing, file, edition.zenodo)
        offers = {name: listing[name]}
    none = Copy((), Expected(), Expected())
    copies = {}
    for name in dict.fromkeys([*offers, *names, *filter(None, [present])]):
        offer = offers.get(name, none)
        expected = recorded.expected(name, offer.expected)
        copies[name] = Copy(offer.urls, expected, offer.stated)
    pinned = names or [name for name, offer in offers.items() if offer.expected.hashed]
    return Wanted(copies, tuple(pinned), present)


def _listing(
    raw: Path, edition: Edition, present: Sequence[str], recorded: Recorded, web: Web
) -> Mapping[str, Copy]:
    """What a Zenodo record offers; without the network, recorded hashes have to be enough."""
    if edition.zenodo is None:
        return {}
    all_recorded = all(name and recorded.expected(name).hashed for name in present)
    try:
        once = web.retries.model_copy(update={"attempts": 1})
        return list_record(edition.zenodo, Web(once) if all_recorded else web)
    except PermanentFailure as reason:
        if all_recorded:
            return {}
        raise InputError(
            f"cannot read what {record_url(edition.zenodo)} holds: {reason}; run again when it can "
            f"be reached, or, if it is gone, choose another edition in params.yaml "
            f"(fetch.{edition.catalogue}). Without it, files put in {raw} by hand "
            f"({', '.join(file.name for file in edition.files)}) are accepted only where their "
            "hashes have been recorded"
        ) from reason


def list_record(record: int, web: Web) -> dict[str, Copy]:
    """Return the files of a Zenodo record by name, as its API lists them.

    Only those are listed whose description is of the API's form, and whose name is that of a
    visible file in the catalogue's folder: whatever else a record holds is no concern of ours.
    Raises `PermanentFailure` if the record can't be had, or the answer is no list of files.
    """
    url = API.format(record)
    content = web.json(url)
    try:
        entries = {str(entry["key"]): entry for entry in content["files"]}
    except (KeyError, TypeError) as error:
        raise PermanentFailure(f"{url}: the answer is no list of files ({error!r})") from error
    listing = {}
    for name, entry in entries.items():
        with contextlib.suppress(KeyError, TypeError):
            kind, _, value = str(entry["checksum"]).partition(":")
            stated = Expected(entry["size"], **{kind: value.lower()})
            copy = Copy((str(entry["links"]["self"]),), stated, stated)
            if isinstance(entry["size"], int) and "/" not in name and not name.startswith("."):
                listing[name] = copy
    return listing


def pick(listing: Mapping[str, Copy], file: UpstreamFile, record: int) -> str:
    """Return the one listed name that is the file's, or matches it as a glob and is preferred."""
    names = [file.name] if file.name in listing else sorted(fnmatch.filter(listing, file.name))
    names = fnmatch.filter(names, file.prefer) or names
    if len(names) != 1:
        raise InputError(
            f"{record_url(record)}: expected one file {file.name}, found "
            f"{', '.join(names) or 'none'} among {', '.join(sorted(listing)) or 'no files'}; "
            "correct the name in dataset/sources/registry.yaml (or the survey's survey.yaml)"
        )
    return names[0]


def find_present(raw: Path, edition: Edition) -> list[str]:
    """Return, for each file of an edition, the name of the copy in the folder; empty where none is.

    An InputError names data files that are not the edition's, a file that is there twice, or one
    that is not there but in a folder beside.
    """
    names = _data_files(raw)
    # A file of another edition must not be read in place of, or beside, this one's.
    strange = [name for name in names if not any(file.fits(name) for file in edition.files)]
    if strange:
        raise InputError(
            f"{raw} holds {', '.join(strange)}, which is no file of {edition.title}; move it "
            f"elsewhere, or choose its edition in params.yaml (fetch.{edition.catalogue}; "
            "transferz sources lists them)"
        )
    found = [_only(raw, [name for name in names if file.fits(name)]) for file in edition.files]
    if not all(found):
        _require_placed(raw, edition)
    return found


def _require_placed(raw: Path, edition: Edition) -> None:
    """Raise InputError where a file that can be an edition's lies one folder too high or low."""
    beside = [
        *raw.parent.glob("*"),
        *(path for path in raw.glob("*/*") if not is_hats(path.parent)),
    ]
    for path in sorted(beside):
        name, hand = path.name, edition.by_hand
        fits = any(file.fits(name) for file in edition.files) or (hand and hand.fits(name))
        if fits and not name.startswith(".") and (path.is_file() or is_hats(path)):
            raise InputError(
                f"{raw} lacks a file of {edition.title}, and {path} is in another folder; if it is "
                f"that file, move it into {raw}, else elsewhere, and run again"
            )


def is_by_hand(raw: Path, edition: Edition) -> bool:
    """Whether an edition's data are put in place by hand: always, or for once."""
    if not edition.by_hand:
        return False
    present = [path.name for path in raw.glob("*") if not path.name.startswith(".")]
    named = [name for name in present if any(file.fits(name) for file in edition.files)]
    return not edition.files or bool(present and not named)


class Missing(InputError):
    """A file that only a person can get is not in place yet."""


def hand_files(raw: Path, edition: Edition, by_hand: ByHand) -> dict[str, Path]:
    """Return the data file that a person has put in a folder, or each of several.

    Each has the label under which its hash is recorded. If one is lacking, `Missing` says how to
    get it, or an InputError that it lies in a folder beside.
    """
    names = _data_files(raw)
    divided = any(by_hand.fits(name, part) for name in names for part in by_hand.parts)
    label = f"result of {by_hand.query}" if by_hand.query else "file put in place by hand"
    found = {}
    for part in by_hand.parts if divided else ("*",):
        fitting = [name for name in names if by_hand.fits(name, part)]
        if not fitting:
            _require_placed(raw, edition)
            raise Missing(_how_to_get(raw, edition, by_hand, part))
        found[label if part == "*" else f"{label}: {part}"] = raw / _only(raw, fitting)
    return found


def _how_to_get(raw: Path, edition: Edition, by_hand: ByHand, part: str) -> str:
    with contextlib.suppress(OSError):
        raw.mkdir(parents=True, exist_ok=True)  # for the person to put the file in
    query = f" The query is {by_hand.query_path}." if by_hand.query else ""
    lacking = "file with" if part == "*" else f"file {part}{by_hand.formats[0]} of"
    return (
        f"{raw} holds no {lacking} {edition.title}, which only you can get: at {by_hand.site} "
        f"{by_hand.how}.{query} Then put the result, under any name that ends in "
        f"{', '.join(by_hand.formats)}, into {raw} and run again"
    )


def _data_files(raw: Path) -> list[str]:
    if not raw.is_dir():
        return []
    visible = (path for path in raw.iterdir() if not path.name.startswith("."))
    there = (path for path in visible if path.is_file() or is_hats(path))
    return sorted(path.name for path in there if path.name.endswith(DATA_ENDINGS))


def _only(raw: Path, names: Sequence[str]) -> str:
    if len(names) > 1:
        raise InputError(f"{raw}: expected one file, found {', '.join(names)}; keep one there")
    return names[0] if names else ""


def check_by_hand(path: Path, recorded: Recorded, label: str) -> Digest:
    """Check a file that a person put in place, and record its hash if none is recorded yet.

    Its hash goes under `label`, since the file's name is the person's choice. An InputError says
    that it can't be read, is a web page or of another format than its name says, or differs from
    what is recorded. The file is only read.
    """
    digest = _hash_data(path)
    _require_agreement(path, digest, recorded.expected(label), recorded, label)
    recorded.record(label, digest)
    return digest


def check_present(raw: Path, wanted: Wanted, recorded: Recorded, folder: Path) -> Digest:
    """Check the copy of a wanted file that is in place.

    Where the hash of another copy is known, it is accepted only if it is that copy compressed. Its
    hash is recorded if none is known and the file is not a download that may have been cut short,
    of which `folder` holds the notes. Raises what `check_by_hand` does.
    """
    name, path = wanted.present, raw / wanted.present
    digest = _hash_data(path)
    if not wanted.pinned or name in wanted.pinned:
        expected = wanted.copies[name].expected
        _require_agreement(path, digest, expected, recorded, name)
        if expected.hashed or not is_unproven(folder, name, digest):
            recorded.record(name, digest)
        return digest
    original = name.removesuffix(".gz")
    if original == name or original not in wanted.pinned:
        raise InputError(
            f"{path}: the hash that is known is of {', '.join(wanted.pinned)}, with which this "
            "file can't be compared; it was left as it is: put that one there instead"
            + recorded.or_accept(wanted.pinned[0])
        )
    expected = wanted.copies[original].expected
    try:
        with gzip.open(path, "rb") as file:
            unpacked = hash_stream(cast(BinaryIO, file), expected.bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot unpack {path}: {error}; remove it or get it again") from error
    _require_agreement(path, unpacked, expected, recorded, original)
    return digest


def _hash_data(path: Path) -> Digest:
    """Return the hashes of a file that is what its name says; of HATS, those of its listing."""
    if is_hats(path):
        return hash_stream(io.BytesIO(listing(path).encode()))
    try:
        with path.open("rb") as file:
            wrong = wrong_type(file.read(512), path.name)
            file.seek(0)
            digest = hash_stream(file)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; mend that and run again"
        ) from error
    if wrong:
        raise InputError(f"{path}: {wrong}; it was left as it is: remove it or get it again")
    return digest


def _require_agreement(
    path: Path, digest: Digest, expected: Expected, recorded: Recorded, label: str
) -> None:
    if difference := expected.difference(digest):
        who = f"{recorded.path} or " if recorded.expected(label).hashed else ""
        unpacked = ", unpacked," if label == path.name.removesuffix(".gz") != path.name else ""
        raise InputError(
            f"{path}{unpacked} is not the file that {who}its source states: {difference}; it was "
            "left as it is (it may be cut short or damaged, or have changed upstream): move it "
            f"away and run again{recorded.or_accept(label)}"
        )
