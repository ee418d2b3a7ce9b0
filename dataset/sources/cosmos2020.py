"""COSMOS2020 (Weaver et al. 2022, ApJS 258, 11), the CLASSIC catalogue as FITS."""

from pathlib import Path

import pandas as pd

from transferz.dataset.sources.reading import find_file, read_fits
from transferz.schemas import COSMOS2020

PATTERN = "COSMOS2020_CLASSIC_R1_*.fits"


def is_mock(raw: Path) -> bool:
    """Whether the file says of itself that its galaxies are simulated."""
    from astropy.io import fits

    return any("MOCK" in fits.getheader(path, 1) for path in raw.glob(PATTERN))


def read(raw: Path) -> pd.DataFrame:
    """Read COSMOS2020.

    Parameters
    ----------
    raw : Path
        Folder with the upstream file.

    Returns
    -------
    pandas.DataFrame
        The columns of `transferz.schemas.COSMOS2020`.
    """
    remedy = "run the stage 'survey' or put the catalogue there"
    return read_fits(find_file(raw, PATTERN, remedy), COSMOS2020)
