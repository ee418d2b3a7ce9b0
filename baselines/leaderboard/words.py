"""A board in words: as a table for terminals, as JSON for programs."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from transferz.baselines.leaderboard.board import NOT_RERUN, RANGE_TITLES, Board, Row
from transferz.baselines.scores.paired import SIGNIFICANCE, UNRANKED
from transferz.baselines.scores.standing import Mark
from transferz.schemas.benchmark.scores import (
    MARGINS,
    METRIC_TITLES,
    NONE,
    PERCENT,
    SETS,
    TITLES,
    WIDTH_TITLES,
    Summary,
    unit,
    value_parts,
)
from transferz.tables.printing import aligned, counted, printable

DEFAULT_METRICS = (*TITLES, *WIDTH_TITLES)
"""Columns of the tables."""

MARK_WORDS: MappingProxyType[Mark, str] = MappingProxyType(
    {
        Mark.BEST: "the best value of those compared",
        Mark.EQUAL: "shown to be worse than the best by no more than the margin",
        Mark.OPEN: "not enough galaxies, or seeds, to tell it from the best",
        Mark.WORSE: "shown to be worse than the best, or not ranked",
        Mark.UNKNOWN: "not compared with the others",
    }
)
"""What each mark means."""

NOT_RERUN_WORDS = (
    "published forecasts, scored as they are; what their method has learned from, perhaps these "
    "galaxies, is not known"
)
"""What that mark means."""

SET_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {**SETS, "table": "the table", "test_table": "the other table"}
)

GREY, PLAIN = "\x1b[90m", "\x1b[0m"


def set_title(config: str) -> str:
    """Return what a test set is called."""
    return SET_TITLES.get(config, config)


def training_title(row: Row) -> str:
    """Return what is written of what an entry learned from."""
    if row.entry.training is None:
        return "not known"
    return " + ".join(map(set_title, row.entry.training.set.split("+")))


def secure_link(address: str | None) -> str | None:
    """Return an address that may be linked to; None of any other."""
    return address if address is not None and address.startswith("https://") else None


def value_text(metric: str, summary: Summary | None) -> str:
    """Write ``mean ± error (spread)``, in the unit of the metric's title; a dash for no number."""
    if summary is None:
        return NONE
    value, error, spread = value_parts(metric, summary.mean, summary.error, summary.spread)
    return value + (f" ± {error}" if error else "") + (f" ({spread})" if spread else "")


def board_text(
    board: Board,
    config: str,
    part: str,
    sort: str,
    *,
    colour: bool = False,
    width: int | None = None,
) -> str:
    """Lay out one test set and range as a table of text, in columns for the usual metrics.

    The metric to sort by gets a column too. With `colour`, entries of other data are grey. Where
    lines may have no more than `width` characters, columns that do not fit are named instead, the
    last first; the metric to sort by stays.
    """
    rows = board.ordered(config, part, sort)
    wanted = board.shown(config, part, [*DEFAULT_METRICS, sort])
    metrics = list(wanted)
    lines = _table(board, rows, config, part, metrics)
    while width and max(map(len, lines)) > width and len(metrics) > 1:
        metrics.remove([name for name in metrics if name != sort][-1])
        lines = _table(board, rows, config, part, metrics)
    for place, row in enumerate(rows, start=1):
        if colour and not row.current:
            lines[place] = f"{GREY}{lines[place]}{PLAIN}"
    notes = [*_notes(board, rows, metrics), *_decided(board, config, part, sort)]
    if hidden := [METRIC_TITLES[name] for name in wanted if name not in metrics]:
        notes.insert(0, f"not shown, as the lines are too short: {', '.join(hidden)}; see --html")
    return "\n".join([_title(board, config, part), "", *lines, "", *notes]) + "\n"


def _table(
    board: Board, rows: Sequence[Row], config: str, part: str, metrics: Sequence[str]
) -> list[str]:
    """Lay out the methods' lines below their head; columns without any content are left out."""
    head = ["method", "trained on", *(METRIC_TITLES[name] for name in metrics), "scored", "note"]
    body = [_cells(board, row, config, part, metrics) for row in rows]
    kept = [k for k, name in enumerate(head) if name == "method" or any(r[k] for r in body)]
    return aligned([[printable(line[k]) for k in kept] for line in (head, *body)])


def _cells(board: Board, row: Row, config: str, part: str, metrics: Sequence[str]) -> list[str]:
    values = [
        f"{value_text(name, row.summary(config, part, name))} "
        f"{board.mark(row, config, part, name)}".rstrip()
        for name in metrics
    ]
    scores = row.scores(config)
    share = "" if scores is None or row.complete(config) else f"{100 * scores.completeness:.1f} %"
    return [row.entry.method.name, training_title(row), *values, share, board.status(row)]


def _title(board: Board, config: str, part: str) -> str:
    mock = "MOCK galaxies, not real ones; " if board.mock else ""
    return (
        f"{board.current.name}: {mock}test split of {set_title(config)}, {RANGE_TITLES[part]}, "
        f"{board.galaxies(config, part):,} galaxies"
    )


def _notes(board: Board, rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    notes = ["mean over seeds ± its error over galaxies (spread over seeds)"]
    if any(row.compared for row in rows):
        notes += [f"{mark or 'no mark'}: {words}" for mark, words in MARK_WORDS.items()]
        notes.append(f"margins (our choice) – {margins_text(metrics)}")
    else:
        notes.append(f"{Mark.UNKNOWN}: not compared; run `transferz leaderboard compare RUNS_DIR`")
    if any(row.entry.published for row in rows):
        notes.append(f"{NOT_RERUN}: {NOT_RERUN_WORDS}")
    if any(not row.current for row in rows):
        notes.append(f"at the end: entries of other data than {board.current.name}, not ranked")
    return notes + [f"left out: {printable(said)}" for said in board.unusable.values()]


def _decided(board: Board, config: str, part: str, metric: str) -> list[str]:
    """Say for how many pairs of methods the galaxies and seeds decide which is better."""
    ranked = metric not in UNRANKED
    if not (pairs := board.pairs(config, part, metric) if ranked else []):
        return []
    kinds = [kind for *_, kind in pairs]
    told, same = sum(kind in ("better", "worse") for kind in kinds), kinds.count("same")
    return [
        f"of {counted(len(pairs), 'pair')} of methods, by {METRIC_TITLES[metric]}: {told} differ, "
        f"{same} are the same within the margin, {kinds.count('open')} can't be told apart"
    ]


def margins_text(metrics: Iterable[str]) -> str:
    """Write the margins of those of some metrics that have one."""
    return "; ".join(
        f"{METRIC_TITLES[name].removesuffix(' (%)')}: {unit(name) * MARGINS[name]:g}"
        + (" %" if name in PERCENT else "")
        for name in metrics
        if name in MARGINS
    )


def board_json(board: Board) -> dict[str, Any]:
    """Return all of the board: entries with their state, marks by set, range and metric."""
    comparisons = board.comparisons
    return {
        "data": board.current.name,
        "mock": board.mock,
        "significance": SIGNIFICANCE,
        "marks": {str(mark): words for mark, words in MARK_WORDS.items()},
        "margins": dict(MARGINS),
        "pairs": len(comparisons.pairs) if comparisons else 0,
        "unusable": board.unusable,
        "entries": [
            row.entry.model_dump(mode="json", by_alias=True)
            | {"current": row.current, "compared": row.compared, "trivial": row.trivial}
            for row in board.rows
        ],
        "ranking": {
            config: {part: _ranking(board, config, part) for part in board.ranges(config)}
            for config in board.configs
        },
    }


def _ranking(board: Board, config: str, part: str) -> dict[str, list[dict[str, Any]]]:
    return {
        name: _column(board, config, part, name)
        for name in board.metrics(config, part)
        if name not in UNRANKED
    }


def _column(board: Board, config: str, part: str, metric: str) -> list[dict[str, Any]]:
    rows = board.ordered(config, part, metric)
    marks = [board.mark(row, config, part, metric) for row in rows]
    best = next((row for row, mark in zip(rows, marks, strict=True) if mark == Mark.BEST), None)
    return [
        {
            "method": row.key,
            "mark": mark,
            "current": row.current,
            "against_best": (pair := best and board.pair(row, best, config, part, metric))
            and pair._asdict(),
        }
        for row, mark in zip(rows, marks, strict=True)
    ]
