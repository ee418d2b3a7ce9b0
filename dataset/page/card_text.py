"""The text of a release's card: its template, and the facts that are filled in.

All words stand in ``card.md.jinja``. This module takes the facts from the manifest, the citation
file and the registry of sources; `transferz verify` calls it again and compares.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from transferz.dataset.page.baselines import baselines
from transferz.dataset.page.citation import bibtex, paper_eprint
from transferz.dataset.page.figures import CATALOGUE_NAMES, FIGURES
from transferz.dataset.page.front_matter import (
    CONFIG_NOTES,
    front_matter,
    licence,
    licence_url,
    pretty_name,
)
from transferz.dataset.sources.registry import load_registry
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.schemas import RELEASE, SPLITS, Table
from transferz.schemas.survey.derived import column_table
from transferz.schemas.survey.versions import Version

TEMPLATE = Path(__file__).with_name("card.md.jinja")

STAGES = {
    "select@cosmos2020": CATALOGUE_NAMES["cosmos2020"],
    "select@hsc": CATALOGUE_NAMES["hsc"],
    "select@transferz": CATALOGUE_NAMES["transferz"],
    "match": "Match",
    "select@galaxiesml": CATALOGUE_NAMES["galaxiesml"],
    "split": "Split (objects of both samples)",
}
"""The stages that remove rows, in the order in which these flow, and what the card calls them."""

BUILT_IN_CUTS = {
    "no_counterpart": "no HSC object within the match radius",
    "counterpart_cut": "the HSC counterpart did not pass its own cuts",
    "split_conflict": "too near an object of another split",
}
"""What the cuts drop that no parameter states."""


def card_text(
    manifest: Mapping[str, Any], citation: Mapping[str, Any], table: Table = RELEASE
) -> str:
    """Return the whole README.md of a release.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it, with ``quality``, ``history``
        and, where there are entries of baselines, ``baselines``.
    citation : mapping
        The release's, as `transferz.dataset.page.citation.release_citation` makes it.
    table : Table
        The release's columns.

    Raises
    ------
    InputError
        If the citation does not identify the paper.
    """
    return _template().render(card_context(manifest, citation, table))


def template_digest() -> str:
    """Return the sha256 (hexadecimal) of the card's template: other words, another digest."""
    return hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - the card is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = "{:,}".format
    environment.filters["percent"] = lambda share, digits: f"{share:.{digits}%}".replace("%", " %")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def card_context(
    manifest: Mapping[str, Any], citation: Mapping[str, Any], table: Table
) -> dict[str, Any]:
    """Return the facts that the card's template is filled with; takes what `card_text` does."""
    content, counts = manifest["content"], manifest["counts"]
    quality, eprint = manifest["quality"], paper_eprint(citation)
    registry = load_registry()
    totals = {
        config: sum(split["rows"] for split in splits.values())
        for config, splits in content.items()
    }
    return {
        "front_matter": front_matter(manifest, eprint, table),
        "title": pretty_name(manifest),
        "version": manifest["version"],
        "tag": Version.parse(manifest["version"]).tag,
        "mock": manifest["mock"],
        "published": manifest["survey"] == "authors",
        "eprint": eprint,
        "figures": FIGURES,
        "content": content,
        "config_notes": CONFIG_NOTES,
        "splits": [one for one in SPLITS if any(one in splits for splits in content.values())],
        "totals": {"transferz": 0, "galaxiesml": 0} | totals,
        "parameters": manifest["parameters"],
        "radius": manifest["parameters"]["match"]["radius_arcsec"],
        "moved": sum(map(len, counts["split"].get("moved", {}).values())),
        "conflicts": {
            "removed": sum(counts["split"]["removed"].values()),
            "objects": counts["split"]["rows_in"],
        },
        "cuts": list(_stages(manifest)),
        "column_table": column_table(table, brief=True),
        "medians": quality["medians"],
        "label_noise": quality["label"],
        "nulls": quality["nulls"],
        "columns_with_nulls": list(
            dict.fromkeys(n for one in quality["nulls"].values() for n in one)
        ),
        "mad_to_sigma": MAD_TO_SIGMA,
        "outlier_limit": OUTLIER_LIMIT,
        "baselines": baselines(manifest),
        "licence": licence(manifest),
        "licence_url": licence_url(manifest),
        "editions": [registry[name] for name in manifest["sources"].values()],
        "bibtex": bibtex(citation),
        "history": manifest["history"],
    }


def _stages(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every stage that removes rows, with its cuts in order: rule, source, removed and left."""
    for stage, title in STAGES.items():
        if stage not in manifest["counts"]:
            continue
        counts = manifest["counts"][stage]
        section = manifest["parameters"]["select"].get(stage.removeprefix("select@"), {})
        stated = {cut["name"]: cut for cut in section.get("cuts", ())}
        left, cuts = counts["rows_in"], []
        for name, removed in counts["removed"].items():
            left -= removed
            source = stated.get(name, {}).get("source", "")
            rule = _rule(stated[name]) if name in stated else _built_in(name)
            cuts.append(
                {"name": name, "rule": rule, "source": source, "removed": removed, "left": left}
            )
        yield {"title": title, "rows": counts["rows_in"], "cuts": cuts}


def _built_in(name: str) -> str:
    return f"drops: {BUILT_IN_CUTS[name]}" if name in BUILT_IN_CUTS else ""


def _rule(cut: Mapping[str, Any]) -> str:
    """A cut of params.yaml as Markdown: an expression to keep, or columns with a rule's name."""
    (kind,) = (kind for kind in ("keep", "drop_repeated", "keep_first") if kind in cut)
    text = " ".join(str(cut[kind]).split()).replace("|", r"\|")
    return f"`{text}`" if kind == "keep" else f"{kind.replace('_', ' ')} `{text}`"
