"""Checks of `benchmarks/real_transfer.py` elsewhere on the sky, with spectroscopic redshifts alone.

Methods that learn on EGS, SDSS and DES and are tested there; the mock's networks, tested there as
they are; and the published forecasts of an image method, scored by `transferz score`.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from real_methods import EGS, tasks

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.loading import Method, load_method
from transferz.baselines.benchmark.own_tables import OwnTable, add_test_table
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.methods import METHODS
from transferz.baselines.methods.networks import PHOTOMETRY, NetworkMethod
from transferz.baselines.networks.ensemble import Ensemble, Model, load_ensemble
from transferz.cli.score import score
from transferz.photometry.bands import HSC_BANDS, SURVEY_BANDS
from transferz.photometry.templates import model_grid
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.entries import ENTRY_FILE, read_entry
from transferz.tables.files import replace_file, write_json

PLACES = ("egs", "sdss", "des", "mock", "published")
LEARNED_THERE = ("nearest", "trees", "nn_spec")
OF_THE_MOCK = ("nn_base", "nn_combo", "nn_spec")
IMAGES = "mmae_nomaskimage.csv.gz"
PUBLISHED_FILE = "published.json"
TERMS_FILE = "colour_terms.json"

REDSHIFT_MAX = 2.0
"""Up to which templates tell the colour terms (our choice)."""


class Applied(NetworkMethod):
    """Networks that were trained before, applied as they are."""

    description = "Trained on the mock, applied as it is"

    def __init__(self, *, model: Model, key: str) -> None:
        super().__init__()
        self.model, self.name, self.train = model, METHODS[key].title, METHODS[key].role

    def train_seeds(
        self, training: pd.DataFrame, validation: pd.DataFrame, seeds: Sequence[int]
    ) -> Ensemble:
        """Return the networks that there are."""
        return self.model.ensemble.take(seeds)


def run_elsewhere(
    place: str, tables: Path, work: Path, data: Path, seeds: int, epochs: int | None
) -> None:
    """Do one of the checks, one of `PLACES`, but for what is there.

    `tables` is the folder of real tables, `data` that of the surveys' releases.
    """
    folder = work / "elsewhere"
    folder.mkdir(parents=True, exist_ok=True)
    if place == "published":
        score_published(tables, folder)
    elif place == "mock":
        apply_mock(tables, folder, data, seeds)
    elif place == "des":
        learn_there(release_of(data, "des"), folder / place, seeds, epochs)
    else:
        learn_there(dict(tasks(tables))[place], folder / place, seeds, epochs)


def release_of(data: Path, survey: str) -> Release:
    """Find a survey's release."""
    return find_release(data / survey / "release" / "transferz")


def learn_there(place: Release | Task, folder: Path, seeds: int, epochs: int | None) -> None:
    """Train methods where they are tested."""
    for key in LEARNED_THERE:
        method = load_method(key)
        if key in PHOTOMETRY and epochs:
            schedule = replace(PHOTOMETRY[key].schedule, max_epochs=epochs)
            method = Method(PHOTOMETRY[key], key, {"schedule": schedule})
        if not _is_there(folder / key, 1 if method.stated.deterministic else seeds):
            folder.mkdir(parents=True, exist_ok=True)
            benchmark(method, place, seeds=seeds).write(folder / key)


def _is_there(folder: Path, seeds: int) -> bool:
    path = folder / ENTRY_FILE
    return path.is_file() and read_entry(path).seeds == seeds


def apply_mock(tables: Path, folder: Path, data: Path, seeds: int) -> None:
    """Apply the mock's networks, those of `make baselines`, to EGS and to DES's test galaxies.

    To these twice: with their magnitudes as they are, and turned into HSC's.
    """
    release = release_of(data, "mock")
    bands = tuple(f"{name}_mag" for name in "grizy")
    there = release_of(data, "des").path / "spectroscopic" / "test-00000-of-00001.parquet"
    turned = folder / "des_as_hsc.parquet"
    as_hsc(pd.read_parquet(there), bands, folder / TERMS_FILE).to_parquet(turned)
    others = {
        "egs_by_mock": OwnTable(tables / EGS, tuple("grizy"), "redshift"),
        "des_by_mock": OwnTable(there, bands, "redshift", identifier="object_id"),
        "des_as_hsc_by_mock": OwnTable(turned, bands, "redshift", identifier="object_id"),
    }
    for key in OF_THE_MOCK:
        model = load_ensemble(data / "mock" / "benchmark" / key)
        own = from_release(release, METHODS[key].role)
        bare = replace(own, tests={}, calibration={})
        count = min(seeds, len(model.ensemble.seeds))
        for name, table in others.items():
            if _is_there(folder / name / key, count):
                continue
            (folder / name).mkdir(exist_ok=True)
            task = add_test_table(bare, table, drop_missing=True)
            method = Method(Applied, key, {"model": model, "key": key})
            benchmark(method, task, seeds=count).write(folder / name / key)


def as_hsc(table: pd.DataFrame, bands: Sequence[str], terms: Path) -> pd.DataFrame:
    """Turn DES's magnitudes into HSC's, band by band by a line in the four colours.

    The lines are fitted to the template fit's models, with dust, at redshifts up to `REDSHIFT_MAX`;
    what they leave is written to `terms`, mag.
    """
    grid = model_grid([*SURVEY_BANDS["des"].values(), *HSC_BANDS.values()], REDSHIFT_MAX, 0.02)
    magnitudes = -2.5 * np.log10(grid.flux.reshape(-1, 2 * len(bands)))
    des, hsc = np.split(magnitudes, 2, axis=1)
    lines, *_ = np.linalg.lstsq(_colours(des), hsc - des, rcond=None)
    left = (hsc - des - _colours(des) @ lines).std(axis=0)
    shift = np.median(np.abs(hsc - des), axis=0)
    write_json(
        terms,
        {
            name: {"median_shift": round(float(moved), 4), "scatter_left": round(float(rest), 4)}
            for name, moved, rest in zip(bands, shift, left, strict=True)
        },
    )
    own = table[list(bands)].to_numpy(np.float64)
    return table.assign(**dict(zip(bands, (own + _colours(own) @ lines).T, strict=True)))


def _colours(magnitudes: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(magnitudes)), -np.diff(magnitudes, axis=1)])


def score_published(tables: Path, folder: Path) -> None:
    """Score published forecasts as `transferz score` does, and keep what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        score([str(tables / IMAGES), "--true", "y_test", "--pred", "y_pred", "--json"])
    with replace_file(folder / PUBLISHED_FILE) as beside:
        beside.write_text(said.getvalue(), encoding="utf-8")
