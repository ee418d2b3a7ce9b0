"""Published forecasts become a run, scored as they are by the same code: nothing is rerun.

What their method has learned from can't be known. What can be is checked: whose galaxies they are,
that none is of another split than the test's, and that they are not the labels themselves.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import transferz
from transferz.baselines.benchmark.benchmarking import Outcome, content_facts
from transferz.baselines.benchmark.forecasts import SetForecasts, forecasts_file
from transferz.baselines.benchmark.scoring import scored_parts
from transferz.baselines.benchmark.tables import file_facts
from transferz.baselines.benchmark.task import TEST, describe_release, read_tests
from transferz.baselines.forecasts.files import FileForecasts
from transferz.baselines.forecasts.scoring import find_configs, join_labels
from transferz.releases import Release
from transferz.schemas.benchmark.entries import (
    FORECASTS_FILE,
    SCHEMA,
    Entry,
    method_key,
    rounded,
)
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.benchmark.scores import TABLE
from transferz.schemas.errors import InputError, without_credentials
from transferz.schemas.survey.described import TRUTH
from transferz.tables.printing import printable

SAME = 1e-6
"""Redshift within which a forecast is the label itself (our choice: float32's rounding)."""

MOST_SAME = 0.5
"""Share of a test set whose forecasts may be the labels (our choice; by chance hardly any are)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of published forecasts: what tables call them, whose they are, their training.

    Nothing of it can be checked.
    """

    name: str
    citation: str | None = None
    trained_on: str | None = None


def publish(
    path: Path, sets: Mapping[str, SetForecasts], data: Mapping[str, Any], said: Said, command: str
) -> Outcome:
    """Score forecasts that were published and make an entry of them, as of a run.

    Parameters
    ----------
    path : Path
        The file that they are from.
    sets, data
        Test set -> forecasts, and what that is of, as `of_release` or `of_table` returns them.
    said : Said
        What is said of them.
    command : str
        What the entry says that was run.

    Returns
    -------
    Outcome
        The entry, marked as published, and the forecasts; its `write` makes a run of them.

    Raises
    ------
    InputError
        Where most are the labels themselves, or what is said can't stand in an entry.
    """
    for name, forecasts in sets.items():
        _refuse_labels(path, name, forecasts)
    table = forecasts_file(sets)
    content = {
        "schema": SCHEMA,
        "method": {
            "key": method_key(said.name),
            "name": said.name,
            **({"citation": said.citation} if said.citation else {}),
        },
        "published": {
            **file_facts(path),
            "rerun": False,
            **({"trained_on": said.trained_on} if said.trained_on else {}),
        },
        "seeds": max(len(one.point) for one in sets.values()),
        "data": data,
        **scored_parts(sets),
        "command": printable(without_credentials(command)),
        "transferz": transferz.__version__,
        "date": date.today().isoformat(),
        "forecasts": content_facts(FORECASTS_FILE, table),
    }
    text = json.dumps(rounded(content), allow_nan=False)
    entry = parse_record(text, Entry, str(path), "give another --name, --citation or --trained-on")
    return Outcome(entry, dict(sets), table)


def of_release(
    given: FileForecasts, release: Release, config: str | None, *, allow_missing: bool
) -> tuple[dict[str, SetForecasts], dict[str, Any]]:
    """Put forecasts to the test galaxies of a release, by id: of each config that they are of.

    Or of one `config` alone; without ids they are in the order of its test split. With the sets
    comes the release's description for a record. Raises an InputError where an id is of no test
    galaxy or comes twice, or a forecast is missing and may not be.
    """
    configs = [config] if config else find_configs(given, release)
    sets = {}
    for name, test in read_tests(release, configs, release.bands()).items():
        joined = join_labels(given, release, name, allow_missing=allow_missing)
        sets[name] = replace(joined, i_mag=test.i_mag, g_mag=test.g_mag, truth=test.truth)
    used = {(name, TEST) for name in configs}
    if any(one.truth is not None for one in sets.values()):
        used.add((release.configs()[TRUTH], TEST))
    facts = describe_release(release, used).model_dump(mode="json", exclude_none=True)
    return sets, facts


def of_table(
    path: Path, forecasts: SetForecasts, redshift: str, dropped: int
) -> tuple[dict[str, SetForecasts], dict[str, Any]]:
    """Take forecasts of galaxies whose true redshifts are in a table: its column `redshift`.

    `dropped` rows had none. The description for a record tells the galaxies by the sha256 of their
    ids (row numbers, where there are none) and redshifts, whatever else the table holds.
    """
    known = forecasts.object_id.astype("<i8"), forecasts.redshift.astype("<f4")
    digest = hashlib.sha256(b"".join(values.tobytes() for values in known)).hexdigest()
    size = forecasts.redshift.size
    facts = file_facts(path) | {"sha256": digest}
    counts = {"rows": size, "dropped": dropped, "tested": size}
    return {TABLE: forecasts}, {"table": {**facts, "redshift": redshift, **counts}}


def _refuse_labels(path: Path, name: str, forecasts: SetForecasts) -> None:
    """Refuse forecasts that are the labels: of another column, or of a method that knew them."""
    known = forecasts.take(forecasts.scored)
    same = np.abs(known.point - known.redshift) <= SAME
    if same.size and (share := float(same.mean())) > MOST_SAME:
        raise InputError(
            f"{path}: {100 * share:.0f} % of the forecasts for '{name}' are the true redshifts "
            f"themselves, within {SAME:g}; name the column of the forecasts with --pred"
        )
