"""Forecast quantiles with networks made for tables: TabM and RealMLP, TabPFN and TabICL.

The last two were trained once, by their authors, to tell a table's missing label from its other
rows. Here nothing is trained: each forecast reads the training galaxies anew. Their weights are not
part of their packages: these fetch them from huggingface.co at the first fit.
"""

import sys
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.preprocessing import QuantileTransformer
from torch import nn

from transferz.baselines.methods.common import (
    Floats,
    Inputs,
    Tuned,
    complete_features,
    labels,
    optional,
)
from transferz.baselines.methods.trees import LEVELS, MIDDLE, spread
from transferz.baselines.scores.probability import Prediction
from transferz.schemas.errors import InputError

MEMBERS, BLOCKS, WIDTH, BINS = 16, 2, 128, 32
RATE, DECAY, BATCH, MAX_EPOCHS, PATIENCE = 2e-3, 3e-4, 256, 100, 12
EPOCHS = 64
"""Of RealMLP, whose learning rate falls to 0 in them; its authors' are 256 (our choice)."""

LEAST_GAP = 0.0005
"""Of neighbouring quantiles, in units of 1 + z (our choice)."""

READ = 5000
"""Training galaxies that a forecast reads, drawn by the seed (our choice)."""

AT_ONCE = 1000
"""Galaxies that are forecast at once; all the training galaxies are read for each such chunk."""


class TabM:
    """TabM with quantiles as output: 16 networks that share most weights.

    Each learns `LEVELS` quantiles of log(1 + z) by the pinball loss; the forecast is their mean, of
    the epoch with the least loss on the validation set.
    """

    name = "TabM"
    train = ""  # all that there is
    version = "1"
    missing_magnitudes = True
    citation = "Gorishniy et al. 2025, TabM, ICLR, arXiv:2410.24210"
    description = (
        f"{MEMBERS} networks of {BLOCKS} x {WIDTH} units with shared weights, 11 quantiles"
    )

    def __init__(self) -> None:
        self.library = optional("tabm", self.name)

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train on log(1 + z) until the validation loss no longer falls."""
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.inputs = Inputs(train)
        values = self.inputs(train)
        self.varying = np.nanmin(values, axis=0) < np.nanmax(values, axis=0)
        self.scaler = QuantileTransformer(
            n_quantiles=min(1000, len(train)), output_distribution="normal", random_state=0
        ).fit(values[:, self.varying])
        learned, held_out = self._tensor(train), self._tensor(validation)
        target, true = (torch.tensor(np.log1p(labels(t))).float() for t in (train, validation))
        self.centre, self.width = target.mean(), target.std()
        target, true = ((t - self.centre) / self.width for t in (target, true))
        self.network = self._network(learned)
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=RATE, weight_decay=DECAY)
        best, since = float("inf"), 0
        for _ in range(MAX_EPOCHS):
            self.network.train()
            for rows in torch.randperm(len(target)).split(BATCH):
                loss = pinball(self.network(learned[rows]), target[rows, None, None])
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimiser.step()
            found = float(pinball(self._forward(held_out), true[:, None]))
            since += 1
            if found < best:
                best, since = found, 0
                kept = {name: one.clone() for name, one in self.network.state_dict().items()}
            if since > PATIENCE:
                break
        self.network.load_state_dict(kept)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast quantiles and their median for each galaxy."""
        if table.empty:
            return Prediction(np.empty(0))
        found = (self._forward(self._tensor(table)) * self.width + self.centre).double().numpy()
        values = spread(np.expm1(found), LEAST_GAP)
        return Prediction(values[:, MIDDLE], levels=LEVELS, quantiles=values)

    def _network(self, learned: torch.Tensor) -> Any:
        embeddings = optional("rtdl_num_embeddings", self.name)
        bins = embeddings.compute_bins(learned, BINS)
        embedded = embeddings.PiecewiseLinearEmbeddings(bins, 8, activation=False, version="B")
        return self.library.TabM.make(
            n_num_features=learned.shape[1],
            num_embeddings=embedded,
            d_out=len(LEVELS),
            k=MEMBERS,
            n_blocks=BLOCKS,
            d_block=WIDTH,
        )

    @torch.no_grad()
    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the members' mean quantiles, shape (N, 11)."""
        self.network.eval()
        return torch.cat([self.network(part).mean(1) for part in inputs.split(4096)])

    def _tensor(self, table: pd.DataFrame) -> torch.Tensor:
        """Return scaled inputs that vary, shape (N, F); what is missing is at the median."""
        values = self.scaler.transform(self.inputs(table)[:, self.varying])
        return torch.tensor(np.nan_to_num(values)).float()


class RealMLP:
    """RealMLP with quantiles as output, by the package pytabkit.

    It learns `LEVELS` quantiles of log(1 + z) by the pinball loss, with the settings that its
    authors tuned on other tables, and keeps the epoch of least loss on the validation set.
    """

    name = "RealMLP"
    train = ""  # all that there is
    version = "1"
    citation = "Holzmüller et al. 2024, NeurIPS 37, arXiv:2407.04491 (pytabkit)"
    description = f"RealMLP-TD with {EPOCHS} epochs and batches of {BATCH}, 11 quantiles"

    def __init__(self) -> None:
        self.library: Any = optional("pytabkit", self.name)

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train on log(1 + z); an `InputError` where a magnitude is missing."""
        self.inputs = Inputs(train)
        metric = f"multi_pinball({','.join(map(str, LEVELS))})"
        self.model = self.library.RealMLP_TD_Regressor(
            device="cpu",
            random_state=seed,
            n_threads=1,
            n_epochs=EPOCHS,
            batch_size=BATCH,
            train_metric_name=metric,
            val_metric_name=metric,
        )
        learned, held_out = ((self._complete(t), np.log1p(labels(t))) for t in (train, validation))
        self.model.fit(*learned, *held_out)
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast quantiles and their median; an `InputError` where a magnitude is missing."""
        if table.empty:
            return Prediction(np.empty(0))
        values = spread(np.expm1(self.model.predict(self._complete(table))), LEAST_GAP)
        return Prediction(values[:, MIDDLE], levels=LEVELS, quantiles=values)

    def _complete(self, table: pd.DataFrame) -> Floats:
        complete_features(table, self.inputs.bands, self.name)
        return self.inputs(table)


class InContext(Tuned):
    """A network that reads training galaxies when it forecasts, of a library that a subclass names.

    It forecasts `LEVELS` quantiles of log(1 + z). Its settings are the library's; ``model_path`` is
    a file of weights, which are fetched where there is none.
    """

    missing_magnitudes = True
    summary = f"In-context learning from {READ} training galaxies; fetches weights"
    settings = MappingProxyType({"n_estimators": 8})
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

    def regressor(self, seed: int) -> Any:
        """Return TabICL's regressor."""
        return self.library.TabICLRegressor(random_state=seed, **self.settings)

    def quantiles(self, values: Floats) -> npt.NDArray[np.floating[Any]]:
        """Return quantiles of log(1 + z), shape (N, 11), of features (N, F)."""
        found = self.model.predict(values, output_type="quantiles", alphas=[*LEVELS])
        return np.asarray(found)


def pinball(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return the mean pinball loss of quantiles (..., 11)."""
    levels, apart = torch.tensor(LEVELS), true - predicted
    return torch.maximum(levels * apart, (levels - 1.0) * apart).mean()
