"""Apply photometry networks to rows, fast, and so that a row's forecast hangs on that row alone.

The last bits of a matrix product hang on how many rows it has and on how threads share it. So each
product here has the same number of rows, the last piece is filled up, and a piece is one thread's:
the same row gives the same bits whatever stands beside it, in any order, on any number of threads.
That is the fastest way too. A piece, its two layers of units and the weights between them, stays in
the cache of a core, and threads do not wait for each other.

Shapes: S networks (seeds), N galaxies, B bands, R rows of a piece, H units per hidden layer.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn.functional import pad

from transferz.baselines.networks.network import StackedNetworks

ROWS = 256
"""R on a CPU: 200 kB for a layer's units. With 512 a core of 1 MB of cache is a third slower."""

GPU_FORECASTS = 262_144
"""S times R on a GPU, which is fast where it has much to do: 210 MB of float32 per hidden layer."""


def forecast_pieces(networks: StackedNetworks, scaled: Tensor) -> Tensor:
    """Forecast redshifts in float64, shape (S, N), of scaled magnitudes, shape (N, B).

    On a CPU, as many threads work as PyTorch has for this thread.
    """
    if scaled.is_cuda:
        return _whole_pieces(networks, scaled, max(1, GPU_FORECASTS // len(networks)))
    forecasts = scaled.new_empty(len(networks), len(scaled))
    starts = iter(range(0, len(scaled), ROWS))  # which all threads share
    layers = [list(_weights(networks, position)) for position in range(len(networks))]
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads) as pool:
            needed = min(threads, -(-len(scaled) // ROWS))
            works = [pool.submit(_work, layers, scaled, forecasts, starts) for _ in range(needed)]
            for work in works:
                work.result()
    finally:
        torch.set_num_threads(threads)  # threads that are made later have as many as the last said
    return forecasts.double()


@torch.no_grad()
def _whole_pieces(networks: StackedNetworks, scaled: Tensor, rows: int) -> Tensor:
    """Forecast pieces of `rows` rows, one after the other, each in one go."""
    filled = pad(scaled, (0, 0, 0, -len(scaled) % rows))
    parts = [networks(part).double() for part in filled.split(rows)]
    return torch.cat(parts, dim=1)[:, : len(scaled)]


def _weights(networks: StackedNetworks, position: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the matrix and the bias of each layer of a network, each at an address of its own.

    An allocation is aligned, which a row of a stack is not: that too may change the last bits.
    """
    for weight, bias in zip(networks.weights, networks.biases, strict=True):
        yield weight.detach()[position].clone(), bias.detach()[position, 0].clone()


@torch.no_grad()
def _work(
    layers: list[list[tuple[Tensor, Tensor]]],
    scaled: Tensor,
    forecasts: Tensor,
    starts: Iterable[int],
) -> None:
    """Forecast pieces from the rows `starts` on until there is none left, in one thread."""
    torch.set_num_threads(1)
    piece = scaled.new_zeros(ROWS, scaled.shape[1])  # (R, B)
    units = layers[0][1][0].shape[0]
    before, after = scaled.new_empty(ROWS, units), scaled.new_empty(ROWS, units)
    heads = [(w[: piece.shape[1]].clone(), w[piece.shape[1] :].clone(), b) for *_, (w, b) in layers]
    found, beside = scaled.new_empty(ROWS, 1), scaled.new_empty(ROWS, 1)
    for start in starts:
        rows = scaled[start : start + ROWS]
        piece[: len(rows)] = rows
        for position, ((weight, bias), *hidden, _) in enumerate(layers):
            torch.addmm(bias, piece, weight, out=before).relu_()  # (R, H)
            for weight, bias in hidden:
                torch.addmm(bias, before, weight, out=after).relu_()
                before, after = after, before
            of_input, of_units, bias = heads[position]  # the head has both, and no activation
            torch.addmm(bias, piece, of_input, out=beside)
            torch.addmm(beside, before, of_units, out=found)
            forecasts[position, start : start + ROWS] = found[: len(rows), 0]
