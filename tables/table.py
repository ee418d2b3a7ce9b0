"""What every table in a file offers, whatever its format: names, units, types, chunks of rows."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from transferz.schemas.errors import InputError

CHUNK_ROWS = 100_000
BLOCK_BYTES = 1 << 18  # of text that is parsed at once (Arrow holds 32), of a parquet column

Choose = Callable[[Sequence[str]], float]
"""Of the columns' names: how well they are what is looked for, from 0 (not at all) to 1 (all)."""


@dataclass(frozen=True)
class TableFile(ABC):
    """A table in a file.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        All its columns.
    rows : int or None
        How many rows there are, where the file says so before it is read.
    units : mapping of str to str
        Column to its unit, as the file spells it, of the columns that have one.
    notes : tuple of str
        What the file says of itself: FITS keywords, comments above the names, metadata.
    text : bool
        Whether every cell is given as text, as it stands in the file.
    """

    path: Path
    names: tuple[str, ...]
    rows: int | None
    units: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    text: ClassVar[bool] = False

    def flat_names(self) -> tuple[str, ...]:
        """Return the columns that hold one value in each row, as text and numbers are."""
        flat = []
        for name in self.names:
            with contextlib.suppress(InputError):  # arrays of varying length, say
                if not pa.types.is_nested(self.schema([name]).field(0).type):
                    flat.append(name)
        return tuple(flat)

    @abstractmethod
    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return what chunks of some columns are made of."""

    @abstractmethod
    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time.

        Raises
        ------
        InputError
            Where they can't be read, or the file is damaged, if only behind the table.
        """


def require_package(path: Path, package: str, kind: str) -> None:
    """Check that a format can be read and written here.

    Raises
    ------
    InputError
        Where the package that it needs is not installed.
    """
    if find_spec(package) is None:
        raise InputError(f"{path}: {kind} needs the package '{package}': pip install {package}")


def require_columns(path: Path, available: Sequence[str], wanted: Sequence[str]) -> None:
    """Check that a table has each column, once.

    Raises
    ------
    InputError
        Where it has not.
    """
    for name in wanted:
        if name not in available:
            raise InputError(f"{path} has no column '{name}'; it has: {', '.join(available)}")
        if list(available).count(name) > 1:
            raise InputError(f"{path} has more than one column '{name}'")
