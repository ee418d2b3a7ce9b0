"""Runs of made-up methods on a tiny mock release: forecasts are the label and known noise."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from browsing import CHROMIUM, Browser

from transferz.baselines.benchmark.forecasts import SetForecasts, forecasts_file
from transferz.baselines.benchmark.scoring import coverage_by_magnitude, score_set
from transferz.baselines.benchmark.task import read_tests
from transferz.baselines.leaderboard.board import read_board
from transferz.baselines.leaderboard.comparing import write_comparisons
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.probability import PER_GALAXY, GaussianMixture, per_galaxy
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import Entry, rounded, write_entry
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.survey.columns import MAGNITUDES
from transferz.schemas.survey.files import (
    MANIFEST_FILE,
    file_digest,
    json_text,
    read_manifest,
    self_digest,
)


@dataclasses.dataclass(frozen=True)
class Method:
    """Forecasts of the label with this scatter and bias; `width` over that of its distributions.

    Without a scatter the forecast of all galaxies is 0.5.
    """

    key: str
    scatter: float | None
    bias: float = 0.0
    width: float | None = None
    seeds: int = 3
    missing: int = 0
    train: str = "combo"
    texts: dict = dataclasses.field(default_factory=dict)


def make_run(folder: Path, release: Path, method: Method) -> Path:
    """Write a run as `transferz benchmark` does."""
    found = find_release(release)
    tests = read_tests(found, ("galaxiesml", "transferz"), found.bands())
    sets = {config: _forecast(test, config, method) for config, test in tests.items()}
    folder.mkdir(parents=True)
    path = folder / "forecasts.parquet"
    path.write_bytes(forecasts_file(sets))
    write_entry(folder / "entry.yaml", _entry(found, method, sets, path))
    return folder


def _forecast(test, config, method):
    label = test.redshift
    rng = np.random.default_rng([*method.key.encode(), len(config)])
    shape = (method.seeds, label.size)
    if method.scatter is None:
        point = np.full(shape, 0.5, np.float32)
        return SetForecasts(test.object_id, label, test.i_mag, point, {}, test.g_mag, test.truth)
    noise = rng.normal(0, 1, label.size) + 0.3 * rng.normal(0, 1, shape)
    sigma = method.scatter * (1 + label)
    point = (label + sigma * noise + method.bias * (1 + label)).astype(np.float32)
    columns = {}
    if method.width is not None:
        made = [_widths(row, method.width * sigma, label) for row in point]
        columns = {name: np.stack([one[name] for one in made]) for name in PER_GALAXY}
    point[:, : method.missing] = np.nan
    for values in columns.values():
        values[:, : method.missing] = np.nan
    return SetForecasts(test.object_id, label, test.i_mag, point, columns, test.g_mag, test.truth)


def _widths(point, sigma, label):
    shape = (len(point), 1)
    made = GaussianMixture(np.ones(shape), point[:, None], np.broadcast_to(sigma[:, None], shape))
    return {name: one.astype(np.float32) for name, one in per_galaxy(made, label).items()}


def _entry(release, method, sets, path):
    content = read_manifest(release.path)["content"]
    used = {config: ["test"] for config in sets}
    used[method.train] = [*used.get(method.train, []), "train", "validation"]
    data = {
        config: {
            split: {
                "rows": content[config][split]["rows"],
                "hash": content[config][split]["content"],
            }
            for split in splits
        }
        for config, splits in used.items()
    }
    rows = {
        split: {method.train: content[method.train][split]["rows"]}
        for split in ("train", "validation")
    }
    scores = {config: score_set(one) for config, one in sets.items()}
    bins = {config: coverage_by_magnitude(one) for config, one in scores.items()}
    record = {
        "schema": "transferz leaderboard entry 1",
        "method": {"key": method.key, "name": method.key, "class": f"mock:{method.key}"}
        | method.texts,
        "training": {"set": method.train, "rows": {**rows, "calibration": None}, "table": None},
        "bands": list(MAGNITUDES),
        "seeds": method.seeds,
        "data": {
            "name": "transferz",
            "version": release.version,
            "survey": release.survey,
            "mock": release.mock,
            "content": data,
        },
        "scores": scores,
        "by_magnitude": bins if method.width else None,
        "hardware": {"cpu": "none: forecasts are label plus noise"},
        "device": "cpu",
        "threads": 1,
        "time": {"fit_s": 12.5, "calibrate_s": None, "predict_s": 0.2},
        "memory": {"peak_mb": 321.0, "gpu_peak_mb": None},
        "command": f"transferz benchmark mock:{method.key}",
        "packages": {"numpy": np.__version__},
        "transferz": "0.1.0",
        "date": "2026-11-26",
        "forecasts": {"file": path.name, **file_digest(path), "url": None},
    }
    return parse_record(json.dumps(rounded(record)), Entry, "entry", "mend the test")


METHODS = (
    Method("sharp", 0.02, width=1.0),
    Method("sharp_too", 0.02, width=1.6, train="galaxiesml"),
    Method("blunt", 0.08, bias=0.1, width=0.5, train="transferz"),
    Method("point_only", 0.03, seeds=1),
)


def hash_splits(directory: Path, digest: str = 64 * "0") -> Path:
    """Write a content hash of every split into a release's manifest, as a real one has them."""
    path = directory / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    for splits in manifest["content"].values():
        for facts in splits.values():
            facts["content"] = f"sha256:{digest}"
    manifest["sha256"] = self_digest(manifest)
    path.write_text(json_text(manifest), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def hashed_release(tmp_path_factory, release_builder):
    """A tiny mock release whose manifest has content hashes."""
    return hash_splits(release_builder(tmp_path_factory.mktemp("hashed") / "transferz"))


@pytest.fixture(scope="session")
def runs(tmp_path_factory, hashed_release):
    """Four runs on the tiny release, compared."""
    folder = tmp_path_factory.mktemp("runs")
    for method in METHODS:
        make_run(folder / method.key, hashed_release, method)
    write_comparisons(folder, out=folder, draws=Draws(60))
    return folder


@pytest.fixture(scope="session")
def board(runs, hashed_release):
    """The board of the four runs."""
    return read_board(runs, find_release(hashed_release))


@pytest.fixture(scope="session")
def run_maker():
    """`make_run` and `Method`, for tests that need runs of their own."""
    return make_run, Method


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()
