"""Give the reference methods what they share: what to learn from, features, labels, a loss."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.scores.metrics import loss, normalised_error
from transferz.schemas.errors import InputError

Floats = npt.NDArray[np.float64]


class Deterministic:
    """A method without randomness: one fit is all, and no seed has an influence."""

    train = ""  # all that there is
    version = "1"
    deterministic = True


def require_bands(table: pd.DataFrame, names: Sequence[str], why: str) -> None:
    """Raise an `InputError` that says why, unless the table has all these columns."""
    if absent := [name for name in names if name not in table.columns]:
        raise InputError(f"{why}; the table lacks {', '.join(absent)}")


def features(table: pd.DataFrame, bands: Sequence[str]) -> Floats:
    """Return magnitudes, and the colours of neighbouring bands, shape (N, 2 B - 1).

    AB magnitudes of the B columns `bands`, as in training, then the bluer less the redder of
    neighbours; NaN where one is missing. An `InputError` where a band is absent.
    """
    require_bands(table, bands, f"it was trained on {', '.join(bands)}")
    magnitudes = table[[*bands]].to_numpy(np.float64)
    return np.column_stack([magnitudes, -np.diff(magnitudes, axis=1)])


def labels(table: pd.DataFrame) -> Floats:
    """Return redshifts to learn from, shape (N,); a copy, which PyTorch may write to."""
    return table["redshift"].to_numpy(np.float64, copy=True)


def scale(point: Floats) -> Floats:
    """Return what a forecast's error is measured in, shape (N,): positive for any forecast."""
    return 1.0 + np.maximum(point, 0.0)


def validation_loss(predicted: npt.ArrayLike, true: Floats) -> float:
    """Return what decides between settings: the network's own loss, Tanaka et al. 2018's."""
    return float(loss(normalised_error(predicted, true)))
