"""The card's section on the reference baselines, from their checked results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferz.schemas import InputError
from transferz.schemas.benchmark.results import REMEDY, Result, read_results
from transferz.schemas.benchmark.score_text import SETS, TITLES, number_text
from transferz.schemas.benchmark.scores import TESTED, SetScores

FIGURES = {name: f"figures/{name}.png" for name in ("forecasts", "scores")}
"""Those of the results that the card shows, and where it shows them from."""

MARK = " †"
"""After the title of a result of other data."""


def read_baselines(folder: Path, survey: str) -> list[dict[str, Any]]:
    """Read what a release says of the baselines, from their checked results.

    Parameters
    ----------
    folder : Path
        The survey's results; it need not exist.
    survey : str
        The release's.

    Returns
    -------
    list of dict
        Per baseline, in the order of tables: ``method``, ``title``, ``config`` that it learned
        from, ``seeds``, ``version`` and ``content`` (config -> split -> hash) of the data, and
        ``scores``: config -> ``n``, ``metrics``, and of LSST's requirements how many are ``met``
        ``of`` how many, on its test split at 0.3 < z <= 1.5.

    Raises
    ------
    InputError
        If a result can't be used or is another survey's.
    """
    results = read_results(folder)
    for one in results:
        if one.data.survey != survey:
            raise InputError(
                f"{folder / one.method}.json is of survey '{one.data.survey}', expected "
                f"'{survey}'; {REMEDY} --out {folder}"
            )
    return [_facts(one) for one in results]


def _facts(result: Result) -> dict[str, Any]:
    return {
        "method": result.method,
        "title": result.title,
        "config": result.config,
        "seeds": result.seeds,
        "version": result.data.version,
        "content": {
            config: {split: one.hash for split, one in splits.items()}
            for config, splits in result.data.content.items()
        },
        "scores": {name: _score_facts(one) for name, one in result.scores.items()},
    }


def _score_facts(scores: SetScores) -> dict[str, Any]:
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
    """Return the figures of the section, by name: none where any result is of other data."""
    stated = manifest.get("baselines", [])
    shown = bool(stated) and all(is_of(one, manifest["content"]) for one in stated)
    return FIGURES if shown else {}


def baselines(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the card's section on the baselines says; None where there is no result.

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
    learned_from = [name for name, splits in one["content"].items() if "train" in splits]
    last = one["config"]  # the one that it was fine-tuned on
    configs = [*(name for name in learned_from if name != last), last]
    return {
        "title": one["title"] + ("" if is_of(one, manifest["content"]) else MARK),
        "learned": ", then ".join(f"`{name}`" for name in configs),
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
