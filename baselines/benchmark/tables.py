"""The tables that methods get: all of a training galaxy, only the photometry of a test galaxy."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.schemas.errors import InputError
from transferz.schemas.survey.magnitudes import magnitude_name

ID = "object_id"
CONFIG = "config"
MAGNITUDE_END, ERROR_END = "_mag", "_magsigma"
"""How the names of magnitudes and of their errors end; those of a release do."""

I_BANDS = (magnitude_name("i"), "i_mag")
"""What the i magnitude may be called."""

Floats = npt.NDArray[np.float64]


def band_columns(table: pd.DataFrame) -> list[str]:
    """Columns of magnitudes, in the table's order.

    Raises
    ------
    InputError
        Where there is none.
    """
    names = [str(name) for name in table.columns if str(name).endswith(MAGNITUDE_END)]
    if not names:
        raise InputError(
            f"the table has no magnitudes: expected columns that end in '{MAGNITUDE_END}', "
            f"found {[*table.columns]}"
        )
    return names


def magnitudes(table: pd.DataFrame) -> Floats:
    """AB magnitudes of a table's galaxies, shape (N, B), in the order of its columns.

    Raises
    ------
    InputError
        Where there is none.
    """
    return table[band_columns(table)].to_numpy(np.float64)


def errors(table: pd.DataFrame) -> Floats:
    """Errors of `magnitudes`, shape (N, B).

    Raises
    ------
    InputError
        Where the table lacks one.
    """
    names = [error_name(name) for name in band_columns(table)]
    if absent := [name for name in names if name not in table.columns]:
        raise InputError(f"the table has no errors {', '.join(absent)}")
    return table[names].to_numpy(np.float64)


def magnitude_column(band: str) -> str:
    """What a column of magnitudes of a table of one's own is called here."""
    return band if band.endswith(MAGNITUDE_END) else f"{band}{MAGNITUDE_END}"


def error_name(magnitude: str) -> str:
    """What the errors of a column of magnitudes are called."""
    return magnitude.removesuffix(MAGNITUDE_END) + ERROR_END


def photometry(table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Copy what a method may see when it forecasts: ids, magnitudes and their errors.

    Parameters
    ----------
    table : DataFrame
        N galaxies.
    bands : sequence of str
        Columns of magnitudes.
    """
    seen = [ID, *bands, *(name for name in map(error_name, bands) if name in table.columns)]
    return pd.DataFrame({name: table[name].to_numpy(copy=True) for name in seen})


def ordered(table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
    """Put ids, magnitudes and errors first, as `photometry` has them; then all else.

    So a method finds the same bands in the same places when it learns and when it forecasts.

    Parameters
    ----------
    table : DataFrame
        N galaxies.
    bands : sequence of str
        Columns of magnitudes.
    """
    first = list(photometry(table.iloc[:0], bands).columns)
    return table[[*first, *(name for name in table.columns if name not in first)]]
