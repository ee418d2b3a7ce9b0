"""Forecast a distribution of redshift with a network, all seeds side by side.

Mixture density networks (Bishop 1994): the layers are those of the photometry network; its head
gives, for each of K components, a weight, a mean and a width. Trained with the negative log
likelihood.

Bayesian networks, after Jones et al. 2024 (arXiv:2306.13179): four layers of 200 units, every
weight a distribution, a mean and a width of redshift for each draw of the weights. What is not
public is our choice: the input joins the last hidden layer as in the photometry network; the
weights' posterior is a product of Gaussians, fitted by variational inference (Blundell et al. 2015)
with the noise drawn where it enters the units (the local reparameterisation of Kingma et al. 2015);
the prior of a layer is a Gaussian as wide as its initial weights.

Shapes as in `transferz.baselines.networks.network`; O = 3 K.
"""

import math
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from transferz.baselines.networks.network import LAYERS, StackedNetworks

COMPONENTS = 5
"""K (our choice)."""

LEAST_WIDTH = 1e-3
"""Of a component, in redshift: below what five bands can tell, it keeps the likelihood finite."""

FIRST_WIDTH = 0.02
"""Of a weight's posterior before training, in units of its prior's (our choice)."""

KL_WEIGHT = 0.1
"""Of the divergence from the prior (our choice; 1 is Bayes' rule, by which 122,000 weights are too
many for some 10,000 galaxies: most stay at the prior and the redshifts are blurred)."""


class MixtureNetworks(StackedNetworks):
    """S mixture density networks side by side; the parameters are as of `StackedNetworks`."""

    OUTPUTS = 3 * COMPONENTS

    def forward(self, scaled: Tensor) -> Tensor:
        """Compute the heads' outputs, shape (S, N, O), that `components` reads."""
        return self.outputs(scaled)

    def loss(self, predicted: Tensor, true: Tensor) -> Tensor:
        """Return the mean negative log likelihood of the labels, shape (S,)."""
        return -log_likelihood(predicted, true).mean(dim=-1)


class GaussianNetworks(MixtureNetworks):
    """The same with one component: a mean and a width."""

    OUTPUTS = 3


def components(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Read log weights, means and widths, each (..., K), from a head's outputs, (..., 3 K).

    Those are logits, means, and widths before their softplus.
    """
    logits, means, raw_widths = outputs.chunk(3, dim=-1)
    return torch.log_softmax(logits, dim=-1), means, softplus(raw_widths) + LEAST_WIDTH


def log_likelihood(outputs: Tensor, true: Tensor) -> Tensor:
    """Return the logarithm of the forecast density at the true redshifts, shape (..., N).

    `outputs` are the heads', (..., N, 3 K); `true` has shape (N,) or (..., N).
    """
    log_weights, means, widths = components(outputs)  # (..., N, K)
    pull = (true[..., None] - means) / widths
    each = log_weights - torch.log(widths) - 0.5 * torch.square(pull)
    return torch.logsumexp(each, dim=-1) - 0.5 * math.log(2.0 * math.pi)


class BayesianNetworks(GaussianNetworks):
    """S Bayesian networks side by side; used as they are, they forecast with their mean weights.

    `weights` and `biases` are the posterior means, as of `StackedNetworks`; the raw widths, of the
    same shapes, those of the posterior in units of the prior's, before their softplus. The
    divergence is shared among the `galaxies` of the training set.
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
        raw_width = math.log(math.expm1(FIRST_WIDTH))

        def make(bands: int, seeds: Sequence[int]) -> StackedNetworks:
            means = GaussianNetworks.from_seeds(bands, seeds)
            weights, biases = list(means.weights), list(means.biases)
            raw_weights, raw_biases = (
                [torch.full_like(tensor, raw_width) for tensor in tensors]
                for tensors in (weights, biases)
            )
            return cls(weights, biases, raw_weights, raw_biases, galaxies)

        return make

    def objective(self, scaled: Tensor, true: Tensor) -> Tensor:
        """Return the negative log likelihood with noisy weights, plus the divergence's share."""
        shared = KL_WEIGHT / self.galaxies
        return self.loss(self.noisy(scaled), true) + shared * self.divergence()

    def renew(self, generators: Sequence[torch.Generator], galaxies: int) -> None:
        """Draw the next step's noise; that of a network does not depend on the others."""
        units = sum(bias.shape[2] for bias in self.biases)
        shape = (len(self), galaxies, units)
        if self._noise.numel() < math.prod(shape):  # kept: a CUDA graph reads it where it is
            self._noise = torch.empty(shape).to(self.weights[0])
        for noise, generator in zip(self._noise, generators, strict=True):
            noise[:galaxies].normal_(generator=generator)

    def noisy(self, scaled: Tensor) -> Tensor:
        """Compute outputs with weights drawn anew for every galaxy, shape (S, n, O).

        A sum of inputs times Gaussian weights is Gaussian: its mean and variance are two matrix
        products, and one number of noise per unit replaces one per weight.
        """
        noise = self._noise[:, : scaled.shape[1]].split([b.shape[2] for b in self.biases], dim=2)
        features = scaled
        for layer in range(LAYERS - 1):
            features = torch.relu(self._noisy_layer(layer, features, noise[layer]))  # (S, n, H)
        joined = torch.cat((scaled, features), dim=2)  # (S, n, B + H)
        return self._noisy_layer(LAYERS - 1, joined, noise[-1])

    def _noisy_layer(self, layer: int, features: Tensor, noise: Tensor) -> Tensor:
        weight, bias = self.weights[layer], self.biases[layer]
        prior = self._prior(layer)
        weight_variance = torch.square(prior * softplus(self.raw_weight_widths[layer]))
        bias_variance = torch.square(prior * softplus(self.raw_bias_widths[layer]))
        mean = torch.baddbmm(bias, features, weight)
        variance = torch.baddbmm(bias_variance, torch.square(features), weight_variance)
        return mean + torch.sqrt(variance) * noise

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence of the posteriors from the prior, shape (S,)."""
        total = torch.zeros(len(self), dtype=self.weights[0].dtype, device=self.weights[0].device)
        for layer in range(LAYERS):
            for means, raw_widths in (
                (self.weights[layer], self.raw_weight_widths[layer]),
                (self.biases[layer], self.raw_bias_widths[layer]),
            ):
                scaled, widths = means / self._prior(layer), softplus(raw_widths)
                each = 0.5 * (torch.square(scaled) + torch.square(widths) - 1.0)
                total = total + (each - torch.log(widths)).sum(dim=(1, 2))
        return total

    @torch.no_grad()
    def draw(self, generators: Sequence[torch.Generator]) -> GaussianNetworks:
        """Draw one set of weights of every network, each by its own generator on the CPU."""

        def drawn(layer: int, mean: Tensor, raw_width: Tensor) -> Tensor:
            noise = [torch.randn(mean.shape[1:], generator=g, dtype=mean.dtype) for g in generators]
            return mean + self._prior(layer) * softplus(raw_width) * torch.stack(noise).to(mean)

        weights, biases = (
            [drawn(layer, *pair) for layer, pair in enumerate(zip(means, raw_widths, strict=True))]
            for means, raw_widths in (
                (self.weights, self.raw_weight_widths),
                (self.biases, self.raw_bias_widths),
            )
        )
        return GaussianNetworks(weights, biases)

    def _prior(self, layer: int) -> float:
        """Return the width of Glorot's uniform distribution, which the weights start from."""
        _, inputs, outputs = self.weights[layer].shape
        return math.sqrt(2.0 / (inputs + outputs))

    def _like(self, tensors: Sequence[Tensor]) -> Self:
        weights, biases, raw_weights, raw_biases = (
            tensors[start : start + LAYERS] for start in range(0, 4 * LAYERS, LAYERS)
        )
        return type(self)(weights, biases, raw_weights, raw_biases, self.galaxies)
