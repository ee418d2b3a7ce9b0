"""The leaderboard: entries in order, which is best, and which can't be told from the best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from transferz.schemas.benchmark.scores import RANGES, TESTED, EntryRange, EntryScores, Summary
from transferz.schemas.errors import ParameterError

BEST, EQUAL, UNKNOWN = "*", "=", "?"
"""Marks: the best; not distinguishable from it; not compared with it."""

RANGE_TITLES = RANGES | {"lsst": f"{RANGES['lsst']} (LSST)"}
"""What ranges of the label are called, in the order of the page."""


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
