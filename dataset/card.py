"""Stage `card`: write the release's page, its figure, its citation file and its manifest."""

import datetime
import shutil
import sys
from pathlib import Path

import pandas as pd
from pydantic import Field, field_validator

from transferz.dataset.card_text import card_text
from transferz.dataset.figures import distributions, save_png
from transferz.dataset.files import replace_directory, require_file, write_json
from transferz.dataset.manifest import (
    MANIFEST_FILE,
    config_names,
    data_files,
    describe,
    seal,
)
from transferz.dataset.params import Params, read_params
from transferz.dataset.release import INDEX_FILE
from transferz.dataset.stage import Layout, run_stage
from transferz.dataset.tables import read_table
from transferz.schemas import RELEASE

CARD_FILE = "README.md"
CITATION_FILE = "CITATION.cff"
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


def read_config(directory: Path) -> pd.DataFrame:
    """Read all splits of one config.

    Parameters
    ----------
    directory : Path
        The config's folder.

    Returns
    -------
    pandas.DataFrame
        Table `RELEASE`.
    """
    require_file(directory / INDEX_FILE)
    parts = [read_table(path, RELEASE) for path in data_files(directory)]
    return pd.concat(parts, ignore_index=True)


def draw_distributions(layout: Layout, version: str, path: Path) -> None:
    """Draw the figure of the card from the released rows.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    version : str
        Of the release.
    path : Path
        The PNG to write.
    """
    tables = {name: read_config(layout.release / name) for name in ("transferz", "galaxiesml")}
    kind = "mock " if layout.is_mock else ""
    save_png(distributions(tables, f"TransferZ {version}: {kind}galaxies of both samples"), path)


def card(layout: Layout) -> None:
    """Complete a release: figure and citation first, then the card, last the manifest.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_params("release", ReleaseParams)
    configs = config_names(layout.release)
    require_file(layout.release / "transferz" / INDEX_FILE)
    citation = require_file(Path(CITATION_FILE), "run this from the project's root")
    with replace_directory(layout.release, keep=configs) as directory:
        (directory / FIGURE).parent.mkdir()
        draw_distributions(layout, params.version, directory / FIGURE)
        shutil.copyfile(citation, directory / CITATION_FILE)
        _write_card(layout, params, directory)


def _write_card(layout: Layout, params: ReleaseParams, directory: Path) -> None:
    """Write the card, then the manifest, which holds the card's hash too."""
    manifest = describe(layout, directory, params.version, params.date)
    text = card_text(manifest, FIGURE.as_posix())
    (directory / CARD_FILE).write_text(text, encoding="utf-8")
    write_json(directory / MANIFEST_FILE, seal(manifest, directory))


if __name__ == "__main__":
    sys.exit(run_stage(card, __doc__))
