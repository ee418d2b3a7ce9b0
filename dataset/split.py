"""Stage `split`: assign every object to train, validation, calibration or test, without leaks."""

import sys
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from transferz.dataset.files import replace_directory
from transferz.dataset.hashing import hash_ids
from transferz.dataset.match import MatchParams
from transferz.dataset.params import Params, read_params
from transferz.dataset.splitting import (
    drop_conflicts,
    group_ids,
    split_by_hash,
    split_by_sky_block,
    split_published,
)
from transferz.dataset.stage import TABLE, Counts, Layout, run_stage
from transferz.dataset.tables import read_table, write_table
from transferz.schemas import ASSIGNED, MATCHED, SPECTROSCOPIC, SPLITS


class SplitParams(Params):
    """Section ``split`` of params.yaml.

    Attributes
    ----------
    scheme : str
        ``hash`` of the object's id; ``sky_block``, whole HEALPix cells; or ``published``.
    salt : str
        Of the hash. Another salt is another split.
    fractions : dict of str to float
        Of each split; they sum to 1.
    sky_block_nside : int
        HEALPix resolution of scheme ``sky_block``.
    published_calibration : float
        Share of the published training split that becomes ``calibration`` in scheme
        ``published``.
    """

    scheme: Literal["hash", "sky_block", "published"]
    salt: str = Field(min_length=1)
    fractions: dict[str, float]
    sky_block_nside: int = Field(gt=0, le=2**29)
    published_calibration: float = Field(ge=0, lt=1)


def all_rows(matched: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Stack the rows of both samples; an object in both has two.

    Parameters
    ----------
    matched, galaxiesml : pandas.DataFrame
        Tables `MATCHED` and `SPECTROSCOPIC`.

    Returns
    -------
    pandas.DataFrame
        ``object_id``, ``ra``, ``dec``, ``spectroscopic`` and ``published_split``; spectroscopic
        rows first.
    """
    columns = ["object_id", "ra", "dec", "spectroscopic", "published_split"]
    spectroscopic = galaxiesml.assign(spectroscopic=True)
    photometric = matched.assign(
        spectroscopic=False,
        published_split=pd.Series(pd.NA, matched.index, dtype="string[pyarrow]"),
    )
    return pd.concat([spectroscopic[columns], photometric[columns]], ignore_index=True)


def assign(rows: pd.DataFrame, params: SplitParams) -> pd.Series:
    """Assign each object to a split; all its rows share it.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it.
    params : SplitParams
        Scheme, salt and fractions.

    Returns
    -------
    pandas.Series of str
        One of `SPLITS` per row.
    """
    objects = rows.drop_duplicates("object_id")  # the spectroscopic row of an object in both
    hashes = hash_ids(objects["object_id"].to_numpy(), params.salt)
    if params.scheme == "sky_block":
        ra, dec = objects["ra"].to_numpy(), objects["dec"].to_numpy()
        names = split_by_sky_block(ra, dec, params.sky_block_nside, params.salt, params.fractions)
    elif params.scheme == "published":
        published = objects["published_split"].to_numpy(dtype=object, na_value=None)
        names = split_published(published, hashes, params.fractions, params.published_calibration)
    else:
        names = split_by_hash(hashes, params.fractions)
    return rows["object_id"].map(pd.Series(names, index=objects["object_id"]))


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
    """
    split = assign(rows, params)
    # A salt of its own: by the hash that assigns the splits, train would win every conflict.
    hashes = hash_ids(rows["object_id"].to_numpy(), f"{params.salt}/rank")
    left_out = drop_conflicts(
        rows["object_id"].to_numpy(),
        rows["ra"].to_numpy(),
        rows["dec"].to_numpy(),
        split.to_numpy(dtype=np.str_),
        rows["spectroscopic"].to_numpy(),
        hashes,
        radius_arcsec,
    )
    kept = rows.assign(split=split.astype("string[pyarrow]")).loc[~left_out]
    groups = group_ids(
        kept["object_id"].to_numpy(), kept["ra"].to_numpy(), kept["dec"].to_numpy(), radius_arcsec
    )
    objects = kept.assign(group_id=groups).drop_duplicates("object_id")
    total = rows["object_id"].nunique()
    return objects, Counts(total, len(objects), {"split_conflict": total - len(objects)})


def split(layout: Layout) -> None:
    """Assign the splits of a survey's objects.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_params("split", SplitParams)
    radius = read_params("match", MatchParams).radius_arcsec
    matched = read_table(layout.interim("match") / TABLE, MATCHED)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    assigned, counts = split_rows(all_rows(matched, galaxiesml), params, radius)
    sizes = assigned["split"].value_counts()
    with replace_directory(layout.interim("split")) as directory:
        write_table(assigned, directory / TABLE, ASSIGNED)
        counts.write(directory, objects={name: int(sizes.get(name, 0)) for name in SPLITS})


if __name__ == "__main__":
    sys.exit(run_stage(split, __doc__))
