"""The command that trains networks."""

from collections.abc import Sequence


def train(argv: Sequence[str]) -> int:
    """Train a baseline and score it."""
    from transferz.cli.train_command import main

    return main(argv, prog="transferz train")
