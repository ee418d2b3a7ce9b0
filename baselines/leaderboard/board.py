"""The leaderboard: entries in order, which is best, which as good, and which may be.

`read_board` reads it; `transferz.baselines.leaderboard.words` shows it in a terminal and to
programs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from transferz.baselines.leaderboard.comparisons import Comparisons, Pair, read_comparisons
from transferz.baselines.leaderboard.entries import (
    Current,
    data_name,
    find_current,
    read_entries,
)
from transferz.baselines.scores.paired import SIGNIFICANCE, UNRANKED, distance, holm
from transferz.baselines.scores.standing import Mark, standing
from transferz.releases import Release
from transferz.schemas.benchmark.entries import Entry
from transferz.schemas.benchmark.scores import (
    MARGINS,
    RANGES,
    TESTED,
    EntryRange,
    EntryScores,
    Summary,
    label_first,
)
from transferz.schemas.errors import ParameterError

TRIVIAL = frozenset({"transferz.baselines.methods.median:TrainingMedian"})
"""Classes of methods that hold no mark: they forecast the same for every galaxy, whatever its
magnitudes. So does whatever comparisons find `constant`."""

NOT_RERUN = "not rerun"
"""The mark of published forecasts."""

RANGE_TITLES = RANGES | {"lsst": f"{RANGES['lsst']} (LSST)"}
"""What ranges of the label are called, in the order of the page."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry on the board.

    It is `current` if it is of the data as they are now, `compared` if its forecasts were compared
    with those of all other rows that are, and `trivial` if they are the same for every galaxy.
    """

    entry: Entry
    current: bool
    compared: bool
    trivial: bool

    @property
    def key(self) -> str:
        """The method's."""
        return self.entry.method.key

    def scores(self, config: str) -> EntryScores | None:
        """Return its scores on a test set."""
        return self.entry.scores.get(config)

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
    """A leaderboard: rows by key, the data they are held against, their forecasts compared.

    `unusable` says of each file that is no entry why it is none, by its path in their folder.
    """

    rows: tuple[Row, ...]
    current: Current
    comparisons: Comparisons | None
    unusable: dict[str, str]
    _marks: dict[tuple[str, str, str], dict[str, Mark]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def mock(self) -> bool:
        """Whether any of the galaxies are simulated."""
        return any(row.entry.mock for row in self.rows)

    @property
    def configs(self) -> list[str]:
        """Test sets that any entry has scores of: the release's own labels first, then spectra."""
        scored = (name for row in self.rows for name in label_first(row.entry.scores))
        names = dict.fromkeys([*label_first(TESTED), *scored])
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

    def mark(self, row: Row, config: str, part: str, metric: str) -> Mark:
        """Mark a row by a metric, as `standing` does those that compete for it.

        `UNKNOWN` is a row that was not compared. One that left galaxies out has no mark, since they
        may have been the hard ones; nor has one of other data, a trivial one, or one without such a
        score, nor any by a metric that ranks nothing.
        """
        column = (config, part, metric)
        if column not in self._marks:
            self._marks[column] = self._marked(*column)
        return self._marks[column].get(row.key, Mark.WORSE)

    def _marked(self, config: str, part: str, metric: str) -> dict[str, Mark]:
        ranked = [
            (row, distance(metric, score.mean))
            for row in self.ordered(config, part, metric)
            if self.group(row, config) == 0 and not row.trivial and metric not in UNRANKED
            if (score := row.summary(config, part, metric)) and score.mean is not None
        ]
        marks = {row.key: Mark.UNKNOWN for row, _ in ranked}
        if compared := [(row, loss) for row, loss in ranked if row.compared]:
            rows, losses = zip(*compared, strict=True)
            unknown = Pair(*3 * [float("nan")])
            pairs = [
                [self.pair(row, other, config, part, metric) or unknown for other in rows]
                for row in rows
            ]
            found = standing(losses, pairs, MARGINS[metric])
            marks |= {row.key: mark for row, mark in zip(rows, found, strict=True)}
        return marks

    def pair(self, row: Row, other: Row, config: str, part: str, metric: str) -> Pair | None:
        """Look up how two rows differ; None where they were not compared."""
        if self.comparisons is None or not (row.compared and other.compared):
            return None
        return self.comparisons.pair(config, part, metric, row.key, other.key)

    def pairs(self, config: str, part: str, metric: str) -> list[tuple[Row, Row, Pair, str]]:
        """List all compared pairs, each with whether its first is ``better`` or ``worse``.

        Or they are the ``same``, neither worse than the other by more than the margin, or it is
        ``open``. p is corrected for the number of pairs (Holm): the chance of any false difference
        among them stays below `SIGNIFICANCE`.
        """
        rows = [row for row in self.rows if row.current and row.compared]
        found = [
            (first, second, pair)
            for first, second in combinations(rows, 2)
            if (pair := self.pair(first, second, config, part, metric))
        ]

        def told(pair: Pair) -> str:
            if abs(pair.difference) + pair.half <= MARGINS[metric]:
                return "same"
            if pair.p >= SIGNIFICANCE:
                return "open"
            return "better" if pair.difference < 0 else "worse"

        corrected = holm([pair.p for _, _, pair in found]).tolist()
        listed = []
        for (first, second, pair), p in zip(found, corrected, strict=True):
            whole = pair._replace(p=p)
            listed.append((first, second, whole, told(whole)))
        return listed

    def status(self, row: Row) -> str:
        """Say what sets an entry apart from the others; nothing where nothing does."""
        said = [NOT_RERUN] if row.entry.published else []
        if not row.current:
            named = data_name(row.entry)
            other = ", other content" if named == self.current.name else ""
            said.append(f"made on {named}{other}")
        elif row.trivial:
            said.append("the same for every galaxy: no mark")
        elif not row.compared:
            said.append("not compared")
        return "; ".join(said)


def _there(names: Sequence[str]) -> str:
    return f"there {'is' if len(names) == 1 else 'are'}: {', '.join(names) or 'none'}"


def read_board(folder: Path, release: Release | None) -> Board:
    """Read the entries of a folder, and the comparisons beside them.

    They are held against the release, where one is given and it is of their survey. Raises an
    InputError where no entry can be used, or the comparisons can't be; single entries that can't
    are left out and named (`Board.unusable`).
    """
    entries, unusable = read_entries(folder)
    comparisons, current = read_comparisons(folder), find_current(entries, release)
    constant = comparisons.constant if comparisons else ()
    there = [entry for entry in entries if current.holds(entry)]
    compared = _mutually_compared(there, comparisons) if comparisons else set()
    rows = (
        Row(
            entry,
            current=current.holds(entry),
            compared=entry.method.key in compared,
            trivial=entry.method.class_ in TRIVIAL or entry.method.key in constant,
        )
        for entry in entries
    )
    return Board(tuple(rows), current, comparisons, unusable)


def _mutually_compared(entries: Sequence[Entry], comparisons: Comparisons) -> set[str]:
    """Choose entries of which each was compared with each: first those with the most comparisons.

    One whose forecasts are others than those compared is none of them.
    """
    known = comparisons.forecasts
    keys = [e.method.key for e in entries if known.get(e.method.key) == e.forecasts.sha256]
    pairs = {frozenset(pair) for pair in comparisons.pairs if set(pair) <= set(keys)}
    chosen: set[str] = set()
    for key in sorted(keys, key=lambda key: (-sum(key in pair for pair in pairs), key)):
        if all(frozenset((key, other)) in pairs for other in chosen):
            chosen.add(key)
    return chosen if len(chosen) > 1 else set()
