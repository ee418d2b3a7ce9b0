"""A limit on the time that a run may take."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from transferz.baselines.benchmark.calling import MethodError, OutOfTime


class TimeLimit:
    """So many seconds, from when it is made, for training and forecasts: a trial's and all seeds'.

    Without `seconds` there is no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds, self.started = seconds, time.monotonic()

    @contextmanager
    def holding(self, what: str, expected: float = 0.0) -> Iterator[None]:
        """Enter for work that takes the `expected` seconds or more; `what` is it.

        A MethodError says that so much time is not left, before it is begun, or that time was up
        before it ended. It is interrupted then, where Python can do that: in the process's main
        thread, and when a call of compiled code returns.
        """
        if self.seconds is None:
            yield
            return
        left = self.seconds - (time.monotonic() - self.started)
        limit = f"the time limit of {self.seconds:g} s"
        if left <= expected:
            raise MethodError(
                f"{what} was not begun: it takes some {expected:.1f} s, as those before it did, "
                f"and {max(left, 0.0):.1f} s of {limit} are left; give more time"
            )
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            yield
        except OutOfTime:
            raise MethodError(
                f"{what} was stopped after {left:.1f} s: {limit} is over; give more time"
            ) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise OutOfTime
