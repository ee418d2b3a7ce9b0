"""What arguments of several commands are made of."""

import argparse


def column_names(text: str) -> tuple[str, ...]:
    """Split names at commas."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected column names parted by commas, found '{text}'")
    return names


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found '{text}'")
    return int(text)
