"""How long and how fast to train, and where a run stands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


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
        Epochs without a better validation loss after which a seed stops.
    frozen : tuple of int
        Layers that keep their weights, from 1 (next to the input) to 5 (the head).
    """

    learning_rate: float = 5e-4
    batch_size: int = 100
    max_epochs: int = 1000
    patience: int = 10
    frozen: tuple[int, ...] = ()


PAPER = Schedule()
"""The group's public photometry network's."""


class Epoch(NamedTuple):
    """Where a run stands after an epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    training, seeds : int
        Seeds still training, and all of them.
    loss, best_loss : float
        Validation loss: the mean over the seeds still training, and that of all seeds' best.
    seconds_left : float
        At least: until the patience of the last seed ends, if it does not get better again.
    """

    epoch: int
    training: int
    seeds: int
    loss: float
    best_loss: float
    seconds_left: float


Progress = Callable[[Epoch], None]
