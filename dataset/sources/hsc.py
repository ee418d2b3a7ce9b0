"""HSC-SSP (PDR2 or PDR3) photometry in the COSMOS field, as the archive's query returns it."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import find_file, read_any
from transferz.schemas import HSC

PATTERN = "*"
ENDINGS = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet")
REMEDY = "run the stage before this one (`dvc repro`) or put the query's result there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read the HSC objects.

    Parameters
    ----------
    raw : Path
        Folder with nothing but the query's result.

    Returns
    -------
    iterator of pyarrow.Table
        The columns of `transferz.schemas.HSC`, in chunks of rows.

    Raises
    ------
    InputError
        If the file is missing, is one of several, or is not what it should be.
    """
    return read_any(find_file(raw, PATTERN, ENDINGS, REMEDY), HSC)
