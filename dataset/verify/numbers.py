"""What a manifest states of the build and of the rows: all that follows is computed again.

How many rows upstream had, and which cut removed how many of them, follows from nothing in a
release; that these numbers add up, and lead to the rows that are here, does. A manifest that has
not what is read here raises one of `transferz.dataset.verify.pages.FOREIGN`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from transferz.dataset.page.facts import quality
from transferz.dataset.pipeline.manifest import IMITATED
from transferz.dataset.sources.registry import load_registry
from transferz.dataset.verify.findings import Broken
from transferz.dataset.verify.pages import Sizes, differences
from transferz.dataset.verify.promises import Rows
from transferz.schemas import SPLITS
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC, UNION, configs_of
from transferz.schemas.survey.files import MANIFEST_FILE, Version
from transferz.schemas.survey.survey import Survey

ENTRIES = (
    *("name", "version", "survey", "mock", "date", "columns", "content", "counts", "sources"),
    *("upstream", "parameters", "packages", "history", "template", "drawing", "quality"),
    *("baselines", "files", "sha256", "bands", "configs", "hats"),
)
"""All that a manifest states."""

Counts = Mapping[str, Mapping[str, Any]]


def check_entries(manifest: Mapping[str, Any], known: Survey | None) -> Iterator[Broken]:
    """Check what the entries of a manifest say of one another, and of its survey if it is known."""
    version, date = manifest["version"], manifest["date"]
    for name in sorted(set(manifest) - set(ENTRIES)):
        yield Broken(MANIFEST_FILE, "manifest", f"an entry '{name}'", "none that no release has")
    number = str(Version(*_numbers(version)))
    own = {"version": number, "date": date}
    stated = {
        "parameters.release": manifest["parameters"]["release"],
        "history": {name: manifest["history"][0][name] for name in own},
    }
    for where, entry in stated.items():
        if entry != own:
            yield Broken(MANIFEST_FILE, "manifest", f"{where}: {entry}", str(own))
    if known is None:
        return
    sources, registry = manifest["sources"], load_registry()
    if known.mock and sources != IMITATED:
        yield Broken(MANIFEST_FILE, "manifest", f"sources: {sources}", str(IMITATED))
    for name in known.catalogues:
        edition = registry.get(sources.get(name, ""))
        if edition is None or edition.catalogue != name:
            found = f"sources.{name}: {sources.get(name)}"
            yield Broken(MANIFEST_FILE, "manifest", found, "an edition of that catalogue")


def _numbers(version: str) -> tuple[int, int, int]:
    parsed = Version.parse(version)
    return parsed.major, parsed.minor, parsed.patch


def check_quality(manifest: Mapping[str, Any], rows: Rows) -> Iterator[Broken]:
    """Measure medians, nulls and the quality of labels again, and compare."""
    measured = quality(rows, manifest)
    for where, found, expected in differences(manifest["quality"], measured, "quality"):
        yield Broken(MANIFEST_FILE, "quality", f"{where}: {found}", expected)


def check_counts(
    manifest: Mapping[str, Any], sizes: Sizes, rows: Rows, survey: Survey
) -> Iterator[Broken]:
    """Check the counts of the build against one another, and against the rows."""
    expected = _expected_counts(manifest, sizes, rows, survey)
    for where, found, wanted in differences(manifest["counts"], expected, "counts"):
        yield Broken(MANIFEST_FILE, "counts", f"{where}: {found}", wanted)
    yield from _unlikely(manifest, rows)


def _expected_counts(
    manifest: Mapping[str, Any], sizes: Sizes, rows: Rows, survey: Survey
) -> dict[str, Any]:
    """Those counts that follow from others, or from the rows; the others as they are stated."""
    counts, expected = manifest["counts"], dict[str, Any]()
    for name in survey.catalogues:
        stage = counts[f"ingest@{name}"]
        stage = expected[f"ingest@{name}"] = _summed(stage, list(stage["removed"]))
        cuts = [cut["name"] for cut in manifest["parameters"]["select"][name].get("cuts", ())]
        select = counts[f"select@{name}"] | {"rows_in": stage["rows_out"]}
        expected[f"select@{name}"] = _summed(select, cuts)
    on_sky = ["no_counterpart", "counterpart_cut"] if survey.match == "sky" else []
    if name := survey.of_role("spectra"):
        match = counts[f"match@{name}"] | {"rows_in": expected[f"select@{name}"]["rows_out"]}
        expected[f"match@{name}"] = _summed(match, ["ambiguous", *on_sky])
    rows_in = expected["@".join(survey.spectra)]["rows_out"]
    if survey.match:
        labels = survey.of_role("label") or survey.of_role("labelled")
        match = counts["match"] | {"rows_in": expected[f"select@{labels}"]["rows_out"]}
        match["shared"] = {name: int(match["shared"][name]) for name in ("by_id", "by_position")}
        expected["match"] = _summed(match, on_sky)
        rows_in += expected["match"]["rows_out"] - match["shared"]["by_id"]
    objects, removed = _objects(rows, configs_of(manifest)), {}
    if survey.shared_photometry is not None:
        removed["shared_photometry"] = int(counts["split"]["removed"]["shared_photometry"])
    removed["split_conflict"] = rows_in - len(objects) - sum(removed.values())
    split = {
        "rows_in": rows_in,
        "removed": removed,
        "rows_out": len(objects),
        "objects": {name: int((objects == name).sum()) for name in SPLITS},
    }
    if manifest["parameters"]["split"]["scheme"] == "published":
        split["moved"] = {
            way: [one for one in ids if objects.get(one) == way.rpartition(" to ")[2]]
            for way, ids in counts["split"]["moved"].items()
        }
    expected["split"] = split
    released = {name: {s: size["rows"] for s, size in of.items()} for name, of in sizes.items()}
    return expected | {"release": {"rows_out": released}}


def _summed(stage: Mapping[str, Any], cuts: list[str]) -> dict[str, Any]:
    """A stage's counts, of these cuts and no others, its rows after them computed."""
    removed = {name: int(stage["removed"].get(name, 0)) for name in cuts}
    return {**stage, "removed": removed, "rows_out": stage["rows_in"] - sum(removed.values())}


def _objects(rows: Rows, configs: Mapping[str, str]) -> pd.Series:
    """The split of every released object, by its id."""
    names = ["object_id", "split"]
    samples = [configs[role] for role in (SPECTROSCOPIC, LABEL) if role in configs]
    together = pd.concat([rows[name][names] for name in samples])
    return together.drop_duplicates("object_id").set_index("object_id")["split"].astype(object)


def _unlikely(manifest: Mapping[str, Any], rows: Rows) -> Iterator[Broken]:
    """Counts that can't be computed but can be seen to be wrong."""
    counts: Counts = manifest["counts"]
    for name, stage in counts.items():
        numbers = [stage.get("rows_in", 0), *stage.get("removed", {}).values()]
        if any(type(number) is not int or number < 0 for number in numbers):
            yield Broken(
                MANIFEST_FILE, "counts", f"counts.{name}: {numbers}", "whole numbers, >= 0"
            )
    configs = configs_of(manifest)
    if "match" not in counts or not {LABEL, SPECTROSCOPIC, UNION} <= configs.keys():
        return
    shared = counts["match"]["shared"]
    spectroscopic, photometric, combo = (
        rows[configs[role]] for role in (SPECTROSCOPIC, LABEL, UNION)
    )
    by_id = int(photometric["object_id"].isin(spectroscopic["object_id"]).sum())
    either = len(spectroscopic) + len(photometric) - len(combo)
    if shared["by_id"] < by_id or sum(shared.values()) < either:
        found = f"counts.match.shared: {dict(shared)}"
        least = f"at least the {by_id} by id and {either} in all that are released"
        yield Broken(MANIFEST_FILE, "counts", found, least)
