"""GalaxiesML (Do et al. 2024, arXiv:2410.00271): tables, or image files whose images stay unread.

Zenodo record 11117528 has a file per published split, as CSV and as HDF5 with images; 10145347 has
``hsc_{train,validation,test}.csv``, and 5528827 the whole compilation ``HSC_v6.csv`` without
splits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from transferz.dataset.sources.reading import CSV, HDF5, fill, find_file, matching, only, read_any
from transferz.schemas import GALAXIESML, InputError

EDITIONS: tuple[Mapping[str, str], ...] = (
    {"train": "*_training*", "validation": "*_validation*", "test": "*_testing*"},
    {"train": "hsc_train", "validation": "hsc_validation", "test": "hsc_test"},
    {"": "HSC_v6"},
)
"""Our name of a published split to its file's name, for each way the set was published."""

REMEDY = "run the stage before this one (`dvc repro`) or put GalaxiesML's tables there"


def read(raw: Path) -> Iterator[pa.Table]:
    """Read GalaxiesML's tables and note the published split of each row.

    Parameters
    ----------
    raw : Path
        Folder with the files of one edition; where a split lies there both as CSV and as HDF5,
        the CSV is read.

    Returns
    -------
    iterator of pyarrow.Table
        The columns of `transferz.schemas.GALAXIESML`, in chunks of rows.

    Raises
    ------
    InputError
        If a file is missing, several could be meant, or one is not what it should be.
    """
    edition = _edition(raw)
    files = {split: _file(raw, pattern) for split, pattern in edition.items()}
    return (chunk for split, path in files.items() for chunk in _read_split(path, split))


def _edition(raw: Path) -> Mapping[str, str]:
    """Return the edition whose first file is there, the newest where none is."""
    firsts = [matching(raw, next(iter(one.values())), CSV + HDF5) for one in EDITIONS]
    present = [found[0] for found in firsts if found]
    if len(present) > 1:
        names = ", ".join(path.name for path in present)
        raise InputError(f"{raw}: expected one edition of GalaxiesML, found {names}; keep one")
    return next((one for one, found in zip(EDITIONS, firsts, strict=True) if found), EDITIONS[0])


def _file(raw: Path, pattern: str) -> Path:
    tables = matching(raw, pattern, CSV)
    return only(tables) if tables else find_file(raw, pattern, CSV[:2] + HDF5, REMEDY)


def _read_split(path: Path, split: str) -> Iterator[pa.Table]:
    chunks = read_any(path, GALAXIESML)
    return fill(chunks, "published_split", split) if split else chunks
