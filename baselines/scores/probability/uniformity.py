"""How far probability integral transforms (PITs) are from the uniform of a calibrated forecast.

Each takes PITs, shape (..., N), and reduces the last axis. They are distances, which do not grow
with N: not the test statistics, which do. NaN where any PIT is NaN, and where N = 0.
"""

import math

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.residuals import Array

BINS = 20

PIT_FLOOR = 1e-6
"""PITs are held this far from 0 and 1 in Anderson and Darling's distance, which is infinite else:
a truth outside the forecast's support (our choice; what float32 still tells from 1)."""


def pit_ks(pit: npt.ArrayLike) -> Array:
    """Kolmogorov and Smirnov's D, the largest distance of the CDFs."""
    ordered, rank = _ordered(pit)
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    above, below = (rank / rank.size - ordered), (ordered - (rank - 1.0) / rank.size)
    return np.maximum(above.max(axis=-1), below.max(axis=-1))


def pit_cvm(pit: npt.ArrayLike) -> Array:
    """Cramér and von Mises' ``W² / N``, ``∫ (F_N(u) - u)² du``."""
    ordered, rank = _ordered(pit)
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    distance = ordered - (rank - 0.5) / rank.size
    return 1.0 / (12.0 * rank.size**2) + np.square(distance).mean(axis=-1)


def pit_ad(pit: npt.ArrayLike) -> Array:
    """Anderson and Darling's ``A² / N``, ``∫ (F_N(u) - u)² / (u (1 - u)) du``.

    PITs are clipped to [1e-6, 1 - 1e-6] first.
    """
    ordered, rank = _ordered(np.clip(pit, PIT_FLOOR, 1.0 - PIT_FLOOR))
    if not rank.size:
        return np.full(ordered.shape[:-1], np.nan)
    weights = (2.0 * rank - 1.0) / rank.size
    logs = np.log(ordered) + np.log1p(-ordered[..., ::-1])
    return np.asarray(-1.0 - (weights * logs).mean(axis=-1))


def pit_histogram(pit: npt.ArrayLike, bins: int = BINS) -> Array:
    """Share of PITs in equal bins of [0, 1], shape (..., bins); 1 falls into the last.

    Those that are NaN are left out; NaN where all are.
    """
    values = np.asarray(pit, np.float64)
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    known = ~np.isnan(rows)
    place = np.clip(np.where(known, rows, 0.0) * bins, 0, bins - 1).astype(np.int64)
    place += bins * np.arange(len(rows))[:, None]
    counts = np.bincount(place[known], minlength=bins * len(rows)).reshape(-1, bins)
    total = known.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return shares.reshape(*values.shape[:-1], bins)


def _ordered(pit: npt.ArrayLike) -> tuple[Array, Array]:
    """PITs in order, NaN throughout where there is any, and ranks from 1, shape (N,)."""
    ordered = np.sort(np.asarray(pit, np.float64), axis=-1)
    if ordered.shape[-1]:
        ordered = np.where(np.isnan(ordered[..., -1:]), np.nan, ordered)
    return ordered, np.arange(1.0, ordered.shape[-1] + 1.0)
