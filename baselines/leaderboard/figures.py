"""The page's figures, as numbers that its template draws in SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transferz.baselines.leaderboard.board import BEST, EQUAL, Board, Row
from transferz.baselines.leaderboard.geometry import Scale, limits
from transferz.baselines.leaderboard.words import (
    PER_CENT,
    SIGNED,
    metric_title,
    training_title,
    value_parts,
    value_text,
)
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import Summary, minus

DOTTED = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate", "crps", "coverage_90")
"""Metrics that are drawn with error bars, a chart each."""

NAME_WIDTH, WIDTH, ROW, TOP, BOTTOM = 128, 380, 20, 8, 22  # pixels


@dataclass(frozen=True, slots=True)
class Dot:
    """A method in a chart: its value, its error (thick) and its spread over seeds (thin).

    `beyond` is the value as text where the chart ends before it.
    """

    key: str
    name: str
    kind: str
    y: float
    x: float
    error: tuple[float, float]
    spread: tuple[float, float]
    beyond: str
    among_best: bool
    text: str


@dataclass(frozen=True, slots=True)
class DotChart:
    """All methods by a metric, the best on top; `limits` are where LSST's requirement ends."""

    title: str
    height: float
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    limits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """PITs of a method: bars of (x, y, width, height), and the height of a uniform's."""

    key: str
    name: str
    kind: str
    bars: tuple[tuple[float, float, float, float], ...]
    uniform: float
    noise: tuple[float, float]


def dot_charts(board: Board, config: str, part: str) -> list[DotChart]:
    """Charts of all metrics of `DOTTED` that there are numbers for, of the current entries."""
    charts = (_dot_chart(board, config, part, metric) for metric in DOTTED)
    return [chart for chart in charts if chart.dots]


def _dot_chart(board: Board, config: str, part: str, metric: str) -> DotChart:
    rows = [row for row in board.ordered(config, part, metric) if row.current]
    shown = [(row, one) for row in rows if (one := row.summary(config, part, metric))]
    values = [one.mean for _, one in shown if one.mean is not None]
    if not values:
        return DotChart(metric_title(metric), 0.0, (), (), ())
    factor = 100.0 if metric in PER_CENT else 1.0
    wanted = requirement(metric, part, factor)
    around = wanted if metric == "coverage_90" else [0.0, *wanted]
    low, high = limits([factor * value for value in values], around)
    scale = Scale(low, high, NAME_WIDTH + 6, WIDTH - 12)
    dots = [
        _dot(row, one, place, scale, metric, board.mark(row, config, part, metric))
        for place, (row, one) in enumerate(shown)
    ]
    ticks = tuple((scale(tick), minus(f"{tick:g}")) for tick in scale.ticks())
    height = TOP + ROW * len(dots) + BOTTOM
    return DotChart(metric_title(metric), height, tuple(dots), ticks, tuple(map(scale, wanted)))


def _dot(row: Row, one: Summary, place: int, scale: Scale, metric: str, mark: str) -> Dot:
    factor = 100.0 if metric in PER_CENT else 1.0
    mean = factor * (one.mean or 0.0)
    error, spread = factor * (one.error or 0.0), factor * (one.spread or 0.0)
    return Dot(
        key=row.key,
        name=row.entry.method.name,
        kind=kind(row),
        y=TOP + ROW * (place + 0.5),
        x=scale(mean),
        error=(scale(mean - error), scale(mean + error)),
        spread=(scale(mean - spread), scale(mean + spread)),
        beyond="" if scale.low <= mean <= scale.high else value_parts(metric, one)[0],
        among_best=mark in (BEST, EQUAL),
        text=f"{value_text(metric, one)}, trained on {training_title(row)}",
    )


def requirement(metric: str, part: str, factor: float) -> list[float]:
    """Where LSST's requirement ends, in the ranges that it is held against in; 90 of coverage."""
    if metric == "coverage_90":
        return [90.0]
    if metric not in LIMITS or part == "all":
        return []
    limit = factor * LIMITS[metric]
    return [-limit, limit] if metric in SIGNED else [limit]


def kind(row: Row) -> str:
    """Class of an entry's colour: by what it learned from."""
    known = row.entry.training.set in ("transferz", "galaxiesml", "combo")
    return row.entry.training.set if known else "other"


HISTOGRAM = (168.0, 84.0)  # width, height in pixels
HISTOGRAM_TOP = 2.5
"""Times a uniform's height that bars may reach; higher ones are cut there (our choice)."""


def histograms(board: Board, config: str, part: str) -> list[Histogram]:
    """Histograms of the PIT of all current entries that have one."""
    found = []
    for row in board.ordered(config, part, "crps"):
        scores, one = row.scores(config), row.part(config, part)
        shares = (scores.pit or {}).get(part) if scores else None  # type: ignore[call-overload]
        if row.current and one and shares and all(share is not None for share in shares):
            found.append(_histogram(row, shares, one.n))
    return found


def _histogram(row: Row, shares: Sequence[float], n: int) -> Histogram:
    width, height = HISTOGRAM
    expected = 1.0 / len(shares)
    scale = Scale(0.0, HISTOGRAM_TOP * expected, height, 0.0)
    step = width / len(shares)
    bars = tuple(
        (round(step * k, 2), scale(share), round(step - 1.0, 2), round(height - scale(share), 1))
        for k, share in enumerate(shares)
    )
    noise = 2.0 * math.sqrt(expected * (1.0 - expected) / max(n, 1))
    band = (scale(expected + noise), scale(expected - noise))
    return Histogram(row.key, row.entry.method.name, kind(row), bars, scale(expected), band)
