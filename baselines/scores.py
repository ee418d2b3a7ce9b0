"""Scores of several seeds: computed, printed as a table, written with the weights."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.experiment import Experiment
from transferz.baselines.metrics import in_cosmological_range, score
from transferz.baselines.training import TrainedNetwork
from transferz.baselines.weights import save_network
from transferz.schemas.errors import InputError

Scores = dict[str, dict[str, dict[str, Any]]]

RANGES = MappingProxyType({"all": "all z", "cosmological": "0.3 < z <= 1.5"})
PRINTED = ("bias", "scatter", "outlier_rate", "rmse", "loss")


def score_networks(networks: Sequence[TrainedNetwork], experiment: Experiment) -> Scores:
    """Score every network on every sample.

    Returns
    -------
    dict
        sample -> range of true redshift (``all``, ``cosmological``) -> ``n`` and, per metric of
        `transferz.baselines.metrics.score`, ``mean``, ``std`` over seeds (None for one seed) and
        ``seeds``, the value of each.
    """
    return {
        name: _score_ranges(
            np.stack([network.predict(sample.magnitudes) for network in networks]), sample.redshift
        )
        for name, sample in experiment.samples.items()
    }


def _score_ranges(
    predicted: npt.NDArray[np.float64], true: npt.NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    rows = {"all": np.ones(true.shape, dtype=bool), "cosmological": in_cosmological_range(true)}
    return {
        name: {"n": int(kept.sum())}
        | {
            metric: _summary(values)
            for metric, values in score(predicted[:, kept], true[kept]).items()
        }
        for name, kept in rows.items()
    }


def _summary(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    seeds = [_finite(value) for value in values.tolist()]
    return {"mean": _finite(float(values.mean())), "std": _finite(spread), "seeds": seeds}


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def format_scores(scores: Scores) -> str:
    """Lay the scores out as a text table, mean ± spread over seeds."""
    head = ["sample", "range", "n", *(name.replace("_", " ") for name in PRINTED)]
    body = [
        [name, RANGES[part], str(values["n"]), *(_cell(values[metric]) for metric in PRINTED)]
        for name, ranges in scores.items()
        for part, values in ranges.items()
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *body)
    )
    return "\n".join(lines)


def _cell(summary: dict[str, Any]) -> str:
    if summary["mean"] is None:
        return "-"
    spread = "" if summary["std"] is None else f" ± {summary['std']:.4f}"
    return f"{summary['mean']:.4f}{spread}"


def check_output(directory: Path) -> None:
    """Refuse, before any training, an output directory that holds something.

    Raises
    ------
    InputError
        Where it does, or its parent can't be made.
    """
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InputError(f"--out {directory} exists already; remove it or name another")
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't write to --out {directory}: {error}") from None


def write_results(
    directory: Path, results: dict[str, Any], networks: Sequence[TrainedNetwork]
) -> None:
    """Write ``results.json`` and one ``seed-<k>.safetensors`` per network, all or nothing.

    Raises
    ------
    InputError
        Where the directory can't be written.
    """
    provenance = {name: results[name] for name in ("method", "source", "schedule", "packages")}
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{directory.name}-", dir=directory.parent
        ) as beside:
            made = Path(beside) / directory.name
            made.mkdir()
            for network in networks:
                path = made / f"seed-{network.seed}.safetensors"
                save_network(path, network, results["bands"], provenance)
            text = json.dumps(results, indent=1, allow_nan=False)
            (made / "results.json").write_text(text + "\n", encoding="utf-8")
            made.rename(directory)  # takes the place of an empty directory too
    except OSError as error:
        raise InputError(f"can't write to --out {directory}: {error}") from None
