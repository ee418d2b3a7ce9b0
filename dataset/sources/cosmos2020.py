"""COSMOS2020 (Weaver et al. 2022, ApJS 258, 11): the CLASSIC or the FARMER catalogue.

IRSA and CDS distribute each as a FITS table (``COSMOS2020_CLASSIC_R1_v2.2_p3.fits`` and the like),
CDS exports CSV too. An export may have any name where no other file lies beside it.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import find_file, matching, read_any, says_mock
from transferz.schemas import COSMOS2020

PATTERN = "COSMOS2020_*_R1_*"
ENDINGS = (".fits", ".fits.gz", ".csv", ".csv.gz", ".parquet")
REMEDY = "run the stage before this one (`dvc repro`) or put CLASSIC or FARMER there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read COSMOS2020 from a folder, in chunks of the columns of `transferz.schemas.COSMOS2020`."""
    return read_any(find_file(raw, _pattern(raw), ENDINGS, REMEDY), COSMOS2020)


def is_mock(raw: Path) -> bool:
    """Return whether a file says of itself that its galaxies are simulated."""
    return any(says_mock(path) for path in matching(raw, _pattern(raw), ENDINGS))


def _pattern(raw: Path) -> str:
    """What the file's name matches: anything, where none is named as distributed."""
    return PATTERN if matching(raw, PATTERN, ENDINGS) or not matching(raw, "*", ENDINGS) else "*"
