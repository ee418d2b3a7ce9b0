"""What `transferz verify` looks for and what it says: promises, broken ones, those not checked."""

import errno
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ParamSpec

from transferz.tables.printing import printable

PROMISES = {
    "manifest": "the manifest is readable, whole and unchanged, byte for byte",
    "files": "the files are those of a release, each with its size and sha256 in the manifest",
    "declaration": "columns, types, units and UCDs are those this package declares",
    "page_checksums": "every parquet page agrees with its checksum",
    "columns": "every parquet file has the manifest's columns and types, in order",
    "footer": "every parquet file says unit, UCD and description of its columns (VOParquet)",
    "bounds": "every value is within its declared bounds",
    "configs": "the configs are those of the release's survey, the truth in a mock alone",
    "content": "rows, bytes and logical content of every split are the manifest's",
    "counts": "the manifest's counts of the build follow from one another and from the rows",
    "quality": "the manifest's medians, nulls and quality of the labels are those of the rows",
    "index": "the index lists the objects, splits and row hashes of the data",
    "hats": "the HATS collections, where there are any, have the rows of the configs, and footers",
    "unique_ids": "an object occurs once in a config, and rows are in the order of their ids",
    "own_split": "an object's split follows from its id, or block of sky, by the parameters",
    "one_split": "an object is in the same split in every config",
    "apart": "no two objects within the match radius, no group, no look-alikes are in two splits",
    "groups": "group_id is the least id linked within the match radius",
    "labels": "every config has labels of its own kind",
    "combo": "the union has every galaxy once, one in both by its spectroscopic row",
    "truth": "truth has released objects alone, with one true redshift each",
    "card": "the card is what manifest and data make of it: front matter, title, tables",
    "croissant": "croissant.json says what the manifest and the data make of it",
    "citation": "the citation file is of this release, and says what the manifest makes of it",
    "figures": "the figures of rows and cuts are those drawn anew of data and manifest",
    "words": "descriptions and the card's text are, to the letter, those this package writes",
}
"""The promises of a release, by the names that reports use."""

SHOWN = 3
"""Ids or files named of those that break a promise."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One of `PROMISES` that a file, named relative to the release, breaks.

    What is ``expected`` is empty where the promise says it all.
    """

    file: str
    promise: str
    found: str
    expected: str = ""

    def __str__(self) -> str:
        wanted = f"; expected {self.expected}" if self.expected else ""
        return one_line(f"{self.file}: {self.promise}: found {self.found}{wanted}")


@dataclass(frozen=True, slots=True)
class Unable:
    """One of `PROMISES` that can't be checked of a file here, and why: which breaks nothing."""

    file: str
    promise: str
    reason: str

    def __str__(self) -> str:
        return one_line(f"{self.file}: {self.promise}: can't be checked: {self.reason}")


Finding = Broken | Unable


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked of a release, its directory, and what is broken, in the order found.

    The version is empty where the manifest can't be read. Promises are ``unchecked`` for what is
    broken, or because nothing in such a release proves them; ``unable`` says why some could not be
    looked at here. ``files`` counts those whose bytes, ``rows`` those whose values were checked.
    ``others`` are files and folders beside those of the release.
    """

    release: str
    version: str
    broken: tuple[Broken, ...]
    checked: tuple[str, ...]
    unchecked: tuple[str, ...] = ()
    files: int = 0
    rows: int = 0
    unable: tuple[Unable, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is broken, and nothing kept from being checked."""
        return not (self.broken or self.unable)

    def text(self) -> str:
        """Return a line per broken promise and one that sums up."""
        what = f"{self.release}: transferz {self.version or 'of unknown version'}"
        files = len({finding.file for finding in self.broken})
        broken = f"BROKEN: {len(self.broken)} findings in {files} files"
        verdict = broken if self.broken else "NOT CHECKED" if self.unable else "sound"
        done = f"{self.files} files, {self.rows:,} rows, {len(self.checked)} promises checked"
        left = f"; not checked: {', '.join(self.unchecked)}" if self.unchecked else ""
        beside = f"; beside it, of no release: {some(self.others)}" if self.others else ""
        summary = one_line(f"{what}: {verdict}; {done}{left}{beside}")
        return "\n".join([*map(str, (*self.broken, *self.unable)), summary]) + "\n"

    def json(self) -> str:
        """Return the report as JSON."""
        content: dict[str, Any] = asdict(self) | {"sound": self.sound}
        return json.dumps(content, indent=2) + "\n"


def one_line(text: str) -> str:
    """Return text on one line, without what could move a terminal's cursor."""
    return printable(" ".join(text.split()))


Arguments = ParamSpec("Arguments")


def safely(
    file: str,
    promise: str,
    check: Callable[Arguments, Iterable[Finding]],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Iterator[Finding]:
    """Run a check; whatever error a damaged file makes it raise is a finding too.

    An error is put down to `file` and `promise`; the other arguments are the check's. A package
    that is not installed raises ModuleNotFoundError: no file is to blame for it.
    """
    try:
        yield from check(*args, **kwargs)
    except Exception as error:  # readers of damaged files raise anything
        yield unreadable(file, promise, error)


_OF_THE_MACHINE = (
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    errno.ENAMETOOLONG,
)


def unreadable(file: str, promise: str, error: Exception) -> Finding:
    """Return the finding that a file can't be read or makes no sense, or that this machine can't.

    ModuleNotFoundError is raised again: what is not installed concerns every file.
    """
    if isinstance(error, ImportError):
        raise error
    if isinstance(error, MemoryError):
        return Unable(file, promise, "there is too little memory; use a machine that has more")
    nowhere = isinstance(error, OSError) and "temporary directory" in str(error)  # all are full
    if isinstance(error, OSError) and (nowhere or error.errno in _OF_THE_MACHINE):
        return Unable(file, promise, f"{error.strerror}; mend that and run it again")
    if isinstance(error, FileNotFoundError):
        return Broken(file, promise, "nothing", "a file that every release has")
    kind = type(error).__name__
    said = one_line(str(error))
    return Broken(file, promise, f"it can't be read ({kind}: {said})" if said else kind)


def some(values: Iterable[Any]) -> str:
    """Name the first few of many."""
    listed = list(values)
    rest = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(map(str, listed[:SHOWN])) + rest
