"""Commands that train."""

from collections.abc import Sequence


def train(argv: Sequence[str]) -> int:
    """Train a baseline and score it."""
    from transferz.baselines.train import main

    return main(argv, prog="transferz train")
