"""Compare two releases: read their rows, take the differences, and trace who lacks what and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.versions.differences import describe, differing, join_rows
from transferz.dataset.versions.trace import Build, count_steps, trace
from transferz.schemas import CONFIGS, MAGNITUDES, RELEASE, ReleaseError
from transferz.schemas.survey.frames import arrow_schema

COLUMNS = ("object_id", "redshift", "redshift_kind", *MAGNITUDES)
"""What is compared, with the split."""

ConfigFiles = Mapping[str, Sequence[Path]]


@dataclass(frozen=True, slots=True)
class Edition:
    """One of the two releases.

    Attributes
    ----------
    path : Path
        Its directory.
    version, survey : str
        As its manifest says.
    files : mapping
        config -> split -> its parquet files.
    build : Build or None
        The tables it was made from, where they are at hand.
    untraced : str
        Why there is no build; empty if there is one.
    """

    path: Path
    version: str
    survey: str
    files: Mapping[str, ConfigFiles]
    build: Build | None = None
    untraced: str = ""

    def describe(self) -> dict[str, str]:
        """Return what identifies it, as JSON."""
        return {
            "path": str(self.path),
            "version": self.version,
            "survey": self.survey,
            "untraced": self.untraced,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two releases compared.

    Attributes
    ----------
    report : dict
        Counts and spreads, as JSON.
    rows : pandas.DataFrame
        Every differing row, with the columns `differences.LISTED`.
    """

    report: dict[str, Any]
    rows: pd.DataFrame


def compare(a: Edition, b: Edition) -> Comparison:
    """Compare two releases, config by config.

    Parameters
    ----------
    a, b : Edition
        The releases, in the roles of ours and theirs.

    Raises
    ------
    ReleaseError
        If they have no config in common or a file is damaged or not of a release.
    """
    common = [name for name in CONFIGS if name in a.files and name in b.files]
    if not common:
        there = (", ".join(one.files) or "none" for one in (a, b))
        raise ReleaseError(
            f"no config in common: {a.path} has {next(there)}, {b.path} has {next(there)}; "
            "compare releases that share a config"
        )
    configs, listings = {}, []
    for name in common:
        joined = join_rows(read_config(a.files[name]), read_config(b.files[name]))
        steps = {
            "only_a": _trace(b.build, joined, name, "a"),
            "only_b": _trace(a.build, joined, name, "b"),
        }
        removed = {
            "only_a": _counted(b.build, steps["only_a"]),
            "only_b": _counted(a.build, steps["only_b"]),
        }
        configs[name] = describe(joined) | {"removed_by": removed}
        listings.append(differing(joined, [one for one in steps.values() if one is not None], name))
    alone = {
        "a": [name for name in a.files if name not in common],
        "b": [name for name in b.files if name not in common],
    }
    report = {"a": a.describe(), "b": b.describe(), "configs": configs, "configs_only_in": alone}
    return Comparison(report, pd.concat(listings, ignore_index=True))


def read_config(files: ConfigFiles) -> pd.DataFrame:
    """Read what is compared of one config.

    Parameters
    ----------
    files : mapping
        split -> its parquet files.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS` and ``split``, a row per object.

    Raises
    ------
    ReleaseError
        If a file is damaged, lacks a column or has it in a wrong type, or an object is repeated.
    """
    parts = [
        _read(path).to_pandas().assign(split=split)
        for split, paths in files.items()
        for path in paths
    ]
    rows = pd.concat(parts, ignore_index=True)
    if (repeated := rows["object_id"].duplicated()).any():
        place = next(path.parent for paths in files.values() for path in paths)
        raise ReleaseError(
            f"{place}: expected every object_id once, found "
            f"{rows.loc[repeated, 'object_id'].iloc[0]} twice; get the release anew"
        )
    return rows


def _read(path: Path) -> pa.Table:
    schema = arrow_schema(RELEASE)
    wanted = pa.schema([schema.field(name).remove_metadata() for name in COLUMNS])
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise ReleaseError(f"{path}: no column {', '.join(missing)}; get the release anew")
            return file.read(list(COLUMNS)).select(list(COLUMNS)).cast(wanted)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ReleaseError(f"can't read {path}: {error}; get the release anew") from error


def _trace(
    build: Build | None, joined: pd.DataFrame, config: str, side: str
) -> pd.DataFrame | None:
    """What kept the rows of one side alone out of the other's build; None without the build."""
    if build is None:
        return None
    alone = joined.loc[joined["where"] == f"only_{side}"]
    objects = alone[["object_id"]].assign(redshift_kind=alone[f"redshift_kind_{side}"])
    return trace(build, objects, config)


def _counted(build: Build | None, steps: pd.DataFrame | None) -> list[dict[str, Any]] | None:
    if build is None or steps is None:
        return None
    counted = count_steps(build, steps)
    return [{"stage": stage, "cut": cut, "rows": rows} for stage, cut, rows in counted]
