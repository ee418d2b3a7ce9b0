"""The card's YAML front matter: what the Hub and `datasets` read of it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml
from huggingface_hub import DatasetCardData

from transferz.dataset.sources.registry import load_registry, record_url
from transferz.schemas import CONFIGS, RELEASE, Table
from transferz.schemas.survey.derived import feature_list

CONFIG_NOTES = {
    "transferz": "HSC grizy photometry, label from the template fit to COSMOS2020's many bands",
    "galaxiesml": "HSC grizy photometry, spectroscopic redshift",
    "combo": "the union of both; a galaxy in both keeps its spectroscopic row",
    "truth": "the true redshift of every released mock galaxy",
}

TAGS = (
    "astronomy",
    "cosmology",
    "galaxies",
    "photometric-redshift",
    "photo-z",
    "hyper-suprime-cam",
    "cosmos2020",
    "tabular",
)

SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6}
"""The Hub's names for numbers of rows below a limit."""

LICENCE = "CC-BY-4.0"
"""The SPDX identifier of the licence of what we make."""

OTHER_LICENCE = "as-its-sources-allow"
"""The Hub's ``license_name`` where no licence of our own can be given."""


def licence(manifest: Mapping[str, Any]) -> str:
    """Return on what terms a release may be used.

    Returns
    -------
    str
        An SPDX identifier, or ``other`` where a release passes on the authors' own table, whose
        licence is theirs to say.
    """
    return "other" if manifest["survey"] == "authors" else LICENCE


def licence_url(manifest: Mapping[str, Any]) -> str:
    """Return where the terms of a release are stated; empty where that is not known."""
    if licence(manifest) == LICENCE:
        return "https://creativecommons.org/licenses/by/4.0/"
    record = load_registry()[manifest["sources"]["transferz"]].zenodo
    return record_url(record) if record else ""


def pretty_name(manifest: Mapping[str, Any]) -> str:
    """Return a release's name for people; a mock's says that it is one."""
    return "TransferZ (mock)" if manifest["mock"] else "TransferZ"


def front_matter(manifest: Mapping[str, Any], eprint: str, table: Table = RELEASE) -> str:
    """Return the card's YAML front matter; takes what `card_data` does."""
    data = card_data(manifest, eprint, table)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def card_data(manifest: Mapping[str, Any], eprint: str, table: Table = RELEASE) -> dict[str, Any]:
    """Return what the card's front matter holds, as the Hub and `datasets` read it.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    eprint : str
        The arXiv identifier of the paper, to which the Hub links the data set by a tag.
    table : Table
        The release's columns.
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
    return dict(data.to_dict())


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
