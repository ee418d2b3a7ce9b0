"""What a baseline's scores are: the shape of ``scores.json`` and of the checked results.

Made by `transferz.baselines.scores.evaluation`, which says what every number means.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from transferz.schemas.benchmark.records import Record

Config = Literal["transferz", "galaxiesml", "combo", "truth"]
Metric = Literal[
    "bias",
    "scatter",
    "outlier_rate",
    "rmse",
    "loss",
    "bias_biweight",
    "scatter_biweight",
    "outlier_rate_biweight",
    "outlier_rate_3sigma",
    "mse",
    "catastrophic_rate",
]
Range = Literal["all", "cosmological", "lsst"]
Requirement = Literal["bias", "scatter", "outlier_rate_3sigma"]
Binning = Literal["true_redshift", "predicted_redshift", "i", "g-i"]

COSMOLOGICAL: Range = "cosmological"
"""0.3 < z_true <= 1.5: the range that tables and figures show."""

TESTED: tuple[Config, ...] = ("galaxiesml", "transferz")
"""The configs whose test splits every baseline is scored on, in the order of tables."""

Count = Annotated[int, Field(ge=0)]


class Summary(Record):
    """A metric's mean and spread over seeds; None where there is no number.

    Attributes
    ----------
    mean, spread : float or None
        Over seeds; the standard deviation has ddof 1.
    error : float or None
        Bootstrap error of the mean, over galaxies.
    seeds : tuple of float, or None
        Of every seed, where they are kept.
    """

    mean: float | None
    spread: float | None
    error: float | None = None
    seeds: tuple[float | None, ...] | None = None


class Verdict(Record):
    """Whether a requirement of LSST's is met; `sure` where its error does not decide."""

    value: float | None
    limit: float
    met: bool
    error: float | None
    sure: bool


class RangeScores(Record):
    """All metrics of the galaxies in a range."""

    n: Count
    metrics: dict[Metric, Summary]
    requirements: dict[Requirement, Verdict]


class Difference(Record):
    """Score against the label less that against the truth, with its paired bootstrap error."""

    mean: float | None
    error: float | None


class TruthScores(Record):
    """Scores against the truth, of the same galaxies."""

    n: Count
    metrics: dict[Metric, Summary]
    difference: dict[Metric, Difference]


class Bin(Record):
    """Scores of the galaxies in a bin; None where they are too few."""

    low: float | None = Field(alias="from")
    high: float | None = Field(alias="to")
    middle: float | None = None
    n: Count
    metrics: dict[Metric, Summary | None] | None


class SetScores(Record):
    """Scores on one test split, of `n` galaxies."""

    n: Count
    ranges: dict[Range, RangeScores]
    truth: dict[Range, TruthScores] | None = None
    bins: dict[Binning, tuple[Bin, ...]]

    @model_validator(mode="after")
    def _ranges_are_parts(self) -> Self:
        if COSMOLOGICAL not in self.ranges:
            raise ValueError(f"range '{COSMOLOGICAL}' is missing")
        for name, one in self.ranges.items():
            if one.n > self.n:
                raise ValueError(f"range '{name}' has {one.n} of {self.n} galaxies")
        return self

    @property
    def cosmological(self) -> RangeScores:
        """Scores at 0.3 < z_true <= 1.5."""
        return self.ranges[COSMOLOGICAL]

    def summaries(self) -> Iterator[Summary]:
        """All that is summed up over seeds."""
        found = [one.metrics for one in self.ranges.values()]
        found += [one.metrics for one in (self.truth or {}).values()]
        for metrics in found:
            yield from metrics.values()


class Scores(Record):
    """A baseline's ``scores.json``."""

    method: str
    seeds: int = Field(ge=1)
    sets: dict[Config, SetScores] = Field(min_length=1)

    @model_validator(mode="after")
    def _seeds_agree(self) -> Self:
        require_seeds(self.sets, self.seeds)
        return self


def require_seeds(sets: dict[Config, SetScores], seeds: int) -> None:
    """Raise ValueError where a set keeps the scores of another number of seeds."""
    for name, one in sets.items():
        kept = {len(summary.seeds) for summary in one.summaries() if summary.seeds is not None}
        if kept - {seeds}:
            raise ValueError(f"set '{name}' has scores of {max(kept)} seeds, expected {seeds}")
