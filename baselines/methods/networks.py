"""The photometry networks of the paper as plug-ins: NN-Base, NN-TL, NN-Combo, NN-Spec.

All seeds are trained at once, as `transferz train` does it, by the same schedule; a seed is the
same network here and there.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
import pandas as pd
import torch

from transferz.baselines.benchmark.samples import Sample
from transferz.baselines.benchmark.tables import band_columns
from transferz.baselines.methods.common import labels, require_bands
from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks.ensemble import Ensemble, Floats
from transferz.baselines.networks.hardware import find_device
from transferz.baselines.networks.network import StackedNetworks
from transferz.baselines.networks.probabilistic import (
    COMPONENTS,
    BayesianNetworks,
    MixtureNetworks,
    components,
)
from transferz.baselines.networks.training import PAPER, Make, Schedule, train
from transferz.baselines.scores.probability import GaussianMixture, Prediction
from transferz.schemas.errors import InputError

PAPERS = "Soriano et al. 2024, arXiv:2411.18054"
FOLLOW_UP = "arXiv:2601.17222"


class NetworkMethod:
    """A method that trains networks, all seeds at once; a GPU is used where there is one.

    Attributes
    ----------
    schedule : Schedule
        How long and how fast it trains.
    ensemble : Ensemble
        Once trained: one seed's network.
    bands : list of str
        Once trained: its columns of magnitudes.
    """

    version = "1"
    schedule = PAPER
    ensemble: Ensemble
    bands: list[str]

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train one seed's network."""
        (one,) = self.fit_seeds(train, validation, seeds=[seed])
        self.ensemble, self.bands = one.ensemble, one.bands
        return self

    def fit_seeds(
        self, train: pd.DataFrame, validation: pd.DataFrame, *, seeds: Sequence[int]
    ) -> list[Self]:
        """Train a network per seed; returns a method for each."""
        self.bands = band_columns(train)
        trained = self.train_seeds(train, validation, seeds)
        return [self._with(trained.take([seed])) for seed in seeds]

    def train_seeds(
        self, training: pd.DataFrame, validation: pd.DataFrame, seeds: Sequence[int]
    ) -> Ensemble:
        """Train all seeds' networks."""
        return self._train(training, validation, seeds, self.schedule)

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks for a training set of so many galaxies."""
        return StackedNetworks.from_seeds

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a redshift per galaxy."""
        return Prediction(self.ensemble.predict(self._magnitudes(table))[0])

    def _train(
        self,
        training: pd.DataFrame,
        validation: pd.DataFrame,
        seeds: Sequence[int],
        schedule: Schedule,
        start: Ensemble | None = None,
    ) -> Ensemble:
        sets = [Sample(self._magnitudes(table), labels(table)) for table in (training, validation)]
        make, device = self.maker(len(training)), find_device("auto")
        return train(*sets, seeds=seeds, schedule=schedule, start=start, make=make, device=device)

    def _magnitudes(self, table: pd.DataFrame) -> Floats:
        require_bands(table, self.bands, f"it was trained on {', '.join(self.bands)}")
        return table[self.bands].to_numpy("float64")

    def _scaled(self, table: pd.DataFrame) -> torch.Tensor:
        """Scaled magnitudes on the networks' device, shape (N, B)."""
        weight = self.ensemble.networks.weights[0]
        return self.ensemble.scaler(self._magnitudes(table), weight.dtype).to(weight.device)

    def _with(self, ensemble: Ensemble) -> Self:
        one = copy(self)
        one.ensemble = ensemble
        return one


class NNBase(NetworkMethod):
    """NN-Base: learns from TransferZ."""

    name = METHODS["nn_base"].title
    train = METHODS["nn_base"].config
    citation = PAPERS
    description = "The photometry network, trained on TransferZ"


class NNCombo(NetworkMethod):
    """NN-Combo: learns from the union of both sets."""

    name = METHODS["nn_combo"].title
    train = METHODS["nn_combo"].config
    citation = PAPERS
    description = "The photometry network, trained on TransferZ and GalaxiesML together"


class NNSpec(NetworkMethod):
    """NN-Spec: learns from spectroscopic redshifts only."""

    name = METHODS["nn_spec"].title
    train = METHODS["nn_spec"].config
    citation = FOLLOW_UP
    description = "The photometry network, trained on GalaxiesML"


class NNTL(NetworkMethod):
    """NN-TL: NN-Base, fine-tuned on spectroscopic redshifts."""

    name = METHODS["nn_tl"].title
    train = "transferz+galaxiesml"
    citation = PAPERS
    description = "NN-Base, fine-tuned on GalaxiesML"

    def train_seeds(
        self, training: pd.DataFrame, validation: pd.DataFrame, seeds: Sequence[int]
    ) -> Ensemble:
        """Train on TransferZ, then fine-tune on GalaxiesML.

        Raises
        ------
        InputError
            Where the training set isn't both.
        """
        base = self._train(*_both(training, validation, "transferz"), seeds, PAPER)
        tuning = METHODS["nn_tl"]
        rate = tuning.learning_rate or PAPER.learning_rate
        schedule = Schedule(learning_rate=rate, frozen=tuning.frozen)
        spectroscopic = _both(training, validation, "galaxiesml")
        return self._train(*spectroscopic, seeds, schedule, start=base)


def _both(
    training: pd.DataFrame, validation: pd.DataFrame, config: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a config, of both tables."""
    found = [
        table[table["config"] == config] if "config" in table else table.iloc[:0]
        for table in (training, validation)
    ]
    if not all(len(table) for table in found):
        raise InputError(
            f"{NNTL.name} learns from two sets: expected a training set with {config}, found none; "
            f"give --train {NNTL.train}"
        )
    return found[0], found[1]


class MixtureDensityNetwork(NetworkMethod):
    """The photometry network with a mixture of Gaussians as output; its median is the point."""

    name = "Mixture density network"
    train = "combo"
    citation = "Bishop 1994, Mixture density networks"
    description = f"The photometry network's layers, {COMPONENTS} Gaussians in redshift as output"

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks."""
        return MixtureNetworks.from_seeds

    @torch.no_grad()
    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a mixture per galaxy."""
        outputs = self.ensemble.networks(self._scaled(table))[0].double()  # (N, 3 K)
        log_weights, *others = components(outputs)
        mixture = GaussianMixture(*(one.cpu().numpy() for one in (log_weights.exp(), *others)))
        return Prediction(mixture.quantiles([0.5])[:, 0], mixture=mixture)


DRAWS = 32
"""Of the weights, for a forecast (our choice)."""


class BayesianNetwork(NetworkMethod):
    """Four layers of 200 units whose weights are distributions, with a Gaussian output.

    The forecast is the mixture of the Gaussians of `DRAWS` draws of the weights, the point its
    mean. Batches are larger than the paper's: on validation sets that cost nothing (our choice).
    """

    name = "Bayesian network"
    train = "combo"
    citation = "after Jones et al. 2024, arXiv:2306.13179"
    description = f"Variational weights, a Gaussian per draw, {DRAWS} draws of the weights"
    schedule = Schedule(learning_rate=1e-3, batch_size=400)

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks for a training set of so many galaxies."""
        return BayesianNetworks.maker(galaxies)

    @torch.no_grad()
    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a mixture per galaxy; the draws are fixed by the seed."""
        networks, scaled = self.ensemble.networks, self._scaled(table)
        assert isinstance(networks, BayesianNetworks)  # noqa: S101 (for mypy: the maker's)
        chance = [torch.Generator().manual_seed(self.ensemble.seeds[0])]
        drawn = [networks.draw(chance)(scaled)[0].double() for _ in range(DRAWS)]  # (N, 3)
        _, *found = components(torch.stack(drawn, dim=1))  # (N, draws, 1)
        means, widths = (one.squeeze(2).cpu().numpy() for one in found)
        mixture = GaussianMixture(np.full(means.shape, 1.0 / DRAWS), means, widths)
        return Prediction(means.mean(axis=1), mixture=mixture)
