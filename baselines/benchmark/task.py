"""What a method is benchmarked on: what it learns from, what it is tested on, and no label of that.

From a release's splits, or from a table of one's own that is split by hash as `transferz train`
does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.tables import CONFIG, ID, ordered, photometry
from transferz.baselines.benchmark.training_file import (
    FILE,
    TRAINING_SETS,
    is_wanted,
    read_training_file,
    refuse_shared,
)
from transferz.baselines.leaks.leaks import read_objects, refuse_leaks
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas import RELEASE
from transferz.schemas.benchmark.entries import EntryTraining, FileFacts, TableData
from transferz.schemas.benchmark.results import Data
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.files import file_digest
from transferz.schemas.survey.magnitudes import BANDS, magnitude_name
from transferz.schemas.survey.manifest import read_manifest

TESTED = ("transferz", "galaxiesml")
"""Configs on whose test splits every method is scored."""

FILE_VALIDATION = "combo"
"""Whose validation split goes with a training set from a file (our choice)."""

TEST, CALIBRATION = "test", "calibration"


@dataclass(frozen=True, slots=True)
class TestSet:
    """Galaxies to forecast, and what methods do not see of them.

    Attributes
    ----------
    table : DataFrame
        Ids, magnitudes and their errors of N galaxies.
    redshift : ndarray of float32, shape (N,)
        Their labels.
    i_mag : ndarray of float32, shape (N,)
        i magnitudes; NaN where there is no such band.
    """

    table: pd.DataFrame
    redshift: npt.NDArray[np.float32]
    i_mag: npt.NDArray[np.float32]

    @property
    def object_id(self) -> npt.NDArray[np.int64]:
        """Ids, shape (N,)."""
        return self.table[ID].to_numpy(np.int64)


@dataclass(frozen=True, slots=True)
class Task:
    """All that a benchmark run needs.

    Attributes
    ----------
    bands : tuple of str
        Columns of magnitudes that methods get.
    training, validation : DataFrame
        With labels.
    calibration : dict of str to DataFrame
        Test set -> galaxies like those, with labels, for methods that calibrate themselves.
    tests : dict of str to TestSet
        What is forecast and scored.
    learned : EntryTraining
        What it is that methods learn from, for the record.
    data : Data or TableData
        The release, or the tables, for the record.
    """

    bands: tuple[str, ...]
    training: pd.DataFrame
    validation: pd.DataFrame
    calibration: dict[str, pd.DataFrame]
    tests: dict[str, TestSet]
    learned: EntryTraining
    data: Data | TableData


def from_release(
    release: Release,
    training: str,
    bands: Sequence[str] | None = None,
    *,
    calibrates: bool = False,
) -> Task:
    """Take the splits of a release.

    Parameters
    ----------
    release : Release
        Whose test splits are forecast.
    training : str
        One of `TRAINING_SETS`, or a file in the columns of a release.
    bands : sequence of str, optional
        Letters of bands, or their columns; all by default.
    calibrates : bool
        Whether the method is calibrated: then calibration galaxies may not be learned from either.

    Raises
    ------
    ReleaseError, ParameterError, InputError
        Where a split or band is not there, the file can't be used, or it, or a training split,
        contains test galaxies.
    """
    columns = release_bands(bands)
    if training in TRAINING_SETS:
        configs = training.split("+")
        sets = [_splits(release, configs, split, columns) for split in ("train", "validation")]
        table = None
    else:
        path = Path(training)
        validation = _splits(release, [FILE_VALIDATION], "validation", columns)
        sets = [read_training_file(path, columns), validation]
        table = FileFacts(file=path.name, sha256=file_digest(path)["sha256"])
    learned = dict(zip(("training", "validation"), sets, strict=True))
    held = (TEST, CALIBRATION) if calibrates else (TEST,)
    refuse_leaks(learned, read_objects(release, TESTED, held), f"'{training}'")
    calibration = {
        config: _splits(release, [config], CALIBRATION, columns)
        for config in TESTED
        if CALIBRATION in release.files().get(config, {})
    }
    tests = {config: _test_set(release, config, columns) for config in TESTED}
    name = training if table is None else FILE
    if table is not None:
        for config, test in tests.items():
            refuse_shared(sets[0], test.table, columns, training, f"{config}'s test split")
    facts = describe_training(name, sets[0], sets[1], table)
    configs = [*TESTED, *(training.split("+") if table is None else [FILE_VALIDATION])]
    return Task(columns, sets[0], sets[1], calibration, tests, facts, describe(release, configs))


def release_bands(bands: Sequence[str] | None) -> tuple[str, ...]:
    """Columns of magnitudes of a release, of bands by letter or column; all by default.

    Raises
    ------
    ParameterError
        Where there is no such band, or one is named twice.
    """
    known = {name: magnitude_name(band) for band in BANDS for name in (band, magnitude_name(band))}
    wanted = list(BANDS) if bands is None else list(bands)
    if unknown := [name for name in wanted if name not in known]:
        raise ParameterError(f"--bands: a release has {','.join(BANDS)}, found '{unknown[0]}'")
    columns = tuple(known[name] for name in wanted)
    if len(set(columns)) < len(columns):
        raise ParameterError(f"--bands: a band is named twice, found {','.join(wanted)}")
    return columns


def describe(release: Release, configs: Sequence[str]) -> Data:
    """Say which release it is, with the content that is used."""
    content = read_manifest(release.path).get("content", {})
    used = {name: content[name] for name in dict.fromkeys(configs) if name in content}
    facts = {
        name: {
            split: {"rows": one["rows"], "hash": one["content"]} for split, one in splits.items()
        }
        for name, splits in used.items()
    }
    return Data.model_validate(
        {
            "name": "transferz",
            "version": release.version,
            "survey": release.survey,
            "mock": release.mock,
            "content": facts,
        }
    )


def describe_training(
    name: str, training: pd.DataFrame, validation: pd.DataFrame, table: FileFacts | None = None
) -> EntryTraining:
    """Say what is learned from; `calibrated` adds what a method is calibrated on."""
    rows = {"train": _rows(training), "validation": _rows(validation), "calibration": None}
    facts = None if table is None else table.model_dump()
    return EntryTraining.model_validate({"set": name, "rows": rows, "table": facts})


def calibrated(task: Task) -> EntryTraining:
    """What a method learned from that calibrates itself too."""
    facts = task.learned.model_dump()
    facts["rows"]["calibration"] = {name: len(one) for name, one in task.calibration.items()}
    return EntryTraining.model_validate(facts)


def _splits(
    release: Release, configs: Sequence[str], split: str, bands: Sequence[str]
) -> pd.DataFrame:
    """Galaxies of a split of one or more configs, with all that is known of them."""
    frames = [_read(release, config, split, bands).assign(**{CONFIG: config}) for config in configs]
    return pd.concat(frames, ignore_index=True)


def _test_set(release: Release, config: str, bands: Sequence[str]) -> TestSet:
    whole = _read(release, config, TEST, [magnitude_name(band) for band in BANDS])
    redshift, i_mag = (
        whole[name].to_numpy(np.float32) for name in ("redshift", magnitude_name("i"))
    )
    return TestSet(photometry(whole, bands), redshift, i_mag)


def _read(release: Release, config: str, split: str, bands: Sequence[str]) -> pd.DataFrame:
    names = [name for name in RELEASE.names if is_wanted(name, bands)]
    return ordered(read_rows(release, config, split, names).to_pandas(), bands)


def _rows(table: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(count) for name, count in table[CONFIG].value_counts(sort=False).items()}
