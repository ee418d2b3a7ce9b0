"""The tables that methods get: all of a training galaxy, only the photometry of a test galaxy."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.releases import Release
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import magnitude_name
from transferz.schemas.survey.described import LABEL as LABEL_ROLE
from transferz.schemas.survey.described import SPECTROSCOPIC, Band
from transferz.schemas.survey.files import file_digest
from transferz.schemas.survey.quantities import LABEL, MAGNITUDE, require_magnitudes
from transferz.tables.hats.reading import is_hats, listing
from transferz.tables.printing import printable
from transferz.tables.reading import open_table, read_whole

ID = "object_id"
CONFIG = "config"
MAGNITUDE_END, ERROR_END = "_mag", "_magsigma"
"""How the names of magnitudes and of their errors end in the tables that methods get."""

TESTED_ROLES = (SPECTROSCOPIC, LABEL_ROLE)
"""The roles of configs whose test splits are scored, in the order of tables."""

I_BAND, G_BAND = "i", "g"
"""What a release calls the band whose magnitude LSST's range ends at, and that of colours g - i."""

I_BANDS, G_BANDS = ((magnitude_name(band), f"{band}_mag") for band in "ig")
"""What the i and the g magnitude may be called."""

CURVES = "curves"
"""Of a table's `attrs`: the filter curve of each column of magnitudes, where it is known."""

FILE = "file"
"""What a training set from a file is called."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Galaxies as arrays, which a network can be trained or tested on.

    `magnitudes`, AB, have shape (N, B), the others (N,); `redshift` may be labels. `identifiers`
    are the rows' ids, where the table has a column for them; `dropped` counts the rows of the table
    that are left out because a value is missing.
    """

    magnitudes: Floats
    redshift: Floats
    identifiers: npt.NDArray[Any] | None = None
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.redshift)

    def take(self, rows: npt.NDArray[Any]) -> "Sample":
        """Pick rows, by index or mask."""
        identifiers = None if self.identifiers is None else self.identifiers[rows]
        return Sample(self.magnitudes[rows], self.redshift[rows], identifiers)


def band_columns(table: pd.DataFrame) -> list[str]:
    """Find the columns of magnitudes, in the table's order; an InputError where there is none."""
    names = [str(name) for name in table.columns if str(name).endswith(MAGNITUDE_END)]
    if not names:
        renamed = {"i": magnitude_column("i")}
        raise InputError(
            f"the table has no magnitudes: expected columns that end in '{MAGNITUDE_END}', "
            f"found {[*table.columns]}; rename yours, as in table.rename(columns={renamed}), or "
            "take them by name, as in table[['g', 'i']].to_numpy()"
        )
    return names


def magnitudes(table: pd.DataFrame) -> Floats:
    """Return AB magnitudes of a table's galaxies, shape (N, B), float64, in its columns' order.

    For PyTorch, whose layers are float32, as the table's own columns are:
    ``torch.tensor(magnitudes(table), dtype=torch.float32)``. Nothing is lost by that.

    Raises
    ------
    InputError
        Where there is none.

    Examples
    --------
    >>> table = pd.DataFrame({"g_mag": [22.5, 23.0], "i_mag": [21.5, 21.0], "redshift": [0.3, 1]})
    >>> magnitudes(table)
    array([[22.5, 21.5],
           [23. , 21. ]])
    """
    return table[band_columns(table)].to_numpy(np.float64)


def errors(table: pd.DataFrame) -> Floats:
    """Return the errors of `magnitudes`, shape (N, B), float64.

    Raises
    ------
    InputError
        Where the table lacks one.

    Examples
    --------
    >>> errors(pd.DataFrame({"i_mag": [21.5], "i_magsigma": [0.25]}))
    array([[0.25]])
    """
    names = [error_name(name) for name in band_columns(table)]
    if absent := [name for name in names if name not in table.columns]:
        raise InputError(
            f"the table has no errors {', '.join(absent)}, found {[*table.columns]}; rename yours, "
            "or take them by name, as in table[['g_err', 'i_err']].to_numpy()"
        )
    return table[names].to_numpy(np.float64)


def meant_columns(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return which columns of a table are meant by names of bands that it has not.

    They are called so with ``mag`` before or behind, whatever the case. Empty, where that is not
    clear for each.

    Examples
    --------
    >>> meant_columns(["g", "r"], ["id", "g_mag", "g_magerr", "mag_r"])
    ['g_mag', 'mag_r']
    """
    meant = []
    for band in wanted:
        like = re.compile(rf"(mag_?)?{re.escape(band)}(_?(cmodel_?)?mag)?", re.IGNORECASE)
        alike = [band] if band in names else [name for name in names if like.fullmatch(name)]
        if len(alike) != 1:
            return []
        meant += alike
    return meant


def magnitude_column(band: str) -> str:
    """Name a column of magnitudes of a table of one's own as it is called here."""
    return band if band.endswith(MAGNITUDE_END) else f"{band}{MAGNITUDE_END}"


def band_column(band: Band) -> str:
    """Name a column of magnitudes of a release as methods find it; HSC's are called so there."""
    own = magnitude_name(band.name)
    return own if band.magnitude == own else f"{band.name}{MAGNITUDE_END}"


def band_names(bands: Sequence[Band]) -> dict[str, str]:
    """Return what a release's columns of some bands are called in the tables that methods get."""
    called = [(band, band_column(band)) for band in bands]
    return {band.magnitude: name for band, name in called} | {
        band.error: error_name(name) for band, name in called
    }


def scored_configs(release: Release) -> list[str]:
    """List the configs of a release whose test splits are scored, in the order of tables."""
    configs = release.configs()
    return [configs[role] for role in TESTED_ROLES if role in configs]


def wanted_columns(names: Iterable[str], bands: Sequence[Band], known: Sequence[Band]) -> list[str]:
    """List which of a release's columns methods get, that have `bands` of the `known` ones alone.

    What is called like a magnitude and is none of these would be taken for a band.
    """
    own, every = band_names(bands), band_names(known)

    def is_other(name: str) -> bool:
        return name in every or name.endswith((MAGNITUDE_END, ERROR_END))

    return [name for name in names if name in own or not is_other(name)]


def the_one(names: Sequence[str], columns: Iterable[str]) -> str | None:
    """Return which of some names a table's column has; None for none, two are an InputError."""
    found = [name for name in columns if name in names]
    if len(found) > 1:
        raise InputError(
            f"{' and '.join(found)} may be the same magnitude: leave one of them out, or rename it"
        )
    return found[0] if found else None


def error_name(magnitude: str) -> str:
    """Name the column of errors of a column of magnitudes."""
    return magnitude.removesuffix(MAGNITUDE_END) + ERROR_END


def photometry(table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Copy what a method may see when it forecasts: ids, magnitudes in `bands`, their errors."""
    seen = [ID, *bands, *(name for name in map(error_name, bands) if name in table.columns)]
    return pd.DataFrame({name: table[name].to_numpy(copy=True) for name in seen})


def ordered(table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Put ids, magnitudes in `bands` and their errors first; then all else.

    So a method finds the same bands in the same places when it learns and when it forecasts.
    """
    first = list(photometry(table.iloc[:0], bands).columns)
    return table[[*first, *(name for name in table.columns if name not in first)]]


def read_training_file(path: Path, bands: Sequence[Band], columns: Sequence[str]) -> pd.DataFrame:
    """Read a training set in a release's `columns` from a table of one's own.

    It must have ids, the bands and redshifts, in every row: else an InputError says what is wrong.
    """
    file = open_table(path)
    magnitudes = [band.magnitude for band in bands]
    needed = [ID, *magnitudes, "redshift"]
    if absent := [name for name in needed if name not in file.names]:
        raise InputError(
            f"{path} has no column {', '.join(absent)}; a training set has those of a release: "
            f"{', '.join(needed)}, and more if it likes"
        )
    ours = [name for name in file.names if name in columns]
    frame: pd.DataFrame = read_whole(file, ours).to_pandas()
    values = frame[magnitudes].to_numpy(np.float64)
    require_magnitudes(dict(zip(magnitudes, values.T, strict=True)), path)
    missing = MAGNITUDE.is_missing(values).any(axis=1)
    missing |= LABEL.is_missing(frame["redshift"].to_numpy(np.float64))
    if bad := np.count_nonzero(missing):
        raise InputError(
            f"{path}: {bad} of {len(frame)} rows lack a magnitude or redshift ({MAGNITUDE}; "
            f"{LABEL}); drop them"
        )
    called = frame.rename(columns=band_names(bands)).assign(**{CONFIG: FILE})
    return ordered(called, list(map(band_column, bands)))


def file_facts(path: Path) -> dict[str, str]:
    """Return a file's name, as far as it can be printed, and its ``sha256``, for a record.

    Of a HATS collection, which is a folder, that of the listing of its leaves.
    """
    name = printable(path.name).replace("\\", "\N{REPLACEMENT CHARACTER}")
    if is_hats(path):
        return {"file": name, "sha256": hashlib.sha256(listing(path).encode()).hexdigest()}
    return {"file": name, "sha256": file_digest(path)["sha256"]}
