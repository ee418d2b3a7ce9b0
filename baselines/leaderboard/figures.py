"""The page's figures, as numbers that its templates draw in SVG.

A chart is a dict by the names that ``drawings.html`` reads; places and sizes are in pixels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from transferz.baselines.benchmark.tables import TESTED_ROLES
from transferz.baselines.leaderboard.board import Board, Row
from transferz.baselines.leaderboard.overall import Standing, share_parts
from transferz.baselines.leaderboard.words import training_title, value_text
from transferz.baselines.scores.requirements import LIMITS
from transferz.baselines.scores.standing import Mark
from transferz.schemas.benchmark.scores import (
    METRIC_TITLES,
    SIGNED,
    EntryBin,
    Metric,
    Summary,
    minus,
    unit,
    value_parts,
)
from transferz.schemas.survey.described import UNION
from transferz.tables.printing import shortened

DOTTED = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate", "crps", "coverage_90")
"""Metrics that are drawn with error bars, a chart each."""

BINNED = ("bias", "scatter", "outlier_rate")
"""Metrics that are drawn against redshift, a chart each."""

BINNING = "true_redshift"
POINT_METRICS = get_args(Metric)

LINES = 8
"""Methods that are drawn as lines, the best ones; more can't be told apart (our choice)."""

HISTOGRAM_TOP = 2.5
"""Times a uniform's height that bars may reach; higher ones are cut there (our choice)."""

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Ticks are this far apart, times a power of ten."""

FAR = 4.0
"""Times the median beyond which a value is drawn at the edge of the figure (our choice)."""

LETTERS = 26
"""Of a method's name beside a chart."""

# Sizes in pixels.
NAME_WIDTH, WIDTH, ROW, TOP, BOTTOM = 172, 420, 20, 8, 22  # of a chart of dots
HISTOGRAM = (168.0, 84.0)  # width, height
LINE_CHART = (460.0, 250.0)  # width, height
LINE_MARGINS = (52.0, 10.0, 10.0, 32.0)  # left, right, top, bottom

Ticks = list[tuple[float, str]]
Chart = dict[str, Any]
Point = tuple[float, float, float]


# --- scales


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` drawn from `start` to `end`, in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value is drawn; what lies outside is drawn at the edge."""
        return self.beyond(min(max(value, self.low), self.high))

    def beyond(self, value: float) -> float:
        """Return where a value is drawn, outside too."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 4) -> list[float]:
        """Return round values within the scale, about so many."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * size for size in STEPS if power * size >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]

    def drawn_ticks(self, count: int = 4) -> Ticks:
        """Return where ticks are drawn, with their text."""
        return [(self(tick), minus(f"{tick:g}")) for tick in self.ticks(count)]


def limits(values: Sequence[float], shown: Sequence[float] = ()) -> tuple[float, float]:
    """Return the ends of a scale that shows most values well, and what else is to be `shown`.

    A few values far beyond the others would press these together: the scale ends before them.
    """
    ordered = sorted(map(abs, values))
    usual = max([ordered[(len(ordered) - 1) // 2], *map(abs, shown)]) or ordered[-1] or 1.0
    near = [value for value in values if abs(value) <= FAR * usual]
    low, high = min([*near, *shown]), max([*near, *shown])
    room = 0.07 * (high - low) or 0.1 * abs(high) or 0.1
    return (0.0 if low == 0.0 else low - room, high + room)


def _requirement(metric: str, part: str) -> list[float]:
    """Return where LSST's requirement ends, in ranges that it is held against; 90 of coverage."""
    if metric == "coverage_90":
        return [90.0]
    if metric not in LIMITS or part == "all":
        return []
    limit = unit(metric) * LIMITS[metric]
    return [-limit, limit] if metric in SIGNED else [limit]


def colour_class(row: Row) -> str:
    """Return the class of an entry's colour: the role of what it learned from, or ``other``."""
    if row.entry.training is None:
        return "other"
    learned = set(row.entry.training.set.split("+"))
    tested = dict(zip(row.entry.scores, TESTED_ROLES, strict=False))
    if learned <= set(tested):
        return tested[learned.pop()] if len(learned) == 1 else UNION
    of_release = set(getattr(row.entry.data, "content", ()))
    return UNION if learned <= of_release else "other"


def twins(rows: Sequence[Row], config: str, part: str, *metrics: str) -> list[list[Row]]:
    """Group rows whose redshifts score the same by every metric, and by some more `metrics`.

    Such are a method and the same with other intervals: charts draw them once. The shortest name
    comes first in a group; groups and rows keep their order.
    """
    groups: dict[object, list[Row]] = {}
    for row in rows:
        scores = [row.summary(config, part, name) for name in (*POINT_METRICS, *metrics)]
        alike = tuple(score and (score.mean, score.error, score.spread) for score in scores)
        groups.setdefault(alike if any(alike) else row.key, []).append(row)
    return [sorted(group, key=lambda row: len(row.entry.method.name)) for group in groups.values()]


def twin_names(board: Board, config: str, part: str) -> list[list[str]]:
    """Name the methods that charts of a range draw once, as their redshifts are the same."""
    current = [row for row in board.ordered(config, part, "scatter") if row.current]
    groups = twins(current, config, part)
    return [[row.entry.method.name for row in group] for group in groups if len(group) > 1]


# --- all methods by a metric


def dot_charts(board: Board, config: str, part: str) -> list[Chart]:
    """Draw all current methods, the best on top, by each metric of `DOTTED` with numbers."""
    charts = []
    for metric in DOTTED:
        rows = [row for row in board.ordered(config, part, metric) if row.current]
        shown = [
            (group, score)
            for group in twins(rows, config, part, metric)
            if (score := group[0].summary(config, part, metric))
        ]
        if not shown:
            continue
        wanted = _requirement(metric, part)
        around = wanted if metric == "coverage_90" else [0.0, *wanted]
        ends = [end for _, score in shown for end in _ends(score, metric)]
        scale = Scale(*limits(ends, around), NAME_WIDTH + 6, WIDTH - 12)
        dots = [
            _dot(group, score, place, scale, metric, board.mark(group[0], config, part, metric))
            for place, (group, score) in enumerate(shown)
        ]
        chart = {
            "title": METRIC_TITLES[metric],
            "height": TOP + ROW * len(dots) + BOTTOM,
            "dots": dots,
            "ticks": scale.drawn_ticks(),
            "limits": [scale(end) for end in wanted],
        }
        charts.append(chart)
    return charts


def _numbers(score: Summary, metric: str) -> tuple[float, float, float]:
    """Mean, error and spread in the unit of the metric's title."""
    mean, error, spread = (
        unit(metric) * (value or 0.0) for value in (score.mean, score.error, score.spread)
    )
    return mean, error, spread


def _ends(score: Summary, metric: str) -> tuple[float, float, float]:
    """A value, and where its bars end; those of a metric without sign at 0 at the least."""
    mean, error, spread = _numbers(score, metric)
    low, high = mean - max(error, spread), mean + max(error, spread)
    return mean, low if metric in SIGNED else max(low, min(mean, 0.0)), high


def _dot(
    group: Sequence[Row], score: Summary, place: int, scale: Scale, metric: str, mark: Mark
) -> Chart:
    """A method: its value, its error (thick) and its spread over seeds (thin).

    `beyond` is the value as text where the chart ends before it.
    """
    mean, error, spread = _numbers(score, metric)
    within = scale.low <= mean <= scale.high
    return _method(*group) | {
        "y": TOP + ROW * (place + 0.5),
        "x": scale(mean),
        "error": (scale(mean - error), scale(mean + error)),
        "spread": (scale(mean - spread), scale(mean + spread)),
        "beyond": "" if within else value_parts(metric, score.mean, None)[0],
        "among_best": mark in (Mark.BEST, Mark.EQUAL, Mark.OPEN),
        "text": f"{value_text(metric, score)}, trained on {training_title(group[0])}",
    }


def _method(*group: Row) -> Chart:
    """How a method is called and coloured, with its twins where they are drawn as one."""
    first, *others = (row.entry.method.name for row in group)
    more = f" +{len(others)}" if others else ""
    return {
        "key": " ".join(row.key for row in group),
        "name": " and ".join((first, *others)),
        "called": first + more,
        "label": shortened(first, LETTERS) + more,
        "kind": colour_class(group[0]),
    }


def share_chart(standings: Sequence[Standing], kinds: Mapping[str, str]) -> Chart:
    """Draw methods' shares of wins over all boards, with their intervals.

    `kinds` are the methods' colours, by key.
    """
    scale = Scale(0.0, 100.0, NAME_WIDTH + 6, WIDTH - 12)
    dots = []
    for place, one in enumerate(standings):
        value, interval = share_parts(one)
        dots.append(
            {
                "key": one.key,
                "name": one.name,
                "label": shortened(one.name, LETTERS),
                "kind": kinds[one.key],
                "y": TOP + ROW * (place + 0.5),
                "x": scale(100.0 * one.share),
                "error": (scale(100.0 * one.low), scale(100.0 * one.high)),
                "spread": 2 * (scale(100.0 * one.share),),
                "beyond": "",
                "among_best": True,
                "text": f"{value} %, {interval} %",
            }
        )
    return {
        "title": "Share of wins (%)",
        "height": TOP + ROW * len(dots) + BOTTOM,
        "dots": dots,
        "ticks": scale.drawn_ticks(),
        "limits": [scale(50.0)],
    }


# --- histograms of the PIT


def histograms(board: Board, config: str, part: str) -> list[Chart]:
    """Draw the histogram of the PIT of all current entries that have one."""
    drawn = []
    for row in board.ordered(config, part, "crps"):
        scores, scored = row.scores(config), row.part(config, part)
        shares = (scores.pit or {}).get(part) if scores else None  # type: ignore[call-overload]
        if row.current and scored and shares and all(share is not None for share in shares):
            drawn.append(_histogram(row, shares, scored.n))
    return drawn


def _histogram(row: Row, shares: Sequence[float], n: int) -> Chart:
    """PITs of a method: bars of (x, y, width, height), and the height of a uniform's, with 2 σ."""
    width, height = HISTOGRAM
    expected = 1.0 / len(shares)
    scale = Scale(0.0, HISTOGRAM_TOP * expected, height, 0.0)
    step = width / len(shares)
    bars = [
        (round(step * k, 2), scale(share), round(step - 1.0, 2), round(height - scale(share), 1))
        for k, share in enumerate(shares)
    ]
    noise = 2.0 * math.sqrt(expected * (1.0 - expected) / max(n, 1))
    band = (scale(expected + noise), scale(expected - noise))
    return _method(row) | {"bars": bars, "uniform": scale(expected), "noise": band}


# --- metrics against redshift


def line_charts(board: Board, config: str) -> list[Chart]:
    """Draw metrics against the true redshift, of the current entries with bins."""
    rows = [
        row
        for row in board.ordered(config, "cosmological", "scatter")
        if row.current and _bins(row, config)
    ]
    groups = twins(rows, config, "cosmological")[:LINES]
    charts = []
    for metric in BINNED:
        methods = [(group, _points(group[0], config, metric)) for group in groups]
        if shown := [(group, points) for group, points in methods if points]:
            charts.append(_line_chart(shown, metric))
    return charts


def _bins(row: Row, config: str) -> Sequence[EntryBin]:
    scores = row.scores(config)
    return (scores.bins or {}).get(BINNING, ()) if scores else ()  # type: ignore[call-overload]


def _points(row: Row, config: str, metric: str) -> list[Point]:
    """Redshift, value and error of each bin that is scored."""
    points = []
    for scored in _bins(row, config):
        score = (scored.metrics or {}).get(metric)  # type: ignore[call-overload]
        if score and score.mean is not None and scored.middle is not None:
            value, error = (unit(metric) * number for number in (score.mean, score.error or 0.0))
            points.append((scored.middle, value, error))
    return points


def _line_chart(methods: Sequence[tuple[Sequence[Row], Sequence[Point]]], metric: str) -> Chart:
    """Methods by a metric in bins of redshift; `points` are those of an SVG polyline.

    A line that leaves the chart has an arrow where the chart ends, at each bin beyond.
    """
    (width, height), (left, right, top, bottom) = LINE_CHART, LINE_MARGINS
    points = [point for _, own in methods for point in own]
    low, high = limits([value for _, value, _ in points], [0.0])
    x = Scale(0.0, 1.03 * max(z for z, _, _ in points), left, width - right)
    y = Scale(low, high, height - bottom, top)
    lines = [
        _method(*group)
        | {
            "number": number,
            "points": " ".join(f"{x(z):g},{y.beyond(value):g}" for z, value, _ in own),
            "marks": [_mark(point, x, y) for point in own if low <= point[1] <= high],
            "beyond": [_beyond(point, x, y) for point in own if not low <= point[1] <= high],
        }
        for number, (group, own) in enumerate(methods)
    ]
    return {
        "title": f"{METRIC_TITLES[metric]} against redshift",
        "lines": lines,
        "x_ticks": x.drawn_ticks(5),
        "y_ticks": y.drawn_ticks(5),
        "limits": [y(end) for end in _requirement(metric, "lsst") if low < end < high],
    }


def _mark(point: Point, x: Scale, y: Scale) -> tuple[float, float, float, float, str]:
    """A bin's place, the ends of its error within the chart, and its numbers as text."""
    z, value, error = point
    return x(z), y(value), y(value - error), y(value + error), _point_text(point)


def _beyond(point: Point, x: Scale, y: Scale) -> tuple[float, float, int, str]:
    """Where a bin beyond the chart is pointed at, 1 for below and -1 for above, and its numbers."""
    z, value, _ = point
    return x(z), y(value), 1 if value < y.low else -1, _point_text(point)


def _point_text(point: Point) -> str:
    z, value, error = point
    return minus(f"z = {z:.2f}: {value:.4g} ± {error:.2g}")
