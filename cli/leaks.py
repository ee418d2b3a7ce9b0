"""The command that looks for test galaxies in a training table."""

from collections.abc import Sequence


def check_leak(argv: Sequence[str]) -> int:
    """Look for test galaxies in a table."""
    from transferz.cli.leak_command import main

    return main(argv, prog="transferz check-leak")
