"""The leaderboard as one HTML file that needs nothing else: no network, no other file.

Entries are written by strangers. The template escapes every text of theirs, addresses become links
only where they start with ``https://``, and the page's content security policy runs no script but
the page's own and loads nothing at all.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.baselines.leaderboard import figures
from transferz.baselines.leaderboard.board import RANGE_TITLES, Board, Row
from transferz.baselines.leaderboard.words import (
    DEFAULT_METRICS,
    MARK_WORDS,
    NOT_RERUN_WORDS,
    margins_text,
    secure_link,
    set_title,
    training_title,
)
from transferz.baselines.scores.paired import (
    CONFIDENCE,
    SIGNIFICANCE,
    TARGETS,
    UNRANKED,
    distance,
)
from transferz.schemas.benchmark.scores import METRIC_TITLES, EntryRange, value_parts
from transferz.schemas.survey.described import UNION
from transferz.tables.files import COLOURS, replace_file

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
SORT = "scatter"
"""The metric that the page is sorted by when it is opened."""

GROUPS = ("", "Left galaxies out: not ranked", "Made on other data: not ranked")
"""Titles of the rows' groups, as `Board.group` numbers them."""


def environment() -> "Environment":
    """Return what makes pages of the templates; texts are escaped."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["secure"] = secure_link
    return made


def page(board: Board) -> str:
    """Return the page of a board."""
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("page.html")
        .render(
            board=board,
            mock=board.mock,
            panels=[_panel(board, c, p) for c in board.configs for p in board.ranges(c)],
            lines={config: figures.line_charts(board, config) for config in board.configs},
            pairs=_pairs(board),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            colours=COLOURS,
            learned=_learned(board),
            sort=SORT,
            figures=figures,
            titles=METRIC_TITLES,
            set_title=set_title,
            ranges=RANGE_TITLES,
            marks=MARK_WORDS,
            not_rerun=NOT_RERUN_WORDS,
            margins=margins_text(DEFAULT_METRICS),
            targets=TARGETS,
            unranked=UNRANKED,
            significance=SIGNIFICANCE,
            confidence=CONFIDENCE,
        )
    )


def write_page(board: Board, path: Path) -> None:
    """Write the page, all or nothing; an older file is replaced."""
    text = page(board)
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def _learned(board: Board) -> dict[str, str]:
    """What the entries learned from, by the class of its colour, as the legend has it."""
    sets = {figures.colour_class(row): training_title(row) for row in board.rows}
    others = {UNION: "both", "other": "a table of their own, or not known"}
    return {kind: others.get(kind, sets[kind]) for kind in (*COLOURS, "other") if kind in sets}


def _panel(board: Board, config: str, part: str) -> dict[str, Any]:
    """A test set in a range: its table, in groups of rows, and its figures."""
    rows = board.ordered(config, part, SORT)
    metrics = board.shown(config, part, DEFAULT_METRICS)
    lines = [(row, _line(board, row, config, part, metrics)) for row in rows]
    groups = [
        (title, [line for row, line in lines if board.group(row, config) == number])
        for number, title in enumerate(GROUPS)
    ]
    return {
        "config": config,
        "part": part,
        "galaxies": board.galaxies(config, part),
        "metrics": metrics,
        "groups": groups,
        "dots": figures.dot_charts(board, config, part),
        "pits": figures.histograms(board, config, part),
        "twins": figures.twin_names(board, config, part),
    }


def _line(board: Board, row: Row, config: str, part: str, metrics: Sequence[str]) -> dict[str, Any]:
    """A method in a table."""
    time, scores = row.entry.time, row.scores(config)
    return {
        "row": row,
        "kind": figures.colour_class(row),
        "trained_on": training_title(row),
        "cells": [_cell(board, row, config, part, metric) for metric in metrics],
        "lsst": _verdicts(row.part(config, part)),
        "seconds": time and time.fit_s + (time.calibrate_s or 0.0) + time.predict_s,
        "completeness": scores.completeness if scores else 0.0,
        "status": board.status(row),
    }


def _cell(board: Board, row: Row, config: str, part: str, metric: str) -> dict[str, Any]:
    """A number as written, its mark, and the loss that it is sorted by (None: last)."""
    score = row.summary(config, part, metric)
    mean, error, spread = (score.mean, score.error, score.spread) if score else (None,) * 3
    written = value_parts(metric, mean, error, spread)
    return dict(zip(("value", "error", "spread"), written, strict=True)) | {
        "order": None if mean is None else distance(metric, mean),
        "mark": board.mark(row, config, part, metric),
    }


def _verdicts(scored: EntryRange | None) -> tuple[tuple[str, str, str], ...]:
    """Metric, state and words of each of LSST's requirements."""
    verdicts = []
    for metric, verdict in scored.requirements.items() if scored else ():
        state, said = ("met", "met") if verdict.met else ("missed", "not met")
        if not verdict.sure:
            state, said = "open", f"{said}, but within its error"
        verdicts.append((METRIC_TITLES[metric], state, said))
    return tuple(verdicts)


def _pairs(board: Board) -> dict[str, Any]:
    """All compared pairs of current entries, for the page's script."""
    ranked = [metric for metric in DEFAULT_METRICS if metric not in UNRANKED]

    def differing(config: str, part: str, metric: str) -> list[list[Any]]:
        return [
            [first.key, second.key, pair.difference, pair.half, float(f"{pair.p:.3g}"), kind]
            for first, second, pair, kind in board.pairs(config, part, metric)
        ]

    sets = {
        config: {
            part: {metric: differing(config, part, metric) for metric in ranked}
            for part in board.ranges(config)
        }
        for config in board.configs
    }
    names = {row.key: row.entry.method.name for row in board.rows if row.current and row.compared}
    return {"names": names, "sets": sets}
