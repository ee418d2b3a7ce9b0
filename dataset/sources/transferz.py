"""TransferZ as its authors released it (Zenodo record 16541823), one CSV file per split."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import find_file, read_any
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
    """Read the authors' four tables from a folder and note the published split of each row."""
    files = {split: find_file(raw, name, ENDINGS, REMEDY) for split, name in FILES.items()}
    parts = [read_any(path, TRANSFERZ, published_split=split) for split, path in files.items()]
    return (chunk for chunks in parts for chunk in chunks)
