"""Stage `card`: write the release's page, figures, citation file, Croissant and manifest."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from transferz.dataset.page.card_text import card_text, words_digest
from transferz.dataset.page.citation import (
    citation_text,
    read_citation,
    release_citation,
)
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.facts import REMEDY, history_of, quality, read_baselines, shown_figures
from transferz.dataset.page.figures import draw, drawing_digest
from transferz.dataset.pipeline.manifest import describe, seal
from transferz.dataset.pipeline.params import ReleaseParams, read_params
from transferz.dataset.pipeline.stage import Layout, run_stage
from transferz.dataset.pipeline.tables import read_table
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    HATS_FOLDER,
    INDEX_FOLDER,
    MANIFEST_FILE,
    data_files,
    index_file,
)
from transferz.schemas.survey.survey import Survey, find_survey
from transferz.tables.files import replace_directory, require_file, write_json

BASELINES = Path("baselines/leaderboard/entries"), Path("baselines/results")
"""Checked entries of the baselines and their figures, a folder per survey each: small files in git,
no stage's output."""


def complete(
    release: Path, manifest: dict[str, Any], citation: Path, entries: Path, figures: Path
) -> None:
    """Write a release's pages beside its configs, last the manifest, which has all their hashes.

    The directory `release` has its configs and nothing else. To `manifest`, as
    `transferz.dataset.pipeline.manifest.describe` makes it and with ``history``, come ``quality``,
    measured here, and ``baselines``, where the folder `entries` holds any. `citation` is the
    project's CITATION.cff; `entries` and `figures`, the baselines' own, need not exist.
    """
    survey = find_survey(manifest["survey"])
    tables = {config: _read_config(release, config, survey) for config in manifest["content"]}
    whole = manifest | {"template": words_digest(survey), "drawing": drawing_digest()}
    whole |= {"quality": quality(tables, manifest)}
    if baselines := read_baselines(entries, figures, manifest["survey"]):
        whole["baselines"] = baselines
    _draw_figures(release, tables, whole, figures)
    cited = release_citation(read_citation(citation), whole)
    _write(release / CITATION_FILE, citation_text(cited))
    write_json(release / CROISSANT_FILE, croissant(whole, release))
    _write(release / CARD_FILE, card_text(whole, cited))
    write_json(release / MANIFEST_FILE, seal(whole, release))


def _read_config(release: Path, config: str, survey: Survey) -> pd.DataFrame:
    """All splits of one config."""
    require_file(index_file(release, config))
    files = (path for paths in data_files(release)[config].values() for path in paths)
    return pd.concat([read_table(path, survey.release) for path in files], ignore_index=True)


def _draw_figures(
    release: Path, tables: dict[str, pd.DataFrame], manifest: dict[str, Any], baselines: Path
) -> None:
    """Draw the figures of the card, and copy those of the baselines from their folder."""
    copies = {
        path: require_file(baselines / Path(path).name, REMEDY)
        for path in shown_figures(manifest).values()
    }
    draw(tables, manifest, release)
    for path, copied in copies.items():
        shutil.copyfile(copied, release / path)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def card(layout: Layout) -> None:
    """Complete a survey's release, whose configs the stage `release` has written."""
    params = read_params("release", ReleaseParams)
    history = history_of(params.version, params.date)
    require_file(index_file(layout.release, next(iter(layout.configured.configs.values()))))
    citation = require_file(Path(CITATION_FILE), "run this from the project's root")
    entries, figures = (folder / layout.survey for folder in BASELINES)
    kept = (*data_files(layout.release), INDEX_FOLDER, HATS_FOLDER)
    with replace_directory(layout.release, keep=kept) as directory:
        manifest = describe(layout, directory, params.version, params.date)
        complete(directory, manifest | {"history": history}, citation, entries, figures)


if __name__ == "__main__":
    sys.exit(run_stage(card, __doc__))
