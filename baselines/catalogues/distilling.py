"""Distil an ensemble into one network, which forecasts what all its seeds do on average.

Hinton, Vinyals & Dean 2015, arXiv:1503.02531: the student learns from the teacher's forecasts, so
that galaxies need no redshift, and there may be as many of them as a catalogue has.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from transferz.baselines.benchmark.tables import Sample, magnitudes
from transferz.baselines.benchmark.task import TestSet
from transferz.baselines.networks.ensemble import Ensemble, Floats, Model
from transferz.baselines.networks.environment import Epoch
from transferz.baselines.networks.training import Schedule, train
from transferz.baselines.scores.metrics import (
    bias,
    in_cosmological_range,
    normalised_error,
    outlier_rate,
    rmse,
    scatter,
)
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import MAGNITUDE, require_magnitudes
from transferz.tables.cells import as_floats
from transferz.tables.table import CHUNK_ROWS, TableFile

HELD_OUT = 0.1
"""Share of the rows that the student does not learn from: they stop it, and tell its loss."""

FEWEST = 100
"""Rows that it takes at least (our choice)."""

MEASURED = {"bias": bias, "scatter": scatter, "outlier_rate": outlier_rate, "rmse": rmse}


@dataclass(frozen=True, slots=True)
class Student:
    """A network that forecasts what an ensemble does, and how far it is from that.

    `rows` were learned from and `held_out` were not: on these, `loss` has the metrics `MEASURED` of
    the student's forecasts, the ensemble's taken for the truth. `alone` has the same of the
    ensemble's first network, which the student starts from.
    """

    ensemble: Ensemble
    rows: int
    held_out: int
    loss: Mapping[str, float]
    alone: Mapping[str, float]

    def provenance(self, teacher: Model, table: str) -> dict[str, Any]:
        """Return how the model came about, for its file: as the teacher's, and from that."""
        facts = {"rows": self.rows, "held_out": self.held_out, "loss": dict(self.loss)}
        whole = {"model": teacher.digest, "seeds": len(teacher.ensemble), "table": table}
        return teacher.provenance | {"distilled": whole | facts}


def read_magnitudes(table: TableFile, bands: tuple[str, ...]) -> Floats:
    """Read the magnitudes (N, B) of the rows that have all.

    An InputError says that they are few, or that the first hold something else, such as fluxes.
    """

    def parts() -> Iterator[Floats]:
        for place, chunk in enumerate(table.chunks(bands, CHUNK_ROWS)):
            columns = {name: as_floats(chunk, name, table.path) for name in bands}
            if not place:
                require_magnitudes(columns, table.path)
            values = np.column_stack(list(columns.values()))
            yield values[~MAGNITUDE.is_missing(values).any(axis=1)]

    rows = np.concatenate([np.empty((0, len(bands))), *parts()])
    if len(rows) < FEWEST:
        raise InputError(
            f"{table.path}: expected at least {FEWEST} rows with all of {', '.join(bands)}, found "
            f"{len(rows)}; give a larger table, such as the catalogue to be forecast"
        )
    return rows


def distil(
    teacher: Ensemble,
    rows: Floats,
    *,
    schedule: Schedule,
    device: str | torch.device = "cpu",
    progress: Callable[[Epoch], None] | None = None,
) -> Student:
    """Train one network on an ensemble's mean forecasts.

    It starts from the ensemble's first network and keeps its scaling of magnitudes.

    Parameters
    ----------
    teacher : Ensemble
        Networks that forecast a redshift each; a `ParameterError` refuses those that forecast
        densities, and a single network, which has nothing to be distilled.
    rows : array, shape (N, B)
        Magnitudes, AB, of galaxies such as those to be forecast, all of them there; redshifts need
        not be known.
    schedule : Schedule
        How fast and how long to train. Rows that are held out end it.
    """
    if teacher.has_densities or len(teacher) == 1:
        found = "densities" if teacher.has_densities else "one seed"
        raise ParameterError(f"--model: expected several seeds' redshifts to distil, found {found}")
    first = teacher.seeds[0]
    parts = np.array_split(rows, -(-len(rows) // CHUNK_ROWS))
    each = [(one.mean(axis=0), one[0]) for one in map(teacher.predict, parts)]
    whole, alone = (np.concatenate(one) for one in zip(*each, strict=True))
    order = np.random.default_rng(first).permutation(len(rows))
    held, learned = np.split(order, [round(HELD_OUT * len(order))])
    samples = (Sample(rows[chosen], whole[chosen]) for chosen in (learned, held))
    student = train(
        *samples,
        seeds=[first],
        schedule=schedule,
        start=teacher.take([first]),
        device=device,
        progress=progress,
    )
    forecasts = student.predict(rows[held])[0]
    losses = (_scores(one, whole[held]) for one in (forecasts, alone[held]))
    return Student(student, len(learned), len(held), *losses)


def score_tests(ensemble: Ensemble, test: TestSet) -> dict[str, float]:
    """Score the mean forecasts of an ensemble on a release's test galaxies of 0.3 < z <= 1.5."""
    inside = in_cosmological_range(test.redshift)
    forecasts = ensemble.predict(magnitudes(test.table)[inside]).mean(axis=0)
    return _scores(forecasts, test.redshift[inside])


def _scores(forecasts: npt.ArrayLike, redshift: npt.ArrayLike) -> dict[str, float]:
    dz = normalised_error(forecasts, redshift)
    return {name: float(metric(dz)) for name, metric in MEASURED.items()}
