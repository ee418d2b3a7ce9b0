"""Error bars of scores: the bootstrap over galaxies, and over seeds where methods are compared.

Efron 1979. Every resample draws N of the N galaxies with replacement, the same ones for all seeds,
and scores all seeds on them anew, medians and biweights included; nothing is approximated. The
same `Draws` take the same galaxies from samples of the same size, so that two methods, or label
and truth, are compared galaxy by galaxy: their common ups and downs cancel in the difference.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import METRICS, score
from transferz.baselines.scores.residuals import Array, Scratch, row_blocks

RESAMPLES = 200
"""An error bar is then itself known to 5 % (our choice)."""

SEED = 20240
"""Of the draws of galaxies, and of seeds (our choice)."""

SEED_DRAWS = 10
"""Draws of seeds beside each resample of galaxies, in `ratio` (our choice)."""

LEVELS = (0.16, 0.84)
"""Quantiles between which a 68 % interval lies."""

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draws:
    """Which resamples are drawn.

    Attributes
    ----------
    resamples : int
        R, at least 2.
    seed : int
        The same for samples that are to be compared galaxy by galaxy.
    """

    resamples: int = RESAMPLES
    seed: int = SEED

    def counts(self, size: int) -> Iterator[Ints]:
        """How often each of `size` galaxies is drawn, shape (size,), resample by resample."""
        rng = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            drawn = rng.integers(0, size, size) if size else np.empty(0, dtype=np.int64)
            yield np.bincount(drawn, minlength=size)


DRAWS = Draws()


@dataclass(frozen=True, slots=True)
class Replicates:
    """Scores of a sample, and of its resamples.

    Attributes
    ----------
    scores : dict of str to ndarray, shape (S,)
        Each metric of each seed.
    resampled : dict of str to ndarray, shape (R, S)
        The same for every resample.
    """

    scores: dict[str, Array]
    resampled: dict[str, Array]

    def error(self, name: str) -> float:
        """Standard error of a metric's mean over seeds: its spread over resamples of galaxies."""
        return float(self.resampled[name].mean(axis=1).std(ddof=1))


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 68 % interval; `error` is half the interval's width."""

    value: float
    error: float
    low: float
    high: float


def replicate(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    names: Collection[str] = METRICS,
    *,
    chosen: Mask | None = None,
    draws: Draws = DRAWS,
) -> Replicates:
    """Score a sample and its resamples.

    Memory beyond the arguments and the result stays at some MB (and the indices of the `chosen`).

    Parameters
    ----------
    predicted : array_like, shape (S, N)
        Forecasts, one row per seed.
    true : array_like, shape (N,)
        True redshifts.
    names : collection of str
        Which metrics; all by default.
    chosen : ndarray of bool, shape (S, N), optional
        Which galaxies count for which seed, such as a bin of each seed's own forecasts. Resamples
        are of all N.
    draws : Draws
        Which resamples.

    Returns
    -------
    Replicates
        NaN where no galaxy is there.

    Raises
    ------
    ValueError
        Where shapes differ.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    parts = _Parts(predicted, true, names, chosen)
    scores = parts.score(np.ones(true.size, dtype=np.int64))
    made = [parts.score(counts) for counts in draws.counts(true.size)]
    return Replicates(scores, {name: np.stack([one[name] for one in made]) for name in scores})


class _Parts:
    """Scores resamples of one sample: of all its galaxies, or of some for each seed."""

    def __init__(
        self, predicted: Array, true: Array, names: Collection[str], chosen: Mask | None
    ) -> None:
        if predicted.shape[1:] != true.shape or true.ndim != 1:
            raise ValueError(f"predicted {predicted.shape}, true {true.shape}: not (S, N) and (N,)")
        if chosen is not None and chosen.shape != predicted.shape:
            raise ValueError(f"chosen {chosen.shape} differs from predicted {predicted.shape}")
        self.predicted, self.true, self.names = predicted, true, names
        self.members = None if chosen is None else [np.flatnonzero(row) for row in chosen]
        self.scratch = Scratch()

    def score(self, counts: Ints) -> dict[str, Array]:
        """Score all seeds with each galaxy counting so often."""
        pieces = list(self._whole(counts) if self.members is None else self._own(counts))
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def _whole(self, counts: Ints) -> Iterator[dict[str, Array]]:
        drawn = np.repeat(np.arange(counts.size), counts)
        true = self.true[drawn]
        for block in row_blocks(len(self.predicted), drawn.size):
            yield self._score(self.predicted[block].take(drawn, axis=1), true)

    def _own(self, counts: Ints) -> Iterator[dict[str, Array]]:
        for row, members in zip(self.predicted, self.members or (), strict=True):
            drawn = np.repeat(members, counts[members])
            yield self._score(row[None, drawn], self.true[drawn])

    def _score(self, predicted: Array, true: Array) -> dict[str, Array]:
        return score(predicted, true, self.names, self.scratch)


def ratio(above: Replicates, below: Replicates, name: str, seed: int = SEED) -> Interval:
    """How many times larger a metric is for one method than for another.

    ``abs(mean over seeds of above) / abs(mean over seeds of below)``. Its interval comes from
    resampling galaxies and seeds independently (the pigeonhole bootstrap of Owen 2007, slightly
    wide rather than narrow). Methods with equally many seeds are resampled by the same draws of
    seeds, as seed k of one starts from, or is initialised as, seed k of the other.

    Parameters
    ----------
    above, below : Replicates
        Of the same galaxies by the same draws.
    name : str
        The metric.
    seed : int
        Of the draws of seeds.

    Returns
    -------
    Interval
        Unbounded above where a resample has 0 below; NaN where it has 0 above too.
    """
    value = _quotient(above.scores[name].mean(), below.scores[name].mean())
    ups = _mean_over_draws(above.resampled[name], seed)
    downs = _mean_over_draws(below.resampled[name], seed)
    quotients = _quotient(ups, downs)
    low, high = np.quantile(quotients, LEVELS, method="nearest").tolist()
    return Interval(float(value), (high - low) / 2.0, low, high)


def difference_error(above: Replicates, below: Replicates, name: str) -> float:
    """Standard error of the difference of two means over seeds on the same resamples."""
    means = above.resampled[name].mean(axis=1) - below.resampled[name].mean(axis=1)
    return float(means.std(ddof=1))


def _mean_over_draws(resampled: Array, seed: int) -> Array:
    """Means over seeds drawn with replacement, anew for every resample, shape (draws, R)."""
    resamples, seeds = resampled.shape
    rng = np.random.default_rng((seed, 1))  # another stream than that of the galaxies
    drawn = rng.integers(0, seeds, (SEED_DRAWS, resamples, seeds))
    return np.take_along_axis(resampled[None], drawn, axis=2).mean(axis=2)


def _quotient(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(above) / np.abs(below)
