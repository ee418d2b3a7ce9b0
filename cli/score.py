"""The command that scores forecasts."""

from collections.abc import Sequence


def score(argv: Sequence[str]) -> int:
    """Score forecasts in a file."""
    from transferz.cli.score_command import main

    return main(argv, prog="transferz score")
