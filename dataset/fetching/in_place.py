"""Check the files that are in place already; they are only read."""

import zlib
from pathlib import Path

from transferz.dataset.fetching.download import Expected
from transferz.dataset.fetching.filetypes import wrong_type
from transferz.dataset.fetching.partial import Digest, hash_file, hash_unpacked
from transferz.dataset.fetching.recorded import Recorded
from transferz.dataset.fetching.unproven import is_unproven
from transferz.dataset.fetching.wanted import Wanted
from transferz.schemas import InputError


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
    digest = _hash_data(path)
    _require_agreement(path, digest, recorded.must_be(label, stated), recorded, label)
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
        As `check_in_place`, or if it is another copy than the one whose hash is known.
    """
    name, path = wanted.present, raw / wanted.present
    digest = _hash_data(path)
    if not wanted.is_free(name):
        _require_same_content(path, wanted, recorded)
        return digest
    expected = wanted.copies[name].expected
    _require_agreement(path, digest, expected, recorded, name)
    if expected.hashed or not is_unproven(folder, name, digest):
        recorded.record(name, digest)
    return digest


def _hash_data(path: Path) -> Digest:
    """Return the hashes of a file that is what its name says."""
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
    return digest


def _require_same_content(path: Path, wanted: Wanted, recorded: Recorded) -> None:
    """Refuse a copy that is not, unpacked, the one whose hash is known."""
    original = path.name.removesuffix(".gz")
    if original not in wanted.pinned or original == path.name:
        raise InputError(
            f"{path}: the hash that is known is of {', '.join(wanted.pinned)}, with which this "
            "file can't be compared; it was left as it is: put that one there instead"
            + _or_accept(recorded, wanted.pinned[0])
        )
    try:
        unpacked = hash_unpacked(path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot unpack {path}: {error}; remove it or get it again") from error
    expected = wanted.copies[original].expected
    _require_agreement(path, unpacked, expected, recorded, original)


def _require_agreement(
    path: Path, digest: Digest, expected: Expected, recorded: Recorded, label: str
) -> None:
    difference = expected.difference(digest)
    if difference:
        who = f"{recorded.path} or " if recorded.expected(label).hashed else ""
        unpacked = ", unpacked," if label == path.name.removesuffix(".gz") != path.name else ""
        raise InputError(
            f"{path}{unpacked} is not the file that {who}its source states: {difference}; it was "
            "left as it is (it may be cut short or damaged, or have changed upstream): move it "
            f"away and run again{_or_accept(recorded, label)}"
        )


def _or_accept(recorded: Recorded, label: str) -> str:
    return f", or {recorded.remedy(label)}" if recorded.expected(label).hashed else ""
