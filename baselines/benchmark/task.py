"""What a method is benchmarked on: what it learns from, what it is tested on, and no label of that.

From a release's splits, or from a table of one's own that is split by hash as `transferz train`
does it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.baselines.benchmark.tables import (
    CONFIG,
    CURVES,
    FILE,
    G_BANDS,
    I_BANDS,
    ID,
    band_column,
    band_names,
    file_facts,
    ordered,
    photometry,
    read_training_file,
    scored_configs,
    the_one,
    wanted_columns,
)
from transferz.baselines.leaks.leaks import read_objects, refuse_leaks
from transferz.baselines.leaks.photometry import refuse_shared
from transferz.releases import Release
from transferz.rows import read_rows
from transferz.schemas.benchmark.entries import Data, EntryTraining, FileFacts, TableData
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.described import (
    LABEL,
    ROLES,
    SPECTROSCOPIC,
    TRUTH,
    UNION,
    Band,
    default_config,
)
from transferz.schemas.survey.release import CONFIGS
from transferz.schemas.survey.stated import columns_of

FEW = 500
"""Galaxies to learn from in a trial; half as many of each other table (our choice)."""

TEST, CALIBRATION = "test", "calibration"
LEARNED = ("train", "validation")

Column = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TestSet:
    """Galaxies to forecast, and what methods do not see of them.

    `table` has ids, magnitudes and their errors of N galaxies, all else is of shape (N,): their
    labels, the i and g magnitudes (NaN where there is no such band), and true redshifts, which only
    a mock has (NaN where an object is no galaxy).
    """

    table: pd.DataFrame
    redshift: Column
    i_mag: Column
    g_mag: Column | None = None
    truth: Column | None = None

    @classmethod
    def of(
        cls, known: pd.DataFrame, bands: Sequence[str], truth: Column | None = None
    ) -> "TestSet":
        """Part what a method may see, magnitudes in `bands`, from what is known of galaxies."""

        def single(names: Sequence[str]) -> Column:
            name = the_one(names, known)
            values = np.nan if name is None else known[name].to_numpy(np.float32)
            return np.broadcast_to(np.asarray(values, np.float32), (len(known),))

        own = single(["redshift"]), single(I_BANDS), single(G_BANDS)
        return cls(photometry(known, bands), *own, truth)

    def take(self, rows: npt.NDArray[np.int64]) -> "TestSet":
        """Pick galaxies by their rows."""
        table = self.table.iloc[rows].reset_index(drop=True)
        own = self.redshift[rows], self.i_mag[rows]
        return TestSet(
            table, *own, *(None if one is None else one[rows] for one in (self.g_mag, self.truth))
        )

    @property
    def object_id(self) -> npt.NDArray[np.int64]:
        """Ids, shape (N,)."""
        return self.table[ID].to_numpy(np.int64)


@dataclass(frozen=True, slots=True)
class Task:
    """All that a benchmark run needs."""

    bands: tuple[str, ...]  # columns of magnitudes that methods get
    # with labels
    training: pd.DataFrame
    validation: pd.DataFrame
    # test set -> galaxies like those, with labels, for methods that calibrate themselves
    calibration: dict[str, pd.DataFrame]
    tests: dict[str, TestSet]  # what is forecast and scored
    learned: EntryTraining  # what it is that methods learn from, for the record
    data: Data | TableData  # the release, or the tables, for the record
    columns: tuple[str, ...] = ()  # what the data themselves call the bands

    def few(self) -> "Task":
        """Take a few hundred galaxies of each table, spread over it, for a trial."""

        def rows(table: Any, most: int) -> npt.NDArray[np.int64]:
            count = len(table.redshift)
            return np.linspace(0, count - 1, min(count, most)).astype(np.int64)

        def frame(table: pd.DataFrame, most: int) -> pd.DataFrame:
            return table.iloc[rows(table, most)].reset_index(drop=True)

        return replace(
            self,
            training=frame(self.training, FEW),
            validation=frame(self.validation, FEW // 2),
            calibration={name: frame(one, FEW // 2) for name, one in self.calibration.items()},
            tests={name: one.take(rows(one, FEW // 2)) for name, one in self.tests.items()},
        )

    @property
    def source(self) -> dict[str, Any]:
        """Return what is learned from, for the record of a model: the same for the same data.

        What a release holds decides that, and not what it is called.
        """
        facts = self.learned.model_dump(mode="json", exclude_none=True)
        if isinstance(self.data, TableData):
            table = self.data.table.model_dump(mode="json", exclude={"tested"})
            return {"set": facts["set"], "table": table}
        content = {
            config: {split: one.hash for split, one in splits.items() if split in LEARNED}
            for config, splits in self.data.content.items()
            if config in facts["set"].split("+")
        }
        release = {"survey": self.data.survey, "mock": self.data.mock, "content": content}
        return facts | {"release": release}


def from_release(
    release: Release,
    training: str,
    bands: Sequence[str] | None = None,
    *,
    calibrates: bool = False,
    require_test: bool = True,
) -> Task:
    """Take the splits of a release.

    `training` is a config, two as `training_sets` has them, the role of one (or two, as
    ``label+spectroscopic``), or a file in the columns of the release; empty, it is all that there
    is: the union, or else the only config. The validation split that goes with a file is that of
    the same (our choice). `bands` are names of bands, or their columns, all by default. Where a
    method calibrates itself, no galaxy of a calibration split may be learned from either. A test
    split may be missing unless it is required. What can't be used is a ReleaseError, ParameterError
    or InputError.
    """
    chosen = release_bands(release, bands)
    columns, table = tuple(map(band_column, chosen)), None
    if configs := training_configs(release, training):
        training = "+".join(configs)
        fit = _splits(release, configs, "train", chosen)
    else:
        configs = training_configs(release, "")
        fit = _of_file(release, training, chosen)
        table = FileFacts.model_validate(file_facts(Path(training)))
    validation = _splits(release, configs, "validation", chosen)
    files = release.files()
    tested = [c for c in scored_configs(release) if require_test or TEST in files.get(c, {})]
    held = (TEST, CALIBRATION) if calibrates else (TEST,)
    if tested:
        learned = {"training": fit, "validation": validation}
        refuse_leaks(learned, read_objects(release, tested, held), f"'{training}'")
    calibration = {
        config: _splits(release, [config], CALIBRATION, chosen)
        for config in tested
        if CALIBRATION in files.get(config, {})
    }
    tests = read_tests(release, tested, chosen)
    if table is not None:
        for config, test in tests.items():
            refuse_shared(fit, test.table, columns, training, f"{config}'s test split")
    facts = describe_training(training if table is None else FILE, fit, validation, table)
    used = {(config, split) for config in configs for split in LEARNED}
    used |= {(config, split) for config in tested for split in held}
    if any(test.truth is not None for test in tests.values()):
        used.add((release.configs()[TRUTH], TEST))
    data = describe_release(release, used)
    own = tuple(band.magnitude for band in chosen)
    return Task(columns, fit, validation, calibration, tests, facts, data, own)


def _of_file(release: Release, training: str, bands: Sequence[Band]) -> pd.DataFrame:
    """Read a training set from a file in a release's columns; a ParameterError where it is none."""
    if not Path(training).exists():
        raise ParameterError(
            f"expected {', '.join(training_sets(release.configs()))} or a file for train=, found "
            f"'{training}', which is none"
            f"{release.elsewhere(lambda other: training in training_sets(other.configs()))}",
            train="--train",
            path="--release",
        )
    names = [column.name for column in columns_of(release.manifest())]
    columns = wanted_columns(names, bands, release.bands())
    table = read_training_file(Path(training), bands, columns)
    table.attrs[CURVES] = _curves(bands)
    return table


def training_sets(configs: Mapping[str, str]) -> list[str]:
    """List what can be learned from: each config but a mock's truth, and the two of one kind."""
    names = [name for role, name in configs.items() if role != TRUTH]
    both = [configs[role] for role in (LABEL, SPECTROSCOPIC) if role in configs]
    return [*names, *(["+".join(both)] if len(both) > 1 else [])]


def training_configs(release: Release, training: str) -> list[str]:
    """Find the configs of a training set; none where it is no set of a release, but a file.

    A ReleaseError says that the release has no config of a role that is named. The configs' names
    in the paper's releases stand for their roles in a release that has no such config, so that a
    method which asks for ``combo`` runs on any.
    """
    configs = release.configs()
    if not training:
        return [configs[UNION] if UNION in configs else default_config(release.manifest())]
    if training in training_sets(configs):
        return training.split("+")
    first = dict(zip(CONFIGS, ROLES, strict=True))
    roles = [first.get(part, part) for part in training.split("+")]
    if roles not in ([LABEL], [SPECTROSCOPIC], [UNION], [LABEL, SPECTROSCOPIC]):
        return []
    return [release.config(role, f"is to be learned from ('{training}')") for role in roles]


def release_bands(release: Release, names: Sequence[str] | None) -> tuple[Band, ...]:
    """Find bands of a release by their names or columns of magnitudes; all by default."""
    bands = release.bands()
    known = {name: band for band in bands for name in (band.name, band.magnitude)}
    wanted = [band.name for band in bands] if names is None else list(names)
    if unknown := [name for name in wanted if name not in known]:
        there = ",".join(band.name for band in bands)
        raise ParameterError(
            f"the release has {there}, found '{unknown[0]}' in bands=", bands="--bands"
        )
    chosen = tuple(known[name] for name in wanted)
    if len(set(chosen)) < len(chosen):
        raise ParameterError(
            f"a band is named twice in bands= ({','.join(wanted)})", bands="--bands"
        )
    return chosen


def describe_release(release: Release, used: Collection[tuple[str, str]]) -> Data:
    """Say which release it is, with the content of the configs' splits that are used."""
    content = {
        config: {
            split: {"rows": facts["rows"], "hash": facts["content"]}
            for split, facts in splits.items()
            if (config, split) in used
        }
        for config, splits in release.manifest().get("content", {}).items()
    }
    return Data.model_validate(
        {
            "name": "transferz",
            "version": release.version,
            "survey": release.survey,
            "mock": release.mock,
            "content": {config: splits for config, splits in content.items() if splits},
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
    """Say what a method learned from that calibrates itself too."""
    facts = task.learned.model_dump()
    facts["rows"]["calibration"] = {name: len(one) for name, one in task.calibration.items()}
    return EntryTraining.model_validate(facts)


def _splits(
    release: Release, configs: Sequence[str], split: str, bands: Sequence[Band]
) -> pd.DataFrame:
    """Galaxies of a split of one or more configs, in this order, with all that is known of them."""
    frames = [_read(release, config, split, bands).assign(**{CONFIG: config}) for config in configs]
    table = pd.concat(frames, ignore_index=True)
    table.attrs[CURVES] = _curves(bands)
    return table


def _curves(bands: Sequence[Band]) -> dict[str, str]:
    return {band_column(band): band.curve for band in bands if band.curve}


def read_tests(
    release: Release, configs: Sequence[str], bands: Sequence[Band]
) -> dict[str, TestSet]:
    """Read test splits of a release, with the true redshifts that a mock has of their galaxies.

    Methods see the magnitudes in `bands` alone. A split that is not there is a ReleaseError.
    """
    truth, config = None, release.configs().get(TRUTH, "")
    if TEST in release.files().get(config, {}):
        table = _read(release, config, TEST, [])
        truth = pd.Series(table["redshift"].to_numpy(), table[ID].to_numpy())
    tests = {}
    for config in configs:
        known = _read(release, config, TEST, release.bands())
        true = None if truth is None else truth.reindex(known[ID]).to_numpy(np.float32)
        tests[config] = TestSet.of(known, list(map(band_column, bands)), true)
    return tests


def _read(release: Release, config: str, split: str, bands: Sequence[Band]) -> pd.DataFrame:
    columns = [column.name for column in columns_of(release.manifest())]
    names = wanted_columns(columns, bands, release.bands())
    table = read_rows(release, config, split, names).to_pandas()
    return ordered(table.rename(columns=band_names(bands)), list(map(band_column, bands)))


def _rows(table: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(count) for name, count in table[CONFIG].value_counts(sort=False).items()}
