"""A Bayesian network as a plug-in, after Jones et al. 2024 (arXiv:2306.13179)."""

import numpy as np
import pandas as pd
import torch

from transferz.baselines.methods.networks import NetworkMethod
from transferz.baselines.networks.bayesian import BayesianNetworks
from transferz.baselines.networks.mixture import components
from transferz.baselines.networks.schedule import Schedule
from transferz.baselines.networks.training import Make
from transferz.baselines.scores.probability import GaussianMixture, Prediction

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
