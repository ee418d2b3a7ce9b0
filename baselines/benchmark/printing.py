"""The tables that a run prints."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import in_cosmological_range, score
from transferz.schemas.benchmark.entries import Entry, TestedSet
from transferz.schemas.benchmark.scores import METRIC_TITLES, EntryScores, Summary
from transferz.tables.printing import aligned

RANGES = (("cosmological", "0.3 < z <= 1.5"), ("all", "all z"))
PLAIN = ("bias", "scatter", "outlier_rate", "rmse", "loss")
POINT = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
LSST = "LSST's requirements at 0.3 < z <= 1.5 (met: yes or no, '?' where the error decides):"
NOTE = "Mean over seeds ± bootstrap error over galaxies (spread over seeds)."
WIDTH = ("crps", "cde_loss", "pit_ks", "coverage_68", "coverage_90", "width_90")
TITLES = {
    **{name: title.removesuffix(" (%)") for name, title in METRIC_TITLES.items()},  # fractions here
    "pit_ks": "PIT KS",
    "coverage_68": "68 % covers",
    "coverage_90": "90 % covers",
}

Scores = Mapping[TestedSet, EntryScores]
Floats = npt.NDArray[np.floating[Any]]


def samples_text(samples: Mapping[str, tuple[Floats, Floats]]) -> str:
    """Lay out plain scores of samples, of what was learned from too: mean ± spread over seeds.

    Parameters
    ----------
    samples : mapping
        Sample -> redshifts that were forecast, shape (S, N), and true ones, shape (N,).
    """
    body = []
    for name, (predicted, true) in samples.items():
        for title, rows in (("all z", slice(None)), (RANGES[0][1], in_cosmological_range(true))):
            found = score(predicted[:, rows], true[rows], PLAIN)
            cells = [_plain_cell(found[metric]) for metric in PLAIN]
            body.append([name, title, f"{true[rows].size}", *cells])
    head = ["sample", "range", "n", *(name.replace("_", " ") for name in PLAIN)]
    return "\n".join(aligned([head, *body]))


def _plain_cell(values: Floats) -> str:
    if np.isnan(values.mean()):
        return "-"
    spread = f" ± {values.std(ddof=1):.4f}" if values.size > 1 else ""
    return f"{values.mean():.4f}{spread}"


def outcome_text(entry: Entry) -> str:
    """Say what ran, how it scored, and which of LSST's requirements it meets."""
    transfer = ["\n".join(_transfer(entry))] if entry.transfer else []
    return "\n\n".join([_headline(entry), *transfer, scores_text(entry.scores)])


def scores_text(scores: Scores) -> str:
    """Lay out scores as tables, with LSST's requirements below."""
    parts = [_table(scores, POINT)]
    if widths := [name for name in WIDTH if _any(scores, name)]:
        parts.append(_table(scores, widths))
    if verdicts := list(_verdicts(scores)):
        parts.append("\n".join([LSST, *verdicts]))
    return "\n\n".join([*parts, NOTE]) + "\n"


def _headline(entry: Entry) -> str:
    rows = sum(entry.training.rows.train.values())
    mock = "MOCK galaxies, not real ones. " if entry.mock else ""
    time = entry.time.fit_s, entry.time.predict_s
    return (
        f"{entry.method.name}: learned from {rows:,} galaxies ({entry.training.set}), "
        f"{entry.seeds} seed(s). {mock}".rstrip()
        + "\n"
        f"Training {time[0]:.1f} s, forecasts {time[1]:.1f} s, {entry.memory.peak_mb:,.0f} MB"
        f" on {entry.device}."
    )


def _any(scores: Scores, name: str) -> bool:
    metrics = [part.metrics for one in scores.values() for part in one.ranges.values()]
    found = [dict(those).get(name) for those in metrics]  # type: ignore[call-overload]
    return any(one is not None and one.mean is not None for one in found)


def _table(scores: Scores, names: Sequence[str]) -> str:
    head = ["test set", "range", "galaxies", *(TITLES[name] for name in names)]
    body = [row for name, one in scores.items() for row in _rows(name, one, names)]
    return "\n".join(aligned([head, *body]))


def _rows(name: str, one: EntryScores, names: Sequence[str]) -> Iterator[list[str]]:
    missing = "" if one.completeness == 1.0 else f" ({100 * one.completeness:.2f} % complete)"
    for part, title in RANGES:
        found = one.ranges[part]  # type: ignore[index]
        if not found.n:
            continue
        metrics = dict(found.metrics)
        cells = [_cell(metrics.get(metric)) for metric in names]  # type: ignore[call-overload]
        yield [f"{name}{missing}", title, f"{found.n:,}", *cells]


def _cell(found: Summary | None) -> str:
    if found is None or found.mean is None:
        return "-"
    error = "" if found.error is None else f" ± {found.error:.4f}"
    spread = "" if found.spread is None else f" ({found.spread:.4f})"
    return f"{found.mean:.4f}{error}{spread}"


def _transfer(entry: Entry) -> Iterator[str]:
    yield "Calibrated on one set, tested on the other (not exchangeable: nothing is promised):"
    for one in entry.transfer or ():
        covers = " and ".join(
            f"{share} % intervals {100 * (found.mean or 0.0):.1f} %"
            for share, found in ((68, one.coverage_68), (90, one.coverage_90))
        )
        yield f"  {one.calibrated_on} -> {one.tested_on}: {covers}"


def _verdicts(scores: Scores) -> Iterator[str]:
    for name, one in scores.items():
        found = one.ranges["cosmological"].requirements
        if not one.ranges["cosmological"].n:
            continue
        said = (
            f"{metric} {'-' if v.value is None else f'{v.value:.4f}'} of {v.limit:g} "
            f"{'yes' if v.met else 'no'}{'' if v.sure else '?'}"
            for metric, v in found.items()
        )
        yield f"  {name}: {', '.join(said)}"
