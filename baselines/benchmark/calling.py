"""Call a method's code, say which call it was where it fails, and keep what it changes from us.

A method may work in a folder of its own, tell NumPy to raise, PyTorch to compute in float64, or end
the process. Its own code finds all that again when it is called next; nobody else's does.
"""

import os
import random
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from transferz.schemas.errors import TransferZError

HERE = Path(__file__).parent

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""How something of the process is asked for, and how it is set."""


class MethodError(TransferZError):
    """A method that can't be run: its code failed, or what it returned is no forecast.

    Its cause is what the method's code raised, where it raised something.
    """


def failure(what: str, error: BaseException, columns: Collection[str] = ()) -> MethodError:
    """Say which call failed, such as ``k-NN: fit, seed 3``, with the traceback of the method.

    An error of ours has a text for the user, and needs no traceback. Where the call looked for a
    column that is none of the `columns` of the tables it was given, that is said too, at the end.
    """
    if isinstance(error, TransferZError):
        return MethodError(f"{what}: {error}", **error.options)
    inner = error.__traceback__
    while inner and inner.tb_next and Path(inner.tb_frame.f_code.co_filename).parent == HERE:
        inner = inner.tb_next
    lines = "".join(traceback.format_exception(type(error), error, inner)).rstrip()
    reason = " ".join(str(error).split()) or "no reason given"
    lines = "\n".join([lines, *_absent_column(error, columns)])
    return MethodError(f"{what} raised {type(error).__name__}: {reason}\n{lines}")


def is_about_a_label(error: BaseException | None) -> bool:
    """Tell whether pandas raised an error, as there is no column, or row, of some name."""
    if not isinstance(error, KeyError):
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return "pandas" in Path(frame.f_code.co_filename).parts


def _absent_column(error: BaseException, columns: Collection[str]) -> Iterator[str]:
    """Name the first column that was looked for in vain, and those that there are."""
    if not (columns and is_about_a_label(error)):
        return
    text = re.sub(r"dtype='\w+'", "", str(error))  # of a list of names, pandas writes a sentence
    absent = [name for name in re.findall(r"'([^']*)'", text) if name not in columns]
    if absent:
        yield f"The table has no column '{absent[0]}'; it has: {', '.join(columns)}"


class OutOfTime(BaseException):
    """A run has no time left; no ``except Exception`` of a method's takes it for a failure."""


class Surroundings:
    """What a method has made of the process: its folder, its settings, its random numbers."""

    def __init__(self) -> None:
        self._theirs: dict[str, Any] = {}  # nothing before the method's code has run

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Forget, in the end, what the method's code changes meanwhile."""
        before = self._theirs
        try:
            yield
        finally:
            self._theirs = before

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let the method's code find what it left, and put back what we had when it is done."""
        ours = _current()
        _put_back(self._theirs)
        with warnings.catch_warnings(), _going_on():
            try:
                yield
            finally:
                self._theirs = _current()
                _put_back(_BEFORE | ours)

    @contextmanager
    def calling(self, what: str, columns: Collection[str] = ()) -> Iterator[None]:
        """Enter for a call, and raise a MethodError that says `what` it was where it fails.

        That a method ends the process, by ``sys.exit`` or ``os._exit``, is a failure too. `columns`
        are those of the tables that it is given.
        """
        with self.entered():
            try:
                yield
            except (KeyboardInterrupt, OutOfTime):
                raise
            except BaseException as error:
                raise failure(what, error, columns) from error


_BEFORE = {"dtype": "float32", "gradients": True}
"""Of PyTorch, where the method's code was the first to import it."""


def _settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {
        "folder": (_folder, _go),
        "errors": (np.geterr, lambda kinds: np.seterr(**kinds)),
        "handler": (np.geterrcall, np.seterrcall),
        "numpy": (np.random.get_state, np.random.set_state),
        "random": (random.getstate, random.setstate),
        "stdout": (lambda: sys.stdout, lambda stream: setattr(sys, "stdout", stream)),
        "stderr": (lambda: sys.stderr, lambda stream: setattr(sys, "stderr", stream)),
    }
    if torch := sys.modules.get("torch"):  # it is not imported for this
        found |= {
            "dtype": (
                lambda: str(torch.get_default_dtype()).removeprefix("torch."),
                lambda name: torch.set_default_dtype(getattr(torch, name)),
            ),
            "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
            "threads": (torch.get_num_threads, torch.set_num_threads),
            "products": (
                torch.get_float32_matmul_precision,
                torch.set_float32_matmul_precision,
            ),
            "torch": (torch.get_rng_state, torch.set_rng_state),
        }
    return found


def _folder() -> Path | None:
    """The working directory; None where it has been removed."""
    with suppress(OSError):
        return Path.cwd()
    return None


def _go(folder: Path | None) -> None:
    with suppress(OSError):  # it may have been a temporary one
        if folder:
            os.chdir(folder)


def _current() -> dict[str, Any]:
    return {name: ask() for name, (ask, _) in _settings().items()}


def _put_back(values: Mapping[str, Any]) -> None:
    for name, (_, put) in _settings().items():
        if name in values:
            put(values[name])


@contextmanager
def _going_on() -> Iterator[None]:
    """Let ``os._exit`` raise SystemExit: a command must not end with nothing said.

    A process that the method has forked ends as it always does.
    """
    end, ours = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != ours:
            end(status)
        raise SystemExit(f"os._exit({status}) would have ended the command")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = end
