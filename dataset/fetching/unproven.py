"""Notes of downloads that may have been cut short, because nothing told their size.

A server that says no size ends a file by closing the connection (or with a last chunk, which one
that makes files on the fly may also send when it fails), so a cut can't be told from the end. The
hash of such a file must not become the recorded one. The note ``<name>.unproven`` beside the
unfinished downloads holds it, so that a later run knows the file from one that a person put there.
"""

import sys
from pathlib import Path

from transferz.dataset.fetching.partial import Digest


def note_proof(folder: Path, name: str, digest: Digest, whole: bool) -> None:
    """Note that a download may have been cut short, or, if it is `whole`, drop such a note.

    Parameters
    ----------
    folder : Path
        Where unfinished downloads lie.
    name : str
        The file's name.
    digest : Digest
        Hashes and size of what came.
    whole : bool
        Whether its size or hash was known.
    """
    if whole:
        _note(folder, name).unlink(missing_ok=True)
    else:
        _note(folder, name).write_text(digest.sha256, encoding="ascii")


def is_unproven(folder: Path, name: str, digest: Digest) -> bool:
    """Whether a file is a download that may have been cut short; if so, say it in one line."""
    note = _note(folder, name)
    if not note.is_file() or note.read_text(encoding="ascii", errors="replace") != digest.sha256:
        return False
    sys.stderr.write(
        f"{name}: its hash is not recorded, since the server did not say its size and it may be "
        "cut short; delete the file and run again to fetch it anew\n"
    )
    return True


def _note(folder: Path, name: str) -> Path:
    return folder / f"{name}.unproven"
