"""Fit a method of the benchmark once, and apply it to tables and catalogues, chunk by chunk.

Each chunk, or partition, is a call of its `predict`: a method whose forecast of a galaxy hangs on
that galaxy alone gives the same whatever the chunks are.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from transferz.baselines.benchmark.calling import Surroundings
from transferz.baselines.benchmark.checking import as_prediction, points_in_order
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.own_tables import OwnTable, from_own_tables
from transferz.baselines.benchmark.running import fit_once
from transferz.baselines.benchmark.tables import ID, error_name
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.forecasts.compact import encode_pdfs, pdf_field
from transferz.baselines.forecasts.qp import as_distribution
from transferz.baselines.networks import PREDICTED
from transferz.baselines.scores.probability import Prediction
from transferz.releases import find_release
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.quantities import FORECAST, MAGNITUDE_ERROR
from transferz.tables.cells import Floats, as_floats

SEED = 0


def read_training(
    method: Method,
    train: Path | None,
    bands: Sequence[str] | None,
    errors: Sequence[str],
    redshift: str,
    *,
    drop_missing: bool = False,
) -> Task:
    """Read what a method is to learn from: a release, by default the one found, or a table.

    Of a table, `bands`, `errors` (perhaps none) and `redshift` are columns; a release has its own.
    """
    if train is None or train.is_dir():
        release = find_release(train)
        return from_release(release, method.train, calibrates=method.calibrates, require_test=False)
    if not bands:
        raise ParameterError(
            f"train={train} is a table: name its magnitudes with bands=",
            train="--train ",
            bands="--bands",
        )
    partial = method.stated.missing_magnitudes
    table = OwnTable(train, tuple(bands), redshift, tuple(errors), missing_magnitudes=partial)
    return from_own_tables(table, drop_missing=drop_missing, require_test=False)


class FittedMethod:
    """A method that has been fitted, and what it takes of a table and adds to it.

    It is a `transferz.baselines.networks.forecasting.Applied`; see there for what it offers.
    """

    def __init__(
        self,
        method: Method,
        task: Task,
        bands: Sequence[str],
        errors: Sequence[str],
        fitted: Any,
        pdf: int = 0,
    ) -> None:
        self.name, self.partial = method.name, method.stated.missing_magnitudes
        self.bands, self.errors, self.needed = tuple(bands), tuple(errors), (*bands, *errors)
        self.added = pa.schema([(PREDICTED, pa.float64())])
        if pdf:
            self.added = self.added.append(pdf_field(method.key, pdf))
        self.pdf = pdf
        source = task.source
        self.mock = bool((source.get("release") or {}).get("mock"))
        self.facts = {"method": method.spec, "seed": SEED, "trained on": source} | {
            "bands": list(self.bands),
            "errors": list(self.errors),
            **({"pdf": pdf} if pdf else {}),
            **({"settings": method.settings} if method.settings else {}),
        }
        self._called, self._fitted = task.bands, fitted
        self._surroundings = method.surroundings

    @classmethod
    def fit(
        cls,
        method: Method,
        task: Task,
        bands: Sequence[str] | None,
        errors: Sequence[str],
        names: Sequence[str],
        pdf: int = 0,
    ) -> Self:
        """Fit a method on a task, to be applied to a table of columns `names`.

        `bands` and `errors` are what that calls the magnitudes and their errors, in the task's
        order; by default as the task's data do. Where it has no errors, the method learns from none
        either.
        """
        columns = tuple(bands or task.columns)
        if len(columns) != len(task.bands):
            raise ParameterError(
                f"bands= names {len(columns)} columns for a method that learns from "
                f"{len(task.bands)} bands ({', '.join(task.columns)}); name as many, in that order",
                bands="--bands",
            )
        own = [error_name(band) for band in task.bands]
        learned = all(name in task.training for name in own)
        usual = tuple(error_name(name) for name in columns)
        found = tuple(errors) or (usual if learned and set(usual) <= set(names) else ())
        if found and len(found) != len(columns):
            raise ParameterError(
                f"errors= names {len(found)} columns for {len(columns)} bands", errors="--errors"
            )
        if not found or not learned:
            found, task = (), _without(task, own)
        return cls(method, task, columns, found, fit_once(method, task, SEED), pdf)

    @property
    def note(self) -> str:
        """What an output says of its forecasts."""
        mock = "; trained on a mock, simulated galaxies" if self.mock else ""
        return f"{PREDICTED}: {self.name}, transferz{mock}"

    @property
    def mock_note(self) -> str:
        """One line where it was trained on a mock; else nothing."""
        if not self.mock:
            return ""
        return "the method was trained on a mock: simulated galaxies; its redshifts are for trials"

    def here(self) -> "FittedMethod":
        """Return it as it is: a method finds its device itself."""
        return self

    def forecast(self, magnitudes: Floats, rows: pa.Table) -> pa.Table:
        """Forecast rows, null where the method has no forecast; its errors are MethodErrors."""
        point, densities = np.empty(0), pa.nulls(0)
        if len(rows):
            ids = np.arange(len(rows))
            seen = {ID: ids} | dict(zip(self._called, magnitudes.T, strict=True))
            for band, name in zip(self._called, self.errors, strict=bool(self.errors)):
                error = as_floats(rows, name, Path(name))
                seen[error_name(band)] = MAGNITUDE_ERROR.without_missing(error)
            what = f"{self.name}: predict"
            with self._surroundings.calling(what):
                made = self._fitted.predict(pd.DataFrame(seen))
            prediction = as_prediction(made, what)
            point, stated, row = points_in_order(prediction, ids, what)
            if self.pdf:
                densities = self._densities(prediction, stated, row)
        columns = [pa.array(point, pa.float64(), mask=FORECAST.is_missing(point))]
        if self.pdf:
            columns.append(densities.cast(self.added.field(1).type))
        return pa.table(columns, schema=self.added)

    def _densities(
        self, prediction: Prediction, stated: npt.NDArray[np.bool_], row: Any
    ) -> pa.Array:
        """Encode densities, a galaxy each; null for those that the method has no row for."""
        forecast = as_distribution(prediction.distribution)
        if forecast is None:
            raise ParameterError(
                f"pdf= is of densities, and {self.name} forecasts a redshift alone; "
                "`transferz benchmark --list` has methods that do: quantile_trees, template_fit",
                pdf="--pdf",
            )
        held = encode_pdfs(forecast if row is None else forecast.take(row), self.pdf)
        return held.take(pa.array(np.cumsum(stated) - 1, mask=~stated))

    def far(self, magnitudes: Floats) -> int:
        """Count no row: which are far from those learned from, a method does not say."""
        return 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave this process's surroundings behind; another process has its own."""
        return {name: value for name, value in vars(self).items() if name != "_surroundings"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._surroundings = Surroundings()


def _without(task: Task, columns: Sequence[str]) -> Task:
    """Take columns away from all that is learned from."""

    def rest(table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(columns=list(columns), errors="ignore")

    calibration = {name: rest(table) for name, table in task.calibration.items()}
    learned = {"training": rest(task.training), "validation": rest(task.validation)}
    return replace(task, calibration=calibration, **learned)
