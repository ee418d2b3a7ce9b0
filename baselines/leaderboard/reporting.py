"""A run of the benchmark as one HTML file: scores, figures, the worst galaxies, how it was made.

It needs nothing else, as the leaderboard's page, and has no script. What the run's author wrote is
escaped.
"""

import base64
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.benchmark.benchmarking import REPORT_FILE, Outcome
from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.surveying import SURVEYS
from transferz.baselines.benchmark.task import TEST
from transferz.baselines.forecasts.plots import draw
from transferz.baselines.leaderboard.board import RANGE_TITLES
from transferz.baselines.leaderboard.entries import Run, fingerprint, own_entries
from transferz.baselines.leaderboard.page import environment
from transferz.baselines.leaderboard.words import (
    DEFAULT_METRICS,
    NOT_RERUN_WORDS,
    set_title,
    value_text,
)
from transferz.baselines.scores.metrics import normalised_error
from transferz.schemas.benchmark.entries import Entry
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    METRIC_TITLES,
    NONE,
    EntryBin,
    EntryScores,
    Range,
    label_first,
)
from transferz.tables.files import replace_file

WORST = 10
"""Galaxies with the largest errors that are listed (our choice)."""

FIGURES = {
    "redshift": "Forecasts against the true redshift, with the limits of outliers",
    "residuals": "dz against redshift and magnitude: median, 68 % and 95 % of galaxies",
    "pit": "Histogram of the PIT; flat where the densities are honest",
    "qq": "Quantiles of the PIT against those of a flat one, and their difference",
}
"""What `draw` draws: name -> the text that stands for it."""

BINS = {"i": "i magnitude (AB)", "g-i": "g − i"}
BINNED = ("bias", "scatter", "outlier_rate", "coverage_68", "coverage_90")

OWN = "→ "
"""Before the run's name among others."""

BESIDE = "Beside the leaderboard's entries"

Table = list[list[str]]


def write_report(run: Run, path: Path, entries: Sequence[Entry]) -> None:
    """Write a run's page, all or nothing; an older file is replaced.

    The run is put beside those of the `entries` that were tested on the same galaxies.
    """
    text = report(run, entries)
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def with_report(outcome: Outcome, say: Callable[[str], None]) -> Outcome:
    """Return a run that is not written yet with its page, beside the project's own entries.

    What it cost is worth more than a page: where there can be none, whatever the reason, `say` gets
    a line, and the run comes back as it is.
    """
    run = Run(outcome.entry, outcome.forecasts)
    try:
        return replace(outcome, report=report(run, own_entries(run.entry.survey)))
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        say(f"no {REPORT_FILE} in the run: {why}; `transferz report RUN_DIR` writes it later")
        return outcome


def report(run: Run, entries: Sequence[Entry]) -> str:
    """Return a run's page; see `write_report`."""
    entry = run.entry
    return (
        environment()
        .get_template("report.html")
        .render(
            entry=entry,
            mock=entry.mock,
            sets=[_set(run, config, entries) for config in label_first(entry.scores)],
            set_title=set_title,
            not_rerun=NOT_RERUN_WORDS,
            settings=_settings(run),
            own=OWN,
            beside=BESIDE,
        )
    )


def _set(run: Run, config: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """All that is shown of a test set."""
    scores, forecasts = run.entry.scores[config], run.forecasts[config]
    title = f"{'MOCK: ' if run.entry.mock else ''}{run.entry.method.name}, {set_title(config)}"
    return {
        "title": set_title(config),
        "galaxies": f"{scores.n:,}",
        "tables": [
            ("Scores", _scores(scores)),
            (BESIDE, _beside(run, config, entries)),
            *(
                (f"By {BINS[kind]}", _binned(bins))
                for kind, bins in (scores.bins or {}).items()
                if kind in BINS
            ),
            ("n(z) in bins of forecast redshift", _tomography(scores)),
            (f"The {WORST} largest errors", _worst(forecasts)),
        ],
        "figures": list(_figures(forecasts, title)),
    }


def _scores(scores: EntryScores) -> Table:
    """Metrics in each range."""
    parts = {name: part for name, part in scores.ranges.items() if part}
    shown = [m for m in DEFAULT_METRICS if any(m in part.metrics for part in parts.values())]
    rows = [
        [RANGE_TITLES[name], f"{part.n:,}", *(value_text(m, part.metrics.get(m)) for m in shown)]
        for name, part in parts.items()
    ]
    return [["range", "galaxies", *(METRIC_TITLES[m] for m in shown)], *rows]


def _beside(run: Run, config: str, entries: Sequence[Entry]) -> Table:
    """Put the run among other entries by scatter, at 0.3 < z ≤ 1.5, or else at all redshifts.

    Values and errors alone: whether two methods differ takes `transferz leaderboard compare`.
    """
    ranges = run.entry.scores[config].ranges
    part: Range = COSMOLOGICAL if COSMOLOGICAL in ranges else "all"
    metrics = [m for m in DEFAULT_METRICS if m in ranges[part].metrics]
    others = [
        (one.method.name, found.metrics)
        for one in entries
        if one.method.key != run.key
        and _galaxies(one, config) == _galaxies(run.entry, config)
        and (found := one.scores[config].ranges.get(part))
    ]
    if not others:
        return []
    scored = [*others, (f"{OWN}{run.entry.method.name}", ranges[part].metrics)]
    scored.sort(key=lambda row: (row[1]["scatter"].mean is None, row[1]["scatter"].mean))
    rows = [
        [name, *(value_text(m, found.get(m)).split(" (")[0] for m in metrics)]
        for name, found in scored
    ]
    return [[f"method, {RANGE_TITLES[part]}", *(METRIC_TITLES[m] for m in metrics)], *rows]


def _galaxies(entry: Entry, config: str) -> str | None:
    """Return the hash of what an entry was tested on; None of what it was not."""
    if config not in entry.scores:
        return None
    parts = fingerprint(entry)
    return parts.get(f"{config}/{TEST}") or parts.get(config.replace("_", " "))


def _binned(bins: Sequence[EntryBin]) -> Table:
    """Metrics in bins of magnitude or colour, coverage of intervals among them."""
    known = [one for one in bins if one.metrics]
    shown = [m for m in BINNED if any(m in (one.metrics or {}) for one in known)]
    rows = [
        [
            f"{_end(one.low)} to {_end(one.high)}",
            f"{one.n:,}",
            *(value_text(m, (one.metrics or {}).get(m)) for m in shown),  # type: ignore[call-overload]
        ]
        for one in known
    ]
    return [["bin", "galaxies", *(METRIC_TITLES[m] for m in shown)], *rows] if rows else []


def _end(value: float | None) -> str:
    return "…" if value is None else f"{value:.3g}"


def _tomography(scores: EntryScores) -> Table:
    """The mean of n(z) in each survey's bins, and whether it is as good as is required."""
    rows = []
    for survey, bins in (scores.tomography or {}).items():
        for one in bins:
            if not one.metrics:
                continue
            by = "stacked" if "bias_stacked" in one.metrics else "points"
            verdict = (one.requirement or {}).get(by)  # type: ignore[call-overload]
            said = NONE if verdict is None else "met" if verdict.met else "not met"
            rows.append(
                [
                    f"{SURVEYS[survey]}, {_end(one.low)} to {_end(one.high)}",
                    f"{one.n:,}",
                    value_text("bias", one.metrics[f"bias_{by}"]),  # type: ignore[index]
                    said if verdict is None or verdict.sure else f"{said}, within its error",
                ]
            )
    return [["bin", "galaxies", "bias of the mean, in 1 + z", "requirement"], *rows] if rows else []


def _worst(forecasts: SetForecasts) -> Table:
    """The galaxies with the largest abs(dz) of the mean forecast over seeds."""
    scored = forecasts.take(forecasts.scored)
    point = scored.point.astype(np.float64).mean(axis=0)
    dz = normalised_error(point, scored.redshift.astype(np.float64))
    order = np.argsort(-np.abs(dz), kind="stable")[:WORST]
    rows = [
        [
            str(scored.object_id[k]),
            f"{scored.redshift[k]:.3f}",
            f"{point[k]:.3f}",
            f"{dz[k]:+.3f}".replace("-", "−"),
            NONE if np.isnan(scored.i_mag[k]) else f"{scored.i_mag[k]:.2f}",
        ]
        for k in order
    ]
    return [["object_id", "true redshift", "forecast", "dz", "i magnitude (AB)"], *rows]


def _figures(forecasts: SetForecasts, title: str) -> Iterator[tuple[str, str]]:
    """Draw a test set's figures: what each shows, and its PNG in base64."""
    with tempfile.TemporaryDirectory() as folder:
        for name in draw(forecasts, Path(folder), title):
            content = base64.b64encode(Path(folder, name).read_bytes()).decode()
            yield FIGURES[name.removesuffix(".png")], content


def _settings(run: Run) -> dict[str, str]:
    """How the run was made, by what it is called."""
    entry, said = run.entry, {}
    if entry.training:
        rows = " + ".join(
            f"{count:,} of {name}" for name, count in entry.training.rows.train.items()
        )
        said["learned from"] = rows
    if entry.published:
        said["said to have learned from"] = entry.published.trained_on or ""
    said |= {
        "magnitudes": ", ".join(entry.bands or ()),
        "seeds": str(entry.seeds),
        "settings": ", ".join(f"{k} = {v}" for k, v in (entry.method.settings or {}).items()),
        "command": entry.command or "",
    }
    if entry.time:
        said["time"] = f"training {entry.time.fit_s:.1f} s, forecasts {entry.time.predict_s:.1f} s"
    machine = [one for one in (entry.hardware or {}).values() if one]
    said |= {
        "hardware": ", ".join(map(str, machine)),
        "device": f"{entry.device}, {entry.threads} CPU threads" if entry.device else "",
        "packages": ", ".join(f"{k} {v}" for k, v in (entry.packages or {}).items()),
        "date": f"{entry.date}, transferz {entry.transferz}",
    }
    return {name: text for name, text in said.items() if text}
