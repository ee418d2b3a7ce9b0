"""Stage `match`: join COSMOS2020 to HSC on the sky and find what GalaxiesML holds of it.

The authors' table is joined already: there the stage finds what GalaxiesML holds, by HSC id.
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
from transferz.schemas import (
    COSMOS2020,
    HSC,
    MATCHED,
    PAIRS,
    REMOVED,
    SELECTED,
    SPECTROSCOPIC,
    TRANSFERZ,
    Table,
)
from transferz.schemas.survey.frames import pandas_dtype
from transferz.tables.files import replace_directory, write_json

REPORT = "report.json"
PAIRS_FILE = "pairs.parquet"
DIRECTIONS = 4  # in which positions are moved to count chance matches (our choice)


def match(layout: Layout) -> None:
    """Write the table of labelled HSC objects, with what GalaxiesML holds of them."""
    if layout.is_published:
        match_published(layout)
    else:
        match_catalogues(layout)


def match_catalogues(layout: Layout) -> None:
    """Match COSMOS2020 to HSC and write the joined table of selected rows with its report."""
    params = read_params("match", MatchParams)
    radius = params.radius_arcsec
    # Whole catalogues are matched, and the cuts applied to the pairs: an object whose true
    # counterpart was cut must not take the label of its neighbour. Of HSC's several detections of
    # one object, though, only the primary one stands for it.
    cosmos = read_table(layout.interim("ingest", "cosmos2020") / TABLE, COSMOS2020)
    hsc = read_table(layout.interim("ingest", "hsc") / TABLE, HSC)
    hsc = hsc.loc[hsc["isprimary"]].reset_index(drop=True)
    first, second = positions(cosmos, COSMOS2020), positions(hsc, HSC)
    # The two surveys' astrometry differs by a constant offset: the first matches show it, and
    # without it the second ones are closer than chance neighbours. A match is mutual, so that
    # neither object serves two.
    sky_match = match_with_offset(first, second, radius, remove=params.remove_median_offset)
    pairs = pair_ids(cosmos, hsc, sky_match.matches)
    # Of the pairs, those remain whose both rows passed their cuts.
    joined, removed, counts = join(
        read_table(layout.interim("select", "cosmos2020") / TABLE, SELECTED),
        read_table(layout.interim("select", "hsc") / TABLE, HSC),
        pairs,
    )
    # A galaxy that GalaxiesML holds too must be known as the same one: `split` keeps both of its
    # rows together, `release` takes one of them into the union.
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    twins, shared = shared_ids(joined, galaxiesml, radius)
    joined = joined.assign(galaxiesml_id=twins, published_split=pd.NA)
    report = describe(first, sky_match, cosmos["i_mag_auto"], params)
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, MATCHED)
        write_table(pairs, directory / PAIRS_FILE, PAIRS)
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, report)
        counts.write(directory, shared=shared)


def match_published(layout: Layout) -> None:
    """Find which of the authors' TransferZ objects GalaxiesML holds, by HSC id."""
    published = read_table(layout.interim("select", "transferz") / TABLE, TRANSFERZ)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    joined = join_published(published, galaxiesml)
    shared = {"by_id": int(joined["galaxiesml_id"].notna().sum()), "by_position": 0}
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, MATCHED)
        Counts(len(published), len(joined), {}).write(directory, shared=shared)


def positions(frame: pd.DataFrame, table: Table) -> Positions:
    """Return the positions of a table's rows, keyed by its ids."""
    ra, dec, key = (frame[name].to_numpy() for name in ("ra", "dec", table.key))
    return Positions(ra, dec, key, table.name)


def pair_ids(cosmos: pd.DataFrame, hsc: pd.DataFrame, matches: Pairs) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec: table `PAIRS`."""
    return pd.DataFrame(
        {
            "cosmos_id": cosmos["cosmos_id"].to_numpy()[matches.i],
            "object_id": hsc["object_id"].to_numpy()[matches.j],
            "separation": matches.separation.round(4).astype("float32"),
        }
    )


def join(
    cosmos: pd.DataFrame, hsc: pd.DataFrame, pairs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, Counts]:
    """Join the selected rows that are pairs: HSC's id and photometry, COSMOS2020's redshift.

    From tables `SELECTED` and `HSC` after their cuts, and `PAIRS`: all matches, whatever the cuts
    did to either row. Returns table `MATCHED` but for ``galaxiesml_id`` and ``published_split``;
    table `REMOVED`, of COSMOS2020 rows; and how many of these had no counterpart, or one that HSC's
    cuts removed.
    """
    labels = cosmos[["cosmos_id", "redshift", "redshift_lo", "redshift_hi"]]
    paired = labels.merge(pairs, on="cosmos_id", validate="one_to_one")
    joined = paired.merge(hsc, on="object_id", validate="one_to_one")
    alone = labels.loc[~labels["cosmos_id"].isin(paired["cosmos_id"]), "cosmos_id"]
    cut = paired.loc[~paired["cosmos_id"].isin(joined["cosmos_id"]), "cosmos_id"]
    gone = {"no_counterpart": alone, "counterpart_cut": cut}
    removed = pd.concat([removed_rows(ids, name) for name, ids in gone.items()])
    counts = Counts(len(labels), len(joined), {name: len(ids) for name, ids in gone.items()})
    return joined, removed, counts


def shared_ids(
    matched: pd.DataFrame, galaxiesml: pd.DataFrame, radius_arcsec: float
) -> tuple[pd.Series, dict[str, int]]:
    """Find the objects that both samples hold: by HSC id, and by position where ids differ.

    Returns GalaxiesML's id of each matched row, null where it is not there, and how many were found
    ``by_id`` and, of the others, ``by_position``.
    """
    same = matched["object_id"].isin(galaxiesml["object_id"])
    twins = matched["object_id"].astype("Int64").where(same)
    # The id there may be that of another detection or data release: by position, then.
    rest = matched.loc[~same]
    others = galaxiesml.loc[~galaxiesml["object_id"].isin(matched["object_id"])]
    near = mutual_nearest(positions(rest, HSC), positions(others, SPECTROSCOPIC), radius_arcsec)
    rows = rest.index[near.i]
    twins.loc[rows] = others["object_id"].to_numpy()[near.j]
    return twins, {"by_id": int(same.sum()), "by_position": len(rows)}


def join_published(published: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Bring the authors' table, `TRANSFERZ`, into the form of table `MATCHED`.

    What the authors do not give is null: positions, label interval, COSMOS2020 id and separation.
    ``galaxiesml_id`` is found by HSC id alone.
    """
    rows = published.reindex(columns=list(MATCHED.names))
    same = published["object_id"].isin(galaxiesml["object_id"])
    rows["galaxiesml_id"] = published["object_id"].astype("Int64").where(same)
    return rows.astype({column.name: pandas_dtype(column) for column in MATCHED})


def describe(
    cosmos: Positions, sky_match: OffsetMatches, i_magnitude: pd.Series, params: MatchParams
) -> dict[str, Any]:
    """Describe the match: its median offset (arcsec), its offsets and its chance matches.

    `i_magnitude` (AB) is that of every COSMOS2020 row.
    """
    matches, hsc = sky_match.matches, sky_match.second
    east, north = tangent_offsets(cosmos.take(matches.i), hsc.take(matches.j))
    magnitude = i_magnitude.to_numpy(dtype=np.float64)
    return {
        "median_offset_arcsec": [round(value, 4) for value in sky_match.offset_arcsec],
        "offset_histogram": offset_histogram(east, north, params),
        "chance_matches": chance_matches(cosmos, hsc, magnitude, params),
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
