"""Which columns of a table of forecasts are what."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.baselines.networks.forecasting import PREDICTED, SEED
from transferz.schemas.errors import InputError, ParameterError

POINTS = (
    PREDICTED,
    "z_pred",
    "zpred",
    "z_phot",
    "zphot",
    "photoz",
    "photo_z",
    "z_photo",
    "zmode",
    "z_mode",
    "zmedian",
    "zmean",
    "z_best",
    "predicted",
    "prediction",
    "point",
)
"""Names that a column of forecasts is known by, in this order, whatever their case."""

TRUES = (
    "redshift",
    "z_true",
    "ztrue",
    "true_redshift",
    "redshift_true",
    "z_spec",
    "zspec",
    "specz",
    "spec_z",
    "zs",
    "truth",
)
"""Names that a column of true redshifts is known by."""

IDS = ("object_id", "objectid")
"""Names that a release's ids are known by; an id of another name is named with --id."""


@dataclass(frozen=True, slots=True)
class Form:
    """In which columns the distributions are, and how.

    Attributes
    ----------
    samples : str or None
        Pattern of the columns of samples, such as ``s_*``.
    quantiles : dict of str to float, or None
        Column -> its level.
    pdf : str or None
        Pattern of the columns of a PDF on `grid`.
    grid : ndarray, shape (G,), or None
        Redshifts of those, in the columns' order.
    """

    samples: str | None = None
    quantiles: dict[str, float] | None = None
    pdf: str | None = None
    grid: npt.NDArray[np.float64] | None = None

    def columns(self, there: Sequence[str], path: Path) -> list[str]:
        """Columns that hold the distributions, in order.

        Raises
        ------
        InputError
            Where no column fits the pattern.
        """
        if self.quantiles:
            return list(self.quantiles)
        pattern = self.samples or self.pdf
        if pattern is None:
            return []
        found = fnmatch.filter(there, pattern)
        if not found:
            raise InputError(f"{path} has no column like '{pattern}'; it has: {_list(there)}")
        return sorted(found, key=_numbered)


def _numbered(name: str) -> list[tuple[int, str]]:
    """Sort ``p_2`` before ``p_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name)]


_DIGITS = re.compile(r"(\d+)")


def find_points(given: Sequence[str] | None, there: Sequence[str], path: Path) -> list[str]:
    """Columns of point forecasts: those named, those of all seeds, or the one known by its name.

    Raises
    ------
    InputError
        Where none is known.
    """
    if given:
        return list(given)
    seeds = fnmatch.filter(there, SEED.format("*"))
    if seeds:
        return seeds
    found = [name for name in there if name.lower() in POINTS]
    if len(found) != 1:
        there = found or there
        raise InputError(
            f"{path}: which column holds the forecasts? Name it with --pred; there are: "
            f"{_list(there)}"
        )
    return found


def find_true(given: str | None, there: Sequence[str], path: Path) -> str:
    """Find the column of true redshifts.

    Raises
    ------
    InputError
        Where none is known.
    """
    found = given or known_by(TRUES, there)
    if found is None:
        raise InputError(
            f"{path}: which column holds the true redshifts? Name it with --true, or the ids of a "
            f"release's galaxies with --id; there are: {_list(there)}"
        )
    return found


def known_by(names: Sequence[str], there: Sequence[str]) -> str | None:
    """Return the first column that has one of these names, whatever its case."""
    cased = {name.lower(): name for name in reversed(there)}
    return next((cased[name] for name in names if name in cased), None)


def parse_quantiles(text: str) -> dict[str, float]:
    """Read ``q05=0.05,q50=0.5``.

    Raises
    ------
    ParameterError
        Where it is something else, or levels do not ascend from 0 to 1.
    """
    pairs = [part.split("=") for part in text.split(",")]
    try:
        levels = {name.strip(): float(level) for name, level in pairs}
    except ValueError:
        raise ParameterError(
            f"--quantiles: expected COLUMN=LEVEL parted by commas, found '{text}'"
        ) from None
    found = list(levels.values())
    if sorted(set(found)) != found or not all(0.0 < level < 1.0 for level in found):
        raise ParameterError(f"--quantiles: expected levels that ascend in (0, 1), found {found}")
    return levels


def parse_grid(text: str) -> npt.NDArray[np.float64]:
    """Read ``FROM:TO:COUNT``, redshifts as evenly spaced.

    Raises
    ------
    ParameterError
        Where it is something else.
    """
    try:
        low, high, count = text.split(":")
        grid = np.linspace(float(low), float(high), int(count))
    except ValueError:
        grid = np.empty(0)
    if grid.size < 2 or not grid[0] < grid[-1]:
        raise ParameterError(f"--grid: expected FROM:TO:COUNT such as 0:6:601, found '{text}'")
    return grid


def _list(there: Sequence[str], shown: int = 30) -> str:
    return ", ".join(there[:shown]) + (", ..." if len(there) > shown else "")
