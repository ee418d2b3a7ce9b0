"""The paper's comparison over several splits of the same galaxies, so that a split's luck counts.

Each split, by a salt of its own, has its own training sets, networks and test galaxies. A number is
the mean over splits of the mean over seeds. Its error adds, in quadrature,

- what other galaxies would change: the bootstrap over all galaxies that any split tests, the same
  ones for every split, method and seed (Efron 1979);
- what another split and other seeds would change: the spread over splits by the root of how many
  they are, each split having its own seeds.

So a split stands where `transferz.baselines.scores.paired` has a seed, and its functions serve.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import Mask, SetForecasts
from transferz.baselines.leaderboard.entries import Run
from transferz.baselines.scores.binning import cut
from transferz.baselines.scores.bootstrap import (
    SEED,
    Draws,
    Interval,
    Ints,
    Replicates,
    ratio,
)
from transferz.baselines.scores.metrics import Array, normalised_error
from transferz.baselines.scores.paired import Loss, LossDifference, loss, paired_difference
from transferz.schemas.benchmark.scores import Config, Metric, Range, Summary

NAMES: tuple[Metric, ...] = ("bias", "scatter", "outlier_rate", "rmse", "catastrophic_rate")
"""The metrics: those of the paper's figure 3, and the scatter."""

RESAMPLES = 200

EDGES: MappingProxyType[str, tuple[float, ...]] = MappingProxyType(
    {"i": (20.0, 21.0, 21.5, 22.0, 22.5, 23.0, 24.0), "redshift": (0.3, 0.5, 0.7, 0.9, 1.1, 1.5)}
)
"""Of the bins that say which galaxies make a difference (our choice)."""


@dataclass(frozen=True, slots=True)
class PoolDraws(Draws):
    """Draws of a pool of galaxies, as they fall on the ones that a split tests.

    `place` is where each of these, shape (N,), stands in a pool of `pool` galaxies.
    """

    place: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    pool: int = 0

    def counts(self, size: int) -> Iterator[Ints]:
        """Yield how often each of the split's galaxies is drawn, resample by resample."""
        if size != self.place.size:
            raise ValueError(f"{size} galaxies for draws of {self.place.size}")
        for drawn in Draws(self.resamples, self.seed).counts(self.pool):
            yield drawn[self.place]


@dataclass(frozen=True, slots=True)
class BinRow:
    """What methods do with the galaxies of one bin.

    `n` is their number per split, `scores` has method -> metric -> mean over splits and seeds, and
    `share` each other method's share of its whole difference from the first in the sum of dz².
    """

    low: float | None
    high: float | None
    n: float
    scores: dict[str, dict[str, float]]
    share: dict[str, float]


class Splits:
    """Runs of methods on several splits: method -> split -> run.

    What is asked for is computed once. `resamples` are of the galaxies.
    """

    def __init__(self, runs: Mapping[str, Mapping[str, Run]], resamples: int = RESAMPLES) -> None:
        self.runs = {key: dict(of_splits) for key, of_splits in runs.items() if of_splits}
        self.resamples = resamples
        self._columns: dict[tuple[str, str, str, str], tuple[dict[str, float], dict[str, Array]]]
        self._columns = {}

    @property
    def configs(self) -> list[Config]:
        """Test sets, spectroscopic first."""
        first = next(iter(next(iter(self.runs.values())).values()))
        return list(first.forecasts)

    def title(self, key: str) -> str:
        """What a method is called."""
        return next(iter(self.runs[key].values())).entry.method.name

    def galaxies(self, config: Config, part: Range) -> float:
        """Return how many galaxies a split tests, the mean over splits."""
        first = next(iter(self.runs.values()))
        sets = [run.forecasts[config] for run in first.values()]
        return float(np.mean([one.ranges()[part].sum() for one in sets]))

    def pool(self, config: Config) -> npt.NDArray[np.int64]:
        """Return the ids of all galaxies that any split tests, sorted."""
        ids = [
            run.forecasts[config].object_id
            for of_splits in self.runs.values()
            for run in of_splits.values()
        ]
        return np.unique(np.concatenate(ids))

    def replicates(
        self, key: str, config: Config, part: Range, splits: Collection[str] | None = None
    ) -> Replicates:
        """Score a method: a column per split, the mean over its seeds; and on the resamples."""
        made = [
            self._column(key, config, part, split)
            for split in self.runs[key]
            if splits is None or split in splits
        ]
        return Replicates(
            {name: np.array([scores[name] for scores, _ in made]) for name in NAMES},
            {name: np.stack([drawn[name] for _, drawn in made], axis=1) for name in NAMES},
        )

    def _column(
        self, key: str, config: Config, part: Range, split: str
    ) -> tuple[dict[str, float], dict[str, Array]]:
        place = (key, config, part, split)
        if place not in self._columns:
            whole = self.runs[key][split].forecasts[config]
            tested, pool = whole.take(whole.ranges()[part]), self.pool(config)
            index = np.searchsorted(pool, tested.object_id)
            draws = PoolDraws(self.resamples, SEED, index, pool.size)
            found = tested.replicate_points(NAMES, draws=draws)
            self._columns[place] = (
                {name: float(found.scores[name].mean()) for name in NAMES},
                {name: found.resampled[name].mean(axis=1) for name in NAMES},
            )
        return self._columns[place]

    def summary(self, key: str, config: Config, part: Range, name: str) -> Summary:
        """Return a metric's mean, its error (see the head), and its spread over splits."""
        found = self.replicates(key, config, part)
        values = found.scores[name]
        error = np.sqrt(np.square(found.error(name)) + _variance(values))
        spread = float(values.std(ddof=1)) if values.size > 1 else None
        return Summary(mean=float(values.mean()), spread=spread, error=float(error))

    def common(self, first: str, second: str) -> list[str]:
        """List the splits that both methods have run on."""
        return [split for split in self.runs[first] if split in self.runs[second]]

    def ratio(self, above: str, below: str, config: Config, part: Range, name: str) -> Interval:
        """Say how many times larger a metric is for one method, from galaxies and splits."""
        splits = self.common(above, below)
        pair = [self.replicates(key, config, part, splits) for key in (above, below)]
        return ratio(pair[0], pair[1], name)

    def difference(
        self, first: str, second: str, config: Config, part: Range, name: str
    ) -> LossDifference:
        """Compare two methods by a metric, galaxy by galaxy and split by split."""
        splits = self.common(first, second)
        one, other = (
            loss(name, self.replicates(key, config, part, splits)) for key in (first, second)
        )
        # Both methods had the same splits, so their difference has a spread of its own.
        values = [
            side.scores[name] * (1.0 if side.scores[name].mean() >= 0.0 else -1.0)
            for side in (self.replicates(key, config, part, splits) for key in (first, second))
        ]
        paired = Loss(one.value, one.resampled, _variance(values[0] - values[1]), one.seeds)
        return paired_difference(paired, Loss(other.value, other.resampled, 0.0, other.seeds))

    def bins(self, keys: Sequence[str], config: Config, part: Range, by: str) -> list[BinRow]:
        """Say which galaxies make the difference between the first method and the others.

        `by` is one of `EDGES`; galaxies of all splits are put together.
        """
        splits = [s for s in self.runs[keys[0]] if all(s in self.runs[key] for key in keys)]
        values = np.concatenate(
            [_values(self._tested(keys[0], config, part, s), by) for s in splits]
        )
        errors = {
            key: [_errors(self._tested(key, config, part, split)) for split in splits]
            for key in keys
        }
        square = {
            key: np.concatenate([np.square(dz).mean(axis=0) for dz in of_splits])
            for key, of_splits in errors.items()
        }
        edge = np.cumsum([dz.shape[1] for dz in errors[keys[0]]])[:-1]
        rows = []
        for one in cut(values, EDGES[by]):
            parts = np.split(one.members, edge)
            if not one.members.any():
                continue
            gaps = {key: square[keys[0]] - square[key] for key in keys[1:]}
            rows.append(
                BinRow(
                    one.low,
                    one.high,
                    float(one.members.sum()) / len(splits),
                    {key: _binned(errors[key], parts) for key in keys},
                    {key: float(gap[one.members].sum() / gap.sum()) for key, gap in gaps.items()},
                )
            )
        return rows

    def _tested(self, key: str, config: Config, part: Range, split: str) -> SetForecasts:
        whole = self.runs[key][split].forecasts[config]
        return whole.take(whole.ranges()[part])

    def seeds(self, key: str) -> int:
        """Return the fewest seeds that a method has on any split."""
        return min(run.entry.seeds for run in self.runs[key].values())


def _variance(values: Array) -> float:
    """Return that of the mean of values from splits; 0 of one, which tells nothing of others."""
    return float(values.var(ddof=1)) / values.size if values.size > 1 else 0.0


def _values(tested: SetForecasts, by: str) -> npt.NDArray[Any]:
    return tested.i_mag if by == "i" else tested.redshift


def _errors(tested: SetForecasts) -> Array:
    return normalised_error(tested.point, tested.redshift)


def _binned(errors: Sequence[Array], parts: Sequence[Mask]) -> dict[str, float]:
    """Score the galaxies of a bin, of all splits and seeds together."""
    dz = np.concatenate([one[:, rows].ravel() for one, rows in zip(errors, parts, strict=True)])
    return {
        "bias": float(np.median(dz)),
        "rmse": float(np.sqrt(np.square(dz).mean())),
    }
