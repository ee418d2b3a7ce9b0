"""Which columns of a file of forecasts are what: named by the user, or known by their names.

Nothing is chosen between two candidates, and every choice is said.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transferz.baselines.networks import PREDICTED
from transferz.baselines.scores.probability import Distribution, GridPDF, Quantiles, Samples
from transferz.schemas.errors import InputError
from transferz.tables.printing import first_few

POINTS = tuple(
    f"{PREDICTED} z_pred zpred z_phot zphot photoz photo_z z_photo zmode z_mode zmedian z_median "
    "zmean z_mean z_best predicted prediction point".split()
)
"""Names that a column of forecasts is known by, whatever their case."""

TRUE_REDSHIFTS = (
    *("redshift", "z_true", "true_redshift", "redshift_true", "ztrue", "true_z", "true"),
    *("z_spec", "zspec", "specz", "spec_z", "zs", "truth"),
)
"""Names that true redshifts are known by."""

IDS = ("object_id", "objectid")
"""Names that a release's ids are known by; an id of another name is to be named."""

QP_IDS = (*IDS, "galaxy_id", "id", "ids")
"""The same in a qp file, where ids may have any of these."""

OPTIONS = {
    **{"true": "--true", "points": "--pred", "identifier": "--id", "names": "--columns"},
    **{"samples": "--samples", "quantiles": "--quantiles", "pdf": "--pdf", "grid": "--grid"},
    **{"truth": "--truth ", "in_order": "--in-order", "allow_missing": "--allow-missing"},
}
"""What arguments are called on the command line."""

SHOWN = 30  # columns that a message names
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Floats = npt.NDArray[np.float64]


def only_known(
    known: Sequence[str], names: Iterable[str], what: str, argument: str, path: Path | str
) -> str | None:
    """Return the one column of a table that has a known name, whatever its case; None for none.

    Several are an InputError, which names them and the `argument` that says which holds `what`.
    """
    found = [name for name in names if name.casefold() in known]
    if len(found) > 1:
        raise InputError(
            f"{path}: which column holds the {what}? There are {first_few(found, SHOWN)}; name one "
            f"with {argument}",
            **OPTIONS,
        )
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class DistributionColumns:
    """In which columns of a table the distributions are, and how; in none by default.

    `samples` is a pattern of the columns of samples, such as ``s_*``; `quantiles` has the level of
    each column; `pdf` is a pattern of the columns of a PDF at the redshifts `grid`, in that order
    and of any spacing. Without `grid` the columns' names tell it: ``p_0.00``, ``p_0.05``, ...
    """

    samples: str | None = None
    quantiles: dict[str, float] | None = None
    pdf: str | None = None
    grid: Floats | None = None

    def find(self, names: Sequence[str], path: Path) -> list[str]:
        """Find the columns among those of a table, ``p_2`` before ``p_10`` and ``p_0.05`` first."""
        if self.quantiles:
            return list(self.quantiles)
        pattern = self.samples or self.pdf
        if pattern is None:
            return []
        matching = fnmatch.filter(names, pattern)
        if not matching:
            raise InputError(
                f"{path} has no column like '{pattern}'; it has: {first_few(names, SHOWN)}"
            )
        return self._by_number(matching, path) if self.pdf and len(matching) > 1 else matching

    def _by_number(self, names: list[str], path: Path) -> list[str]:
        """Put a PDF's columns in order of the numbers that stand for the pattern's star.

        Those are places, or the redshifts of the grid: others, none, or one twice are an
        InputError, as the order is not known then.
        """
        marks = self._marks(names)
        numbers = np.array([float(mark) for mark in marks])
        if np.unique(numbers).size < len(names):
            raise InputError(
                f"{path}: the order of the PDF's columns {first_few(names)} can't be told from "
                f"their names: expected one number in place of the star in '{self.pdf}', each once;"
                " rename them, or write one column of lists"
            )
        order = np.argsort(numbers)
        places = all(mark.isdecimal() for mark in marks) and np.ptp(numbers) == len(names) - 1
        if self.grid is not None and self.grid.size == len(names) and not places:
            apart = np.abs(numbers[order] - self.grid)
            if (apart > 0.5 * np.diff(self.grid).min()).any():
                row = int(apart.argmax())
                raise InputError(
                    f"{path}: column '{names[order[row]]}' would be the PDF at {self.grid[row]:g} "
                    "by grid=; give the grid that the columns' names tell, or number them from 0",
                    **OPTIONS,
                )
        return [names[k] for k in order]

    def _marks(self, names: Sequence[str]) -> list[str]:
        """Return what stands for the pattern's star in names; nothing where not all are numbers."""
        head, _, tail = str(self.pdf).partition("*")
        marks = [name[len(head) : len(name) - len(tail)] for name in names]
        plain = not set("*?[") & {*head, *tail} and all(NUMBER.fullmatch(mark) for mark in marks)
        return marks if plain else []

    def redshifts(self, names: Sequence[str]) -> Floats | None:
        """Return the grid: the one that is given, or that which the columns' names tell.

        None where they tell none: whole numbers alone may be places.
        """
        if self.grid is not None or not self.pdf:
            return self.grid
        marks = self._marks(names)
        return None if all(mark.isdecimal() for mark in marks) else np.array(marks, np.float64)

    def read(self, values: Floats, names: Sequence[str], path: Path) -> Distribution:
        """Make the distributions of N galaxies from the columns' values, shape (N, M).

        Where they are no distributions, the error names the file and the first of the columns.
        """
        grid = self.redshifts(names)
        try:
            if self.quantiles:
                return Quantiles(np.array(list(self.quantiles.values())), values)
            if self.samples:
                return Samples(values)
            if grid is not None and grid.size == values.shape[1]:
                return GridPDF(grid, values)
        except ValueError as error:
            raise InputError(f"{path}, columns {names[0]} ...: {error}") from None
        count = "none" if grid is None else str(grid.size)
        raise InputError(
            f"{path}: grid= has {count} redshifts for {values.shape[1]} values of the PDF; give "
            "FROM:TO:COUNT with as many, a file of them, or name the columns by their redshifts: "
            "p_0.00, p_0.05",
            **OPTIONS,
        )


POINTS_ONLY = DistributionColumns()


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """What a user says of a file's columns; what is None is looked for.

    `true`, `identifier` and `magnitude` (i) are a column each, `points` a column per seed; `names`
    are those of all columns, for a text table without them. `labelled` says whether the truth must
    be told from this file, by its ids or its true redshifts. `flag`, a column of how little each
    forecast is to be trusted, is not looked for.
    """

    true: str | None = None
    points: tuple[str, ...] | None = None
    identifier: str | None = None
    magnitude: str | None = None
    distribution: DistributionColumns = POINTS_ONLY
    names: tuple[str, ...] | None = None
    labelled: bool = True
    flag: str | None = None
