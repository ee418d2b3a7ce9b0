"""Score the forecasts of a run, for an entry: in ranges and bins, with errors and verdicts.

And lay scores out as the tables that a run prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.surveying import (
    score_discreteness,
    score_risk,
    score_tomography,
    survey_lines,
)
from transferz.baselines.scores.binning import Bin, binnings
from transferz.baselines.scores.bootstrap import difference_error, finite, summary
from transferz.baselines.scores.metrics import (
    CATASTROPHIC_LIMIT,
    OUTLIER_LIMIT,
    in_cosmological_range,
    score,
)
from transferz.baselines.scores.probability import pit_histogram
from transferz.baselines.scores.probability.scores import ENDS
from transferz.baselines.scores.requirements import verdicts
from transferz.schemas.benchmark.entries import Entry, TestedSet
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    METRIC_TITLES,
    NONE,
    RANGES,
    EntryScores,
    Range,
    Summary,
    label_first,
    unit,
    value_parts,
)
from transferz.tables.printing import aligned, counted

FEWEST = 20
"""Galaxies below which a bin, for any seed, is not scored (our choice)."""

BINNED = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
"""Metrics in bins of redshift, magnitude and colour, and of points in the printed tables."""

COVERAGES = ("coverage_68", "coverage_90", "width_68", "width_90")
"""Metrics in bins of magnitude and colour besides, of forecasts with a width."""

PHOTOMETRIC = ("i", "g-i")
"""Bins that the galaxies' magnitudes alone decide."""

TRANSFERRED = ("coverage_68", "coverage_90", "width_90")

PLAIN = ("bias", "scatter", "outlier_rate", "rmse", "loss")
WIDTH = ("crps", "cde_loss", "pit_ks", "coverage_68", "coverage_90", "width_90")
"""Printed of samples as they are, and of forecasts with a width."""

PRINTED = METRIC_TITLES | {
    "coverage_68": "68 % covers (%)",
    "coverage_90": "90 % covers (%)",
}
"""Heads of columns."""

REQUIRED: tuple[Range, ...] = (COSMOLOGICAL, "lsst")
"""Ranges in which LSST's requirements are looked at: ours, and its own."""

LSST = "LSST's requirements ('?' where the error decides):"
TRANSFER = "Calibrated on one set, tested on the other (not exchangeable: nothing is promised):"
OF_SEEDS = "Mean over seeds ± bootstrap error over galaxies (spread over seeds)."
OF_ONE_SEED = "Score ± bootstrap error over galaxies."
OUTLIERS = (
    f"outliers: |Δz| > {OUTLIER_LIMIT:g} (1 + z); 3σ outliers: Δz / (1 + z) more than 3 times the "
    f"scatter from its median; catastrophic: |Δz| > {CATASTROPHIC_LIMIT:g}."
)

Plain = dict[str, Any]
Scores = Mapping[TestedSet, EntryScores]
Floats = npt.NDArray[np.floating[Any]]


def score_set(forecasts: SetForecasts) -> Plain:
    """Score a test set, as `transferz.schemas.benchmark.scores.EntryScores` validates it.

    Galaxies that any seed has no forecast for are left out; `completeness` is the share of the
    others. The label decides which range a galaxy is in, for scores against the truth too.
    """
    scored = forecasts.scored
    known = forecasts.take(scored)
    kinds = binnings(known.redshift, known.point, known.i_mag, known.g_mag)
    masks = {name: scored & mask for name, mask in forecasts.ranges().items()}
    parts = {name: forecasts.take(mask) for name, mask in masks.items()}
    wide = PHOTOMETRIC if has_widths(forecasts) else ()
    found: Plain = {
        "n": int(scored.sum()),
        "completeness": float(scored.mean()),
        "ranges": {name: _range(part) for name, part in parts.items()},
        "pit": _pits(forecasts, masks),
        "bins": {
            kind: [_bin(known, one, COVERAGES if kind in wide else ()) for one in bins]
            for kind, bins in kinds.items()
        },
    }
    if forecasts.truth is not None and not np.isnan(forecasts.truth).all():
        found["truth"] = {name: _against_truth(part) for name, part in parts.items()}
    if known.redshift.size >= FEWEST:
        found["tomography"] = score_tomography(known, FEWEST)
        found["discreteness"] = score_discreteness(known)
        found["risk"] = score_risk(known)
    return found


def coverage_by_magnitude(scored: Plain) -> list[Plain] | None:
    """Pick coverage and width in bins of i magnitude from a test set's scores, as `score_set` has.

    None without widths or an i band.
    """

    def only_coverages(one: Plain) -> Plain:
        metrics = one["metrics"]
        return one | {"metrics": metrics and {name: metrics[name] for name in COVERAGES}}

    bins = scored["bins"].get("i", [])
    wide = any(one["metrics"] and COVERAGES[0] in one["metrics"] for one in bins)
    return [only_coverages(one) for one in bins] if wide else None


def scored_parts(sets: Mapping[str, SetForecasts]) -> Plain:
    """Score all that an entry has of test sets' forecasts: ``scores`` and ``by_magnitude``."""
    scores = {name: score_set(one) for name, one in sets.items()}
    bins = {name: coverage_by_magnitude(one) for name, one in scores.items()}
    return {
        "scores": scores,
        "by_magnitude": {name: one for name, one in bins.items() if one} or None,
    }


def score_transfer(pair: tuple[str, str], forecasts: SetForecasts) -> Plain | None:
    """Score the coverage of intervals that were calibrated elsewhere; None where there are none."""
    if not has_widths(forecasts):
        return None
    found = forecasts.take(forecasts.scored).replicate()
    return {"calibrated_on": pair[0], "tested_on": pair[1], **found.summaries(TRANSFERRED)}


def has_widths(forecasts: SetForecasts) -> bool:
    """Tell whether there is any interval."""
    columns = [forecasts.columns[name] for name in ENDS if name in forecasts.columns]
    return any(np.isfinite(values).any() for values in columns)


def _range(part: SetForecasts) -> Plain:
    metrics = part.replicate().summaries()
    return {
        "n": part.redshift.size,
        "metrics": metrics,
        "requirements": verdicts(metrics, len(part.point)),
    }


def _against_truth(part: SetForecasts) -> Plain:
    """Score against the truth, and how the label's scores of the same galaxies differ from it."""
    assert part.truth is not None  # noqa: S101 (for mypy: only mocks come here)
    known = part.take(np.isfinite(part.truth))
    label, truth = known.replicate_points(), known.replicate_points(true=known.truth)
    difference = {
        name: {
            "mean": finite(float(values.mean() - truth.scores[name].mean())),
            "error": finite(difference_error(label, truth, name)),
        }
        for name, values in label.scores.items()
    }
    return {"n": known.redshift.size, "metrics": truth.summaries(), "difference": difference}


def _pits(forecasts: SetForecasts, masks: Mapping[str, Any]) -> Plain | None:
    """Return histograms over all seeds; None where there is no distribution."""
    pit = forecasts.columns.get("pit")
    if pit is None or np.isnan(pit).all():
        return None
    shares = {name: pit_histogram(pit[:, mask].ravel()) for name, mask in masks.items()}
    return {name: [finite(one) for one in values] for name, values in shares.items()}


def _bin(known: SetForecasts, one: Bin, further: Sequence[str]) -> Plain:
    """Score a bin by `BINNED` and `further` metrics.

    Where each seed's own forecasts decide, `n` is the mean over seeds.
    """
    counts = np.atleast_1d(one.members.sum(axis=-1))
    metrics = None
    if counts.min() >= FEWEST:
        if one.members.ndim > 1:
            found = known.replicate_points(BINNED, chosen=one.members)
        elif further:
            found = known.take(one.members).replicate()
        else:
            found = known.take(one.members).replicate_points(BINNED)
        metrics = found.summaries((*BINNED, *further))
    return one.ends | {"n": round(float(counts.mean())), "metrics": metrics}


def samples_text(samples: Mapping[str, tuple[Floats, Floats]]) -> str:
    """Lay out plain scores of samples, of what was learned from too: mean (spread over seeds).

    A sample has redshifts that were forecast, shape (S, N), and true ones, shape (N,).
    """
    body = []
    for name, (predicted, true) in samples.items():
        ranges: dict[Range, Any] = {"all": slice(None), COSMOLOGICAL: in_cosmological_range(true)}
        for part, rows in ranges.items():
            values = score(predicted[:, rows], true[rows], PLAIN)
            cells = [_cell(metric, Summary(**summary(values[metric]))) for metric in PLAIN]
            body.append([name, RANGES[part], f"{true[rows].size:,}", *cells])
    head = ["sample", "range", "galaxies", *(PRINTED[name] for name in PLAIN)]
    return "\n".join(aligned([head, *body]))


def outcome_text(entry: Entry) -> str:
    """Say what ran, how it scored, and which of LSST's requirements it meets."""
    training, time, memory = entry.training, entry.time, entry.memory
    assert training and time and memory  # noqa: S101 (for mypy: of a run they are there)
    rows = sum(training.rows.train.values())
    mock = " MOCK galaxies, not real ones." if entry.mock else ""
    seeds = counted(entry.seeds, "seed")
    if entry.method.deterministic:
        seeds = "once, as it is deterministic"
    ran = (
        f"{entry.method.name}: learned from {rows:,} galaxies ({training.set}), "
        f"{seeds}.{mock}\nTraining {time.fit_s:.1f} s, forecasts "
        f"{time.predict_s:.1f} s, {memory.peak_mb:,.0f} MB on {entry.device}."
    )
    transfer = []
    order = label_first(entry.scores)
    for one in sorted(entry.transfer or (), key=lambda one: order.index(one.calibrated_on)):
        covers = " and ".join(
            f"{share} % intervals {100 * (coverage.mean or 0.0):.1f} %"
            for share, coverage in ((68, one.coverage_68), (90, one.coverage_90))
        )
        transfer.append(f"  {one.calibrated_on} -> {one.tested_on}: {covers}")
    between = ["\n".join([TRANSFER, *transfer])] if transfer else []
    return "\n\n".join([ran, *between, scores_text(entry.scores)])


def scores_text(scores: Scores) -> str:
    """Lay out scores as tables, with LSST's requirements below."""
    scores = {name: scores[name] for name in label_first(scores)}
    parts = [_table(scores, BINNED)]
    if widths := [name for name in WIDTH if _is_known(scores, name)]:
        parts.append(_table(scores, widths))
    if verdicts := list(_verdicts(scores)):
        parts.append("\n".join([LSST, *verdicts]))
    if lines := list(survey_lines(scores)):
        parts.append("\n".join(lines))
    spreads = (one.spread for metric in BINNED for one in _summaries(scores, metric))
    note = OF_ONE_SEED if all(spread is None for spread in spreads) else OF_SEEDS
    return "\n\n".join([*parts, f"{note}\n{OUTLIERS}"]) + "\n"


def _is_known(scores: Scores, metric: str) -> bool:
    """Whether there is a number of a metric for any test set and range."""
    return any(one.mean is not None for one in _summaries(scores, metric))


def _summaries(scores: Scores, metric: str) -> Iterator[Summary]:
    """Yield a metric's summaries for all test sets and ranges that have one."""
    parts = [part for one in scores.values() for part in one.ranges.values()]
    for part in parts:
        if found := dict[str, Summary](part.metrics.items()).get(metric):
            yield found


def _table(scores: Scores, names: Sequence[str]) -> str:
    head = ["test set", "range", "galaxies", *(PRINTED[name] for name in names)]
    body = [row for name, one in scores.items() for row in _rows(name, one, names)]
    return "\n".join(aligned([head, *body]))


def _rows(name: str, one: EntryScores, names: Sequence[str]) -> Iterator[list[str]]:
    missing = "" if one.completeness == 1.0 else f" ({100 * one.completeness:.2f} % complete)"
    for part, title in RANGES.items():
        if part in one.ranges and (count := one.ranges[part].n):
            summaries = dict[str, Summary](one.ranges[part].metrics.items())
            cells = [_cell(metric, summaries.get(metric)) for metric in names]
            yield [f"{name}{missing}", title, f"{count:,}", *cells]


def _cell(metric: str, summed: Summary | None) -> str:
    """Write mean ± bootstrap error (spread over seeds), as the leaderboard does."""
    if summed is None:
        return NONE
    value, error, spread = value_parts(metric, summed.mean, summed.error, summed.spread)
    return value + (f" ± {error}" if error else "") + (f" ({spread})" if spread else "")


def _verdicts(scores: Scores) -> Iterator[str]:
    for name, one in scores.items():
        for part in REQUIRED:
            if part in one.ranges and one.ranges[part].n:
                lines = (
                    f"{METRIC_TITLES[metric]} {value_parts(metric, v.value, None)[0]} (limit "
                    f"{unit(metric) * v.limit:g}): {'met' if v.met else 'missed'}"
                    f"{'' if v.sure else '?'}"
                    for metric, v in one.ranges[part].requirements.items()
                )
                yield f"  {name}, {RANGES[part]}: {', '.join(lines)}"
