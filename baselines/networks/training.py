"""Train many initialisations of the photometry network together, each as if it were alone.

The schedule is that of the group's public code for arXiv:2411.18054; the loop is plain PyTorch
with the data resident on the device. Each seed has its own shuffling, its own early stopping and
its own best weights, and leaves the batch when it is finished. An optimiser step of all networks is
eager anywhere, and replayed as a CUDA graph on a GPU.

Shapes: S seeds in the batch, N galaxies, B bands.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from transferz.baselines.networks.ensemble import Ensemble, Fit, Floats, Scaler, forecast
from transferz.baselines.networks.environment import Epoch
from transferz.baselines.networks.network import LAYERS, StackedNetworks
from transferz.schemas.errors import InputError, ParameterError

SHUFFLING = 2**32
"""Added to a seed for its shuffling, so that it does not repeat the numbers of the weights."""

FINISHED_SHARE = 1 / 8
"""On a GPU, of the seeds in the batch: a graph is not recorded anew for fewer (our choice)."""

EAGER_STEPS = 3
"""Steps before a graph is captured, as PyTorch asks for: the allocator and cuBLAS settle."""

Make = Callable[[int, Sequence[int]], StackedNetworks]
"""Makes new networks from the number of bands and the seeds."""

Step = Callable[[Tensor], None]
"""Takes the galaxies of each network's batch, indices of shape (S, n)."""

Capture = Callable[[Callable[[], None]], Callable[[], None]]
"""Records a function without arguments and returns one that repeats it; `cuda_graph` is one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; the defaults are the paper's.

    The learning rate is Adam's. An epoch's last batch may be smaller than `batch_size` galaxies. A
    seed stops after `patience` epochs without a better validation loss. Layers that are `frozen`
    keep their weights; they count from 1 (next to the input) to 5 (the head).
    """

    learning_rate: float = 5e-4
    batch_size: int = 100
    max_epochs: int = 1000
    patience: int = 10
    frozen: tuple[int, ...] = ()


PAPER = Schedule()
"""The group's public photometry network's."""


class Galaxies(Protocol):
    """What training needs of a sample; `transferz.baselines.benchmark.tables.Sample` is one."""

    @property
    def magnitudes(self) -> Floats:
        """Magnitudes, shape (N, B)."""

    @property
    def redshift(self) -> Floats:
        """True redshifts, shape (N,)."""


class ResidentSet(NamedTuple):
    """Galaxies on the device: scaled magnitudes of shape (N, B), redshifts of shape (N,)."""

    features: Tensor
    labels: Tensor


def train(
    training: Galaxies,
    validation: Galaxies,
    *,
    seeds: Sequence[int],
    schedule: Schedule | None = None,
    start: Ensemble | None = None,
    make: Make = StackedNetworks.from_seeds,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Callable[[Epoch], None] | None = None,
) -> Ensemble:
    """Train a network per seed, with early stopping, and restore each one's best weights.

    `training` is what to fit, `validation` decides when to stop. The seeds are those of initial
    weights and shuffling; a seed gives the same network on the same hardware, up to rounding
    whatever the other seeds are. Networks to fine-tune, seed by seed, come from `start`, whose
    scaler is kept, or else `make` makes new ones. `dtype` is that of weights and arithmetic;
    `progress` is called after each epoch.

    Raises
    ------
    InputError
        Where a set is empty, a band is constant, or a seed has no finite validation loss.
    ParameterError
        Where `start` lacks a seed or has other bands, or no layer is left to train.
    """
    if not len(training.redshift) or not len(validation.redshift):
        raise InputError("training needs at least one training and one validation galaxy")
    schedule = schedule or Schedule()
    scaler = start.scaler if start else Scaler.of(training.magnitudes)
    networks = _initial(training.magnitudes.shape[1], seeds, schedule, start, make)
    networks = networks.to(device=device, dtype=dtype)
    fitted, watched = (
        ResidentSet(
            scaler(galaxies.magnitudes, dtype).to(device),
            torch.from_numpy(galaxies.redshift).to(device),
        )
        for galaxies in (training, validation)
    )
    run = TrainingRun(fitted, watched, networks, seeds, schedule)
    while run.batch.size and run.epoch < schedule.max_epochs:
        epoch = run.next_epoch()
        if progress:
            progress(epoch)
    return Ensemble(run.best.eval().requires_grad_(False), scaler, run.fits())


def _initial(
    bands: int, seeds: Sequence[int], schedule: Schedule, start: Ensemble | None, make: Make
) -> StackedNetworks:
    """Return the networks that training starts from, with what is to be kept frozen."""
    if start and start.networks.bands != bands:
        raise ParameterError(
            f"the model to start from takes {start.networks.bands} bands, the table gives {bands}; "
            "name as many, in its order"
        )
    if unknown := set(schedule.frozen) - set(range(1, LAYERS + 1)):
        raise ParameterError(f"no layer {min(unknown)} to freeze; they count from 1 to {LAYERS}")
    if len(set(schedule.frozen)) == LAYERS:
        raise ParameterError(f"all {LAYERS} layers are frozen; leave one to train")
    networks = start.take(seeds).networks if start else make(bands, seeds)
    networks.requires_grad_(True)
    networks.freeze(schedule.frozen)
    return networks


class TrainingRun:
    """A run: the networks in the batch, and the best that every seed has had.

    The networks, one per seed, are changed in place; the seeds are those of the shuffling. `epoch`
    counts the epochs trained, `batch` holds the positions, among all seeds, of the networks that
    are still being trained, `best` each seed's best networks so far.
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
        self.step = make_step(networks, self.optimiser, self.features, self.labels)

    def next_epoch(self) -> Epoch:
        """Train one epoch, compare with the best, let go of the seeds that are finished."""
        self.epoch += 1
        count, device = len(self.labels), self.labels.device
        generators = [self.generators[position] for position in self.batch]

        # Each network goes through the training set once, in an order of its own.
        order = torch.stack(
            [torch.randperm(count, generator=g, device=device) for g in generators]
        )  # (S, N)
        for rows in order.split(self.schedule.batch_size, dim=1):
            self.networks.renew(generators, rows.shape[1])
            self.step(rows)

        # Validation losses decide: they are in float64. Seeds that are finished but still in the
        # batch have none that counts.
        predicted = forecast(self.networks, self.validation.features)  # (S, N, ...)
        losses = self.networks.loss(predicted, self.validation.labels).cpu().numpy()  # (S,)
        going = self.last_epoch[self.batch] == 0
        better = np.flatnonzero(going & (losses < self.best_loss[self.batch]))
        if better.size:
            self.best.put(self._rows(self.batch[better]), self.networks.take(self._rows(better)))
            self.best_loss[self.batch[better]] = losses[better]
            self.best_epoch[self.batch[better]] = self.epoch

        patience = self.schedule.patience - (self.epoch - self.best_epoch[self.batch])
        self.last_epoch[self.batch[going & (patience <= 0)]] = self.epoch
        epoch = self._describe(losses[going], int(patience.max(initial=0)))
        self._compact()
        return epoch

    def fits(self) -> tuple[Fit, ...]:
        """Return how each seed's training went."""
        if lost := [s for s, epoch in zip(self.seeds, self.best_epoch, strict=True) if not epoch]:
            raise InputError(
                f"no validation loss was finite (seed {lost[0]}): the table holds absurd values, "
                "or the learning rate is too high"
            )
        epochs = np.where(self.last_epoch > 0, self.last_epoch, self.epoch)
        rows = zip(self.seeds, epochs, self.best_epoch, self.best_loss, strict=True)
        return tuple(Fit(s, int(last), int(best), float(loss)) for s, last, best, loss in rows)

    def _describe(self, losses: Floats, patience: int) -> Epoch:
        training = int(np.count_nonzero(self.last_epoch[self.batch] == 0))
        seconds_per_epoch = (time.monotonic() - self.started) / self.epoch
        epochs_left = min(patience, self.schedule.max_epochs - self.epoch)
        finite = self.best_loss[np.isfinite(self.best_loss)]
        return Epoch(
            epoch=self.epoch,
            training=training,
            seeds=len(self.seeds),
            loss=float(losses.mean()),
            best_loss=float(finite.mean()) if finite.size else math.nan,
            seconds_left=epochs_left * seconds_per_epoch,
        )

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
            self.step = make_step(self.networks, self.optimiser, self.features, self.labels)

    def _least_finished(self) -> float:
        return FINISHED_SHARE * self.batch.size if self.labels.is_cuda else 1

    def _rows(self, positions: npt.NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(positions).to(self.labels.device)


def make_optimiser(networks: StackedNetworks, learning_rate: float) -> torch.optim.Adam:
    """Make Adam for what is not frozen, in one fused kernel that a CUDA graph can hold."""
    trained = [weight for weight in networks.parameters() if weight.requires_grad]
    capturable = trained[0].is_cuda
    return torch.optim.Adam(trained, lr=learning_rate, fused=True, capturable=capturable)


def take_optimiser(
    optimiser: torch.optim.Adam, networks: StackedNetworks, rows: Tensor
) -> torch.optim.Adam:
    """Go on with `networks`, those at the positions `rows` before.

    They keep their moments and the step count.
    """
    (group,) = optimiser.param_groups
    taken = make_optimiser(networks, group["lr"])
    for old, new in zip(group["params"], taken.param_groups[0]["params"], strict=True):
        state = optimiser.state[old]
        taken.state[new] = {
            name: value if name == "step" else value[rows] for name, value in state.items()
        }
    return taken


def eager_step(
    networks: StackedNetworks, optimiser: torch.optim.Adam, features: Tensor, labels: Tensor
) -> Step:
    """Make a step that runs operation by operation.

    `features` (N, B) are the training set's scaled magnitudes, `labels` (N,) its redshifts. The
    networks' losses are added up: no weight is in two of them, so each gets its own gradient.
    `torch.autograd.grad` hands gradients over without nodes that remember a stream, which would be
    in a CUDA graph's way.
    """
    trained = optimiser.param_groups[0]["params"]

    def step(rows: Tensor) -> None:
        optimiser.zero_grad()  # first: the new gradients then take the old ones' memory
        loss = networks.objective(features[rows], labels[rows]).sum()
        for weight, gradient in zip(trained, torch.autograd.grad(loss, trained), strict=True):
            weight.grad = gradient
        optimiser.step()

    return step


class ReplayedStep:
    """The same step, recorded once and replayed: it costs one launch instead of about fifty.

    The first steps, and those of another batch size (an epoch's last), are eager. After the
    networks change in number a new one is needed, since a graph works on fixed memory: all tensors
    of the `eager` step stay where they are.
    """

    def __init__(self, eager: Step, capture: Capture) -> None:
        self._eager = eager
        self._capture = capture
        self._steps = 0
        self._rows = torch.empty(0)
        self._replay: Callable[[], None] | None = None

    def __call__(self, rows: Tensor) -> None:
        """Take a step on the galaxies `rows`, indices of shape (S, n)."""
        if self._steps == 0:
            self._rows = rows.clone()  # where the graph finds its batch
        if rows.shape != self._rows.shape or self._steps < EAGER_STEPS:
            self._eager(rows)
        else:
            self._rows.copy_(rows)
            self._replayed()
        self._steps += 1

    def _replayed(self) -> None:
        if self._replay is None:
            self._replay = self._capture(lambda: self._eager(self._rows))
        self._replay()


def cuda_graph(run: Callable[[], None]) -> Callable[[], None]:
    """Record what `run` launches on the GPU, without executing it, and return its replay."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def make_step(
    networks: StackedNetworks, optimiser: torch.optim.Adam, features: Tensor, labels: Tensor
) -> Step:
    """Make the fastest step that the device has; see `eager_step` for the parameters."""
    eager = eager_step(networks, optimiser, features, labels)
    return ReplayedStep(eager, cuda_graph) if features.is_cuda else eager
