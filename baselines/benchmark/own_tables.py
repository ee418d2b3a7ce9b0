"""A task on tables of one's own, of real galaxies say: split by hash as releases are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from transferz.baselines.benchmark.tables import (
    CONFIG,
    I_BANDS,
    ID,
    Sample,
    error_name,
    file_facts,
    magnitude_column,
    meant_columns,
    ordered,
    the_one,
)
from transferz.baselines.benchmark.task import Task, TestSet, describe_training
from transferz.baselines.leaks.photometry import refuse_shared
from transferz.dataset.splits.hashing import hash_ids, object_keys, split_by_hash
from transferz.schemas.benchmark.entries import TableData, TableFacts
from transferz.schemas.benchmark.scores import TABLE, TEST_TABLE
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.catalogues import SPLITS
from transferz.schemas.survey.quantities import (
    LABEL,
    MAGNITUDE,
    MAGNITUDE_ERROR,
    require_magnitudes,
)
from transferz.tables.cells import as_floats, as_ids
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import naming, require_columns

SALT = "transferz-1"
"""Salt of the splits of a table: the one that the project's releases use."""

FRACTIONS = (0.7, 0.1, 0.1, 0.1)
"""Train, validation, calibration and test parts of a table: the project's default."""

NO_I_BAND = "the release has no band i: nothing is scored in LSST's range (i < 25), or by magnitude"


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table, and which of its columns are what."""

    path: Path
    bands: tuple[str, ...]  # magnitudes; methods see a column ``g`` as ``g_mag``
    redshift: str
    errors: tuple[str, ...] = ()  # errors of the magnitudes, as many, or none
    identifier: str | None = None  # ids, which decide the splits; else the magnitudes do
    # all the columns' names, where the table's own header lacks some
    names: tuple[str, ...] | None = None
    missing_magnitudes: bool = False  # whether galaxies may lack some, for methods that take these

    def read(self, *, drop_missing: bool = False) -> Sample:
        """Read the galaxies, the errors behind the magnitudes.

        Rows where one of these or the redshift is no value, by the rules of
        `transferz.schemas.survey.quantities`, are dropped and counted; or else the table is
        refused. With `missing_magnitudes` one is enough, the others and their errors are NaN. What
        can't be used is an InputError, as are magnitudes that are none, but fluxes say.
        """
        path, measured = self.path, (*self.bands, *self.errors)
        wanted = [*measured, self.redshift, *([self.identifier] if self.identifier else [])]
        if len(set(wanted)) != len(wanted):
            raise InputError(f"a column is named twice among bands, redshift and id: {wanted}")
        file = open_table(path, self.names, choose=naming(wanted))
        self._require_bands(file.names)
        require_columns(path, file.names, wanted)
        table = read_whole(file, wanted)
        columns = {name: as_floats(table, name, path) for name in (*measured, self.redshift)}
        require_magnitudes({name: columns[name] for name in self.bands}, path)
        kinds = dict.fromkeys(self.bands, MAGNITUDE) | dict.fromkeys(self.errors, MAGNITUDE_ERROR)
        kinds[self.redshift] = LABEL
        missing = {name: kinds[name].is_missing(values) for name, values in columns.items()}
        if self.missing_magnitudes:
            columns |= {name: kinds[name].without_missing(columns[name]) for name in measured}
            unseen: npt.NDArray[np.bool_] = np.all([missing[name] for name in self.bands], axis=0)
            missing = dict.fromkeys(self.bands, unseen) | {self.redshift: missing[self.redshift]}
        kept = ~np.logical_or.reduce(list(missing.values()))
        dropped = int(np.count_nonzero(~kept))
        if dropped and not drop_missing:
            lacking = {name: bad.sum() for name, bad in missing.items() if bad.any()}
            where = ", ".join(f"{name} ({count})" for name, count in lacking.items())
            rules = "; ".join(dict.fromkeys(str(kinds[name]) for name in lacking))
            raise InputError(
                f"{path}: {dropped} of {len(kept)} rows lack a value in {where} ({rules}); drop "
                "them with drop_missing=True",
                drop_missing="--drop-missing",
            )
        if not kept.any():
            raise InputError(f"{path}: none of its {len(kept)} rows has what it needs: {wanted}")
        magnitudes = np.column_stack([columns[name][kept] for name in measured])
        ids = _ids(table.filter(pa.array(kept)), self.identifier, path) if self.identifier else None
        return Sample(magnitudes, columns[self.redshift][kept], ids, dropped)

    def _require_bands(self, names: Sequence[str]) -> None:
        """Refuse bands that are no columns, and say which are meant where that is clear."""
        absent = [band for band in self.bands if band not in names]
        if absent and (meant := meant_columns(self.bands, names)):
            raise InputError(
                f"{self.path} has no column '{absent[0]}'; did you mean {','.join(meant)} for "
                f"{','.join(self.bands)}?"
            )

    def facts(self, sample: Sample, tested: int) -> dict[str, Any]:
        """Describe the table for a record: what was read of it, how many rows are tested on."""
        return {
            **file_facts(self.path),
            "bands": self.bands,
            "errors": self.errors or None,
            "redshift": self.redshift,
            "id": self.identifier,
            "rows": len(sample),
            "dropped": sample.dropped,
            "tested": tested,
            **({"missing_magnitudes": True} if self.missing_magnitudes else {}),
        }


def from_own_tables(
    table: OwnTable,
    test_table: OwnTable | None = None,
    fractions: Sequence[float] = FRACTIONS,
    *,
    drop_missing: bool = False,
    require_test: bool = True,
) -> Task:
    """Split a table by hash into train, validation, calibration and test parts of `fractions`.

    A further `test_table`, with as many bands in the same order, is forecast too. Rows that lack a
    value are refused, or dropped and counted. An InputError says that a table can't be used, leaves
    no training, validation or (where it is required) test part, or has galaxies to learn from and
    to test on that are the same; a ParameterError that fractions, bands or errors are wrong.
    """
    for each in (table, test_table or table):
        _require_errors(each, len(table.errors))
    sample = table.read(drop_missing=drop_missing)
    samples = split_sample(sample, table, fractions)
    bands = tuple(map(magnitude_column, table.bands))
    parts = {name: _frame(part, bands, len(table.errors)) for name, part in samples.items()}
    if require_test and "test" not in parts and not test_table:
        raise InputError(
            f"{table.path}: no row is left to test on; give other fractions=",
            fractions="--fractions",
        )
    tests = {TABLE: TestSet.of(parts["test"], bands)} if "test" in parts else {}
    split = {"fractions": dict(zip(SPLITS, fractions, strict=True)), "salt": SALT}
    facts = table.facts(sample, len(samples.get("test", ()))) | split
    task = Task(
        bands,
        parts["train"],
        parts["validation"],
        {name: parts["calibration"] for name in tests if "calibration" in parts},
        tests,
        describe_training(TABLE, parts["train"], parts["validation"]),
        TableData(table=TableFacts.model_validate(facts)),
        table.bands,
    )
    learned = pd.concat([part for name, part in parts.items() if name != "test"])
    for test in tests.values():
        refuse_shared(learned, test.table, bands, str(table.path), f"{table.path}'s test part")
    if not test_table:
        return task
    task = add_test_table(task, test_table, learned, drop_missing=drop_missing)
    if "calibration" in parts:
        task = replace(task, calibration=dict.fromkeys(task.tests, parts["calibration"]))
    return task


def add_test_table(
    task: Task,
    further: OwnTable,
    learned: pd.DataFrame | None = None,
    *,
    drop_missing: bool = False,
) -> Task:
    """Test on a further table too, with as many bands, in the same order.

    No galaxy of it may be among those `learned` from, by default those of the task's training and
    validation: that is an InputError, as is a table that can't be used.
    """
    if len(further.bands) != len(task.bands):
        raise InputError(
            f"{len(further.bands)} test bands ({', '.join(further.bands)}) for a network of "
            f"{len(task.columns)} ({', '.join(task.columns)}); give as many, in that order"
        )
    sample = further.read(drop_missing=drop_missing)
    frame = _frame(sample, task.bands, len(further.errors))
    if learned is None:
        learned = pd.concat([task.training, task.validation])
    refuse_shared(learned, frame, task.bands, "training set", f"{further.path}'s test part")
    facts = TableFacts.model_validate(further.facts(sample, len(sample)))
    return replace(
        task,
        tests=task.tests | {TEST_TABLE: TestSet.of(frame, task.bands)},
        data=task.data.model_copy(update={"test_table": facts}),
    )


def table_remarks(task: Task) -> list[str]:
    """Say of a task's data which magnitude is i, and of each how many rows were dropped."""
    tables: list[TableFacts | None] = [getattr(task.data, "table", None), task.data.test_table]
    own, i_band = getattr(task.data, "table", None), the_one(I_BANDS, task.bands)
    chosen = dict(zip(task.bands, task.columns, strict=True)).get(i_band or "")
    said = [f"i magnitude, for LSST's range: {chosen}"] if own and chosen else []
    if not own and task.tests and all(np.isnan(test.i_mag).all() for test in task.tests.values()):
        said = [NO_I_BAND]
    return said + [
        f"{table.file}: {table.dropped} rows without {'any' if table.missing_magnitudes else 'all'}"
        f" of {', '.join(table.bands or ())} and {table.redshift} dropped"
        for table in tables
        if table and table.dropped
    ]


def split_sample(
    sample: Sample, table: OwnTable, fractions: Sequence[float] = FRACTIONS
) -> dict[str, Sample]:
    """Split galaxies by the hash of each one's id, as releases are split.

    Where there is no id the hash is that of the magnitudes, so rows with the same photometry
    stay together (our choice: the same galaxy with two redshifts must not be in two splits).

    A split without any is left out; training and validation must not be empty.
    """
    shares = dict(zip(SPLITS, fractions, strict=True))
    split = split_by_hash(hash_ids(_keys(sample, table.bands), SALT), shares)
    parts = {name: sample.take(split == name) for name in SPLITS if np.any(split == name)}
    if missing := {"train", "validation"} - set(parts):
        raise InputError(
            f"{table.path}: its {len(sample)} usable rows leave no "
            f"{' and no '.join(sorted(missing))} part at the fractions {shares}; give more rows or "
            "other fractions=",
            fractions="--fractions",
        )
    return parts


def _keys(sample: Sample, bands: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return what is hashed: the ids, else the magnitudes without their errors."""
    if sample.identifiers is None:
        magnitudes = {name: sample.magnitudes[:, k] for k, name in enumerate(bands)}
        return object_keys(pa.table(magnitudes))
    ids = pa.table({"id": sample.identifiers})
    whole = np.issubdtype(sample.identifiers.dtype, np.integer)
    return object_keys(ids, "id") if whole else object_keys(ids)


def _ids(table: pa.Table, name: str, path: Path) -> npt.NDArray[Any]:
    """Return the ids of rows that are used; each must have one, for it decides the row's split."""
    ids = as_ids(table, name, path)
    if ids.null_count:
        raise InputError(
            f"{path}: {ids.null_count:,} of {len(ids):,} rows have no id in column '{name}'; leave "
            "them out, or name no column of ids"
        )
    return np.asarray(ids.to_numpy())


def _require_errors(table: OwnTable, expected: int) -> None:
    """Check for an error for each band or none; as many in a table that is only tested on."""
    if len(table.errors) != expected or (expected and expected != len(table.bands)):
        wanted = f"each of {len(table.bands)} bands" if expected else "no band, as in the other"
        raise ParameterError(
            f"{table.path}: expected an error for {wanted}, found "
            f"{len(table.errors)} ({', '.join(table.errors)})"
        )


def _frame(sample: Sample, bands: Sequence[str], errors: int) -> pd.DataFrame:
    """Return what methods get, with ids: the table's where they are whole numbers, else places."""
    names = [*bands, *[error_name(band) for band in bands][:errors]]
    ids = sample.identifiers
    if ids is None or not np.issubdtype(ids.dtype, np.integer) or len(np.unique(ids)) < len(ids):
        ids = np.arange(len(sample))
    frame = pd.DataFrame(sample.magnitudes, columns=names)
    return ordered(frame.assign(**{ID: ids, "redshift": sample.redshift, CONFIG: TABLE}), bands)
