"""TransferZ as its authors released it (Zenodo record 16541823), one CSV file per split."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import fill, find_file, read_any
from transferz.schemas import TRANSFERZ

FILES = {
    "train": "transferz_TRAINING",
    "validation": "transferz_VALIDATION",
    "calibration": "transferz_CONFORMAL",
    "test": "transferz_TESTING",
}
"""Our name of a split to the published file's."""

ENDINGS = (".csv", ".csv.gz")
REMEDY = "run the stage before this one (`dvc repro`) or put the authors' four tables there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read the authors' tables and note the published split of each row.

    Parameters
    ----------
    raw : Path
        Folder with the four files.

    Returns
    -------
    iterator of pyarrow.Table
        The columns of `transferz.schemas.TRANSFERZ`, in chunks of rows.

    Raises
    ------
    InputError
        If a file is missing or not what it should be.
    """
    files = {split: find_file(raw, name, ENDINGS, REMEDY) for split, name in FILES.items()}
    return (
        chunk
        for split, path in files.items()
        for chunk in fill(read_any(path, TRANSFERZ), "published_split", split)
    )
