"""Forecast quantiles with TabPFN and TabICL, networks that learned from tables that were made up.

They were trained once, by their authors, to tell a table's missing label from its other rows. Here
nothing is trained: each forecast reads the training galaxies anew. Their weights are not part of
their packages: these fetch them from huggingface.co at the first fit.
"""

import sys
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.methods.common import Floats, Inputs, Tuned, labels
from transferz.baselines.methods.tabular import LEAST_GAP
from transferz.baselines.methods.trees import LEVELS, MIDDLE, spread
from transferz.baselines.scores.probability import Prediction
from transferz.schemas.errors import InputError

READ = 5000
"""Training galaxies that a forecast reads, drawn by the seed (our choice)."""

AT_ONCE = 1000
"""Galaxies that are forecast at once; all the training galaxies are read for each such chunk."""


class InContext(Tuned):
    """A network that reads training galaxies when it forecasts, of a library that a subclass names.

    It forecasts `LEVELS` quantiles of log(1 + z). Its settings are the library's; ``model_path`` is
    a file of weights, which are fetched where there is none.
    """

    missing_magnitudes = True
    weights: str

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Draw the galaxies to read; the validation set is not used.

        An `InputError` where the weights can't be fetched.
        """
        self.inputs = Inputs(train)
        rows = np.random.default_rng(seed).permutation(len(train))[:READ]
        read = train.iloc[rows]
        self.model = self.regressor(seed)
        if "model_path" not in self.settings:
            _announce(self.name, self.weights)
        try:
            self.model.fit(self.inputs(read), np.log1p(labels(read)))
        except Exception as error:  # the packages have errors of their own for it
            if "model_path" in self.settings:
                raise
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{self.name} has no weights ({reason}); its package fetches them from "
                f"{self.weights}: see there, or fetch them by hand and give model_path=FILE",
                model_path="--set model_path=",
            ) from error
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast quantiles and their median for each galaxy."""
        if table.empty:
            return Prediction(np.empty(0))
        values = self.inputs(table)
        parts = np.array_split(values, -(-len(values) // AT_ONCE))
        found = np.concatenate([self.quantiles(part) for part in parts])
        quantiles = spread(np.expm1(found.astype(np.float64)), LEAST_GAP)
        return Prediction(quantiles[:, MIDDLE], levels=LEVELS, quantiles=quantiles)

    def regressor(self, seed: int) -> Any:
        """Return the library's regressor."""
        raise NotImplementedError

    def quantiles(self, values: Floats) -> npt.NDArray[np.floating[Any]]:
        """Return quantiles of log(1 + z), shape (N, 11), of features (N, F)."""
        raise NotImplementedError


@cache
def _announce(name: str, source: str) -> None:
    """Say, once, where weights come from."""
    sys.stderr.write(f"{name}: weights that are not on this machine are fetched from {source}\n")


class TabPFN(InContext):
    """TabPFN, by its authors' package, which asks for their licence to be accepted."""

    name = "TabPFN"
    package = install = "tabpfn"
    weights = "huggingface.co/Prior-Labs, which asks to accept a licence"
    citation = "Hollmann et al. 2025, Nature 637, 319 (TabPFN)"
    summary = f"In-context learning from {READ} training galaxies; fetches weights"
    settings = MappingProxyType({"n_estimators": 8})

    def regressor(self, seed: int) -> Any:
        """Return TabPFN's regressor."""
        return self.library.TabPFNRegressor(
            random_state=seed, ignore_pretraining_limits=True, **self.settings
        )

    def quantiles(self, values: Floats) -> npt.NDArray[np.floating[Any]]:
        """Return quantiles of log(1 + z), shape (N, 11), of features (N, F)."""
        found = self.model.predict(values, output_type="quantiles", quantiles=[*LEVELS])
        return np.column_stack(found)


class TabICL(InContext):
    """TabICL, by its authors' package."""

    name = "TabICL"
    package = install = "tabicl"
    weights = "huggingface.co/jingang/TabICL"
    citation = "Qu et al. 2025, TabICL, ICML, arXiv:2502.05564"
    summary = f"In-context learning from {READ} training galaxies; fetches weights"
    settings = MappingProxyType({"n_estimators": 8})

    def regressor(self, seed: int) -> Any:
        """Return TabICL's regressor."""
        return self.library.TabICLRegressor(random_state=seed, **self.settings)

    def quantiles(self, values: Floats) -> npt.NDArray[np.floating[Any]]:
        """Return quantiles of log(1 + z), shape (N, 11), of features (N, F)."""
        found = self.model.predict(values, output_type="quantiles", alphas=[*LEVELS])
        return np.asarray(found)
