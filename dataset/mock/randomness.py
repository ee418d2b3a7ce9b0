"""Seeds: one independent generator per purpose, and SkyPy's global state kept in check."""

import contextlib
from collections.abc import Iterator
from zlib import crc32

import numpy as np


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a generator of its own for a named purpose.

    Streams of different names are independent, so that a change in how one part of the mock draws
    its numbers leaves the other parts as they were.

    Parameters
    ----------
    seed : int
        The mock's seed.
    *purpose : str
        What the numbers are for, as in ``("hsc", "noise")``.

    Returns
    -------
    numpy.random.Generator
        PCG64, seeded from the seed and the name.
    """
    return np.random.default_rng([seed, crc32("/".join(purpose).encode())])


@contextlib.contextmanager
def global_seed(seed: int, *purpose: str) -> Iterator[None]:
    """Seed numpy's global generator inside the block and put its state back afterwards.

    SkyPy draws from ``np.random``; nothing else in this package does.

    Parameters
    ----------
    seed : int
        The mock's seed.
    *purpose : str
        As for `generator`.
    """
    state = np.random.get_state()  # noqa: NPY002 (SkyPy's own source of numbers)
    np.random.seed(generator(seed, *purpose).integers(2**32))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
