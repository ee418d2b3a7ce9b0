"""Forecast quantiles with networks made for tables: TabM and RealMLP."""

from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import QuantileTransformer
from torch import nn

from transferz.baselines.methods.common import (
    Floats,
    Inputs,
    complete_features,
    labels,
    optional,
)
from transferz.baselines.methods.trees import LEVELS, MIDDLE, spread
from transferz.baselines.scores.probability import Prediction

MEMBERS, BLOCKS, WIDTH, BINS = 16, 2, 128, 32
RATE, DECAY, BATCH, MAX_EPOCHS, PATIENCE = 2e-3, 3e-4, 256, 100, 12
EPOCHS = 64
"""Of RealMLP, whose learning rate falls to 0 in them; its authors' are 256 (our choice)."""

LEAST_GAP = 0.0005
"""Of neighbouring quantiles, in units of 1 + z (our choice)."""


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


def pinball(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return the mean pinball loss of quantiles (..., 11)."""
    levels, apart = torch.tensor(LEVELS), true - predicted
    return torch.maximum(levels * apart, (levels - 1.0) * apart).mean()
