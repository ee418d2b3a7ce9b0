"""Check the files that are in place already; they are only read."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from transferz.dataset.fetching.download import is_unproven
from transferz.dataset.fetching.editions import Recorded, Wanted
from transferz.dataset.fetching.part import Digest, Expected, hash_stream, wrong_type
from transferz.schemas import InputError


def check_by_hand(path: Path, recorded: Recorded, label: str) -> Digest:
    """Check a file that a person put in place, and record its hash if none is recorded yet.

    Parameters
    ----------
    path : Path
        The file; it is only read.
    recorded : Recorded
        What was found when it was first seen.
    label : str
        The name that its hash is recorded under; that of the file is the person's choice.

    Raises
    ------
    InputError
        If it can't be read, is a web page or of another format than its name says, or differs from
        what is recorded.
    """
    digest = _hash_data(path)
    _require_agreement(path, digest, recorded.expected(label), recorded, label)
    recorded.record(label, digest)
    return digest


def check_present(raw: Path, wanted: Wanted, recorded: Recorded, folder: Path) -> Digest:
    """Check the copy of a wanted file that is in place.

    Where the hash of another copy is known, it is accepted only if it is that copy compressed. Its
    hash is recorded if none is known and the file is not a download that may have been cut short.

    Parameters
    ----------
    raw : Path
        The catalogue's folder.
    wanted : Wanted
        The file.
    recorded : Recorded
        Hashes of earlier fetches.
    folder : Path
        Where unfinished downloads lie, and notes of those that may have been cut short.

    Raises
    ------
    InputError
        As `check_by_hand`, or if it is another copy than the one whose hash is known.
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
    try:
        with gzip.open(path, "rb") as file:
            unpacked = hash_stream(cast(BinaryIO, file))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot unpack {path}: {error}; remove it or get it again") from error
    _require_agreement(path, unpacked, wanted.copies[original].expected, recorded, original)
    return digest


def _hash_data(path: Path) -> Digest:
    """Return the hashes of a file that is what its name says."""
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
