"""Stage `split`: assign every object to train, validation, calibration or test, without leaks."""

import sys

import numpy as np
import pandas as pd

from transferz.dataset.match import MatchParams
from transferz.dataset.pipeline.assigning import SplitParams, assign, moved_rows, read_split_params
from transferz.dataset.pipeline.cuts import removed_rows
from transferz.dataset.pipeline.params import read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, write_table
from transferz.dataset.sky.conflicts import drop_conflicts, group_ids
from transferz.dataset.splits.hashing import hash_ids
from transferz.schemas import ASSIGNED, MATCHED, REMOVED, SPECTROSCOPIC, SPLITS
from transferz.tables.files import replace_directory

SPLIT_CONFLICT = "split_conflict"


def all_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Stack the rows of both samples; an object in both has two.

    Parameters
    ----------
    matched, galaxiesml : pandas.DataFrame
        Tables `MATCHED` and `SPECTROSCOPIC`.

    Returns
    -------
    pandas.DataFrame
        ``object_id``, ``ra``, ``dec`` (NaN where there is no position), ``spectroscopic``,
        ``published_split`` and ``galaxiesml_id``; spectroscopic rows first.
    """
    columns = ["object_id", "ra", "dec", "spectroscopic", "published_split", "galaxiesml_id"]
    spectroscopic = galaxiesml.assign(
        spectroscopic=True, galaxiesml_id=galaxiesml["object_id"].astype("Int64")
    )
    photometric = matched.assign(spectroscopic=False)
    return pd.concat([spectroscopic[columns], photometric[columns]], ignore_index=True)


def split_rows(
    rows: pd.DataFrame, params: SplitParams, radius_arcsec: float
) -> tuple[pd.DataFrame, Counts]:
    """Assign splits, leave out what would leak, and group what lies together.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it.
    params : SplitParams
        Scheme, salt and fractions.
    radius_arcsec : float
        Objects within it never come in two splits.

    Returns
    -------
    assigned : pandas.DataFrame
        Table `ASSIGNED`, one row per object.
    counts : Counts
        Of objects; the cut is ``split_conflict``.

    Notes
    -----
    A row without a position takes no part in what is decided by position: it can only be the same
    object as another row, by its id.
    """
    rows = rows.assign(split=assign(rows, params).astype("string[pyarrow]"))
    kept = rows.loc[~rows["object_id"].isin(conflicts(rows, params.salt, radius_arcsec))]
    objects = kept.assign(group_id=groups(kept, radius_arcsec)).drop_duplicates("object_id")
    total = rows["object_id"].nunique()
    return objects, Counts(total, len(objects), {SPLIT_CONFLICT: total - len(objects)})


def conflicts(rows: pd.DataFrame, salt: str, radius_arcsec: float) -> pd.Series:
    """Return the ids of objects to leave out: too near another one of a different split.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it, with ``split``.
    salt : str
        Of the splits' hash.
    radius_arcsec : float
        Objects within it never come in two splits.
    """
    located = rows.dropna(subset=["ra", "dec"])
    # A salt of its own: by the hash that assigns the splits, train would win every conflict.
    hashes = hash_ids(located["object_id"].to_numpy(), f"{salt}/rank")
    left_out = drop_conflicts(
        located["object_id"].to_numpy(),
        located["ra"].to_numpy(),
        located["dec"].to_numpy(),
        located["split"].to_numpy(dtype=np.str_),
        located["spectroscopic"].to_numpy(),
        hashes,
        radius_arcsec,
    )
    return located.loc[left_out, "object_id"]


def groups(rows: pd.DataFrame, radius_arcsec: float) -> pd.Series:
    """Return the least id linked to each row's object; its own where it has no position.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it.
    radius_arcsec : float
        Length of a link.
    """
    located = rows.dropna(subset=["ra", "dec"])
    ids, ra, dec = (located[name].to_numpy() for name in ("object_id", "ra", "dec"))
    found = rows["object_id"].copy()
    found.loc[located.index] = group_ids(ids, ra, dec, radius_arcsec)
    return found


def split(layout: Layout) -> None:
    """Assign the splits of a survey's objects.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_split_params(layout)
    radius = read_params("match", MatchParams).radius_arcsec
    matched = read_table(layout.interim("match") / TABLE, MATCHED)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    rows = all_rows(matched, galaxiesml)
    assigned, counts = split_rows(rows, params, radius)
    sizes = assigned["split"].value_counts()
    more: dict[str, object] = {"objects": {name: int(sizes.get(name, 0)) for name in SPLITS}}
    released = rows["object_id"].isin(assigned["object_id"])
    if params.scheme == "published":
        split_of = assigned.set_index("object_id")["split"]
        kept = rows.loc[released]
        more["moved"] = moved_rows(kept, kept["object_id"].map(split_of), params)
    left_out = rows.loc[~released, "object_id"].drop_duplicates()
    with replace_directory(layout.interim("split")) as directory:
        write_table(assigned, directory / TABLE, ASSIGNED)
        write_table(removed_rows(left_out, SPLIT_CONFLICT), directory / REMOVED_ROWS, REMOVED)
        counts.write(directory, **more)


if __name__ == "__main__":
    sys.exit(run_stage(split, __doc__))
