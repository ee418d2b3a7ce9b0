"""The leaderboard as one HTML file that needs nothing else: no network, no other file.

Entries are written by strangers. The template escapes every text of theirs, addresses become links
only where they start with ``https://``, and the page's content security policy runs no script but
the page's own and loads nothing at all.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from transferz.baselines.leaderboard import figures
from transferz.baselines.leaderboard.board import BEST, EQUAL, RANGE_TITLES, UNKNOWN, Board, Row
from transferz.baselines.leaderboard.words import (
    DEFAULT_METRICS,
    metric_title,
    set_title,
    training_title,
    value_parts,
)
from transferz.baselines.scores.paired import (
    CONFIDENCE,
    SIGNIFICANCE,
    TARGETS,
    UNRANKED,
    distance,
)
from transferz.schemas.benchmark.scores import NONE, EntryRange
from transferz.tables.files import COLOURS, replace_file

TEMPLATES = Path(__file__).parent / "templates"
SORT = "scatter"
"""The metric that the page is sorted by when it is opened."""

GROUPS = ("", "Left galaxies out: not ranked", "Made on other data: not ranked")
"""Titles of the rows' groups, as `Board.group` numbers them."""

MARK_WORDS = {BEST: "best", EQUAL: "not distinguishable from the best", UNKNOWN: "not compared"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A number in the table: as written, and the loss that it is sorted by (None: last)."""

    value: str
    error: str
    spread: str
    order: float | None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A method in a table."""

    row: Row
    kind: str
    trained_on: str
    cells: tuple[Cell, ...]
    lsst: tuple[tuple[str, str, str], ...]
    seconds: float
    completeness: float
    status: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A test set in a range."""

    config: str
    part: str
    galaxies: int
    metrics: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    dots: list[figures.DotChart]
    pits: list[figures.Histogram]


def page(board: Board) -> str:
    """Return the page of a board."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["secure"] = secure_link
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        board=board,
        panels=[_panel(board, c, p) for c in board.configs for p in board.ranges(c)],
        lines={config: figures.line_charts(board, config) for config in board.configs},
        pairs=_pairs(board),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        colours=COLOURS,
        sort=SORT,
        figures=figures,
        metric_title=metric_title,
        set_title=set_title,
        ranges=RANGE_TITLES,
        marks=MARK_WORDS,
        targets=TARGETS,
        unranked=UNRANKED,
        significance=SIGNIFICANCE,
        confidence=CONFIDENCE,
    )


def write_page(board: Board, path: Path) -> None:
    """Write the page, all or nothing; an older file is replaced."""
    text = page(board)
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def secure_link(address: str | None) -> str | None:
    """Return an address that may be linked to; None of any other."""
    return address if address is not None and address.startswith("https://") else None


def _panel(board: Board, config: str, part: str) -> Panel:
    rows = board.ordered(config, part, SORT)
    metrics = [
        name for name in DEFAULT_METRICS if any(row.summary(config, part, name) for row in rows)
    ]
    lines = [_line(board, row, config, part, metrics) for row in rows]
    return Panel(
        config,
        part,
        board.galaxies(config, part),
        tuple(metrics),
        tuple(
            (title, tuple(line for line in lines if board.group(line.row, config) == number))
            for number, title in enumerate(GROUPS)
        ),
        figures.dot_charts(board, config, part),
        figures.histograms(board, config, part),
    )


def _line(board: Board, row: Row, config: str, part: str, metrics: Sequence[str]) -> Line:
    time, scores = row.entry.time, row.scores(config)
    return Line(
        row=row,
        kind=figures.kind(row),
        trained_on=training_title(row),
        cells=tuple(_cell(board, row, config, part, metric) for metric in metrics),
        lsst=_verdicts(row.part(config, part)),
        seconds=time.fit_s + (time.calibrate_s or 0.0) + time.predict_s,
        completeness=scores.completeness if scores else 0.0,
        status=board.status(row),
    )


def _cell(board: Board, row: Row, config: str, part: str, metric: str) -> Cell:
    score = row.summary(config, part, metric)
    if score is None or score.mean is None:
        return Cell(NONE, "", "", None)
    mark = board.mark(row, config, part, metric)
    return Cell(*value_parts(metric, score), distance(metric, score.mean), mark)


def _verdicts(scored: EntryRange | None) -> tuple[tuple[str, str, str], ...]:
    """Metric, state and words of each of LSST's requirements."""
    verdicts = []
    for metric, verdict in scored.requirements.items() if scored else ():
        state, said = ("met", "met") if verdict.met else ("missed", "not met")
        if not verdict.sure:
            state, said = "open", f"{said}, but within its error"
        verdicts.append((metric_title(metric), state, said))
    return tuple(verdicts)


def _pairs(board: Board) -> dict[str, Any]:
    """All compared pairs of current entries, for the page's script."""
    rows = [row for row in board.rows if row.current and row.compared]
    ranked = [metric for metric in DEFAULT_METRICS if metric not in UNRANKED]

    def differing(config: str, part: str, metric: str) -> list[list[Any]]:
        return [
            [first.key, second.key, pair.difference, pair.half, float(f"{pair.p:.3g}")]
            for first, second in combinations(rows, 2)
            if (pair := board.pair(first, second, config, part, metric))
        ]

    sets = {
        config: {
            part: {metric: differing(config, part, metric) for metric in ranked}
            for part in board.ranges(config)
        }
        for config in board.configs
    }
    names = {row.key: row.entry.method.name for row in rows}
    return {"names": names, "sets": sets, "significance": SIGNIFICANCE}
