"""GalaxiesML (Do et al. 2024, arXiv:2410.00271): tables, or image files whose images stay unread.

Zenodo record 11117528 has a file per published split, as CSV and as HDF5 with images; 10145347 has
``hsc_{train,validation,test}.csv``, and 5528827 the whole compilation ``HSC_v6.csv`` without
splits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import find_file, matching, read_any
from transferz.schemas import GALAXIESML, InputError

EDITIONS: tuple[Mapping[str, str], ...] = (
    {"train": "*_training*", "validation": "*_validation*", "test": "*_testing*"},
    {"train": "hsc_train", "validation": "hsc_validation", "test": "hsc_test"},
    {"": "HSC_v6"},
)
"""Our name of a published split to its file's name, for each way the set was published."""

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
HDF5 = (".hdf5", ".h5")
REMEDY = "run the stage before this one (`dvc repro`) or put GalaxiesML's tables there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read GalaxiesML's tables from a folder and note the published split of each row.

    The folder holds the files of one edition; where a split lies there both as CSV and as HDF5,
    the CSV is read.
    """
    first_files = [matching(raw, next(iter(one.values())), CSV + HDF5) for one in EDITIONS]
    present = [number for number, files in enumerate(first_files) if files]
    if len(present) > 1:
        names = ", ".join(first_files[number][0].name for number in present)
        raise InputError(f"{raw}: expected one edition of GalaxiesML, found {names}; keep one")
    parts = []
    for split, pattern in EDITIONS[present[0] if present else 0].items():
        endings = CSV if matching(raw, pattern, CSV) else CSV[:2] + HDF5
        path = find_file(raw, pattern, endings, REMEDY)
        parts.append(read_any(path, GALAXIESML, published_split=split))
    return (chunk for chunks in parts for chunk in chunks)
