"""Commands that train networks and use them."""

from collections.abc import Sequence


def train(argv: Sequence[str]) -> int:
    """Train a baseline and score it."""
    from transferz.cli.train_command import main

    return main(argv, prog="transferz train")


def predict(argv: Sequence[str]) -> int:
    """Forecast the redshifts of a table."""
    from transferz.cli.predict_command import main

    return main(argv, prog="transferz predict")
