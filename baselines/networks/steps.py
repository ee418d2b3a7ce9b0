"""Take an optimiser step of all networks: eager anywhere, replayed as a CUDA graph on a GPU."""

from collections.abc import Callable

import torch
from torch import Tensor

from transferz.baselines.networks.network import StackedNetworks

Step = Callable[[Tensor], None]
"""Takes the galaxies of each network's batch, indices of shape (S, n)."""

EAGER_STEPS = 3
"""Steps before a graph is captured, as PyTorch asks for: the allocator and cuBLAS settle."""


def make_optimiser(networks: StackedNetworks, learning_rate: float) -> torch.optim.Adam:
    """Make Adam for what is not frozen, in one fused kernel that a CUDA graph can hold."""
    trained = [weight for weight in networks.parameters() if weight.requires_grad]
    capturable = trained[0].is_cuda
    return torch.optim.Adam(trained, lr=learning_rate, fused=True, capturable=capturable)


def take_optimiser(
    optimiser: torch.optim.Adam, networks: StackedNetworks, rows: Tensor
) -> torch.optim.Adam:
    """Go on with the networks at some positions: their moments, the same step count.

    Parameters
    ----------
    optimiser : torch.optim.Adam
        Of the networks before.
    networks : StackedNetworks
        Those that go on, `StackedNetworks.take` of `rows`.
    rows : Tensor, shape (kept,)
        Their positions before.
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

    The networks' losses are added up: no weight is in two of them, so each gets its own gradient.
    `torch.autograd.grad` hands gradients over without nodes that remember a stream, which would be
    in a CUDA graph's way.

    Parameters
    ----------
    networks : StackedNetworks
        S networks, changed in place.
    optimiser : torch.optim.Adam
        Of their weights.
    features : Tensor, shape (N, B)
        Scaled magnitudes of the training set.
    labels : Tensor, shape (N,)
        Its redshifts.
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
    networks change in number a new one is needed, since a graph works on fixed memory.

    Parameters
    ----------
    eager : callable
        The step; all its tensors stay where they are.
    capture : callable
        Takes a function without arguments and returns one that repeats it; `cuda_graph`.
    """

    def __init__(self, eager: Step, capture: "Capture") -> None:
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


Capture = Callable[[Callable[[], None]], Callable[[], None]]


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
