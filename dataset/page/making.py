"""The card's section on how the release was made: flow chart, cuts and what each removed."""

from typing import Any

from transferz.dataset.page.flow import NAMES
from transferz.dataset.page.words import is_published, table

DERIVED = """\
COSMOS2020 and HSC are matched whole, and the cuts applied to the pairs, so that no galaxy takes the
label of a neighbour whose true counterpart was cut (`counterpart_cut` counts these)."""

PUBLISHED = """\
The authors' table is matched already; what GalaxiesML holds of it is found by HSC id."""

FIGURE = """\
![Flow chart: rows of each upstream catalogue, what each cut removed, rows of each config]({path})

*From the upstream catalogues to the configs, drawn from this release's own counts.*"""

TITLES = {
    "select@cosmos2020": NAMES["cosmos2020"],
    "select@hsc": NAMES["hsc"],
    "select@transferz": NAMES["transferz"],
    "match": "Match",
    "select@galaxiesml": NAMES["galaxiesml"],
    "split": "Split (objects of both samples)",
}
"""The stages that remove rows, in the order in which these flow."""

MEANINGS = {
    "no_counterpart": "no HSC object within the match radius",
    "counterpart_cut": "the HSC counterpart did not pass its own cuts",
    "split_conflict": "too near an object of another split",
}

_RULES = ("keep", "drop_repeated", "keep_first")


def how_made(manifest: dict[str, Any], figure: str) -> str:
    """Return the section on how the release was made.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    figure : str
        Path of the flow chart, relative to the card.
    """
    return f"""\
## How it was made

{PUBLISHED if is_published(manifest) else DERIVED}

{FIGURE.format(path=figure)}

<details>
<summary>Every cut: what it keeps, where it comes from, what it removed</summary>

{cut_table(manifest)}

</details>

`MANIFEST.json` has all parameters, the hashes of all files, the logical content hash of each split
and the versions of the packages."""


def cut_table(manifest: dict[str, Any]) -> str:
    """Return every cut with its rule, its source and its counts, as a Markdown table."""
    stages = [stage for stage in TITLES if stage in manifest["counts"]]
    rows = [row for stage in stages for row in _cut_rows(stage, manifest)]
    return table(["Cut", "Keeps", "Source", "Removed", "Left"], rows, 2)


def _cut_rows(stage: str, manifest: dict[str, Any]) -> list[list[str]]:
    facts = manifest["counts"][stage]
    rules = _rules(stage, manifest["parameters"])
    left, above = facts["rows_in"], ""
    rows = [[f"**{TITLES[stage]}**", "", "", "", f"**{left:,}**"]]
    for cut, removed in facts["removed"].items():
        left -= removed
        rule, source = rules.get(cut, ("", ""))
        said = "as above" if source and source == above else source
        rows.append([f"`{cut}`", rule, said, f"{removed:,}", f"{left:,}"])
        above = source
    return rows


def _rules(stage: str, parameters: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Rule and source of every cut of a stage, by its name."""
    cuts = parameters["select"].get(stage.removeprefix("select@"), {}).get("cuts", ())
    named = {cut["name"]: (_rule(cut), cut.get("source", "")) for cut in cuts}
    return named | {cut: (f"drops: {meaning}", "") for cut, meaning in MEANINGS.items()}


def _rule(cut: dict[str, Any]) -> str:
    (kind,) = (kind for kind in _RULES if kind in cut)
    text = " ".join(str(cut[kind]).split()).replace("|", r"\|")
    return f"`{text}`" if kind == "keep" else f"{kind.replace('_', ' ')} `{text}`"
