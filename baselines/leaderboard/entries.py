"""The entries of a leaderboard: read, held against the data as they are now, and added from runs.

A run is a folder that ``transferz benchmark`` wrote, an entry with its forecasts. It becomes an
entry of the leaderboard once its scores are seen to be its forecasts'. Nothing of the method's is
imported or run: what is looked at is a record and a table of numbers.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.forecasts import OF_GALAXIES, SetForecasts, read_forecasts
from transferz.baselines.benchmark.scoring import coverage_by_magnitude, score_set
from transferz.baselines.benchmark.task import TestSet, read_tests
from transferz.releases import Release, find_release, seek_release
from transferz.schemas.benchmark.entries import (
    ENTRY_FILE,
    FORECASTS_FILE,
    Data,
    Entry,
    ForecastsFile,
    TestedSet,
    entry_text,
    read_entry,
    rounded,
)
from transferz.schemas.benchmark.records import Record, parse_record
from transferz.schemas.benchmark.scores import EntryBin, EntryScores
from transferz.schemas.errors import InputError, ParameterError, ReleaseError
from transferz.schemas.survey.columns import MAGNITUDES
from transferz.schemas.survey.files import SURVEYS, Version, file_digest, read_manifest
from transferz.tables.files import made_folder, replace_file

ENTRIES = Path(__file__).parent / "entries"
"""Those that the project keeps: a folder per survey, a file per method."""

TOLERANCE = 2e-5
"""Relative, between a score of the entry, of six digits, and of the forecasts (our choice)."""

NOTHING = 1e-8
"""Absolute, for scores that are 0."""

AGAIN = "run `transferz benchmark` again and add what it writes, unedited"


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
        return _current(release)

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


def _current(release: Release) -> Current:
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


def read_entries(folder: Path) -> tuple[list[Entry], list[str]]:
    """Read all entries of a folder, by key: its ``*.yaml``, or runs of the benchmark in it.

    Returns them, and a sentence on each that was left out: one that can't be used, one of a key
    that another has already, a file that is called by another key than its own. Raises an
    InputError where none is left.
    """
    entries: dict[str, Entry] = {}
    unusable = []
    for path in (*sorted(folder.glob("*.yaml")), *sorted(folder.glob(f"*/{ENTRY_FILE}"))):
        try:
            entry = read_entry(path)
        except InputError as error:
            unusable.append(str(error))
            continue
        key = entry.method.key
        if path.parent == folder and path.stem != key:
            unusable.append(f"{path} is the entry of '{key}'; call it {key}.yaml")
        elif key in entries:
            unusable.append(f"{path} is one more entry of '{key}'; remove all but one")
        else:
            entries[key] = entry
    if not entries:
        raise InputError(
            unusable[0]
            if unusable
            else f"{folder} has no entries; run `transferz benchmark` with --out "
            f"{folder / 'METHOD'}, or name another folder with --entries"
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
    if not path.is_file():
        raise InputError(f"{path} is missing; run `transferz benchmark` again with --out {folder}")
    facts = file_digest(path)
    if (facts["sha256"], facts["bytes"]) != (entry.forecasts.sha256, entry.forecasts.bytes):
        raise InputError(
            f"{path} has {facts['bytes']:,} bytes and sha256 {facts['sha256']}, but {ENTRY_FILE} "
            f"is of {entry.forecasts.bytes:,} bytes and {entry.forecasts.sha256}; it was changed "
            f"or damaged: run `transferz benchmark` again with --out {folder}"
        )
    forecasts = read_forecasts(path)
    if forecasts.keys() != entry.scores.keys():
        raise InputError(
            f"{path} is of {', '.join(forecasts)}, but {ENTRY_FILE} has scores of "
            f"{', '.join(entry.scores)}; run `transferz benchmark` again with --out {folder}"
        )
    return Run(entry, forecasts)


# --- a run becomes an entry


def add_run(
    folder: Path,
    release: Release,
    entries: Path,
    *,
    url: str | None = None,
    replace: bool = False,
) -> Path:
    """Check a run of the benchmark, copy its entry below `entries`, and return where that is.

    Checked are: the entry's schema; the forecasts' checksum; that the release has the content
    that the entry is of; that the forecasts are of its test galaxies, with its labels, magnitudes
    and (of a mock) true redshifts; and that all scores, computed anew from the forecasts, are what
    the entry says: metrics with spreads, errors and verdicts, completeness, PIT histograms, bins.
    Only scores on another set than a method was calibrated on (`transfer`) can't be: their
    forecasts are not kept.

    `url` is where the forecasts can be had, ``https://…``, in place of what the entry says. Raises
    an InputError where anything of that is not so, or an entry of the key is there already and
    `replace` is False.
    """
    run = read_run(folder)
    text = entry_text(_with_url(run.entry, url))
    _require_release(run.entry, release, folder)
    tests = read_tests(release, list(run.forecasts), MAGNITUDES)
    for config, forecasts in run.forecasts.items():
        _require_galaxies(config, forecasts, tests[config], release, folder)
        _require_scores(config, forecasts, run.entry, folder)
    target = entries / release.survey / f"{run.key}.yaml"
    with made_folder(target.parent), replace_file(target) as beside:
        if target.exists() and not replace:  # looked at here, where nobody else can write it
            raise InputError(
                f"{target} is there already; give --replace to put {folder} in its place, or the "
                "method another key"
            )
        beside.write_text(text, encoding="utf-8", newline="\n")
    return target


def _with_url(entry: Entry, url: str | None) -> Entry:
    if url is None:
        return entry
    facts = json.dumps(entry.forecasts.model_dump() | {"url": url})
    forecasts = parse_record(facts, ForecastsFile, "--url", "give an address that all may see")
    return entry.model_copy(update={"forecasts": forecasts})


def _require_release(entry: Entry, release: Release, folder: Path) -> None:
    named, current = data_name(entry), _current(release)
    if entry.survey is None:
        raise InputError(
            f"{folder} was run on a table of its own ({named}); the project's leaderboard is of "
            "releases: name the folder of such runs with `transferz leaderboard --entries`"
        )
    if entry.data.test_table is not None:
        raise InputError(
            f"{folder} was tested on a table of its own too ({entry.data.test_table.file}), which "
            "the release can't vouch for; run the method again without --test-table"
        )
    if entry.survey != release.survey or not current.holds(entry):
        raise InputError(
            f"{folder} was run on {named} (survey {entry.survey}), which is not what "
            f"{release.path} holds, {current.name} (survey {release.survey}); run it again on "
            "that, or name the release that it was run on with --release"
        )


def _require_galaxies(
    config: str, forecasts: SetForecasts, test: TestSet, release: Release, folder: Path
) -> None:
    """Check that all that is known of the galaxies is as in the release's test split."""
    for name in OF_GALAXIES:
        forecast, released = getattr(forecasts, name), getattr(test, name)
        optional = name not in ("object_id", "redshift")
        if optional and (forecast is None or np.isnan(forecast).all()):
            continue  # a run without such a band, or on no mock
        if released is None or not np.array_equal(forecast, released, equal_nan=optional):
            raise InputError(
                f"{folder}: the forecasts of '{config}' differ in {name} from the test split of "
                f"{release.path}; {AGAIN}"
            )


class _Scored(Record):
    """The part of an entry that comes of its forecasts."""

    scores: dict[TestedSet, EntryScores]
    by_magnitude: dict[TestedSet, tuple[EntryBin, ...]] | None


def _require_scores(config: str, forecasts: SetForecasts, entry: Entry, folder: Path) -> None:
    """Check that the entry's scores of a test set are those of the forecasts."""
    if len(forecasts.point) != entry.seeds:
        raise InputError(
            f"{folder}: forecasts of {len(forecasts.point)} seeds, the entry says {entry.seeds}; "
            f"{AGAIN}"
        )
    bins = coverage_by_magnitude(forecasts)
    computed = {
        "scores": {config: score_set(forecasts)},
        "by_magnitude": {config: bins} if bins else None,
    }
    # Through the same schema as the entry's, so that both are written alike.
    scored = parse_record(json.dumps(rounded(computed)), _Scored, "the forecasts' scores", AGAIN)
    stated, recomputed = (
        {
            "scores": plain["scores"][config],
            "bins": (plain["by_magnitude"] or {}).get(config),
        }
        for plain in (record.model_dump(mode="json", by_alias=True) for record in (entry, scored))
    )
    for name, said, is_so in _differences(stated, recomputed, config):
        raise InputError(
            f"{folder}: the entry says that {name} is {said}, its forecasts say {is_so}; {AGAIN}"
        )


def _differences(stated: Any, recomputed: Any, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield where two pieces of plain data differ: the place's name, and what each has there.

    Numbers differ where they are further apart than `TOLERANCE` and `NOTHING`.
    """
    kinds = type(stated), type(recomputed)
    if kinds == (dict, dict):
        for key in dict.fromkeys([*stated, *recomputed]):
            yield from _differences(stated.get(key), recomputed.get(key), f"{name}.{key}")
    elif kinds == (list, list) and len(stated) == len(recomputed):
        for place, pair in enumerate(zip(stated, recomputed, strict=True)):
            yield from _differences(*pair, f"{name}.{place}")
    elif kinds == (float, float):
        if not math.isclose(stated, recomputed, rel_tol=TOLERANCE, abs_tol=NOTHING):
            yield name, _shown(stated), _shown(recomputed)
    elif stated != recomputed:
        yield name, _shown(stated), _shown(recomputed)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "something"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
