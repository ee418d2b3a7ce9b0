"""The card's YAML front matter: what the Hub and `datasets` read of it."""

import hashlib
from typing import Any

import yaml
from huggingface_hub import DatasetCardData

from transferz.schemas import RELEASE

CONFIG_NOTES = {
    "transferz": "HSC grizy photometry, label from the template fit to COSMOS2020's many bands",
    "galaxiesml": "HSC grizy photometry, spectroscopic redshift",
    "combo": "the union of both; a galaxy in both keeps its spectroscopic row",
    "truth": "the true redshift of every released mock galaxy",
}


def front_matter(manifest: dict[str, Any]) -> str:
    """Return the card's YAML front matter, as the Hub and `datasets` read it.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    """
    content = manifest["content"]
    rows = sum(split["rows"] for split in content["transferz"].values())
    data = DatasetCardData(
        license="other" if manifest["survey"] == "authors" else "cc-by-4.0",
        pretty_name="TransferZ" + (" (mock)" if manifest["mock"] else ""),
        task_categories=["tabular-regression"],
        tags=["astronomy", "photometric-redshift"] + (["mock"] if manifest["mock"] else []),
        size_categories=[_size_category(rows)],
        configs=[_config(name, splits) for name, splits in content.items()],
        dataset_info=[_info(name, splits) for name, splits in content.items()],
    )
    return yaml.safe_dump(data.to_dict(), sort_keys=False, allow_unicode=True)


def _size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    for limit, name in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K")):
        if rows < limit:
            return name
    return "100K<n<1M"


def _config(name: str, splits: dict[str, Any]) -> dict[str, Any]:
    """One config; `datasets` caches a local directory by this text, so it names the content."""
    contents = "".join(facts["content"] for facts in splits.values())
    digest = hashlib.sha256(contents.encode()).hexdigest()[:16]
    return {
        "config_name": name,
        "description": f"{CONFIG_NOTES[name]}; content {digest}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits],
        **({"default": True} if name == "transferz" else {}),
    }


def _info(name: str, splits: dict[str, Any]) -> dict[str, Any]:
    return {
        "config_name": name,
        "features": [{"name": column.name, "dtype": column.dtype} for column in RELEASE],
        "splits": [
            {"name": split, "num_examples": facts["rows"], "num_bytes": facts["bytes"]}
            for split, facts in splits.items()
        ],
    }
