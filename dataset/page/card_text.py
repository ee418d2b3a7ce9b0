"""The text of a release's card: front matter, template, and the facts that are filled in.

All words stand in ``card.md.jinja``. This module takes the facts from the manifest, the citation
file and the registry of sources; `transferz verify` calls it again and compares.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml
from huggingface_hub import DatasetCardData

from transferz.dataset.page.citation import (
    ABSTRACT,
    MOCK_ABSTRACT,
    OTHER_LICENCE,
    bibtex,
    licence,
    licence_url,
    paper_eprint,
    pretty_name,
)
from transferz.dataset.page.facts import baselines
from transferz.dataset.page.figures import CATALOGUE_NAMES, FIGURES
from transferz.dataset.sources.registry import load_registry
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.schemas import CONFIGS, INDEX, RELEASE, SPLITS, Table
from transferz.schemas.survey.derived import column_table, feature_list
from transferz.schemas.survey.files import Version

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

CONFIG_NOTES = {
    "transferz": "HSC grizy photometry, label from the template fit to COSMOS2020's many bands",
    "galaxiesml": "HSC grizy photometry, spectroscopic redshift",
    "combo": "the union of both; a galaxy in both keeps its spectroscopic row",
    "truth": "the true redshift of every released mock galaxy",
}

TAGS = (
    *("astronomy", "cosmology", "galaxies", "photometric-redshift", "photo-z"),
    *("hyper-suprime-cam", "cosmos2020", "tabular"),
)

SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6}
"""The Hub's names for numbers of rows below a limit."""


def card_text(
    manifest: Mapping[str, Any], citation: Mapping[str, Any], table: Table = RELEASE
) -> str:
    """Return the whole README.md of a release.

    The manifest is as `transferz.dataset.pipeline.manifest.describe` makes it, with ``quality``,
    ``history`` and, where there are entries of baselines, ``baselines``; `citation` is the
    release's; `table` its columns. A citation that does not identify the paper raises `InputError`.
    """
    content, counts = manifest["content"], manifest["counts"]
    quality, eprint = manifest["quality"], paper_eprint(citation)
    registry = load_registry()
    totals = {name: sum(one["rows"] for one in splits.values()) for name, splits in content.items()}
    context = {
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
        "columns_with_nulls": list(dict.fromkeys(itertools.chain(*quality["nulls"].values()))),
        "mad_to_sigma": MAD_TO_SIGMA,
        "outlier_limit": OUTLIER_LIMIT,
        "baselines": baselines(manifest),
        "licence": licence(manifest),
        "licence_url": licence_url(manifest),
        "editions": [registry[name] for name in manifest["sources"].values()],
        "bibtex": bibtex(citation),
        "history": manifest["history"],
    }
    return _template().render(context)


def words_digest() -> str:
    """Return the sha256 (hexadecimal) of the words that pages are written in.

    They are the card's template and the descriptions of configs and columns: other words, another
    digest.
    """
    columns = {column.name: column.description for table in (RELEASE, INDEX) for column in table}
    tables = [table.description for table in (RELEASE, INDEX)]
    words = json.dumps([CONFIG_NOTES, columns, tables, ABSTRACT, MOCK_ABSTRACT])
    return hashlib.sha256(TEMPLATE.read_bytes() + words.encode()).hexdigest()


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
            source, rule = stated.get(name, {}).get("source", ""), ""
            if name in stated:
                rule = _rule(stated[name])
            elif name in BUILT_IN_CUTS:
                rule = f"drops: {BUILT_IN_CUTS[name]}"
            cut = {"name": name, "rule": rule, "source": source, "removed": removed, "left": left}
            cuts.append(cut)
        yield {"title": title, "rows": counts["rows_in"], "cuts": cuts}


def _rule(cut: Mapping[str, Any]) -> str:
    """A cut of params.yaml as Markdown: an expression to keep, or columns with a rule's name."""
    (kind,) = (kind for kind in ("keep", "drop_repeated", "keep_first") if kind in cut)
    text = " ".join(str(cut[kind]).split()).replace("|", r"\|")
    return f"`{text}`" if kind == "keep" else f"{kind.replace('_', ' ')} `{text}`"


def front_matter(manifest: Mapping[str, Any], eprint: str, table: Table = RELEASE) -> str:
    """Return the card's YAML front matter, which the Hub and `datasets` read.

    By a tag with `eprint`, the paper's arXiv identifier, the Hub links the data set to the paper.
    """
    content, mock = manifest["content"], manifest["mock"]
    rows = sum(split["rows"] for splits in content.values() for split in splits.values())
    named: dict[str, Any] = {"license_name": OTHER_LICENCE, "license_link": licence_url(manifest)}
    data = DatasetCardData(
        language=["en"],
        license=licence(manifest).lower(),
        **(named if licence(manifest) == "other" else {}),
        pretty_name=pretty_name(manifest),
        annotations_creators=["machine-generated"],
        source_datasets=["original"],
        task_categories=["tabular-regression"],
        task_ids=["tabular-single-column-regression"],
        tags=[*TAGS, f"arxiv:{eprint}", *(["mock", "simulated"] if mock else [])],
        size_categories=[next((one for one in SIZES if rows < SIZES[one]), "1M<n<10M")],
        configs=[_config(name, splits) for name, splits in content.items()],
        dataset_info=[_info(name, splits, table) for name, splits in content.items()],
    )
    return yaml.safe_dump(dict(data.to_dict()), sort_keys=False, allow_unicode=True)


def _config(name: str, splits: Mapping[str, Any]) -> dict[str, Any]:
    """One config; `datasets` caches a local directory by this text, so it names the content."""
    contents = "".join(facts["content"] for facts in splits.values())
    digest = hashlib.sha256(contents.encode()).hexdigest()[:16]
    return {
        "config_name": name,
        "description": f"{CONFIG_NOTES[name]}; content {digest}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits],
        **({"default": True} if name == CONFIGS[0] else {}),
    }


def _info(name: str, splits: Mapping[str, Any], table: Table) -> dict[str, Any]:
    return {
        "config_name": name,
        "features": feature_list(table),
        "splits": [
            {"name": split, "num_bytes": facts["bytes"], "num_examples": facts["rows"]}
            for split, facts in splits.items()
        ],
        "dataset_size": sum(facts["bytes"] for facts in splits.values()),
    }
