"""Bayesian networks with a Gaussian output, all seeds side by side.

After Jones et al. 2024 (arXiv:2306.13179): four layers of 200 units, every weight a distribution,
a mean and a width of redshift for each draw of the weights. What is not public is our choice: the
input joins the last hidden layer as in the photometry network; the weights' posterior is a product
of Gaussians, fitted by variational inference (Blundell et al. 2015) with the noise drawn where it
enters the units (the local reparameterisation of Kingma et al. 2015); the prior of a layer is a
Gaussian as wide as its initial weights. Shapes as in `transferz.baselines.networks.network`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from transferz.baselines.networks.mixture import GaussianNetworks
from transferz.baselines.networks.network import LAYERS, StackedNetworks

FIRST_WIDTH = 0.02
"""Of a weight's posterior before training, in units of its prior's (our choice)."""

KL_WEIGHT = 0.1
"""Of the divergence from the prior (our choice; 1 is Bayes' rule, by which 122,000 weights are too
many for some 10,000 galaxies: most stay at the prior and the redshifts are blurred)."""

_RAW_WIDTH = math.log(math.expm1(FIRST_WIDTH))


class BayesianNetworks(GaussianNetworks):
    """S Bayesian networks side by side; used as they are, they forecast with their mean weights.

    Parameters
    ----------
    weights, biases : sequence of Tensor
        Posterior means, as of `StackedNetworks`.
    raw_weight_widths, raw_bias_widths : sequence of Tensor
        Posterior widths in units of the prior's, before their softplus; of the same shapes.
    galaxies : int
        Of the training set: the divergence is shared among them.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        raw_weight_widths: Sequence[Tensor],
        raw_bias_widths: Sequence[Tensor],
        galaxies: int,
    ) -> None:
        super().__init__(weights, biases)
        self.raw_weight_widths = nn.ParameterList(raw_weight_widths)
        self.raw_bias_widths = nn.ParameterList(raw_bias_widths)
        self.galaxies = galaxies
        self._noise = torch.empty(0)

    @classmethod
    def maker(cls, galaxies: int) -> Callable[[int, Sequence[int]], StackedNetworks]:
        """Return what makes new networks for a training set of so many galaxies."""

        def make(bands: int, seeds: Sequence[int]) -> StackedNetworks:
            means = GaussianNetworks.from_seeds(bands, seeds)
            weights, biases = list(means.weights), list(means.biases)
            raw_weights, raw_biases = (
                [torch.full_like(one, _RAW_WIDTH) for one in those] for those in (weights, biases)
            )
            return cls(weights, biases, raw_weights, raw_biases, galaxies)

        return make

    def objective(self, scaled: Tensor, true: Tensor) -> Tensor:
        """Negative log likelihood with noise in the weights, and the divergence from the prior."""
        shared = KL_WEIGHT / self.galaxies
        return self.loss(self.noisy(scaled), true) + shared * self.divergence()

    def renew(self, generators: Sequence[torch.Generator], galaxies: int) -> None:
        """Draw the next step's noise; that of a network does not depend on the others."""
        units = sum(bias.shape[2] for bias in self.biases)
        shape = (len(self), galaxies, units)
        if self._noise.numel() < math.prod(shape):  # kept: a CUDA graph reads it where it is
            self._noise = torch.empty(shape).to(self.weights[0])
        for one, generator in zip(self._noise, generators, strict=True):
            one[:galaxies].normal_(generator=generator)

    def noisy(self, scaled: Tensor) -> Tensor:
        """Outputs with weights drawn anew for every galaxy, shape (S, n, O).

        A sum of inputs times Gaussian weights is Gaussian: its mean and variance are two matrix
        products, and one number of noise per unit replaces one per weight.
        """
        noise = self._noise[:, : scaled.shape[1]].split([b.shape[2] for b in self.biases], dim=2)
        features = scaled
        for layer in range(LAYERS - 1):
            features = torch.relu(self._layer(layer, features, noise[layer]))  # (S, n, H)
        joined = torch.cat((scaled, features), dim=2)
        return self._layer(LAYERS - 1, joined, noise[-1])

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence of each network's posterior from the prior, shape (S,)."""
        total = torch.zeros(len(self), dtype=self.weights[0].dtype, device=self.weights[0].device)
        for layer in range(LAYERS):
            prior = self._prior(layer)
            means, widths = self.weights[layer] / prior, softplus(self.raw_weight_widths[layer])
            total = total + _divergence(means, widths)
            means, widths = self.biases[layer] / prior, softplus(self.raw_bias_widths[layer])
            total = total + _divergence(means, widths)
        return total

    @torch.no_grad()
    def draw(self, generators: Sequence[torch.Generator]) -> GaussianNetworks:
        """Draw one set of weights of every network, each by its own generator on the CPU."""
        weights, biases = (
            [
                mean + self._prior(layer) * softplus(raw) * _normal(mean, generators)
                for layer, (mean, raw) in enumerate(zip(means, raws, strict=True))
            ]
            for means, raws in (
                (self.weights, self.raw_weight_widths),
                (self.biases, self.raw_bias_widths),
            )
        )
        return GaussianNetworks(weights, biases)

    def _layer(self, layer: int, features: Tensor, noise: Tensor) -> Tensor:
        weight, bias = self.weights[layer], self.biases[layer]
        prior = self._prior(layer)
        weight_variance = torch.square(prior * softplus(self.raw_weight_widths[layer]))
        bias_variance = torch.square(prior * softplus(self.raw_bias_widths[layer]))
        mean = torch.baddbmm(bias, features, weight)
        variance = torch.baddbmm(bias_variance, torch.square(features), weight_variance)
        return mean + torch.sqrt(variance) * noise

    def _prior(self, layer: int) -> float:
        """Width of Glorot's uniform distribution, which the weights start from."""
        _, inputs, outputs = self.weights[layer].shape
        return math.sqrt(2.0 / (inputs + outputs))

    def _like(self, tensors: Sequence[Tensor]) -> Self:
        weights, biases, raw_weights, raw_biases = (
            tensors[start : start + LAYERS] for start in range(0, 4 * LAYERS, LAYERS)
        )
        return type(self)(weights, biases, raw_weights, raw_biases, self.galaxies)


def _divergence(means: Tensor, widths: Tensor) -> Tensor:
    """Of Gaussians from the standard one, added up for each network."""
    each = 0.5 * (torch.square(means) + torch.square(widths) - 1.0) - torch.log(widths)
    return each.sum(dim=(1, 2))


def _normal(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    drawn = [torch.randn(like.shape[1:], generator=one, dtype=like.dtype) for one in generators]
    return torch.stack(drawn).to(like)
