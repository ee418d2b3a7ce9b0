"""The leaderboard as one HTML file that needs nothing else: no network, no other file.

Entries are written by strangers. The template escapes every text of theirs, addresses become links
only where they start with ``https://``, and the page's content security policy runs no script but
the page's own and loads nothing at all.
"""

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from transferz.baselines.leaderboard import figures
from transferz.baselines.leaderboard.board import RANGE_TITLES, Board, Row
from transferz.baselines.leaderboard.overall import Standing, overall, share_parts
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
from transferz.schemas.benchmark.scores import METRIC_TITLES, NONE, EntryRange, value_parts
from transferz.schemas.errors import InputError
from transferz.schemas.survey.described import UNION
from transferz.tables.files import COLOURS, replace_file

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
SORT = "scatter"
"""The metric that the page is sorted by when it is opened."""

GROUPS = ("", "Left galaxies out: not ranked", "Made on other data: not ranked")
"""Titles of the rows' groups, as `Board.group` numbers them."""

RANKED = [metric for metric in DEFAULT_METRICS if metric not in UNRANKED]

OWN = "own"
"""The tab of the board itself."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A board that a tab of the page shows, what the tab is called, and what the task is."""

    key: str
    name: str
    title: str
    board: Board


def environment() -> "Environment":
    """Return what makes pages of the templates; texts are escaped, lines not indented."""
    import jinja2

    def read(name: str) -> str:
        lines = (TEMPLATES / name).read_text(encoding="utf-8").splitlines()
        return "\n".join(line.lstrip() for line in lines)

    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    made.filters["secure"] = secure_link
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return made


def page(board: Board, tasks: Mapping[str, tuple[str, Board]] = MappingProxyType({})) -> str:
    """Return the page of a board, with a tab for each harder task: its name, title and board.

    A last tab ranks the methods over all boards. Figures are the board's own alone.
    """
    tabs = [Tab(OWN, "as released", "", board)]
    tabs += [Tab(name, name.replace("_", " "), *about) for name, about in tasks.items()]
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("page.html")
        .render(
            board=board,
            mock=board.mock,
            tabs=tabs,
            panels=[panel for tab in tabs for panel in _panels(tab)],
            overall=list(_overall(tabs)) if tasks else [],
            lines={config: figures.line_charts(board, config) for config in board.configs},
            pairs=_pairs(tabs),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            colours=COLOURS,
            learned=_learned(tabs),
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


def write_page(board: Board, path: Path, tasks: Mapping[str, tuple[str, Board]]) -> None:
    """Write the page, all or nothing; an older file is replaced."""
    text = page(board, tasks)
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def _learned(tabs: Sequence[Tab]) -> dict[str, str]:
    """What the entries learned from, by the class of its colour, as the legend has it."""
    rows = [row for tab in tabs for row in tab.board.rows]
    sets = {figures.colour_class(row): training_title(row) for row in rows}
    others = {UNION: "both", "other": "a table of their own, or not known"}
    return {kind: others.get(kind, sets[kind]) for kind in (*COLOURS, "other") if kind in sets}


def _panels(tab: Tab) -> Iterator[dict[str, Any]]:
    """Each test set in each range: its table, in groups of rows, and its figures."""
    board = tab.board
    for config in board.configs:
        for part in board.ranges(config):
            rows = board.ordered(config, part, SORT)
            metrics = board.shown(config, part, DEFAULT_METRICS)
            lines = [(row, _line(board, row, config, part, metrics)) for row in rows]
            groups = [
                (title, [line for row, line in lines if board.group(row, config) == number])
                for number, title in enumerate(GROUPS)
            ]
            own = tab.key == OWN
            yield {
                "tab": tab,
                "config": config,
                "part": part,
                "galaxies": board.galaxies(config, part),
                "metrics": metrics,
                "groups": groups,
                "dots": figures.dot_charts(board, config, part) if own else [],
                "pits": figures.histograms(board, config, part) if own else [],
                "twins": figures.twin_names(board, config, part) if own else [],
            }


def _overall(tabs: Sequence[Tab]) -> Iterator[dict[str, Any]]:
    """Each range: methods ranked over all boards by each metric, and a figure by `SORT`."""
    boards = {tab.key: tab.board for tab in tabs}
    kinds = {row.key: figures.colour_class(row) for tab in tabs[::-1] for row in tab.board.rows}
    for part in RANGE_TITLES:
        ranks: dict[str, dict[str, Standing]] = {}
        for metric in RANKED:
            with contextlib.suppress(InputError):  # nobody was compared by it
                ranks[metric] = {one.key: one for one in overall(boards, metric, part)}
        if SORT not in ranks:
            continue
        ranked = [one for one in ranks[SORT].values() if one.ranked]
        yield {
            "part": part,
            "metrics": list(ranks),
            "lines": [
                {
                    "one": one,
                    "kind": kinds[one.key],
                    "cells": [_share_cell(by.get(one.key)) for by in ranks.values()],
                }
                for one in ranked
            ],
            "others": [one.name for one in ranks[SORT].values() if not one.ranked],
            "chart": figures.share_chart(ranked, kinds),
        }


def _share_cell(one: Standing | None) -> dict[str, Any]:
    """A share of wins as written, and the loss that it is sorted by (None: last)."""
    if one is None or not one.ranked:
        return {"value": NONE, "interval": "", "order": None}
    value, interval = share_parts(one)
    return {"value": value, "interval": interval, "order": -round(one.share, 6)}


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


def _pairs(tabs: Sequence[Tab]) -> dict[str, Any]:
    """All compared pairs of current entries of all boards, for the page's script.

    A method is its place in ``keys``; ``marks`` says what they mean.
    """
    rows = {row.key: row for tab in tabs for row in tab.board.rows if row.current and row.compared}
    places = {key: place for place, key in enumerate(rows)}

    def differing(board: Board, config: str, part: str, metric: str) -> list[list[Any]]:
        return [
            [places[first.key], places[second.key]]
            + [float(f"{number:.3g}") for number in (pair.difference, pair.half, pair.p)]
            + [kind]
            for first, second, pair, kind in board.pairs(config, part, metric)
        ]

    sets = {
        tab.key: {
            config: {
                part: {metric: differing(tab.board, config, part, metric) for metric in RANKED}
                for part in tab.board.ranges(config)
            }
            for config in tab.board.configs
        }
        for tab in tabs
    }
    names = [row.entry.method.name for row in rows.values()]
    return {"keys": list(rows), "names": names, "sets": sets, "marks": dict(MARK_WORDS)}
