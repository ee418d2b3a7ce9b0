"""Commands that fit templates."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = """\
Fit galaxy templates to real COSMOS2020 photometry and score the redshifts against spectroscopic
ones: as they are, and with per-band offsets fitted by 5-fold cross-validation.
"""


def fit_templates(argv: Sequence[str]) -> int:
    """Score the template fit on each file."""
    parser = argparse.ArgumentParser(prog="transferz fit-templates", description=DESCRIPTION)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a table of fluxes")
    files: list[Path] = parser.parse_args(argv).files

    from transferz.baselines.methods.templates import evaluate, format_table

    for path in files:
        sys.stdout.write(f"{path.name}\n{format_table(evaluate(path))}\n")
        sys.stdout.flush()
    return 0
