"""Show on a terminal how far a training or a table is: one live line, drawn by tqdm.

There is none where stderr is no terminal, as in the logs of CI, or on a bare machine without tqdm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Epoch(NamedTuple):
    """Where a training stands after an epoch.

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


@contextmanager
def epoch_line(title: str, *, quiet: bool = False) -> Iterator[Callable[[Epoch], None] | None]:
    """Show the epochs of the training of `title`; the line is wiped at the end.

    Yields what `transferz.baselines.networks.training.train` takes as `progress`; None where there
    is no line.
    """
    with _live_line(quiet, desc=title, unit=" epochs") as line:

        def show(epoch: Epoch) -> None:
            minutes, seconds = divmod(round(epoch.seconds_left), 60)
            line.set_postfix_str(
                f"{epoch.training}/{epoch.seeds} seeds training, "
                f"validation loss {epoch.loss:.4f}, best {epoch.best_loss:.4f}, "
                f"at least {minutes}:{seconds:02d} left",
                refresh=False,
            )
            line.update()

        yield show if line is not None else None


@contextmanager
def row_line(total: int | None, *, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """Show how many of a table's rows, `total` where known, are done; wiped at the end.

    Yields what `transferz.baselines.networks.forecasting.predict_table` takes as `progress`; None
    where there is no line.
    """
    with _live_line(quiet, total=total, unit=" rows", unit_scale=True) as line:
        yield (lambda done: line.update(done - line.n)) if line is not None else None


@contextmanager
def _live_line(quiet: bool, **options: Any) -> Iterator[Any]:
    """Yield a tqdm bar, or None where nothing is to be shown."""
    try:
        from tqdm import tqdm
    except ImportError:
        quiet = True
    if quiet:
        yield None
        return
    with tqdm(**options, disable=None, leave=False, dynamic_ncols=True, mininterval=0.2) as line:
        yield None if line.disable else line
