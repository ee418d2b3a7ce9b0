"""A training run of many seeds: epochs, early stopping, best weights, seeds that drop out.

Shapes: S seeds in the batch, N galaxies, B bands.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from transferz.baselines.networks.ensemble import Fit, Floats, forecast
from transferz.baselines.networks.network import StackedNetworks
from transferz.baselines.networks.scaling import Scaler
from transferz.baselines.networks.schedule import Epoch, Schedule
from transferz.baselines.networks.steps import make_optimiser, make_step, take_optimiser
from transferz.schemas.errors import InputError

SHUFFLING = 2**32
"""Added to a seed for its shuffling, so that it does not repeat the numbers of the weights."""

FINISHED_SHARE = 1 / 8
"""On a GPU, of the seeds in the batch: a graph is not recorded anew for fewer (our choice)."""


class Galaxies(Protocol):
    """What training needs of a sample; `transferz.baselines.benchmark.own_tables.Sample` is one."""

    @property
    def magnitudes(self) -> Floats:
        """Magnitudes, shape (N, B)."""

    @property
    def redshift(self) -> Floats:
        """True redshifts, shape (N,)."""


@dataclass(frozen=True, slots=True)
class ResidentSet:
    """Galaxies on the device: features of shape (N, B), labels of shape (N,)."""

    features: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls, galaxies: Galaxies, scaler: Scaler, dtype: torch.dtype, device: torch.device
    ) -> "ResidentSet":
        """Scale a sample and move it to a device."""
        labels = torch.from_numpy(galaxies.redshift).to(device)
        return cls(scaler(galaxies.magnitudes, dtype).to(device), labels)


class Run:
    """A run: the networks in the batch, and the best that every seed has had.

    Parameters
    ----------
    training, validation : ResidentSet
        What to fit, and what decides when to stop.
    networks : StackedNetworks
        What to train, one network per seed; changed in place.
    seeds : sequence of int
        Of the shuffling.
    schedule : Schedule
        How long and how fast.

    Attributes
    ----------
    epoch : int
        Epochs trained.
    batch : ndarray of int
        Positions, among all seeds, of the networks that are still being trained.
    best : StackedNetworks
        Each seed's best networks so far.
    """

    def __init__(
        self,
        training: ResidentSet,
        validation: ResidentSet,
        networks: StackedNetworks,
        seeds: Sequence[int],
        schedule: Schedule,
    ) -> None:
        count, device = len(seeds), training.features.device
        self.features = training.features
        self.labels = training.labels.to(training.features.dtype)
        self.validation, self.networks = validation, networks
        self.seeds, self.schedule = seeds, schedule
        self.epoch, self.started = 0, time.monotonic()
        self.batch = np.arange(count)
        self.best = networks.take(torch.arange(count, device=device))
        self.best_loss = np.full(count, np.inf)
        self.best_epoch = np.zeros(count, dtype=np.int64)
        self.last_epoch = np.zeros(count, dtype=np.int64)  # 0 while a seed trains
        self.generators = [torch.Generator(device).manual_seed(SHUFFLING + seed) for seed in seeds]
        self.optimiser = make_optimiser(networks, schedule.learning_rate)
        self._make_step()

    def next_epoch(self) -> Epoch:
        """Train one epoch, compare with the best, let go of the seeds that are finished."""
        self.epoch += 1
        order = self._order()  # (S, N)
        generators = [self.generators[position] for position in self.batch]
        for rows in order.split(self.schedule.batch_size, dim=1):
            self.networks.renew(generators, rows.shape[1])
            self.step(rows)
        losses = self._validation_losses()
        going = self.last_epoch[self.batch] == 0
        self._keep_better(losses, going)
        patience = self.schedule.patience - (self.epoch - self.best_epoch[self.batch])
        self.last_epoch[self.batch[going & (patience <= 0)]] = self.epoch
        standing = self._standing(losses[going], int(patience.max(initial=0)))
        self._compact()
        return standing

    def fits(self) -> tuple[Fit, ...]:
        """How each seed's training went."""
        if lost := [s for s, epoch in zip(self.seeds, self.best_epoch, strict=True) if not epoch]:
            raise InputError(
                f"no validation loss was finite (seed {lost[0]}): the table holds absurd values, "
                "or the learning rate is too high"
            )
        epochs = np.where(self.last_epoch > 0, self.last_epoch, self.epoch)
        rows = zip(self.seeds, epochs, self.best_epoch, self.best_loss, strict=True)
        return tuple(Fit(s, int(last), int(best), float(loss)) for s, last, best, loss in rows)

    def _order(self) -> Tensor:
        count, device = len(self.labels), self.labels.device
        generators = (self.generators[position] for position in self.batch)
        return torch.stack([torch.randperm(count, generator=g, device=device) for g in generators])

    def _validation_losses(self) -> Floats:
        """In float64, since they decide."""
        predicted = forecast(self.networks, self.validation.features)  # (S, N, ...)
        return self.networks.loss(predicted, self.validation.labels).cpu().numpy()

    def _keep_better(self, losses: Floats, going: npt.NDArray[np.bool_]) -> None:
        better = np.flatnonzero(going & (losses < self.best_loss[self.batch]))
        if better.size:
            self.best.put(self._rows(self.batch[better]), self.networks.take(self._rows(better)))
            self.best_loss[self.batch[better]] = losses[better]
            self.best_epoch[self.batch[better]] = self.epoch

    def _standing(self, losses: Floats, patience: int) -> Epoch:
        training = int(np.count_nonzero(self.last_epoch[self.batch] == 0))
        per_epoch = (time.monotonic() - self.started) / self.epoch
        epochs = min(patience, self.schedule.max_epochs - self.epoch)
        found = self.best_loss[np.isfinite(self.best_loss)]
        best = float(found.mean()) if found.size else math.nan
        mean = float(losses.mean())
        return Epoch(self.epoch, training, len(self.seeds), mean, best, epochs * per_epoch)

    def _compact(self) -> None:
        """Drop finished seeds from the batch, so that they cost nothing any more."""
        going = np.flatnonzero(self.last_epoch[self.batch] == 0)
        finished = self.batch.size - going.size
        if going.size and finished < self._least_finished():
            return
        self.batch = self.batch[going]
        if going.size:
            rows = self._rows(going)
            self.networks = self.networks.take(rows)
            self.optimiser = take_optimiser(self.optimiser, self.networks, rows)
            self._make_step()

    def _least_finished(self) -> float:
        return FINISHED_SHARE * self.batch.size if self.labels.is_cuda else 1

    def _make_step(self) -> None:
        self.step = make_step(self.networks, self.optimiser, self.features, self.labels)

    def _rows(self, positions: npt.NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(positions).to(self.labels.device)
