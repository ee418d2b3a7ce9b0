"""Rank methods over several boards, those of a survey's tasks: by how often each beats another.

A contest is a test set of a board. In each, two methods are compared galaxy by galaxy, as on the
board; who is shown to be better has won, and a pair that can't be told apart shares the win. A
method's score is the share of its comparisons that it wins, contests counting alike. Its interval
is the bootstrap's over contests: how much the score hangs on which tasks there are. Only those that
took part in every contest met the same others, and are ranked. (TabArena, arXiv:2506.16791, ranks
so by Elo; shares of wins need no model of strength.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.baselines.leaderboard.board import Board
from transferz.schemas.errors import InputError
from transferz.tables.printing import aligned

RESAMPLES, SEED, CONFIDENCE = 2_000, 0, 0.95
"""Of the bootstrap and its intervals (our choice)."""

POINTS = {"better": (1.0, 0.0), "worse": (0.0, 1.0), "same": (0.5, 0.5), "open": (0.5, 0.5)}
"""What a comparison gives its first and its second method."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """A method over all contests.

    `share` of its comparisons that it won, a tie being half a win, with its interval; the numbers
    of comparisons that it won, tied and lost; and of `contests` that it took part in. It is
    `ranked` if these are all.
    """

    key: str
    name: str
    share: float
    low: float
    high: float
    won: int
    tied: int
    lost: int
    contests: int
    ranked: bool


def overall(boards: Mapping[str, Board], metric: str, part: str | None = None) -> list[Standing]:
    """Rank methods over boards, the best first, and below them those not in every contest.

    Parameters
    ----------
    boards : mapping
        Name to board.
    metric : str
        What methods are compared by.
    part : str, optional
        The range of redshift; by default a board's first.

    Returns
    -------
    list of Standing
        A method that no board has compared is not among them, nor one that forecasts the same for
        every galaxy.

    Raises
    ------
    InputError
        Where no two methods were compared on any board.
    """
    names, contests = _contests(boards, metric, part)
    if not contests:
        raise InputError(
            f"no two methods were compared by '{metric}' on {', '.join(boards)}; compare runs with "
            "`transferz leaderboard compare`"
        )
    keys = sorted(names)
    # Points of every method in every contest, and of how many comparisons: shape (C, M).
    points, played = np.zeros((2, len(contests), len(keys)))
    tally = {key: [0, 0, 0] for key in keys}
    for number, held in enumerate(contests):
        for first, second, given in held:
            for key, point in zip((first, second), given, strict=True):
                points[number, keys.index(key)] += point
                played[number, keys.index(key)] += 1
                tally[key][int(2 - 2 * point)] += 1  # won, tied, lost
    shares = _shares(points, played, np.arange(len(contests))[None])[0]
    drawn = np.random.default_rng(SEED).integers(len(contests), size=(RESAMPLES, len(contests)))
    resampled = _shares(points, played, drawn)
    ends = np.nanquantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    found = []
    for m, key in enumerate(keys):
        share, low, high = map(float, (shares[m], *ends[:, m]))
        won, tied, lost = tally[key]
        there = int(np.count_nonzero(played[:, m]))
        everywhere = there == len(contests)
        found.append(
            Standing(key, names[key], share, low, high, won, tied, lost, there, everywhere)
        )
    return sorted(found, key=lambda one: (not one.ranked, -one.share, one.key))


def _contests(
    boards: Mapping[str, Board], metric: str, part: str | None
) -> tuple[dict[str, str], list[list[tuple[str, str, tuple[float, float]]]]]:
    """Return the methods' names by key, and each contest's comparisons: two keys, their points."""
    names: dict[str, str] = {}
    contests = []
    for board in boards.values():
        for config in board.configs:
            ranges = board.ranges(config)
            pairs = board.pairs(config, part or ranges[0], metric) if ranges else []
            pairs = [pair for pair in pairs if not (pair[0].trivial or pair[1].trivial)]
            names |= {row.key: row.entry.method.name for pair in pairs for row in pair[:2]}
            if pairs:
                contests.append([(a.key, b.key, POINTS[said]) for a, b, _, said in pairs])
    return names, contests


def _shares(points: Floats, played: Floats, contests: npt.NDArray[np.int64]) -> Floats:
    """Each method's mean share of wins over draws of contests, shape (R, M); NaN where in none."""
    share = np.divide(points, played, out=np.zeros_like(points), where=played > 0)
    count = (played > 0)[contests].sum(axis=1)
    with np.errstate(invalid="ignore"):  # a draw without any contest of a method
        return np.asarray(share[contests].sum(axis=1) / count)


def share_parts(one: Standing) -> tuple[str, str]:
    """Write a share of wins and its interval, in percent."""
    return f"{100 * one.share:.1f}", f"{100 * one.low:.1f} to {100 * one.high:.1f}"


def overall_text(standings: Sequence[Standing], metric: str, boards: Sequence[str]) -> str:
    """Write the ranking as a table for terminals; `boards` names those it is over."""
    header = ["method", "wins (%)", "95 % interval", "won", "tied", "lost", "contests"]
    rows = [
        [
            one.name,
            *share_parts(one),
            *map(str, (one.won, one.tied, one.lost, one.contests)),
        ]
        for one in standings
    ]
    note = (
        f"By {metric}, over {', '.join(boards)}.\nA contest is a test set of a board. A pair that "
        "can't be told apart shares the win.\nThe interval is over contests."
    )
    if not all(one.ranked for one in standings):
        note += "\nAt the end, not ranked: methods that are not in every contest."
    return "\n".join([*aligned([header, *rows], right=True), "", note]) + "\n"
