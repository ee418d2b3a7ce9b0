"""Paired tests: whether one method is better than another, or only luckier.

Two methods are scored on the same galaxies and compared by their losses: how far a metric's mean
over seeds is from the best that it can be. The error of the difference of two losses adds, in
quadrature,

- what other galaxies would change: the bootstrap over galaxies (Efron 1979), both methods on the
  same resamples, so that the ups and downs they have in common cancel;
- what other seeds would change: ``s² / S`` of each method, which is the bootstrap over seeds in
  closed form, with the factor ``(S - 1) / S`` by which that falls short undone.

Few seeds know little of their own spread, so difference / error is held against Student's t with
the degrees of freedom of Welch (1947), those of the galaxies being unlimited (our choice).
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.bootstrap import Replicates
from transferz.baselines.scores.metrics import METRICS, Array
from transferz.baselines.scores.probability import PROBABILITY_METRICS
from transferz.schemas.benchmark.scores import PERCENT

TARGETS: MappingProxyType[str, float] = MappingProxyType(
    {"bias": 0.0, "bias_biweight": 0.0, "coverage_68": 0.68, "coverage_90": 0.90}
)
"""What a metric should be, where that is not as small as can be."""

UNRANKED = frozenset(
    {
        *("width_68", "width_90"),
        *("outlier_rate_biweight", "outlier_rate_3sigma", "outlier_rate_3sigma_width"),
    }
)
"""Metrics that rank nothing by themselves: a narrow interval is good only if it covers, and few
galaxies lie beyond 3σ where σ, a method's own, is large."""

COMPARED = tuple(name for name in (*METRICS, *PROBABILITY_METRICS) if name not in UNRANKED)
"""Metrics that methods are compared by, in the order of tables."""

SIGNIFICANCE = 0.05
"""Share of families of comparisons that may raise any false alarm (our choice)."""

CONFIDENCE = 0.95
"""Of the interval of a single difference (our choice)."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A method's loss by a metric, and what it would be with other galaxies and seeds.

    `value` is of the mean over `seeds` seeds; 0 is perfect where the metric has a target.
    `resampled`, shape (R,), is the same on resamples of the galaxies. `seed_variance` is that of
    `value` from seed to seed; 0 for one seed, which tells nothing of others.
    """

    value: float
    resampled: Array
    seed_variance: float
    seeds: int


@dataclass(frozen=True, slots=True)
class LossDifference:
    """How much larger the loss of a first method is than that of a second.

    `difference`, first less second, is in the unit of the metric; below 0 the first is better.
    `error` is its standard error, of so many `degrees` of freedom; infinite where seeds add none.
    """

    difference: float
    error: float
    degrees: float

    @property
    def p(self) -> float:
        """How likely two equal methods differ as much, either way; NaN where nothing is known."""
        from scipy.special import stdtr

        if self.difference == 0.0:
            return 1.0
        if not self.error > 0.0:
            return float("nan")
        return float(2.0 * stdtr(self.degrees, -abs(self.difference) / self.error))

    @property
    def half(self) -> float:
        """Half the width of the interval of the difference, of `CONFIDENCE`."""
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees, (1.0 + CONFIDENCE) / 2.0)) * self.error

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the interval of the difference, of `CONFIDENCE`."""
        return self.difference - self.half, self.difference + self.half


def unseen(metric: str, n: int) -> float:
    """Return how large a share of galaxies can be of which n galaxies show none; else 0.

    Resamples of what is not there have no spread. Of a Poisson law with a mean of 3.7, 2.5 % of the
    draws are 0, which is the upper end of the 95 % interval (the "rule of three").
    """
    return 3.7 / n if metric in PERCENT and n else 0.0


def distance(metric: str, value: float) -> float:
    """Return the loss of a metric's value: its distance from the target, or itself."""
    return abs(value - TARGETS[metric]) if metric in TARGETS else value


def loss(metric: str, replicates: Replicates) -> Loss:
    """Turn a metric, one of `COMPARED`, of one method into a loss.

    Which side of its target a metric lies on is taken from its mean over all seeds: where that is
    in doubt, errors come out too large rather than too small.
    """
    scores, resampled = replicates.scores[metric], replicates.resampled[metric].mean(axis=1)
    target = TARGETS.get(metric, 0.0)
    side = -1.0 if metric in TARGETS and scores.mean() < target else 1.0
    seeds = scores.size
    variance = float(scores.var(ddof=1)) / seeds if seeds > 1 else 0.0
    value = side * (float(scores.mean()) - target)
    return Loss(value, side * (resampled - target), variance, seeds)


def paired_difference(first: Loss, second: Loss) -> LossDifference:
    """Return how far the losses of two methods by a metric are apart, with the error of that.

    Both are of the same galaxies by the same draws (a `ValueError` where their numbers differ); the
    numbers of seeds may differ. NaN where either has no such score for some seed.

    Examples
    --------
    >>> first = Loss(0.05, np.array([0.04, 0.05, 0.06]), seed_variance=0.0, seeds=1)
    >>> second = Loss(0.03, np.array([0.02, 0.03, 0.05]), seed_variance=0.0, seeds=1)
    >>> found = paired_difference(first, second)
    >>> round(found.difference, 3), round(found.error, 4)
    (0.02, 0.0058)
    """
    if first.resampled.shape != second.resampled.shape:
        raise ValueError(f"{first.resampled.size} and {second.resampled.size} resamples differ")
    galaxies = float(np.var(first.resampled - second.resampled, ddof=1))
    error = float(np.sqrt(galaxies + first.seed_variance + second.seed_variance))
    # Welch and Satterthwaite's degrees of freedom; the galaxies' term has no end of them.
    below = sum(
        method.seed_variance**2 / (method.seeds - 1)
        for method in (first, second)
        if method.seed_variance > 0
    )
    degrees = error**4 / below if below > 0 else float("inf")
    return LossDifference(first.value - second.value, error, degrees)


def holm(p: npt.ArrayLike) -> Array:
    """Correct a family of p-values, shape (M,), for how many they are (Holm 1979).

    The chance of any false alarm in the family stays below what the corrected values, at most 1,
    are held against, however the comparisons hang together. NaN, for a comparison that could not be
    made, stays and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.5]).round(2)
    array([0.03, 0.08, 0.5 ])
    """
    values = np.asarray(p, np.float64)
    corrected = np.full(values.shape, np.nan)
    given = np.flatnonzero(~np.isnan(values))
    order = given[np.argsort(values[given], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
