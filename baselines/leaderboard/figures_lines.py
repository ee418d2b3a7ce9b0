"""The page's figures against redshift, as numbers that its template draws in SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from transferz.baselines.leaderboard.board import Board, Row
from transferz.baselines.leaderboard.figures import requirement
from transferz.baselines.leaderboard.geometry import Scale, limits, path
from transferz.baselines.leaderboard.words import PER_CENT, metric_title
from transferz.schemas.benchmark.entries import EntryBin
from transferz.schemas.benchmark.scores import minus

BINNED = ("bias", "scatter", "outlier_rate")
BINNING = "true_redshift"

LINES = 8
"""Methods that are drawn as lines, the best ones; more can't be told apart (our choice)."""


class Mark(NamedTuple):
    """A bin's place, the ends of its error, and its numbers as text."""

    x: float
    y: float
    up: float
    down: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A method against redshift."""

    key: str
    name: str
    number: int
    points: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class LineChart:
    """Methods by a metric in bins of redshift."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    limits: tuple[float, ...]


def _point_text(z: float, value: float, error: float) -> str:
    return minus(f"z = {z:.2f}: {value:.4g} ± {error:.2g}")


LINE_CHART = (460.0, 250.0)  # width, height in pixels
LINE_MARGINS = (52.0, 10.0, 10.0, 32.0)  # left, right, top, bottom


def line_charts(board: Board, config: str) -> list[LineChart]:
    """Charts of metrics against the true redshift, of the current entries with bins."""
    rows = [
        row
        for row in board.ordered(config, "cosmological", "scatter")
        if row.current and _bins(row, config)
    ]
    charts = (_line_chart(rows[:LINES], config, metric) for metric in BINNED)
    return [chart for chart in charts if chart.lines]


def _bins(row: Row, config: str) -> Sequence[EntryBin]:
    scores = row.scores(config)
    return (scores.bins or {}).get(BINNING, ()) if scores else ()  # type: ignore[call-overload]


Point = tuple[float, float, float]


def _points(row: Row, config: str, metric: str) -> list[Point]:
    """Redshift, value and error of each bin that is scored."""
    factor = 100.0 if metric in PER_CENT else 1.0
    found = []
    for one in _bins(row, config):
        summary = (one.metrics or {}).get(metric)  # type: ignore[call-overload]
        if summary and summary.mean is not None and one.middle is not None:
            found.append((one.middle, factor * summary.mean, factor * (summary.error or 0.0)))
    return found


def _line_chart(rows: Sequence[Row], config: str, metric: str) -> LineChart:
    found = [(row, _points(row, config, metric)) for row in rows]
    found = [(row, points) for row, points in found if points]
    title = f"{metric_title(metric)} against redshift"
    if not found:
        return LineChart(title, (), (), (), ())
    x, y = _scales([point for _, points in found for point in points])
    lines = tuple(_line(row, points, k, x, y) for k, (row, points) in enumerate(found))
    factor = 100.0 if metric in PER_CENT else 1.0
    wanted = tuple(y(at) for at in requirement(metric, "lsst", factor) if y.low < at < y.high)
    x_ticks, y_ticks = (
        tuple((scale(tick), minus(f"{tick:g}")) for tick in scale.ticks(5)) for scale in (x, y)
    )
    return LineChart(title, lines, x_ticks, y_ticks, wanted)


def _scales(points: Sequence[Point]) -> tuple[Scale, Scale]:
    width, height = LINE_CHART
    left, right, top, bottom = LINE_MARGINS
    high = max(z for z, _, _ in points)
    low, up = limits([value for _, value, _ in points], [0.0])
    return Scale(0.0, 1.03 * high, left, width - right), Scale(low, up, height - bottom, top)


def _line(row: Row, points: Sequence[Point], number: int, x: Scale, y: Scale) -> Line:
    marks = tuple(
        Mark(x(z), y.beyond(v), y.beyond(v - e), y.beyond(v + e), _point_text(z, v, e))
        for z, v, e in points
    )
    drawn = path((x(z), y.beyond(value)) for z, value, _ in points)
    return Line(row.key, row.entry.method.name, number, drawn, marks)
