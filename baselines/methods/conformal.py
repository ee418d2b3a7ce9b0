"""Put split conformal intervals around the point forecasts of any method.

The method is trained as ever; galaxies that it has not learned from, the calibration set, tell how
far its forecasts lie from the truth. If a new galaxy is exchangeable with those, as drawn from the
same population, its redshift lies in the interval with at least the probability that is asked for,
whatever the method and however few the galaxies (Papadopoulos et al. 2002; Lei et al. 2018, JASA
113, 1094, theorem 2.2; for photo-z: arXiv:2601.17222). For galaxies of another population nothing
is promised.

To put intervals around a method of one's own::

    class MineConformal(SplitConformal):
        around = Mine
"""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.checking import as_prediction
from transferz.baselines.benchmark.tables import I_BANDS, band_columns, photometry
from transferz.baselines.methods.common import Floats, labels, scale
from transferz.baselines.scores.binning import I_MAGNITUDE_EDGES
from transferz.baselines.scores.probability import Prediction
from transferz.baselines.scores.probability.scores import INTERVALS
from transferz.schemas.errors import InputError

CITATION = "Lei et al. 2018, JASA 113, 1094; arXiv:2601.17222"

LEVELS = tuple(sorted(level for ends in INTERVALS.values() for level in ends))
SHARES = tuple(high - low for low, high in zip(LEVELS, LEVELS[::-1], strict=True) if low < high)
"""Probabilities of the central intervals, widest first, between the `LEVELS` at their ends."""

FEWEST = 200
"""Calibration galaxies of a magnitude bin at least; sparser ones are merged (our choice)."""


class SplitConformal:
    """Intervals ``z_pred ± q (1 + z_pred)``, q from a calibration set.

    ``abs(z - z_pred) / (1 + z_pred)`` is a galaxy's score: errors of photo-z grow as 1 + z, and the
    truth's is unknown in a forecast (our choice; z_pred below 0 counts as 0 there). q is the k-th
    smallest score of the n calibration galaxies, ``k = ceil((n + 1) (1 - a))`` for the probability
    1 - a. The lower end may lie below redshift 0.

    Attributes
    ----------
    around : type
        The method: a class as the benchmark takes it. A subclass sets it; what the method says of
        its own distribution is ignored, and so is its own `calibrate`.
    """

    around: type[Any]
    train = ""  # all that there is
    version = "1"
    citation = CITATION

    def __init_subclass__(cls, **options: Any) -> None:
        """Learn from what the method learns from, and as it does, unless the subclass differs."""
        super().__init_subclass__(**options)
        if "around" not in cls.__dict__:
            return
        for name in ("train", "deterministic", "missing_magnitudes", "trial"):
            if name not in cls.__dict__ and hasattr(cls.around, name):
                setattr(cls, name, getattr(cls.around, name))
        if not hasattr(cls.around, "fit_seeds"):
            cls.fit_seeds = None  # type: ignore[assignment, method-assign]

    def __init__(self, method: Any = None) -> None:
        self.method = self.around() if method is None else method
        self.reach: Floats | None = None  # (categories, SHARES)

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train the method."""
        self.method.fit(train, validation, seed=seed)
        return self

    def fit_seeds(
        self, train: pd.DataFrame, validation: pd.DataFrame, *, seeds: Sequence[int]
    ) -> list[Self]:
        """Train the method with all seeds at once; only there if it can do that."""
        fitted = self.method.fit_seeds(train, validation, seeds=seeds)
        return [type(self)(method) for method in fitted]

    def calibrate(self, calibration: pd.DataFrame) -> None:
        """Find how far the intervals reach, from galaxies that the method has not learned from.

        Those that it has no forecast for are left out. An `InputError` says where they are too few
        for the probabilities that are asked for.
        """
        point = points(self.method, calibration)
        score = np.abs(labels(calibration) - point) / scale(point)
        category, forecast = self.categories(calibration), np.isfinite(score)
        self.reach = np.array(
            [
                [conformal_quantile(score[forecast & (category == k)], share) for share in SHARES]
                for k in range(category.max(initial=0) + 1)
            ]
        )

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast the method's point and the intervals' ends, as quantiles, once calibrated."""
        if self.reach is None:
            raise InputError(f"{type(self).__name__} has no intervals before it is calibrated")
        point = points(self.method, table)
        half = self.reach[self.categories(table)] * scale(point)[:, None]
        ends = np.column_stack([point[:, None] - half, point[:, None] + half[:, ::-1]])
        return Prediction(point, levels=LEVELS, quantiles=ends)

    def categories(self, table: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Number the calibration galaxies that each is compared with, shape (N,): here all."""
        return np.zeros(len(table), np.int64)


class SplitConformalByMagnitude(SplitConformal):
    """Split conformal intervals in bins of i magnitude, each calibrated by its own galaxies.

    The promise then holds in every bin (Mondrian conformal prediction: Vovk, Gammerman & Shafer
    2005), where else bright galaxies pay for the faint. A bin with fewer than `FEWEST` calibration
    galaxies is merged with the next fainter one, the last with that before. A galaxy without i
    magnitude counts as of the faintest bin.
    """

    def __init__(self, method: Any = None) -> None:
        super().__init__(method)
        self.edges: Floats = np.empty(0)

    def calibrate(self, calibration: pd.DataFrame) -> None:
        """Find the bins, and how far the intervals reach in each; as `SplitConformal`'s."""
        edges = np.array(I_MAGNITUDE_EDGES)
        bins = np.searchsorted(edges, i_magnitudes(calibration))
        self.edges = merge_sparse(edges, np.bincount(bins, minlength=edges.size + 1), FEWEST)
        super().calibrate(calibration)

    def categories(self, table: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Number each galaxy's bin, shape (N,), bright to faint; closed at the faint end."""
        return np.searchsorted(self.edges, i_magnitudes(table)).astype(np.int64)


def points(method: Any, table: pd.DataFrame) -> Floats:
    """Return a method's points, shape (N,), in the table's order; it is shown no label."""
    made = method.predict(photometry(table, band_columns(table)))
    prediction = as_prediction(made, f"{type(method).__name__}: predict")
    ids = prediction.galaxies(table["object_id"].to_numpy(np.int64))
    if ids is None:
        return np.asarray(prediction.point, np.float64)
    return pd.Series(prediction.point, index=ids).reindex(table["object_id"]).to_numpy(np.float64)


def conformal_quantile(scores: Floats, share: float) -> float:
    """Return what a new score does not exceed with at least the probability `share`.

    The ``ceil((n + 1) share)``-th smallest of n; an `InputError` where that is more than n.
    """
    rank = math.ceil(round((scores.size + 1) * share, 9))  # 0.9 x 10 is 9, not a little more
    if rank > scores.size:
        raise InputError(
            f"{scores.size} calibration galaxies are too few for intervals of {share:.0%}: "
            f"at least {math.ceil(round(share / (1.0 - share), 9))} are needed"
        )
    return float(np.partition(scores, rank - 1)[rank - 1])


def merge_sparse(edges: Floats, counts: npt.NDArray[np.int64], least: int) -> Floats:
    """Keep those edges, of E between E + 1 bins, that leave `least` galaxies or more in each bin.

    Without any edge left there is a single bin, however few its galaxies.
    """
    kept, held = [], 0
    for edge, count in zip(edges, counts, strict=False):  # the last bin has no upper edge
        held += count
        if held >= least:
            kept.append(edge)
            held = 0
    return np.array(kept[:-1] if held + counts[-1] < least else kept)


def i_magnitudes(table: pd.DataFrame) -> Floats:
    """Return i magnitudes, shape (N,); raise an `InputError` where there is no such column."""
    for name in I_BANDS:
        if name in table.columns:
            return table[name].to_numpy(np.float64)
    raise InputError(
        f"bins of magnitude need an i band, {' or '.join(I_BANDS)}; found {[*table.columns]}"
    )
