"""Score forecasts with a width: each galaxy, and many together.

A forecast is calibrated if its probability integral transforms (PITs), the CDFs at the true
redshifts, are uniform. `pit_ks`, `pit_cvm` and `pit_ad` say how far from that they are. Each takes
PITs, shape (..., N), and reduces the last axis. They are distances, which do not grow with N: not
the test statistics, which do. NaN where any PIT is NaN, and where N = 0.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import Distribution, blocks, per_row
from transferz.baselines.scores.probability.mixture import Samples

DENSITY_FLOOR = 1e-10
"""Least density in the log score, which is then at most 23.03 (our choice)."""

INTERVALS = MappingProxyType({"68": (0.16, 0.84), "90": (0.05, 0.95)})
"""Central intervals, by the quantiles at their ends."""

SIGMAS = 3.0
"""Half widths of the 68 % interval beyond which a point is an outlier."""

ENDS = ("low_68", "high_68", "low_90", "high_90")
"""Of the central intervals, in the order of `INTERVALS`."""

MOMENTS = MappingProxyType({"pdf_mean": "mean", "pdf_std": "std", "pdf_mode": "mode"})
"""What is kept of a density for n(z), and the method that a form tells it by, where it does."""

SUMMED = ("pit", "crps", "cde_loss", "log_score", *ENDS)
"""What `score_probability` sums up, in order."""

PER_GALAXY = (*SUMMED, *MOMENTS)
"""What `per_galaxy` finds, in order."""

ROW_WIDTH = 401
"""Values a galaxy that a block is cut by where a form does not tell (our choice)."""

BINS = 20
"""Of a histogram of PITs."""

PIT_FLOOR = 1e-6
"""PITs are held this far from 0 and 1 in Anderson and Darling's distance, which is infinite else:
a truth outside the forecast's support (our choice; what float32 still tells from 1)."""


def pit_ks(pit: npt.ArrayLike) -> Array:
    """Return Kolmogorov and Smirnov's D, the largest distance of the CDFs.

    Examples
    --------
    >>> float(pit_ks([0.25, 0.75]))
    0.25
    """
    ordered, rank = _ordered(pit)
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    above, below = (rank / rank.size - ordered), (ordered - (rank - 1.0) / rank.size)
    return np.maximum(above.max(axis=-1), below.max(axis=-1))


def pit_cvm(pit: npt.ArrayLike) -> Array:
    """Return Cramér and von Mises' ``W² / N``, ``∫ (F_N(u) - u)² du``.

    Examples
    --------
    >>> pit_cvm([0.25, 0.75]).round(4)
    np.float64(0.0208)
    """
    ordered, rank = _ordered(pit)
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    distance = ordered - (rank - 0.5) / rank.size
    return 1.0 / (12.0 * rank.size**2) + np.square(distance).mean(axis=-1)


def pit_ad(pit: npt.ArrayLike) -> Array:
    """Return Anderson and Darling's ``A² / N``, ``∫ (F_N(u) - u)² / (u (1 - u)) du``.

    PITs are clipped to [1e-6, 1 - 1e-6] first.

    Examples
    --------
    >>> pit_ad([0.25, 0.75]).round(4)
    np.float64(0.1247)
    """
    ordered, rank = _ordered(np.clip(pit, PIT_FLOOR, 1.0 - PIT_FLOOR))
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    weights = (2.0 * rank - 1.0) / rank.size
    logs = np.log(ordered) + np.log1p(-ordered[..., ::-1])
    return np.asarray(-1.0 - (weights * logs).mean(axis=-1))


def pit_histogram(pit: npt.ArrayLike, bins: int = BINS) -> Array:
    """Return the share of PITs in equal bins of [0, 1], shape (..., bins); 1 falls into the last.

    Those that are NaN are left out; NaN where all are.

    Examples
    --------
    >>> pit_histogram([0.1, 0.2, 0.9, 1.0], bins=2)
    array([0.5, 0.5])
    """
    values = np.asarray(pit, np.float64)
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    given = ~np.isnan(rows)
    place = np.clip(np.where(given, rows, 0.0) * bins, 0, bins - 1).astype(np.int64)
    place += bins * np.arange(len(rows))[:, None]
    counts = np.bincount(place[given], minlength=bins * len(rows)).reshape(-1, bins)
    total = given.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return shares.reshape(*values.shape[:-1], bins)


def _ordered(pit: npt.ArrayLike) -> tuple[Array, Array]:
    """Return PITs in order, NaN throughout where there is any, and ranks from 1, shape (N,)."""
    ordered = np.sort(np.asarray(pit, np.float64), axis=-1)
    if ordered.shape[-1]:
        ordered = np.where(np.isnan(ordered[..., -1:]), np.nan, ordered)
    return ordered, np.arange(1.0, ordered.shape[-1] + 1.0)


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


def per_galaxy(
    distribution: Distribution, redshift: npt.ArrayLike, keys: npt.ArrayLike | None = None
) -> dict[str, Array]:
    """Score each galaxy's forecast.

    Parameters
    ----------
    distribution : Distribution
        Of N galaxies.
    redshift : array_like, shape (N,)
        True redshifts; a `ValueError` where there is not one per galaxy.
    keys : array_like of int, shape (N,), optional
        What tells galaxies, such as ids: it seeds the PIT of samples; row numbers by default.

    Returns
    -------
    dict
        Each of `PER_GALAXY`, shape (N,):

        - ``pit``: the CDF at the true redshift (for samples, see `Samples.pit`);
        - ``crps``: continuous ranked probability score (Matheson & Winkler 1976), in redshift;
        - ``cde_loss``: ``∫ p² dz - 2 p(z_true)`` (Izbicki & Lee 2017);
        - ``log_score``: ``-ln max(p(z_true), 1e-10)``;
        - ``low_68, high_68, low_90, high_90``: ends of the central intervals, redshifts;
        - ``pdf_mean, pdf_std, pdf_mode``: the density's mean and standard deviation, and of one on
          a grid the mode, redshifts.

        NaN where the true redshift or the forecast is NaN, or its form cannot say.

    Examples
    --------
    >>> from transferz.baselines.scores.probability import Quantiles, per_galaxy
    >>> forecast = Quantiles([0.05, 0.25, 0.5, 0.75, 0.95], [[0.4, 0.5, 0.6, 0.7, 0.8]])
    >>> per_galaxy(forecast, [0.55])["pit"]
    array([0.375])
    """
    true = per_row(redshift, len(distribution))
    keys = np.arange(len(distribution)) if keys is None else np.asarray(keys)
    levels = [level for ends in INTERVALS.values() for level in ends]
    scores = {name: np.empty(len(distribution)) for name in PER_GALAXY}
    for rows, part in blocks(distribution, ROW_WIDTH):
        density = part.density(true[rows])
        if isinstance(part, Samples):  # they have a rank rather than a place on a CDF
            scores["pit"][rows] = part.pit(true[rows], keys[rows])
        else:
            scores["pit"][rows] = part.cdf(true[rows])
        scores["crps"][rows] = part.crps(true[rows])
        scores["cde_loss"][rows] = part.square_integral() - 2.0 * density
        scores["log_score"][rows] = -np.log(np.maximum(density, DENSITY_FLOOR))
        for name, end in zip(ENDS, part.quantiles(levels).T, strict=True):
            scores[name][rows] = end
        known = np.where(np.isnan(true[rows]), np.nan, 0.0)
        for name, asked in MOMENTS.items():
            told = getattr(part, asked, None)
            scores[name][rows] = known + (told() if callable(told) else np.nan)
    return scores


def missing_forecasts(
    distribution: Distribution, scores: Mapping[str, Array]
) -> npt.NDArray[np.bool_]:
    """Return which galaxies have no forecast, shape (N,); `scores` are those of `per_galaxy`.

    A form that does not say which are `missing` has none where nothing is known of it.
    """
    missing: npt.NDArray[np.bool_] | None = getattr(distribution, "missing", None)
    return np.all(np.isnan(list(scores.values())), axis=0) if missing is None else missing


def score_probability(
    columns: Mapping[str, npt.ArrayLike], redshift: npt.ArrayLike, point: npt.ArrayLike
) -> dict[str, Array]:
    """Sum up many galaxies, for several seeds at once.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (..., N)
        What `per_galaxy` found, those of `SUMMED`; one that is absent counts as NaN.
    redshift, point : array_like, shapes (N,) and (..., N)
        True redshifts and point forecasts; a `ValueError` where the last axes differ.

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

    Examples
    --------
    >>> from transferz.baselines.scores.probability import GaussianMixture
    >>> forecast = GaussianMixture([[1.0]], means=[[0.5]], sigmas=[[0.1]])
    >>> scores = score_probability(per_galaxy(forecast, [0.55]), [0.55], [0.5])
    >>> scores["crps"].round(4), float(scores["coverage_68"])
    (np.float64(0.0331), 1.0)
    """
    points, true = np.asarray(point, np.float64), np.asarray(redshift, np.float64)
    if true.ndim != 1 or points.shape[-1:] != true.shape:
        raise ValueError(f"point (..., N) and redshift (N,) differ: {points.shape}, {true.shape}")
    absent = np.broadcast_to(np.nan, points.shape)
    given = {name: np.asarray(columns.get(name, absent), np.float64) for name in SUMMED}
    for name, values in given.items():
        if values.shape != points.shape:
            shapes = f"expected shape {points.shape}, as of point; found {values.shape}"
            raise ValueError(f"{name}: {shapes}")
    if not points.size:
        return {name: np.full(points.shape[:-1], np.nan) for name in PROBABILITY_METRICS}
    scores = {name: given[name].mean(axis=-1) for name in MEANS}
    scores |= {name: distance(given["pit"]) for name, distance in UNIFORMITY.items()}
    for share in INTERVALS:
        low, high = given[f"low_{share}"], given[f"high_{share}"]
        scores[f"coverage_{share}"] = _rate((low <= true) & (true <= high), low + high + true)
        scores[f"width_{share}"] = (high - low).mean(axis=-1)
    sigma = (given["high_68"] - given["low_68"]) / 2.0
    beyond = np.abs(points - true)
    scores["outlier_rate_3sigma_width"] = _rate(beyond > SIGMAS * sigma, beyond + sigma)
    return {name: np.asarray(scores[name]) for name in PROBABILITY_METRICS}


def _rate(chosen: npt.NDArray[np.bool_], values: Array) -> Array:
    """Return the share of the chosen over the last axis, NaN where any value compared is NaN."""
    return np.where(np.isnan(values).any(axis=-1), np.nan, chosen.mean(axis=-1))
