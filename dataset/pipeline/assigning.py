"""Which split each row's object belongs to, by the scheme of params.yaml."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from transferz.dataset.pipeline.lookup import look_up
from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.splits.hashing import hash_ids
from transferz.dataset.splits.splitting import split_by_hash, split_by_sky_block, split_published


class SplitParams(Params):
    """Section ``split`` of params.yaml.

    Attributes
    ----------
    scheme : str
        ``hash`` of the object's id; ``sky_block``, whole HEALPix cells; or ``published``, which
        the survey ``authors`` always has.
    salt : str
        Of the hash. Another salt is another split.
    fractions : dict of str to float
        Of each split; they sum to 1.
    sky_block_nside : int
        HEALPix resolution of scheme ``sky_block``.
    published_calibration : float
        Share of GalaxiesML's published training split that becomes ``calibration`` in scheme
        ``published``: its authors published no such split.
    """

    scheme: Literal["hash", "sky_block", "published"]
    salt: str = Field(min_length=1)
    fractions: dict[str, float]
    sky_block_nside: int = Field(gt=0, le=2**29)
    published_calibration: float = Field(ge=0, lt=1)


def read_split_params(layout: Layout) -> SplitParams:
    """Read section ``split``; published tables keep their published splits."""
    params = read_params("split", SplitParams)
    return params.model_copy(update={"scheme": layout.scheme(params.scheme)})


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
        own = published_splits(objects, params)
        names = follow(own, objects["galaxiesml_id"], objects["object_id"]).to_numpy(dtype=str)
    else:
        names = split_by_hash(hashes, params.fractions)
    return rows["object_id"].map(pd.Series(names, index=objects["object_id"]))


def published_splits(rows: pd.DataFrame, params: SplitParams) -> pd.Series:
    """Return the split that each row's own source published, or else the hash of its id.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it.
    params : SplitParams
        Salt and fractions.

    Returns
    -------
    pandas.Series of str
        ``calibration`` is carved out of GalaxiesML's training split alone.
    """
    published = rows["published_split"].to_numpy(dtype=object, na_value=None)
    hashes = hash_ids(rows["object_id"].to_numpy(), params.salt)
    kept = split_published(published, hashes, params.fractions, 0.0)
    carved = split_published(published, hashes, params.fractions, params.published_calibration)
    return pd.Series(np.where(rows["spectroscopic"], carved, kept), rows.index)


def follow(own: pd.Series, twins: pd.Series, ids: pd.Series) -> pd.Series:
    """Give each object the split of its twin, if it has one among the objects.

    Parameters
    ----------
    own : pandas.Series of str
        Split of each object by itself.
    twins : pandas.Series of Int64
        Id of the same galaxy in GalaxiesML, null where it is not there.
    ids : pandas.Series of int
        Id of each object, unique.

    Returns
    -------
    pandas.Series of str
    """
    by_id = pd.Series(own.array, index=ids.to_numpy())
    return look_up(twins, by_id).fillna(own)


def moved_rows(rows: pd.DataFrame, split: pd.Series, params: SplitParams) -> dict[str, list[int]]:
    """List TransferZ objects that GalaxiesML's split moved out of their own.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `all_rows` makes it; those that are released.
    split : pandas.Series of str
        The split each row got.
    params : SplitParams
        Salt and fractions.

    Returns
    -------
    dict of str to list of int
        Ids by ``"<own split> to <split>"``, both sorted.
    """
    photometric = rows.loc[~rows["spectroscopic"]]
    own, new = published_splits(photometric, params), split.loc[photometric.index]
    moved = own != new
    ways = own[moved] + " to " + new[moved]
    ids = photometric.loc[moved, "object_id"].groupby(ways)
    return {str(way): sorted(map(int, found)) for way, found in ids}
