"""HSC-SSP (PDR2 or PDR3) photometry in the COSMOS field, as the archive's query returns it."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import find_file, read_any
from transferz.schemas import HSC

ENDINGS = (".csv", ".csv.gz", ".fits", ".fits.gz", ".parquet")
REMEDY = "run the stage before this one (`dvc repro`) or put the query's result there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read HSC's objects from a folder that holds nothing but the query's result."""
    return read_any(find_file(raw, "*", ENDINGS, REMEDY), HSC)
