"""The reference of `training.py`, and of the trainer's tests: the network trained alone.

As one would write it in plain PyTorch: a module, `torch.optim.Adam`, the training set resident on
the device, early stopping with the best weights restored. Initial weights and shuffling are those
of the same seed in `transferz.baselines.networks.training`.
"""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from transferz.baselines.networks.network import (
    HIDDEN_LAYERS,
    HIDDEN_UNITS,
    StackedNetworks,
    tanaka_loss,
)
from transferz.baselines.networks.training import SHUFFLING, Schedule


class PhotometryNetwork(nn.Module):
    """Magnitudes to redshift: four hidden layers, and the input again before the last one.

    With five bands it has 122,006 weights. They start as Keras starts them: Glorot-uniform
    matrices, from `generator` or else the global one, and zero biases.
    """

    def __init__(self, bands: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        widths = [bands] + [HIDDEN_UNITS] * HIDDEN_LAYERS
        self.hidden = nn.ModuleList(
            skip_init(nn.Linear, before, after) for before, after in pairwise(widths)
        )
        self.head = skip_init(nn.Linear, bands + HIDDEN_UNITS, 1)
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


def stack(networks: Sequence[PhotometryNetwork]) -> StackedNetworks:
    """Stack single networks; their weights are copied."""
    weights, biases = [], []
    for layer in zip(*(network.layers for network in networks), strict=True):
        weights.append(torch.stack([linear.weight.detach().T for linear in layer]))
        biases.append(torch.stack([linear.bias.detach()[None] for linear in layer]))
    return StackedNetworks(weights, biases)


def single(stacked: StackedNetworks, position: int) -> PhotometryNetwork:
    """Copy one of the networks as a module of its own."""
    network = PhotometryNetwork(stacked.bands).to(stacked.weights[0])
    with torch.no_grad():
        for layer, weight, bias in zip(
            network.layers, stacked.weights, stacked.biases, strict=True
        ):
            layer.weight.copy_(weight[position].T)
            layer.bias.copy_(bias[position, 0])
    return network


def count_weights(network: nn.Module) -> int:
    """Count the numbers that training adjusts."""
    return sum(weight.numel() for weight in network.parameters())


def new_network(
    bands: int, seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> PhotometryNetwork:
    """Initialise the network of a seed."""
    network = PhotometryNetwork(bands, torch.Generator().manual_seed(seed))
    return network.to(device=device, dtype=dtype)


def make_adam(network: PhotometryNetwork, schedule: Schedule) -> torch.optim.Adam:
    """Adam as fast as it gets for one network: fused."""
    return torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, fused=True)


def train_step(
    network: PhotometryNetwork, optimiser: torch.optim.Adam, magnitudes: Tensor, redshift: Tensor
) -> None:
    """One step on a batch."""
    optimiser.zero_grad()
    tanaka_loss(network(magnitudes), redshift).backward()
    optimiser.step()


@torch.no_grad()
def validation_loss(network: PhotometryNetwork, features: Tensor, labels: Tensor) -> float:
    """In float64, since it decides."""
    return float(tanaka_loss(network(features).double(), labels.double()))


def train_alone(
    training: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    seed: int,
    schedule: Schedule,
    network: PhotometryNetwork | None = None,
    make_optimiser: Callable[[PhotometryNetwork, Schedule], Any] = make_adam,
) -> tuple[PhotometryNetwork, list[float]]:
    """Train one network with early stopping.

    Parameters
    ----------
    training, validation : tuple of Tensor
        Scaled magnitudes, shape (N, B), and redshifts, shape (N,), of one dtype.
    seed : int
        Of initial weights and shuffling.
    schedule : Schedule
        How long and how fast.
    network : PhotometryNetwork, optional
        To start from; a new one by default.
    make_optimiser : callable
        Takes network and schedule.

    Returns
    -------
    network : PhotometryNetwork
        With its best weights.
    losses : list of float
        Validation loss after each epoch.
    """
    features, labels = training
    network = network or new_network(features.shape[1], seed, features.dtype)
    optimiser = make_optimiser(network, schedule)
    generator = torch.Generator().manual_seed(SHUFFLING + seed)
    losses: list[float] = []
    best = network.state_dict()
    while len(losses) < schedule.max_epochs:
        for rows in torch.randperm(len(labels), generator=generator).split(schedule.batch_size):
            train_step(network, optimiser, features[rows], labels[rows])
        losses.append(validation_loss(network, *validation))
        if losses[-1] == min(losses) and losses.index(min(losses)) == len(losses) - 1:
            best = copy.deepcopy(network.state_dict())
        if len(losses) - 1 - losses.index(min(losses)) >= schedule.patience:
            break
    network.load_state_dict(best)
    return network, losses
