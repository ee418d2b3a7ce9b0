"""Forecast both test splits of a release with a trained baseline, and score the forecasts.

A stage of ``baselines/dvc.yaml``:
``python -m transferz.baselines.paper.evaluate --model DIR --out DIR``.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from transferz.baselines.benchmark.run_command import run_command
from transferz.baselines.networks.ensemble import Floats
from transferz.baselines.networks.hardware import default_threads, find_device
from transferz.baselines.networks.weights import Model, load_ensemble
from transferz.baselines.scores.evaluation import HEADLINES, Forecasts, evaluate
from transferz.releases import Release, find_release
from transferz.schemas.errors import InputError
from transferz.schemas.survey.magnitudes import MAGNITUDES
from transferz.schemas.survey.manifest import read_manifest
from transferz.tables.files import replace_directory

TESTED = ("transferz", "galaxiesml")
"""Configs whose test splits every baseline is scored on."""

SPLIT = "test"
FORECASTS_FILE = "forecasts.parquet"
SCORES_FILE = "scores.json"
METRICS_FILE = "metrics.json"
BINS_FILE = "bins.csv"
PLOTTED_FILE = "galaxiesml_by_redshift.csv"
"""The bins that `dvc plots` draws: of one config, by true redshift."""

PLOTTED = ("galaxiesml", "true_redshift")
BIN_COLUMNS = ("config", "by", "from", "to", "middle", "n")
BIN_METRICS = ("bias", "scatter", "outlier_rate", "rmse")


@dataclass(frozen=True, slots=True)
class TestSet:
    """A config's test split.

    Attributes
    ----------
    identifiers : ndarray of int64, shape (N,)
        HSC ids.
    magnitudes : ndarray, shape (N, B)
        In the bands of a release.
    redshift : ndarray, shape (N,)
        The labels.
    truth : ndarray, shape (N,), or None
        True redshifts, in a mock; NaN for what is no galaxy.
    """

    identifiers: Any
    magnitudes: Floats
    redshift: Floats
    truth: Floats | None


def require_fit(model: Model, release: Release, path: Path) -> None:
    """Check that a model takes a release's magnitudes, and was trained on its content.

    Raises
    ------
    InputError
        Where it takes others, or what it learned from is another release's, in which the test
        galaxies here may have been training galaxies.
    """
    if model.bands != MAGNITUDES:
        raise InputError(
            f"{path} takes {', '.join(model.bands)}; expected a release's magnitudes, "
            f"{', '.join(MAGNITUDES)}: train it on a release"
        )
    learned = model.provenance["source"].get("release", {}).get("content")
    if learned != read_manifest(release.path).get("content", {}):
        raise InputError(
            f"{path} was trained on other data than {release}; train it again on that: "
            f"transferz train {model.provenance['method']} --release {release.path}"
        )


def read_test_set(release: Release, config: str) -> TestSet:
    """Read a config's test split, in a mock with the true redshifts.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split.
    InputError
        Where a file can't be read.
    """
    table = _read(release, config, ("object_id", *MAGNITUDES, "redshift"))
    identifiers = table["object_id"].to_numpy()
    magnitudes = np.column_stack([table[name].to_numpy() for name in MAGNITUDES])
    redshift = table["redshift"].to_numpy().astype(np.float64)
    truth = _truth(release, identifiers) if "truth" in release.files() else None
    return TestSet(identifiers, magnitudes.astype(np.float64), redshift, truth)


def _read(release: Release, config: str, columns: Sequence[str]) -> pa.Table:
    files = release.require(config, [SPLIT])[SPLIT]
    try:
        return pa.concat_tables(
            pq.read_table(path, columns=list(columns), page_checksum_verification=True)
            for path in files
        )
    except (OSError, ValueError) as error:
        raise InputError(f"can't read {files[0]}: {error}; build the release again") from None


def _truth(release: Release, identifiers: Any) -> Floats:
    """True redshifts by id; NaN for what is no galaxy, and has none."""
    table = _read(release, "truth", ("object_id", "redshift")).sort_by("object_id")
    known, redshift = (table[name].to_numpy() for name in ("object_id", "redshift"))
    place = np.minimum(np.searchsorted(known, identifiers), len(known) - 1)
    return np.where(known[place] == identifiers, redshift[place].astype(np.float64), np.nan)


def score_test_sets(
    model: Model, sets: Mapping[str, TestSet]
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Forecast and score.

    Returns
    -------
    predicted : dict
        config -> redshifts, shape (S, N).
    scores : dict
        config -> what `transferz.baselines.scores.evaluation.evaluate` makes of them.
    """
    predicted = {name: model.ensemble.predict(one.magnitudes) for name, one in sets.items()}
    scores = {
        name: evaluate(
            Forecasts(predicted[name], one.redshift, one.magnitudes, MAGNITUDES, one.truth)
        )
        for name, one in sets.items()
    }
    return predicted, scores


def write_evaluation(
    directory: Path,
    model: Model,
    sets: Mapping[str, TestSet],
    predicted: Mapping[str, Floats],
    scores: Mapping[str, Any],
) -> None:
    """Write forecasts and scores, all or nothing.

    Parameters
    ----------
    directory : Path
        Replaced as a whole.
    model : Model
        What forecast.
    sets, predicted, scores : dict
        As `score_test_sets` takes and gives them.
    """
    whole = {
        "method": model.provenance["method"],
        "seeds": len(model.ensemble),
        "sets": scores,
    }
    with replace_directory(directory) as beside:
        tables = [
            _forecast_table(name, one, predicted[name], model.ensemble.seeds)
            for name, one in sets.items()
        ]
        pq.write_table(pa.concat_tables(tables), beside / FORECASTS_FILE, compression="zstd")
        _write_json(beside / SCORES_FILE, whole)
        _write_json(beside / METRICS_FILE, {name: _compact(one) for name, one in scores.items()})
        rows = [row for name, one in scores.items() for row in _bin_rows(name, one)]
        _write_csv(beside / BINS_FILE, rows)
        _write_csv(beside / PLOTTED_FILE, [row for row in rows if tuple(row[:2]) == PLOTTED])


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*BIN_COLUMNS, *BIN_METRICS))
        writer.writerows(rows)


def _forecast_table(config: str, one: TestSet, predicted: Floats, seeds: Sequence[int]) -> pa.Table:
    columns = {
        "config": np.full(len(one.redshift), config),
        "object_id": one.identifiers,
        "redshift": one.redshift.astype(np.float32),
    }
    if one.truth is not None:
        columns["truth"] = one.truth.astype(np.float32)
    columns |= {name: one.magnitudes[:, k].astype(np.float32) for k, name in enumerate(MAGNITUDES)}
    columns |= {
        f"seed_{s}": row for s, row in zip(seeds, predicted.astype(np.float32), strict=True)
    }
    return pa.table(columns)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _compact(scores: Mapping[str, Any]) -> dict[str, float]:
    """What `dvc metrics show` has room for."""
    metrics = scores["ranges"]["cosmological"]["metrics"]
    return {name: metrics[name]["mean"] for name in HEADLINES}


def _bin_rows(config: str, scores: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [config, by, one["from"], one["to"], one["middle"], one["n"], *_bin_means(one)]
        for by, bins in scores["bins"].items()
        for one in bins
    ]


def _bin_means(one: Mapping[str, Any]) -> list[float | None]:
    metrics = one["metrics"]
    return [metrics[name]["mean"] if metrics else None for name in BIN_METRICS]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="of transferz train --out")
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--device", default="auto", help="(default: a GPU where there is one)")
    args = parser.parse_args(argv)
    torch.set_num_threads(default_threads())
    release = find_release(args.release)
    model = load_ensemble(args.model)
    require_fit(model, release, args.model)
    model.ensemble.to(find_device(args.device))
    sets = {config: read_test_set(release, config) for config in TESTED}
    predicted, scores = score_test_sets(model, sets)
    write_evaluation(args.out, model, sets, predicted, scores)
    return 0


if __name__ == "__main__":
    run_command(main)
