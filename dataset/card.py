"""Stage `card`: write the release's page, its figure, its citation file and its manifest."""

import datetime
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, field_validator

from transferz.dataset.card_text import card_text
from transferz.dataset.figures import distributions, save_png
from transferz.dataset.files import replace_directory, require_file, write_json
from transferz.dataset.manifest import describe, seal
from transferz.dataset.params import Params, read_params
from transferz.dataset.stage import Layout, run_stage
from transferz.dataset.tables import read_table
from transferz.schemas import RELEASE
from transferz.schemas.files import (
    CARD_FILE,
    CITATION_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    data_files,
)

FIGURE = Path("figures") / "distributions.png"


class ReleaseParams(Params):
    """Section ``release`` of params.yaml.

    Attributes
    ----------
    version : str
        ``x.y.z``, by Croissant's rule.
    date : str
        Of the release, ``YYYY-MM-DD``.
    """

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    date: str

    @field_validator("date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return datetime.date.fromisoformat(value).isoformat()


def read_config(release: Path, config: str) -> pd.DataFrame:
    """Read all splits of one config.

    Parameters
    ----------
    release : Path
        The release directory.
    config : str
        The config's name.

    Returns
    -------
    pandas.DataFrame
        Table `RELEASE`.
    """
    require_file(release / config / INDEX_FILE)
    files = (path for paths in data_files(release)[config].values() for path in paths)
    parts = [read_table(path, RELEASE) for path in files]
    return pd.concat(parts, ignore_index=True)


def draw_distributions(release: Path, manifest: dict[str, Any], path: Path) -> None:
    """Draw the figure of the card from the released rows.

    Parameters
    ----------
    release : Path
        The release directory, with its configs.
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    path : Path
        The PNG to write.
    """
    tables = {name: read_config(release, name) for name in ("transferz", "galaxiesml")}
    kind = "mock " if manifest["mock"] else ""
    title = f"TransferZ {manifest['version']}: {kind}galaxies of both samples"
    save_png(distributions(tables, title), path)


def complete(release: Path, manifest: dict[str, Any], citation: Path) -> None:
    """Write a release's pages beside its configs, last the manifest, which has all their hashes.

    Parameters
    ----------
    release : Path
        The release directory, with its configs and nothing else.
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    citation : Path
        The project's CITATION.cff.
    """
    (release / FIGURE).parent.mkdir()
    draw_distributions(release, manifest, release / FIGURE)
    shutil.copyfile(citation, release / CITATION_FILE)
    text = card_text(manifest, FIGURE.as_posix())
    (release / CARD_FILE).write_text(text, encoding="utf-8")
    write_json(release / MANIFEST_FILE, seal(manifest, release))


def card(layout: Layout) -> None:
    """Complete a release whose configs the stage `release` has written.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_params("release", ReleaseParams)
    require_file(layout.release / "transferz" / INDEX_FILE)
    citation = require_file(Path(CITATION_FILE), "run this from the project's root")
    with replace_directory(layout.release, keep=data_files(layout.release)) as directory:
        manifest = describe(layout, directory, params.version, params.date)
        complete(directory, manifest, citation)


if __name__ == "__main__":
    sys.exit(run_stage(card, __doc__))
