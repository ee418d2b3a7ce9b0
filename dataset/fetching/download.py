"""Download one large file: streamed beside, resumed where it broke off, checked, then renamed.

pooch (1.9) does not serve here: it begins each attempt anew and deletes what had come when the
connection broke, takes an early end of the connection for the file's, and follows redirects to
plain http. What is left of it, one hash checked before the renaming, is a few lines below.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from transferz.dataset.fetching.part import CHUNK, Digest, Expected, Part, open_part, wrong_type
from transferz.dataset.fetching.web import (
    PARTIAL,
    RANGE_NOT_SATISFIABLE,
    PermanentFailure,
    TemporaryFailure,
    Web,
)
from transferz.schemas import InputError

PROGRESS = 1 << 20  # bytes that make a broken connection count as progress
SPARE = 64 << 20  # bytes to leave free on the disk
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")  # first byte and size
SIZE_UNKNOWN = "size unknown: its end can't be checked here"


class Unavailable(InputError):
    """None of a file's addresses gave it."""


def download(
    urls: Sequence[str], target: Path, folder: Path, expected: Expected, web: Web
) -> Digest:
    """Fetch a file from the first of its addresses that gives it, whole and as expected.

    A broken connection is resumed where it broke off, also by a later run, if the server can send
    a part and the file has not changed there. `target` appears only once all checks have passed; if
    nothing proves that it is whole, a note in `folder` says so (`is_unproven`) before it appears.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the same file, the preferred first.
    target : Path
        Where it is to lie.
    folder : Path
        Where the unfinished download lies meanwhile.
    expected : Expected
        What is known of it.
    web : Web
        Asks the servers.

    Returns
    -------
    Digest
        Hashes and size of the file.

    Raises
    ------
    Unavailable
        If no address gave the file that was expected.
    InputError
        If the disk is full, a folder can't be written, or another process downloads the same file.
    """
    name, failures = target.name, []
    try:
        with open_part(folder, name) as part:
            for url in urls:
                try:
                    digest = _from_one(url, part, name, expected, web)
                except PermanentFailure as failure:
                    failures.append(f"{url}: {failure}")
                    continue
                note = folder / f"{name}.unproven"
                if part.whole or expected.hashed or expected.bytes is not None:
                    note.unlink(missing_ok=True)
                else:
                    note.write_text(digest.sha256, encoding="ascii")
                part.move_to(target)
                return digest
    except OSError as error:
        raise InputError(
            f"cannot write {error.filename or folder / name}: {error.strerror or error}; free "
            "space, change the permissions, or make a link from the data folder to another disk, "
            f"and run again: what has been downloaded is kept in {folder} and continued"
        ) from error
    raise Unavailable(
        f"{name} could not be fetched, and nothing was put in its place. {'; '.join(failures)}"
    )


def is_unproven(folder: Path, name: str, digest: Digest) -> bool:
    """Whether a file is a download that may have been cut short; if so, say it in one line.

    A server that says no size ends a file by closing the connection (or with a last chunk, which
    one that makes files on the fly may also send when it fails), so a cut can't be told from the
    end. The hash of such a file must not become the recorded one. The note ``<name>.unproven``
    holds it, so that a later run knows the file from one that a person put there.
    """
    note = folder / f"{name}.unproven"
    if not note.is_file() or note.read_text(encoding="ascii", errors="replace") != digest.sha256:
        return False
    sys.stderr.write(
        f"{name}: its hash is not recorded, since the server did not say its size and it may be "
        "cut short; delete the file and run again to fetch it anew\n"
    )
    return True


def _from_one(url: str, part: Part, name: str, expected: Expected, web: Web) -> Digest:
    before = 0

    def attempt() -> Digest:
        nonlocal before
        before = part.size
        # An earlier run may have stopped between the last byte and the renaming.
        sized = before and expected.bytes in (None, before)
        if not (sized and expected.hashed and not expected.difference(part.digest())):
            _transfer(url, part, name, expected, web)
        return _checked(part, name, expected)

    return web.persist(attempt, lambda: part.size - before >= PROGRESS)


def _checked(part: Part, name: str, expected: Expected) -> Digest:
    """Return the digest of a complete download; drop one that is not what was expected."""
    digest = part.digest()
    if expected.bytes is not None and digest.bytes < expected.bytes:
        raise TemporaryFailure(f"the file ended after {digest.bytes:,} of {expected.bytes:,} bytes")
    part.file.seek(0)
    wrong = wrong_type(part.file.read(512), name) or expected.difference(digest)
    if not wrong:
        return digest
    again = part.resumed and not part.begun_anew
    part.restart()
    part.begun_anew = True
    if again:  # the parts may not have belonged together
        raise TemporaryFailure(f"{wrong}; begun anew")
    raise PermanentFailure(
        f"{wrong}; the download was discarded (it was damaged on the way, or the file has changed "
        "upstream since)"
    )


def _transfer(url: str, part: Part, name: str, expected: Expected, web: Web) -> None:
    """Add what is missing to `part` (RFC 9110, sections 13 and 14)."""
    validator = part.validator(url)
    if part.size and not (validator or expected.hashed):
        part.restart()  # nothing would tell if the file had changed meanwhile
    headers = {"Range": f"bytes={part.size}-"} if part.size else {}
    headers |= {"If-Range": validator} if part.size and validator else {}
    with web.get(url, headers) as response:
        total = _begin(url, part, name, response, validator)
        if response.status_code == RANGE_NOT_SATISFIABLE:
            return  # nothing comes after our last byte
        if None not in (total, expected.bytes) and total != expected.bytes:
            raise PermanentFailure(
                f"expected a file of {expected.bytes:,} bytes, the server's has {total:,}"
            )
        total = expected.bytes if total is None else total
        _require_space(part, total)
        size = f"{total / 1e6:,.1f} MB" if total is not None else SIZE_UNKNOWN
        whence = f", from byte {part.size:,}" if part.size else ""
        sys.stderr.write(f"fetching {name} ({size}{whence}) from {url}\n")
        with tqdm(
            desc=name, initial=part.size, total=total, unit="B", unit_scale=True, disable=None
        ) as bar:
            for data in response.raw.stream(CHUNK, decode_content=False):
                part.file.write(data)
                bar.update(len(data))
    if total is not None and part.size < total:
        raise TemporaryFailure(f"the connection broke after {part.size:,} of {total:,} bytes")
    sys.stderr.write(f"fetched {name}\n")


def _begin(
    url: str, part: Part, name: str, response: requests.Response, validator: str
) -> int | None:
    """Make `part` end where the response begins; return the size of the whole, if it is said."""
    headers = response.headers
    encoding = headers.get("Content-Encoding", "identity")
    if encoding != "identity" and not name.endswith(".gz"):
        raise PermanentFailure(f"the server sent the file compressed ({encoding}) though asked not")
    ranged = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    total = int(ranged[2]) if ranged and ranged[2] != "*" else None
    if response.status_code == RANGE_NOT_SATISFIABLE:
        if total != part.size:
            part.restart()
            raise TemporaryFailure("the server's file is shorter than what came of it; begun anew")
    elif response.status_code == PARTIAL:
        current = _validator(response)
        starts_here = ranged is not None and ranged[1] == str(part.size)
        if not starts_here or (validator and current and current != validator):
            part.restart()
            raise TemporaryFailure("the server sent another part than was asked for; begun anew")
        part.resumed = True
    else:
        part.restart(url, _validator(response))
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
    part.whole = total is not None
    return total


def _validator(response: requests.Response) -> str:
    """Return what If-Range may carry: a strong ETag, else the date of the last change.

    That the date is precise enough to tell versions of these files apart is our assumption.
    """
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _require_space(part: Part, total: int | None) -> None:
    needed = 0 if total is None else total - part.size + SPARE
    free = shutil.disk_usage(part.path.parent).free
    if free < needed:
        raise InputError(
            f"{part.path}: {needed:,} bytes of disk space are needed, {free:,} are free; free "
            "space and run again, or make a link from the data folder to a larger disk"
        )
