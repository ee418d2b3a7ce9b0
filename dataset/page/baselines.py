"""The card's section on the reference baselines, from their checked entries of the benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferz.schemas import InputError
from transferz.schemas.benchmark.entries import ORDER, Data, Entry, read_entry
from transferz.schemas.benchmark.scores import SETS, TESTED, TITLES, EntryScores, number_text
from transferz.tables.files import read_json

REMEDY = "write it again with `make baselines`"
MADE_OF = "made_of.json"
"""Beside the figures: the sha256 of the forecasts that they show, by method."""

FIGURES = {name: f"figures/{name}.png" for name in ("forecasts", "scores")}
"""Those of the baselines' figures that the card shows, and where it shows them from."""

MARK = " †"
"""After the title of a baseline on other data."""


def read_baselines(entries: Path, figures: Path, survey: str) -> list[dict[str, Any]]:
    """Read what a release says of the baselines, from their checked entries.

    Parameters
    ----------
    entries : Path
        The folder of the survey's entries, ``<method>.yaml``; it need not exist.
    figures : Path
        The folder of the figures, which says in `MADE_OF` of which forecasts they are.
    survey : str
        The release's.

    Returns
    -------
    list of dict
        Per baseline, in the order of tables: ``method``, ``title``, ``training``, the configs that
        it learned from, ``seeds``, ``version`` and ``content`` (config -> split -> hash) of the
        data, whether the figures have ``drawn`` it, and ``scores``: config -> ``n``, ``metrics``,
        and of LSST's requirements how many are ``met`` ``of`` how many, on its test split at
        0.3 < z <= 1.5.

    Raises
    ------
    InputError
        If an entry can't be used or is another survey's.
    """
    made_of = read_json(figures / MADE_OF) if (figures / MADE_OF).is_file() else {}
    found = []
    for path in (entries / f"{method}.yaml" for method in ORDER):
        if path.is_file():
            entry = read_entry(path)
            if not isinstance(entry.data, Data) or entry.survey != survey:
                raise InputError(
                    f"{path} is of survey '{entry.survey}', expected '{survey}'; {REMEDY}"
                )
            drawn = made_of.get(entry.method.key) == entry.forecasts.sha256
            found.append(_facts(entry, entry.data) | {"drawn": drawn})
    return found


def _facts(entry: Entry, data: Data) -> dict[str, Any]:
    return {
        "method": entry.method.key,
        "title": entry.method.name,
        "training": entry.training.set.split("+"),
        "seeds": entry.seeds,
        "version": data.version,
        "content": {
            config: {split: one.hash for split, one in splits.items()}
            for config, splits in data.content.items()
        },
        "scores": {name: _score_facts(entry.scores[name]) for name in TESTED},
    }


def _score_facts(scores: EntryScores) -> dict[str, Any]:
    found = scores.cosmological
    metrics = {
        name: {"mean": found.metrics[name].mean, "spread": found.metrics[name].spread}
        for name in TITLES
    }
    met = sum(verdict.met for verdict in found.requirements.values())
    return {"n": found.n, "metrics": metrics, "met": met, "of": len(found.requirements)}


def is_of(one: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether a baseline was trained and tested on a release's content.

    Parameters
    ----------
    one : mapping
        As `read_baselines` returns them.
    content : mapping
        The manifest's.
    """
    return all(
        content.get(config, {}).get(split, {}).get("content") == digest
        for config, splits in one["content"].items()
        for split, digest in splits.items()
    )


def shown_figures(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of the section, by name: none where they show other runs or data."""
    stated = manifest.get("baselines", [])
    shown = bool(stated) and all(one["drawn"] and is_of(one, manifest["content"]) for one in stated)
    return FIGURES if shown else {}


def baselines(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the card's section on the baselines says; None where there is no entry.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it, with the ``baselines`` that
        `read_baselines` reads.

    Returns
    -------
    dict or None
        Numbers of ``seeds``, least and greatest; titles of ``metrics``; ``test_sets``, each with
        ``title`` and ``rows``; ``other_data``, the versions that results of other data are of;
        ``figures`` that are shown, by name.
    """
    stated = manifest.get("baselines", [])
    if not stated:
        return None
    counts = [one["seeds"] for one in stated]
    return {
        "seeds": sorted({min(counts), max(counts)}),
        "metrics": list(TITLES.values()),
        "test_sets": [
            {"title": SETS[name], "rows": [_row(one, name, manifest) for one in stated]}
            for name in TESTED
        ],
        "other_data": _other_data(manifest),
        "figures": shown_figures(manifest),
    }


def _row(one: Mapping[str, Any], config: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    scores, metrics = one["scores"][config], one["scores"][config]["metrics"]
    return {
        "title": one["title"] + ("" if is_of(one, manifest["content"]) else MARK),
        "learned": ", then ".join(f"`{name}`" for name in one["training"]),
        "galaxies": scores["n"],
        "scores": [
            number_text(name, metrics[name]["mean"], metrics[name]["spread"]) for name in TITLES
        ],
        "met": scores["met"],
        "of": scores["of"],
    }


def _other_data(manifest: Mapping[str, Any]) -> str:
    """The versions of the data that results of other data are of; empty where none is."""
    others = [one for one in manifest["baselines"] if not is_of(one, manifest["content"])]
    versions = dict.fromkeys(f"TransferZ {one['version']}" for one in others)
    again = any(one["version"] == manifest["version"] for one in others)
    return " and ".join(versions) + (" as it was built then" if again else "")
