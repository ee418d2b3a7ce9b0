"""Give the reference methods what they share: what to learn from, features, labels, a loss."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.tables import band_columns, error_name
from transferz.baselines.scores.metrics import loss, normalised_error
from transferz.schemas.errors import InputError

Floats = npt.NDArray[np.float64]

ALL = "transferz[methods]"
"""What to install for the libraries of all methods but those that fetch weights."""

ABSENT = -10.0
"""What stands for a missing value where trees take none: below all others, so that it is parted."""


class Deterministic:
    """A method without randomness: one fit is all, and no seed has an influence."""

    train = ""  # all that there is
    version = "1"
    deterministic = True


def require_bands(table: pd.DataFrame, names: Sequence[str], why: str, **options: str) -> None:
    """Raise an `InputError`, of these `options`, that says why unless the table has all columns."""
    if absent := [name for name in names if name not in table.columns]:
        raise InputError(f"{why}; the table lacks {', '.join(absent)}", **options)


def features(table: pd.DataFrame, bands: Sequence[str]) -> Floats:
    """Return magnitudes, and the colours of neighbouring bands, shape (N, 2 B - 1).

    AB magnitudes of the B columns `bands`, as in training, then the bluer less the redder of
    neighbours; NaN where one is missing. An `InputError` where a band is absent.
    """
    require_bands(table, bands, f"it was trained on {', '.join(bands)}")
    magnitudes = table[[*bands]].to_numpy(np.float64)
    return np.column_stack([magnitudes, -np.diff(magnitudes, axis=1)])


def complete_features(table: pd.DataFrame, bands: Sequence[str], method: str) -> Floats:
    """Return `features` of galaxies; an `InputError` for a method where a magnitude is missing."""
    values = features(table, bands)
    missing = ~np.isfinite(values[:, : len(bands)])
    if missing.any():
        where = ", ".join(np.array(bands)[missing.any(axis=0)])
        raise InputError(
            f"{method} must have every magnitude: {missing.any(axis=1).sum()} of {len(values)} "
            f"galaxies lack one, in {where}; drop them, or use gradient-boosted trees, which take "
            "missing magnitudes"
        )
    return values


class Inputs:
    """What the methods of other libraries learn from: magnitudes, all colours, and errors.

    Of B bands, in the order of the training table: AB magnitudes, the bluer less the redder of all
    pairs, and the magnitudes' errors where the training table has one for each band. A missing
    magnitude, its colours and its error are NaN.
    """

    def __init__(self, train: pd.DataFrame) -> None:
        self.bands = band_columns(train)
        errors = [error_name(band) for band in self.bands]
        self.errors = errors if set(errors) <= set(train.columns) else []

    def __call__(self, table: pd.DataFrame) -> Floats:
        """Return them, shape (N, F); an `InputError` where a column is absent."""
        names = [*self.bands, *self.errors]
        require_bands(table, names, f"it was trained on {', '.join(names)}")
        magnitudes, errors = (
            table[which].to_numpy(np.float64) for which in (self.bands, self.errors)
        )
        bluer, redder = np.triu_indices(len(self.bands), 1)
        return np.column_stack([magnitudes, magnitudes[:, bluer] - magnitudes[:, redder], errors])

    def filled(self, table: pd.DataFrame) -> Floats:
        """Return them, shape (N, F), with `ABSENT` for what is missing."""
        return np.nan_to_num(self(table), nan=ABSENT)


class Tuned:
    """A method that a library does, with settings that were chosen on validation sets.

    Attributes
    ----------
    package : str
        The library; an `InputError` says how to install it, by `install`.
    settings : dict
        Of the library's model; arguments of the constructor replace some.
    summary : str
        What the method is, to which its description adds the settings.
    """

    name: str
    package: str
    install = ALL
    settings: Mapping[str, Any]
    summary: str
    train = ""  # all that there is
    version = "1"

    def __init__(self, **settings: Any) -> None:
        self.library: Any = optional(self.package, self.name, self.install)
        self.settings = {**self.settings, **settings}
        told = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        self.description = f"{self.summary}; {told}"


def optional(package: str, method: str, install: str = ALL) -> ModuleType:
    """Import a library that one method needs; an `InputError` says what to install."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise InputError(
            f"{method} needs the package '{package}': pip install '{install}'"
        ) from None


def labels(table: pd.DataFrame) -> Floats:
    """Return redshifts to learn from, shape (N,); a copy, which PyTorch may write to."""
    return table["redshift"].to_numpy(np.float64, copy=True)


def scale(point: Floats) -> Floats:
    """Return what a forecast's error is measured in, shape (N,): positive for any forecast."""
    return 1.0 + np.maximum(point, 0.0)


def validation_loss(predicted: npt.ArrayLike, true: Floats) -> float:
    """Return what decides between settings: the network's own loss, Tanaka et al. 2018's."""
    return float(loss(normalised_error(predicted, true)))
