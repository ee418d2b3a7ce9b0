"""The card's section on the reference baselines, from their checked results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferz.dataset.page.words import table
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.schemas import InputError
from transferz.schemas.benchmark.entries import REMEDY, Result, read_results
from transferz.schemas.benchmark.scores import SETS, TESTED, TITLES, SetScores, number_text

FIGURES = {name: f"figures/{name}.png" for name in ("forecasts", "scores")}
"""Those of the results that the card shows, and where it shows them from."""

HEADER = ("Baseline", "Learns from", "galaxies", *TITLES.values(), "LSST")

INTRODUCTION = """\
The network of the paper, magnitudes in and redshift out, from {seeds} random initialisation{plural}
for each way of training, scored on the test splits at 0.3 < z ≤ 1.5: mean ± spread over the
initialisations."""

MOCK = """\
**Galaxies, labels and scores are a mock's**: they show that the code works, not how well any
method does on the sky."""

DEFINED = f"""\
With dz = (predicted − label) / (1 + label): bias is the median of dz, scatter
{MAD_TO_SIGMA:g} times its median absolute deviation, outliers the share with
abs(dz) > {OUTLIER_LIMIT:g}, RMS the root mean square of dz, catastrophic the share with
abs(predicted − label) > 1. LSST: how many of its three requirements the means meet."""

OTHER_DATA = """\
† Made on other data than this release's, {versions}; their figures are not shown."""

SHOWN = """\
![Predicted against true redshift of GalaxiesML's test split, a panel per baseline]({forecasts})

*Predicted redshift, mean over the initialisations, against the label of GalaxiesML's test split;
dotted: the limits of outliers.*

![Bias, scatter, outlier rates and RMS of every baseline on both test splits]({scores})

*Scores at 0.3 < z ≤ 1.5 on both test splits, with the spread over the initialisations; grey: where
LSST's requirements are met.*"""

MARK = " †"


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
    found = manifest.get("baselines", [])
    shown = bool(found) and all(is_of(one, manifest["content"]) for one in found)
    return FIGURES if shown else {}


def baselines(manifest: Mapping[str, Any]) -> list[str]:
    """Return the section on the baselines; none where there is no result.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it, with the ``baselines`` that
        `read_baselines` reads.
    """
    found = manifest.get("baselines", [])
    if not found:
        return []
    figures = shown_figures(manifest)
    parts = [
        "## Reference baselines",
        INTRODUCTION.format(**_seeds(found)),
        *([MOCK] if manifest["mock"] else []),
        *score_tables(manifest),
        DEFINED,
        *_other_data(manifest),
        *([SHOWN.format(**figures)] if figures else []),
    ]
    return ["\n\n".join(parts)]


def _seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    counts = sorted({one["seeds"] for one in found})
    ends = sorted({counts[0], counts[-1]})
    return {"seeds": " to ".join(map(str, ends)), "plural": "s" * (counts[-1] > 1)}


def score_tables(manifest: Mapping[str, Any]) -> list[str]:
    """Return the scores on each test split, a title and a Markdown table each."""
    return [
        f"On {SETS[config]}'s test split:\n\n"
        + table(HEADER, [_row(one, config, manifest) for one in manifest["baselines"]], 7)
        for config in TESTED
    ]


def _row(one: Mapping[str, Any], config: str, manifest: Mapping[str, Any]) -> list[str]:
    scores = one["scores"][config]
    mark = "" if is_of(one, manifest["content"]) else MARK
    cells = [
        number_text(name, scores["metrics"][name]["mean"], scores["metrics"][name]["spread"])
        for name in TITLES
    ]
    met = f"{scores['met']} of {scores['of']}"
    return [one["title"] + mark, _learned(one), f"{scores['n']:,}", *cells, met]


def _learned(one: Mapping[str, Any]) -> str:
    """The configs that it learned from, the one that it was fine-tuned on last."""
    before = [name for name, splits in one["content"].items() if "train" in splits]
    configs = [*(name for name in before if name != one["config"]), one["config"]]
    return ", then ".join(f"`{name}`" for name in configs)


def _other_data(manifest: Mapping[str, Any]) -> list[str]:
    """Nothing where all results are of this release's data."""
    others = [one for one in manifest["baselines"] if not is_of(one, manifest["content"])]
    versions = dict.fromkeys(f"TransferZ {one['version']}" for one in others)
    again = any(one["version"] == manifest["version"] for one in others)
    said = " and ".join(versions) + (" as it was built then" if again else "")
    return [OTHER_DATA.format(versions=said)] if others else []
