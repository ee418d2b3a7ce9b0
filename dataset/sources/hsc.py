"""HSC-SSP (PDR2 or PDR3) photometry in the COSMOS field, as the archive's query returns it."""

from pathlib import Path

import pandas as pd

from transferz.dataset.sources.reading import find_file, read_csv
from transferz.schemas import HSC

PATTERN = "*.csv*"


def read(raw: Path) -> pd.DataFrame:
    """Read the HSC objects.

    Parameters
    ----------
    raw : Path
        Folder with nothing but the query's result.

    Returns
    -------
    pandas.DataFrame
        The columns of `transferz.schemas.HSC`.
    """
    remedy = "run the stage 'survey' or put the query's result there"
    return read_csv(find_file(raw, PATTERN, remedy), HSC)
