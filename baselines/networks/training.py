"""Train many initialisations of the photometry network together, each as if it were alone.

The schedule is that of the group's public code for arXiv:2411.18054; the loop is plain PyTorch
with the data resident on the device. Each seed has its own shuffling, its own early stopping and
its own best weights, and leaves the batch when it is finished.
"""

from collections.abc import Callable, Sequence

import torch

from transferz.baselines.networks.ensemble import Ensemble
from transferz.baselines.networks.network import LAYERS, StackedNetworks
from transferz.baselines.networks.run import Galaxies, ResidentSet, Run
from transferz.baselines.networks.scaling import Scaler
from transferz.baselines.networks.schedule import Progress, Schedule
from transferz.schemas.errors import InputError, ParameterError

Make = Callable[[int, Sequence[int]], StackedNetworks]


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
    progress: Progress | None = None,
) -> Ensemble:
    """Train a network per seed, with early stopping, and restore each one's best weights.

    Parameters
    ----------
    training, validation : Galaxies
        What to fit, and what decides when to stop.
    seeds : sequence of int
        Of initial weights and shuffling, one per network. A seed gives the same network on the
        same hardware, up to rounding whatever the other seeds are.
    schedule : Schedule, optional
        The paper's by default.
    start : Ensemble, optional
        Networks to fine-tune, seed by seed; their scaler is kept. New ones by default.
    make : callable
        Makes new networks from the number of bands and the seeds.
    device : str or torch.device
        Where to compute.
    dtype : torch.dtype
        Of weights and arithmetic.
    progress : callable, optional
        Called after each epoch.

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
    fitted, watched = (
        ResidentSet.of(one, scaler, dtype, torch.device(device)) for one in (training, validation)
    )
    run = Run(fitted, watched, networks.to(device=device, dtype=dtype), seeds, schedule)
    while run.batch.size and run.epoch < schedule.max_epochs:
        standing = run.next_epoch()
        if progress:
            progress(standing)
    return Ensemble(run.best.eval().requires_grad_(False), scaler, run.fits())


def _initial(
    bands: int, seeds: Sequence[int], schedule: Schedule, start: Ensemble | None, make: Make
) -> StackedNetworks:
    """The networks that training starts from, with what is to be kept frozen."""
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
