"""Apply a trained model to a table of any size, chunk by chunk: what ``transferz predict`` does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from transferz.baselines.networks import PREDICTED, SEED
from transferz.baselines.networks.ensemble import Ensemble, Model, require_order
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import MAGNITUDE
from transferz.tables.cells import Floats, as_floats
from transferz.tables.files import replace_file
from transferz.tables.table import TableFile, require_columns
from transferz.tables.threads import read_ahead, write_behind
from transferz.tables.writing import open_writer

FAR = 0.5
"""Magnitudes beyond the range trained on after which a forecast is a mere guess (our choice)."""


@dataclass(slots=True)
class RowCounts:
    """Counts of a table's rows.

    All of them, those `left_out` as they lack a magnitude (by band in `missing`), and those with
    one `far` outside the range trained on.
    """

    rows: int = 0
    left_out: int = 0
    far: int = 0
    missing: dict[str, int] = field(default_factory=dict)

    def count(self, bands: Sequence[str], missing: npt.NDArray[np.bool_]) -> None:
        """Count the rows of a chunk; `missing`, shape (N, B), is where there is no magnitude."""
        self.rows += len(missing)
        self.left_out += int(np.count_nonzero(missing.any(axis=1)))
        for name, count in zip(bands, missing.sum(axis=0).tolist(), strict=True):
            self.missing[name] = self.missing.get(name, 0) + count

    def where(self) -> str:
        """Name the bands that lack values, with how many."""
        return ", ".join(f"{name} ({count:,})" for name, count in self.missing.items() if count)

    def remarks(self) -> list[str]:
        """Say what the user should know, a line each."""
        lines = []
        if self.left_out:
            lines.append(
                f"{self.left_out:,} of {self.rows:,} rows lack a magnitude, in {self.where()}: "
                "left out"
            )
        if self.far:
            lines.append(
                f"{self.far:,} of {self.rows - self.left_out:,} rows have a magnitude more than "
                f"{FAR} mag outside the range trained on: their redshifts are guesses"
            )
        return lines


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A model, and the columns that it takes (in its order) and adds."""

    ensemble: Ensemble
    bands: tuple[str, ...]
    added: pa.Schema
    provenance: dict[str, Any]

    @classmethod
    def of(
        cls, model: Model, bands: Sequence[str] | None, device: torch.device, each_seed: bool
    ) -> "Forecaster":
        """Make one from a model, for a table that calls its bands so, or else as the model does.

        A `ParameterError` says where these are not as many as the model's, or one is named twice.
        """
        columns = tuple(bands or model.bands)
        if len(columns) != len(model.bands):
            raise ParameterError(
                f"--bands names {len(columns)} columns for a model of {len(model.bands)} bands "
                f"({', '.join(model.bands)}); name as many, in that order"
            )
        if len(set(columns)) != len(columns):
            raise ParameterError(f"--bands names a column twice: {', '.join(columns)}")
        require_order(columns, model.bands, "--bands")
        seeds = model.ensemble.seeds if each_seed else ()
        names = [PREDICTED, *(SEED.format(seed) for seed in seeds)]
        added = pa.schema([(name, pa.float64()) for name in names])
        return cls(model.ensemble.to(device), columns, added, model.provenance)

    def require(self, table: TableFile) -> None:
        """Raise an `InputError` where a band is absent, or a name doubled or to be added."""
        if absent := [name for name in self.bands if name not in table.names]:
            raise InputError(
                f"{table.path} has no column '{absent[0]}'; name its magnitudes with --bands, in "
                f"the order of the model's ({', '.join(self.bands)}); it has: "
                f"{', '.join(table.names)}"
            )
        require_columns(table.path, table.names, table.names)
        by_lower = {name.lower(): name for name in table.names}
        if taken := [by_lower[name] for name in self.added.names if name in by_lower]:
            raise InputError(f"{table.path} has a column '{taken[0]}' already; rename it")

    @property
    def mock_note(self) -> str:
        """One line where the model was trained on a mock; else nothing."""
        if not trained_on_mock(self.provenance):
            return ""
        return "the model was trained on a mock: simulated galaxies; its redshifts are for trials"

    @property
    def note(self) -> str:
        """What an output says of its forecasts."""
        method = self.provenance.get("method", "network")
        mock = "; trained on a mock, simulated galaxies" if self.mock_note else ""
        return f"{PREDICTED}: mean of {len(self.ensemble)} seeds of {method}, transferz{mock}"

    def forecast(self, magnitudes: Floats) -> pa.Table:
        """Forecast redshifts of magnitudes, shape (N, B), as the columns to be added.

        Those of a row are the same, bit for bit, whatever rows stand beside it.
        """
        each = self.ensemble.predict(magnitudes)  # (S, N)
        mean = sum(each) / len(each)  # seed by seed: NumPy's mean adds a single row up otherwise
        columns = [mean, *each[: len(self.added) - 1]]
        return pa.table([pa.array(column) for column in columns], schema=self.added)

    def far(self, magnitudes: Floats) -> int:
        """Count rows with a magnitude far outside the range trained on."""
        scaler = self.ensemble.scaler
        low, high = scaler.minimum - FAR, scaler.maximum + FAR
        return int(np.count_nonzero(((magnitudes < low) | (magnitudes > high)).any(axis=1)))


def trained_on_mock(provenance: Mapping[str, Any]) -> bool:
    """Say whether a model, or the one that it started from, was trained on a mock."""
    source, start = provenance.get("source") or {}, provenance.get("start")
    if (source.get("release") or {}).get("mock"):
        return True
    return trained_on_mock(start) if start else False


def predict_table(
    forecaster: Forecaster,
    table: TableFile,
    out: Path,
    *,
    drop_missing: bool,
    rows: int,
    progress: Callable[[int], None] | None = None,
) -> RowCounts:
    """Write a table with forecasts beside its columns, and count its rows.

    A few chunks of `rows` rows are in memory: while one is forecast, the next is read and the one
    before is written. `progress` is told the rows done after each. `out` is the file to write, as
    `transferz.tables.writing.check_place` has let pass. With `drop_missing`, rows that lack a
    magnitude are left out; else an `InputError` refuses the table, as it does where no row is left,
    or something can't be read or written. Nothing is written then.
    """
    tally = RowCounts()
    with (
        replace_file(out) as beside,
        open_writer(beside, out, table, forecaster.added, forecaster.note, rows) as (names, write),
    ):
        columns = tuple(dict.fromkeys((*names, *forecaster.bands)))
        with read_ahead(table.chunks(columns, rows)) as chunks, write_behind(write) as write_later:
            for chunk in chunks:
                kept, magnitudes = _kept_rows(forecaster, chunk, table.path, tally)
                if tally.left_out and not drop_missing:
                    continue  # only counts what else is missing
                extra = forecaster.forecast(magnitudes)
                write_later(chunk.select(names).filter(pa.array(kept)), extra)
                if progress:
                    progress(tally.rows)
        if tally.left_out and not drop_missing:
            raise InputError(
                f"{table.path}: {tally.left_out:,} of {tally.rows:,} rows lack a magnitude in "
                f"{tally.where()} ({MAGNITUDE}); leave them out with --drop-missing"
            )
        if tally.rows and tally.left_out == tally.rows:
            raise InputError(f"{table.path}: none of its {tally.rows:,} rows has all magnitudes")
    return tally


def _kept_rows(
    forecaster: Forecaster, chunk: pa.Table, path: Path, tally: RowCounts
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Say which rows of a chunk have all magnitudes, and return those, counting all of it."""
    magnitudes = np.column_stack([as_floats(chunk, name, path) for name in forecaster.bands])
    missing = MAGNITUDE.is_missing(magnitudes)
    tally.count(forecaster.bands, missing)
    kept = ~missing.any(axis=1)
    tally.far += forecaster.far(magnitudes[kept])
    return kept, magnitudes[kept]
