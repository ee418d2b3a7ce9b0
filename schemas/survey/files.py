"""A release's files: what they are called, and the manifest that vouches for them."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transferz.schemas.survey.catalogues import SPLITS
from transferz.schemas.survey.release import CONFIGS

RELEASE_NAME = "transferz"
"""Every release directory's name: `datasets` caches by it, so the bare name works afterwards."""

MANIFEST_FILE = "MANIFEST.json"
CARD_FILE = "README.md"
CROISSANT_FILE = "croissant.json"
CITATION_FILE = "CITATION.cff"
INDEX_FILE = "index.parquet"
"""In each config's folder: a row per object, for comparing versions; not a split."""

HIDDEN_CARD = ".huggingface.yaml"
"""What `datasets` reads over the card, where it is there; no release has one."""

SPLIT_FILE = "{split}-00000-of-00001.parquet"

SHARD = r"-\d{5}-of-\d{5}\.parquet"
"""Pattern of what follows the split in the name of a data file."""

_DATA_FILE = re.compile(rf"(?P<split>[a-z_]+){SHARD}")


def data_files(release: Path) -> dict[str, dict[str, list[Path]]]:
    """List a release's parquet files by config and split, in shard order, without the indices.

    Configs and splits are in the card's order, the default config first.
    """
    by_config: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(release.glob("*/*.parquet")):
        if match := _DATA_FILE.fullmatch(path.name):
            by_config.setdefault(path.parent.name, {}).setdefault(match["split"], []).append(path)
    return {
        config: {split: by_config[config][split] for split in _ordered(by_config[config], SPLITS)}
        for config in _ordered(by_config, CONFIGS)
    }


def _ordered(names: Iterable[str], order: tuple[str, ...]) -> list[str]:
    rank = {name: position for position, name in enumerate(order)}
    return sorted(names, key=lambda name: (rank.get(name, len(order)), name))


def json_text(content: Mapping[str, Any]) -> str:
    """Return JSON that a person can read and that repeats byte for byte."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def self_digest(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 (hexadecimal) of a manifest's text with its own ``sha256`` blanked.

    The text is that of `json_text`: a manifest file with any other byte is not this manifest.
    """
    return hashlib.sha256(json_text({**manifest, "sha256": ""}).encode()).hexdigest()


def file_digest(path: Path) -> dict[str, Any]:
    """Return a file's ``sha256`` (hexadecimal) and size in ``bytes``."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}
