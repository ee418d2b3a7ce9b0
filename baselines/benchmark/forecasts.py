"""The forecasts of a benchmark run, as `transferz benchmark` writes them, checked and by config."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.baselines.scores.bootstrap import DRAWS, Draws, Replicates, replicate
from transferz.baselines.scores.metrics import Array, in_cosmological_range
from transferz.baselines.scores.probability import PER_GALAXY, score_probability
from transferz.baselines.scores.requirements import in_lsst_range
from transferz.schemas.errors import InputError

COLUMNS = ("config", "object_id", "seed", "redshift", "i_mag", "point")
"""Those of any method; `PER_GALAXY` are there where its forecasts have a width."""

AGAIN = "write it again with `transferz benchmark`"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SetForecasts:
    """Forecasts of S seeds for the N galaxies of a test set.

    Attributes
    ----------
    object_id : ndarray of int64, shape (N,)
        In the order of the release.
    redshift, i_mag : ndarray of float32, shape (N,)
        Label and i magnitude; NaN where there is no i band.
    point : ndarray of float32, shape (S, N)
        Redshifts; NaN for a missing forecast.
    columns : dict of str to ndarray, shape (S, N)
        Each of `transferz.baselines.scores.probability.PER_GALAXY` that there is.
    """

    object_id: npt.NDArray[np.int64]
    redshift: npt.NDArray[np.float32]
    i_mag: npt.NDArray[np.float32]
    point: npt.NDArray[np.float32]
    columns: dict[str, npt.NDArray[np.float32]]

    @property
    def scored(self) -> Mask:
        """Which galaxies every seed has a forecast for, shape (N,)."""
        return np.asarray(np.isfinite(self.point).all(axis=0))

    def ranges(self) -> dict[str, Mask]:
        """Which galaxies, shape (N,), are in which range; ``lsst`` only with an i band."""
        masks = {
            "all": np.ones(self.redshift.shape, dtype=bool),
            "cosmological": in_cosmological_range(self.redshift),
        }
        if np.isnan(self.i_mag).all():
            return masks
        return masks | {"lsst": in_lsst_range(self.redshift, self.i_mag)}

    def take(self, rows: Mask) -> "SetForecasts":
        """Pick galaxies by a mask."""
        columns = {name: values[:, rows] for name, values in self.columns.items()}
        own = self.object_id[rows], self.redshift[rows], self.i_mag[rows]
        return SetForecasts(*own, self.point[:, rows], columns)

    def replicate(self, draws: Draws | None = None) -> Replicates:
        """Score the galaxies and resamples of them, by all metrics that the columns allow."""
        draws = draws or DRAWS
        true = self.redshift.astype(np.float64)
        found = replicate(self.point, true, draws=draws)
        if not self.columns:
            return found
        rows = np.arange(true.size)
        scores = self._probability(rows)
        made = [self._probability(np.repeat(rows, counts)) for counts in draws.counts(rows.size)]
        many = {name: np.stack([one[name] for one in made]) for name in scores}
        return Replicates(found.scores | scores, found.resampled | many)

    def _probability(self, drawn: npt.NDArray[np.int64]) -> dict[str, Array]:
        columns = {name: values[:, drawn] for name, values in self.columns.items()}
        return score_probability(columns, self.redshift[drawn], self.point[:, drawn])


def read_forecasts(path: Path) -> dict[str, SetForecasts]:
    """Read the forecasts of a run.

    Parameters
    ----------
    path : Path
        A ``forecasts.parquet``: a row per config, seed and galaxy, in this order.

    Returns
    -------
    dict
        config -> its forecasts.

    Raises
    ------
    InputError
        Where it can't be read, a column is missing or of another type, or the rows are not the
        same galaxies, in the same order and with the same label, for every seed.
    """
    try:
        table = pq.read_table(path, memory_map=True)
        configs = pc.unique(table["config"]).to_pylist()
        return {name: _of_config(table, name, path) for name in configs}
    except KeyError as error:
        raise InputError(f"{path} has no column {error}; {AGAIN}") from None
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"can't read {path}: {error}; {AGAIN}") from None


def _of_config(table: pa.Table, config: str, path: Path) -> SetForecasts:
    rows = table.filter(pc.equal(table["config"], config))
    values = {name: _numbers(rows, name, path) for name in rows.column_names if name != "config"}
    seeds = np.unique(values["seed"]).size
    if rows.num_rows % seeds:
        raise InputError(f"{path}: '{config}' has not as many rows for every seed; {AGAIN}")
    shaped = {name: column.reshape(seeds, -1) for name, column in values.items()}
    for name in ("object_id", "redshift", "i_mag"):
        if not np.array_equal(shaped[name], shaped[name][:1].repeat(seeds, 0), equal_nan=True):
            raise InputError(f"{path}: '{config}' has another {name} for another seed; {AGAIN}")
    _require_order(shaped, config, path)
    columns = {name: shaped[name] for name in PER_GALAXY if name in shaped}
    own = shaped["object_id"][0], shaped["redshift"][0], shaped["i_mag"][0]
    return SetForecasts(*own, shaped["point"], columns)


def _numbers(rows: pa.Table, name: str, path: Path) -> npt.NDArray[Any]:
    kind = pa.int64() if name in ("object_id", "seed") else pa.float32()
    try:
        return np.asarray(rows[name].cast(kind).to_numpy())
    except pa.ArrowException as error:
        raise InputError(f"{path}: column '{name}' is not of {kind}: {error}; {AGAIN}") from None


def _require_order(shaped: Mapping[str, npt.NDArray[Any]], config: str, path: Path) -> None:
    """Each row of the seeds is one seed, and no galaxy comes twice."""
    if (shaped["seed"] != shaped["seed"][:, :1]).any():
        raise InputError(f"{path}: rows of '{config}' are not sorted by seed; {AGAIN}")
    identifiers = shaped["object_id"][0]
    if np.unique(identifiers).size != identifiers.size:
        raise InputError(f"{path}: '{config}' has a galaxy more than once; {AGAIN}")
