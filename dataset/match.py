"""Stage `match`: join labels to photometry on the sky and find which objects have spectra too.

Labels that have photometry of their own are joined already: there the stage finds what has spectra,
by id.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd

from transferz.dataset.pipeline.params import MatchParams, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, removed_rows, write_table
from transferz.dataset.sky.neighbours import (
    OffsetMatches,
    Pairs,
    match_with_offset,
    mutual_nearest,
)
from transferz.dataset.sky.positions import Floats, Positions, shift, tangent_offsets
from transferz.schemas import REMOVED, Table
from transferz.schemas.survey.frames import pandas_dtype
from transferz.tables.files import replace_directory, write_json

REPORT = "report.json"
PAIRS_FILE = "pairs.parquet"
DIRECTIONS = 4  # in which positions are moved to count chance matches (our choice)


def match(layout: Layout) -> None:
    """Write the table of labelled objects with photometry, and what has spectra of them."""
    if layout.configured.match == "sky":
        match_on_sky(layout)
    else:
        match_ids(layout)


def match_on_sky(layout: Layout) -> None:
    """Match label and photometry and write the joined table of selected rows with its report."""
    survey, params = layout.configured, read_params("match", MatchParams)
    names = {role: survey.of_role(role) for role in ("label", "photometry", "spectroscopic")}
    label, photometry = (survey.tables[names[role]] for role in ("label", "photometry"))
    radius = params.radius_arcsec
    # Whole catalogues are matched, and the cuts applied to the pairs: an object whose true
    # counterpart was cut must not take the label of its neighbour. Of several detections of one
    # object, though, only the primary one stands for it.
    labels = read_table(layout.interim("ingest", names["label"]) / TABLE, label)
    objects = read_table(layout.interim("ingest", names["photometry"]) / TABLE, photometry)
    if primary := survey.catalogues[names["photometry"]].primary:
        objects = objects.loc[objects[primary]].reset_index(drop=True)
    first, second = (
        positions(rows, table.key, table.name)
        for rows, table in ((labels, label), (objects, photometry))
    )
    # The two surveys' astrometry differs by a constant offset: the first matches show it, and
    # without it the second ones are closer than chance neighbours. A match is mutual, so that
    # neither object serves two.
    sky_match = match_with_offset(first, second, radius, remove=params.remove_median_offset)
    pairs = pair_ids(labels[label.key], objects["object_id"], sky_match.matches)
    # Of the pairs, those remain whose both rows passed their cuts.
    joined, removed, counts = join(
        read_table(layout.interim("select", names["label"]) / TABLE, survey.selected),
        read_table(layout.interim("select", names["photometry"]) / TABLE, photometry),
        pairs,
        label.key,
    )
    # A galaxy that has a spectrum too must be known as the same one: `split` keeps both of its
    # rows together, `release` takes one of them into the union.
    spectra = layout.interim("select", names["spectroscopic"]) / TABLE
    twins, shared = shared_ids(joined, read_table(spectra, survey.spectroscopic), radius)
    joined = joined.assign(spectroscopic_id=twins, published_split=pd.NA)
    magnitude = labels[survey.catalogues[names["label"]].magnitude]
    report = describe(first, sky_match, magnitude, params)
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, survey.matched)
        write_table(pairs, directory / PAIRS_FILE, survey.pairs)
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, report)
        counts.write(directory, shared=shared)


def match_ids(layout: Layout) -> None:
    """Find by their ids which labelled objects, which have photometry already, have spectra."""
    survey = layout.configured
    labelled, spectra = (
        read_table(layout.interim("select", survey.of_role(role)) / TABLE, table)
        for role, table in (("labelled", survey.selected), ("spectroscopic", survey.spectroscopic))
    )
    joined = join_labelled(labelled, spectra, survey.matched)
    shared = {"by_id": int(joined["spectroscopic_id"].notna().sum()), "by_position": 0}
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, survey.matched)
        Counts(len(labelled), len(joined), {}).write(directory, shared=shared)


def positions(frame: pd.DataFrame, key: str, name: str) -> Positions:
    """Return the positions of rows, keyed by their ids, the column `key`, under a table's name."""
    ra, dec, ids = (frame[column].to_numpy() for column in ("ra", "dec", key))
    return Positions(ra, dec, ids, name)


def pair_ids(label_ids: pd.Series, object_ids: pd.Series, matches: Pairs) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec: table `pairs`."""
    return pd.DataFrame(
        {
            label_ids.name: label_ids.to_numpy()[matches.i],
            "object_id": object_ids.to_numpy()[matches.j],
            "separation": matches.separation.round(4).astype("float32"),
        }
    )


def join(
    selected: pd.DataFrame, objects: pd.DataFrame, pairs: pd.DataFrame, key: str
) -> tuple[pd.DataFrame, pd.DataFrame, Counts]:
    """Join the selected rows that are pairs: one's id and photometry, the other's redshift.

    From the label's catalogue, whose id is `key`, and the one with photometry after their cuts, and
    table `pairs`: all matches, whatever the cuts did to either row. Returns table `matched` but for
    ``spectroscopic_id`` and ``published_split``; table `REMOVED`, of the label's rows; and how many
    of these had no counterpart, or one that its cuts removed.
    """
    labels = selected[[key, "redshift", "redshift_lo", "redshift_hi"]]
    paired = labels.merge(pairs, on=key, validate="one_to_one")
    joined = paired.merge(objects, on="object_id", validate="one_to_one")
    alone = labels.loc[~labels[key].isin(paired[key]), key]
    cut = paired.loc[~paired[key].isin(joined[key]), key]
    gone = {"no_counterpart": alone, "counterpart_cut": cut}
    removed = pd.concat([removed_rows(ids, name) for name, ids in gone.items()])
    counts = Counts(len(labels), len(joined), {name: len(ids) for name, ids in gone.items()})
    return joined, removed, counts


def shared_ids(
    matched: pd.DataFrame, spectra: pd.DataFrame, radius_arcsec: float
) -> tuple[pd.Series, dict[str, int]]:
    """Find the objects that both samples hold: by id, and by position where ids differ.

    Returns the spectroscopic id of each matched row, null where it is not there, and how many were
    found ``by_id`` and, of the others, ``by_position``.
    """
    same = matched["object_id"].isin(spectra["object_id"])
    twins = matched["object_id"].astype("Int64").where(same)
    # The id there may be that of another detection or data release: by position, then.
    rest = matched.loc[~same]
    others = spectra.loc[~spectra["object_id"].isin(matched["object_id"])]
    near = mutual_nearest(
        positions(rest, "object_id", "matched"),
        positions(others, "object_id", "spectroscopic"),
        radius_arcsec,
    )
    rows = rest.index[near.i]
    twins.loc[rows] = others["object_id"].to_numpy()[near.j]
    return twins, {"by_id": int(same.sum()), "by_position": len(rows)}


def join_labelled(labelled: pd.DataFrame, spectra: pd.DataFrame, matched: Table) -> pd.DataFrame:
    """Bring labels that have photometry into the form of table `matched`.

    What they do not give is null, such as positions or the label's interval.
    ``spectroscopic_id`` is found by id alone.
    """
    rows = labelled.reindex(columns=list(matched.names))
    same = labelled["object_id"].isin(spectra["object_id"])
    rows["spectroscopic_id"] = labelled["object_id"].astype("Int64").where(same)
    return rows.astype({column.name: pandas_dtype(column) for column in matched})


def describe(
    labels: Positions, sky_match: OffsetMatches, magnitudes: pd.Series, params: MatchParams
) -> dict[str, Any]:
    """Describe the match: its median offset (arcsec), its offsets and its chance matches.

    `magnitudes` (AB) are those of every row of the label's catalogue.
    """
    matches, objects = sky_match.matches, sky_match.second
    east, north = tangent_offsets(labels.take(matches.i), objects.take(matches.j))
    magnitude = magnitudes.to_numpy(dtype=np.float64)
    return {
        "median_offset_arcsec": [round(value, 4) for value in sky_match.offset_arcsec],
        "offset_histogram": offset_histogram(east, north, params),
        "chance_matches": chance_matches(labels, objects, magnitude, params),
    }


def offset_histogram(east: Floats, north: Floats, params: MatchParams) -> dict[str, list[Any]]:
    """Count offsets of matched positions (arcsec) in equal bins from minus to plus the radius."""
    radius, step = params.radius_arcsec, params.histogram_step_arcsec
    edges = np.linspace(-radius, radius, max(round(2 * radius / step), 1) + 1)
    counts = (np.histogram(offsets, edges)[0].tolist() for offsets in (east, north))
    return {"edges": edges.round(6).tolist()} | dict(
        zip(("count_ra", "count_dec"), counts, strict=True)
    )


def chance_matches(
    first: Positions, second: Positions, magnitude: Floats, params: MatchParams
) -> dict[str, list[Any]]:
    """Measure how often positions match by chance: where second is moved away, all matches are.

    Any median offset is removed already; `magnitude` is that of each first position, NaN falls into
    no bin. Returns per bin the number of first ``objects``, of those ``matched`` (mean over four
    directions) and the ``rate`` of the two, None in an empty bin; and the bins' ``edges``, the last
    bin closed.
    """
    edges = np.asarray(params.magnitude_edges, dtype=np.float64)
    objects = np.histogram(magnitude, edges)[0]
    matched = np.zeros(len(objects))
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        way = params.chance_shift_arcsec * np.cos(angle), params.chance_shift_arcsec * np.sin(angle)
        matches = mutual_nearest(first, shift(second, *way), params.radius_arcsec)
        matched += np.histogram(magnitude[matches.i], edges)[0] / DIRECTIONS
    rate = [round(m / n, 6) if n else None for m, n in zip(matched.tolist(), objects, strict=True)]
    return {
        "edges": edges.tolist(),
        "objects": objects.tolist(),
        "matched": matched.round(6).tolist(),
        "rate": rate,
    }


if __name__ == "__main__":
    sys.exit(run_stage(match, __doc__))
