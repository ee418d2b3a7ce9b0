"""Forecast redshifts with the photometry network of Soriano et al. 2024 (arXiv:2411.18054).

The network, in its closest public form, as a module; many of them stacked, so that one batched
matrix product per layer serves them all; and the loss that they are trained with. Shapes: S
networks (seeds), N galaxies, B bands, H units per hidden layer, O outputs: one, the redshift, but
for the networks of `transferz.baselines.networks.probabilistic`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

HIDDEN_LAYERS = 4
HIDDEN_UNITS = 200
LAYERS = HIDDEN_LAYERS + 1

TANAKA_WIDTH = 0.15
"""Of the loss, in dz (Tanaka et al. 2018). Stage `train` depends on this folder: another width
trains the networks again."""


class PhotometryNetwork(nn.Module):
    """Magnitudes to redshift: four hidden layers, and the input again before the last one.

    With five bands it has 122,006 weights. They start as Keras starts them: Glorot-uniform
    matrices, from `generator` or else the global one, and zero biases.
    """

    def __init__(
        self, bands: int, generator: torch.Generator | None = None, outputs: int = 1
    ) -> None:
        super().__init__()
        widths = [bands] + [HIDDEN_UNITS] * HIDDEN_LAYERS
        self.hidden = nn.ModuleList(
            skip_init(nn.Linear, before, after) for before, after in pairwise(widths)
        )
        self.head = skip_init(nn.Linear, bands + HIDDEN_UNITS, outputs)
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)

    @property
    def layers(self) -> tuple[Any, ...]:
        """The linear layers from input to output, the last one being the head."""
        return (*self.hidden, self.head)

    def forward(self, scaled: Tensor) -> Tensor:
        """Forecast redshifts (N,), unbounded, of magnitudes (N, B) scaled to the training range."""
        features = scaled  # (N, B)
        for layer in self.hidden:
            features = torch.relu(layer(features))  # (N, H)
        joined = torch.cat((scaled, features), dim=1)  # (N, B + H)
        redshift: Tensor = self.head(joined).squeeze(1)  # (N,)
        return redshift


class StackedNetworks(nn.Module):
    """S photometry networks side by side, none of which sees another.

    Per layer, `weights` are the matrices of all networks, shape (S, inputs, outputs), and `biases`
    of shape (S, 1, outputs).
    """

    OUTPUTS = 1
    """Of the head."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(biases)

    @classmethod
    def of(cls, networks: Sequence[PhotometryNetwork]) -> Self:
        """Stack single networks; their weights are copied."""
        weights, biases = [], []
        for layer in zip(*(network.layers for network in networks), strict=True):
            weights.append(torch.stack([linear.weight.detach().T for linear in layer]))
            biases.append(torch.stack([linear.bias.detach()[None] for linear in layer]))
        return cls(weights, biases)

    @classmethod
    def from_seeds(cls, bands: int, seeds: Sequence[int]) -> Self:
        """Stack new networks; that of a seed does not depend on the other seeds."""
        generators = (torch.Generator().manual_seed(seed) for seed in seeds)
        return cls.of([PhotometryNetwork(bands, chance, cls.OUTPUTS) for chance in generators])

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

    def network(self, position: int) -> PhotometryNetwork:
        """Copy one of the networks as a module of its own."""
        single = PhotometryNetwork(self.bands).to(self.weights[0])
        with torch.no_grad():
            for layer, weight, bias in zip(single.layers, self.weights, self.biases, strict=True):
                layer.weight.copy_(weight[position].T)
                layer.bias.copy_(bias[position, 0])
        return single

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


def count_weights(network: nn.Module) -> int:
    """Count the numbers that training adjusts."""
    return sum(weight.numel() for weight in network.parameters())
