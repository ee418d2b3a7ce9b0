"""A training set from a table of one's own, in a release's columns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.baselines.benchmark.tables import CONFIG, ID, error_name, ordered
from transferz.schemas import RELEASE
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.magnitudes import BANDS, magnitude_name
from transferz.tables.reading import open_table, read_whole

TRAINING_SETS = ("transferz", "galaxiesml", "combo", "transferz+galaxiesml")
"""Training sets of a release; any other is a file."""

FILE = "file"
"""What a training set from a file is called."""


def read_training_file(path: Path, bands: Sequence[str]) -> pd.DataFrame:
    """Read a training set in a release's columns from a table of one's own.

    Raises
    ------
    ParameterError
        Where there is no such file.
    InputError
        Where it can't be read, or lacks ids, the bands or redshifts.
    """
    if not path.exists():
        raise ParameterError(
            f"--train: expected {', '.join(TRAINING_SETS)} or a file, found '{path}', which is none"
        )
    file = open_table(path)
    needed = [ID, *bands, "redshift"]
    if absent := [name for name in needed if name not in file.names]:
        raise InputError(
            f"{path} has no column {', '.join(absent)}; a training set has those of a release: "
            f"{', '.join(needed)}, and more if it likes"
        )
    ours = [name for name in file.names if name in RELEASE.names and is_wanted(name, bands)]
    frame: pd.DataFrame = read_whole(file, ours).to_pandas()
    values = frame[[*bands, "redshift"]].to_numpy(np.float64)
    if bad := int((~np.isfinite(values)).any(axis=1).sum()):
        raise InputError(
            f"{path}: {bad} of {len(frame)} rows lack a magnitude or redshift; drop them"
        )
    return ordered(frame.assign(**{CONFIG: FILE}), bands)


def is_wanted(name: str, bands: Sequence[str]) -> bool:
    """Whether a column is that of a band that is wanted, or of none."""
    others = [magnitude_name(band) for band in BANDS if magnitude_name(band) not in bands]
    return name not in others and name not in map(error_name, others)


def refuse_shared(
    learned: pd.DataFrame, tested: pd.DataFrame, bands: Sequence[str], name: str, test_name: str
) -> None:
    """Refuse galaxies to learn from that have the very magnitudes of galaxies to test on.

    Ids can be renumbered and positions be absent; all bands equal to the last digit is no chance.

    Parameters
    ----------
    learned, tested : DataFrame
        Both with the columns `bands`.
    bands : sequence of str
        Magnitudes.
    name, test_name : str
        What messages call the two.

    Raises
    ------
    InputError
        With how many.
    """
    ours, theirs = (one[list(bands)].astype(np.float32) for one in (learned, tested))
    shared = theirs.merge(ours.drop_duplicates(), on=list(bands))
    if len(shared):
        raise InputError(
            f"{name}: {len(shared):,} of the {len(tested):,} galaxies of {test_name} are learned "
            "from under another id: the magnitudes are the same; leave them out of one of the two"
        )
