"""Stage `release`: write the configs as parquet, one file per split, and their row index."""

import sys
from pathlib import Path

import pandas as pd

from transferz.dataset.pipeline.params import ReleaseParams, read_params
from transferz.dataset.pipeline.stage import COUNTS, TABLE, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, write_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.versions.previous import read_previous, require_successor
from transferz.schemas import ASSIGNED, INDEX, MATCHED, RELEASE, SPECTROSCOPIC, SPLITS, TRUTH
from transferz.schemas.survey.files import INDEX_FILE, SPLIT_FILE
from transferz.schemas.survey.frames import pandas_dtype
from transferz.tables.files import replace_directory, write_json


def _constant(value: str, frame: pd.DataFrame) -> pd.Series:
    return pd.Series(value, frame.index, dtype=pandas_dtype(RELEASE["redshift_kind"]))


def transferz_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Rows of config ``transferz``: HSC photometry with the many-band photo-z as label.

    Parameters
    ----------
    matched, galaxiesml : pandas.DataFrame
        Tables `MATCHED` and `SPECTROSCOPIC`.

    Returns
    -------
    pandas.DataFrame
        The release's columns but for ``group_id``. An object that GalaxiesML holds too has its
        ``specz_name`` there.
    """
    names = galaxiesml.set_index("object_id")["specz_name"]
    return matched.assign(
        redshift_kind=_constant("photometric", matched),
        specz_name=matched["galaxiesml_id"].map(names),
    )


def galaxiesml_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Rows of config ``galaxiesml``: HSC photometry with the spectroscopic redshift as label.

    Parameters
    ----------
    matched, galaxiesml : pandas.DataFrame
        Tables `MATCHED` and `SPECTROSCOPIC`.

    Returns
    -------
    pandas.DataFrame
        The release's columns but for ``group_id``; the interval is the redshift ± its error.
    """
    shared = matched.dropna(subset="galaxiesml_id").set_index("galaxiesml_id")["cosmos_id"]
    redshift, error = galaxiesml["specz_redshift"], galaxiesml["specz_redshift_err"]
    return galaxiesml.assign(
        redshift=redshift,
        redshift_lo=redshift - error,
        redshift_hi=redshift + error,
        redshift_kind=_constant("spectroscopic", galaxiesml),
        cosmos_id=galaxiesml["object_id"].map(shared),
    )


def combine(transferz: pd.DataFrame, galaxiesml: pd.DataFrame, shared: pd.Series) -> pd.DataFrame:
    """Rows of config ``combo``: the union, a galaxy that both hold by its spectroscopic row.

    Parameters
    ----------
    transferz, galaxiesml : pandas.DataFrame
        Released rows of the two configs.
    shared : pandas.Series
        ``galaxiesml_id`` by the ``object_id`` of TransferZ rows.

    Returns
    -------
    pandas.DataFrame
        The union, each galaxy once.
    """
    twins = transferz["object_id"].map(shared)
    alone = ~twins.isin(galaxiesml["object_id"].astype("Int64"))
    return pd.concat([galaxiesml, transferz.loc[alone]], ignore_index=True)


def truth_rows(released: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Rows of config ``truth``: every released object with its true redshift as label.

    Parameters
    ----------
    released : pandas.DataFrame
        Released rows of all configs, an object once.
    truth : pandas.DataFrame
        Table `TRUTH`; objects that are no galaxies are not in it.

    Returns
    -------
    pandas.DataFrame
        Those of the released rows that have a true redshift.
    """
    known = released.merge(truth, on="object_id", validate="one_to_one")
    return known.assign(
        redshift=known["redshift_true"],
        redshift_lo=known["redshift_true"],
        redshift_hi=known["redshift_true"],
        redshift_kind=_constant("true", known),
    )


def configs(layout: Layout) -> dict[str, pd.DataFrame]:
    """Put together the rows of every config.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.

    Returns
    -------
    dict of str to pandas.DataFrame
        The columns of `RELEASE`, and ``split``.
    """
    matched = read_table(layout.interim("match") / TABLE, MATCHED)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    assigned = read_table(layout.interim("split") / TABLE, ASSIGNED)
    photometric, spectroscopic = (
        rows(matched, galaxiesml).merge(assigned, on="object_id", validate="one_to_one")
        for rows in (transferz_rows, galaxiesml_rows)
    )
    shared = matched.set_index("object_id")["galaxiesml_id"]
    found = {
        "transferz": photometric,
        "galaxiesml": spectroscopic,
        "combo": combine(photometric, spectroscopic, shared),
    }
    if layout.is_mock:
        truth = read_table(layout.raw / "truth.parquet", TRUTH)
        everything = pd.concat([spectroscopic, photometric]).drop_duplicates("object_id")
        found["truth"] = truth_rows(everything, truth)
    return found


def write_config(rows: pd.DataFrame, directory: Path) -> dict[str, int]:
    """Write one config: a parquet file per split that has rows, and the index.

    Parameters
    ----------
    rows : pandas.DataFrame
        The columns of `RELEASE`, and ``split``.
    directory : Path
        The config's folder, which is made.

    Returns
    -------
    dict of str to int
        Rows of each split that was written.
    """
    directory.mkdir()
    counts = {}
    for split in SPLITS:
        part = rows.loc[rows["split"] == split]
        if len(part):  # a parquet file of no rows breaks `datasets`
            write_table(part, directory / SPLIT_FILE.format(split=split), RELEASE, described=True)
            counts[split] = len(part)
    row_hash = hash_rows(rows, RELEASE.names).view("int64")
    write_table(rows.assign(row_hash=row_hash), directory / INDEX_FILE, INDEX, described=True)
    return counts


def release(layout: Layout) -> None:
    """Write all configs; the card of an earlier build goes, the stage `card` writes a new one.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.

    Raises
    ------
    ReleaseError
        If the version contradicts what changed since the previous release, or that can't be had;
        nothing is replaced.
    """
    params = read_params("release", ReleaseParams)
    previous = read_previous(params.previous, layout.release, mock=layout.is_mock)
    found = configs(layout)
    with replace_directory(layout.release) as directory:
        counts = {name: write_config(rows, directory / name) for name, rows in found.items()}
        require_successor(previous, params.version, directory, mock=layout.is_mock)
    with replace_directory(layout.interim("release")) as directory:
        write_json(directory / COUNTS, {"rows_out": counts})


if __name__ == "__main__":
    sys.exit(run_stage(release, __doc__))
