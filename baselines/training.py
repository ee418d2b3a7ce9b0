"""Train one photometry network: loss, scaling, schedule, early stopping.

The schedule is that of the group's public code for arXiv:2411.18054; the loop is plain PyTorch
with the data resident on the device. Shapes: N galaxies, B bands.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from transferz.baselines.metrics import OUTLIER_LIMIT
from transferz.baselines.networks import PhotometryNetwork
from transferz.schemas.errors import InputError, ParameterError

CHUNK_ROWS = 65_536  # bounds the memory of forecasts

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, float, float], None]


class Galaxies(Protocol):
    """What training needs of a sample; `transferz.baselines.tables.Sample` is one."""

    @property
    def magnitudes(self) -> Floats:
        """Magnitudes, shape (N, B)."""

    @property
    def redshift(self) -> Floats:
        """True redshifts, shape (N,)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; the defaults are the paper's.

    Attributes
    ----------
    learning_rate : float
        Adam's step size.
    batch_size : int
        Galaxies per step; the last batch of an epoch may be smaller.
    max_epochs : int
        Passes over the training set at most.
    patience : int
        Epochs without a better validation loss after which training stops.
    """

    learning_rate: float = 5e-4
    batch_size: int = 100
    max_epochs: int = 1000
    patience: int = 10


@dataclass(frozen=True, slots=True)
class Scaler:
    """Min-max scaling by the training set's range.

    Attributes
    ----------
    minimum, maximum : ndarray, shape (B,)
        Range of each band's magnitudes in the training set.
    """

    minimum: Floats
    maximum: Floats

    @classmethod
    def of(cls, magnitudes: Floats) -> "Scaler":
        """Take the range of magnitudes of shape (N, B).

        Raises
        ------
        InputError
            Where a band has one value only.
        """
        low, high = magnitudes.min(axis=0), magnitudes.max(axis=0)
        if (constant := np.flatnonzero(low == high)).size:
            raise InputError(
                f"band number {constant[0] + 1} has the same magnitude, {low[constant[0]]:g}, in "
                "every training row; leave the band out or give more rows"
            )
        return cls(low, high)

    def __call__(self, magnitudes: Floats) -> Tensor:
        """Scale (N, B) magnitudes to float32 in about 0-1."""
        scaled = (magnitudes - self.minimum) / (self.maximum - self.minimum)
        return torch.from_numpy(scaled.astype(np.float32))


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network with its best weights, and how it got them.

    Attributes
    ----------
    network : PhotometryNetwork
        In evaluation mode.
    scaler : Scaler
        What its input is scaled with.
    seed : int
        Of its initial weights and its shuffling.
    epochs, best_epoch : int
        Epochs trained, and the one (from 1) whose weights were kept.
    validation_loss : float
        At the best epoch.
    """

    network: PhotometryNetwork
    scaler: Scaler
    seed: int
    epochs: int
    best_epoch: int
    validation_loss: float

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.head.weight.device

    def predict(self, magnitudes: Floats) -> Floats:
        """Forecast redshifts, shape (N,), from magnitudes, shape (N, B)."""
        return forecast(self.network, self.scaler(magnitudes).to(self.device)).cpu().numpy()


def find_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` ... into a device that works here.

    Raises
    ------
    ParameterError
        Where there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"no device '{name}' here: {reason}; try --device cpu") from None


def tanaka_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Tanaka et al. 2018: ``mean(1 - 1 / (1 + (dz / 0.15)²))``, dz divided by ``1 + z_true``.

    Parameters
    ----------
    predicted, true : Tensor, shape (N,)
        Redshifts.
    """
    dz = (predicted - true) / (1.0 + true)
    return (1.0 - 1.0 / (1.0 + torch.square(dz / OUTLIER_LIMIT))).mean()


@torch.no_grad()
def forecast(network: PhotometryNetwork, scaled: Tensor) -> Tensor:
    """Forecast in float64, shape (N,), in chunks of rows of `scaled`, shape (N, B)."""
    return torch.cat([network(rows).double() for rows in scaled.split(CHUNK_ROWS)])


def train(
    training: Galaxies,
    validation: Galaxies,
    *,
    seed: int,
    schedule: Schedule | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> TrainedNetwork:
    """Train a network from scratch, with early stopping, and restore its best weights.

    Parameters
    ----------
    training, validation : Galaxies
        What to fit, and what decides when to stop.
    seed : int
        Of initial weights and shuffling; the same seed gives the same network on the same
        hardware.
    schedule : Schedule, optional
        The paper's by default.
    device : str or torch.device
        Where to compute.
    progress : callable, optional
        Called after each epoch with the epoch, its validation loss and the best so far.

    Raises
    ------
    InputError
        Where a set is empty, a band is constant, or no validation loss is finite.
    """
    if not len(training.redshift) or not len(validation.redshift):
        raise InputError("training needs at least one training and one validation galaxy")
    schedule = schedule or Schedule()
    generator = torch.Generator().manual_seed(seed)
    scaler = Scaler.of(training.magnitudes)
    network = PhotometryNetwork(training.magnitudes.shape[1], generator).to(device)
    epochs = _epochs(network, training, scaler, schedule, generator)
    true = torch.from_numpy(validation.redshift).to(device)  # (N,)
    scaled = scaler(validation.magnitudes).to(device)  # (N, B)

    best_loss, best_epoch, best_weights = np.inf, 0, network.state_dict()
    epoch = 0
    for epoch in epochs:
        loss = float(tanaka_loss(forecast(network, scaled), true))  # float64: it decides
        if loss < best_loss:
            best_loss, best_epoch = loss, epoch
            best_weights = copy.deepcopy(network.state_dict())
        if progress:
            progress(epoch, loss, best_loss)
        if epoch - best_epoch >= schedule.patience:
            break
    if not best_epoch:
        raise InputError("no validation loss was finite: the table holds absurd values")
    network.load_state_dict(best_weights)
    return TrainedNetwork(network.eval(), scaler, seed, epoch, best_epoch, best_loss)


def _epochs(
    network: PhotometryNetwork,
    training: Galaxies,
    scaler: Scaler,
    schedule: Schedule,
    generator: torch.Generator,
) -> Iterator[int]:
    """Train one epoch per item, in a new random order each."""
    device = network.head.weight.device
    features = scaler(training.magnitudes).to(device)  # (N, B)
    labels = torch.from_numpy(training.redshift.astype(np.float32)).to(device)  # (N,)
    optimiser = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, fused=True)
    for epoch in range(1, schedule.max_epochs + 1):
        order = torch.randperm(len(labels), generator=generator).to(device)
        batches = zip(
            features[order].split(schedule.batch_size),
            labels[order].split(schedule.batch_size),
            strict=True,
        )
        for magnitudes, redshift in batches:
            optimiser.zero_grad()
            tanaka_loss(network(magnitudes), redshift).backward()
            optimiser.step()
        yield epoch
