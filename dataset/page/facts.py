"""What the stage `card` adds to a manifest: quality, results of baselines and history.

Quality is measured from the released rows, results come from the checked entries of the benchmark,
the history is the dataset's changelog.
"""

import datetime
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.dataset.page.subject import reference_band, subject_of
from transferz.photometry.redshift_error import redshift_error
from transferz.schemas import InputError, ParameterError
from transferz.schemas.benchmark.entries import ORDER, Data, Entry, EntryTraining, read_entry
from transferz.schemas.benchmark.scores import TITLES, number_text
from transferz.schemas.survey.described import (
    LABEL,
    SPECTROSCOPIC,
    TRUTH,
    bands_of,
    configs_of,
)
from transferz.schemas.survey.files import Version
from transferz.tables.files import read_json, require_file

MAGNITUDE_EDGES = (-np.inf, 22.5, 24.0, 25.0, np.inf)
"""Of the magnitude in the reference band, AB. Our choice, with the two in i that Weaver et al.
(2022) publish for."""

OF_EVERY_RELEASE = {
    *("ra", "dec", "redshift", "redshift_lo", "redshift_hi", "redshift_kind", "group_id"),
}
"""The columns that every release has and that name no object."""

FEWEST = 20
"""With fewer galaxies no scatter is given (our choice)."""

REMEDY = "write it again with `make baselines`"
MADE_OF = "made_of.json"
"""Beside the figures: the sha256 of the forecasts that they show, by method."""

FIGURES = {name: f"figures/{name}.png" for name in ("forecasts", "scores")}
"""Those of the baselines' figures that the card shows, and where it shows them from."""

MARK = " †"
"""After the title of a baseline on other data."""

CHANGELOG_FILE = Path("dataset") / "CHANGELOG.md"

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The kinds of change that Keep a Changelog 1.1.0 knows."""

_TITLE = re.compile(r"\[(?P<version>\S+)\] - (?P<date>\S+)")


def quality(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Measure medians and nulls of every config, and the labels where there are any.

    `tables` has the released rows of every config, all splits; `manifest` says which is which. The
    answer has ``label``: by reference (``spectroscopic``, and in a mock ``true``) what
    `label_quality` finds; ``medians``: by config of ``redshift`` and of the magnitude in the
    `reference_band`, by its name (AB mag); ``nulls``: by config the share of nulls of each column
    that has any. Where spectra are a compilation's, ``spectra`` has the objects by catalogue.
    """
    configs, bands = configs_of(manifest), bands_of(manifest)
    band, label = reference_band(bands), {}
    for reference, role, keys in (
        ("spectroscopic", SPECTROSCOPIC, naming_columns(manifest)),
        ("true", TRUTH, ["object_id"]),
    ):
        if LABEL in configs and role in configs:
            labelled = tables[configs[LABEL]]
            known = _redshifts_of(labelled, tables[configs[role]], keys)
            if len(pairs := labelled.assign(reference=known).dropna(subset="reference")):
                label[reference] = label_quality(pairs, band.magnitude)
    medians, nulls = {}, {}
    for config, rows in tables.items():
        columns = {"redshift": rows["redshift"], band.name: rows[band.magnitude]}
        medians[config] = {
            name: round(float(values.astype("float64").median()), 4)
            for name, values in columns.items()
        }
        shares = {name: float(rows[name].isna().mean()) for name in manifest["columns"]}
        nulls[config] = {name: round(share, 4) for name, share in shares.items() if share > 0}
    answer = {"label": label, "medians": medians, "nulls": nulls}
    if any(stage.startswith("match@") for stage in manifest["counts"]):
        answer["spectra"] = _by_source(tables[configs[SPECTROSCOPIC]]["specz_name"])
    return answer


def _by_source(names: pd.Series) -> dict[str, int]:
    """Objects by the catalogue that the names of their spectra begin with, most first."""
    found = names.str.split("-").str[0].value_counts().sort_index()
    return {
        str(name): int(rows)
        for name, rows in found.sort_values(ascending=False, kind="stable").items()
    }


def naming_columns(manifest: Mapping[str, Any]) -> list[str]:
    """Return the columns that name an object: ``object_id``, and those of names elsewhere."""
    measured = {name for band in bands_of(manifest) for name in (band.magnitude, band.error)}
    return [name for name in manifest["columns"] if name not in measured | OF_EVERY_RELEASE]


def _redshifts_of(rows: pd.DataFrame, others: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """The redshift that the same object has in another config; missing where it is not there."""
    found = pd.Series(np.nan, rows.index)
    for key in keys:
        known = others.dropna(subset=key).drop_duplicates(key).set_index(key)["redshift"]
        found = found.fillna(rows[key].map(known.astype("float64")).astype("float64"))
    return found


def label_quality(pairs: pd.DataFrame, magnitude: str) -> list[dict[str, Any]]:
    """Measure released labels against the column ``reference``, by the column `magnitude`.

    Each bin has ``from`` and ``to`` (AB mag, null where open), ``rows``, and with at least `FEWEST`
    rows ``bias``, ``scatter`` and ``outliers`` (see `transferz.photometry.redshift_error`) and,
    where intervals are given, ``covered``, the share of references within them.
    """
    values = pairs[magnitude].astype("float64")
    bins = []
    for low, high in itertools.pairwise(MAGNITUDE_EDGES):
        inside = pairs.loc[(values >= low) & (values < high)]
        start, end = (edge if np.isfinite(edge) else None for edge in (low, high))
        statistics = _statistics(inside) if len(inside) >= FEWEST else {}
        bins.append({"from": start, "to": end, "rows": len(inside), **statistics})
    return bins


def _statistics(pairs: pd.DataFrame) -> dict[str, float]:
    redshifts = (pairs[name].to_numpy("float64") for name in ("redshift", "reference"))
    statistics = redshift_error(*redshifts)._asdict()
    given = pairs.dropna(subset=["redshift_lo", "redshift_hi"])
    if len(given):
        within = given["reference"].between(given["redshift_lo"], given["redshift_hi"])
        statistics["covered"] = within.mean()
    return {name: round(float(value), 4) for name, value in statistics.items()}


def read_baselines(entries: Path, figures: Path, survey: str) -> list[dict[str, Any]]:
    """Read what a release of a survey says of the baselines, in the order of tables.

    `entries` holds the survey's ``<method>.yaml`` and need not exist; `figures` says in `MADE_OF`
    of which forecasts its figures are. Each baseline has ``method``, ``title``, ``training`` (the
    configs it learned from), ``seeds``, ``version`` and ``content`` (config -> split -> hash) of
    its data, whether the figures have ``drawn`` it, and ``scores``: config -> ``n``, ``metrics``,
    and of LSST's requirements how many are ``met`` ``of`` how many, on its test split at
    0.3 < z <= 1.5. An entry that can't be used or is another survey's raises `InputError`.
    """
    made_of = read_json(figures / MADE_OF) if (figures / MADE_OF).is_file() else {}
    facts = []
    for path in (entries / f"{method}.yaml" for method in ORDER):
        if path.is_file():
            entry = read_entry(path)
            if not isinstance(entry.data, Data) or entry.survey != survey:
                raise InputError(
                    f"{path} is of survey '{entry.survey}', expected '{survey}'; {REMEDY}"
                )
            if entry.training is None:
                raise InputError(f"{path} is of published forecasts, expected a run; {REMEDY}")
            drawn = made_of.get(entry.method.key) == entry.forecasts.sha256
            facts.append(_entry_facts(entry, entry.data, entry.training) | {"drawn": drawn})
    return facts


def _entry_facts(entry: Entry, data: Data, training: EntryTraining) -> dict[str, Any]:
    scores = {}
    for config, scored in entry.scores.items():
        cosmological = scored.cosmological
        metrics = {name: cosmological.metrics[name] for name in TITLES}
        scores[config] = {
            "n": cosmological.n,
            "metrics": {n: {"mean": m.mean, "spread": m.spread} for n, m in metrics.items()},
            "met": sum(verdict.met for verdict in cosmological.requirements.values()),
            "of": len(cosmological.requirements),
        }
    return {
        "method": entry.method.key,
        "title": entry.method.name,
        "training": training.set.split("+"),
        "seeds": entry.seeds,
        "version": data.version,
        "content": {
            config: {split: rows.hash for split, rows in splits.items()}
            for config, splits in data.content.items()
        },
        "scores": scores,
    }


def is_of(baseline: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether a baseline was trained and tested on the ``content`` that a manifest states."""
    return all(
        content.get(config, {}).get(split, {}).get("content") == digest
        for config, splits in baseline["content"].items()
        for split, digest in splits.items()
    )


def shown_figures(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the baselines' figures, by name: none where they show other runs or data."""
    stated, content = manifest.get("baselines", []), manifest["content"]
    shown = bool(stated) and all(one["drawn"] and is_of(one, content) for one in stated)
    return FIGURES if shown else {}


def baselines(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the card's section on the baselines says; None where there is no entry.

    It has the numbers of ``seeds``, least and greatest; titles of ``metrics``; ``test_sets``, the
    spectroscopic one first, each with ``title`` and ``rows``; ``other_data``, the versions that
    results of other data are of, empty where none is; ``figures`` that are shown, by name.
    """
    stated = manifest.get("baselines", [])
    if not stated:
        return None
    counts = [one["seeds"] for one in stated]
    others = [one for one in stated if not is_of(one, manifest["content"])]
    subject = subject_of(manifest)
    name = subject.words.name or subject.survey.title
    other_data = " and ".join(dict.fromkeys(f"{name} {one['version']}" for one in others))
    if any(one["version"] == manifest["version"] for one in others):
        other_data += " as it was built then"
    return {
        "seeds": sorted({min(counts), max(counts)}),
        "metrics": list(TITLES.values()),
        "test_sets": [
            {
                "title": subject.called(role),
                "rows": [
                    _row(one, config, manifest["content"])
                    for one in stated
                    if config in one["scores"]
                ],
            }
            for role, config in reversed(subject.samples.items())
            if any(config in one["scores"] for one in stated)
        ],
        "other_data": other_data,
        "figures": shown_figures(manifest),
    }


def _row(baseline: Mapping[str, Any], config: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """One row of a table of baselines, from its scores on a config's test split."""
    scores, metrics = baseline["scores"][config], baseline["scores"][config]["metrics"]
    return {
        "title": baseline["title"] + ("" if is_of(baseline, content) else MARK),
        "learned": ", then ".join(f"`{name}`" for name in baseline["training"]),
        "galaxies": scores["n"],
        "scores": [
            number_text(name, metrics[name]["mean"], metrics[name]["spread"]) for name in TITLES
        ],
        "met": scores["met"],
        "of": scores["of"],
    }


def history_of(version: str, date: str, path: Path = CHANGELOG_FILE) -> list[dict[str, Any]]:
    """Return what the changelog says of a version (``x.y.z``) and of those before it.

    Entries are as `read_history` gives them, the version's own first. If it has none, or one of
    another date (``YYYY-MM-DD``), that raises `ParameterError`.
    """
    history = read_history(path)
    own = Version.parse(version)
    until = [entry for entry in history if Version.parse(entry["version"]) <= own]
    if not until or until[0]["version"] != version:
        raise ParameterError(
            f"parameter 'release.version': {path} has no entry for {version}, its newest is "
            f"{history[0]['version'] if history else 'none'}; add '## [{version}] - YYYY-MM-DD' "
            "with what changes in it"
        )
    if until[0]["date"] != date:
        raise ParameterError(
            f"parameter 'release.date': {date} is not the date of {version} in {path}, which is "
            f"{until[0]['date']}; make them the same"
        )
    return until


def read_history(path: Path = CHANGELOG_FILE) -> list[dict[str, Any]]:
    """Read the dataset's changelog, newest version first.

    The file has the form of Keep a Changelog: ``## [x.y.z] - YYYY-MM-DD``, below it ``### Added``
    or another of `KINDS`, below that a list. Each version has ``version``, ``date`` and
    ``changes``, the list's items by kind. Another form, or versions that are not in descending
    order, raise `ParameterError`; a file that is not there, `InputError`.
    """
    require_file(path, "run this from the project's root")
    _, *sections = _parted("## ", path.read_text(encoding="utf-8"))
    history = [_version_entry(one, path) for one in sections if not one.startswith("[Unreleased]")]
    versions = [Version.parse(entry["version"]) for entry in history]
    if versions != sorted(set(versions), reverse=True):
        raise ParameterError(
            f"{path}: expected each version once and the newest first, found "
            f"{', '.join(map(str, versions))}; reorder them"
        )
    return history


def _parted(mark: str, text: str) -> list[str]:
    """Cut a text before every line that begins with a mark; the marks are left out."""
    return re.split(rf"^{mark}", text, flags=re.MULTILINE)


def _version_entry(section: str, path: Path) -> dict[str, Any]:
    """One version: its number, its date and its changes, an item on one line."""
    title, _, body = section.partition("\n")
    match = _TITLE.fullmatch(title.strip())
    if match is None or not _is_dated_version(match["version"], match["date"]):
        raise ParameterError(
            f"{path}: expected a title '## [x.y.z] - YYYY-MM-DD', found '## {title}'; correct it"
        )
    changes = {}
    for part in _parted("### ", body)[1:]:
        kind, _, listed = part.partition("\n")
        _, *items = _parted("- ", listed)
        if kind.strip() not in KINDS or not items:
            raise ParameterError(
                f"{path}: below '## {title}' expected one of {', '.join(KINDS)} and a list, found "
                f"'### {kind}'; correct it"
            )
        changes[kind.strip()] = [" ".join(item.split()) for item in items]
    if not changes:
        raise ParameterError(
            f"{path}: version {match['version']} says nothing; below its title write a kind of "
            "change, such as '### Added', and a list"
        )
    return {"version": match["version"], "date": match["date"], "changes": changes}


def _is_dated_version(version: str, date: str) -> bool:
    """Whether it is ``x.y.z``, of mock and real releases alike, and a day of the calendar."""
    try:
        real = not Version.parse(version).mock
        return real and datetime.date.fromisoformat(date).isoformat() == date
    except (ParameterError, ValueError):
        return False
