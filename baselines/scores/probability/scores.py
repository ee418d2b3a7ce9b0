"""Scores of forecasts with a width: of each galaxy, and of many."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.probability.distribution import Distribution, blocks, per_row
from transferz.baselines.scores.probability.uniformity import pit_ad, pit_cvm, pit_ks
from transferz.baselines.scores.residuals import Array

DENSITY_FLOOR = 1e-10
"""Least density in the log score, which is then at most 23.03 (our choice)."""

INTERVALS = MappingProxyType({"68": (0.16, 0.84), "90": (0.05, 0.95)})
"""Central intervals, by the quantiles at their ends."""

SIGMAS = 3.0
"""Half widths of the 68 % interval beyond which a point is an outlier."""

PER_GALAXY = ("pit", "crps", "cde_loss", "log_score", "low_68", "high_68", "low_90", "high_90")
"""What `per_galaxy` finds, in order."""

MEANS = ("crps", "cde_loss", "log_score")
UNIFORMITY: MappingProxyType[str, Callable[[npt.ArrayLike], Array]] = MappingProxyType(
    {"pit_ks": pit_ks, "pit_cvm": pit_cvm, "pit_ad": pit_ad}
)

PROBABILITY_METRICS = (
    *MEANS,
    *UNIFORMITY,
    *(f"coverage_{share}" for share in INTERVALS),
    *(f"width_{share}" for share in INTERVALS),
    "outlier_rate_3sigma_width",
)
"""What `score_probability` finds, in order."""

ROW_WIDTH = 401
"""Values a galaxy that a block is cut by where a form does not tell (our choice)."""


def per_galaxy(distribution: Distribution, redshift: npt.ArrayLike) -> dict[str, Array]:
    """Score each galaxy's forecast.

    Parameters
    ----------
    distribution : Distribution
        Of N galaxies.
    redshift : array_like, shape (N,)
        True redshifts.

    Returns
    -------
    dict
        Each of `PER_GALAXY`, shape (N,):

        - ``pit``: the CDF at the true redshift (for samples, see `Samples.pit`);
        - ``crps``: continuous ranked probability score (Matheson & Winkler 1976), in redshift;
        - ``cde_loss``: ``∫ p² dz - 2 p(z_true)`` (Izbicki & Lee 2017);
        - ``log_score``: ``-ln max(p(z_true), 1e-10)``;
        - ``low_68, high_68, low_90, high_90``: ends of the central intervals, redshifts.

        NaN where the true redshift or the forecast is NaN, or its form cannot say.

    Raises
    ------
    ValueError
        Where there is not one redshift per galaxy.
    """
    true = per_row(redshift, len(distribution))
    found = {name: np.empty(len(distribution)) for name in PER_GALAXY}
    for rows, part in blocks(distribution, ROW_WIDTH):
        for name, values in _score_block(part, true[rows]).items():
            found[name][rows] = values
    return found


def _score_block(part: Distribution, true: Array) -> dict[str, Array]:
    density = part.density(true)
    levels = [level for ends in INTERVALS.values() for level in ends]
    ends = part.quantiles(levels)
    pit = getattr(part, "pit", part.cdf)  # samples have a rank rather than a place on a CDF
    return {
        "pit": pit(true),
        "crps": part.crps(true),
        "cde_loss": part.square_integral() - 2.0 * density,
        "log_score": -np.log(np.maximum(density, DENSITY_FLOOR)),
        **dict(zip(PER_GALAXY[-len(levels) :], ends.T, strict=True)),
    }


def score_probability(
    columns: Mapping[str, npt.ArrayLike], redshift: npt.ArrayLike, point: npt.ArrayLike
) -> dict[str, Array]:
    """Sum up many galaxies, for several seeds at once.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (..., N)
        What `per_galaxy` found; one that is absent counts as NaN.
    redshift : array_like, shape (N,)
        True redshifts.
    point : array_like, shape (..., N)
        Point forecasts.

    Returns
    -------
    dict
        Each of `PROBABILITY_METRICS`, of the leading shape:

        - ``crps, cde_loss, log_score``: means;
        - ``pit_ks, pit_cvm, pit_ad``: distances of the PITs from uniform, see `pit_ks` and so on;
        - ``coverage_68, coverage_90``: shares of true redshifts in the intervals, ends included;
        - ``width_68, width_90``: mean widths, in redshift;
        - ``outlier_rate_3sigma_width``: ``mean(abs(z_pred - z_true) > 3 σ)``, σ half the width of
          the 68 % interval (our choice).

        NaN for a row (a seed) of which any galaxy is NaN, and where N = 0: no metric counts a
        missing forecast as a good one.

    Raises
    ------
    ValueError
        Where the last axes differ.
    """
    points, true = np.asarray(point, np.float64), np.asarray(redshift, np.float64)
    if true.ndim != 1 or points.shape[-1:] != true.shape:
        raise ValueError(f"point (..., N) and redshift (N,) differ: {points.shape}, {true.shape}")
    known = _complete(columns, points.shape)
    if not points.size:
        return {name: np.full(points.shape[:-1], np.nan) for name in PROBABILITY_METRICS}
    scores = {name: known[name].mean(axis=-1) for name in MEANS}
    scores |= {name: distance(known["pit"]) for name, distance in UNIFORMITY.items()}
    for share in INTERVALS:
        low, high = known[f"low_{share}"], known[f"high_{share}"]
        scores[f"coverage_{share}"] = _rate((low <= true) & (true <= high), low + high + true)
        scores[f"width_{share}"] = (high - low).mean(axis=-1)
    sigma = (known["high_68"] - known["low_68"]) / 2.0
    beyond = np.abs(points - true)
    scores["outlier_rate_3sigma_width"] = _rate(beyond > SIGMAS * sigma, beyond + sigma)
    return {name: np.asarray(scores[name]) for name in PROBABILITY_METRICS}


def _complete(columns: Mapping[str, npt.ArrayLike], shape: tuple[int, ...]) -> dict[str, Array]:
    """All of `PER_GALAXY` in float64; raise where a shape differs from the points'."""
    absent = np.broadcast_to(np.nan, shape)
    known = {name: np.asarray(columns.get(name, absent), np.float64) for name in PER_GALAXY}
    for name, values in known.items():
        if values.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, as of point; found {values.shape}")
    return known


def _rate(chosen: npt.NDArray[np.bool_], values: Array) -> Array:
    """Share of the chosen over the last axis, NaN where any of the values compared is NaN."""
    return np.where(np.isnan(values).any(axis=-1), np.nan, chosen.mean(axis=-1))
