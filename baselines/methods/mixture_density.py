"""A mixture density network as a plug-in."""

import pandas as pd
import torch

from transferz.baselines.methods.networks import NetworkMethod
from transferz.baselines.networks.mixture import COMPONENTS, MixtureNetworks, components
from transferz.baselines.networks.training import Make
from transferz.baselines.scores.probability import GaussianMixture, Prediction


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
