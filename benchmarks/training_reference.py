"""The reference of `training.py`, and of the trainer's tests: the network trained alone.

As one would write it in plain PyTorch: a module, `torch.optim.Adam`, the training set resident on
the device, early stopping with the best weights restored. Initial weights and shuffling are those
of the same seed in `transferz.baselines.networks.training`.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from transferz.baselines.networks.network import PhotometryNetwork, tanaka_loss
from transferz.baselines.networks.training import SHUFFLING, Schedule


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
