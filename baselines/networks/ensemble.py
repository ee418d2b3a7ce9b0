"""Forecast with trained networks, one per seed, as one object.

Shapes: S seeds, N galaxies, B bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from transferz.baselines.networks.network import StackedNetworks
from transferz.schemas.errors import InputError, ParameterError

CHUNK_FORECASTS = 262_144
"""Seeds times galaxies of a forecast at once: 210 MB of float32 per hidden layer."""

Floats = npt.NDArray[np.float64]


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

    def __call__(self, magnitudes: Floats, dtype: torch.dtype = torch.float32) -> Tensor:
        """Scale (N, B) magnitudes to about 0-1."""
        scaled = (magnitudes - self.minimum) / (self.maximum - self.minimum)
        return torch.from_numpy(scaled).to(dtype)


@dataclass(frozen=True, slots=True)
class Fit:
    """How one seed's training went.

    Attributes
    ----------
    seed : int
        Of its initial weights and its shuffling.
    epochs, best_epoch : int
        Epochs trained, and the one (from 1) whose weights were kept.
    validation_loss : float
        At the best epoch.
    """

    seed: int
    epochs: int
    best_epoch: int
    validation_loss: float


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The networks of one method, with their best weights.

    Attributes
    ----------
    networks : StackedNetworks
        S networks.
    scaler : Scaler
        What their input is scaled with.
    fits : tuple of Fit
        One per network, in their order.
    """

    networks: StackedNetworks
    scaler: Scaler
    fits: tuple[Fit, ...]

    def __len__(self) -> int:
        return len(self.fits)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order of the networks."""
        return tuple(fit.seed for fit in self.fits)

    def scaled(self, magnitudes: Floats) -> Tensor:
        """Scale magnitudes (N, B) as the networks take them, on their device."""
        weight = self.networks.weights[0]
        return self.scaler(magnitudes, weight.dtype).to(weight.device)

    def predict(self, magnitudes: Floats) -> Floats:
        """Forecast redshifts, shape (S, N), a row per seed in the order of `fits`.

        Parameters
        ----------
        magnitudes : ndarray, shape (N, B)
            In the bands and the order trained on.
        """
        return forecast(self.networks, self.scaled(magnitudes)).cpu().numpy()

    def take(self, seeds: Sequence[int]) -> "Ensemble":
        """Copy the networks of some seeds, in the order given.

        Raises
        ------
        ParameterError
            Where a seed is not there.
        """
        positions = self._positions(seeds)
        rows = torch.tensor(positions, device=self.networks.weights[0].device)
        fits = tuple(self.fits[position] for position in positions)
        return replace(self, networks=self.networks.take(rows), fits=fits)

    def to(self, device: torch.device) -> "Ensemble":
        """Move the networks to a device, in place."""
        self.networks.to(device)
        return self

    def _positions(self, seeds: Sequence[int]) -> list[int]:
        place = {seed: position for position, seed in enumerate(self.seeds)}
        if missing := [seed for seed in seeds if seed not in place]:
            raise ParameterError(
                f"the model has {len(self)} seeds, {min(place)} to {max(place)}, and none for seed "
                f"{missing[0]}; train it with as many seeds as are wanted here"
            )
        return [place[seed] for seed in seeds]


@torch.no_grad()
def forecast(networks: StackedNetworks, scaled: Tensor) -> Tensor:
    """Forecast in float64, shape (S, N, ...), in chunks of rows of `scaled`, shape (N, B)."""
    rows = max(1, CHUNK_FORECASTS // len(networks))
    return torch.cat([networks(part).double() for part in scaled.split(rows)], dim=1)
