"""A benchmark on a table of one's own, of real galaxies say: split by hash, and scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.baselines.benchmark.experiment import (
    FRACTIONS,
    Columns,
    Experiment,
    add_test_table,
    from_table,
)
from transferz.baselines.benchmark.samples import Sample
from transferz.baselines.benchmark.tables import (
    CONFIG,
    I_BANDS,
    ID,
    error_name,
    magnitude_column,
    ordered,
    photometry,
)
from transferz.baselines.benchmark.task import Task, TestSet, describe_training
from transferz.baselines.benchmark.training_file import refuse_shared
from transferz.schemas.benchmark.entries import TableData, TableFacts
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.catalogues import SPLITS

TABLE, TEST_TABLE = "table", "test_table"
"""What its test part, and a further table, are called."""

LEARNED = ("train", "validation", "calibration")


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table, and which of its columns are what.

    Attributes
    ----------
    path : Path
        The file.
    bands : tuple of str
        Magnitudes; methods see a column ``g`` as ``g_mag``.
    redshift : str
        Redshifts.
    errors : tuple of str
        Errors of the magnitudes, as many, or none.
    identifier : str or None
        Ids, which decide the splits; else the magnitudes do.
    names : tuple of str or None
        All the columns' names, where the table's own header lacks some.
    """

    path: Path
    bands: tuple[str, ...]
    redshift: str
    errors: tuple[str, ...] = ()
    identifier: str | None = None
    names: tuple[str, ...] | None = None

    @property
    def columns(self) -> Columns:
        """What is read."""
        return Columns(self.bands, self.redshift, self.identifier, self.names, self.errors)


def from_own_tables(
    table: OwnTable,
    test_table: OwnTable | None = None,
    fractions: Sequence[float] = FRACTIONS,
    *,
    drop_missing: bool = False,
) -> Task:
    """Split a table, and perhaps add another to be tested on.

    Parameters
    ----------
    table : OwnTable
        What is split by hash into train, validation, calibration and test.
    test_table : OwnTable, optional
        Forecast too, with as many bands in the same order.
    fractions : sequence of float
        Of the four parts.
    drop_missing : bool
        Drop and count rows that lack a value, instead of refusing them.

    Raises
    ------
    InputError
        Where a table can't be used or leaves no test part.
    ParameterError
        Where bands and errors differ in number.
    """
    for one in (table, test_table or table):
        _require_errors(one, len(table.errors))
    made = from_table(table.path, table.columns, fractions, parts=SPLITS, drop_missing=drop_missing)
    if test_table:
        made = add_test_table(made, test_table.path, test_table.columns, drop_missing=drop_missing)
    parts = {name: _frame(sample, table) for name, sample in made.samples.items()}
    tests = {TABLE: "test", TEST_TABLE: f"table {test_table.path.name}" if test_table else ""}
    there = {name: part for name, part in tests.items() if part in parts}
    if not there:
        raise InputError(f"{table.path}: no row is left to test on; give other --fractions")
    bands = tuple(map(magnitude_column, table.bands))
    learned = pd.concat([part for name, part in parts.items() if name in LEARNED])
    for name, part in there.items():
        of = table if name == TABLE else test_table
        refuse_shared(learned, parts[part], bands, str(table.path), f"{of and of.path}'s test part")
    calibration = {name: parts["calibration"] for name in there if "calibration" in parts}
    return Task(
        bands,
        parts["train"],
        parts["validation"],
        calibration,
        {name: _test_set(parts[part], bands) for name, part in there.items()},
        describe_training(TABLE, parts["train"], parts["validation"]),
        _data(made, table, test_table, {name: len(parts[part]) for name, part in there.items()}),
    )


def _require_errors(table: OwnTable, expected: int) -> None:
    """An error for each band or none; as many in a table that is only tested on."""
    if len(table.errors) != expected or (expected and expected != len(table.bands)):
        wanted = f"each of {len(table.bands)} bands" if expected else "no band, as in the other"
        raise ParameterError(
            f"{table.path}: expected an error for {wanted}, found "
            f"{len(table.errors)} ({', '.join(table.errors)})"
        )


def _frame(sample: Sample, table: OwnTable) -> pd.DataFrame:
    """What methods get: the bands called ``<band>_mag``, ids or else row numbers."""
    bands = list(map(magnitude_column, table.bands))
    names = bands + [error_name(band) for band in bands][: len(table.errors)]
    frame = pd.DataFrame(sample.magnitudes, columns=names)
    known = frame.assign(**{ID: _ids(sample), "redshift": sample.redshift, CONFIG: TABLE})
    return ordered(known, bands)


def _ids(sample: Sample) -> Any:
    """Whole numbers: the table's ids where they are, else those of the rows of this part."""
    ids = sample.identifiers
    if ids is None or not np.issubdtype(ids.dtype, np.integer):
        return np.arange(len(sample))
    return ids if len(np.unique(ids)) == len(sample) else np.arange(len(sample))


def _test_set(frame: pd.DataFrame, bands: Sequence[str]) -> TestSet:
    i_band = next((name for name in I_BANDS if name in bands), None)
    i_mag = frame[i_band] if i_band else pd.Series(np.nan, index=frame.index)
    redshift = frame["redshift"].to_numpy(np.float32)
    return TestSet(photometry(frame, bands), redshift, i_mag.to_numpy(np.float32))


def _data(
    made: Experiment, table: OwnTable, test_table: OwnTable | None, tested: dict[str, int]
) -> TableData:
    facts = _facts(made.source["table"], table, tested.get(TABLE, 0))
    shares = {"fractions": made.source["table"]["fractions"], "salt": made.source["table"]["salt"]}
    further = None
    if test_table:
        known = _facts(made.source["test_table"], test_table, tested[TEST_TABLE])
        further = TableFacts.model_validate(known)
    return TableData(table=TableFacts.model_validate(facts | shares), test_table=further)


def _facts(source: dict[str, Any], table: OwnTable, tested: int) -> dict[str, Any]:
    return {
        "file": source["file"],
        "sha256": source["sha256"],
        "bands": table.bands,
        "errors": table.errors or None,
        "redshift": table.redshift,
        "id": table.identifier,
        "rows": source["rows"],
        "dropped": source["dropped"],
        "tested": tested,
    }
