"""Apply a trained model, or a fitted method, to a table of any size, chunk by chunk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from transferz.baselines.forecasts.compact import encode_pdfs, pdf_field
from transferz.baselines.networks import PREDICTED, SEED
from transferz.baselines.networks.ensemble import Ensemble, Model, require_order
from transferz.baselines.networks.environment import find_device
from transferz.baselines.networks.threads import read_ahead, write_behind
from transferz.baselines.scores.probability import GaussianMixture
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import MAGNITUDE, require_magnitudes
from transferz.tables.cells import Floats, as_floats
from transferz.tables.files import replace_file
from transferz.tables.table import TableFile, require_columns
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

    def add(self, other: "RowCounts") -> None:
        """Add another table's counts."""
        self.rows += other.rows
        self.left_out += other.left_out
        self.far += other.far
        for name, count in other.missing.items():
            self.missing[name] = self.missing.get(name, 0) + count

    def require_rows(self, what: object, *, drop_missing: bool) -> None:
        """Refuse rows that lack a magnitude and are not to be dropped, or a table of none else."""
        if self.left_out and not drop_missing:
            raise InputError(
                f"{what}: {self.left_out:,} of {self.rows:,} rows lack a magnitude in "
                f"{self.where()} ({MAGNITUDE}); leave them out with drop_missing=True",
                drop_missing="--drop-missing",
            )
        if self.rows and self.left_out == self.rows:
            raise InputError(f"{what}: none of its {self.rows:,} rows has all magnitudes")

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


class Applied(Protocol):
    """What is applied to tables: a trained model, or a fitted method."""

    @property
    def bands(self) -> tuple[str, ...]:
        """The columns of magnitudes that it takes."""

    @property
    def needed(self) -> tuple[str, ...]:
        """All the columns that it takes."""

    @property
    def added(self) -> pa.Schema:
        """The columns that it adds."""

    @property
    def note(self) -> str:
        """What an output says of its forecasts."""

    @property
    def partial(self) -> bool:
        """Whether it takes rows of which some magnitudes are missing (NaN)."""

    @property
    def facts(self) -> dict[str, Any]:
        """All that forecasts hang on, such that others are told from them."""

    def here(self) -> "Applied":
        """Return it where it computes best on this machine, which need not be the one before."""

    def forecast(self, magnitudes: Floats, rows: pa.Table) -> pa.Table:
        """Forecast rows, of magnitudes (N, B) and all their columns: those to be added."""

    def far(self, magnitudes: Floats) -> int:
        """Count rows with a magnitude far outside the range trained on."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A model, and the columns that it takes (in its order) and adds.

    `digest` is the model's hash, `device` where it is to compute on another machine. The last
    of the columns added holds densities of so many bytes, `pdf`, where it is not 0.
    """

    ensemble: Ensemble
    bands: tuple[str, ...]
    added: pa.Schema
    provenance: dict[str, Any]
    digest: str = ""
    device: str = "auto"
    partial: bool = False
    pdf: int = 0

    @classmethod
    def of(
        cls,
        model: Model,
        bands: Sequence[str] | None,
        device: torch.device,
        each_seed: bool,
        elsewhere: str = "auto",
        pdf: int = 0,
    ) -> "Forecaster":
        """Make one from a model, for a table that calls its bands so, or else as the model does.

        It computes on `device` here, and on the device `elsewhere` on other machines. A
        `ParameterError` says where the bands are not as many as the model's, or one is named twice;
        or where densities of `pdf` bytes are wanted of networks that forecast none.
        """
        columns = tuple(bands or model.bands)
        if len(columns) != len(model.bands):
            raise ParameterError(
                f"bands= names {len(columns)} columns for a model of {len(model.bands)} bands "
                f"({', '.join(model.bands)}); name as many, in that order",
                bands="--bands",
            )
        if len(set(columns)) != len(columns):
            raise ParameterError(
                f"bands= names a column twice: {', '.join(columns)}", bands="--bands"
            )
        require_order(columns, model.bands)
        seeds = model.ensemble.seeds if each_seed else ()
        names = [PREDICTED, *(SEED.format(seed) for seed in seeds)]
        added = pa.schema([(name, pa.float64()) for name in names])
        if pdf:
            added = added.append(_density_field(model, pdf))
        return cls(
            model.ensemble.to(device),
            columns,
            added,
            model.provenance,
            model.digest,
            elsewhere,
            pdf=pdf,
        )

    @property
    def needed(self) -> tuple[str, ...]:
        """As `Applied.needed`."""
        return self.bands

    @property
    def facts(self) -> dict[str, Any]:
        """As `Applied.facts`."""
        named = {"bands": list(self.bands), "columns": self.added.names}
        return {"model": self.digest, **named, **({"pdf": self.pdf} if self.pdf else {})}

    def here(self) -> "Forecaster":
        """Return it with its networks on this machine's `device`; those of `self` stay."""
        own = self.ensemble.take(self.ensemble.seeds).to(find_device(self.device))
        own.networks.requires_grad_(False)
        return replace(self, ensemble=own)

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

    def forecast(self, magnitudes: Floats, rows: pa.Table) -> pa.Table:
        """Forecast redshifts of magnitudes, shape (N, B), as the columns to be added.

        Those of a row are the same, bit for bit, whatever rows stand beside it.
        """
        each = self.ensemble.predict(magnitudes)  # (S, N)
        mean = sum(each) / len(each)  # seed by seed: NumPy's mean adds a single row up otherwise
        points = len(self.added) - (1 if self.pdf else 0)
        columns = [pa.array(column) for column in (mean, *each[: points - 1])]
        if self.pdf:
            whole = GaussianMixture.pooled(self.ensemble.mixtures(magnitudes))
            columns.append(encode_pdfs(whole, self.pdf))
        return pa.table(columns, schema=self.added)

    def far(self, magnitudes: Floats) -> int:
        """Count rows with a magnitude far outside the range trained on."""
        scaler = self.ensemble.scaler
        low, high = scaler.minimum - FAR, scaler.maximum + FAR
        return int(np.count_nonzero(((magnitudes < low) | (magnitudes > high)).any(axis=1)))


def _density_field(model: Model, size: int) -> pa.Field:
    method = model.provenance.get("method", "network")
    if not model.ensemble.has_densities:
        raise ParameterError(
            f"pdf= is of densities, and '{method}' forecasts a redshift per seed; that of "
            "'mixture_density' has one: `transferz benchmark mixture_density --out DIR`",
            pdf="--pdf",
        )
    return pdf_field(method, size)


def trained_on_mock(provenance: Mapping[str, Any]) -> bool:
    """Say whether a model, or the one that it started from, was trained on a mock."""
    source, start = provenance.get("source") or {}, provenance.get("start")
    if (source.get("release") or {}).get("mock"):
        return True
    return trained_on_mock(start) if start else False


def require(applied: Applied, names: Sequence[str], what: Path | str) -> None:
    """Raise an `InputError` where a column is absent, or a name doubled or to be added.

    `names` are a table's columns, `what` is what it is called.
    """
    if absent := [name for name in applied.needed if name not in names]:
        raise InputError(
            f"{what} has no column '{absent[0]}'; name its magnitudes with bands=, in the order "
            f"of the model's ({', '.join(applied.bands)}); it has: {', '.join(names)}",
            bands="--bands",
        )
    require_columns(what, names, names)
    by_lower = {name.lower(): name for name in names}
    if taken := [by_lower[name] for name in applied.added.names if name in by_lower]:
        raise InputError(f"{what} has a column '{taken[0]}' already; rename it")


def predict_table(
    forecaster: Applied,
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
    with (
        replace_file(out) as beside,
        open_writer(beside, out, table, forecaster.added, forecaster.note, rows) as (names, write),
    ):
        tally = predict_chunks(forecaster, table, names, write, drop_missing, rows, progress)
        tally.require_rows(table.path, drop_missing=drop_missing)
    return tally


def predict_chunks(
    forecaster: Applied,
    table: TableFile,
    names: Sequence[str],
    write: Callable[[pa.Table, pa.Table], None],
    drop_missing: bool,
    rows: int,
    progress: Callable[[int], None] | None = None,
    telling: int = 1,
) -> RowCounts:
    """Hand over columns `names` of a table with the forecasts, chunk by chunk, and count its rows.

    Once a row lacks a magnitude that is not to be dropped, all others are only counted. An
    `InputError` refuses a table whose first chunk, where it has `telling` rows or more, holds
    something else than magnitudes, such as fluxes.
    """
    tally = RowCounts()
    columns = tuple(dict.fromkeys((*names, *forecaster.needed)))
    with read_ahead(table.chunks(columns, rows)) as chunks, write_behind(write) as write_later:
        for chunk in chunks:
            found = {name: as_floats(chunk, name, table.path) for name in forecaster.bands}
            if not tally.rows and len(chunk) >= telling:
                require_magnitudes(found, table.path)
            kept, magnitudes = _kept_rows(forecaster, found, tally)
            if tally.left_out and not drop_missing:
                continue
            known = chunk.filter(pa.array(kept)) if not kept.all() else chunk
            write_later(known.select(names), forecaster.forecast(magnitudes, known))
            if progress:
                progress(tally.rows)
    return tally


def _kept_rows(
    forecaster: Applied, columns: Mapping[str, Floats], tally: RowCounts
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Say which rows of a chunk can be forecast, and return their magnitudes, counting all of it.

    Those that are missing are NaN.
    """
    magnitudes = np.column_stack(list(columns.values()))
    missing = MAGNITUDE.is_missing(magnitudes)
    lacking: npt.NDArray[np.bool_] = (np.all if forecaster.partial else np.any)(missing, axis=1)
    kept = ~lacking
    tally.count(forecaster.bands, missing & lacking[:, None])
    magnitudes = MAGNITUDE.without_missing(magnitudes[kept])
    tally.far += forecaster.far(magnitudes)
    return kept, magnitudes
