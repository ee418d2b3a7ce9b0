"""The entries of a leaderboard, and which of them are of the data as they are now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transferz.releases import Release, find_release, seek_release
from transferz.schemas.benchmark.entries import ENTRY_FILE, Data, Entry, read_entry
from transferz.schemas.errors import InputError, ParameterError, ReleaseError
from transferz.schemas.survey.manifest import SURVEYS, read_manifest
from transferz.schemas.survey.versions import Version

ENTRIES = Path(__file__).parent / "entries"
"""Those that the project keeps: a folder per survey, a file per method."""


@dataclass(frozen=True, slots=True)
class Current:
    """The data that entries are held against.

    Attributes
    ----------
    name : str
        What they are called, with their version.
    content : dict of str to str
        What they are made of -> its hash, as `fingerprint` has it.
    """

    name: str
    content: dict[str, str]

    def holds(self, entry: Entry) -> bool:
        """Say whether all that an entry learned from and was tested on is as it is here."""
        return fingerprint(entry).items() <= self.content.items()


def fingerprint(entry: Entry) -> dict[str, str]:
    """Return the hash of each part of the data that an entry is of."""
    data = entry.data
    if isinstance(data, Data):
        return {
            f"{config}/{split}": facts.hash
            for config, splits in data.content.items()
            for split, facts in splits.items()
        }
    tables = {"table": data.table, "test table": data.test_table}
    return {name: table.sha256 for name, table in tables.items() if table is not None}


def data_name(entry: Entry) -> str:
    """Return what an entry's data are called: the release with its version, or the file."""
    data = entry.data
    if isinstance(data, Data):
        return f"{data.name} {data.version}"
    return ", ".join(table.file for table in (data.table, data.test_table) if table is not None)


def read_entries(folder: Path) -> list[Entry]:
    """Read all entries of a folder: its ``*.yaml``, or runs of the benchmark in folders of it.

    Parameters
    ----------
    folder : Path
        Of one survey, or of runs on one table.

    Returns
    -------
    list of Entry
        By key.

    Raises
    ------
    InputError
        Where there is none, one can't be used, two have the same key, or a file is called by
        another key than its own.
    """
    files = sorted(folder.glob("*.yaml"))
    entries = [read_entry(path) for path in (*files, *sorted(folder.glob(f"*/{ENTRY_FILE}")))]
    for path, entry in zip(files, entries, strict=False):
        if path.stem != entry.method.key:
            raise InputError(
                f"{path} is the entry of '{entry.method.key}'; call it {entry.method.key}.yaml"
            )
    if not entries:
        raise InputError(
            f"{folder} has no entries; run `transferz benchmark` with --out {folder / 'METHOD'}, "
            "or name another folder with --entries"
        )
    keys = Counter(entry.method.key for entry in entries)
    if repeated := [key for key, count in keys.items() if count > 1]:
        raise InputError(f"{folder} has more than one entry of '{repeated[0]}'; remove all but one")
    return sorted(entries, key=lambda entry: entry.method.key)


def find_current(entries: Sequence[Entry], release: Release | None) -> Current:
    """Say what entries are held against: the release here, else the newest of the entries' data.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    release : Release or None
        What is here; it counts only where it is of the entries' survey.
    """
    surveys = {entry.survey for entry in entries}
    if release is not None and release.survey in surveys:
        return Current(f"transferz {release.version}", manifest_content(release))

    def age(entry: Entry) -> tuple[Version, int]:
        """By version; of one version, the content that more entries are of counts as newer."""
        data = entry.data
        version = Version.parse(data.version) if isinstance(data, Data) else Version(0, 0, 0)
        return version, sum(fingerprint(other) == fingerprint(entry) for other in entries)

    newest = max(entries, key=age)
    name, content = data_name(newest), fingerprint(newest)
    # One entry learned from this part of the data and one from that: they know it together.
    for entry in entries:
        own = fingerprint(entry)
        agrees = all(content.get(part, digest) == digest for part, digest in own.items())
        if agrees and data_name(entry) == name:
            content |= own
    return Current(name, content)


def manifest_content(release: Release) -> dict[str, str]:
    """Return the hash of each split of a release, as `fingerprint` has them."""
    content = read_manifest(release.path).get("content", {})
    return {
        f"{config}/{split}": facts.get("content", "")
        for config, splits in content.items()
        for split, facts in splits.items()
    }


def release_here(path: Path | None) -> Release | None:
    """Find the release that is here, fetching none; None where none is.

    Raises
    ------
    ReleaseError, ParameterError
        Where `path` is given and is no release.
    """
    if path is not None:
        return find_release(path)
    try:
        release = seek_release()
    except (ReleaseError, ParameterError):
        return None
    return release if isinstance(release, Release) else None


def entries_folder(release: Release | None) -> Path:
    """Return the project's own entries: of the survey of the release here, else the first with any.

    Raises
    ------
    InputError
        Where there are none of any survey.
    """
    here = [release.survey] if release else []
    for survey in (*here, *SURVEYS):
        if any((ENTRIES / survey).glob("*.yaml")):
            return ENTRIES / survey
    raise InputError(
        f"{ENTRIES} has no entries yet; name a folder of runs of the benchmark with --entries"
    )
