"""Stage `release`: write the configs as parquet, one file per split, and their row index.

They are compared with the previous release. What that finds is said on stderr and goes into no
output: a build gives the same bytes whether or not the previous release can be had.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from transferz.dataset.pipeline.manifest import columns
from transferz.dataset.pipeline.params import ReleaseParams, read_params
from transferz.dataset.pipeline.stage import COUNTS, TABLE, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, write_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.versions.diff import (
    Snapshot,
    compared_columns,
    diff,
    read_indices,
    read_snapshot,
    require_step,
)
from transferz.schemas import (
    ASSIGNED,
    INDEX,
    MATCHED,
    RELEASE,
    SPECTROSCOPIC,
    SPLITS,
    TRUTH,
    ParameterError,
)
from transferz.schemas.survey.files import INDEX_FILE, SPLIT_FILE, Version
from transferz.schemas.survey.frames import pandas_dtype
from transferz.tables.files import replace_directory, write_json
from transferz.tables.hub import locate, parse_reference
from transferz.tables.hub_client import Unreachable


def release(layout: Layout) -> None:
    """Write all configs; the card of an earlier build goes, the stage `card` writes a new one.

    Raises `ReleaseError` if the version contradicts what changed since the previous release, or
    that can't be had; nothing is replaced then.
    """
    params = read_params("release", ReleaseParams)
    previous = read_previous(params.previous, layout.release, mock=layout.is_mock)
    configs = config_rows(layout)
    with replace_directory(layout.release) as directory:
        counts = {name: write_config(rows, directory, name) for name, rows in configs.items()}
        require_successor(previous, params.version, directory, mock=layout.is_mock)
    with replace_directory(layout.interim("release")) as directory:
        write_json(directory / COUNTS, {"rows_out": counts})


def read_previous(previous: str | None, built: Path, *, mock: bool) -> Snapshot | None:
    """Read the release that a new one follows; None where none is named.

    `previous` is a directory, or ``org/name@x.y.z`` on the Hub; it may not lie in `built`, the
    directory of the new release (`ParameterError`). None too, which is said on stderr, where the
    Hub does not answer and the cache lacks it, and where one on the Hub is a mock and the new one
    is not or the other way round: parameters are those of all surveys. `transferz publish` compares
    again. What is no release raises `ReleaseError`.
    """
    if previous is None:
        return None
    if not Path(previous).expanduser().is_dir():
        version = parse_reference(previous).version
        if version is not None and version.mock != mock:
            _say_not_compared(previous, "one is a mock, the other is not")
            return None
    try:
        path = locate(previous)
    except Unreachable as reason:
        _say_not_compared(previous, str(reason))
        return None
    if path.resolve().is_relative_to(built.resolve()):
        raise ParameterError(
            f"parameter 'release.previous': {previous} lies in {built}, which this build replaces; "
            "name a copy elsewhere"
        )
    return read_snapshot(path)


def _say_not_compared(previous: str, reason: str) -> None:
    sys.stderr.write(
        f"not compared with {previous}: {reason}; `transferz publish` compares again\n"
    )


def require_successor(old: Snapshot | None, version: str, configs: Path, *, mock: bool) -> None:
    """Compare configs that were just written with the previous release; say what was found.

    `configs` is the directory that holds them and `version` (``x.y.z``) the new number; None in
    place of `old` compares with nothing. `ReleaseError` says that one is a mock and the other is
    not, or that the new version contradicts what changed.
    """
    if old is None:
        return
    number = replace(Version.parse(version), mock=mock)
    new = Snapshot(configs, number, compared_columns(columns()), read_indices(configs))
    changes = diff(old, new)
    require_step(old, new, changes)
    sys.stderr.write(f"follows {old.version}: {changes}\n")


def config_rows(layout: Layout) -> dict[str, pd.DataFrame]:
    """Put together the rows of every config: the columns of `RELEASE`, and ``split``."""
    matched = read_table(layout.interim("match") / TABLE, MATCHED)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    assigned = read_table(layout.interim("split") / TABLE, ASSIGNED)
    # Only rows that have a split are released: `split` left out what would leak.
    photometric, spectroscopic = (
        rows(matched, galaxiesml).merge(assigned, on="object_id", validate="one_to_one")
        for rows in (transferz_rows, galaxiesml_rows)
    )
    # The union has each galaxy once: one that both hold, perhaps under two ids, by its
    # spectroscopic row.
    twins = photometric["object_id"].map(matched.set_index("object_id")["galaxiesml_id"])
    alone = ~twins.isin(spectroscopic["object_id"].astype("Int64"))
    configs = {
        "transferz": photometric,
        "galaxiesml": spectroscopic,
        "combo": pd.concat([spectroscopic, photometric.loc[alone]], ignore_index=True),
    }
    if layout.is_mock:
        truth = read_table(layout.raw / "truth.parquet", TRUTH)
        released = pd.concat([spectroscopic, photometric]).drop_duplicates("object_id")
        configs["truth"] = truth_rows(released, truth)
    return configs


def transferz_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of config ``transferz``: HSC photometry, labelled by the many-band photo-z.

    From tables `MATCHED` and `SPECTROSCOPIC`; the release's columns but for ``group_id``. An
    object that GalaxiesML holds too has its ``specz_name`` there.
    """
    names = galaxiesml.set_index("object_id")["specz_name"]
    return matched.assign(
        redshift_kind=_constant("photometric", matched),
        specz_name=matched["galaxiesml_id"].map(names),
    )


def galaxiesml_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of config ``galaxiesml``: HSC photometry, labelled by spectroscopy.

    From tables `MATCHED` and `SPECTROSCOPIC`; the release's columns but for ``group_id``. The
    interval is the redshift ± its error.
    """
    cosmos_ids = matched.dropna(subset="galaxiesml_id").set_index("galaxiesml_id")["cosmos_id"]
    redshift, error = galaxiesml["specz_redshift"], galaxiesml["specz_redshift_err"]
    return galaxiesml.assign(
        redshift=redshift,
        redshift_lo=redshift - error,
        redshift_hi=redshift + error,
        redshift_kind=_constant("spectroscopic", galaxiesml),
        cosmos_id=galaxiesml["object_id"].map(cosmos_ids),
    )


def truth_rows(released: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of config ``truth``: released objects with their true redshift as label.

    From the released rows of all configs, an object once, and table `TRUTH`; objects that are no
    galaxies have no true redshift there, and are left out.
    """
    labelled = released.merge(truth, on="object_id", validate="one_to_one")
    true = labelled["redshift_true"]
    return labelled.assign(
        redshift=true, redshift_lo=true, redshift_hi=true, redshift_kind=_constant("true", labelled)
    )


def _constant(value: str, frame: pd.DataFrame) -> pd.Series:
    return pd.Series(value, frame.index, dtype=pandas_dtype(RELEASE["redshift_kind"]))


def write_config(rows: pd.DataFrame, release: Path, config: str) -> dict[str, int]:
    """Write one config into a new folder, a parquet file per split that has rows, and its index.

    `rows` have the columns of `RELEASE`, and ``split``. Returns the rows of each split written.
    """
    directory, index = release / config, release / INDEX_FILE.format(config=config)
    directory.mkdir()
    index.parent.mkdir(exist_ok=True)
    counts = {}
    for split in SPLITS:
        part = rows.loc[rows["split"] == split]
        if len(part):  # a parquet file of no rows breaks `datasets`
            write_table(part, directory / SPLIT_FILE.format(split=split), RELEASE, described=True)
            counts[split] = len(part)
    row_hash = hash_rows(rows, RELEASE.names).view("int64")
    write_table(rows.assign(row_hash=row_hash), index, INDEX, described=True)
    return counts


if __name__ == "__main__":
    sys.exit(run_stage(release, __doc__))
