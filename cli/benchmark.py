"""The command that scores methods."""

from collections.abc import Sequence


def benchmark(argv: Sequence[str]) -> int:
    """Train a method and score it on both test splits."""
    from transferz.cli.benchmark_command import main

    return main(argv, prog="transferz benchmark")
