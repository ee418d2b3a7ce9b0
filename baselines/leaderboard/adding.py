"""A run of the benchmark becomes an entry of the leaderboard, once its scores are its forecasts'.

Nothing of the method's is imported or run: what is looked at is a record and a table of numbers.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.forecasts import OF_GALAXIES, SetForecasts
from transferz.baselines.benchmark.scoring import BINNED, PHOTOMETRIC, scored_parts
from transferz.baselines.benchmark.task import TestSet, read_tests
from transferz.baselines.leaderboard.entries import current_data, data_name, read_run
from transferz.releases import Release
from transferz.schemas.benchmark.entries import (
    Entry,
    ForecastsFile,
    TestedSet,
    entry_text,
    rounded,
)
from transferz.schemas.benchmark.records import Record, parse_record
from transferz.schemas.benchmark.scores import EntryBin, EntryScores
from transferz.schemas.errors import InputError
from transferz.tables.files import made_folder, replace_file

TOLERANCE = 2e-5
"""Relative, between a score of the entry, of six digits, and of the forecasts (our choice)."""

NOTHING = 1e-8
"""Absolute, for scores that are 0."""

AGAIN = "run `transferz benchmark` again and add what it writes, unedited"


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
    tests = read_tests(release, list(run.forecasts), release.bands())
    for config, forecasts in run.forecasts.items():
        _require_galaxies(config, forecasts, tests[config], release, folder)
        _require_scores(config, forecasts, run.entry, folder)
    target = entries / release.survey / f"{run.key}.yaml"
    with made_folder(target.parent), replace_file(target) as beside:
        if not replace:  # looked at here, where nobody else can write it
            require_new(target, folder)
        beside.write_text(text, encoding="utf-8", newline="\n")
    return target


def require_new(target: Path, folder: Path) -> None:
    """Raise an InputError where the entry that a run in a folder would be is there already."""
    if target.exists():
        raise InputError(
            f"{target} is there already; give replace=True to put {folder} in its place, or the "
            "method another key",
            replace="--replace",
        )


def _with_url(entry: Entry, url: str | None) -> Entry:
    if url is None:
        return entry
    facts = json.dumps(entry.forecasts.model_dump() | {"url": url})
    forecasts = parse_record(facts, ForecastsFile, "--url", "give an address that all may see")
    return entry.model_copy(update={"forecasts": forecasts})


def _require_release(entry: Entry, release: Release, folder: Path) -> None:
    named, current = data_name(entry), current_data(release)
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
    computed = scored_parts({config: forecasts})
    # Through the same schema as the entry's, so that both are written alike.
    scored = parse_record(json.dumps(rounded(computed)), _Scored, "the forecasts' scores", AGAIN)
    stated, recomputed = (
        {
            "scores": plain["scores"][config],
            "bins": (plain["by_magnitude"] or {}).get(config),
        }
        for plain in (record.model_dump(mode="json", by_alias=True) for record in (entry, scored))
    )
    if stated["scores"]["tomography"] is None:
        _forget_later(recomputed["scores"])
    for name, said, is_so in _differences(stated, recomputed, config):
        raise InputError(
            f"{folder}: the entry says that {name} is {said}, its forecasts say {is_so}; {AGAIN}"
        )


def _forget_later(scores: dict[str, Any]) -> None:
    """Take out what entries did not have before n(z) was scored."""
    scores |= dict.fromkeys(("tomography", "discreteness", "risk"))
    for kind in PHOTOMETRIC:
        for one in (scores["bins"] or {}).get(kind, ()):
            if one["metrics"]:
                one["metrics"] = {name: one["metrics"][name] for name in BINNED}


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
