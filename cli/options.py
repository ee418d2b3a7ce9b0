"""Options that several commands have, and how their values are read."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from transferz.schemas.errors import ParameterError

DIGITS = 9  # of a count; more is a slip, and no library takes it
MAX_THREADS = 1024
PARTS = 4  # train, validation, calibration and test


def column_names(text: str) -> tuple[str, ...]:
    """Read names separated by commas, none of them empty."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected column names parted by commas, found '{text}'")
    return names


def positive(text: str) -> int:
    """Read a whole number above 0, of nine digits at most."""
    if not text.isdecimal() or len(text) > DIGITS or int(text) == 0:
        raise argparse.ArgumentTypeError(
            f"expected a whole number above 0, of {DIGITS} digits at most, found '{text[:60]}'"
        )
    return int(text)


def _threads(text: str) -> int:
    """Read a number of threads, at most `MAX_THREADS`: more would take the machine down."""
    if (count := positive(text)) > MAX_THREADS:
        raise argparse.ArgumentTypeError(f"expected {MAX_THREADS} at most, found {count}")
    return count


def fractions(text: str) -> tuple[float, ...]:
    """Read the parts into which a table is split: four numbers separated by commas."""
    try:
        parts = tuple(float(part) for part in text.split(","))
    except ValueError:
        parts = ()
    if len(parts) != PARTS:
        raise argparse.ArgumentTypeError(f"expected four numbers parted by commas, found '{text}'")
    return parts


def add_release_option(parser: argparse._ActionsContainer, name: str = "--release") -> None:
    """Add an option for the directory of the release to use to a parser or a group of one."""
    parser.add_argument(
        name, type=Path, metavar="DIR", help="a release directory (default: the one found)"
    )


def add_columns_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--columns``, the names of a text table's columns, to a parser or a group of one."""
    parser.add_argument(
        "--columns", type=column_names, help="all its columns' names, for a text table without them"
    )


def add_machine_options(parser: argparse._ActionsContainer) -> None:
    """Add ``--device`` and ``--threads``, where networks run, to a parser or a group of one."""
    from transferz.baselines.networks.environment import default_threads

    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, ... (default: a GPU where there is one)"
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        default=default_threads(),
        metavar="N",
        help="CPU threads (default: OMP_NUM_THREADS or all cores, here %(default)s)",
    )


def require_given(
    args: argparse.Namespace, names: Sequence[str], needed: object, option: str
) -> None:
    """Refuse options that say something of another one, where that is not given.

    `names` are attributes of `args` such as ``test_bands``, None where an option was not given;
    `needed` is the other option's value, `option` what it is called, such as ``--table``.
    """
    for name in names:
        if not needed and getattr(args, name) is not None:
            flag = name.replace("_", "-")
            raise ParameterError(f"--{flag} is about a {option}, and none is given")
