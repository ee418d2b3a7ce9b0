"""Options that several commands have, and how their values are read."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transferz.cli import COMMANDS
from transferz.schemas.errors import ParameterError
from transferz.tables.printing import printable

DIGITS = 9  # of a count; more is a slip, and no library takes it
MAX_THREADS = 1024
PARTS = 4  # train, validation, calibration and test


def command_parser(name: str, description: str, example: str = "") -> argparse.ArgumentParser:
    """Return the parser of a command, whose help ends with an example, by default that of `help`.

    A description of several paragraphs stays as it is laid out.
    """
    laid_out = "\n\n" in description or "\n  " in description
    return argparse.ArgumentParser(
        prog=f"transferz {name}",
        description=description,
        epilog=f"example: transferz {name} {example or COMMANDS[name].example}".rstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter
        if laid_out
        else argparse.HelpFormatter,
    )


def say_aside(line: str) -> None:
    """Write a line on what is being done to stderr: stdout is for what a command was asked for."""
    sys.stderr.write(f"{printable(line)}\n")


def column_names(text: str) -> tuple[str, ...]:
    """Read names separated by commas, none of them empty."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected column names parted by commas, found '{text}'")
    return names


def setting(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value a scalar of YAML or a list of such: ``depth=8``, ``k=[5, 9]``.

    ``null`` is None; quotes make a text of what else is a number.
    """
    from transferz.schemas.survey.documents import parse_yaml

    name, equals, written = text.partition("=")
    if not (name.isidentifier() and equals and written.strip()):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found '{text}'")
    try:
        value = parse_yaml(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: no value of YAML: {error}") from None
    for one in value if isinstance(value, list) else [value]:
        real = not isinstance(one, float) or math.isfinite(one)
        if not (real and isinstance(one, bool | int | float | str | None)):
            raise argparse.ArgumentTypeError(
                f"{name}: expected a finite number, a text, true, false, null or a list of these, "
                f"found {one!r}"
            )
    return name, value


def settings(pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any]:
    """Return settings by name; a ParameterError where one is given twice."""
    names = [name for name, _ in pairs or ()]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ParameterError(f"--set {repeated[0]} is given more than once")
    return dict(pairs or ())


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


def add_release_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--release``, the release to use, to a parser or a group of one; also as ``--path``."""
    parser.add_argument(
        "--release", type=Path, metavar="DIR", help="a release directory (default: the one found)"
    )
    parser.add_argument("--path", dest="release", type=Path, help=argparse.SUPPRESS)  # formerly


def add_replace_option(parser: argparse._ActionsContainer, what: str) -> None:
    """Add ``--replace`` to a parser or a group of one; `what` it does. Also as ``--overwrite``."""
    parser.add_argument("--replace", action="store_true", help=what)
    parser.add_argument(  # formerly
        "--overwrite", dest="replace", action="store_true", help=argparse.SUPPRESS
    )


def add_columns_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--columns``, the names of a text table's columns, to a parser or a group of one."""
    parser.add_argument(
        "--columns", type=column_names, help="all its columns' names, for a text table without them"
    )


def add_setting_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--set``, an argument of a method, to a parser or a group of one."""
    parser.add_argument(
        "--set",
        type=setting,
        action="append",
        metavar="NAME=VALUE",
        help="an argument of the method's class or function, such as n_estimators=50; may be "
        "repeated",
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
