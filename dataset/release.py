"""Stage `release`: write the configs as parquet, one file per split, and their row index.

Where params.yaml asks for it, each config is written as a HATS collection too.

They are compared with the previous release. What that finds is said on stderr and goes into no
output: a build gives the same bytes whether or not the previous release can be had.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from transferz.dataset.pipeline.manifest import columns, read_split
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
from transferz.schemas import SPLITS, ParameterError
from transferz.schemas.survey.files import (
    HATS_FOLDER,
    HATS_SUFFIX,
    INDEX_FILE,
    MOCK,
    SPLIT_FILE,
    Version,
    data_files,
)
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.survey import Survey
from transferz.tables.files import replace_directory, write_json
from transferz.tables.hats.writing import facts_of, write_collection
from transferz.tables.hub import locate, parse_reference
from transferz.tables.hub_client import Unreachable
from transferz.tables.table import require_package


def release(layout: Layout) -> None:
    """Write all configs; the card of an earlier build goes, the stage `card` writes a new one.

    Raises `ReleaseError` if the version contradicts what changed since the previous release, or
    that can't be had; nothing is replaced then.
    """
    params = read_params("release", ReleaseParams)
    if params.hats:
        require_kept(layout.survey)
    previous = read_previous(params.previous, layout.release, mock=layout.is_mock)
    configs = config_rows(layout)
    with replace_directory(layout.release) as directory:
        counts = {
            name: write_config(rows, directory, name, layout.configured)
            for name, rows in configs.items()
        }
        require_successor(previous, params.version, directory, layout.configured)
        for name in configs if params.hats else ():
            write_hats(directory, name, layout.configured, params.version)
    with replace_directory(layout.interim("release")) as directory:
        write_json(directory / COUNTS, {"rows_out": counts})


def require_kept(survey: str) -> None:
    """Check that DVC keeps the HATS collections: a `ParameterError` says that dvc.yaml is older."""
    pipeline = Path("dvc.yaml" if survey == MOCK else f"surveys/{survey}/dvc.yaml")
    if pipeline.is_file() and f"/{HATS_FOLDER}:" not in pipeline.read_text(encoding="utf-8"):
        raise ParameterError(
            f"parameter 'release.hats' is true, and {pipeline} has no {HATS_FOLDER}, which DVC "
            f"would not keep then: run `transferz survey pipeline {survey}`"
        )


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


def require_successor(old: Snapshot | None, version: str, configs: Path, survey: Survey) -> None:
    """Compare configs that were just written with the previous release; say what was found.

    `configs` is the directory that holds them and `version` (``x.y.z``) the new number; None in
    place of `old` compares with nothing. `ReleaseError` says that one is a mock and the other is
    not, or that the new version contradicts what changed.
    """
    if old is None:
        return
    number = replace(Version.parse(version), mock=survey.mock)
    new = Snapshot(
        configs, number, compared_columns(columns(survey.release)), read_indices(configs)
    )
    changes = diff(old, new)
    require_step(old, new, changes)
    sys.stderr.write(f"follows {old.version}: {changes}\n")


def config_rows(layout: Layout) -> dict[str, pd.DataFrame]:
    """Put together the rows of every config: the columns of table `release`, and ``split``."""
    survey = layout.configured
    spectra = read_table(layout.spectra, survey.spectroscopic)
    assigned = read_table(layout.interim("split") / TABLE, survey.assigned)

    def released(rows: pd.DataFrame) -> pd.DataFrame:
        """Keep only rows that have a split: `split` left out what would leak."""
        return rows.merge(assigned, on="object_id", validate="one_to_one")

    if not survey.match:
        return {
            survey.configs["spectroscopic"]: released(spectroscopic_rows(survey, spectra, None))
        }
    matched = read_table(layout.interim("match") / TABLE, survey.matched)
    photometric = released(label_rows(survey, matched, spectra))
    spectroscopic = released(spectroscopic_rows(survey, spectra, matched))
    # The union has each galaxy once: one that both hold, perhaps under two ids, by its
    # spectroscopic row.
    twins = photometric["object_id"].map(matched.set_index("object_id")["spectroscopic_id"])
    alone = ~twins.isin(spectroscopic["object_id"].astype("Int64"))
    by_role = {
        "label": photometric,
        "spectroscopic": spectroscopic,
        "union": pd.concat([spectroscopic, photometric.loc[alone]], ignore_index=True),
    }
    if layout.is_mock:
        truth = read_table(layout.raw / "truth.parquet", survey.truth)
        objects = pd.concat([spectroscopic, photometric]).drop_duplicates("object_id")
        by_role["truth"] = truth_rows(objects, truth)
    return {name: by_role[role] for role, name in survey.configs.items()}


def label_rows(survey: Survey, matched: pd.DataFrame, spectra: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the label's config: photometry, labelled by the many-band photo-z.

    From tables `matched` and `spectroscopic`; the release's columns but for ``group_id``. An object
    that has a spectrum too has its name there.
    """
    by_id = spectra.set_index("object_id")
    names = {
        one.name: matched["spectroscopic_id"].map(by_id[one.name])
        for one in survey.references
        if one.name in by_id
    }
    kind = _constant("photometric", matched)
    return _complete(matched.assign(redshift_kind=kind, **names), survey)


def spectroscopic_rows(
    survey: Survey, spectra: pd.DataFrame, matched: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the rows of the spectroscopic config: photometry, labelled by spectroscopy.

    From tables `spectroscopic` and, where there are labels, `matched`; the release's columns but
    for ``group_id``. The interval is the redshift ± its error.
    """
    entry, dtype = survey.catalogues[survey.spectra[1]], pandas_dtype(survey.release["redshift"])
    redshift = spectra[entry.redshift[0]].astype(dtype)
    error = spectra[entry.error].astype(dtype) if entry.error else np.float32("nan")
    names = {}
    if matched is not None and survey.label_id:
        by_id = matched.dropna(subset="spectroscopic_id").set_index("spectroscopic_id")
        names[survey.label_id] = spectra["object_id"].map(by_id[survey.label_id])
    rows = spectra.assign(
        redshift=redshift,
        redshift_lo=redshift - error,
        redshift_hi=redshift + error,
        redshift_kind=_constant("spectroscopic", spectra),
        **names,
    )
    return _complete(rows, survey)


def _complete(rows: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Add the columns of table `release` that nobody gives, all null."""
    missing = [one for one in survey.release if one.name not in rows and one.name != "group_id"]
    dtypes = {one.name: pandas_dtype(one) for one in missing}
    return rows.assign(**dict.fromkeys(dtypes, pd.NA)).astype(dtypes) if dtypes else rows


def truth_rows(released: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of config ``truth``: released objects with their true redshift as label.

    From the released rows of all configs, an object once, and table `truth`; objects that are no
    galaxies have no true redshift there, and are left out.
    """
    labelled = released.merge(truth, on="object_id", validate="one_to_one")
    true = labelled["redshift_true"]
    return labelled.assign(
        redshift=true, redshift_lo=true, redshift_hi=true, redshift_kind=_constant("true", labelled)
    )


def _constant(value: str, frame: pd.DataFrame) -> pd.Series:
    return pd.Series(value, frame.index, dtype="string[pyarrow]")


def write_config(rows: pd.DataFrame, release: Path, config: str, survey: Survey) -> dict[str, int]:
    """Write one config into a new folder, a parquet file per split that has rows, and its index.

    `rows` have the columns of table `release`, and ``split``. Returns the rows of each
    split written.
    """
    directory, index = release / config, release / INDEX_FILE.format(config=config)
    directory.mkdir()
    index.parent.mkdir(exist_ok=True)
    counts, table = {}, survey.release
    for split in SPLITS:
        part = rows.loc[rows["split"] == split]
        if len(part):  # a parquet file of no rows breaks `datasets`
            write_table(part, directory / SPLIT_FILE.format(split=split), table, described=True)
            counts[split] = len(part)
    row_hash = hash_rows(rows, table.names).view("int64")
    write_table(rows.assign(row_hash=row_hash), index, survey.index, described=True)
    return counts


def write_hats(release: Path, config: str, survey: Survey, version: str) -> None:
    """Write a config a second time, as a HATS collection: the rows of its files, and ``split``.

    An InputError says that the package `lsdb` is missing, or that rows have no position.
    """
    folder = release / HATS_FOLDER / config
    require_package(folder, "lsdb", "HATS", install="'transferz[lsdb]'")
    folder.mkdir(parents=True)
    parts = {split: read_split(paths) for split, paths in data_files(release)[config].items()}
    rows = pa.concat_tables(
        part.replace_schema_metadata().append_column("split", pa.array([split] * len(part)))
        for split, part in parts.items()
    )
    table = replace(survey.release, columns=(*survey.release, survey.index["split"]))
    number = str(replace(Version.parse(version), mock=survey.mock))
    facts = facts_of(number, survey.name, config, parts)
    write_collection(folder, config, rows, table, facts, suffix=HATS_SUFFIX)


if __name__ == "__main__":
    sys.exit(run_stage(release, __doc__))
