"""Forecast redshifts, or their distributions, with networks: all seeds side by side.

The photometry network of Soriano et al. 2024 (arXiv:2411.18054) in its closest public form: many of
them stacked, so that one batched matrix product per layer serves them all; and the loss that they
are trained with.

Mixture density networks (Bishop 1994): the layers are the same; the head gives, for each of K
components, a weight, a mean and a width. Trained with the negative log likelihood.

Bayesian networks, after Jones et al. 2024 (arXiv:2306.13179): four layers of 200 units, every
weight a distribution, a mean and a width of redshift for each draw of the weights. What is not
public is our choice: the input joins the last hidden layer as in the photometry network; the
weights' posterior is a product of Gaussians, fitted by variational inference (Blundell et al. 2015)
with the noise drawn where it enters the units (the local reparameterisation of Kingma et al. 2015);
the prior of a layer is a Gaussian as wide as its initial weights.

Shapes: S networks (seeds), N galaxies, B bands, H units per hidden layer, O outputs: one, the
redshift, or 3 K.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

HIDDEN_LAYERS = 4
HIDDEN_UNITS = 200
LAYERS = HIDDEN_LAYERS + 1

TANAKA_WIDTH = 0.15
"""Of the loss, in dz (Tanaka et al. 2018). Stage `train` depends on this folder: another width
trains the networks again."""

COMPONENTS = 5
"""K (our choice)."""

LEAST_WIDTH = 1e-3
"""Of a component, in redshift: below what five bands can tell, it keeps the likelihood finite."""

FIRST_WIDTH = 0.02
"""Of a weight's posterior before training, in units of its prior's (our choice)."""

KL_WEIGHT = 0.1
"""Of the divergence from the prior (our choice; 1 is Bayes' rule, by which 122,000 weights are too
many for some 10,000 galaxies: most stay at the prior and the redshifts are blurred)."""


class StackedNetworks(nn.Module):
    """S photometry networks side by side, none of which sees another.

    Each has four hidden layers, and the input again before the last one: with five bands 122,006
    weights. Per layer, `weights` are the matrices of all networks, shape (S, inputs, outputs), and
    `biases` of shape (S, 1, outputs).
    """

    OUTPUTS = 1
    """Of the head."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(biases)

    @classmethod
    def from_seeds(cls, bands: int, seeds: Sequence[int]) -> Self:
        """Make new networks; that of a seed does not depend on the other seeds.

        Weights start as Keras starts them: Glorot-uniform matrices and zero biases.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        widths = [bands] + [HIDDEN_UNITS] * HIDDEN_LAYERS
        weights, biases = [], []
        for before, after in (*pairwise(widths), (bands + HIDDEN_UNITS, cls.OUTPUTS)):
            drawn = [
                nn.init.xavier_uniform_(torch.empty(after, before), generator=generator).T
                for generator in generators
            ]
            weights.append(torch.stack(drawn))
            biases.append(torch.zeros(len(drawn), 1, after))
        return cls(weights, biases)

    def __len__(self) -> int:
        return len(self.weights[0])

    @property
    def bands(self) -> int:
        """Magnitudes per galaxy, B."""
        return self.weights[0].shape[1]

    def forward(self, scaled: Tensor) -> Tensor:
        """Forecast redshifts (S, N), unbounded, of what `outputs` takes."""
        return self.outputs(scaled).squeeze(2)  # (S, N)

    def outputs(self, scaled: Tensor) -> Tensor:
        """Compute what the heads give, shape (S, N, O).

        Scaled magnitudes are of shape (S, N, B), a batch for each network, or (N, B), one for all.
        """
        scaled = scaled.expand(len(self), *scaled.shape[-2:])  # (S, N, B)
        *hidden, head = zip(self.weights, self.biases, strict=True)
        features = scaled
        for weight, bias in hidden:
            features = torch.relu(torch.baddbmm(bias, features, weight))  # (S, N, H)
        joined = torch.cat((scaled, features), dim=2)  # (S, N, B + H)
        weight, bias = head
        return torch.baddbmm(bias, joined, weight)  # (S, N, O)

    def loss(self, predicted: Tensor, true: Tensor) -> Tensor:
        """Judge what `forward` gives, shape (S, N, ...), by the labels; a number per network."""
        return tanaka_loss(predicted, true)

    def objective(self, scaled: Tensor, true: Tensor) -> Tensor:
        """Return what a step makes smaller, shape (S,), of batches (S, n, B) and labels (S, n)."""
        return self.loss(self(scaled), true)

    def renew(self, generators: Sequence[torch.Generator], galaxies: int) -> None:
        """Draw what the next step needs of chance, network by network; here nothing."""

    def take(self, rows: Tensor) -> Self:
        """Copy some of the networks, by position; what is frozen stays so."""
        taken = self._like([weight.detach()[rows] for weight in self.parameters()])
        for old, new in zip(self.parameters(), taken.parameters(), strict=True):
            new.requires_grad_(old.requires_grad)
        return taken

    def _like(self, tensors: Sequence[Tensor]) -> Self:
        """Make networks of this kind from tensors in the order of `parameters`."""
        return type(self)(tensors[:LAYERS], tensors[LAYERS:])

    @torch.no_grad()
    def put(self, rows: Tensor, others: "StackedNetworks") -> None:
        """Overwrite the networks at some positions with `others`, which are as many."""
        for own, other in zip(self.parameters(), others.parameters(), strict=True):
            own[rows] = other

    def freeze(self, layers: Sequence[int]) -> None:
        """Keep layers as they are in training; they count from 1, the head is the last."""
        for layer in layers:
            self.weights[layer - 1].requires_grad_(False)
            self.biases[layer - 1].requires_grad_(False)


def tanaka_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Return Tanaka et al. 2018's loss, ``mean(1 - 1 / (1 + (dz / 0.15)²))``, shape (...).

    With ``dz = (z_pred - z_true) / (1 + z_true)``; the mean is over the N galaxies of forecasts
    (..., N) and true redshifts (N,) or (..., N).
    """
    dz = (predicted - true) / (1.0 + true)
    return (1.0 - 1.0 / (1.0 + torch.square(dz / TANAKA_WIDTH))).mean(dim=-1)


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
