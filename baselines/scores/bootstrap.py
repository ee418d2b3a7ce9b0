"""Draw error bars of scores: bootstrap over galaxies, and over seeds where methods are compared.

Efron 1979. Every resample draws N of the N galaxies with replacement, the same ones for all seeds,
and scores all seeds on them anew, medians and biweights included; nothing is approximated. The
same `Draws` take the same galaxies from samples of the same size, so that two methods, or label
and truth, are compared galaxy by galaxy: their common ups and downs cancel in the difference.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import METRICS, Array, Scratch, row_blocks, score

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
    """Which resamples are drawn: how many (at least 2), and by which seed.

    The seed is the same for samples that are to be compared galaxy by galaxy.
    """

    resamples: int = RESAMPLES
    seed: int = SEED

    def counts(self, size: int) -> Iterator[Ints]:
        """Yield how often each of `size` galaxies is drawn, shape (size,), resample by resample."""
        rng = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            drawn = rng.integers(0, size, size) if size else np.empty(0, dtype=np.int64)
            yield np.bincount(drawn, minlength=size)


DRAWS = Draws()


@dataclass(frozen=True, slots=True)
class Replicates:
    """Scores of a sample, each metric of each seed, shape (S,); and of its resamples, (R, S)."""

    scores: dict[str, Array]
    resampled: dict[str, Array]

    def error(self, name: str) -> float:
        """Return the standard error of a metric's mean over seeds: its spread over resamples."""
        return float(self.resampled[name].mean(axis=1).std(ddof=1))

    def summaries(self, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """Sum up some metrics, all by default, as `summary` does, with their errors."""
        wanted = self.scores if names is None else names
        return {name: summary(self.scores[name], self.error(name)) for name in wanted}


def summary(values: Array, error: float | None = None) -> dict[str, Any]:
    """Sum up a metric's values of all seeds, shape (S,), for JSON; None stands for NaN.

    `spread` is their standard deviation (ddof 1; None for one seed).
    """
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    found: dict[str, Any] = {"mean": finite(float(values.mean())), "spread": finite(spread)}
    return found if error is None else found | {"error": finite(error)}


def finite(value: float | None) -> float | None:
    """Return the number if it is one that JSON can hold, else None."""
    return float(value) if value is not None and np.isfinite(value) else None


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
    """Score forecasts (S, N), one row per seed, of true redshifts (N,), and their resamples.

    `chosen` (S, N) says which galaxies count for which seed, such as a bin of each seed's own
    forecasts; resamples are of all N. Scores are NaN where there is none. Memory beyond the
    arguments and the result stays at some MB (and the indices of the `chosen`). A `ValueError`
    says where shapes differ.

    Examples
    --------
    >>> true = np.linspace(0.1, 2.0, 200)
    >>> found = replicate([true + 0.1], true, ["mse"], draws=Draws(20))
    >>> found.scores["mse"].round(2), round(found.error("mse"), 2)
    (array([0.01]), 0.0)
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if predicted.shape[1:] != true.shape or true.ndim != 1:
        raise ValueError(f"predicted {predicted.shape}, true {true.shape}: not (S, N) and (N,)")
    if chosen is not None and chosen.shape != predicted.shape:
        raise ValueError(f"chosen {chosen.shape} differs from predicted {predicted.shape}")
    members = None if chosen is None else [np.flatnonzero(row) for row in chosen]
    scratch = Scratch()

    def draw(counts: Ints) -> Iterator[tuple[Array, Array]]:
        """Yield forecasts and labels, seeds by seeds, with each galaxy as often as it counts."""
        if members is None:
            drawn = np.repeat(np.arange(counts.size), counts)
            drawn_true = true[drawn]
            for block in row_blocks(len(predicted), drawn.size):
                yield predicted[block].take(drawn, axis=1), drawn_true
            return
        for row, own in zip(predicted, members, strict=True):
            drawn = np.repeat(own, counts[own])
            yield row[None, drawn], true[drawn]

    def score_drawn(counts: Ints) -> dict[str, Array]:
        pieces = [score(*piece, names, scratch) for piece in draw(counts)]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    scores = score_drawn(np.ones(true.size, dtype=np.int64))
    drawn_scores = [score_drawn(counts) for counts in draws.counts(true.size)]
    return Replicates(
        scores, {name: np.stack([drawn[name] for drawn in drawn_scores]) for name in scores}
    )


def ratio(above: Replicates, below: Replicates, name: str, seed: int = SEED) -> Interval:
    """Say how many times larger a metric is for one method than for another.

    ``abs(mean over seeds of above) / abs(mean over seeds of below)``, of the same galaxies by the
    same draws. Its interval comes from resampling galaxies and seeds independently (the pigeonhole
    bootstrap of Owen 2007, slightly wide rather than narrow). Methods with equally many seeds are
    resampled by the same draws of seeds, as seed k of one starts from, or is initialised as, seed k
    of the other. Unbounded above where a resample has 0 below; NaN where it has 0 above too.
    """
    value = _quotient(above.scores[name].mean(), below.scores[name].mean())
    ups = _mean_over_draws(above.resampled[name], seed)
    downs = _mean_over_draws(below.resampled[name], seed)
    quotients = _quotient(ups, downs)
    low, high = np.quantile(quotients, LEVELS, method="nearest").tolist()
    return Interval(float(value), (high - low) / 2.0, low, high)


def difference_error(above: Replicates, below: Replicates, name: str) -> float:
    """Return the standard error of two means' difference, over seeds on the same resamples."""
    means = above.resampled[name].mean(axis=1) - below.resampled[name].mean(axis=1)
    return float(means.std(ddof=1))


def _mean_over_draws(resampled: Array, seed: int) -> Array:
    """Return means over seeds drawn with replacement, anew for every resample, shape (draws, R)."""
    resamples, seeds = resampled.shape
    rng = np.random.default_rng((seed, 1))  # another stream than that of the galaxies
    drawn = rng.integers(0, seeds, (SEED_DRAWS, resamples, seeds))
    return np.take_along_axis(resampled[None], drawn, axis=2).mean(axis=2)


def _quotient(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(above) / np.abs(below)
