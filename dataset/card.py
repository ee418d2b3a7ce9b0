"""Stage `card`: write the release's page, figures, citation file, Croissant and manifest."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from transferz.dataset.page.baselines import REMEDY, read_baselines, shown_figures
from transferz.dataset.page.card_text import card_text, template_digest
from transferz.dataset.page.citation import citation_text, read_citation, release_citation
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.figures import FIGURES, distributions, flow_chart
from transferz.dataset.page.front_matter import pretty_name
from transferz.dataset.page.history import history_of
from transferz.dataset.page.quality import quality
from transferz.dataset.pipeline.manifest import describe, seal
from transferz.dataset.pipeline.params import ReleaseParams, read_params
from transferz.dataset.pipeline.stage import Layout, run_stage
from transferz.dataset.pipeline.tables import read_table
from transferz.schemas import RELEASE
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    data_files,
)
from transferz.tables.files import replace_directory, require_file, save_png, write_json

BASELINES = Path("baselines/leaderboard/entries"), Path("baselines/results")
"""Checked entries of the baselines and their figures, a folder per survey each: small files in git,
no stage's output."""


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


def draw_figures(
    release: Path, tables: dict[str, pd.DataFrame], manifest: dict[str, Any], figures: Path
) -> None:
    """Draw the figures of the card, and take those of the baselines.

    Parameters
    ----------
    release : Path
        The release directory.
    tables : dict of str to pandas.DataFrame
        Released rows of every config, all splits.
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    figures : Path
        The folder of the baselines' figures.
    """
    (release / FIGURES["flow"]).parent.mkdir()
    samples = {name: tables[name] for name in ("transferz", "galaxiesml")}
    title = f"{pretty_name(manifest)} {manifest['version']}"
    save_png(distributions(samples, title), release / FIGURES["distributions"])
    save_png(flow_chart(manifest), release / FIGURES["flow"])
    for path in shown_figures(manifest).values():
        drawn = require_file(figures / Path(path).name, REMEDY)
        shutil.copyfile(drawn, release / path)


def complete(
    release: Path, manifest: dict[str, Any], citation: Path, entries: Path, figures: Path
) -> None:
    """Write a release's pages beside its configs, last the manifest, which has all their hashes.

    Parameters
    ----------
    release : Path
        The release directory, with its configs and nothing else.
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it, with ``history``; ``quality`` is
        measured here, ``baselines`` are read from `entries`, where there are any.
    citation : Path
        The project's CITATION.cff.
    entries, figures : Path
        The folders of the survey's entries of the baselines and of their figures, which need not
        exist.
    """
    tables = {name: read_config(release, name) for name in manifest["content"]}
    found = read_baselines(entries, figures, manifest["survey"])
    measured = {"template": template_digest(), "quality": quality(tables)}
    whole = manifest | measured | ({"baselines": found} if found else {})
    draw_figures(release, tables, whole, figures)
    cited = release_citation(read_citation(citation), whole)
    _write(release / CITATION_FILE, citation_text(cited))
    write_json(release / CROISSANT_FILE, croissant(whole, release))
    _write(release / CARD_FILE, card_text(whole, cited))
    write_json(release / MANIFEST_FILE, seal(whole, release))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def card(layout: Layout) -> None:
    """Complete a release whose configs the stage `release` has written.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_params("release", ReleaseParams)
    history = history_of(params.version, params.date)
    require_file(layout.release / "transferz" / INDEX_FILE)
    citation = require_file(Path(CITATION_FILE), "run this from the project's root")
    entries, figures = (folder / layout.survey for folder in BASELINES)
    with replace_directory(layout.release, keep=data_files(layout.release)) as directory:
        manifest = describe(layout, directory, params.version, params.date)
        complete(directory, manifest | {"history": history}, citation, entries, figures)


if __name__ == "__main__":
    sys.exit(run_stage(card, __doc__))
