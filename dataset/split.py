"""Stage `split`: assign every object to train, validation, calibration or test, without leaks."""

import sys

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from transferz.dataset.pipeline.params import MatchParams, SplitParams, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, removed_rows, write_table
from transferz.dataset.sky.neighbours import ClosePairs, drop_conflicts, group_ids, pairs_within
from transferz.dataset.splits.hashing import (
    hash_ids,
    split_by_hash,
    split_by_sky_block,
    split_published,
)
from transferz.schemas import REMOVED, SPLITS
from transferz.schemas.survey.frames import arrow_schema, to_frame
from transferz.schemas.survey.survey import Survey
from transferz.tables.files import replace_directory

SPLIT_CONFLICT = "split_conflict"
SHARED_PHOTOMETRY = "shared_photometry"


def split(layout: Layout) -> None:
    """Assign the splits of a survey's objects, and count what was left out and moved."""
    params = read_params("split", SplitParams)
    params = params.model_copy(update=layout.split(params.model_dump()))
    match, find = read_params("match", MatchParams), pairs_within
    if match.engine == "lsdb":
        from transferz.dataset.sky.partitions import pairs_within as find  # of the extra lsdb
    survey = layout.configured
    spectra = read_table(layout.spectra, survey.spectroscopic)
    matched = (
        read_table(layout.interim("match") / TABLE, survey.matched)
        if survey.match
        else to_frame(arrow_schema(survey.matched).empty_table(), survey.matched)
    )
    rows = all_rows(matched, spectra)
    gone: dict[str, pd.Series] = {}
    if survey.shared_photometry is not None:
        near = shared_photometry(matched, spectra, rows, params, survey)
        gone[SHARED_PHOTOMETRY] = near
        rows = rows.loc[~rows["object_id"].isin(near)]
    assigned, counts = split_rows(rows, params, match.radius_arcsec, find)
    first = {name: len(ids) for name, ids in gone.items()}
    counts = Counts(counts.rows_in + sum(first.values()), counts.rows_out, first | counts.removed)
    sizes = assigned["split"].value_counts()
    more: dict[str, object] = {"objects": {name: int(sizes.get(name, 0)) for name in SPLITS}}
    released = rows["object_id"].isin(assigned["object_id"])
    if params.scheme == "published":
        kept = rows.loc[released]
        split_of = assigned.set_index("object_id")["split"]
        more["moved"] = moved_rows(kept, kept["object_id"].map(split_of), params)
    gone[SPLIT_CONFLICT] = rows.loc[~released, "object_id"].drop_duplicates()
    removed = pd.concat([removed_rows(ids, name) for name, ids in gone.items()])
    with replace_directory(layout.interim("split")) as directory:
        write_table(assigned, directory / TABLE, survey.assigned)
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        counts.write(directory, **more)


def all_rows(matched: pd.DataFrame, spectra: pd.DataFrame) -> pd.DataFrame:
    """Stack the rows of tables `matched` and `spectroscopic`; an object in both has two.

    Returns ``object_id``, ``ra``, ``dec`` (NaN where there is no position), ``spectroscopic``,
    ``published_split`` and ``spectroscopic_id``; spectroscopic rows first.
    """
    columns = ["object_id", "ra", "dec", "spectroscopic", "published_split", "spectroscopic_id"]
    spectroscopic = spectra.reindex(columns=[*spectra, *({"published_split"} - {*spectra})]).assign(
        spectroscopic=True, spectroscopic_id=spectra["object_id"].astype("Int64")
    )
    photometric = matched.assign(spectroscopic=False)
    return pd.concat([spectroscopic[columns], photometric[columns]], ignore_index=True)


def shared_photometry(
    labels: pd.DataFrame,
    spectra: pd.DataFrame,
    rows: pd.DataFrame,
    params: SplitParams,
    survey: Survey,
) -> pd.Series:
    """Return the ids of labels that may be a galaxy with a spectrum in another split.

    Where nothing else tells, these are labels whose magnitudes lie in every band within the
    survey's distance of that galaxy's. `rows` are those of both, by `all_rows`.
    """
    objects = rows.drop_duplicates("object_id")
    split_of = pd.Series(assign(objects, params).to_numpy(), objects["object_id"].to_numpy())
    magnitudes = [band.magnitude for band in survey.described_bands]
    own, theirs = (split_of.loc[one["object_id"]].to_numpy() for one in (labels, spectra))
    near = np.zeros(len(labels), bool)
    for name in SPLITS:
        others = spectra.loc[theirs != name, magnitudes].to_numpy(np.float64)
        mine = np.flatnonzero(own == name)
        if len(others) and len(mine):
            points = labels.iloc[mine][magnitudes].to_numpy(np.float64)
            distance, _ = KDTree(others).query(points, p=np.inf)
            near[mine] = distance <= survey.shared_photometry
    return labels.loc[near, "object_id"]


def split_rows(
    rows: pd.DataFrame,
    params: SplitParams,
    radius_arcsec: float,
    find: ClosePairs = pairs_within,
) -> tuple[pd.DataFrame, Counts]:
    """Assign splits to the rows of `all_rows`, leave out what would leak, group what lies together.

    Objects within the radius never come in two splits. Returns table `assigned`, one row per
    object, and counts of objects; the cut is ``split_conflict``. A row without a position takes no
    part in what is decided by position: it can only be the same object as another row, by its id.
    `find` finds the close pairs.
    """
    # An object's split follows from the object alone, whoever else is there: no later release
    # with more rows moves it.
    rows = rows.assign(split=assign(rows, params).astype("string[pyarrow]"))
    # So neighbours can have different splits, and a blend of both would leak: one is left out. By
    # a salt of its own, because by the hash that assigns the splits train would win every conflict.
    left_out = drop_conflicts(
        rows["object_id"].to_numpy(),
        rows["ra"].to_numpy(),
        rows["dec"].to_numpy(),
        rows["split"].to_numpy(dtype=np.str_),
        rows["spectroscopic"].to_numpy(),
        hash_ids(rows["object_id"].to_numpy(), f"{params.salt}/rank"),
        radius_arcsec,
        find,
    )
    # Those that remain near each other share a split. Their group says so to whoever splits anew.
    kept = rows.loc[~left_out]
    ids, ra, dec = (kept[name].to_numpy() for name in ("object_id", "ra", "dec"))
    kept = kept.assign(group_id=group_ids(ids, ra, dec, radius_arcsec, find))
    objects = kept.drop_duplicates("object_id")
    total = rows["object_id"].nunique()
    return objects, Counts(total, len(objects), {SPLIT_CONFLICT: total - len(objects)})


def assign(rows: pd.DataFrame, params: SplitParams) -> pd.Series:
    """Assign each object of `all_rows` to a split: one of `SPLITS` for each of its rows."""
    objects = rows.drop_duplicates("object_id")  # the spectroscopic row of an object in both
    ids = objects["object_id"]
    if params.scheme == "sky_block":
        ra, dec = objects["ra"].to_numpy(), objects["dec"].to_numpy()
        names = split_by_sky_block(ra, dec, params.sky_block_nside, params.salt, params.fractions)
    elif params.scheme == "published":
        # The two samples were published apart: an object in both follows its spectrum, though it
        # have another id there.
        own = published_splits(objects, params)
        split_of = pd.Series(own.array, index=ids)
        names = objects["spectroscopic_id"].map(split_of).fillna(own).to_numpy(dtype=np.str_)
    else:
        names = split_by_hash(hash_ids(ids.to_numpy(), params.salt), params.fractions)
    return rows["object_id"].map(pd.Series(names, index=ids))


def published_splits(rows: pd.DataFrame, params: SplitParams) -> pd.Series:
    """Return the split that each row's own source published, or else that of its id's hash.

    Spectra are published without ``calibration``: it is carved out of their training split.
    """
    published = rows["published_split"].to_numpy(dtype=object, na_value=None)
    hashes = hash_ids(rows["object_id"].to_numpy(), params.salt)
    kept = split_published(published, hashes, params.fractions, 0.0)
    carved = split_published(published, hashes, params.fractions, params.published_calibration)
    return pd.Series(np.where(rows["spectroscopic"], carved, kept), rows.index)


def moved_rows(rows: pd.DataFrame, split: pd.Series, params: SplitParams) -> dict[str, list[int]]:
    """List the labelled objects that the split of their spectrum moved out of their own.

    From released rows of `all_rows` and the split each got. Returns ids by ``"<own split> to
    <split>"``, both sorted.
    """
    photometric = rows.loc[~rows["spectroscopic"]]
    own, new = published_splits(photometric, params), split.loc[photometric.index]
    moved = own != new
    ways = own[moved] + " to " + new[moved]
    ids = photometric.loc[moved, "object_id"].groupby(ways)
    return {str(way): sorted(map(int, moved_ids)) for way, moved_ids in ids}


if __name__ == "__main__":
    sys.exit(run_stage(split, __doc__))
