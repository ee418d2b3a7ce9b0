"""The entries of a leaderboard: read, and held against the data as they are now.

A run is a folder that ``transferz benchmark`` wrote, an entry with its forecasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from transferz.baselines.benchmark.forecasts import SetForecasts, read_forecasts
from transferz.releases import Release, find_release, seek_release
from transferz.schemas.benchmark.entries import ENTRY_FILE, FORECASTS_FILE, Data, Entry, read_entry
from transferz.schemas.errors import InputError, ParameterError, ReleaseError
from transferz.schemas.survey.files import SURVEYS, Version, file_digest, read_manifest

ENTRIES = Path(__file__).parent / "entries"
"""Those that the project keeps: a folder per survey, a file per method."""


# --- the data that entries are of


@dataclass(frozen=True, slots=True)
class Current:
    """The data that entries are held against: their name with its version, and their content.

    `content` maps what they are made of to its hash, as `fingerprint` does.
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


def find_current(entries: Sequence[Entry], release: Release | None) -> Current:
    """Say what entries are held against: the release here, else the newest of the entries' data.

    The release counts only where it is of the entries' survey.
    """
    if release is not None and release.survey in {entry.survey for entry in entries}:
        return current_data(release)

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


def current_data(release: Release) -> Current:
    """Return the data of a release."""
    content = {
        f"{config}/{split}": facts.get("content", "")
        for config, splits in read_manifest(release.path).get("content", {}).items()
        for split, facts in splits.items()
    }
    return Current(f"transferz {release.version}", content)


def release_here(path: Path | None) -> Release | None:
    """Find the release that is here, fetching none; None where none is.

    A `path` that is given must be a release: what `find_release` raises of it passes through.
    """
    if path is not None:
        return find_release(path)
    try:
        release = seek_release()
    except (ReleaseError, ParameterError):
        return None
    return release if isinstance(release, Release) else None


# --- entries and runs in folders


def read_entries(folder: Path) -> tuple[list[Entry], dict[str, str]]:
    """Read all entries of a folder, by key: its ``*.yaml``, or runs of the benchmark in it.

    Returns them, and for each file that was left out, by its path in the folder, a sentence: it
    can't be used, is of a key that another has already, or is called by another key than its own.
    Raises an InputError where none is left.
    """
    entries: dict[str, Entry] = {}
    unusable: dict[str, str] = {}
    for path in (*sorted(folder.glob("*.yaml")), *sorted(folder.glob(f"*/{ENTRY_FILE}"))):
        named = path.relative_to(folder).as_posix()
        try:
            entry = read_entry(path)
        except InputError as error:
            unusable[named] = str(error)
            continue
        key = entry.method.key
        if path.parent == folder and path.stem != key:
            unusable[named] = f"{path} is the entry of '{key}'; call it {key}.yaml"
        elif key in entries:
            unusable[named] = f"{path} is one more entry of '{key}'; remove all but one"
        else:
            entries[key] = entry
    if not entries:
        raise InputError(
            next(iter(unusable.values()))
            if unusable
            else f"{folder} has no entries; run `transferz benchmark` with --out "
            f"{quote(str(folder / 'METHOD'))}, or name another folder with --entries"
        )
    return [entries[key] for key in sorted(entries)], unusable


def entries_folder(release: Release | None) -> Path:
    """Return the project's own entries: of the survey of the release here, else the first with any.

    Raises an InputError where there are none of any survey.
    """
    here = [release.survey] if release else []
    for survey in (*here, *SURVEYS):
        if any((ENTRIES / survey).glob("*.yaml")):
            return ENTRIES / survey
    raise InputError(
        f"{ENTRIES} has no entries yet; name a folder of runs of the benchmark with --entries"
    )


def entries_to_write() -> Path:
    """Return the project's own entries, where a checkout holds them.

    Raises an InputError where the package is installed: the next install would replace what is
    written there.
    """
    if not (Path(__file__).parents[2] / "pyproject.toml").is_file():
        raise InputError(
            "the entries that came with the installed package are not written to; name a folder of "
            "your own, such as --entries board"
        )
    return ENTRIES


def own_entries(survey: str | None) -> list[Entry]:
    """Read the project's own entries of a survey; there may be none, as of a user's own tables."""
    folder = ENTRIES / (survey or "none")
    return read_entries(folder)[0] if any(folder.glob("*.yaml")) else []


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the benchmark: its entry with its forecasts, by test set."""

    entry: Entry
    forecasts: dict[str, SetForecasts]

    @property
    def key(self) -> str:
        """The method's."""
        return self.entry.method.key


def read_run(folder: Path) -> Run:
    """Read ``entry.yaml`` and ``forecasts.parquet``, and check that they belong together.

    Raises an InputError where a file can't be used, or the forecasts are another entry's.
    """
    entry, path = read_entry(folder / ENTRY_FILE), folder / FORECASTS_FILE
    again = f"run `transferz benchmark` again with --out {quote(str(folder))}"
    if not path.is_file():
        raise InputError(f"{path} is missing; {again}")
    facts = file_digest(path)
    if (facts["sha256"], facts["bytes"]) != (entry.forecasts.sha256, entry.forecasts.bytes):
        raise InputError(
            f"{path} has {facts['bytes']:,} bytes and sha256 {facts['sha256']}, but {ENTRY_FILE} "
            f"is of {entry.forecasts.bytes:,} bytes and {entry.forecasts.sha256}; it was changed "
            f"or damaged: {again}"
        )
    tested = sum(entry.tested_rows(name) or 0 for name in entry.scores)
    forecasts = read_forecasts(path, entry.seeds * tested)
    if forecasts.keys() != entry.scores.keys():
        raise InputError(
            f"{path} is of {', '.join(forecasts)}, but {ENTRY_FILE} has scores of "
            f"{', '.join(entry.scores)}; {again}"
        )
    return Run(entry, forecasts)
