"""Folders that a command is to write: refused before any work where they hold something else."""

from collections.abc import Collection
from pathlib import Path

from transferz.schemas.errors import InputError


def check_folder(directory: Path, ours: Collection[str], what: str, *, replace: bool) -> None:
    """Refuse an output directory that holds something, and make its parent.

    Parameters
    ----------
    directory : Path
        It need not exist.
    ours : collection of str
        Names of the files that an older output has.
    what : str
        What such an output is called.
    replace : bool
        An older output may be replaced; nothing else may.

    Raises
    ------
    InputError
        Where it holds something that may not go, or its parent can't be made.
    """
    try:
        if directory.exists() and not _may_go(directory, ours if replace else ()):
            raise InputError(
                f"--out {directory} exists already; remove it or name another"
                + (f": it holds more than a {what}" if replace else ", or give --replace")
            )
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't write to --out {directory}: {error}") from None


def _may_go(directory: Path, ours: Collection[str]) -> bool:
    return directory.is_dir() and {path.name for path in directory.iterdir()} <= set(ours)
