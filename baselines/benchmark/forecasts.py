"""The forecasts of a benchmark run, as `transferz benchmark` writes them, checked and by config."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.baselines.scores.bootstrap import DRAWS as DRAWS
from transferz.baselines.scores.bootstrap import Draws, Replicates, replicate
from transferz.baselines.scores.metrics import METRICS, Array, in_cosmological_range
from transferz.baselines.scores.probability import PER_GALAXY, SUMMED, score_probability
from transferz.baselines.scores.requirements import in_lsst_range
from transferz.schemas.errors import InputError

WHOLE = ("config", "object_id", "seed")
"""Columns that hold no fractions."""

OF_GALAXIES = ("object_id", "redshift", "i_mag", "g_mag", "truth")
"""What is the same for every seed. Older files have no `g_mag`, and only mocks a `truth`; columns
`PER_GALAXY` are there where forecasts have a width, `FLAG` where the method gives one."""

FLAG = "flag"
"""The column of a method's flags: the larger, the less it trusts its forecast."""

AGAIN = "write it again with `transferz benchmark`"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SetForecasts:
    """Forecasts of S seeds for the N galaxies of a test set."""

    object_id: npt.NDArray[np.int64]  # (N,) in the order of the release
    # (N,) label and i magnitude; NaN where there is no i band
    redshift: npt.NDArray[np.float32]
    i_mag: npt.NDArray[np.float32]
    point: npt.NDArray[np.float32]  # (S, N) redshifts; NaN for a missing forecast
    # (S, N) each of `transferz.baselines.scores.probability.PER_GALAXY`, and `FLAG`, that there is
    columns: dict[str, npt.NDArray[np.float32]]
    # (N,) g magnitude, for colours; NaN where there is no g band
    g_mag: npt.NDArray[np.float32] | None = None
    # (N,) true redshifts, which only a mock has; NaN where an object is no galaxy
    truth: npt.NDArray[np.float32] | None = None

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
        known = (None if one is None else one[rows] for one in (self.g_mag, self.truth))
        return SetForecasts(*own, self.point[:, rows], columns, *known)

    def replicate(self, draws: Draws | None = None) -> Replicates:
        """Score the galaxies and resamples of them, by all metrics that the columns allow."""
        draws = draws or DRAWS
        points = self.replicate_points(draws=draws)
        if not set(self.columns) & set(SUMMED):
            return points
        rows = np.arange(self.redshift.size)
        scores = self._probability(rows)
        made = [self._probability(np.repeat(rows, counts)) for counts in draws.counts(rows.size)]
        many = {name: np.stack([one[name] for one in made]) for name in scores}
        return Replicates(points.scores | scores, points.resampled | many)

    def replicate_points(
        self,
        names: Collection[str] = METRICS,
        *,
        true: npt.NDArray[Any] | None = None,
        chosen: Mask | None = None,
        draws: Draws | None = None,
    ) -> Replicates:
        """Score the points by some metrics, against labels or other true redshifts, shape (N,).

        `chosen`, of shape (S, N), tells which galaxies count for which seed.
        """
        redshift = self.redshift if true is None else true
        return replicate(self.point, redshift, names, chosen=chosen, draws=draws or DRAWS)

    def _probability(self, drawn: npt.NDArray[np.int64]) -> dict[str, Array]:
        columns = {name: self.columns[name][:, drawn] for name in SUMMED if name in self.columns}
        return score_probability(columns, self.redshift[drawn], self.point[:, drawn])


def read_forecasts(path: Path, rows: int | None = None) -> dict[str, SetForecasts]:
    """Read a ``forecasts.parquet``: config -> forecasts, in rows per config, seed and galaxy.

    An InputError says that it can't be read, that it states another number of `rows`, where that is
    known, that a column is missing or of another type, or that the rows are not the same galaxies,
    in the same order and with the same label, for every seed.
    """
    try:
        stated = pq.read_metadata(path).num_rows
        if rows is not None and stated != rows:
            raise InputError(
                f"{path} states {stated:,} rows, expected {rows:,}, one per seed and galaxy of all "
                f"test sets; {AGAIN}"
            )
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
    known = {name: shaped[name] for name in OF_GALAXIES if name in shaped}
    for name in known:
        if not np.array_equal(shaped[name], shaped[name][:1].repeat(seeds, 0), equal_nan=True):
            raise InputError(f"{path}: '{config}' has another {name} for another seed; {AGAIN}")
    if (shaped["seed"] != shaped["seed"][:, :1]).any():
        raise InputError(f"{path}: rows of '{config}' are not sorted by seed; {AGAIN}")
    if np.unique(shaped["object_id"][0]).size != shaped["object_id"].shape[1]:
        raise InputError(f"{path}: '{config}' has a galaxy more than once; {AGAIN}")
    columns = {name: shaped[name] for name in (*PER_GALAXY, FLAG) if name in shaped}
    own = shaped["object_id"][0], shaped["redshift"][0], shaped["i_mag"][0]
    further = {name: shaped[name][0] for name in known if name in ("g_mag", "truth")}
    return SetForecasts(*own, shaped["point"], columns, **further)


def _numbers(rows: pa.Table, name: str, path: Path) -> npt.NDArray[Any]:
    kind = pa.int64() if name in ("object_id", "seed") else pa.float32()
    try:
        return np.asarray(rows[name].cast(kind).to_numpy())
    except pa.ArrowException as error:
        raise InputError(f"{path}: column '{name}' is not of {kind}: {error}; {AGAIN}") from None


def forecasts_file(forecasts: Mapping[str, SetForecasts]) -> bytes:
    """Return forecasts as a parquet file: a row per test set, seed and galaxy, in this order."""
    names = [
        name
        for name in ("g_mag", "truth")
        if any(_is_known(getattr(one, name)) for one in forecasts.values())
    ]
    widths = sorted({name for one in forecasts.values() for name in one.columns})
    table = pa.concat_tables(_long(name, one, names, widths) for name, one in forecasts.items())
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["config"],
        use_byte_stream_split=[name for name in table.column_names if name not in WHOLE],
        write_page_checksum=True,
    )
    return bytes(sink.getvalue())


def _is_known(values: npt.NDArray[np.float32] | None) -> bool:
    return values is not None and not np.isnan(values).all()


def _long(
    config: str, one: SetForecasts, names: Collection[str], widths: Collection[str]
) -> pa.Table:
    """Lay the forecasts of a test set out, with NaN in columns that only other sets have."""
    seeds, size = one.point.shape
    absent = np.full(one.point.shape, np.nan, np.float32)
    columns: dict[str, Any] = {
        "config": pa.array([config] * (seeds * size), pa.string()),
        "object_id": np.tile(one.object_id, seeds),
        "seed": np.repeat(np.arange(seeds, dtype=np.int16), size),
        "redshift": np.tile(one.redshift, seeds),
        "i_mag": np.tile(one.i_mag, seeds),
    }
    for name in names:
        values = getattr(one, name)
        columns[name] = absent.ravel() if values is None else np.tile(values, seeds)
    columns["point"] = one.point.ravel()
    return pa.table(columns | {name: one.columns.get(name, absent).ravel() for name in widths})
