"""One live line about a training run, on a terminal."""

import sys

from transferz.baselines.networks.schedule import Epoch, Progress


def progress_line(title: str, *, quiet: bool = False) -> Progress | None:
    """Return what shows a run's progress: one line that is overwritten each epoch.

    Parameters
    ----------
    title : str
        What is being trained.
    quiet : bool
        Show nothing.

    Returns
    -------
    callable or None
        None where it is to be quiet or stderr is no terminal, as in the logs of CI.
    """
    if quiet or not sys.stderr.isatty():
        return None

    def show(epoch: Epoch) -> None:
        sys.stderr.write(f"\r{describe(title, epoch)}\033[K")
        sys.stderr.flush()

    return show


def describe(title: str, epoch: Epoch) -> str:
    """Say where a run stands."""
    return (
        f"{title}  epoch {epoch.epoch}  {epoch.training}/{epoch.seeds} seeds training  "
        f"validation loss {epoch.loss:.4f}, best {epoch.best_loss:.4f}  "
        f"at least {clock(epoch.seconds_left)} left"
    )


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def clear_line() -> None:
    """Wipe the line on a terminal, so that what follows stands alone."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
