"""GalaxiesML (Do et al. 2024, arXiv:2410.00271), one CSV file per published split."""

from pathlib import Path

import pandas as pd

from transferz.dataset.sources.reading import find_file, read_csv
from transferz.schemas import GALAXIESML
from transferz.schemas.frames import pandas_dtype

PATTERNS = {
    "train": "*_training_*.csv",
    "validation": "*_validation_*.csv",
    "test": "*_testing_*.csv",
}
"""Our name of a split to the file of the published one."""


def read(raw: Path) -> pd.DataFrame:
    """Read GalaxiesML's tables and note the published split of each row.

    Parameters
    ----------
    raw : Path
        Folder with the three files.

    Returns
    -------
    pandas.DataFrame
        The columns of `transferz.schemas.GALAXIESML`.
    """
    return pd.concat([_read_split(raw, split) for split in PATTERNS], ignore_index=True)


def _read_split(raw: Path, split: str) -> pd.DataFrame:
    remedy = "run the stage 'survey' or put GalaxiesML's tables there"
    frame = read_csv(find_file(raw, PATTERNS[split], remedy), GALAXIESML)
    published = pd.Series(split, frame.index, dtype=pandas_dtype(GALAXIESML["published_split"]))
    return frame.assign(published_split=published)
