"""A release as one HTML file: what it is, its configs, splits and columns, its figures, its files.

All of it lies in the release and is checked against its manifest before it is shown. The file needs
nothing else, as the leaderboard's page, and has no script.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferz.baselines.leaderboard.page import environment
from transferz.releases import Release
from transferz.schemas.survey.described import ROLE_WORDS
from transferz.schemas.survey.documents import read_bytes
from transferz.schemas.survey.files import CARD_FILE, CROISSANT_FILE, require_intact
from transferz.tables.files import replace_file

CAPTION = r"!\[([^\]]+)\]\({}\)"

Table = list[list[str]]


def write_release_page(release: Release, splits: Table, path: Path) -> None:
    """Write a release's page, all or nothing; an older file is replaced.

    `splits` is the table of rows by config and split, with its heading. A ReleaseError says which
    file is missing or not the one that the manifest names.
    """
    text = release_page(release, splits)
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def release_page(release: Release, splits: Table) -> str:
    """Return a release's page; see `write_release_page`."""
    manifest = release.manifest()
    croissant = json.loads(_content(release, manifest, CROISSANT_FILE) or b"{}")
    roles = {config: role for role, config in release.configs().items()}
    said = {
        "survey": release.survey,
        "date": manifest.get("date", ""),
        "licence": croissant.get("license", ""),
        "bands": ", ".join(band.name for band in release.bands()),
        "loaded by": f'transferz.load_dataset("{next(iter(release.files()), "")}")',
    }
    return (
        environment()
        .get_template("release.html")
        .render(
            name=croissant.get("name") or manifest["name"],
            version=release.version,
            mock=release.mock,
            description=croissant.get("description", ""),
            said={name: text for name, text in said.items() if text},
            splits=splits,
            configs=[
                ["config", "what it holds"],
                *([one, ROLE_WORDS.get(roles.get(one, ""), "")] for one in release.files()),
            ],
            columns=_columns(manifest),
            figures=_figures(release, manifest),
            citation=croissant.get("citeAs", ""),
            files=[
                ["file", "bytes", "sha256"],
                *([name, f"{one['bytes']:,}", one["sha256"]] for name, one in _files(manifest)),
            ],
        )
    )


def _columns(manifest: Mapping[str, Any]) -> Table:
    """Lay out the columns as the manifest has them, with units."""
    keys = ("unit", "dtype", "ucd", "description")
    rows = [
        [name, *(str(facts.get(key, "")) for key in keys)]
        for name, facts in manifest.get("columns", {}).items()
    ]
    return [["column", "unit", "type", "UCD", "what it is"], *rows]


def _files(manifest: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(manifest["files"].items())


def _figures(release: Release, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the release's figures: what the card calls each, and its PNG in base64."""
    card = (_content(release, manifest, CARD_FILE) or b"").decode()
    figures = []
    for name, _ in _files(manifest):
        if name.endswith(".png"):
            called = re.search(CAPTION.format(re.escape(name)), card)
            content = base64.b64encode(_content(release, manifest, name) or b"").decode()
            figures.append((called[1] if called else Path(name).stem, content))
    return figures


def _content(release: Release, manifest: Mapping[str, Any], name: str) -> bytes | None:
    """Read a file of a release, which must be that of the manifest; None where it has none."""
    if name not in manifest["files"]:
        return None
    path = release.path / name
    require_intact(release.path, [path], manifest)
    return read_bytes(path)
