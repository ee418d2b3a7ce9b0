"""What figures and tables are made of: every baseline's forecasts and scores, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.baselines.methods.paper import METHODS
from transferz.baselines.paper.evaluate import FORECASTS_FILE, SCORES_FILE
from transferz.schemas.benchmark.records import read_record
from transferz.schemas.benchmark.scores import TESTED, Config, Scores, SetScores
from transferz.schemas.errors import InputError

EVALUATED = "evaluate"
"""The folder of a run with a folder per baseline."""

SPREAD = "mean ± spread"
"""What tables and figures give of the seeds."""

REMEDY = "evaluate the baselines again: `make baselines`"


@dataclass(frozen=True, slots=True)
class TestForecasts:
    """Forecasts for a config's test split.

    Attributes
    ----------
    identifiers : ndarray of int64, shape (N,)
        HSC ids.
    redshift : ndarray, shape (N,)
        The labels.
    predicted : ndarray, shape (S, N)
        Redshifts, one row per seed.
    """

    identifiers: npt.NDArray[np.int64]
    redshift: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A baseline's forecasts and scores, by config.

    Attributes
    ----------
    method, title : str
        Its name and what papers call it.
    seeds : int
        Random initialisations.
    sets : mapping
        config -> scores on its test split.
    forecasts : mapping
        config -> the forecasts that were scored.
    """

    method: str
    title: str
    seeds: int
    sets: Mapping[Config, SetScores]
    forecasts: Mapping[Config, TestForecasts]


def read_evaluations(run: Path) -> list[Evaluation]:
    """Read every baseline that was evaluated, in the order of tables.

    Parameters
    ----------
    run : Path
        With ``evaluate/<method>/`` for each baseline.

    Raises
    ------
    InputError
        Where there is none, a file is missing or damaged, scores and forecasts are not of the same
        galaxies or seeds, or two baselines were not tested on the same galaxies.
    """
    found = [read_evaluation(folder) for folder in evaluated(run)]
    for one in found[1:]:
        for config in TESTED:
            _require_same_galaxies(run, config, found[0], one)
    return found


def over_seeds(what: str, evaluations: Sequence[Evaluation]) -> str:
    """Say that something is over so many seeds; of one seed, only that it is one."""
    counts = {one.seeds for one in evaluations}
    if counts == {1}:
        return "one seed"
    return f"{what} over {' to '.join(map(str, sorted({min(counts), max(counts)})))} seeds"


def evaluated(run: Path) -> list[Path]:
    """List the folders of the baselines that were evaluated, in the order of tables.

    Raises
    ------
    InputError
        Where there is none.
    """
    folders = [run / EVALUATED / method for method in METHODS]
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        raise InputError(
            f"{run / EVALUATED} has no folder of a baseline ({', '.join(METHODS)}); {REMEDY}"
        )
    return found


def read_evaluation(folder: Path) -> Evaluation:
    """Read one baseline; takes its folder and raises what `read_evaluations` does."""
    scores = read_record(folder / SCORES_FILE, Scores, REMEDY)
    if scores.method != folder.name or set(scores.sets) != set(TESTED):
        raise InputError(
            f"{folder / SCORES_FILE}: expected '{folder.name}' on {', '.join(sorted(TESTED))}, "
            f"found '{scores.method}' on {', '.join(sorted(scores.sets))}; {REMEDY}"
        )
    forecasts = _read_forecasts(folder / FORECASTS_FILE, scores.seeds)
    for config, one in forecasts.items():
        if one.redshift.size != scores.sets[config].n:
            raise InputError(
                f"{folder}: {SCORES_FILE} is of {scores.sets[config].n} galaxies of '{config}', "
                f"{FORECASTS_FILE} has {one.redshift.size}; {REMEDY}"
            )
    title = METHODS[scores.method].title
    return Evaluation(scores.method, title, scores.seeds, scores.sets, forecasts)


def _read_forecasts(path: Path, seeds: int) -> dict[Config, TestForecasts]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} can't be read: {error}; {REMEDY}") from None
    columns = [name for name in table.column_names if name.startswith("seed_")]
    if missing := {"config", "object_id", "redshift"} - set(table.column_names):
        raise InputError(f"{path} has no column '{min(missing)}'; {REMEDY}")
    if len(columns) != seeds:
        raise InputError(
            f"{path}: forecasts of {len(columns)} seeds, {SCORES_FILE} of {seeds}; {REMEDY}"
        )
    return {
        config: _take(table.filter(pc.equal(table["config"], config)), columns) for config in TESTED
    }


def _take(table: pa.Table, columns: list[str]) -> TestForecasts:
    predicted = [table[name].to_numpy().astype(np.float64) for name in columns]
    return TestForecasts(
        table["object_id"].to_numpy(),
        table["redshift"].to_numpy().astype(np.float64),
        np.stack(predicted),
    )


def _require_same_galaxies(run: Path, config: Config, first: Evaluation, one: Evaluation) -> None:
    ids, others = (baseline.forecasts[config].identifiers for baseline in (first, one))
    if not np.array_equal(ids, others):
        raise InputError(
            f"{run}: '{first.method}' and '{one.method}' were not tested on the same galaxies of "
            f"'{config}'; {REMEDY}"
        )
