"""The leaderboard: entries in order, which is best, and which can't be told from the best.

`read_board` reads it; `board_text` and `board_json` show it in a terminal and to programs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from transferz.baselines.leaderboard.comparisons import Comparisons, Pair, read_comparisons
from transferz.baselines.leaderboard.entries import (
    Current,
    data_name,
    find_current,
    read_entries,
)
from transferz.baselines.scores.paired import SIGNIFICANCE, UNRANKED, distance
from transferz.releases import Release
from transferz.schemas.benchmark.entries import Entry
from transferz.schemas.benchmark.scores import (
    METRIC_TITLES,
    NONE,
    RANGES,
    SETS,
    TESTED,
    TITLES,
    WIDTH_TITLES,
    EntryRange,
    EntryScores,
    Summary,
    value_parts,
)
from transferz.schemas.errors import ParameterError
from transferz.tables.printing import aligned, printable

BEST, EQUAL, UNKNOWN = "*", "=", "?"
"""Marks: the best; not distinguishable from it; not compared with it."""

RANGE_TITLES = RANGES | {"lsst": f"{RANGES['lsst']} (LSST)"}
"""What ranges of the label are called, in the order of the page."""

DEFAULT_METRICS = (*TITLES, *WIDTH_TITLES)
"""Columns of the tables."""

SET_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {**dict[str, str](SETS.items()), "table": "the table", "test_table": "the other table"}
)

GREY, PLAIN = "\x1b[90m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Row:
    """An entry on the board.

    It is `current` if it is of the data as they are now, and `compared` if its forecasts are among
    those compared.
    """

    entry: Entry
    current: bool
    compared: bool

    @property
    def key(self) -> str:
        """The method's."""
        return self.entry.method.key

    def scores(self, config: str) -> EntryScores | None:
        """Return its scores on a test set."""
        return self.entry.scores.get(config)  # type: ignore[call-overload]

    def part(self, config: str, part: str) -> EntryRange | None:
        """Return its scores in a range."""
        scores = self.scores(config)
        return None if scores is None else scores.ranges.get(part)  # type: ignore[call-overload]

    def summary(self, config: str, part: str, metric: str) -> Summary | None:
        """Return a metric; None where there is no number."""
        scored = self.part(config, part)
        score = scored and scored.metrics.get(metric)  # type: ignore[call-overload]
        return score if score and score.mean is not None else None

    def complete(self, config: str) -> bool:
        """Say whether it scored every galaxy of a test set."""
        scores = self.scores(config)
        return scores is not None and scores.completeness == 1.0


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard: rows by key, the data they are held against, their forecasts compared."""

    rows: tuple[Row, ...]
    current: Current
    comparisons: Comparisons | None

    @property
    def mock(self) -> bool:
        """Whether any of the galaxies are simulated."""
        return any(row.entry.mock for row in self.rows)

    @property
    def configs(self) -> list[str]:
        """Test sets that any entry has scores of; those of a release in the order of tables."""
        names = dict.fromkeys([*TESTED, *(name for row in self.rows for name in row.entry.scores)])
        return [name for name in names if any(row.scores(name) for row in self.rows)]

    def ranges(self, config: str) -> list[str]:
        """List the ranges that any entry has scores in."""
        return [name for name in RANGE_TITLES if any(row.part(config, name) for row in self.rows)]

    def metrics(self, config: str, part: str) -> list[str]:
        """List the metrics that any entry has in a range."""
        scored = (row.part(config, part) for row in self.rows)
        return list(dict.fromkeys(name for scores in scored if scores for name in scores.metrics))

    def shown(self, config: str, part: str, metrics: Iterable[str]) -> list[str]:
        """List those of some metrics that any entry has a number for, each once."""
        return [
            name
            for name in dict.fromkeys(metrics)
            if any(row.summary(config, part, name) for row in self.rows)
        ]

    def galaxies(self, config: str, part: str) -> int:
        """Count the galaxies of a range that the current entries are scored on."""
        scored = (row.part(config, part) for row in self.rows if row.current)
        return max((scores.n for scores in scored if scores), default=0)

    def choose(self, config: str | None, part: str | None, metric: str) -> tuple[str, str]:
        """Choose test set and range: those asked for, else the first that there are.

        Where no entry has such scores of the metric, the error's message lists what there is.
        """
        config = config or self.configs[0]
        if config not in self.configs:
            raise ParameterError(f"no entry was tested on '{config}'; {_there(self.configs)}")
        part = part or self.ranges(config)[0]
        if part not in self.ranges(config):
            raise ParameterError(f"no entry has the range '{part}'; {_there(self.ranges(config))}")
        if not self.shown(config, part, [metric]):
            raise ParameterError(
                f"no entry has the metric '{metric}'; {_there(self.metrics(config, part))}"
            )
        return config, part

    def ordered(self, config: str, part: str, metric: str) -> list[Row]:
        """Sort rows from best to worst; below stand those not ranked, as `group` has them."""

        def place(row: Row) -> tuple[int, bool, float, str]:
            score = row.summary(config, part, metric)
            loss = None if score is None or score.mean is None else distance(metric, score.mean)
            return (self.group(row, config), loss is None, loss or 0.0, row.key)

        return sorted((row for row in self.rows if row.scores(config)), key=place)

    def group(self, row: Row, config: str) -> int:
        """Return 0 for a row that is ranked, 1 where it left galaxies out, 2 for other data."""
        return 2 if not row.current else 0 if row.complete(config) else 1

    def best(self, config: str, part: str, metric: str) -> Row | None:
        """Return the best row by a metric, of those of the data as they are now.

        One that left galaxies out is not ranked: they may have been the hard ones.
        """
        if metric in UNRANKED:
            return None
        first = next(iter(self.ordered(config, part, metric)), None)
        if first is None or self.group(first, config) or not first.summary(config, part, metric):
            return None
        return first

    def mark(self, row: Row, config: str, part: str, metric: str) -> str:
        """Mark a row by a metric: `BEST`, `EQUAL`, `UNKNOWN`, or nothing.

        That is where it is worse, has no such score, left galaxies out or is of other data.
        """
        best = self.best(config, part, metric)
        if best is None or self.group(row, config) or not row.summary(config, part, metric):
            return ""
        if row is best:
            return BEST
        pair = self.pair(row, best, config, part, metric)
        if pair is None:
            return UNKNOWN
        return EQUAL if pair.p >= SIGNIFICANCE else ""

    def pair(self, row: Row, other: Row, config: str, part: str, metric: str) -> Pair | None:
        """Look up how two rows differ; None where they were not compared."""
        if self.comparisons is None or not (row.compared and other.compared):
            return None
        return self.comparisons.pair(config, part, metric, row.key, other.key)

    def status(self, row: Row) -> str:
        """Say what sets an entry apart from the others; nothing where nothing does."""
        if not row.current:
            named = data_name(row.entry)
            return f"made on {named}" + (", other content" if named == self.current.name else "")
        return "not compared" if self.comparisons is not None and not row.compared else ""


def _there(names: Sequence[str]) -> str:
    return f"there {'is' if len(names) == 1 else 'are'}: {', '.join(names) or 'none'}"


def read_board(folder: Path, release: Release | None) -> Board:
    """Read the entries of a folder, and the comparisons beside them; raise where one is unusable.

    They are held against the release, where one is given and it is of their survey.
    """
    entries, comparisons = read_entries(folder), read_comparisons(folder)
    current = find_current(entries, release)
    compared = comparisons.forecasts if comparisons else {}
    rows = (
        Row(
            entry,
            current=current.holds(entry),
            compared=compared.get(entry.method.key) == entry.forecasts.sha256,
        )
        for entry in entries
    )
    return Board(tuple(rows), current, comparisons)


# --- in words


def set_title(config: str) -> str:
    """Return what a test set is called."""
    return SET_TITLES.get(config, config)


def training_title(row: Row) -> str:
    """Return what is written of what an entry learned from."""
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


def board_text(board: Board, config: str, part: str, sort: str, *, colour: bool = False) -> str:
    """Lay out one test set and range as a table of text, in columns for the usual metrics.

    The metric to sort by gets a column too. With `colour`, entries of other data are grey.
    """
    rows = board.ordered(config, part, sort)
    metrics = board.shown(config, part, [*DEFAULT_METRICS, sort])
    head = ["method", "trained on", *(METRIC_TITLES[name] for name in metrics), "scored", "note"]
    body = [_cells(board, row, config, part, metrics) for row in rows]
    kept = [k for k, name in enumerate(head) if name in ("method",) or any(r[k] for r in body)]
    lines = aligned([[printable(line[k]) for k in kept] for line in (head, *body)])
    for place, row in enumerate(rows, start=1):
        if colour and not row.current:
            lines[place] = f"{GREY}{lines[place]}{PLAIN}"
    return "\n".join([_title(board, config, part), "", *lines, "", *_notes(board, rows)]) + "\n"


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


def _notes(board: Board, rows: Sequence[Row]) -> list[str]:
    notes = ["mean over seeds ± its error over galaxies (spread over seeds)"]
    if board.comparisons is None:
        return [*notes, f"{BEST} best; not compared: run `transferz leaderboard compare RUNS_DIR`"]
    notes.append(
        f"{BEST} best; {EQUAL} not distinguishable from it at {SIGNIFICANCE:g} (paired, Holm over "
        f"{board.comparisons.pairs_text}); {UNKNOWN} not compared"
    )
    if any(not row.current for row in rows):
        notes.append(f"at the end: entries of other data than {board.current.name}, not ranked")
    return notes


def board_json(board: Board) -> dict[str, Any]:
    """Return all of the board: entries with their state, marks by set, range and metric."""
    comparisons = board.comparisons
    return {
        "data": board.current.name,
        "mock": board.mock,
        "significance": SIGNIFICANCE,
        "pairs": len(comparisons.pairs) if comparisons else 0,
        "entries": [
            row.entry.model_dump(mode="json", by_alias=True)
            | {"current": row.current, "compared": row.compared}
            for row in board.rows
        ],
        "ranking": {
            config: {part: _ranking(board, config, part) for part in board.ranges(config)}
            for config in board.configs
        },
    }


def _ranking(board: Board, config: str, part: str) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [_place(board, row, config, part, name) for row in board.ordered(config, part, name)]
        for name in board.metrics(config, part)
        if name not in UNRANKED
    }


def _place(board: Board, row: Row, config: str, part: str, metric: str) -> dict[str, Any]:
    best = board.best(config, part, metric)
    pair = None if best is None else board.pair(row, best, config, part, metric)
    against = pair and pair._asdict()
    mark = board.mark(row, config, part, metric)
    return {"method": row.key, "mark": mark, "current": row.current, "against_best": against}
