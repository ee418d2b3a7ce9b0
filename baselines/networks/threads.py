"""Read chunks ahead and write them behind, a thread each, while others are computed with."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WAITING = 2
"""Chunks read and not yet used, or not yet written, at most (our choice): they are in memory."""

Chunk = TypeVar("Chunk")


@contextlib.contextmanager
def read_ahead(chunks: Iterable[Chunk], most: int = WAITING) -> Iterator[Iterator[Chunk]]:
    """Yield an iterator of chunks, in their order; up to `most` are read meanwhile, in a thread.

    What goes wrong in reading is raised where the chunk would have come.

    Examples
    --------
    >>> with read_ahead(["a", "b", "c"]) as chunks:
    ...     list(chunks)
    ['a', 'b', 'c']
    """
    source = iter(chunks)
    with _one_thread() as pool:

        def used() -> Iterator[Chunk]:
            waiting = deque(pool.submit(next, source, None) for _ in range(most))
            while (chunk := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(next, source, None))
                yield chunk

        yield used()


@contextlib.contextmanager
def write_behind(write: Callable[..., None], most: int = WAITING) -> Iterator[Callable[..., None]]:
    """Yield what calls `write` with its arguments, in a thread, one call after the other.

    It waits where `most` calls are not done yet. What goes wrong in a call is raised by a later
    one, or when the block ends: all are done then.

    Examples
    --------
    >>> written = []
    >>> with write_behind(written.append) as write:
    ...     write("a")
    ...     write("b")
    >>> written
    ['a', 'b']
    """
    with _one_thread() as pool:
        waiting: deque[Future[None]] = deque()

        def later(*arguments: object) -> None:
            if len(waiting) >= most:
                waiting.popleft().result()
            waiting.append(pool.submit(write, *arguments))

        yield later
        while waiting:
            waiting.popleft().result()


@contextlib.contextmanager
def _one_thread() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of one thread; after an error, what waits in it is not begun any more."""
    pool = ThreadPoolExecutor(1)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
